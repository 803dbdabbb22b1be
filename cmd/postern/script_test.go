package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"postern": main}) }

// TestScripts runs the program against answers that stand in the script itself: the file
// answers/GET_api_v1_integrations holds a status on its first line and the body after it. What the program asked is in
// the file asked, a line for each request: method, path with query, If-Match, body.
//
// A whole control center is the business of the module's scenarios in test/; here it is what people and scripts see.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			var mu sync.Mutex
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				if err := answer(e.WorkDir, w, r); err != nil {
					http.Error(w, err.Error(), http.StatusInternalServerError)
				}
			}))
			e.Defer(server.Close)
			e.Setenv("POSTERN_URL", server.URL)
			e.Setenv("POSTERN_TOKEN", "ptn_fromtheenvironment")
			e.Setenv("XDG_CONFIG_HOME", filepath.Join(e.WorkDir, "config"))
			e.Setenv("TZ", "UTC")
			return nil
		},
		Cmds:          map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "mode": mode},
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
	})
}

func answer(dir string, w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	asked, err := os.OpenFile(filepath.Join(dir, "asked"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	line := strings.Join(strings.Fields(fmt.Sprintf("%s %s %s %s", r.Method, r.URL.RequestURI(), r.Header.Get("If-Match"), body)), " ")
	_, err = fmt.Fprintln(asked, line)
	if err = errors.Join(err, asked.Close()); err != nil {
		return err
	}
	if token := r.Header.Get("Authorization"); token != "Bearer ptn_fromtheenvironment" && token != "Bearer ptn_fromafile" {
		return fmt.Errorf("the token is %q", token)
	}
	data, err := os.ReadFile(filepath.Join(dir, "answers", r.Method+strings.ReplaceAll(r.URL.Path, "/", "_")))
	if err != nil {
		return err
	}
	first, rest, _ := strings.Cut(string(data), "\n")
	status, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil {
		return err
	}
	w.Header().Set("X-Request-Id", "00000000-0000-7000-8000-000000000000")
	if status >= 400 {
		w.Header().Set("Content-Type", "application/problem+json")
	}
	w.WriteHeader(status)
	_, err = io.WriteString(w, rest)
	return err
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
	for _, key := range []string{"PATH", "HOME", "POSTERN_URL", "POSTERN_TOKEN", "XDG_CONFIG_HOME", "TZ", "POSTERN_CLIENT_SECRET"} {
		cmd.Env = append(cmd.Env, key+"="+ts.Getenv(key))
	}
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		ts.Fatalf("%v", err)
	}
	ts.Check(os.WriteFile(ts.MkAbs("out"), []byte(out.String()), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("err"), []byte(fault.String()), 0o600))
	if got := cmd.ProcessState.ExitCode(); got != want {
		ts.Fatalf("exit code %d, want %d\n%s%s", got, want, out.String(), fault.String())
	}
}

// mode expects the permissions of a file.
func mode(ts *testscript.TestScript, neg bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := fmt.Sprintf("%o", info.Mode().Perm()); (got == args[0]) == neg {
		ts.Fatalf("%s has the mode %s", args[1], got)
	}
}
