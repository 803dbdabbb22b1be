package test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
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

	"github.com/postern/postern/internal/testpg"
	"github.com/postern/postern/internal/testport"
)

// programs is the directory with the programs as built for this run.
var programs string

func TestMain(m *testing.M) {
	if by := os.Getenv(envAhead); by != "" {
		if err := serveAhead(by); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
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
			"demo":   demo,
			"tenant": tenant,
			"postgres": func(ts *testscript.TestScript, _ bool, _ []string) {
				ts.Setenv("DATABASE", testpg.URL(t))
			},
			"serve":   serve,
			"ahead":   ahead,
			"owner":   owner,
			"mailbox": mailbox,
			"left":    left,
			"key":     key,
			"end":     finish,
			"kill9":   kill9,
			"value":   value,
			"until":   until,
			"sim":     sim,
		},
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
	})
}

// running holds the programs that are up, by script and name.
var running sync.Map

type runningKey struct {
	script *testscript.TestScript
	name   string
}

func keep(ts *testscript.TestScript, name string, p *process) {
	running.Store(runningKey{ts, name}, p)
	ts.Defer(func() { end(ts, name, syscall.SIGTERM) })
}

func end(ts *testscript.TestScript, name string, signal syscall.Signal) {
	if p, ok := running.LoadAndDelete(runningKey{ts, name}); ok {
		ts.Check(p.(*process).end(signal))
	}
}

// demo starts `postern demo` in the script's directory, waits until it is ready and puts what it printed into the
// environment: CONSOLE, API, GRAPH, AUTHORITY, TENANT, CLIENT, CA, UPN, UPN2, USERID and so on; POSTERN_URL and POSTERN_TOKEN
// for the command line; and secrets into files.
func demo(ts *testscript.TestScript, _ bool, args []string) {
	d, err := startDemo(ts.Getenv("WORK"), ts.MkAbs("demo"), args...)
	ts.Check(err)
	keep(ts, "demo", d.process)
	d.emulated.export(ts)
	for name, v := range map[string]string{
		"CONSOLE": d.Console, "API": d.API, "MINIMAL": d.Minimal.ClientID,
		"LEGACY": d.Emulator.Legacy.ClientID, "SERVICE_ACCOUNT": d.Emulator.ServiceAccount.UPN,
		"POSTERN_URL": d.Console, "POSTERN_TOKEN": d.Token,
	} {
		ts.Setenv(name, v)
	}
	for name, secret := range map[string]string{
		"minimal-secret": d.Minimal.ClientSecret, "legacy-secret": d.Emulator.Legacy.ClientSecret,
		"service-account-password": d.Emulator.ServiceAccount.Password,
	} {
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(secret), 0o600))
	}
}

func (e emulated) export(ts *testscript.TestScript) {
	for name, v := range map[string]string{
		"GRAPH": e.Graph, "AUTHORITY": e.Authority, "TENANT": e.TenantID, "CLIENT": e.ClientID, "CA": e.CAFile,
		"SIGNIN_CLIENT": e.SignInClient, "UPN": e.Users[0].UPN, "USERID": e.Users[0].ID, "UPN2": e.Users[1].UPN, "UPN3": e.Users[2].UPN,
	} {
		ts.Setenv(name, v)
	}
	ts.Check(os.WriteFile(ts.MkAbs("secret"), []byte(e.ClientSecret), 0o600))
}

// tenant starts entrasim as a program of its own.
func tenant(ts *testscript.TestScript, _ bool, args []string) {
	p, err := startProcess(ts.Getenv("WORK"), nil, "entrasim", append([]string{"--json", "--listen", "127.0.0.1:0", "--ca-file", ts.MkAbs("ca.pem")}, args...)...)
	ts.Check(err)
	keep(ts, "tenant", p)
	text, err := p.line()
	ts.Check(err)
	var e emulated
	ts.Check(json.Unmarshal([]byte(text), &e))
	e.export(ts)
}

// serve starts `postern serve` for that tenant and waits until it is ready. The first time it makes an API token with
// the command for that. Settings may be given as KEY=VALUE.
func serve(ts *testscript.TestScript, _ bool, settings []string) {
	serveBy(ts, "postern", settings...)
}

func serveBy(ts *testscript.TestScript, program string, settings ...string) {
	env := append([]string{
		"POSTERN_DATA=" + ts.MkAbs("data"), "POSTERN_ENTRA_AUTHORITY=" + ts.Getenv("AUTHORITY"), "POSTERN_ENTRA_GRAPH=" + ts.Getenv("GRAPH"),
		"POSTERN_ENTRA_CA_FILE=" + ts.Getenv("CA"),
	}, settings...)
	if ts.Getenv("POSTERN_TOKEN") == "" {
		p, err := startProcess(ts.Getenv("WORK"), env, "postern", "local", "token", "script", "--days", "300")
		ts.Check(err)
		token, err := p.line()
		ts.Check(err)
		<-p.exited
		ts.Setenv("POSTERN_TOKEN", strings.TrimSpace(token))
		ctx, end := context.WithCancel(context.Background())
		ts.Defer(end)
		listen, err := testport.Reserve(ctx, "tcp")
		ts.Check(err)
		ts.Setenv("LISTEN", listen)
		ts.Setenv("CONSOLE", "http://localhost"+strings.TrimPrefix(listen, "127.0.0.1"))
		ts.Setenv("POSTERN_URL", ts.Getenv("CONSOLE"))
	}
	p, err := startProcess(ts.Getenv("WORK"), append(env, "POSTERN_LISTEN="+ts.Getenv("LISTEN")), program, "serve")
	ts.Check(err)
	keep(ts, "serve", p)
	deadline := time.Now().Add(startWithin)
	for {
		resp, err := http.Get(ts.Getenv("CONSOLE") + "/readyz")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-p.exited:
			ts.Fatalf("postern serve stopped: %s", p.stderr.String())
		default:
		}
		if time.Now().After(deadline) {
			ts.Fatalf("postern serve does not become ready: %v", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// key FLAGS… plugs a security key in: `postern-phone serve` at a simulator port, whose address goes into KEY. What it asks
// its user nobody answers, unless a flag says otherwise.
func key(ts *testscript.TestScript, _ bool, flags []string) {
	p, err := startProcess(ts.Getenv("WORK"), nil, "postern-phone",
		append([]string{"--file", ts.MkAbs("key"), "--json", "serve", "--udp", "127.0.0.1:0"}, flags...)...)
	ts.Check(err)
	keep(ts, "key", p)
	text, err := p.line()
	ts.Check(err)
	address, err := pick([]byte(text), "udp")
	ts.Check(err)
	ts.Setenv("KEY", "udp:"+address)
}

// finish is the command end (there is a stop of the script itself): end NAME ends a program in order, kill9 NAME ends it
// without a chance to clean up. Without a name it is the demonstration.
func finish(ts *testscript.TestScript, _ bool, args []string) {
	end(ts, nameOr(args, "demo"), syscall.SIGTERM)
}

func kill9(ts *testscript.TestScript, _ bool, args []string) {
	end(ts, nameOr(args, "demo"), syscall.SIGKILL)
}

func nameOr(args []string, name string) string {
	if len(args) > 0 {
		return args[0]
	}
	return name
}

// value NAME PATH FILE takes a value out of a JSON file (or stdout) into the environment: `value ID items.0.id stdout`.
// Negated, the value must not be there.
func value(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: value NAME PATH FILE")
	}
	v, err := pick([]byte(ts.ReadFile(args[2])), args[1])
	if neg {
		if err == nil {
			ts.Fatalf("%s is there: %s", args[1], v)
		}
		return
	}
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
