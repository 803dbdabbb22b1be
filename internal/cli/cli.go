// Package cli is what the command lines of postern and postern-phone have in common: how a program runs and leaves, how
// it says what went wrong and what to do next, and its exit codes, by which scripts decide.
//
// It owns no command.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"unicode"

	"github.com/alecthomas/kong"

	"github.com/postern/postern"
)

// The exit codes. They are part of the interface: scripts decide by them.
const (
	ExitOK       = 0
	ExitFailure  = 1
	ExitUsage    = 2
	ExitNotFound = 3
	ExitConflict = 4
	ExitDenied   = 5
	ExitUpstream = 6
	ExitWaiting  = 7
	// ExitChanges and ExitLockOut are answers to questions: something would change, or has; and that would lock somebody out.
	ExitChanges = 10
	ExitLockOut = 11
	ExitStopped = 130
)

// Answer is what a command returns that went well and whose answer is its exit code. Nothing more is printed.
type Answer int

func (a Answer) Error() string { return fmt.Sprintf("the answer is exit code %d", int(a)) }

// ErrWaiting marks a failure that is only that the time was over.
var ErrWaiting = errors.New("the time is over")

// Streams are where a command reads and writes: results to Out, everything else to Err.
type Streams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
}

// Program is a command line.
type Program struct {
	Name        string
	Description string
	// Tree is a pointer to the struct that is the command tree. Commands have Run methods, which may take a
	// context.Context, Streams and what Bind names.
	Tree    any
	Options []kong.Option
	Bind    []any
	// Explain finds the error for people in err; nil means err speaks for itself. Without it, err's own is taken.
	Explain func(err error) *postern.Error
}

// Main runs the program as this process and leaves with its exit code.
func (p Program) Main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := p.Run(ctx, os.Args[1:], Streams{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

// Run is the program without its process.
func (p Program) Run(ctx context.Context, args []string, std Streams) (code int) {
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
	parser, err := kong.New(p.Tree, append([]kong.Option{
		kong.Name(p.Name), kong.Description(p.Description), kong.Writers(std.Out, std.Err),
		kong.Exit(func(code int) { panic(exit(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
	}, p.Options...)...)
	if err != nil {
		return p.fail(std, err)
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return p.usage(std, err)
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	parsed.Bind(append([]any{std}, p.Bind...)...)
	err = parsed.Run()
	switch {
	case err == nil:
		return ExitOK
	case ctx.Err() != nil:
		fmt.Fprintf(std.Err, "%s: stopped\n", p.Name)
		return ExitStopped
	}
	if answer, ok := errors.AsType[Answer](err); ok {
		return int(answer)
	}
	return p.fail(std, err)
}

// usage tells what is wrong with the command line, and where its help is.
func (p Program) usage(std Streams, err error) int {
	command := p.Name
	if parse, ok := errors.AsType[*kong.ParseError](err); ok && parse.Context != nil {
		if path := parse.Context.Command(); path != "" {
			command += " " + strings.Fields(path)[0]
		}
	}
	fmt.Fprintf(std.Err, "%s: %v\n  next: %s --help\n", p.Name, err, command)
	return ExitUsage
}

// fail tells what happened and what to do about it, and returns the exit code of that kind of failure.
func (p Program) fail(std Streams, err error) int {
	if errors.Is(err, ErrWaiting) {
		fmt.Fprintf(std.Err, "%s: %v\n", p.Name, err)
		return ExitWaiting
	}
	var e *postern.Error
	if p.Explain != nil {
		e = p.Explain(err)
	} else {
		e, _ = errors.AsType[*postern.Error](err)
	}
	if e == nil {
		fmt.Fprintf(std.Err, "%s: %v\n", p.Name, err)
		return ExitFailure
	}
	fmt.Fprintf(std.Err, "%s: %s\n", p.Name, e.Message)
	if e.Field != "" && e.Field != "body" {
		fmt.Fprintf(std.Err, "  field: %s\n", e.Field)
	}
	if e.Next != "" {
		fmt.Fprintf(std.Err, "  next: %s\n", e.Next)
	}
	if e.After > 0 {
		fmt.Fprintf(std.Err, "  wait: %s\n", e.After)
	}
	fmt.Fprintf(std.Err, "  code: %s", e.Code)
	if e.RequestID != "" {
		fmt.Fprintf(std.Err, ", request %s", e.RequestID)
	}
	fmt.Fprintln(std.Err)
	return exitCode(e)
}

func exitCode(e *postern.Error) int {
	switch status := e.Status(); {
	case status == 404 || e.Code == postern.CodePhoneUnknown:
		return ExitNotFound
	case strings.HasPrefix(string(e.Code), "entra_"):
		return ExitUpstream
	case e.Code == postern.CodeInvalid:
		return ExitUsage
	case status == 409 || status == 410:
		return ExitConflict
	case status == 401 || status == 403:
		return ExitDenied
	}
	return ExitFailure
}

// Version is the command that prints the version.
type Version struct{}

// Run prints the program's name and the version.
func (Version) Run(k *kong.Context, std Streams) error {
	_, err := fmt.Fprintln(std.Out, k.Model.Name, postern.Version())
	return err
}

// JSON prints v, indented.
func JSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// Clean replaces what a terminal would not print but obey: names come from other people.
func Clean(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}
