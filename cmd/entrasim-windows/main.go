// Command entrasim-windows stands in the part of a Windows computer: it joins an emulated Entra tenant, or none, and signs
// people in with a FIDO2 security key as Windows' sign-in screen does, step by step. It is for development and tests only.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/postern/postern/entrasim/windows"
)

// commands is the command tree.
type commands struct {
	State string `required:"" type:"path" env:"ENTRASIM_WINDOWS_STATE" help:"Folder that stands for the computer. Its keys lie there in the clear." placeholder:"DIR"`
	JSON  bool   `help:"Print JSON."`

	Join    joinCmd    `cmd:"" help:"Make a computer, and join it."`
	Signin  signinCmd  `cmd:"" help:"Sign in with a security key, or unlock, and print the nine steps."`
	Lock    lockCmd    `cmd:"" help:"Lock the computer."`
	Signout signoutCmd `cmd:"" help:"Sign out who is signed in."`
	Renew   renewCmd   `cmd:"" help:"Renew the primary refresh token of who is signed in, as Windows does every four hours."`
	Status  statusCmd  `cmd:"" help:"Print what dsregcmd /status prints."`
}

// streams are the program's.
type streams struct {
	in  io.Reader
	out io.Writer
	err io.Writer
}

// errRefused ends the program with 1 where all has been said.
var errRefused = errors.New("refused")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr})
	if err != nil && !errors.Is(err, errRefused) {
		fmt.Fprintln(os.Stderr, "entrasim-windows:", err)
	}
	stop()
	os.Exit(exitCode(err))
}

// exitCode is 0 for done, 1 for refused and failed, 2 for wrong usage.
func exitCode(err error) int {
	if err == nil {
		return 0
	}
	if _, ok := errors.AsType[*kong.ParseError](err); ok {
		return 2
	}
	return 1
}

// run is the program without its surroundings.
func run(ctx context.Context, args []string, std streams) error {
	var c commands
	exited := false
	parser, err := kong.New(&c, kong.Name("entrasim-windows"),
		kong.Description("A Windows computer before an emulated Entra tenant, for development and tests only."),
		kong.Writers(std.out, std.err), kong.Exit(func(int) { exited = true }), kong.UsageOnError(), kong.BindTo(ctx, (*context.Context)(nil)))
	if err != nil {
		return err
	}
	parsed, err := parser.Parse(args)
	if exited {
		return nil // --help
	}
	if err != nil {
		return err
	}
	return parsed.Run(&c, std)
}

// print prints a line for people, or an object.
func (c *commands) print(std streams, object any, format string, args ...any) error {
	if c.JSON {
		return json.NewEncoder(std.out).Encode(object)
	}
	_, err := fmt.Fprintf(std.out, format+"\n", args...)
	return err
}

func (c *commands) machine() (*windows.Machine, error) { return windows.Open(c.State, nil) }

type lockCmd struct{}

// Run locks.
func (*lockCmd) Run(c *commands, std streams) error {
	m, err := c.machine()
	if err == nil {
		err = m.Lock()
	}
	if err != nil {
		return err
	}
	upn, _ := m.SignedIn()
	return c.print(std, map[string]any{"locked": true, "user": upn}, "Locked. Windows offers %s and the security key, the account and the method used last.", upn)
}

type signoutCmd struct{}

// Run signs out.
func (*signoutCmd) Run(c *commands, std streams) error {
	m, err := c.machine()
	if err == nil {
		err = m.SignOut()
	}
	if err != nil {
		return err
	}
	return c.print(std, map[string]any{"signed_in": false}, "Signed out.")
}

type renewCmd struct{}

// Run renews.
func (*renewCmd) Run(ctx context.Context, c *commands, std streams) error {
	m, err := c.machine()
	if err != nil {
		return err
	}
	err = m.Renew(ctx)
	if refused, ok := errors.AsType[*windows.Refusal](err); ok {
		return errors.Join(c.print(std, refused, "Entra does not renew the primary refresh token: %s (%s).", refused.Reason, refused.Code), errRefused)
	}
	if err != nil {
		return err
	}
	return c.print(std, map[string]any{"renewed": true}, "The primary refresh token is renewed.")
}

type statusCmd struct{}

// Run prints the status.
func (*statusCmd) Run(c *commands, std streams) error {
	m, err := c.machine()
	if err != nil {
		return err
	}
	if !c.JSON {
		return m.DSRegCmd(std.out)
	}
	upn, locked := m.SignedIn()
	return json.NewEncoder(std.out).Encode(map[string]any{"kind": m.Kind, "name": m.Name, "build": m.Build, "user": upn, "locked": locked})
}
