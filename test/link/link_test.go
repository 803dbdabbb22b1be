package link

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/postern/postern"
	"github.com/postern/postern/link/channel"
	"github.com/postern/postern/link/relay"
	"github.com/postern/postern/link/workstation"
)

func (w *world) pair(d *desk, p *phone, typed bool) {
	w.Helper()
	pairing, err := d.Pair(w.Context(), typed)
	if err != nil {
		w.Fatal(err)
	}
	text := pairing.URL()
	if typed {
		text = pairing.Code()
	}
	paired := make(chan error, 1)
	go func() {
		_, err := p.Pair(w.Context(), text, p)
		paired <- err
	}()
	c, err := pairing.Wait(w.Context())
	if err != nil {
		w.Fatal(err, <-paired)
	}
	if digits := <-p.digits; digits != c.Digits || c.Name != "Pixel" {
		w.Fatalf("the workstation shows %+v, the phone %s", c, digits)
	}
	confirmed := make(chan error, 1)
	go func() { confirmed <- pairing.Confirm(w.Context()) }()
	p.compare <- nil
	if err := errors.Join(<-confirmed, <-paired); err != nil {
		w.Fatal(err)
	}
}

func ready(s workstation.Status) bool { return len(s.Phones) == 1 && s.Phones[0].Ready }

func TestWorkstationAndPhone(t *testing.T) {
	w := newWorld(t)
	d, p := w.desk(), w.phone()
	d.until("connected", func(s workstation.Status) bool { return s.Connected && s.Application == "Postern" })
	ctx := t.Context()

	ask := func(ctx context.Context, asked func(string)) ([]byte, error) {
		return d.Request(ctx, p.id, workstation.Request{CTAP: []byte{4, 1}, Program: "Edge", Asked: asked})
	}
	answers := func(when string) {
		t.Helper()
		var number string
		ctap, err := ask(ctx, func(n string) { number = n })
		if err != nil || !bytes.Equal(ctap, []byte{0, 4, 1}) {
			t.Fatalf("%s: %x, %v", when, ctap, err)
		}
		p.set(func() {
			if last := p.seen[len(p.seen)-1]; number != "" && last.Number != number || last.Program != "Edge" {
				t.Errorf("%s: the workstation shows %q, the phone %+v", when, number, last)
			}
		})
	}

	for _, typed := range []bool{false, true} { // the second replaces the first
		w.pair(d, p, typed)
		d.until("ready", ready)
		if got := d.Status().Phones[0]; got.UPN != p.upn || got.Phase != postern.PhasePaired || !got.Incomplete {
			t.Errorf("%+v", got)
		}
		answers("paired")
	}

	// Cancelled: the phone takes it off its screen, and takes the next.
	p.set(func() { p.lies = true })
	asking, cancel := context.WithCancel(ctx)
	if _, err := ask(asking, func(string) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	p.set(func() { p.lies = false })
	answers("after a cancel")

	// The app is closed: it is woken, comes and answers.
	p.close()
	d.until("gone", func(s workstation.Status) bool { return s.Phones[0].Presence == relay.Gone })
	if _, err := d.Request(ctx, p.id, workstation.Request{CTAP: []byte{4}, Waking: p.open}); err != nil {
		t.Error(err)
	}
	d.until("back", ready)

	// The integration is disabled and enabled again.
	w.set(postern.StateDisabled)
	d.until("told that the integration is disabled", func(s workstation.Status) bool {
		return s.Notice != nil && s.Notice.Code == postern.CodeIntegrationDisabled && s.Phones[0].Presence == relay.Gone
	})
	if _, err := ask(ctx, nil); !postern.IsCode(err, postern.CodeIntegrationDisabled) {
		t.Error(err)
	}
	w.set(postern.StateEnabled)
	d.until("told that the integration is enabled", func(s workstation.Status) bool { return s.Notice == nil && ready(s) })
	answers("enabled again")

	// The user refuses on the phone that digits are the same.
	second, err := d.Pair(ctx, false)
	if err != nil {
		t.Fatal(err)
	}
	p.compare <- errors.New("they differ")
	if _, err := p.Pair(ctx, second.URL(), p); err == nil {
		t.Error("the phone paired with other digits")
	}
	<-p.digits
	if _, err := second.Wait(ctx); err != nil {
		t.Error(err)
	}
	if err := second.Confirm(ctx); !postern.IsCode(err, postern.CodePairingOver) {
		t.Error(err)
	}
	answers("after a pairing that failed")

	// Revoked.
	if err := d.Leave(ctx); err != nil {
		t.Fatal(err)
	}
	if err := <-d.ended; !postern.IsCode(err, postern.CodeWorkstationRevoked) {
		t.Errorf("Run ended with %v", err)
	}
	var refused *workstation.Refusal
	if _, err := ask(ctx, nil); err == nil || errors.As(err, &refused) && refused.Reason == channel.ReasonBusy {
		t.Error(err)
	}
}
