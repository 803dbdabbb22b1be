package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/internal/cli"
	"github.com/postern/postern/phone/link"
)

// user finds who answers for the key.
func (c *serveCmd) user(std cli.Streams) authenticator.User {
	verification := authenticator.VerificationNone
	if c.UV != nil && *c.UV || c.UV == nil && c.Store != storeInMemory {
		verification = authenticator.VerificationReady
	}
	if c.AutoTouch {
		return autoTouch{verification}
	}
	return &terminal{verification: verification, out: std.Err, in: std.In, lines: make(chan string)}
}

// answerer is who answers questions put in words.
type answerer interface {
	ask(ctx context.Context, question string) error
	choose(ctx context.Context, p authenticator.Prompt) (int, error)
}

// autoTouch agrees to everything.
type autoTouch struct{ verification authenticator.Verification }

// touchTime is what an automatic touch takes: enough for a host to be told that
// one is waited for, as host tests expect of a key.
const touchTime = 25 * time.Millisecond

func (a autoTouch) Verification() authenticator.Verification { return a.verification }

func (a autoTouch) Present(ctx context.Context, p authenticator.Prompt) error {
	return a.ask(ctx, question(p))
}

func (autoTouch) ask(ctx context.Context, _ string) error {
	select {
	case <-time.After(touchTime):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (a autoTouch) Verify(ctx context.Context, p authenticator.Prompt) error {
	return a.Present(ctx, p)
}

func (autoTouch) choose(context.Context, authenticator.Prompt) (int, error) { return 0, nil }

// answerLimit is how long a question stands, where nobody says otherwise.
const answerLimit = 30 * time.Second

// terminal asks a line and reads a line.
type terminal struct {
	verification authenticator.Verification
	out          io.Writer
	in           io.Reader
	limit        time.Duration // how long a question stands; 0: answerLimit
	reading      sync.Once
	lines        chan string // closed where there will be none any more
}

func (t *terminal) Verification() authenticator.Verification { return t.verification }

func (t *terminal) Present(ctx context.Context, p authenticator.Prompt) error {
	return t.ask(ctx, question(p))
}

// Verify takes whoever sits at the terminal for the user.
func (t *terminal) Verify(ctx context.Context, p authenticator.Prompt) error {
	return t.ask(ctx, question(p))
}

// Choose lets the user pick an account by its number.
func (t *terminal) Choose(ctx context.Context, p authenticator.Prompt) (int, error) {
	return t.choose(ctx, p)
}

func (t *terminal) choose(ctx context.Context, p authenticator.Prompt) (int, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "There are %d accounts for %s.\n", len(p.Accounts), cli.Clean(p.RPID))
	for i, account := range p.Accounts {
		fmt.Fprintf(&b, "%3d  %s\n", i+1, accountName(account))
	}
	line, err := t.read(ctx, b.String()+"Sign in with which? Enter takes 1, n refuses: ")
	if err != nil {
		return 0, err
	}
	if line == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(line)
	if err != nil || n < 1 || n > len(p.Accounts) {
		return 0, authenticator.ErrDenied
	}
	return n - 1, nil
}

func accountName(u ctap.User) string {
	switch {
	case u.Name != "":
		return cli.Clean(u.Name)
	case u.DisplayName != "":
		return cli.Clean(u.DisplayName)
	}
	return fmt.Sprintf("%x", u.ID)
}

// question tells what is asked for, for whom, and which account.
func question(p authenticator.Prompt) string {
	what := map[authenticator.Reason]string{
		authenticator.ReasonRegister: "Make a passkey", authenticator.ReasonSignIn: "Sign in", authenticator.ReasonExcluded: "Say that there is a passkey already",
		authenticator.ReasonSelect: "Use this security key", authenticator.ReasonManage: "Let a program manage this security key",
		authenticator.ReasonReset: "Reset this security key, which deletes every passkey on it, its PIN and its settings",
	}[p.Reason]
	if what == "" {
		what = "Agree to \"" + p.Reason.String() + "\""
	}
	var b strings.Builder
	b.WriteString(what)
	switch {
	case p.RPID != "":
		fmt.Fprintf(&b, " for %s", cli.Clean(p.RPID))
	case p.RPIDHash != ctap.RPIDHash{}:
		fmt.Fprintf(&b, " for a site that gives no name (%x…)", p.RPIDHash[:4])
	}
	for i, account := range p.Accounts {
		if i == 0 {
			b.WriteString(", account ")
		} else {
			b.WriteString(" or ")
		}
		b.WriteString(accountName(account))
	}
	return b.String()
}

// ask puts a question that a line answers: one that is empty or says yes agrees.
func (t *terminal) ask(ctx context.Context, question string) error {
	line, err := t.read(ctx, question+"? Enter accepts, n refuses: ")
	if err != nil {
		return err
	}
	switch line {
	case "", "y", "yes":
		return nil
	}
	return authenticator.ErrDenied
}

// read shows text and waits for a line.
func (t *terminal) read(ctx context.Context, text string) (string, error) {
	t.reading.Do(func() { go t.readLines() })
	t.discard()
	fmt.Fprint(t.out, text)
	limit := time.NewTimer(cmp.Or(t.limit, answerLimit))
	defer limit.Stop()
	select {
	case line, ok := <-t.lines:
		if !ok {
			fmt.Fprintln(t.out, "\nRefused: nobody can answer, standard input is at its end. Run this in a terminal.")
			return "", authenticator.ErrDenied
		}
		return strings.ToLower(strings.TrimSpace(line)), nil
	case <-limit.C:
		fmt.Fprintln(t.out, "\nNot answered in time: refused.")
		return "", authenticator.ErrTimeout
	case <-ctx.Done():
		if errors.Is(context.Cause(ctx), link.ErrLate) {
			fmt.Fprintln(t.out, "\nNot answered in time.")
			return "", authenticator.ErrTimeout
		}
		fmt.Fprintln(t.out, "\nThe program no longer asks.")
		return "", ctx.Err()
	}
}

// discard drops what was typed before the question stood there. What a pipe
// holds was meant to be read later.
func (t *terminal) discard() {
	f, ok := t.in.(*os.File)
	if !ok {
		return
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return
	}
	for {
		select {
		case _, ok := <-t.lines:
			if !ok {
				return
			}
		default:
			return
		}
	}
}

// readLines ends with the input; a read of a terminal cannot be stopped, so it
// may outlive the command.
func (t *terminal) readLines() {
	defer close(t.lines)
	for s := bufio.NewScanner(t.in); s.Scan(); {
		t.lines <- s.Text()
	}
}
