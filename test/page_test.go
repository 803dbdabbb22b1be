package test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/postern/postern/entrasim"
	"github.com/postern/postern/internal/browser"
)

// page is a page of docs/ that is done in its order: it writes the documents that the page shows, runs the commands of its
// console blocks against a demonstration, compares what they print, and takes its pictures. With UPDATE_SCRIPTS the page
// gets what the commands print now.
type page struct {
	t    *testing.T
	file string
	dir  string
	demo *demonstration
	tab  *browser.Tab

	// meanwhile is what happens where the page says <!-- meanwhile: name -->, by its name. beside is the same for what
	// happens while the command below it runs: it is given what the command printed so far.
	meanwhile map[string]func()
	beside    map[string]func(printed string) bool // true once it is done
	typed     map[string]func() string             // what somebody types at the first command below it
	// picture opens what the picture of that file name shows.
	picture func(name string)

	waiting string              // the beside or typed that goes with the next command
	printed string              // by the commands so far
	read    string              // files that a command read into its shell, for the commands after it
	done    int                 // how many commands were run
	names   map[string][]string // identifiers by prefix, in the order in which they were seen
}

// pageStep is a step of a page: a block of commands or a document, a picture, or what happens meanwhile.
var pageStep = regexp.MustCompile("(?ms)^```(console|yaml)\n.*?^```\n|^!\\[[^\\]]*\\]\\(images/[a-z-]+\\.png\\)\n|^<!-- meanwhile: [a-z ]+ -->\n")

func newPage(t *testing.T, file string) *page {
	t.Helper()
	p := &page{t: t, file: file, dir: t.TempDir(), names: map[string][]string{}}
	var err error
	if p.demo, err = startDemo(p.dir, filepath.Join(p.dir, ".demo")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.demo.end(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
	})
	return p
}

// walk does the page.
func (p *page) walk() {
	p.t.Helper()
	text, err := os.ReadFile(p.file)
	if err != nil {
		p.t.Fatal(err)
	}
	now := pageStep.ReplaceAllStringFunc(string(text), p.step)
	if now == string(text) {
		return
	}
	if os.Getenv("UPDATE_SCRIPTS") != "" {
		if err := os.WriteFile(p.file, []byte(now), 0o644); err != nil {
			p.t.Fatal(err)
		}
		return
	}
	p.t.Errorf("%s is not what happens; with UPDATE_SCRIPTS=1 it is written anew", p.file)
}

// step does a step and returns how it should stand in the page.
func (p *page) step(text string) string {
	p.t.Helper()
	body, fenced := strings.CutPrefix(text, "```console\n")
	switch {
	case fenced:
		return "```console\n" + p.commands(strings.TrimSuffix(body, "```\n")) + "```\n"
	case strings.HasPrefix(text, "```yaml\n"):
		body = strings.TrimSuffix(strings.TrimPrefix(text, "```yaml\n"), "```\n")
		name, _, _ := strings.Cut(strings.TrimPrefix(body, "# "), "\n")
		if !strings.HasSuffix(name, ".yaml") {
			return text // only shown
		}
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte(body), 0o600); err != nil {
			p.t.Fatal(err)
		}
	case strings.HasPrefix(text, "<!-- meanwhile: "):
		name := strings.TrimSuffix(strings.TrimPrefix(text, "<!-- meanwhile: "), " -->\n")
		if do, ok := p.meanwhile[name]; ok {
			do()
		} else if p.beside[name] != nil || p.typed[name] != nil {
			p.waiting = name
		} else {
			p.t.Fatalf("nobody knows what happens meanwhile: %q", name)
		}
	default:
		name := strings.TrimSuffix(text[strings.LastIndex(text, "(images/")+len("(images/"):], ".png)\n")
		p.tab.Size("light", 1280, 1100)
		p.picture(name)
		group, rest, _ := strings.Cut(name, "-")
		p.tab.Screenshot(group + "/" + rest)
		if _, err := os.Stat("../docs/images/" + name + ".png"); err != nil && os.Getenv("UPDATE_SCRIPTS") == "" {
			p.t.Error(err)
		}
	}
	return text
}

