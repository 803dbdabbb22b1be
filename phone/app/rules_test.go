package app_test

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/link/channel"
	"github.com/postern/postern/link/workstation"
	"github.com/postern/postern/phone/app"
	"github.com/postern/postern/phone/link"
)

// TestAnswers: what the user says, or does not say, is what the computer hears; and after three times of no the computer
// is not listened to until the user says so.
func TestAnswers(t *testing.T) {
	w := newWorld(t)
	d := w.device()
	d.enrol()
	c := w.computer("LAPTOP-1")
	d.pair(c, true)
	ctx := t.Context()
	p := d.person()
	if _, err := c.platform.Create(ctx, entra("alex@example.com"), origin); err != nil {
		t.Fatal(err)
	}
	set := func(f func(app.Approval)) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.answer = f
	}
	// A biometric that gives another key approves nothing, and the question stays.
	set(func(a app.Approval) {
		if problem := d.app.Do(ctx, app.CommandApprove, []byte(`{"id":"`+a.ID+`"}`), bytes.Repeat([]byte{7}, 32)); problem == nil {
			t.Error("another key was taken")
		}
		if problem := d.app.Do(ctx, app.CommandApprove, []byte(`{"id":"`+a.ID+`"}`), nil); problem == nil {
			t.Error("no key was taken")
		}
		if problem := d.try(app.CommandApprove, app.Approve{ID: a.ID + "0"}); problem == nil || problem.Code != app.CodeRequestOver {
			t.Errorf("another id: %+v", problem)
		}
		d.do(app.CommandApprove, app.Approve{ID: a.ID})
	})
	if _, err := c.platform.Get(ctx, signIn(), origin); err != nil {
		t.Fatal(err)
	}
	set(func(a app.Approval) { d.do(app.CommandDeny, app.Deny{ID: a.ID}) })
	if _, err := c.platform.Get(ctx, signIn(), origin); ctap.StatusOf(err) != ctap.ErrOperationDenied {
		t.Errorf("denied: %v", err)
	}
	// Given up at the computer: the question goes.
	given, giveUp := context.WithCancel(ctx)
	set(func(app.Approval) { giveUp() })
	if _, err := c.platform.Get(given, signIn(), origin); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	d.await("the question gone", func(v app.View) bool { return v.Approval == nil })
	// Not answered in time.
	set(func(app.Approval) {})
	c.deadline = 5 * time.Second
	if _, err := c.platform.Get(ctx, signIn(), origin); err == nil {
		t.Error("late: no error")
	}
	d.await("the question gone", func(v app.View) bool { return v.Approval == nil && v.Activity[0].Outcome == "late" })
	c.deadline = time.Minute
	set(func(a app.Approval) { d.do(app.CommandDeny, app.Deny{ID: a.ID}) })
	if _, err := c.platform.Get(ctx, signIn(), origin); ctap.StatusOf(err) != ctap.ErrOperationDenied {
		t.Errorf("denied: %v", err)
	}
	v := d.await("the pause", func(v app.View) bool { return len(v.Notices) > 0 })
	if v.Notices[0].Code != app.CodeComputerPaused || v.Notices[0].Computer != "LAPTOP-1" || !v.Notices[0].Dismissible {
		t.Errorf("notices are %+v", v.Notices)
	}
	set(nil)
	p.costs(t, "a paused computer", 0, 0, func() error {
		if _, err := c.platform.Get(ctx, signIn(), origin); ctap.StatusOf(err) != ctap.ErrOperationDenied {
			return errors.Join(errors.New("want denied"), err)
		}
		return nil
	})
	d.do(app.CommandDismiss, app.Dismiss{Notice: v.Notices[0].ID})
	p.costs(t, "a computer that is listened to again", 1, 1, func() error { _, err := c.platform.Get(ctx, signIn(), origin); return err })
	outcomes := map[string]int{}
	for _, a := range d.screen().Activity {
		outcomes[a.Outcome]++
	}
	if outcomes["denied"] != 2 || outcomes["late"] != 1 || outcomes["cancelled"] != 1 {
		t.Errorf("outcomes are %v", outcomes)
	}
	if log := d.screen().Activity; log[0].Account != "alex@example.com" {
		t.Errorf("the log names %q", log[0].Account)
	}
	d.open() // nothing of it is lost
	if v := d.await("the log again", func(v app.View) bool { return len(v.Activity) > 0 }); len(v.Activity) < 6 || v.Computers[0].LastUsed == nil {
		t.Errorf("after a reload: %+v", v)
	}
	c.ready()
	if _, err := c.platform.Get(ctx, signIn(), origin); err != nil {
		t.Errorf("after a reload: %v", err)
	}
}

