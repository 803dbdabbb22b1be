package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/agent"
	"github.com/postern/postern/agent/page"
	"github.com/postern/postern/internal/cli"
)

// pairCmd pairs a phone.
type pairCmd struct {
	Code    bool `help:"Show a code to type instead of a QR code, for a phone without a camera."`
	Compare bool `help:"Do not ask whether the digits are the same: read those of the phone from standard input and compare them. For scripts."`
}

// Run pairs.
func (c *pairCmd) Run(ctx context.Context, std cli.Streams, o *options) error {
	return o.with(ctx, func(d desk, running bool) error {
		if err := connected(ctx, d); err != nil {
			return err
		}
		if err := d.Pair(ctx, c.Code); err != nil {
			return err
		}
		defer func() { _ = d.EndPairing(context.WithoutCancel(ctx)) }() // what is done stays done
		s := newPairing(std, o.JSON, c.Compare, d)
		if err := s.follow(ctx); err != nil {
			return err
		}
		v, err := d.View(ctx)
		if err != nil {
			return err
		}
		return s.finish(v, running)
	})
}

// connectTime is how long an agent of the command's own may take to reach the relay.
const connectTime = 20 * time.Second

// connected waits for the relay.
func connected(ctx context.Context, d desk) error {
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	var last agent.View
	err := d.Watch(ctx, func(v agent.View) bool {
		last = v
		return v.Enrolled && !v.Connected
	})
	switch {
	case err == nil || last.Enrolled && last.Connected:
		return nil
	case errors.Is(err, context.DeadlineExceeded) && last.Problem != nil:
		return &postern.Error{Code: last.Problem.Code, Message: last.Problem.Message, Next: last.Problem.Next}
	case errors.Is(err, context.DeadlineExceeded):
		return postern.Errorf(postern.CodeUnavailable, "The relay cannot be reached.").WithNext("Run postern-agent doctor.")
	}
	return err
}

// pairing is one at the terminal.
type pairing struct {
	std           cli.Streams
	json, compare bool
	in            *bufio.Reader
	desk          desk
	step          agent.PairingStep
	result        agent.Pairing
}

func newPairing(std cli.Streams, asJSON, compare bool, d desk) *pairing {
	return &pairing{std: std, json: asJSON, compare: compare, in: bufio.NewReader(io.LimitReader(std.In, 4096)), desk: d}
}

// follow shows the steps until the last. Answers are read beside, so that a pairing that ends meanwhile is told at once.
func (p *pairing) follow(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	err := p.desk.Watch(ctx, func(v agent.View) bool {
		if v.Pairing == nil {
			cancel(postern.Errorf(postern.CodeConflict, "The pairing was ended by another window.").WithNext("Start it again here, or go on there."))
			return false
		}
		now := *v.Pairing
		if now.Step == p.step {
			return true
		}
		p.step, p.result = now.Step, now
		if err := p.show(now); err != nil {
			cancel(err)
			return false
		}
		if now.Step == agent.PairingCompare {
			go func() {
				if err := p.ask(ctx, now); err != nil {
					cancel(err)
				}
			}()
		}
		return now.Step != agent.PairingDone && now.Step != agent.PairingFailed
	})
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if err != nil {
		return err
	}
	if f := p.result.Problem; p.result.Step == agent.PairingFailed && f != nil {
		return &postern.Error{Code: f.Code, Message: f.Message, Next: f.Next}
	}
	return nil
}

// show tells of a step. With --compare the digits are not told: whoever answers has them from the phone.
func (p *pairing) show(v agent.Pairing) error {
	if p.json {
		if p.compare {
			v.Digits = ""
		}
		return json.NewEncoder(p.std.Out).Encode(v)
	}
	var err error
	switch v.Step {
	case agent.PairingOpen:
		if v.Code != "" {
			_, err = fmt.Fprintf(p.std.Out, "In the app on the phone choose Type a code, and type:\n\n    %s\n\n", v.Code)
			break
		}
		if err = draw(p.std.Out, v.URL); err == nil {
			_, err = fmt.Fprintln(p.std.Out, "Scan this with the app on the phone. No camera? Run postern-agent pair --code.")
		}
	case agent.PairingConfirming:
		_, err = fmt.Fprintln(p.std.Out, "Confirm the digits on the phone too.")
	}
	return err
}

// ask has the digits compared.
func (p *pairing) ask(ctx context.Context, v agent.Pairing) error {
	if !p.compare {
		fmt.Fprintf(p.std.Err, "Does %s show the digits %s? [y/N] ", cli.Clean(v.Name), v.Digits)
	}
	line, err := p.in.ReadString('\n')
	if err != nil && line == "" {
		return errors.Join(p.desk.Compared(ctx, false), postern.Errorf(postern.CodeConflict, "Nobody said whether the digits are the same, so the phone was not paired.").
			WithNext("Run the command at a terminal, or give it the phone's digits with --compare."))
	}
	line = strings.TrimSpace(line)
	same := line == v.Digits
	if !p.compare {
		same = strings.EqualFold(line, "y") || strings.EqualFold(line, "yes")
	}
	return p.desk.Compared(ctx, same)
}

// finish says what is left to do.
func (p *pairing) finish(v agent.View, running bool) error {
	if p.json {
		return nil
	}
	for _, phone := range v.Phones {
		if phone.Pairing != p.result.Pairing {
			continue
		}
		if _, err := fmt.Fprintf(p.std.Out, "%s (%s) is paired with this workstation.\n", cli.Clean(phone.Name), cli.Clean(phone.UPN)); err != nil {
			return err
		}
		if phone.Incomplete {
			fmt.Fprint(p.std.Err, "Pairing is almost complete: register the phone with Microsoft now, as a security key of type USB device, at\n  https://mysignins.microsoft.com/security-info\n")
		}
	}
	if !running {
		fmt.Fprintln(p.std.Err, "The service does not run, so no security key is plugged in yet. Start it: systemctl start postern-agent, or postern-agent run.")
	}
	return nil
}

// draw writes a QR code to a terminal, two rows in a line of half blocks. Light stands on dark whatever the colours of the
// terminal are, because they are set.
func draw(out io.Writer, text string) error {
	modules, err := page.Modules(text)
	if err != nil {
		return err
	}
	var b strings.Builder
	for y := 0; y < len(modules); y += 2 {
		b.WriteString("\x1b[30;107m")
		for x := range modules[y] {
			upper, lower := modules[y][x], y+1 < len(modules) && modules[y+1][x]
			switch {
			case upper && lower:
				b.WriteRune('█')
			case upper:
				b.WriteRune('▀')
			case lower:
				b.WriteRune('▄')
			default:
				b.WriteByte(' ')
			}
		}
		b.WriteString("\x1b[0m\n")
	}
	_, err = io.WriteString(out, b.String())
	return err
}
