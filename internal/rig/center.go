package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// center is a control center with an emulated tenant, as built, and an integration with that tenant. The administrator's machine, with
// the key plugged in, is the guest.
type center struct {
	folder  string // scratch
	program string // postern
	process *exec.Cmd
	said    bytes.Buffer

	API, Token string
	TenantID   string `json:"tenant_id"`
	ClientID   string `json:"client_id"`
	Secret     string `json:"client_secret"`
	Users      []struct{ UPN string }
}

// startCenter starts the control center and connects the tenant.
func startCenter(ctx context.Context, program string) (_ *center, err error) {
	c := &center{}
	if c.program, err = filepath.Abs(program); err != nil {
		return nil, err
	}
	if c.folder, err = os.MkdirTemp("", "rig-center-"); err != nil {
		return nil, err
	}
	c.process = exec.CommandContext(ctx, c.program, "demo", "--json", "--users", "5", "--data", filepath.Join(c.folder, "data")) // #nosec G204 -- a program of ours
	c.process.SysProcAttr = dieWithParent()
	c.process.Stderr = &c.said
	out, err := c.process.StdoutPipe()
	if err == nil {
		err = c.process.Start()
	}
	if err != nil {
		_ = os.RemoveAll(c.folder)
		return nil, err
	}
	defer func() {
		if err != nil {
			c.stop()
			err = fmt.Errorf("the control center: %w\n%s", err, c.said.String())
		}
	}()
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(line, c); err != nil {
		return nil, err
	}
	if err := c.postern(ctx, c.Secret, "entra", "add", "Postern Passkeys", "--tenant-id", c.TenantID, "--client-id", c.ClientID, "--client-secret-file", "-"); err != nil {
		return nil, err
	}
	return c, c.postern(ctx, "", "entra", "enable")
}

// postern runs a command of the control center on this machine.
func (c *center) postern(ctx context.Context, stdin string, args ...string) error {
	cmd := exec.CommandContext(ctx, c.program, args...) // #nosec G204 -- a program of ours
	cmd.Env = append(os.Environ(), "POSTERN_URL="+strings.TrimSuffix(c.API, "/api/v1"), "POSTERN_TOKEN="+c.Token)
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("postern %s: %w\n%s", strings.Join(args[:2], " "), err, out)
	}
	return nil
}

// settings are what the guest has to know, for its shell.
func (c *center) settings() (string, error) {
	at, err := url.Parse(c.API)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("export POSTERN_URL=http://127.0.0.1:%s POSTERN_TOKEN=%s; CENTER_PORT=%s UPN=%s\n", at.Port(), c.Token, at.Port(), c.Users[0].UPN), nil
}

func (c *center) stop() {
	_ = c.process.Process.Kill() // it may have ended
	_ = c.process.Wait()         // nothing of it is kept
	_ = os.RemoveAll(c.folder)
}