// TestTwoComputers: one request at a time, and what one computer's user accepted opens nothing for the other.
func TestTwoComputers(t *testing.T) {
	w := newWorld(t)
	d := w.device()
	d.enrol()
	one, two := w.computer("ONE"), w.computer("TWO")
	d.pair(one, false)
	d.pair(two, false)
	ctx := t.Context()
	p := d.person()
	made, err := one.platform.Create(ctx, entra("alex@example.com"), origin)
	if err != nil {
		t.Fatal(err)
	}
	busy := func(what string) {
		_, err := two.request(ctx, []byte{byte(ctap.GetInfo)})
		if refused := (*workstation.Refusal)(nil); !errors.As(err, &refused) || refused.Reason != channel.ReasonBusy {
			t.Errorf("%s: %v, want busy", what, err)
		}
	}
	p.mu.Lock()
	p.answer = func(a app.Approval) {
		busy("while the user is asked")
		d.do(app.CommandApprove, app.Approve{ID: a.ID})
	}
	p.mu.Unlock()
	serve := one.platform.Channel
	one.platform.Channel = client.ChannelFunc(func(ctx context.Context, request []byte) ([]byte, error) {
		if ctap.Command(request[0]) == ctap.GetAssertion {
			busy("between the token and the sign-in it is for")
		}
		return serve.CBOR(ctx, request)
	})
	if _, err := one.platform.Get(ctx, signIn(), origin); err != nil {
		t.Fatal(err)
	}
	silent, err := (&ctap.GetAssertionRequest{
		RPID: "login.microsoft.com", ClientDataHash: make([]byte, 32), AllowList: []ctap.CredentialDescriptor{{ID: made.ID, Type: ctap.PublicKeyType}},
		Options: map[string]bool{"up": false},
	}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := two.status(ctx, silent, ctap.OK); err != nil {
		t.Errorf("a silent search of the other: %v", err)
	}
	// Unpaired, a computer is told so and asks no more.
	for _, c := range d.screen().Computers {
		if c.Name == "TWO" {
			d.do(app.CommandRename, app.Rename{Computer: c.ID, Name: "The second"})
			d.await("the name", func(v app.View) bool {
				return v.Computers[0].Name == "The second" || v.Computers[1].Name == "The second"
			})
			d.do(app.CommandUnpair, app.Unpair{Computer: c.ID})
		}
	}
	d.await("one computer", func(v app.View) bool { return len(v.Computers) == 1 && v.Computers[0].Name == "ONE" })
	two.await("no phone", func(s workstation.Status) bool { return len(s.Phones) == 0 })
	if _, err := two.request(ctx, []byte{byte(ctap.GetInfo)}); err == nil {
		t.Error("a computer that was unpaired was answered")
	}
	// Given up at the other end, the phone says so.
	id := postern.PairingID("")
	for _, known := range one.Status().Phones {
		id = known.Pairing
	}
	if err := one.Unpair(ctx, id); err != nil {
		t.Fatal(err)
	}
	d.await("a notice", func(v app.View) bool {
		return len(v.Computers) == 0 && len(v.Notices) == 1 && v.Notices[0].Code == app.CodeComputerRemoved && v.Notices[0].Computer == "ONE"
	})
}

// TestDisabled: what the organisation switched off, the phone refuses too, and says why; pairing it lets through, with a
// warning.
func TestDisabled(t *testing.T) {
	w := newWorld(t)
	d := w.device()
	d.enrol()
	d.await("in step", func(v app.View) bool { return v.Link.State == app.LinkOnline && !v.Phone.Synced.IsZero() })
	w.setState(postern.StateDisabled)
	d.do(app.CommandVisible, app.Visible{Visible: true})
	v := d.await("the notice", func(v app.View) bool { return len(v.Notices) > 0 })
	if v.Notices[0].Code != postern.CodeIntegrationDisabled || !v.Notices[0].Grave || v.Notices[0].Dismissible {
		t.Errorf("notices are %+v", v.Notices)
	}
	d.do(app.CommandDiagnose, app.Diagnose{Persistent: true})
	v = d.await("a diagnosis", func(v app.View) bool { return len(v.Diagnosis) > 0 })
	for _, check := range v.Diagnosis {
		if want := check.Check != "integration"; check.OK != want || check.Text == "" {
			t.Errorf("diagnosis %+v", check)
		}
	}
	w.setState(postern.StateEnabled)
	d.do(app.CommandVisible, app.Visible{Visible: true})
	d.await("no notice", func(v app.View) bool { return len(v.Notices) == 0 })
}

// TestForbidden: what the organisation does not allow is refused before the user is asked, by the relay and by the phone
// itself; a computer can be paired, and the phone says that it cannot be used yet.
func TestForbidden(t *testing.T) {
	w := newWorld(t)
	d := w.device()
	d.enrol()
	c := w.computer("LAPTOP-1")
	d.pair(c, false)
	p := d.person()
	ctx := t.Context()
	if _, err := c.platform.Create(ctx, entra("alex@example.com"), origin); err != nil {
		t.Fatal(err)
	}
	refused := func(code postern.Code) {
		t.Helper()
		d.do(app.CommandVisible, app.Visible{Visible: true})
		d.await("the notice "+string(code), func(v app.View) bool { return len(v.Notices) > 0 && v.Notices[0].Code == code })
		p.costs(t, string(code), 0, 0, func() error {
			if _, err := c.platform.Get(ctx, signIn(), origin); err == nil {
				return errors.New("the sign-in went through")
			}
			if answer := d.app.Answer(ctx, &link.Request{Workstation: c.Status().ID, Session: 1, CTAP: []byte{byte(ctap.GetInfo)}}); answer.Reason != channel.ReasonNotAllowed {
				return errors.New("the phone itself answers")
			}
			return nil
		})
	}
	w.setState(postern.StateDisabled)
	refused(postern.CodeIntegrationDisabled)
	other := w.computer("LAPTOP-2")
	d.await("online", func(v app.View) bool { return v.Link.State == app.LinkOnline })
	other.await("the relay", func(s workstation.Status) bool { return s.Connected })
	pairing, err := other.Pair(ctx, false)
	if err != nil {
		t.Fatal(err)
	}
	defer pairing.Close()
	d.do(app.CommandPair, app.Pair{Text: pairing.URL()})
	v := d.await("the digits", func(v app.View) bool {
		return v.Pairing != nil && (v.Pairing.Step == app.PairingCompare || v.Pairing.Step == app.PairingFailed)
	})
	if v.Pairing.Notice == nil || v.Pairing.Notice.Code != postern.CodeIntegrationDisabled || v.Pairing.Step != app.PairingCompare {
		t.Errorf("pairing is %+v", v.Pairing)
	}
	d.do(app.CommandDifferent, app.Different{})
	d.await("that it was refused", func(v app.View) bool { return v.Pairing.Step == app.PairingFailed && v.Pairing.Problem != nil })
	d.do(app.CommandClose, app.Close{})
	w.setState(postern.StateEnabled)
	restrict := func(on bool) {
		t.Helper()
		var err error
		w.integration, err = w.admin.SetLoginSettings(ctx, w.integration.ID, postern.LoginSettings{Version: w.integration.Version, RestrictDomains: on, Domains: []string{"another.example"}})
		if err != nil {
			t.Fatal(err)
		}
	}
	restrict(true)
	refused(postern.CodeDomainRefused)
	restrict(false)
	d.do(app.CommandVisible, app.Visible{Visible: true})
	d.await("no notice", func(v app.View) bool { return len(v.Notices) == 0 })
	c.ready()
	if _, err := c.platform.Get(ctx, signIn(), origin); err != nil {
		t.Errorf("allowed again: %v", err)
	}
}

// TestPush: a subscription reaches the control center, and goes from there.
func TestPush(t *testing.T) {
	w := newWorld(t)
	d := w.device()
	d.enrol()
	d.await("in step", func(v app.View) bool {
		return !v.Phone.Synced.IsZero() && len(v.Push.PublicKey) > 0 && !v.Push.Subscribed
	})
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := &postern.PushSubscription{Endpoint: "https://push.example.com/send/1", P256DH: key.PublicKey().Bytes(), Auth: make([]byte, 16)}
	broken := *s
	broken.P256DH = make([]byte, 65)
	if p := d.try(app.CommandPush, app.Subscribe{Subscription: &broken}); p == nil {
		t.Error("a key that is none was taken")
	}
	d.do(app.CommandPush, app.Subscribe{Subscription: s})
	d.await("the subscription", func(v app.View) bool { return v.Push.Subscribed })
	d.open()
	d.await("it again", func(v app.View) bool { return v.Phone != nil && v.Push.Subscribed })
	d.do(app.CommandPush, app.Subscribe{})
	d.await("its end", func(v app.View) bool { return !v.Push.Subscribed })
}

// TestWrongClock: a phone whose clock is wrong works all the same, by the control center's time, and the diagnosis says so.
func TestWrongClock(t *testing.T) {
	for _, ahead := range []time.Duration{time.Hour, -time.Hour} {
		t.Run(ahead.String(), func(t *testing.T) {
			w := newWorld(t)
			d := w.device()
			d.setAhead(ahead)
			d.enrol()
			c := w.computer("LAPTOP-1")
			d.pair(c, false)
			p := d.person()
			if _, err := c.platform.Create(t.Context(), entra("alex@example.com"), origin); err != nil {
				t.Error(err)
			}
			p.leave()
			for _, a := range p.asked {
				if left := a.Deadline.Sub(a.Asked); left <= 0 || left > 2*time.Minute {
					t.Errorf("the screen counts down from %v", left)
				}
			}
			d.do(app.CommandDiagnose, app.Diagnose{Persistent: true})
			v := d.await("a diagnosis", func(v app.View) bool { return len(v.Diagnosis) > 0 })
			for _, check := range v.Diagnosis {
				if check.OK == (check.Check == "clock") {
					t.Errorf("diagnosis %+v", check)
				}
			}
		})
	}
}

// TestOffline: without a network the app starts, shows what it knows and takes names; it connects when it is shown again.
func TestOffline(t *testing.T) {
	w := newWorld(t)
	d := w.device()
	d.enrol()
	c := w.computer("LAPTOP-1")
	d.pair(c, false)
	d.await("what the computer is", func(v app.View) bool { return len(v.Computers) == 1 && v.Computers[0].Join != "" })
	d.setDown(true)
	d.open()
	v := d.await("offline", func(v app.View) bool { return v.Link.State == app.LinkOffline })
	if len(v.Computers) != 1 || v.Computers[0].Join == "" || v.Phone.Application != "Postern" || len(v.Keys) != 1 {
		t.Errorf("offline the app shows %+v", v)
	}
	d.do(app.CommandRename, app.Rename{Computer: v.Computers[0].ID, Name: "At home"})
	d.do(app.CommandDiagnose, app.Diagnose{Persistent: true, Missing: []string{"push"}})
	v = d.await("a diagnosis", func(v app.View) bool { return len(v.Diagnosis) > 0 })
	bad := map[string]bool{}
	for _, check := range v.Diagnosis {
		if !check.OK {
			bad[check.Check] = true
		}
	}
	if !bad["network"] || !bad["control center"] || !bad["relay"] || !bad["browser"] || bad["gate"] || bad["storage"] {
		t.Errorf("diagnosis %+v", v.Diagnosis)
	}
	if p := d.try(app.CommandForget, app.Forget{}); p == nil || d.screen().Phone == nil {
		t.Error("a phone that could not be revoked was forgotten")
	}
	d.setDown(false)
	d.do(app.CommandVisible, app.Visible{Visible: true})
	d.await("online", func(v app.View) bool { return v.Link.State == app.LinkOnline && v.Computers[0].Name == "At home" })
	d.do(app.CommandForget, app.Forget{})
	d.await("the first start", func(v app.View) bool { return v.Setup != nil && v.Phone == nil && len(v.Computers) == 0 })
	records, err := d.backing.Read(t.Context())
	if err != nil || len(records) != 1 {
		t.Errorf("%d records are left, %v", len(records), err)
	}
	d.enrol() // and from the beginning
}
