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

const examplePage = "../docs/policy-example.md"

// TestPolicyExample does what docs/policy-example.md says, in its order: it writes the documents that the page shows, runs its
// commands and compares what they print, and takes its pictures from the console of the same control center. With
// UPDATE_SCRIPTS the page gets what the commands print now.
func TestPolicyExample(t *testing.T) {
	page, err := os.ReadFile(examplePage)
	if err != nil {
		t.Fatal(err)
	}
	e := newExample(t)
	var out strings.Builder
	rest := string(page)
	for rest != "" {
		at := exampleStep.FindStringSubmatchIndex(rest)
		if at == nil {
			break
		}
		step := rest[at[0]:at[1]]
		out.WriteString(rest[:at[0]])
		rest = rest[at[1]:]
		out.WriteString(e.step(step))
	}
	out.WriteString(rest)
	if out.String() == string(page) {
		return
	}
	if os.Getenv("UPDATE_SCRIPTS") != "" {
		if err := os.WriteFile(examplePage, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("%s is not what happens; with UPDATE_SCRIPTS=1 it is written anew", examplePage)
}

// exampleStep is a step of the page: a block of commands or a document, a picture, or what happens meanwhile.
var exampleStep = regexp.MustCompile("(?ms)^```(console|yaml)\n.*?^```\n|^!\\[[^\\]]*\\]\\(images/policy-[a-z-]+\\.png\\)\n|^<!-- meanwhile: [a-z]+ -->\n")

// example is a control center with the tenant of the page.
type example struct {
	t    *testing.T
	dir  string
	demo *demonstration
	tab  *browser.Tab
	base string // of the integration in the console

	plans []string // identifiers in the order in which they were made
}

func newExample(t *testing.T) *example {
	t.Helper()
	e := &example{t: t, dir: t.TempDir()}
	var err error
	if e.demo, err = startDemo(e.dir, filepath.Join(e.dir, "demo")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.demo.end(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
	})
	e.populate(examplePopulation())
	if err := os.WriteFile(filepath.Join(e.dir, "secret"), []byte(e.demo.ClientSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"postern entra add Contoso --tenant-id " + e.demo.TenantID + " --client-id " + e.demo.ClientID + " --client-secret-file secret",
		"postern entra enable",
	} {
		if out, code := e.run(line); code != 0 {
			t.Fatalf("%s: %d\n%s", line, code, out)
		}
	}
	list, code := e.run("postern entra list --json")
	if code != 0 {
		t.Fatal(list)
	}
	id, err := pick([]byte(list), "items.0.id")
	if err != nil {
		t.Fatal(err)
	}
	e.tab = browser.Open(t)
	e.tab.AddAuthenticator()
	e.tab.Open(e.demo.SignInLink)
	e.tab.Type("name", "Ada Lovelace")
	e.tab.Press("Make the passkey")
	e.tab.See("Contoso")
	e.base = e.demo.Console + "/integrations/" + id
	return e
}

// populate adds people to the emulated tenant.
func (e *example) populate(p entrasim.Population) {
	e.t.Helper()
	body, err := json.Marshal(p)
	if err != nil {
		e.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(e.dir, "people.json"), body, 0o600); err != nil {
		e.t.Fatal(err)
	}
	line := fmt.Sprintf("curl -sS --fail-with-body --cacert '%s' -H 'Content-Type: application/json' -d @people.json '%s/_entrasim/tenants/first/population'",
		e.demo.CAFile, e.demo.Graph)
	if out, code := e.run(line); code != 0 {
		e.t.Fatalf("%s: %s", line, out)
	}
}

// run runs a line as somebody at a terminal does.
func (e *example) run(line string) (string, int) {
	e.t.Helper()
	cmd := exec.CommandContext(e.t.Context(), "bash", "-c", line)
	cmd.Dir = e.dir
	cmd.Env = append(os.Environ(), "HOME="+e.dir, "PATH="+programs+string(filepath.ListSeparator)+os.Getenv("PATH"),
		"POSTERN_URL="+e.demo.Console, "POSTERN_TOKEN="+e.demo.Token, "TZ=UTC")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		e.t.Fatal(err)
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

// step does a step and returns how it should stand in the page.
func (e *example) step(text string) string {
	e.t.Helper()
	body, fenced := strings.CutPrefix(text, "```console\n")
	switch {
	case fenced:
		return "```console\n" + e.commands(strings.TrimSuffix(body, "```\n")) + "```\n"
	case strings.HasPrefix(text, "```yaml\n"):
		body = strings.TrimSuffix(strings.TrimPrefix(text, "```yaml\n"), "```\n")
		name, _, _ := strings.Cut(strings.TrimPrefix(body, "# "), "\n")
		if !strings.HasSuffix(name, ".yaml") {
			return text // only shown
		}
		if err := os.WriteFile(filepath.Join(e.dir, name), []byte(body), 0o600); err != nil {
			e.t.Fatal(err)
		}
	case strings.HasPrefix(text, "<!-- meanwhile: register "):
		e.populate(exampleMoved())
	case strings.HasPrefix(text, "!["):
		e.picture(strings.TrimSuffix(text[strings.LastIndex(text, "policy-")+len("policy-"):], ".png)\n"))
	default:
		e.t.Fatalf("nobody knows how to do %q", text)
	}
	return text
}

// commands runs the lines of a block that begin with $ and returns the block with what they print.
func (e *example) commands(block string) string {
	e.t.Helper()
	var now strings.Builder
	for part := range strings.SplitSeq(strings.TrimPrefix(block, "$ "), "\n$ ") {
		command, says, _ := strings.Cut(part, "\n")
		says = strings.TrimSuffix(says, "\n") + "\n"
		out, code := e.run(e.actual(command))
		out = e.shown(out)
		if code != 0 {
			out += fmt.Sprintf("(exit code %d)\n", code)
		}
		if says == "\n" && out == "" || cut(says, out) {
			out = strings.TrimPrefix(says, "\n")
		} else {
			e.t.Logf("$ %s\nthe page says\n%s\nand it is\n%s", command, says, out)
		}
		now.WriteString("$ " + command + "\n" + out)
	}
	return now.String()
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
	examplePlan = regexp.MustCompile(`pol_[0-9a-hjkmnp-tv-z]{26}`)
	exampleTime = regexp.MustCompile(`20[2-9][0-9]-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?`)
	exampleEnds = regexp.MustCompile(`(?m) +$`) // of columns that were cut
)

// placeholder stands in the page for the n-th plan.
func placeholder(n int) string { return fmt.Sprintf("pol_01k%023d", n+1) }

// shown makes of output what is the same each time: plans by number, one time, and no blanks at the ends of lines.
func (e *example) shown(out string) string {
	out = examplePlan.ReplaceAllStringFunc(out, func(id string) string {
		for n, have := range e.plans {
			if have == id {
				return placeholder(n)
			}
		}
		e.plans = append(e.plans, id)
		return placeholder(len(e.plans) - 1)
	})
	out = exampleTime.ReplaceAllStringFunc(out, func(at string) string { return "2026-06-15 09:30:00.000"[:min(len(at), 16)] })
	return exampleEnds.ReplaceAllString(out, "")
}

// actual puts plans' identifiers in the places of their placeholders.
func (e *example) actual(command string) string {
	for n, id := range e.plans {
		command = strings.ReplaceAll(command, placeholder(n), id)
	}
	return command
}

// picture takes the picture of that name.
func (e *example) picture(name string) {
	e.t.Helper()
	b := e.tab
	b.Size("light", 1280, 1100)
	last := ""
	if len(e.plans) > 0 {
		last = e.base + "/policy/plans/" + e.plans[len(e.plans)-1]
	}
	switch name {
	case "inventory":
		b.Open(e.base + "/inventory")
		b.See("40 models")
	case "plan":
		b.Open(last)
		b.See("would be locked out")
	case "applied":
		b.Open(last)
		b.See("Every step was read back as it was written.")
	case "three":
		b.Open(e.base + "/policy")
		b.See("Microsoft Authenticator for iOS")
		browser.Evaluate[bool](b, `([...document.querySelectorAll("h3, h4")].find(e => e.textContent.trim() === "Passkey profiles").scrollIntoView(), true)`)
	default:
		e.t.Fatalf("nobody knows the picture %q", name)
	}
	b.Screenshot("policy/" + name)
	if _, err := os.Stat("../docs/images/policy-" + name + ".png"); err != nil && os.Getenv("UPDATE_SCRIPTS") == "" {
		e.t.Error(err)
	}
}
