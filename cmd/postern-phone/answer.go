package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/internal/cli"
	"github.com/postern/postern/phone"
	"github.com/postern/postern/phone/link"
)

// answerCmd answers workstations.
type answerCmd struct {
	AutoTouch bool `help:"Agree to everything without asking. For tests only: any program on a paired workstation can then use the passkeys without anybody noticing."`
}

// How often the control center is asked although it has no news, and how soon after it was not reached.
const (
	syncEvery  = 5 * time.Minute
	firstAgain = 2 * time.Second
	lastAgain  = time.Minute
)

// Run answers until it is stopped, or the control center no longer takes the phone.
func (c *answerCmd) Run(ctx context.Context, std cli.Streams, o *options) (err error) {
	v, err := o.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.close()) }()
	p, err := v.phone()
	if err != nil {
		return err
	}
	self, err := v.inStep(ctx, p)
	if err != nil {
		return err
	}
	e := newEvents()
	d := newDesk(v.passkeys, c.answerer(std), std.Err, func(id []byte, made bool) {
		if made {
			signal(e.news)
			return
		}
		v.noteUse(id)
		signal(e.used)
	})
	d.codes = &codeKeeper{v: v, phone: p, acts: e.acts}
	d.learn(self)
	if d.link, err = v.link(p, e, d.handle); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	var linking sync.WaitGroup
	linking.Go(func() { _ = d.link.Run(ctx) }) // it ends with ctx
	defer func() {
		stop()
		linking.Wait()
		err = errors.Join(err, v.keepUses(context.WithoutCancel(ctx)))
	}()
	s := &service{v: v, phone: p, desk: d, events: e, std: std, json: o.JSON}
	if c.AutoTouch {
		fmt.Fprintln(std.Err, "note: --auto-touch agrees to whatever a paired workstation asks. It is for tests, and for no phone that matters.")
	}
	if err := s.follow(ctx); ctx.Err() == nil {
		return err
	}
	return nil
}

// answerer finds who answers.
func (c *answerCmd) answerer(std cli.Streams) answerer {
	if c.AutoTouch {
		return autoTouch{authenticator.VerificationReady}
	}
	// The link ends a question at the deadline of its request.
	return &terminal{verification: authenticator.VerificationReady, out: std.Err, in: std.In, limit: time.Hour, lines: make(chan string)}
}

// service keeps the phone in step with the control center while the link is up.
type service struct {
	v      *vault
	phone  *phone.Phone
	desk   *desk
	events events
	std    cli.Streams
	json   bool
	shown  string // what was told last
}

// follow acts upon news and tells how the link stands, until ctx ends or the phone is refused for good.
func (s *service) follow(ctx context.Context) error {
	again, wait := firstAgain, time.Duration(0)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		if err := s.tell(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.events.changed:
			if err := s.refused(s.desk.linkChanged()); err != nil {
				return err
			}
			continue
		case a := <-s.events.acts:
			a.done <- a.do()
			continue
		case <-s.events.used:
			if err := s.v.keepUses(ctx); err != nil {
				return err
			}
			continue
		case <-s.events.news:
		case <-timer.C:
		}
		if err := s.inStep(ctx); err == nil {
			wait, again = syncEvery, firstAgain
		} else if postern.IsCode(err, postern.CodePhoneRevoked) || postern.IsCode(err, postern.CodePhoneUnknown) {
			return err
		} else {
			wait, again = again, min(2*again, lastAgain)
		}
		timer.Reset(wait)
	}
}

// refused is a refusal of the link that asking again does not help. Others pass, and the link tries again by itself.
func (s *service) refused(status link.Status) error {
	switch e := status.Problem; {
	case e == nil:
		return nil
	case e.Code == postern.CodePhoneRevoked, e.Code == postern.CodePhoneUnknown, e.Code == postern.CodeLinkReplaced:
		return e
	}
	return nil
}

// inStep asks the control center for all it has to say, and reports passkeys that were made.
func (s *service) inStep(ctx context.Context) error {
	self, err := s.v.inStep(ctx, s.phone)
	if err != nil {
		return err
	}
	s.desk.learn(self)
	s.desk.link.SetWorkstations(s.v.workstations())
	return s.report(ctx, self)
}

// report tells the control center of passkeys made at Security info, once each. Which those are follows from what the phone
// holds, so nothing has to be remembered before a passkey is given out.
func (s *service) report(ctx context.Context, self postern.PhoneSelf) error {
	held, err := s.v.passkeys.List(ctx)
	if err != nil {
		return err
	}
	known := slices.Clone(s.v.content.Link.Reported)
	for _, k := range self.Passkeys {
		known = append(known, k.CredentialID)
	}
	for _, pending := range s.phone.State.Pending {
		known = append(known, pending.CredentialID)
	}
	for _, c := range held {
		if c.RP.ID != postern.EntraRPID || slices.ContainsFunc(known, func(id postern.Bytes) bool { return slices.Equal(id, c.ID) }) {
			continue
		}
		err := s.phone.API.ReportPasskey(ctx, c.ID)
		if postern.IsCode(err, postern.CodeUnavailable) || postern.IsCode(err, postern.CodeTooMany) || postern.IsCode(err, postern.CodeInternal) || ctx.Err() != nil {
			return err
		}
		if err != nil {
			s.say("The control center does not take the passkey of " + accountName(c.User) + ": " + err.Error())
		}
		s.v.content.Link.Reported = append(s.v.content.Link.Reported, c.ID)
		if err := s.v.save(); err != nil {
			return err
		}
	}
	return nil
}

// standing is how the link stands, as --json prints it in a line.
type standing struct {
	State link.State `json:"state"`
	Here  []string   `json:"here"` // names of the paired workstations that are there
}

// tell tells how the link stands, where that has changed.
func (s *service) tell() error {
	status := s.desk.link.Status()
	now := standing{State: status.State, Here: []string{}}
	for id, present := range status.Present {
		if name, paired := s.desk.name(id); present && paired {
			now.Here = append(now.Here, name)
		}
	}
	slices.Sort(now.Here)
	line, err := json.Marshal(now)
	if err != nil || string(line) == s.shown {
		return err
	}
	s.shown = string(line)
	if s.json {
		_, err = fmt.Fprintln(s.std.Out, s.shown)
		return err
	}
	switch {
	case status.Problem != nil:
		s.say("The control center refuses the phone: " + cli.Clean(status.Problem.Message))
	case now.State == link.Connecting:
		s.say("Connecting.")
	case now.State != link.Online:
		s.say("Not connected.")
	case len(now.Here) == 0:
		s.say("Connected. No paired workstation is there.")
	default:
		s.say("Connected. There is " + cli.Clean(strings.Join(now.Here, ", ")) + ".")
	}
	return nil
}

func (s *service) say(text string) {
	if s.json {
		return
	}
	fmt.Fprintln(s.std.Out, text)
}

// names are those of the paired workstations, as the control center has them.
func names(self postern.PhoneSelf) map[postern.WorkstationID]string {
	return maps.Collect(func(yield func(postern.WorkstationID, string) bool) {
		for _, w := range self.Pairings {
			if !yield(w.Pairing.WorkstationID, w.Name) {
				return
			}
		}
	})
}
