package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/postern/postern/entrasim/windows"
)

// signinCmd signs in.
type signinCmd struct {
	Key     string        `required:"" help:"Where the security key is: udp:127.0.0.1:8111 for a software key's simulator port, hidraw:/dev/hidraw0 on Linux." placeholder:"PLACE"`
	PINFile string        `name:"pin-file" help:"Type the PIN in this file's first line when the key asks for one; - is standard input." placeholder:"FILE"`
	Network string        `enum:"full,none" default:"full" help:"none: the computer reaches nobody. What the key itself reaches is not its business."`
	Wait    time.Duration `default:"10s" help:"How long the key may take to be plugged in."`
	Timeout time.Duration `default:"2m" help:"How long all of it may take."`
}

// Run signs in.
func (s *signinCmd) Run(ctx context.Context, c *commands, std streams) error {
	m, err := c.machine()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	in := windows.SignIn{Key: s.Key, Wait: s.Wait, NoNetwork: s.Network == "none"}
	if s.PINFile != "" {
		in.PIN = func(context.Context, int) (string, error) { return secretFrom(s.PINFile, std.in) }
	}
	if !c.JSON {
		in.Step = func(step windows.Step) { fmt.Fprintln(std.out, step) }
		in.Waiting = func() { fmt.Fprintln(std.err, "The security key waits for its user.") }
	}
	result, err := m.SignIn(ctx, in)
	if err != nil {
		return err
	}
	if c.JSON {
		err = json.NewEncoder(std.out).Encode(result)
	} else {
		_, err = fmt.Fprint(std.out, told(result))
	}
	if err == nil && !result.SignedIn {
		err = errRefused
	}
	return err
}

// told is the end of it, for people.
func told(r *windows.Result) string {
	var b strings.Builder
	for _, note := range r.Notes {
		fmt.Fprintf(&b, "note: %s.\n", note)
	}
	switch f := r.Refusal; {
	case f != nil:
		fmt.Fprintf(&b, "Not signed in. %s", f.Reason)
		for _, code := range []string{f.Code, f.Status} {
			if code != "" {
				fmt.Fprintf(&b, " (%s)", code)
			}
		}
		b.WriteByte('\n')
		if f.Windows != "" {
			fmt.Fprintf(&b, "Windows says: %s\n", f.Windows)
		}
	case r.Unlocked:
		fmt.Fprintf(&b, "Unlocked by %s. The local resource opens: %s.\n", r.User, r.Resource)
	default:
		fmt.Fprintf(&b, "Signed in: %s. The local resource opens: %s.\n", r.User, r.Resource)
	}
	return b.String()
}
