package authenticator_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/ctap/u2f"
)

// finger is a user who touches when told.
type finger struct {
	asked     chan authenticator.Prompt
	answers   chan error
	withdrawn chan struct{}
}

func (p *platform) finger() *finger {
	f := &finger{asked: make(chan authenticator.Prompt, 10), answers: make(chan error), withdrawn: make(chan struct{}, 10)}
	p.User.Answer = func(ctx context.Context, prompt authenticator.Prompt, _ bool) error {
		f.asked <- prompt
		select {
		case err := <-f.answers:
			return err
		case <-ctx.Done():
			f.withdrawn <- struct{}{}
			return ctx.Err()
		}
	}
	p.Cleanup(func() {
		p.PowerCycle() // withdraws what is still open
		p.User.Answer = nil
	})
	return f
}

// untouched polls and expects that a touch is missing.
func (p *platform) untouched(r u2f.Request) {
	p.Helper()
	if status, _ := p.poll(r); status != u2f.ConditionsNotSatisfied {
		p.Errorf("%T: %v", r, status)
	}
}

func (p *platform) touched(r u2f.Request) {
	p.Helper()
	if status, _ := p.hold(r); status != u2f.NoError {
		p.Errorf("%T: %v", r, status)
	}
}

// TestU2FPolling: one question however often the host asks, and one response for
// its answer.
func TestU2FPolling(t *testing.T) {
	p := newPlatform(t, withU2F)
	handle := p.registerU2F().KeyHandle
	for _, r := range []u2f.Request{u2fRegister(), u2fAuthenticate(handle, u2f.Enforce)} {
		p.User.Asked()
		f := p.finger()
		for range 20 {
			p.untouched(r)
			p.Clock.Advance(time.Second)
		}
		<-f.asked
		// What needs no touch does not disturb.
		p.untouched(u2fAuthenticate(handle, u2f.CheckOnly))
		p.poll(&u2f.VersionRequest{})
		p.u2f(t.Context(), []byte{0, 1})
		f.answers <- nil
		p.touched(r)
		p.untouched(r) // the answer is spent: another question
		<-f.asked
		if n := len(p.User.Asked()); n != 2 || len(f.withdrawn) != 0 {
			t.Errorf("%T: %d questions, %d withdrawn", r, n, len(f.withdrawn))
		}
		f.answers <- authenticator.ErrDenied
	}
}

// TestU2FWaitEnds: a message with a deadline is answered when it ends, and the
// question stays.
func TestU2FWaitEnds(t *testing.T) {
	p := newPlatform(t, withU2F)
	f := p.finger()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	done := make(chan u2f.Status)
	go func() {
		status, _ := p.u2f(ctx, u2fRegister().Encode())
		done <- status
	}()
	<-f.asked
	if status, _ := p.poll(u2fRegister()); status != u2f.ConditionsNotSatisfied {
		t.Errorf("a second message meanwhile: %v", status)
	}
	if status, _ := p.raw([]byte{byte(ctap.GetInfo)}); status != ctap.ErrChannelBusy {
		t.Errorf("a command meanwhile: %v", status)
	}
	cancel()
	if status := <-done; status != u2f.ConditionsNotSatisfied {
		t.Error(status)
	}
	f.answers <- nil
	p.touched(u2fRegister())
	if len(f.asked) != 0 || p.AwaitingUser() {
		t.Error("asked again")
	}
}

// TestU2FWithdrawn: what takes a question back; its touch is worth nothing.
func TestU2FWithdrawn(t *testing.T) {
	for name, between := range map[string]func(*platform, []byte){
		"getInfo":         func(p *platform, _ []byte) { p.info() },
		"unknown command": func(p *platform, _ []byte) { p.raw([]byte{0x66}) },
		"power cycle":     func(p *platform, _ []byte) { p.PowerCycle() },
		"ten seconds":     func(p *platform, _ []byte) { p.Clock.Advance(11 * time.Second) },
		"clock set back":  func(p *platform, _ []byte) { p.Clock.Advance(-time.Second) },
		"another application": func(p *platform, _ []byte) {
			p.untouched(&u2f.Register{Application: [32]byte{1}, Challenge: u2fChallenge})
		},
		"another instruction": func(p *platform, handle []byte) { p.untouched(u2fAuthenticate(handle, u2f.Enforce)) },
	} {
		for _, answered := range []bool{false, true} {
			p := newPlatform(t, withU2F)
			handle := p.registerU2F().KeyHandle
			before, _ := p.Store.List(t.Context())
			f := p.finger()
			p.untouched(u2fRegister())
			<-f.asked
			if answered {
				f.answers <- nil
			}
			between(p, handle)
			p.untouched(u2fRegister())
			<-f.asked // once more, after whatever came between
			if !answered {
				<-f.withdrawn
			}
			after, _ := p.Store.List(t.Context())
			if len(after) != len(before) {
				t.Errorf("%s: registered by a touch meant for something else", name)
			}
		}
	}
}

// TestU2FRefused: a refusal is not asked about again before somebody tries anew.
func TestU2FRefused(t *testing.T) {
	for _, refusal := range []error{authenticator.ErrDenied, authenticator.ErrTimeout, errors.New("the screen broke")} {
		p := newPlatform(t, withU2F)
		p.User.Answer = func(context.Context, authenticator.Prompt, bool) error { return refusal }
		for range 5 {
			if status, _ := p.hold(u2fRegister()); status != u2f.ConditionsNotSatisfied {
				t.Errorf("%v: %v", refusal, status)
			}
		}
		if n := len(p.User.Asked()); n != 1 {
			t.Errorf("%v: asked %d times", refusal, n)
		}
		p.User.Answer = nil
		anew := u2fRegister()
		anew.Challenge[0] ^= 1
		p.touched(anew)
		if list, _ := p.Store.List(t.Context()); len(list) != 1 {
			t.Errorf("%v: %d credentials", refusal, len(list))
		}
	}
}

// TestU2FTouchOutlivesLateWork: a touch whose work ran out of time is not lost,
// and is good for one response all the same.
func TestU2FTouchOutlivesLateWork(t *testing.T) {
	source := &leaves{leaf: newLeafSource(t).leaf, err: context.DeadlineExceeded}
	p := newPlatform(t, withU2F, func(c *authenticator.Config) { c.U2FCertificate = source })
	p.untouchedHold(u2fRegister())
	source.err = nil
	p.touched(u2fRegister())
	if n := len(p.User.Asked()); n != 1 {
		t.Errorf("asked %d times", n)
	}
	p.touched(u2fRegister())
	if n := len(p.User.Asked()); n != 1 {
		t.Errorf("the touch counted twice: asked %d times more", n)
	}
	source.err = context.DeadlineExceeded
	p.untouchedHold(u2fRegister())
	source.err = nil
	p.Clock.Advance(11 * time.Second)
	p.touched(u2fRegister())
	if n := len(p.User.Asked()); n != 2 {
		t.Errorf("asked %d times, want a second question for a touch too old", n)
	}
}

func (p *platform) untouchedHold(r u2f.Request) {
	p.Helper()
	if status, _ := p.hold(r); status != u2f.ConditionsNotSatisfied {
		p.Errorf("%T: %v", r, status)
	}
}