// commands runs the lines of a block that begin with $ and returns the block with what they print.
func (p *page) commands(block string) string {
	p.t.Helper()
	var now strings.Builder
	for part := range strings.SplitSeq(strings.TrimPrefix(block, "$ "), "\n$ ") {
		command, says, _ := strings.Cut(part, "\n")
		for strings.HasSuffix(command, `\`) {
			var more string
			more, says, _ = strings.Cut(says, "\n")
			command += "\n" + more
		}
		says = strings.TrimSuffix(says, "\n") + "\n"
		out, code := p.run(p.read + p.actual(command))
		p.printed += out
		p.done++
		if strings.HasPrefix(command, ". ") {
			p.read += command + "\n"
		}
		out = p.shown(out)
		if code != 0 {
			out += fmt.Sprintf("(exit code %d)\n", code)
		}
		if says == "\n" && out == "" || cut(says, out) {
			out = strings.TrimPrefix(says, "\n")
		} else {
			p.t.Logf("$ %s\nthe page says\n%s\nand it is\n%s", command, says, out)
		}
		now.WriteString("$ " + command + "\n" + out)
	}
	return now.String()
}

// run runs a line as somebody at a terminal does.
func (p *page) run(line string) (string, int) {
	p.t.Helper()
	cmd := exec.CommandContext(p.t.Context(), "bash", "-c", line)
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), "HOME="+p.dir, "PATH="+programs+string(filepath.ListSeparator)+os.Getenv("PATH"),
		"POSTERN_URL="+p.demo.Console, "POSTERN_TOKEN="+p.demo.Token, "TZ=UTC")
	beside := p.beside[p.waiting]
	if typed, ok := p.typed[p.waiting]; ok {
		cmd.Stdin = strings.NewReader(typed())
	}
	p.waiting = ""
	reader, writer, err := os.Pipe()
	if err != nil {
		p.t.Fatal(err)
	}
	defer reader.Close()
	cmd.Stdout, cmd.Stderr = writer, writer
	err = cmd.Start()
	_ = writer.Close()
	if err != nil {
		p.t.Fatal(err)
	}
	var out bytes.Buffer
	some := make([]byte, 4096)
	for {
		n, err := reader.Read(some)
		out.Write(some[:n])
		if beside != nil && beside(out.String()) {
			beside = nil
		}
		if err != nil {
			break
		}
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

// must runs a line that has to succeed.
func (p *page) must(line string) string {
	p.t.Helper()
	out, code := p.run(line)
	if code != 0 {
		p.t.Fatalf("%s: %d\n%s", line, code, out)
	}
	return out
}

// populate adds people to the emulated tenant.
func (p *page) populate(people entrasim.Population) {
	p.t.Helper()
	body, err := json.Marshal(people)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(p.dir, "people.json"), body, 0o600); err != nil {
		p.t.Fatal(err)
	}
	p.must(fmt.Sprintf("curl -sS --fail-with-body --cacert '%s' -H 'Content-Type: application/json' -d @people.json '%s/_entrasim/tenants/first/population'",
		p.demo.CAFile, p.demo.Graph))
}

// cut reports whether what the page says is the output with some lines left out where it says […].
func cut(says, out string) bool {
	parts := strings.Split(says, "[…]\n")
	for n, part := range parts {
		at := strings.Index("\n"+out, "\n"+part)
		switch {
		case n == len(parts)-1 && part != "":
			return strings.HasSuffix("\n"+out, "\n"+part) && (n > 0 || out == part)
		case at < 0 || n == 0 && at > 0:
			return false
		}
		out = out[at+len(part):]
	}
	return true
}

var (
	pageID   = regexp.MustCompile(`\b[a-z]{3}_[0-9a-hjkmnp-tv-z]{26}\b`)
	pageTime = regexp.MustCompile(`20[2-9][0-9]-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?`)
	pageEnds = regexp.MustCompile(`(?m) +$`) // of columns that were cut
)

// placeholder stands in the page for the n-th identifier of a kind.
func placeholder(prefix string, n int) string { return fmt.Sprintf("%s_01k%023d", prefix, n+1) }

// shown makes of output what is the same each time: identifiers by number, one time, and no blanks at the ends of lines.
func (p *page) shown(out string) string {
	out = pageID.ReplaceAllStringFunc(out, func(id string) string {
		prefix := id[:3]
		for n, have := range p.names[prefix] {
			if have == id {
				return placeholder(prefix, n)
			}
		}
		p.names[prefix] = append(p.names[prefix], id)
		return placeholder(prefix, len(p.names[prefix])-1)
	})
	out = pageTime.ReplaceAllStringFunc(out, func(at string) string { return "2026-06-15 09:30:00.000"[:min(len(at), 16)] })
	return pageEnds.ReplaceAllString(out, "")
}

// actual puts identifiers in the places of their placeholders.
func (p *page) actual(command string) string {
	for prefix, ids := range p.names {
		for n, id := range ids {
			command = strings.ReplaceAll(command, placeholder(prefix, n), id)
		}
	}
	return command
}
