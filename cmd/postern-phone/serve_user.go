package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/internal/cli"
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

// autoTouch agrees to everything.
type autoTouch struct{ verification authenticator.Verification }

// touchTime is what an automatic touch takes: enough for a host to be told that
// one is waited for, as host tests expect of a key.
const touchTime = 25 * time.Millisecond

func (a autoTouch) Verification() authenticator.Verification { return a.verification }

func (autoTouch) Present(ctx context.Context, _ authenticator.Prompt) error {
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

// answerLimit is how long a question stands.
const answerLimit = 30 * time.Second

// terminal asks a line and reads a line.
type terminal struct {
	verification authenticator.Verification
	out          io.Writer
	in           io.Reader
	read         sync.Once
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
		name := account.Name
		if name == "" {
			name = account.DisplayName
		}
		if name == "" {
			name = fmt.Sprintf("%x", account.ID)
		}
		b.WriteString(cli.Clean(name))
	}
	return b.String()
}

// ask puts a question and waits for the answer: a line that is empty or says
// yes agrees.
func (t *terminal) ask(ctx context.Context, question string) error {
	t.read.Do(func() { go t.readLines() })
	t.discard()
	fmt.Fprintf(t.out, "%s? Enter accepts, n refuses: ", question)
	limit := time.NewTimer(answerLimit)
	defer limit.Stop()
	select {
	case line, ok := <-t.lines:
		if !ok {
			fmt.Fprintln(t.out, "\nRefused: nobody can answer, standard input is at its end. Run serve in a terminal.")
			return authenticator.ErrDenied
		}
		switch strings.ToLower(strings.TrimSpace(line)) {
		case "", "y", "yes":
			return nil
		}
		return authenticator.ErrDenied
	case <-limit.C:
		fmt.Fprintln(t.out, "\nNot answered in time: refused.")
		return authenticator.ErrTimeout
	case <-ctx.Done():
		fmt.Fprintln(t.out, "\nThe program no longer asks.")
		return ctx.Err()
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
