package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center"
	"github.com/postern/postern/entrasim"
	"github.com/postern/postern/phone"
	"github.com/postern/postern/phone/web"
)

// DemoCmd runs Postern and an emulated tenant in one process, with nothing to install.
type DemoCmd struct {
	Data   string `help:"Directory that keeps everything; a second start goes on where the first stopped." default:".demo"`
	Listen string `help:"Address of the console. The first start takes this one, or a free one if it is taken; later starts keep it." placeholder:"HOST:PORT"`
	Tenant string `help:"Address of the emulated tenant. The first start takes this one, or a free one; later starts keep it." placeholder:"HOST:PORT"`
	Users  int    `help:"How many users the emulated tenant has." default:"500"`
	JSON   bool   `help:"Print one line of JSON instead of text."`
}

// demoListen is tried first, so that the address is easy to remember.
const demoListen = "127.0.0.1:8080"

// demoState is what a later start needs to be the same demonstration.
type demoState struct {
	Listen   string `json:"listen"`
	Entrasim string `json:"entrasim"`
	Token    string `json:"token"`
}

// demoInfo is what is printed.
type demoInfo struct {
	Console      string      `json:"console"`
	SignInLink   string      `json:"sign_in_link"`
	API          string      `json:"api"`
	Token        string      `json:"token"`
	Graph        string      `json:"graph"`
	Authority    string      `json:"authority"`
	TenantID     string      `json:"tenant_id"`
	ClientID     string      `json:"client_id"`
	ClientSecret string      `json:"client_secret"`
	CAFile       string      `json:"ca_file"`
	Users        []demoUser  `json:"users"`
	Emulator     any         `json:"emulator"`
	SignInClient string      `json:"sign_in_client_id"`
	Minimal      credentials `json:"minimal_app"`
	// Administrator is a Global Administrator of the emulated tenant.
	Administrator demoAdministrator `json:"administrator"`
	// Env is a file for a shell to read, with what the commands of the quick start need.
	Env string `json:"env"`
}

type demoAdministrator struct {
	UPN      string `json:"upn"`
	Password string `json:"password"`
}

type demoUser struct {
	ID  string `json:"id"`
	UPN string `json:"upn"`
}

type credentials struct {
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
}

