package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/postern/postern/entrasim/windows"
)

// joinCmd makes a computer.
type joinCmd struct {
	Kind         string `enum:"entra,hybrid,ad,registered,none" default:"entra" help:"How the computer is joined: to Entra, to Active Directory and Entra, to Active Directory alone, or to nothing, which registered is too."`
	Name         string `default:"DESKTOP-7" help:"The computer's name."`
	Build        string `default:"24H2" help:"Release or build of Windows, like 1909, 2004, 24H2 or 19045."`
	Server       bool   `help:"Windows Server."`
	KeysAtScreen bool   `name:"security-keys" default:"true" negatable:"" help:"A policy switches security keys on at the sign-in screen."`
	Authority    string `env:"ENTRASIM_AUTHORITY" help:"Address of the authority." placeholder:"URL"`
	CA           string `name:"ca" type:"existingfile" env:"ENTRASIM_CA" help:"Certificate of the authority's CA, in PEM." placeholder:"FILE"`
	Tenant       string `help:"Domain of the tenant." placeholder:"DOMAIN"`
	Domain       string `default:"corp.contoso.com" help:"Domain on premises."`
	User         string `help:"Who joins the computer to Entra." placeholder:"UPN"`
	Password     string `help:"Their password at the emulated tenant."`
	PasswordFile string `help:"Read the password from this file; - is standard input." placeholder:"FILE"`
}

// Run joins.
func (j *joinCmd) Run(ctx context.Context, c *commands, std streams) error {
	build, err := windows.ParseBuild(j.Build)
	if err != nil {
		return err
	}
	in := windows.Joining{
		Dir: c.State, Kind: windows.Kind(j.Kind), Name: j.Name, Build: build, Server: j.Server, NoKeys: !j.KeysAtScreen,
		Authority: j.Authority, Domain: j.Tenant, UPN: j.User, Password: j.Password, OnPrem: j.Domain,
	}
	if in.Kind == windows.Entra || in.Kind == windows.Hybrid {
		if j.Authority == "" || j.Tenant == "" || in.Kind == windows.Entra && j.User == "" {
			return fmt.Errorf("to join to a tenant give --authority and --tenant, and --user to join to Entra")
		}
		if j.CA != "" {
			if in.CA, err = os.ReadFile(j.CA); err != nil {
				return err
			}
		}
		if j.PasswordFile != "" {
			if in.Password, err = secretFrom(j.PasswordFile, std.in); err != nil {
				return err
			}
		}
	}
	m, err := windows.Join(ctx, in)
	if err != nil {
		return err
	}
	result := map[string]any{"kind": m.Kind, "name": m.Name, "build": m.Build}
	if m.Entra != nil {
		result["device_id"], result["tenant_id"] = m.Entra.DeviceID, m.Entra.TenantID
	}
	return c.print(std, result, "%s is a Windows computer of build %d, joined: %s.", m.Name, m.Build, m.Kind)
}

// secretFrom reads the first line of a file; - is standard input.
func secretFrom(name string, in io.Reader) (string, error) {
	if name != "-" {
		f, err := os.Open(name) // #nosec G304 -- who runs the program names the file
		if err != nil {
			return "", err
		}
		defer f.Close()
		in = f
	}
	line, err := bufio.NewReader(in).ReadString('\n')
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return "", fmt.Errorf("%s holds no secret: %w", name, err)
	}
	return line, nil
}
