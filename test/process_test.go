package test

import (
	"bufio"
	"bytes"
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

// process is a program as built, running. It dies with the test.
type process struct {
	name   string
	cmd    *exec.Cmd
	lines  chan string // the first line of standard output
	exited chan struct{}
	stderr bytes.Buffer
}

// startProcess starts a program as built, or one given by its whole path.
func startProcess(home string, env []string, name string, args ...string) (*process, error) {
	p := &process{name: name, exited: make(chan struct{}), lines: make(chan string, 1)}
	if !filepath.IsAbs(name) {
		name = filepath.Join(programs, name)
	}
	p.cmd = exec.Command(name, args...)
	p.cmd.Dir = home
	p.cmd.Env = append(append(os.Environ(), "HOME="+home), env...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p.cmd.Stderr = &p.stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		if first, _ := bufio.NewReader(out).ReadString('\n'); first != "" {
			p.lines <- first
		}
		_, _ = io.Copy(io.Discard, out)
		_ = p.cmd.Wait()
		close(p.exited)
	}()
	return p, nil
}

// line waits for the first line that the program prints.
func (p *process) line() (string, error) {
	select {
	case text := <-p.lines:
		return text, nil
	case <-p.exited:
		return "", fmt.Errorf("%s stopped: %s", p.name, p.stderr.String())
	case <-time.After(startWithin):
		return "", errors.Join(fmt.Errorf("%s printed nothing", p.name), p.end(syscall.SIGKILL))
	}
}

// end sends the signal and waits for the process.
func (p *process) end(signal syscall.Signal) error {
	_ = p.cmd.Process.Signal(signal)
	select {
	case <-p.exited:
		return nil
	case <-time.After(startWithin):
		_ = p.cmd.Process.Kill()
		return fmt.Errorf("%s did not stop", p.name)
	}
}
