// Command postern is the control center and its command line.
//
// serve and demo run a control center; everything else talks to a running one over its REST API, like any other
// client. main.go owns the command tree and the exit codes, remote.go the connection, show.go what is printed;
// each group of commands stands in the file of its name.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/postern/postern"
)

// commands is the command tree.
type commands struct {
	Serve ServeCmd `cmd:"" help:"Run a control center."`
	Demo  DemoCmd  `cmd:"" help:"Run a control center with an emulated Entra tenant, to try things out."`

	Backup  BackupCmd  `cmd:"" help:"Write an archive of the database, while everything goes on."`
	Restore RestoreCmd `cmd:"" help:"Fill an empty database from an archive."`
	Local   localCmd   `cmd:"" help:"What only somebody with a shell on the server can do: a link for an owner, a token."`

	Login    loginCmd    `cmd:"" help:"Remember a control center and a token for the commands below." group:"remote"`
	Entra    entraCmd    `cmd:"" help:"Integrations: connected Entra tenants." group:"remote"`
	Users    usersCmd    `cmd:"" help:"Users and their invitations." group:"remote"`
	Phones   phonesCmd   `cmd:"" help:"Phones of users." group:"remote"`
	Passkeys passkeysCmd `cmd:"" help:"Passkeys of users, and their provisioning." group:"remote"`
	Audit    auditCmd    `cmd:"" help:"The audit trail." group:"remote"`
	Tokens   tokensCmd   `cmd:"" help:"API tokens." group:"remote"`
	Admins   adminsCmd   `cmd:"" help:"Administrators of this Postern." group:"remote"`

	Version versionCmd `cmd:"" help:"Print the version."`
}

// The exit codes. They are part of the interface: scripts decide by them.
const (
	exitOK       = 0
	exitFailure  = 1
	exitUsage    = 2
	exitNotFound = 3
	exitConflict = 4
	exitDenied   = 5
	exitUpstream = 6
	exitStopped  = 130
)

const description = `Phishing-resistant passkeys for Microsoft Entra ID on people's own phones.

Exit codes: 0 done, 1 failed, 2 wrong usage or value, 3 not found, 4 conflict or changed meanwhile, 5 not allowed,
6 Entra refused or cannot be reached, 130 stopped.`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

// streams are where a command reads and writes: results to Out, everything else to Err.
type streams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
}

// run is the program without its process.
func run(ctx context.Context, args []string, io streams) (code int) {
	// kong leaves by its exit function, after --help; it must not leave the whole process.
	type exit int
	defer func() {
		switch cause := recover().(type) {
		case nil:
		case exit:
			code = int(cause)
		default:
			panic(cause)
		}
	}()
	var tree commands
	parser, err := kong.New(&tree,
		kong.Name("postern"), kong.Description(description), kong.Writers(io.Out, io.Err),
		kong.Exit(func(code int) { panic(exit(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.ExplicitGroups([]kong.Group{{Key: "remote", Title: "Commands for a running control center"}}),
	)
	if err != nil {
		return fail(io, err)
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return usage(io, err)
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	parsed.Bind(io)
	err = parsed.Run()
	if err != nil && ctx.Err() != nil {
		fmt.Fprintln(io.Err, "postern: stopped")
		return exitStopped
	}
	if err != nil {
		return fail(io, err)
	}
	return exitOK
}

// usage tells what is wrong with the command line, and where its help is.
func usage(io streams, err error) int {
	fmt.Fprintf(io.Err, "postern: %v\n", err)
	command := "postern"
	var p *kong.ParseError
	if errors.As(err, &p) && p.Context != nil {
		if path := p.Context.Command(); path != "" {
			command += " " + strings.Fields(path)[0]
		}
	}
	fmt.Fprintf(io.Err, "  next: %s --help\n", command)
	return exitUsage
}

// fail tells what happened and what to do about it, and returns the exit code of that kind of failure.
func fail(io streams, err error) int {
	var e *postern.Error
	if !errors.As(err, &e) {
		fmt.Fprintf(io.Err, "postern: %v\n", err)
		return exitFailure
	}
	fmt.Fprintf(io.Err, "postern: %s\n", e.Message)
	if e.Field != "" && e.Field != "body" {
		fmt.Fprintf(io.Err, "  field: %s\n", e.Field)
	}
	if e.Next != "" {
		fmt.Fprintf(io.Err, "  next: %s\n", e.Next)
	}
	if e.After > 0 {
		fmt.Fprintf(io.Err, "  wait: %s\n", e.After)
	}
	fmt.Fprintf(io.Err, "  code: %s", e.Code)
	if e.RequestID != "" {
		fmt.Fprintf(io.Err, ", request %s", e.RequestID)
	}
	fmt.Fprintln(io.Err)
	return exitCode(e)
}

func exitCode(e *postern.Error) int {
	switch status := e.Status(); {
	case status == 404:
		return exitNotFound
	case strings.HasPrefix(string(e.Code), "entra_"):
		return exitUpstream
	case e.Code == postern.CodeInvalid:
		return exitUsage
	case status == 409 || status == 410:
		return exitConflict
	case status == 401 || status == 403:
		return exitDenied
	}
	return exitFailure
}

type versionCmd struct{}

// Run prints the version.
func (versionCmd) Run(io streams) error {
	_, err := fmt.Fprintln(io.Out, "postern", postern.Version())
	return err
}
