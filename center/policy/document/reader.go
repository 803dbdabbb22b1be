package document

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// maxFound is how many faults are looked for before reading on in silence.
const maxFound = 100

// maxName is how many characters Graph takes as the display name of anything a document names.
const maxName = 256

// reader walks the nodes of a document and collects what is wrong. It visits only what it knows, so neither depth nor
// aliases of the YAML can make it work more than the text is long.
type reader struct {
	faults []Fault
	lines  map[string]int
}

type field func(n *yaml.Node, path string)

func (r *reader) fault(n *yaml.Node, path, format string, args ...any) {
	r.add(Fault{Line: n.Line, Path: path, Text: fmt.Sprintf(format, args...)})
}

func (r *reader) add(f Fault) {
	if len(r.faults) < maxFound {
		r.faults = append(r.faults, f)
	}
}

// plain refuses what YAML has and documents have not.
func (r *reader) plain(n *yaml.Node, path, expected string) bool {
	switch {
	case n.Kind == yaml.AliasNode:
		r.fault(n, path, "expected %s, found an alias; documents have none, write the value out", expected)
	case n.Anchor != "":
		r.fault(n, path, "expected %s, found an anchor; documents have none", expected)
	case n.Style&yaml.TaggedStyle != 0:
		r.fault(n, path, "expected %s, found a tag; documents have none", expected)
	default:
		return true
	}
	return false
}

// mapping reads a mapping of known fields, each at most once.
func (r *reader) mapping(n *yaml.Node, path string, fields map[string]field) bool {
	if !r.plain(n, path, "a mapping") {
		return false
	}
	if n.Kind != yaml.MappingNode {
		r.fault(n, path, "expected a mapping of %s, found %s", known(fields), found(n))
		return false
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		at := under(path, key.Value)
		read, ok := fields[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode || !ok:
			r.fault(key, path, "unknown field %s; expected %s", found(key), known(fields))
		case seen[key.Value]:
			r.fault(key, at, "written twice")
		default:
			seen[key.Value] = true
			r.lines[at] = key.Line
			read(value, at)
		}
	}
	return true
}

// list reads each element of a list. It returns whether there was a list, which may be empty.
func (r *reader) list(n *yaml.Node, path, of string, read field) bool {
	if !r.plain(n, path, "a list of "+of) {
		return false
	}
	if n.Kind != yaml.SequenceNode {
		r.fault(n, path, "expected a list of %s, found %s", of, found(n))
		return false
	}
	for i, item := range n.Content {
		at := path + "[" + strconv.Itoa(i) + "]"
		r.lines[at] = item.Line
		read(item, at)
	}
	return true
}

// text reads text. Nothing else is taken for it: whoever means the number 5 as a name puts it in quotes.
func (r *reader) text(n *yaml.Node, path, expected string) (string, bool) {
	if !r.plain(n, path, expected) {
		return "", false
	}
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" {
		hint := ""
		if n.Kind == yaml.ScalarNode && n.ShortTag() != "!!null" {
			hint = "; put it in quotes if it is meant as text"
		}
		r.fault(n, path, "expected %s, found %s%s", expected, found(n), hint)
		return "", false
	}
	return n.Value, true
}

// name reads the name of something, which is not empty.
func (r *reader) name(into *string, expected string) field {
	return func(n *yaml.Node, path string) {
		text, ok := r.text(n, path, expected)
		switch {
		case !ok:
		case text == "":
			r.fault(n, path, "expected %s, found an empty text", expected)
		case utf8.RuneCountInString(text) > maxName:
			r.fault(n, path, "expected at most %d characters", maxName)
		default:
			*into = text
		}
	}
}

// optional reads text that may be empty.
func (r *reader) optional(into **string, expected string) field {
	return func(n *yaml.Node, path string) {
		if text, ok := r.text(n, path, expected); ok {
			*into = &text
		}
	}
}

// boolean reads true or false.
func (r *reader) boolean(into **bool) field {
	return func(n *yaml.Node, path string) {
		if !r.plain(n, path, "true or false") {
			return
		}
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" {
			r.fault(n, path, "expected true or false, found %s", found(n))
			return
		}
		is := strings.EqualFold(n.Value, "true")
		*into = &is
	}
}

// truth reads true or false where not written is the same as false.
func (r *reader) truth(into *bool) field {
	return func(n *yaml.Node, path string) {
		var is *bool
		r.boolean(&is)(n, path)
		*into = is != nil && *is
	}
}

// choice reads one of two words; the second is true.
func (r *reader) choice(into **bool, no, yes string) field {
	return func(n *yaml.Node, path string) {
		expected := no + " or " + yes
		switch text, ok := r.text(n, path, expected); {
		case !ok:
		case text == no || text == yes:
			is := text == yes
			*into = &is
		default:
			r.fault(n, path, "expected %s, found %q", expected, text)
		}
	}
}

// texts reads a list of texts, each at most once after normal has put it into its one form.
func (r *reader) texts(into *[]string, of string, normal func(string) (string, string)) field {
	return func(n *yaml.Node, path string) {
		all, seen := []string{}, map[string]bool{}
		if r.list(n, path, of, func(n *yaml.Node, path string) {
			var text string
			if r.name(&text, of)(n, path); text == "" {
				return
			}
			text, wrong := normal(text)
			switch {
			case wrong != "":
				r.fault(n, path, "%s", wrong)
			case seen[strings.ToLower(text)]:
				r.fault(n, path, "%q is listed twice", text)
			default:
				seen[strings.ToLower(text)] = true
				all = append(all, text)
			}
		}) {
			*into = all
		}
	}
}

func under(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func known(fields map[string]field) string {
	return strings.Join(slices.Sorted(maps.Keys(fields)), ", ")
}

// found says what stands at a node, without repeating more of it than helps.
func found(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	if n.ShortTag() == "!!null" && n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) == 0 {
		return "nothing"
	}
	text := n.Value
	if runes := []rune(text); len(runes) > 60 {
		text = string(runes[:60]) + "…"
	}
	return strconv.Quote(text)
}

var (
	token = regexp.MustCompile(`^[0-9A-Za-z._-]{1,100}$`)
	guid  = regexp.MustCompile(`(?i)^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	mode  = regexp.MustCompile(`^[0-9A-Za-z]+$`)
)
