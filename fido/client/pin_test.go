package client_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/ctap/pinuvauth"
)

var (
	inForce = client.PINPrompt{MinLength: 4, MaxLength: 63, Retries: 8}
	wrong   = client.PINPrompt{MinLength: 4, MaxLength: 63, Wrong: true, Problem: "The PIN is wrong."}
	fresh   = client.PINPrompt{New: true, MinLength: 4, MaxLength: 63}
)

func wantPrompts(t *testing.T, what string, p *person, want ...client.PINPrompt) {
	t.Helper()
	if diff := cmp.Diff(want, p.asked()); diff != "" {
		t.Errorf("%s: prompts (-want +got)\n%s", what, diff)
	}
}

func wantVerified(t *testing.T, what string, authData []byte) {
	t.Helper()
	if authData[32]&byte(ctap.FlagUV) == 0 {
		t.Errorf("%s: the user was not verified", what)
	}
}

// TestCeremoniesByPIN: a key without a PIN is given one at its first
// registration and takes it from then on, whichever way it gives tokens.
func TestCeremoniesByPIN(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*ctap.Info)
		want   uint64
	}{
		{"protocol 2", func(i *ctap.Info) { i.PINUVAuthProtocols = []uint64{pinuvauth.Two} }, ctap.GetTokenUsingPIN},
		{"protocol 1", func(i *ctap.Info) { i.PINUVAuthProtocols = []uint64{9, pinuvauth.One} }, ctap.GetTokenUsingPIN},
		{"CTAP 2.0", withoutTokens, ctap.GetPINToken},
	} {
		t.Run(tc.name, func(t *testing.T) {
			none := authenticator.VerificationNone
			c, d := newClient(t, func(cfg *authenticator.Config) { cfg.PIN = true })
			d.User.State = &none
			var seen []uint64
			c.Channel = subcommands(reporting(d, tc.change), &seen)
			p := &person{pins: []string{pin, pin, pin}}
			c.PIN = p.ask
			r := mustCreate(t, c, creation())
			wantVerified(t, "registration", r.AuthenticatorData)
			wantPrompts(t, "registration", p, fresh)

			g := request()
			g.Extensions.PRF = &client.PRFInput{Eval: &client.PRFValues{First: []byte("a")}}
			a, err := c.Get(t.Context(), g, origin)
			if err != nil {
				t.Fatal(err)
			}
			wantVerified(t, "assertion", a.AuthenticatorData)
			wantPrompts(t, "assertion", p, inForce)
			g.AllowCredentials = []client.Descriptor{{ID: []byte("other"), Type: "public-key"}, {ID: r.ID, Type: "public-key"}}
			g.Extensions.PRF.ByCredential = map[string]client.PRFValues{client.Bytes(r.ID).String(): {First: []byte("a")}}
			again, err := c.Get(t.Context(), g, origin)
			if err != nil || !bytes.Equal(again.Extensions.PRF.Results.First, a.Extensions.PRF.Results.First) {
				t.Errorf("prf of the credential found: %v, %v", again, err)
			}
			if !slices.Contains(seen, ctap.SetPIN) || !slices.Contains(seen, tc.want) {
				t.Errorf("subcommands %v, want one %d", seen, tc.want)
			}
		})
	}
}

