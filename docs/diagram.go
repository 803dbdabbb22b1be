package docs

import (
	"regexp"
	"strings"

	"github.com/yuin/goldmark/ast"
)

// code is the lines of a block of code; those of a diagram are told in words.
func code(block *ast.FencedCodeBlock, source []byte) []string {
	text := strings.TrimRight(string(block.Lines().Value(source)), "\n")
	if string(block.Language(source)) == "mermaid" {
		return tell(text)
	}
	return strings.Split(text, "\n")
}

var (
	participant = regexp.MustCompile(`^participant (\S+) as (.+)$`)
	message     = regexp.MustCompile(`^(\S+?)(?:->>|-->>)(\S+?): (.+)$`)
	transition  = regexp.MustCompile(`^(\S+) --> (\S+?)(?:: (.+))?$`)
	node        = regexp.MustCompile(`^(\w+)\[(.+)\]$`)
	arrow       = regexp.MustCompile(` -- (.+?) --> | --> `)
)

// tell says a Mermaid diagram in words, an arrow a line: who says what to whom, or what becomes what, and when.
func tell(diagram string) []string {
	lines := strings.Split(diagram, "\n")
	kind := strings.Fields(lines[0])
	names := make(map[string]string)
	name := func(of string) string {
		if of == "[*]" {
			return "(outside)"
		}
		if known, ok := names[of]; ok {
			return known
		}
		return of
	}
	var told []string
	for _, line := range lines[1:] {
		line = strings.TrimSpace(line)
		if kind[0] == "flowchart" {
			told = append(told, flow(line, names)...)
			continue
		}
		if m := participant.FindStringSubmatch(line); m != nil {
			names[m[1]] = m[2]
		} else if m := message.FindStringSubmatch(line); m != nil && m[1] == m[2] {
			told = append(told, name(m[1])+": "+m[3])
		} else if m != nil {
			told = append(told, name(m[1])+" → "+name(m[2])+": "+m[3])
		} else if m := transition.FindStringSubmatch(line); m != nil {
			step := name(m[1]) + " → " + name(m[2])
			if m[3] != "" {
				step += ": " + m[3]
			}
			told = append(told, step)
		} else if what, ok := strings.CutPrefix(line, "loop "); ok {
			told = append(told, "again and again, "+what+":")
		}
	}
	return told
}

// flow tells one line of a flow chart, which may have several arrows.
func flow(line string, names map[string]string) []string {
	var told []string
	at := arrow.FindAllStringSubmatchIndex(line, -1)
	label := func(text string) string {
		text = strings.TrimSpace(text)
		if m := node.FindStringSubmatch(text); m != nil {
			names[m[1]] = m[2]
		} else if known, ok := names[text]; ok {
			return known
		} else {
			return text
		}
		return names[node.FindStringSubmatch(text)[1]]
	}
	for i, a := range at {
		from := 0
		if i > 0 {
			from = at[i-1][1]
		}
		to := len(line)
		if i+1 < len(at) {
			to = at[i+1][0]
		}
		step := label(line[from:a[0]]) + " → " + label(line[a[1]:to])
		if a[2] >= 0 {
			step += ": " + line[a[2]:a[3]]
		}
		told = append(told, step)
	}
	return told
}
