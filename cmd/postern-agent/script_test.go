package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/postern/postern/agent/page"
	"github.com/postern/postern/internal/cli"
)

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"postern-agent": main}) }

// TestScripts runs the program as people and scripts do. What a control center and phones add to it is tested in package
// agent.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Setenv("POSTERN_AGENT_DIR", e.WorkDir+"/state")
			e.Setenv("TZ", "UTC")
			return nil
		},
		Cmds:          map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "door": door},
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
	})
}

// exits runs a command, expects that exit code, and leaves what it said in the files out and err.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND ARGUMENTS")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	name := ""
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if _, err := os.Stat(filepath.Join(dir, args[1])); err == nil {
			name = filepath.Join(dir, args[1])
			break
		}
	}
	var out, fault strings.Builder
	cmd := exec.Command(name, args[2:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = ts.MkAbs("."), &out, &fault
	for _, key := range []string{"PATH", "HOME", "TZ", "POSTERN_AGENT_DIR"} {
		cmd.Env = append(cmd.Env, key+"="+ts.Getenv(key))
	}
	if _, exited := errors.AsType[*exec.ExitError](cmd.Run()); !exited && want != 0 {
		ts.Fatalf("exit code 0, want %d", want)
	}
	ts.Check(os.WriteFile(ts.MkAbs("out"), []byte(out.String()), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("err"), []byte(fault.String()), 0o600))
	if got := cmd.ProcessState.ExitCode(); got != want {
		ts.Fatalf("exit code %d, want %d\n%s%s", got, want, out.String(), fault.String())
	}
}

// door waits until a service that runs in the background has left its door.
func door(ts *testscript.TestScript, _ bool, args []string) {
	for {
		if d, err := page.ReadDoor(ts.MkAbs(args[0])); err == nil && d.URL != "" {
			return
		}
		runtime.Gosched()
	}
}

// TestDraw: the QR code of a terminal is as wide as it is high, in half blocks.
func TestDraw(t *testing.T) {
	var b bytes.Buffer
	if err := draw(&b, "https://postern.example.com/p#AAAA"); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	width := len([]rune(strings.TrimSuffix(strings.TrimPrefix(lines[0], "\x1b[30;107m"), "\x1b[0m")))
	if (width+1)/2 != len(lines) {
		t.Errorf("%d wide, %d lines", width, len(lines))
	}
}

// TestStopped: the service ends when it is told to, and takes its door away.
func TestStopped(t *testing.T) {
	dir := t.TempDir()
	ctx, stop := context.WithCancel(t.Context())
	var out, errs bytes.Buffer
	ended := make(chan int)
	go func() {
		ended <- program().Run(ctx, []string{"--dir", dir, "run", "--key", "none"}, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &errs})
	}()
	path := dir + "/" + page.DoorFile
	for {
		if _, err := page.ReadDoor(path); err == nil {
			break
		}
		runtime.Gosched()
	}
	stop()
	if code := <-ended; code != cli.ExitOK {
		t.Errorf("exit %d: %s", code, errs.String())
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the door is still there: %v", err)
	}
	if !strings.Contains(out.String(), "http://127.0.0.1:") {
		t.Errorf("said %q", out.String())
	}
}
