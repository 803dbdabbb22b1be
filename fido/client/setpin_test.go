package client_test

import (
	"testing"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/authtest"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/fido/ctap"
)

func TestSetAndChangePIN(t *testing.T) {
	c, _, p := newPINClient(t)
	err := c.SetPIN(t.Context())
	wantName(t, "set twice", err, client.InvalidStateError)

	p.pins = []string{"0000", "147258", pin}
	if err := c.ChangePIN(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The new PIN was not typed again because the one before was wrong.
	replaced, again := fresh, wrong
	replaced.Change, again.Retries = true, 7
	wantPrompts(t, "change", p, inForce, replaced, again)
	p.pins = []string{"147258"}
	mustCreate(t, c, creation())

	if err := c.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	err = c.ChangePIN(t.Context())
	wantName(t, "change what is not set", err, client.InvalidStateError)
	c, _ = newClient(t)
	c.PIN = p.ask
	wantName(t, "set where there is none", c.SetPIN(t.Context()), client.NotSupportedError)
	wantName(t, "change where there is none", c.ChangePIN(t.Context()), client.NotSupportedError)
	if _, err := c.PINRetries(t.Context()); err == nil {
		t.Error("retries where there is no PIN")
	}
}

// TestForcedChange: an administrator demands longer PINs; the next ceremony asks
// for the old PIN, for a new one until there is one the key takes, and goes on.
func TestForcedChange(t *testing.T) {
	for name, change := range map[string]func(*ctap.Info){
		"told beforehand":   func(*ctap.Info) {},
		"told by an answer": func(i *ctap.Info) { i.ForcePINChange = nil },
	} {
		t.Run(name, func(t *testing.T) {
			c, d, p := newPINClient(t)
			c.Channel = reporting(d, change)
			p.pins = []string{pin}
			if err := c.SetMinPINLength(t.Context(), ctap.SetMinPINLengthParams{NewMinPINLength: new(uint64(6))}); err != nil {
				t.Fatal(err)
			}
			p.asked()
			p.pins = []string{pin, "147258", "1472"}
			if name == "told by an answer" {
				p.pins = append([]string{pin}, p.pins...)
			}
			r := mustCreate(t, c, creation())
			wantVerified(t, "registration", r.AuthenticatorData)
			prompts := p.asked()
			want := fresh
			want.Change, want.MinLength = true, 6
			if got := prompts[len(prompts)-1]; got != want {
				t.Errorf("prompt %+v, want %+v", got, want)
			}
			p.pins = []string{"147258"}
			if _, err := c.Get(t.Context(), request(), origin); err != nil {
				t.Error(err)
			}
		})
	}
	c, _, p := newPINClient(t)
	p.pins = []string{pin}
	if err := c.SetMinPINLength(t.Context(), ctap.SetMinPINLengthParams{ForceChangePIN: new(true)}); err != nil {
		t.Fatal(err)
	}
	p.asked()
	p.pins = []string{pin, pin, "1472"}
	mustCreate(t, c, creation())
	if prompts := p.asked(); len(prompts) != 3 || prompts[2].Problem == "" || !prompts[2].New {
		t.Errorf("the old PIN as the new one: %+v", prompts)
	}
}

func TestSettings(t *testing.T) {
	c, d, p := newPINClient(t, func(cfg *authenticator.Config) {
		cfg.Enterprise = &authenticator.Enterprise{Source: authtest.NewAuthority(t), RPIDs: []string{rpID}}
	})
	option := func(name string) bool {
		info, err := c.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return info.Options[name]
	}
	for name, set := range map[string]func() error{
		ctap.OptionAlwaysUV:   func() error { return c.ToggleAlwaysUV(t.Context()) },
		ctap.OptionEnterprise: func() error { return c.EnableEnterpriseAttestation(t.Context()) },
	} {
		p.pins = []string{pin}
		if before, err := option(name), set(); before || err != nil || !option(name) {
			t.Errorf("%s: before %v, %v", name, before, err)
		}
	}
	// Always means also where the relying party does not care.
	p.pins = []string{pin, pin}
	mustCreate(t, c, creation())
	g := request()
	g.UserVerification = client.Discouraged
	a, err := c.Get(t.Context(), g, origin)
	if err != nil {
		t.Fatal(err)
	}
	wantVerified(t, "alwaysUv", a.AuthenticatorData)

	d.Clock.Advance(authenticator.DefaultResetWindow + 1)
	err = c.Reset(t.Context())
	wantName(t, "reset too late", err, client.NotAllowedError)
	d.PowerCycle()
	if err := c.Reset(t.Context()); err != nil || option(ctap.OptionAlwaysUV) || option(ctap.OptionClientPIN) {
		t.Errorf("reset: %v", err)
	}
	// A key nobody has protected yet takes settings from anybody.
	if err := c.ToggleAlwaysUV(t.Context()); err != nil || !option(ctap.OptionAlwaysUV) {
		t.Errorf("without protection: %v", err)
	}

	c.Channel = reporting(d, func(i *ctap.Info) { delete(i.Options, ctap.OptionConfig) })
	wantName(t, "not configurable", c.ToggleAlwaysUV(t.Context()), client.NotSupportedError)
}

func TestSelect(t *testing.T) {
	for name, versions := range map[string][]string{"CTAP 2.1": {ctap.VersionFIDO20, ctap.VersionFIDO21}, "CTAP 2.0": {ctap.VersionFIDO20}} {
		c, d, _ := newPINClient(t)
		c.Channel = reporting(d, func(i *ctap.Info) { i.Versions = versions })
		d.User.Asked()
		if err := c.Select(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if asked := d.User.Asked(); len(asked) != 1 || asked[0].Reason != authenticator.ReasonSelect {
			t.Errorf("%s: asked %v", name, asked)
		}
		d.User.Answer = refusingTouch
		wantName(t, name+" refused", c.Select(t.Context()), client.NotAllowedError)
	}
}

// TestU2FOnly: a key from before FIDO2 is told by either of its answers.
func TestU2FOnly(t *testing.T) {
	c, d := newClient(t)
	c.Channel = reporting(d, func(i *ctap.Info) { i.Versions = []string{ctap.VersionU2F} })
	_, err := c.Create(t.Context(), creation(), origin)
	wantName(t, "by its versions", err, client.NotSupportedError)
	c.Channel = answering([]byte{byte(ctap.ErrInvalidCommand)})
	_, err = c.Get(t.Context(), request(), origin)
	wantName(t, "by its refusal", err, client.NotSupportedError)
}