// Run serves until ctx ends.
func (c *DemoCmd) Run(ctx context.Context) (err error) {
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return err
	}
	state, err := c.readState()
	if err != nil {
		return err
	}
	logFile, err := os.OpenFile(filepath.Join(c.Data, "demo.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer logFile.Close()
	log := slog.New(slog.NewJSONHandler(logFile, nil))

	caFile, err := filepath.Abs(filepath.Join(c.Data, "entrasim-ca.pem"))
	if err != nil {
		return err
	}
	tenant, err := entrasim.Listen(ctx, entrasim.Config{
		Addr: cmp.Or(c.Tenant, state.Entrasim), Users: c.Users, StateFile: filepath.Join(c.Data, "entrasim.json"), CAFile: caFile,
		Log: log.With("program", "entrasim"),
	})
	if err != nil {
		return fmt.Errorf("emulated tenant: %w", err)
	}
	defer func() { err = errors.Join(err, tenant.Close()) }()

	l, err := c.listener(ctx, state)
	if err != nil {
		return err
	}
	config, err := center.Config{
		Data: c.Data, Listen: l.Addr().String(), PublicURL: "http://localhost:" + portOf(l.Addr()),
		Entra:   center.EntraConfig{Authority: tenant.AuthorityURL, Graph: tenant.GraphURL, CAFile: caFile},
		Stories: true,
	}.Complete()
	if err != nil {
		return errors.Join(err, l.Close())
	}
	app, err := web.Handler(web.Options{Stories: true})
	if err != nil {
		return errors.Join(err, l.Close())
	}
	s, err := center.New(ctx, config, center.Options{Logger: log.With("program", "postern"), Statement: phone.Statement, App: app})
	if err != nil {
		return errors.Join(err, l.Close())
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if state.Token == "" {
		made, err := s.Auth.CreateToken(ctx, postern.APITokenInput{Name: "demo", Scopes: postern.Permissions, ValidDays: 365})
		if err != nil {
			return errors.Join(err, l.Close())
		}
		state.Token = made.Value
	}
	link, err := s.Auth.OwnerLink(ctx)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	state.Listen, state.Entrasim = l.Addr().String(), hostPort(tenant.GraphURL)
	if err := c.writeState(state); err != nil {
		return errors.Join(err, l.Close())
	}
	info := describe(config, tenant, state.Token, link)
	if info.Env, err = c.writeEnv(info); err != nil {
		return errors.Join(err, l.Close())
	}
	// Printed when the address is open: whoever reads the line can connect at once.
	if err := c.print(info); err != nil {
		return errors.Join(err, l.Close())
	}
	err = s.Serve(ctx, l)
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return errors.Join(err, tenant.Shutdown(stop))
}

func describe(config center.Config, tenant *entrasim.Running, token, link string) demoInfo {
	info := demoInfo{
		Console: config.PublicURL, SignInLink: link, API: config.PublicURL + "/api/v1", Token: token,
		Graph: tenant.GraphURL, Authority: tenant.AuthorityURL, TenantID: tenant.TenantID,
		ClientID: tenant.ClientID, ClientSecret: tenant.ClientSecret, CAFile: tenant.CAFile, Emulator: tenant,
		SignInClient: tenant.SignInClientID, Minimal: credentials(tenant.Minimal),
		Administrator: demoAdministrator{tenant.Administrator.UPN, tenant.Administrator.Password},
	}
	for _, u := range tenant.Users {
		info.Users = append(info.Users, demoUser{u.ID, u.UPN})
	}
	return info
}

// writeEnv writes what the commands of docs/quickstart.md need, for a shell to read.
func (c *DemoCmd) writeEnv(info demoInfo) (string, error) {
	data, err := filepath.Abs(c.Data)
	if err != nil {
		return "", err
	}
	program, err := os.Executable()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	set := func(name, value string) {
		fmt.Fprintf(&b, "export %s='%s'\n", name, strings.ReplaceAll(value, "'", `'\''`))
	}
	set("POSTERN_URL", info.Console)
	set("POSTERN_TOKEN", info.Token)
	set("POSTERN_PHONE_FILE", filepath.Join(data, "phone"))
	set("ADMINISTRATOR", info.Administrator.UPN)
	if len(info.Users) > 0 {
		set("SOMEBODY", info.Users[0].UPN)
	}
	set("AUTHORITY", info.Authority)
	set("TENANT", info.TenantID)
	set("SIGN_IN_CLIENT", info.SignInClient)
	set("CA_FILE", info.CAFile)
	set("BIN", filepath.Dir(program))
	b.WriteString("export PATH=\"$BIN:$PATH\"\n")
	path := filepath.Join(data, "env")
	return path, os.WriteFile(path, []byte(b.String()), 0o600)
}

func (c *DemoCmd) print(info demoInfo) error {
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(info)
	}
	user := "one of its own"
	if len(info.Users) > 0 {
		user = info.Users[0].UPN
	}
	_, err := fmt.Printf(`Postern runs, with an emulated Entra tenant of %d users. Everything lies in %s; Ctrl-C stops it.

  Console         %s
  Sign in once    %s
  API token       %s

For the command line:

  . %s

The tenant can be set up from nothing: postern entra setup, or Integrations > Add New Integrations > Set up a tenant. Its
administrator is %s, with the password %s.
Or connect it with the application that it has already:

  Tenant ID       %s
  Client ID       %s
  Client Secret   %s

Then invite a user, such as %s, and open the link of the invitation: that is the phone app. For the computer, load
bin/extension into Chrome or Edge (Extensions, Developer mode, Load unpacked), connect it to %s and pair.
Instead of the app, a phone without a screen can take the code:

  bin/postern-phone enroll --server %s --code CODE
  bin/postern-phone provision

The tenant's own addresses: Graph %s, sign-in and security info %s, its CA %s.
`, c.Users, c.Data, info.Console, info.SignInLink, info.Token, info.Env, info.Administrator.UPN, info.Administrator.Password, info.TenantID, info.ClientID, info.ClientSecret, user,
		info.Console, info.Console, info.Graph, info.Authority, info.CAFile)
	return err
}

// listener takes the address given, or the one of last time, or an easy one, or any.
func (c *DemoCmd) listener(ctx context.Context, state demoState) (net.Listener, error) {
	var lc net.ListenConfig
	if c.Listen != "" {
		return lc.Listen(ctx, "tcp", c.Listen)
	}
	if state.Listen != "" {
		return lc.Listen(ctx, "tcp", state.Listen)
	}
	if l, err := lc.Listen(ctx, "tcp", demoListen); err == nil {
		return l, nil
	}
	return lc.Listen(ctx, "tcp", "127.0.0.1:0")
}

func (c *DemoCmd) statePath() string { return filepath.Join(c.Data, "demo.json") }

func (c *DemoCmd) readState() (demoState, error) {
	var state demoState
	data, err := os.ReadFile(c.statePath())
	if errors.Is(err, fs.ErrNotExist) {
		return state, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &state)
	}
	if err != nil {
		return state, fmt.Errorf("%s: %w; remove the directory to start afresh", c.statePath(), err)
	}
	return state, nil
}

func (c *DemoCmd) writeState(state demoState) error {
	data, err := json.Marshal(state)
	if err != nil {
		return err
	}
	tmp := c.statePath() + ".new"
	if err := os.WriteFile(tmp, data, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, c.statePath())
}

func portOf(a net.Addr) string {
	_, port, _ := net.SplitHostPort(a.String())
	return port
}

// hostPort is the address to listen on next time, taken from the URL of this time.
func hostPort(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return ""
	}
	return net.JoinHostPort("127.0.0.1", u.Port())
}
