package windows

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait. It is far above what anything takes, so that a slow machine does not fail a right program.
const patience = 60 * time.Second

// programs is the directory with the programs: that of $PROGRAMS, or one they are built into.
var programs = os.Getenv("PROGRAMS")

func TestMain(m *testing.M) {
	os.Exit(func() int {
		if programs == "" {
			dir, err := os.MkdirTemp("", "postern-programs-")
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
			defer os.RemoveAll(dir)
			build := exec.Command("go", "build", "-o", dir+string(filepath.Separator), "../../cmd/entrasim", "../../cmd/entrasim-windows",
				"../../cmd/postern", "../../cmd/postern-agent", "../../cmd/postern-phone")
			if out, err := build.CombinedOutput(); err != nil {
				fmt.Fprintf(os.Stderr, "build of the programs: %v\n%s", err, out)
				return 1
			}
			programs = dir
		}
		return m.Run()
	}())
}

// environment is what programs start with, and how they are started.
type environment struct {
	*testing.T
	dir string
	env []string
}

func (e *environment) with(env ...string) *environment {
	return &environment{e.T, e.dir, slices.Concat(e.env, env)}
}

func (e *environment) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(programs, name), args...)
	cmd.Dir = e.dir
	cmd.Env = slices.Concat(os.Environ(), []string{"HOME=" + e.dir}, e.env)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// try runs a program to its end.
func (e *environment) try(stdin, name string, args ...string) (stdout []byte, stderr string, err error) {
	cmd := e.command(name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var said strings.Builder
	cmd.Stderr = &said
	stdout, err = cmd.Output()
	return stdout, said.String(), err
}

// run runs a program that must succeed.
func (e *environment) run(stdin, name string, args ...string) []byte {
	e.Helper()
	out, said, err := e.try(stdin, name, args...)
	if err != nil {
		e.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, said)
	}
	return out
}

// until runs a program again and again until what it prints is what is waited for.
func (e *environment) until(what string, there func([]byte) bool, name string, args ...string) {
	e.Helper()
	for late := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		out, said, _ := e.try("", name, args...) // what it printed decides
		if there(out) {
			return
		}
		if time.Now().After(late) {
			e.Fatalf("never: %s, but\n%s%s", what, out, said)
		}
	}
}

// process is a program that runs.
type process struct {
	e     *environment
	name  string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	ended chan struct{}

	mu      sync.Mutex
	changed chan struct{}
	out     []string // lines of standard output
	said    bytes.Buffer
}

// start starts a program that runs until the end of the test, or of its own accord.
func (e *environment) start(name string, args ...string) *process {
	e.Helper()
	p := &process{e: e, name: name, cmd: e.command(name, args...), ended: make(chan struct{}), changed: make(chan struct{})}
	p.cmd.Stderr = p
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		e.Fatal(err)
	}
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		e.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		e.Fatal(err)
	}
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			p.mu.Lock()
			p.out = append(p.out, lines.Text())
			close(p.changed)
			p.changed = make(chan struct{})
			p.mu.Unlock()
		}
		_ = p.cmd.Wait() // how it ended shows in what it did
		close(p.ended)
	}()
	e.Cleanup(func() { p.stop() })
	return p
}

// Write takes what the program says to standard error.
func (p *process) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.Write(text)
}

func (p *process) words() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.out, "\n") + "\n" + p.said.String()
}

// stop ends the program in order.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(patience):
		_ = p.cmd.Process.Kill()
		p.e.Errorf("%s did not stop", p.name)
	}
}

// line waits for a line of standard output.
func (p *process) line(there func(string) bool) string {
	p.e.Helper()
	late := time.After(patience)
	for read := 0; ; {
		p.mu.Lock()
		lines, changed := p.out[read:], p.changed
		read = len(p.out)
		p.mu.Unlock()
		if i := slices.IndexFunc(lines, there); i >= 0 {
			return lines[i]
		}
		select {
		case <-changed:
		case <-p.ended:
			p.mu.Lock()
			rest := slices.Clone(p.out[read:])
			p.mu.Unlock()
			if i := slices.IndexFunc(rest, there); i >= 0 {
				return rest[i]
			}
			p.e.Fatalf("%s ended:\n%s", p.name, p.words())
		case <-late:
			p.e.Fatalf("%s never printed what was waited for:\n%s", p.name, p.words())
		}
	}
}

// says types into the program.
func (p *process) says(text string) {
	p.e.Helper()
	if _, err := io.WriteString(p.stdin, text); err != nil {
		p.e.Fatalf("%s: %v\n%s", p.name, err, p.words())
	}
}
