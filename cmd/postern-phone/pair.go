package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/cli"
	"github.com/postern/postern/link/channel"
	"github.com/postern/postern/phone/link"
)

// pairCmd pairs with a workstation.
type pairCmd struct {
	Code    string `arg:"" optional:"" help:"Text of the QR code, or the twelve characters to type; the first line of standard input if left out."`
	Compare bool   `help:"Do not ask whether the digits are the same: read those of the workstation from standard input and compare them. For scripts."`
}

// Run pairs.
func (c *pairCmd) Run(ctx context.Context, std cli.Streams, o *options) (err error) {
	v, err := o.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.close()) }()
	s := &pairingAtTerminal{std: std, json: o.JSON, compare: c.Compare, lines: make(chan string), v: v}
	go s.read()
	if c.Code == "" {
		fmt.Fprint(std.Err, "Code of the workstation: ")
		if c.Code, err = s.line(ctx); err != nil {
			return err
		}
	}
	p, err := v.phone()
	if err != nil {
		return err
	}
	if _, err := v.inStep(ctx, p); err != nil {
		return err
	}
	e := newEvents()
	l, err := v.link(p, e, func(context.Context, *link.Request) link.Answer { return link.Answer{Reason: channel.ReasonLocked} })
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = l.Run(ctx) // it ends with ctx
	}()
	defer func() {
		cancel(nil)
		<-ended
	}()
	if err := online(ctx, l, e); err != nil {
		return err
	}
	go refusals(ctx, l, e, cancel)
	done, err := l.Pair(ctx, c.Code, s)
	if err = s.settle(done, err); err != nil {
		if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
			return cause
		}
		return err
	}
	return s.finish(done)
}

// connectTime is how long the relay may take to welcome the phone.
const connectTime = 20 * time.Second

// online waits until the relay has welcomed the phone.
func online(ctx context.Context, l *link.Link, e events) error {
	late := time.NewTimer(connectTime)
	defer late.Stop()
	for {
		switch s := l.Status(); {
		case s.State == link.Online:
			return nil
		case s.Problem != nil:
			return s.Problem
		}
		select {
		case <-e.changed:
		case <-late.C:
			return postern.Errorf(postern.CodeUnavailable, "The relay cannot be reached.").WithNext("Check the network, and whether a proxy lets WebSockets through.")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// refusals gives up when the control center refuses the phone.
func refusals(ctx context.Context, l *link.Link, e events, cancel context.CancelCauseFunc) {
	for {
		if s := l.Status(); s.Problem != nil {
			cancel(s.Problem)
			return
		}
		select {
		case <-e.changed:
		case <-ctx.Done():
			return
		}
	}
}

// pairingAtTerminal is a pairing, and whoever compares its digits.
type pairingAtTerminal struct {
	std           cli.Streams
	json, compare bool
	lines         chan string
	v             *vault
	pairing       postern.PairingID
}

var _ link.Person = (*pairingAtTerminal)(nil)

// maxInput is more than a code and an answer take.
const maxInput = 4096

// read ends with the input; a read of a terminal cannot be stopped, so it may outlive the command.
func (s *pairingAtTerminal) read() {
	defer close(s.lines)
	for in := bufio.NewScanner(io.LimitReader(s.std.In, maxInput)); in.Scan(); {
		s.lines <- strings.TrimSpace(in.Text())
	}
}

// line waits for a line.
func (s *pairingAtTerminal) line(ctx context.Context) (string, error) {
	select {
	case line, ok := <-s.lines:
		if !ok {
			return "", postern.Errorf(postern.CodeConflict, "Standard input ended before it gave an answer, so nothing was paired.").
				WithNext("Run the command at a terminal, or give it the workstation's digits with --compare.")
		}
		return line, nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// step is one step as --json prints it, in a line.
type step struct {
	Step        string                `json:"step"` // compare or done
	Pairing     postern.PairingID     `json:"pairing"`
	Workstation postern.WorkstationID `json:"workstation_id"`
	Name        string                `json:"name"`
	Software    string                `json:"software"`
	Digits      string                `json:"digits,omitempty"`
}

// Joined implements [link.Person].
func (s *pairingAtTerminal) Joined(c link.Candidate) {
	s.pairing = c.Pairing
	notice(s.std, c.Notice)
}

// Compare implements [link.Person]. With --compare the digits are not told: whoever answers has them from the workstation.
func (s *pairingAtTerminal) Compare(ctx context.Context, c link.Candidate) error {
	if s.json {
		at := step{"compare", c.Pairing, c.ID, c.Name, c.Software, c.Digits}
		if s.compare {
			at.Digits = ""
		}
		if err := json.NewEncoder(s.std.Out).Encode(at); err != nil {
			return err
		}
	}
	if !s.compare {
		fmt.Fprintf(s.std.Err, "Does %s show the digits %s? [y/N] ", cli.Clean(c.Name), c.Digits)
	}
	line, err := s.line(ctx)
	if err != nil {
		return err
	}
	same := line == c.Digits
	if !s.compare {
		same = slices.Contains([]string{"y", "yes"}, strings.ToLower(line))
	}
	if !same {
		return link.ErrDifferent
	}
	if !s.json {
		fmt.Fprintln(s.std.Err, "Confirm the digits at the workstation too.")
	}
	return nil
}

// Keep implements [link.Person].
func (s *pairingAtTerminal) Keep(_ context.Context, c link.Candidate) error {
	l := &s.v.content.Link
	if l.Workstations == nil {
		l.Workstations = map[postern.PairingID]workstation{}
	}
	l.Workstations[c.Pairing] = workstation{ID: c.ID, Key: slices.Clone(c.Key[:]), Name: c.Name, Unconfirmed: true}
	return s.v.save()
}

// settle keeps a pairing that counts, in place of one the same workstation had before, and none that came to nothing.
func (s *pairingAtTerminal) settle(c link.Candidate, err error) error {
	l := &s.v.content.Link
	if err != nil {
		if l.Workstations[s.pairing].Unconfirmed {
			delete(l.Workstations, s.pairing)
			err = errors.Join(err, s.v.save())
		}
		if errors.Is(err, link.ErrDifferent) {
			return postern.Errorf(postern.CodePairingState, "The digits were not the same, so nothing was paired.").
				WithNext("Show a new code at the workstation and try once more. If the digits differ again, somebody may stand in between: tell your help desk.")
		}
		return err
	}
	for id, w := range l.Workstations {
		if w.ID == c.ID && id != c.Pairing {
			delete(l.Workstations, id)
		}
	}
	w := l.Workstations[c.Pairing]
	w.Unconfirmed = false
	l.Workstations[c.Pairing] = w
	return s.v.save()
}

// finish says what is left to do.
func (s *pairingAtTerminal) finish(c link.Candidate) error {
	if s.json {
		return json.NewEncoder(s.std.Out).Encode(step{Step: "done", Pairing: c.Pairing, Workstation: c.ID, Name: c.Name, Software: c.Software})
	}
	if _, err := fmt.Fprintf(s.std.Out, "This phone is paired with %s.\n", cli.Clean(c.Name)); err != nil {
		return err
	}
	notice(s.std, c.Notice)
	fmt.Fprintln(s.std.Err, "It is a security key there while postern-phone answer runs.")
	return nil
}