func TestWrongPIN(t *testing.T) {
	c, d, p := newPINClient(t)
	p.pins = []string{"0000", pin}
	mustCreate(t, c, creation())
	after := wrong
	after.Retries = 7
	wantPrompts(t, "once", p, inForce, after)
	if r, err := c.PINRetries(t.Context()); err != nil || r != (client.PINRetries{Left: 8}) {
		t.Errorf("after the right one %+v, %v", r, err)
	}

	blocked := func(what string, status ctap.Status, sentence string) {
		t.Helper()
		_, err := c.Get(t.Context(), request(), origin)
		wantName(t, what, err, client.NotAllowedError)
		if ctap.StatusOf(err) != status || !strings.Contains(err.Error(), sentence) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, n := range []int{3, 3} {
		p.pins = slices.Repeat([]string{"0000"}, n)
		blocked("wrong three times", ctap.ErrPINAuthBlocked, "unplug the security key, plug it in again")
		if got := len(p.asked()); got != n {
			t.Errorf("asked %d times", got)
		}
		blocked("still plugged in", ctap.ErrPINAuthBlocked, "unplug the security key")
		wantPrompts(t, "still plugged in", p)
		d.PowerCycle()
	}
	p.pins = []string{"0000", "0000", "0000"}
	blocked("wrong eight times", ctap.ErrPINBlocked, "reset the security key")
	if got := len(p.asked()); got != 2 {
		t.Errorf("asked %d times, want the two that were left", got)
	}
	blocked("blocked from the start", ctap.ErrPINBlocked, "reset the security key")
	wantPrompts(t, "blocked", p)
}

// TestRetriesNotTold: an authenticator that keeps the number to itself.
func TestRetriesNotTold(t *testing.T) {
	for name, answer := range map[string][]byte{"refused": {byte(ctap.ErrInvalidSubcommand)}, "left out": {0}} {
		c, d, p := newPINClient(t)
		c.Channel = replacing(t, d, ctap.ClientPIN, func(request []byte) ([]byte, error) {
			if r, err := ctap.DecodeClientPINRequest(request[1:]); err != nil || r.Subcommand == ctap.GetPINRetries {
				return answer, err
			}
			return d.Handle(t.Context(), request), nil
		})
		p.pins = []string{pin}
		mustCreate(t, c, creation())
		unknown := inForce
		unknown.Retries = 0
		wantPrompts(t, name, p, unknown)
	}
}

// TestPINBeforeItIsSent: what cannot be a PIN costs no attempt, and a person
// hears why.
func TestPINBeforeItIsSent(t *testing.T) {
	c, _, p := newPINClient(t)
	p.pins = []string{"258", strings.Repeat("1", 64), strings.Repeat("é", 32), "12\xff4", "1234\x00", strings.Repeat("1", 1000), pin}
	mustCreate(t, c, creation())
	prompts := p.asked()
	for i, q := range prompts {
		if q.Retries != 8 || q.Wrong || (q.Problem == "") != (i == 0) {
			t.Errorf("prompt %d: %+v", i, q)
		}
	}
	if len(prompts) != 7 {
		t.Errorf("asked %d times", len(prompts))
	}
	p.pins = slices.Repeat([]string{"1"}, 100)
	_, err := c.Get(t.Context(), request(), origin)
	wantName(t, "a person who does not learn", err, client.NotAllowedError)
}

// TestPINNormalForm: two ways to type the same characters are one PIN.
func TestPINNormalForm(t *testing.T) {
	c, _, p := newPINClient(t)
	p.pins = []string{pin, "e\u0301te\u0301s"}
	if err := c.ChangePIN(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.pins = []string{"\u00e9t\u00e9s"}
	mustCreate(t, c, creation())
}

func TestNobodyToAsk(t *testing.T) {
	c, _, p := newPINClient(t)
	p.pins = []string{pin}
	r := mustCreate(t, c, creation())
	_, err := c.Get(t.Context(), request(), origin)
	wantName(t, "gives up", err, client.NotAllowedError)
	if !errors.Is(err, errGivesUp) {
		t.Errorf("the cause is lost: %v", err)
	}
	c.PIN = nil
	_, err = c.Get(t.Context(), request(), origin)
	wantName(t, "nobody there", err, client.NotAllowedError)
	_, err = c.Create(t.Context(), creation(), origin)
	wantName(t, "nobody there at registration", err, client.NotAllowedError)

	g := request()
	g.UserVerification = client.Preferred
	a, err := c.Get(t.Context(), g, origin)
	if err != nil || !bytes.Equal(a.ID, r.ID) || a.AuthenticatorData[32]&byte(ctap.FlagUV) != 0 {
		t.Errorf("preferred: %v, %v", a, err)
	}
	o := creation()
	o.Selection.UserVerification = client.Preferred
	_, err = c.Create(t.Context(), o, origin)
	wantName(t, "preferred at registration", err, client.NotAllowedError)
	if ctap.StatusOf(err) != ctap.ErrPUATRequired {
		t.Errorf("preferred at registration: %v", err)
	}
}
