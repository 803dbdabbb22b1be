package test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// programs is the directory with the programs as built for this run.
var programs string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "postern-programs-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		build := exec.Command("go", "build", "-o", dir+string(filepath.Separator), "../cmd/...")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build of the programs: %v\n%s", err, out)
			return 1
		}
		programs = dir
		return m.Run()
	}())
}

func TestScenarios(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", programs+string(filepath.ListSeparator)+e.Getenv("PATH"))
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("POSTERN_PHONE_FILE", filepath.Join(e.WorkDir, "phone"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"demo":  demo,
			"stop":  stop,
			"kill9": kill9,
			"value": value,
			"until": until,
			"sim":   sim,
		},
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
	})
}

// running holds the demonstrations that are up, by script.
var running sync.Map

// demo starts `postern demo` in the script's directory, waits until it is ready and puts what it printed into the
// environment: CONSOLE, API, GRAPH, AUTHORITY, TENANT, CLIENT, CA, UPN, UPN2, USERID and so on; POSTERN_URL and POSTERN_TOKEN
// for the command line; and secrets into files.
func demo(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("demo cannot be negated")
	}
	d, err := startDemo(ts.MkAbs("demo"), args...)
	ts.Check(err)
	running.Store(ts, d)
	ts.Defer(func() { end(ts, syscall.SIGTERM) })
	for name, v := range map[string]string{
		"CONSOLE": d.Console, "API": d.API, "GRAPH": d.Graph, "AUTHORITY": d.Authority, "TENANT": d.TenantID,
		"CLIENT": d.ClientID, "CA": d.CAFile, "UPN": d.Users[0].UPN, "USERID": d.Users[0].ID, "UPN2": d.Users[1].UPN,
		"UPN3": d.Users[2].UPN, "SIGNIN_CLIENT": d.SignInClient, "MINIMAL": d.Minimal.ClientID,
		"LEGACY": d.Emulator.Legacy.ClientID, "SERVICE_ACCOUNT": d.Emulator.ServiceAccount.UPN,
		"POSTERN_URL": d.Console, "POSTERN_TOKEN": d.Token,
	} {
		ts.Setenv(name, v)
	}
	for name, secret := range map[string]string{
		"secret": d.ClientSecret, "minimal-secret": d.Minimal.ClientSecret, "legacy-secret": d.Emulator.Legacy.ClientSecret,
		"service-account-password": d.Emulator.ServiceAccount.Password,
	} {
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(secret), 0o600))
	}
}

// stop ends the demonstration in order; kill9 ends it without a chance to clean up.
func stop(ts *testscript.TestScript, _ bool, _ []string) { end(ts, syscall.SIGTERM) }

func kill9(ts *testscript.TestScript, _ bool, _ []string) { end(ts, syscall.SIGKILL) }

func end(ts *testscript.TestScript, signal syscall.Signal) {
	if d, ok := running.LoadAndDelete(ts); ok {
		ts.Check(d.(*demonstration).end(signal))
	}
}

// value NAME PATH FILE takes a value out of a JSON file (or stdout) into the environment: `value ID items.0.id stdout`.
func value(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: value NAME PATH FILE")
	}
	v, err := pick([]byte(ts.ReadFile(args[2])), args[1])
	if err != nil {
		ts.Fatalf("%s: %v", args[1], err)
	}
	ts.Setenv(args[0], v)
}

func pick(data []byte, path string) (string, error) {
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		return "", fmt.Errorf("%w in %q", err, data)
	}
	for _, key := range strings.Split(path, ".") {
		switch at := v.(type) {
		case map[string]any:
			v = at[key]
		case []any:
			n, err := strconv.Atoi(key)
			if err != nil || n >= len(at) {
				return "", fmt.Errorf("no element %q", key)
			}
			v = at[n]
		default:
			return "", errors.New("not there")
		}
	}
	switch v := v.(type) {
	case string:
		return v, nil
	case nil:
		return "", errors.New("not there")
	default:
		out, err := json.Marshal(v)
		return string(out), err
	}
}

// until PATTERN COMMAND… repeats a command until its output holds the text: for what happens by itself. It observes;
// how long that takes is no part of the result.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: until TEXT COMMAND…")
	}
	deadline := time.Now().Add(startWithin)
	for {
		err := ts.Exec(args[1], args[2:]...)
		out := ts.ReadFile("stdout")
		if (err == nil && strings.Contains(out, args[0])) != neg {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("never: %q in\n%s\n%s", args[0], out, ts.ReadFile("stderr"))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// sim METHOD PATH [BODY] speaks to the emulator's control API.
func sim(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: sim METHOD PATH [JSON]")
	}
	curl := []string{"-sS", "--fail-with-body", "--cacert", ts.Getenv("CA"), "-X", args[0], ts.Getenv("GRAPH") + "/_entrasim/" + args[1]}
	if len(args) == 3 {
		curl = append(curl, "-H", "Content-Type: application/json", "-d", args[2])
	}
	if err := ts.Exec("curl", curl...); (err != nil) != neg {
		ts.Fatalf("%v: %s", err, ts.ReadFile("stdout"))
	}
}
