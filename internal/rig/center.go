package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
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

	Token    string
	Console  string // the control center's origin
	Graph    string // address of its tenant
	TenantID string `json:"tenant_id"`
	ClientID string `json:"client_id"`
	Secret   string `json:"client_secret"`
	CAFile   string `json:"ca_file"` // of its tenant's certificate

	Administrator user // of its tenant
	Emulator      struct {
		Domain string
		Users  []user
	}
}

// user is somebody of the tenant.
type user struct{ UPN, Password string }

// provisioned is the user for whom the administrator registers a passkey; holder is the user whose phone is paired with the guest,
// and sitter the one whose phone is in it.
func (c *center) provisioned() user { return c.Emulator.Users[0] }
func (c *center) holder() user      { return c.Emulator.Users[1] }
func (c *center) sitter() user      { return c.Emulator.Users[2] }

// startCenter starts the control center and connects the tenant.
func startCenter(ctx context.Context, program string) (_ *center, err error) {
	c := &center{}
	if c.program, err = filepath.Abs(program); err != nil {
		return nil, err
	}
	if c.folder, err = os.MkdirTemp("", "rig-center-"); err != nil {
		return nil, err
	}
	c.process = exec.CommandContext(ctx, c.program, "demo", "--json", "--users", "20", "--data", filepath.Join(c.folder, "data")) // #nosec G204 -- a program of ours
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
	if len(c.Emulator.Users) < 3 {
		return nil, errors.New("its tenant has too few users")
	}
	if _, err := c.postern(ctx, c.Secret, "entra", "add", "Postern Passkeys", "--tenant-id", c.TenantID, "--client-id", c.ClientID, "--client-secret-file", "-", "--allow-low-assurance"); err != nil {
		return nil, err
	}
	_, err = c.postern(ctx, "", "entra", "enable")
	return c, err
}

// postern runs a command of the control center on this machine and returns what it prints.
func (c *center) postern(ctx context.Context, stdin string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, c.program, args...) // #nosec G204 -- a program of ours
	cmd.Env = append(os.Environ(), "POSTERN_URL="+c.Console, "POSTERN_TOKEN="+c.Token)
	cmd.Stdin = strings.NewReader(stdin)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return out, fmt.Errorf("postern %s: %w\n%s", strings.Join(args[:2], " "), err, complaint.String())
	}
	return out, nil
}

// settings are what the guest has to know, for its shell.
func (c *center) settings() (string, error) {
	at, err := url.Parse(c.Console)
	if err != nil {
		return "", err
	}
	tenant, err := url.Parse(c.Graph)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("export POSTERN_URL=%s POSTERN_TOKEN=%s; CENTER_PORT=%s UPN=%s HOLDER=%s SITTER=%s\n"+
		"ENTRA=%s ENTRA_PORT=%s DOMAIN=%s ADMINISTRATOR=%s ADMINISTRATOR_PASSWORD='%s'\n",
		c.Console, c.Token, at.Port(), c.provisioned().UPN, c.holder().UPN, c.sitter().UPN,
		c.Graph, tenant.Port(), c.Emulator.Domain, c.Administrator.UPN, c.Administrator.Password), nil
}

func (c *center) stop() {
	_ = c.process.Process.Kill() // it may have ended
	_ = c.process.Wait()         // nothing of it is kept
	_ = os.RemoveAll(c.folder)
}
