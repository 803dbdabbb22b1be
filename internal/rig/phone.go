package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// phoneName is that of the phone on this machine.
const phoneName = "Phone of the rig"

// handset is a phone without a screen on this machine. It reaches its key in the guest by the relay alone.
type handset struct {
	program, file string
}

// pairUp enrols a phone, has the agent in the guest paired with it, and waits for the key that the agent plugs in while the phone
// answers. On the way the phone goes and comes back, and the key with it.
func pairUp(ctx context.Context, m *machine, c *center, program string) (device string, unplug func(context.Context) (string, error), err error) {
	h, err := enrolPhone(ctx, c, program)
	if err != nil {
		return "", nil, err
	}
	stop := func(ctx context.Context) (string, error) { return m.run(ctx, "sh /job/guest/workstation stop") }
	if err := h.pair(ctx, m); err != nil {
		said, _ := stop(ctx) // the first error is the one to tell
		return "", nil, fmt.Errorf("pairing the agent: %w\n%s", err, said)
	}
	var server *keyServer
	come := func(ctx context.Context) (out string, err error) {
		// The context ends when all is plugged in, and the phone stays.
		if server, err = serveKey(context.WithoutCancel(ctx), []string{h.program, "--file", h.file, "answer"}); err != nil {
			return "", err
		}
		return m.run(ctx, "sh /job/guest/key in agent")
	}
	goAway := func(ctx context.Context) (string, error) {
		said := server.stop()
		out, err := m.run(ctx, "sh /job/guest/key out")
		return said + out, err
	}
	out, err := come(ctx)
	if err == nil {
		if out, err = goAway(ctx); err == nil {
			out, err = come(ctx)
		}
	}
	if err != nil {
		if server != nil {
			out += server.stop()
		}
		said, _ := stop(ctx)
		return "", nil, fmt.Errorf("the key, which comes and goes with the phone: %w\n%s\n%s", err, out, said)
	}
	lines := strings.Fields(out)
	return lines[len(lines)-1], func(ctx context.Context) (string, error) {
		said, err := goAway(ctx)
		log, e := stop(ctx)
		return said + log, errors.Join(err, e)
	}, nil
}

// enrolPhone invites the holder and enrols a phone of theirs.
func enrolPhone(ctx context.Context, c *center, program string) (*handset, error) {
	out, err := c.postern(ctx, "", "users", "invite", c.holder().UPN, "--json")
	if err != nil {
		return nil, err
	}
	var invitation struct{ Code string }
	if err := json.Unmarshal(out, &invitation); err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp(c.folder, "phone-")
	if err != nil {
		return nil, err
	}
	h := &handset{file: filepath.Join(folder, "phone")}
	if h.program, err = filepath.Abs(program); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, h.program, "--file", h.file, "enroll", "--server", c.Console, "--code", invitation.Code, "--name", phoneName) // #nosec G204 -- a program of ours
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("enrolling the phone: %w\n%s", err, out)
	}
	return h, nil
}

// pair pairs the agent in the guest by the text of its QR code. The agent is told the digits that the phone shows and compares
// them with its own.
func (h *handset) pair(ctx context.Context, m *machine) error {
	out, err := m.run(ctx, "sh /job/guest/workstation start")
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	var shown struct{ URL string }
	if err := json.Unmarshal([]byte(out), &shown); err != nil || shown.URL == "" {
		return fmt.Errorf("no QR code in %q", out)
	}
	cmd := exec.CommandContext(ctx, h.program, "--file", h.file, "--json", "pair", shown.URL) // #nosec G204 -- a program of ours
	cmd.SysProcAttr = dieWithParent()
	cmd.WaitDelay = time.Second
	var said bytes.Buffer
	cmd.Stderr = &said
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewReader(stdout)
	var step struct{ Digits string }
	line, err := lines.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &step)
	}
	if err == nil {
		_, err = fmt.Fprintln(stdin, "y")
	}
	if err == nil {
		var told string
		if told, err = m.run(ctx, "sh /job/guest/workstation compare "+step.Digits); err != nil {
			err = fmt.Errorf("%w\n%s", err, told)
		}
	}
	if err == nil {
		_, err = lines.ReadBytes('\n')
	}
	if err != nil {
		_ = cmd.Process.Kill() // it may have ended
	}
	return errors.Join(err, wrap(cmd.Wait(), &said))
}

// wrap adds what a program said to how it ended.
func wrap(err error, said *bytes.Buffer) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w\n%s", err, said.String())
}
