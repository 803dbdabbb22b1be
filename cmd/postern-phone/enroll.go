package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/cli"
	"github.com/postern/postern/phone"
)

// enrollCmd enrols this phone.
type enrollCmd struct {
	Server      string                `help:"Address of the control center." required:"" env:"POSTERN_URL" placeholder:"URL"`
	Code        string                `xor:"proof" help:"One-time code of the invitation; asked for on standard input if left out, which keeps it out of the shell's history." env:"POSTERN_PHONE_CODE" placeholder:"CODE"`
	SignIn      bool                  `help:"Sign in at Microsoft instead of typing a code, where the organisation allows that. The address and the number to type after it are printed." xor:"proof"`
	Integration postern.IntegrationID `help:"Integration to sign in at, where the control center has several." placeholder:"ID"`
	Name        string                `help:"Name of the phone, as people will see it; the machine's name if left out." placeholder:"NAME"`
	CAFile      string                `name:"ca-file" help:"PEM file with the certificate authority of the control center. It is remembered." env:"POSTERN_CA_FILE" type:"existingfile" placeholder:"FILE"`
}

// Run enrols.
func (c *enrollCmd) Run(ctx context.Context, std cli.Streams, o *options) (err error) {
	if c.Code == "" && !c.SignIn {
		if c.Code, err = askForCode(std); err != nil {
			return err
		}
	}
	v, err := o.create()
	if err != nil {
		return err
	}
	defer func() {
		if v.content.Phone == nil { // the code may be used again: leave nothing behind
			err = errors.Join(err, v.remove())
		} else {
			err = errors.Join(err, v.close())
		}
	}()
	if c.CAFile != "" {
		if v.content.CAFile, err = filepath.Abs(c.CAFile); err != nil {
			return err
		}
	}
	if c.Name == "" {
		if c.Name, err = os.Hostname(); err != nil {
			c.Name = "postern-phone"
		}
	}
	env, err := v.env()
	if err != nil {
		return err
	}
	self, err := c.enrol(ctx, std, phone.Enrolment{
		Server: c.Server, Code: c.Code, Name: c.Name, Assurance: postern.AssuranceFile,
		Platform: "postern-phone " + postern.Version() + " on " + runtime.GOOS + "/" + runtime.GOARCH,
	}, env)
	if err != nil {
		return err
	}
	if o.JSON {
		return cli.JSON(std.Out, self)
	}
	fmt.Fprintf(std.Out, "This phone is %q of %s at %s.\n", cli.Clean(self.Phone.Name), cli.Clean(self.User.UPN), cli.Clean(self.Integration.ApplicationName))
	notice(std, self.Notice)
	return nil
}

// askEvery is how often the control center is asked whether the sign-in is confirmed.
const askEvery = 2 * time.Second

// enrol enrols with the code, or once the user has signed in and typed the number.
func (c *enrollCmd) enrol(ctx context.Context, std cli.Streams, in phone.Enrolment, env phone.Env) (postern.PhoneSelf, error) {
	if !c.SignIn {
		_, self, err := phone.Enrol(ctx, in, env)
		return self, err
	}
	start, err := phone.BeginSignIn(ctx, c.Server, postern.SignInInput{IntegrationID: c.Integration, Name: c.Name, Platform: in.Platform}, env)
	if err != nil {
		return postern.PhoneSelf{}, err
	}
	fmt.Fprintf(std.Err, "Open this address in a browser and sign in:\n%s\nThe page after it asks for this number: %s\n", start.URL, start.Number)
	in.Ticket = start.Ticket
	for {
		_, self, err := phone.Enrol(ctx, in, env)
		if !postern.IsCode(err, postern.CodeSignInPending) {
			return self, err
		}
		select {
		case <-ctx.Done():
			return self, ctx.Err()
		case <-time.After(askEvery):
		}
	}
}

// notice tells the user what the control center wants them to know.
func notice(std cli.Streams, n *postern.PhoneNotice) {
	if n != nil {
		fmt.Fprintf(std.Err, "note: %s %s\n", cli.Clean(n.Message), cli.Clean(n.Next))
	}
}

// askForCode reads the code from standard input. A code is far shorter than the bound.
func askForCode(std cli.Streams) (string, error) {
	fmt.Fprint(std.Err, "One-time code: ")
	line, err := bufio.NewReader(io.LimitReader(std.In, 256)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	if line = strings.TrimSpace(line); line == "" {
		return "", postern.FieldErrorf("code", "No one-time code was given.").WithNext("Type the code of the invitation, or give it with --code.")
	}
	return line, nil
}
