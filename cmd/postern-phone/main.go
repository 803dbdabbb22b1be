// Command postern-phone is a phone without a screen, for scripts and machines: it enrols with a control center, makes
// passkeys when it is asked to, and signs in with them.
//
// Running a command is the user's consent: nothing asks again. Keys lie in a sealed file, which is why the control
// center records such a phone as lower assurance. main.go owns the command tree and the exit codes, vault.go the files;
// each command stands in the file of its name.
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
	"github.com/postern/postern/fido/authenticator/sealedfile"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/phone/websignin"
)

// commands is the command tree. What stands beside the commands goes with all of them.
type commands struct {
	options

	Enroll    enrollCmd    `cmd:"" aliases:"enrol" help:"Enrol this phone with the one-time code of an invitation."`
	Provision provisionCmd `cmd:"" help:"Make the passkey that is asked for, and wait until Entra has it."`
	Passkeys  passkeysCmd  `cmd:"" help:"List the passkeys on this phone."`
	SignIn    signInCmd    `cmd:"" help:"Sign in at Entra's web pages with a passkey of this phone."`
	Status    statusCmd    `cmd:"" help:"Show what the control center knows of this phone; remove what was revoked."`
	Forget    forgetCmd    `cmd:"" help:"Have this phone and its passkeys revoked, and delete its files."`
	Version   versionCmd   `cmd:"" help:"Print the version."`
}

// options go with every command.
type options struct {
	File string `help:"File that holds the phone's keys." env:"POSTERN_PHONE_FILE" placeholder:"FILE"`
	JSON bool   `help:"Print JSON."`
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
	exitWaiting  = 7
	exitStopped  = 130
)

const description = `A phone without a screen: makes passkeys for Microsoft Entra ID and signs in with them.

Its keys lie in FILE, sealed with the passphrase in POSTERN_PHONE_PASSPHRASE, or where there is none with a key in FILE.key;
its passkeys in FILE.passkeys.

Exit codes: 0 done, 1 failed, 2 wrong usage or value, 3 not found or not enrolled, 4 conflict or changed meanwhile,
5 not allowed, 6 Entra refused or cannot be reached, 7 still under way when the time was over, 130 stopped.`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

// streams are where a command writes: results to Out, everything else to Err.
type streams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
}

// run is the program without its process.
func run(ctx context.Context, args []string, std streams) (code int) {
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
		kong.Name("postern-phone"), kong.Description(description), kong.Writers(std.Out, std.Err),
		kong.Exit(func(code int) { panic(exit(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
	)
	if err != nil {
		return fail(std, err)
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(std.Err, "postern-phone: %v\n  next: postern-phone --help\n", err)
		return exitUsage
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	parsed.Bind(std, &tree.options)
	err = parsed.Run()
	switch {
	case err == nil:
		return exitOK
	case ctx.Err() != nil:
		fmt.Fprintln(std.Err, "postern-phone: stopped")
		return exitStopped
	}
	return fail(std, err)
}

// errWaiting marks a failure that is only that the time was over.
var errWaiting = errors.New("the time is over")

// fail tells what happened and what to do about it, and returns the exit code of that kind of failure.
func fail(std streams, err error) int {
	if errors.Is(err, errWaiting) {
		fmt.Fprintf(std.Err, "postern-phone: %v\n", err)
		return exitWaiting
	}
	e := explain(err)
	if e == nil {
		fmt.Fprintf(std.Err, "postern-phone: %v\n", err)
		return exitFailure
	}
	fmt.Fprintf(std.Err, "postern-phone: %s\n", e.Message)
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

// explain finds or makes the error for people; nil if err speaks for itself.
func explain(err error) *postern.Error {
	if e, ok := errors.AsType[*postern.Error](err); ok {
		return e
	}
	if refusal, ok := errors.AsType[*websignin.Refusal](err); ok {
		return postern.Errorf(postern.CodeEntraRefused, "Entra refused the sign-in: %s", refusal.Message).
			WithNext("Look at the user's passkeys and sign-in log in Entra.").Because(err)
	}
	if _, ok := errors.AsType[*client.Error](err); ok {
		return postern.Errorf(postern.CodeForbidden, "The passkey could not be used: %v.", err).
			WithNext("See postern-phone passkeys for what is here.").Because(err)
	}
	switch {
	case errors.Is(err, sealedfile.ErrInUse):
		return postern.Errorf(postern.CodeConflict, "Another postern-phone is at work with this file.").WithNext("Wait until it is done.").Because(err)
	case errors.Is(err, sealedfile.ErrUnreadable):
		return postern.Errorf(postern.CodeForbidden, "The phone's file does not open: %v.", err).
			WithNext("Set POSTERN_PHONE_PASSPHRASE to the passphrase the phone was enrolled with.").Because(err)
	}
	return nil
}

func exitCode(e *postern.Error) int {
	switch status := e.Status(); {
	case status == 404 || e.Code == postern.CodePhoneUnknown:
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
func (versionCmd) Run(std streams) error {
	_, err := fmt.Fprintln(std.Out, "postern-phone", postern.Version())
	return err
}
