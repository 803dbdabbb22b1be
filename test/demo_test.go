package test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// startWithin bounds the wait for a program to start or to stop. It is far above what either takes, so that a slow
// machine does not fail a right program.
const startWithin = 60 * time.Second

// demonstration is a running `postern demo` and what it printed.
type demonstration struct {
	Console, API, Token, Graph, Authority string
	SignInLink                            string `json:"sign_in_link"`
	TenantID                              string `json:"tenant_id"`
	ClientID                              string `json:"client_id"`
	ClientSecret                          string `json:"client_secret"`
	CAFile                                string `json:"ca_file"`
	SignInClient                          string `json:"sign_in_client_id"`
	Users                                 []struct{ ID, UPN string }
	Minimal                               application `json:"minimal_app"`
	Emulator                              struct {
		Legacy         application
		ServiceAccount struct{ UPN, Password string } `json:"service_account"`
	}

	cmd    *exec.Cmd
	exited chan struct{}
	stderr bytes.Buffer
}

type application struct {
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
}

// startDemo starts the program as built and waits for the line it prints when it is ready.
func startDemo(data string, args ...string) (*demonstration, error) {
	d := &demonstration{exited: make(chan struct{})}
	d.cmd = exec.Command(filepath.Join(programs, "postern"), append([]string{"demo", "--json", "--data", data}, args...)...)
	d.cmd.Env = append(os.Environ(), "HOME="+data)
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	d.cmd.Stderr = &d.stderr
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	line := make(chan string, 1)
	go func() {
		first, _ := bufio.NewReader(out).ReadString('\n')
		if first != "" {
			line <- first
		}
		_, _ = io.Copy(io.Discard, out)
		_ = d.cmd.Wait()
		close(d.exited)
	}()
	select {
	case text := <-line:
		if err := json.Unmarshal([]byte(text), d); err != nil {
			return nil, errors.Join(fmt.Errorf("postern demo printed %q: %w", text, err), d.end(syscall.SIGTERM))
		}
		return d, nil
	case <-d.exited:
		return nil, fmt.Errorf("postern demo stopped: %s", d.stderr.String())
	case <-time.After(startWithin):
		return nil, errors.Join(errors.New("postern demo printed nothing"), d.end(syscall.SIGKILL))
	}
}

// end sends the signal and waits for the process.
func (d *demonstration) end(signal syscall.Signal) error {
	_ = d.cmd.Process.Signal(signal)
	select {
	case <-d.exited:
		return nil
	case <-time.After(startWithin):
		_ = d.cmd.Process.Kill()
		return errors.New("postern demo did not stop")
	}
}
