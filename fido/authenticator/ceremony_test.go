package authenticator_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/authtest"
	"github.com/postern/postern/fido/authenticator/memory"
	"github.com/postern/postern/fido/ctap"
)

func TestRegisterAndSignIn(t *testing.T) {
	for _, alg := range []ctap.Algorithm{ctap.ES256, ctap.EdDSA, ctap.RS256} {
		t.Run(alg.String(), func(t *testing.T) {
			p := newPlatform(t)
			r := mcRequest()
			r.Parameters = []ctap.CredentialParameter{
				{Type: "public-key", Algorithm: -65535}, {Type: "other", Algorithm: ctap.ES256}, {Type: "public-key", Algorithm: alg},
			}
			c := p.make(r)
			if c.alg != alg {
				t.Errorf("algorithm %v, want %v", c.alg, alg)
			}
			if want := ctap.FlagUP | ctap.FlagUV | ctap.FlagAT; c.data.Flags != want {
				t.Errorf("flags %02x, want %02x", c.data.Flags, want)
			}
			if c.data.Attested.AAGUID != authtest.AAGUID || c.data.SignCount != 0 {
				t.Errorf("AAGUID %v, counter %d", c.data.Attested.AAGUID, c.data.SignCount)
			}
			for want := uint32(1); want <= 3; want++ {
				a := p.get(gaRequest(), c)
				if len(a.AuthData) != 37 || a.data.Flags != ctap.FlagUP|ctap.FlagUV || a.data.SignCount != want {
					t.Errorf("authenticator data %x, want 37 bytes, flags 05, counter %d", a.AuthData, want)
				}
				if diff := cmp.Diff(&r.User, a.User); diff != "" {
					t.Errorf("user: %s", diff)
				}
				if a.NumberOfCredentials != 0 || a.UserSelected {
					t.Errorf("numberOfCredentials %d, userSelected %v for a single credential", a.NumberOfCredentials, a.UserSelected)
				}
			}
		})
	}
}

// TestOneGesturePerCeremony: verification is also presence.
func TestOneGesturePerCeremony(t *testing.T) {
	p := newPlatform(t)
	c := p.make(mcRequest())
	p.get(gaRequest(), c)
	want := []authtest.Question{
		{Verify: true, Prompt: authenticator.Prompt{Reason: authenticator.ReasonRegister, RPID: rpID, RPName: "Example", Accounts: []ctap.User{mcRequest().User}}},
		{Verify: true, Prompt: authenticator.Prompt{Reason: authenticator.ReasonSignIn, RPID: rpID, RPName: "Example", Accounts: []ctap.User{mcRequest().User}}},
	}
	if diff := cmp.Diff(want, p.User.Asked()); diff != "" {
		t.Error(diff)
	}
}

func TestNonDiscoverable(t *testing.T) {
	p := newPlatform(t)
	r := mcRequest()
	r.Options["rk"] = false
	c := p.make(r)
	p.wantStatus(gaRequest(), ctap.ErrNoCredentials)
	g := gaRequest()
	g.AllowList = []ctap.CredentialDescriptor{
		{ID: []byte("unknown"), Type: "public-key"}, {ID: c.id, Type: "other"}, c.descriptor(),
	}
	if a := p.get(g, c); a.User != nil {
		t.Errorf("user %v for a credential that is not discoverable", a.User)
	}
	g.RPID = "example.org"
	p.wantStatus(g, ctap.ErrNoCredentials)
}

// TestWithoutVerification: names are for verified users, and the zero-touch
// search answers in silence.
func TestWithoutVerification(t *testing.T) {
	p := newPlatform(t)
	c := p.make(mcRequest())
	p.User.Asked()
	g := gaRequest()
	g.Options = nil
	a := p.get(g, c)
	if diff := cmp.Diff(&ctap.User{ID: []byte("user-1")}, a.User); diff != "" {
		t.Errorf("user without verification: %s", diff)
	}
	if a.data.Flags != ctap.FlagUP {
		t.Errorf("flags %02x, want UP alone", a.data.Flags)
	}
	if asked := p.User.Asked(); len(asked) != 1 || asked[0].Verify {
		t.Errorf("asked %v, want one question of presence", asked)
	}
	g.Options = map[string]bool{"up": false}
	g.AllowList = []ctap.CredentialDescriptor{c.descriptor()}
	if a := p.get(g, c); a.data.Flags != 0 {
		t.Errorf("flags %02x of a silent assertion, want none", a.data.Flags)
	}
	if asked := p.User.Asked(); len(asked) != 0 {
		t.Errorf("a silent assertion asked %v", asked)
	}
}

func TestSeveralAccounts(t *testing.T) {
	p := newPlatform(t)
	var creds []*credential
	for i := range 4 {
		r := mcRequest()
		r.User.ID = fmt.Appendf(nil, "user-%d", i)
		creds = append(creds, p.make(r))
	}
	first := p.get(gaRequest(), creds...)
	if first.NumberOfCredentials != 4 || string(first.User.ID) != "user-3" {
		t.Fatalf("first of %d is %s, want the newest of 4", first.NumberOfCredentials, first.User.ID)
	}
	next := []byte{byte(ctap.GetNextAssertion)}
	for i := 2; i >= 0; i-- {
		p.Clock.Advance(29 * time.Second) // each answer restarts the timer
		status, result := p.raw(next)
		if status != ctap.OK {
			t.Fatalf("getNextAssertion: %v", status)
		}
		a := p.verified(result, creds...)
		if a.NumberOfCredentials != 0 || string(a.User.ID) != fmt.Sprintf("user-%d", i) {
			t.Errorf("next is %s of %d, want user-%d", a.User.ID, a.NumberOfCredentials, i)
		}
	}
	if status, _ := p.raw(next); status != ctap.ErrNotAllowed {
		t.Errorf("after the last: %v", status)
	}

	p.get(gaRequest(), creds...)
	p.Clock.Advance(31 * time.Second)
	if status, _ := p.raw(next); status != ctap.ErrNotAllowed {
		t.Errorf("after 31 s: %v", status)
	}
	p.get(gaRequest(), creds...)
	p.info()
	if status, _ := p.raw(next); status != ctap.ErrNotAllowed {
		t.Errorf("after another command: %v", status)
	}
	g := gaRequest()
	for _, c := range creds {
		g.AllowList = append(g.AllowList, c.descriptor())
	}
	if a := p.get(g, creds...); a.NumberOfCredentials != 0 {
		t.Errorf("numberOfCredentials %d with an allow list", a.NumberOfCredentials)
	}
}

type chooser int

func (c chooser) Choose(context.Context, authenticator.Prompt) (int, error) { return int(c), nil }

func TestChooser(t *testing.T) {
	for choice, want := range map[chooser]string{0: "user-1", 1: "user-0"} {
		p := newPlatform(t, func(c *authenticator.Config) { c.Chooser = choice })
		var creds []*credential
		for i := range 2 {
			r := mcRequest()
			r.User.ID = fmt.Appendf(nil, "user-%d", i)
			creds = append(creds, p.make(r))
		}
		a := p.get(gaRequest(), creds...)
		if string(a.User.ID) != want || !a.UserSelected || a.NumberOfCredentials != 0 {
			t.Errorf("choice %d: %s, selected %v, number %d", choice, a.User.ID, a.UserSelected, a.NumberOfCredentials)
		}
	}
	p := newPlatform(t, func(c *authenticator.Config) { c.Chooser = chooser(7) })
	only := p.make(mcRequest())
	if a := p.get(gaRequest(), only); !a.UserSelected || a.NumberOfCredentials != 0 {
		t.Errorf("the only account: selected %v, number %d", a.UserSelected, a.NumberOfCredentials)
	}
	named := gaRequest()
	named.AllowList = []ctap.CredentialDescriptor{only.descriptor()}
	if a := p.get(named, only); a.UserSelected {
		t.Error("an account the platform named counts as selected")
	}
	r := mcRequest()
	r.User.ID = []byte("user-2")
	p.make(r)
	p.wantStatus(gaRequest(), ctap.ErrOperationDenied)
}

func TestOverwrite(t *testing.T) {
	p := newPlatform(t)
	old := p.make(mcRequest())
	c := p.make(mcRequest())
	if string(old.id) == string(c.id) {
		t.Error("the new credential has the old id")
	}
	if a := p.get(gaRequest(), c); a.NumberOfCredentials != 0 {
		t.Errorf("%d credentials after overwriting", a.NumberOfCredentials)
	}
	g := gaRequest()
	g.AllowList = []ctap.CredentialDescriptor{old.descriptor()}
	p.wantStatus(g, ctap.ErrNoCredentials)
}

func TestExcludeList(t *testing.T) {
	p := newPlatform(t)
	c := p.make(mcRequest())
	p.User.Asked()
	r := mcRequest()
	r.User.ID = []byte("user-2")
	r.ExcludeList = []ctap.CredentialDescriptor{{ID: c.id, Type: "other"}, {ID: []byte{1}, Type: "public-key"}}
	p.make(r)
	r.ExcludeList = append(r.ExcludeList, c.descriptor())
	p.wantStatus(r, ctap.ErrCredentialExcluded)
	r.RP.ID = "example.org" // not a credential of that relying party
	p.make(r)
}

func TestExcludeListAsksForPresence(t *testing.T) {
	p := newPlatform(t, noVerification)
	r := mcRequest()
	delete(r.Options, "uv")
	c := p.make(r)
	p.User.Asked()
	r.ExcludeList = []ctap.CredentialDescriptor{c.descriptor()}
	p.wantStatus(r, ctap.ErrCredentialExcluded)
	if asked := p.User.Asked(); len(asked) != 1 || asked[0].Reason != authenticator.ReasonExcluded {
		t.Errorf("asked %v, want one question about the excluded credential", asked)
	}
	p.User.Answer = func(context.Context, authenticator.Prompt, bool) error { return authenticator.ErrDenied }
	p.wantStatus(r, ctap.ErrOperationDenied)
}

func TestStoreFull(t *testing.T) {
	p := newPlatform(t, func(c *authenticator.Config) { c.Store = memory.New(1) })
	p.make(mcRequest())
	if n := *p.info().RemainingDiscoverableCredentials; n != 0 {
		t.Errorf("remaining %d, want 0", n)
	}
	p.make(mcRequest()) // overwrites
	r := mcRequest()
	r.User.ID = []byte("user-2")
	p.wantStatus(r, ctap.ErrKeyStoreFull)
}

func TestLongNames(t *testing.T) {
	p := newPlatform(t)
	r := mcRequest()
	r.User.Name = strings.Repeat("é", 200) // 400 bytes
	r.User.DisplayName = strings.Repeat("x", 64)
	r.User.Icon = strings.Repeat("i", 128)
	a := p.get(gaRequest(), p.make(r))
	if len(a.User.Name) > 256 || len(a.User.Name) < 64 || !utf8.ValidString(a.User.Name) || !strings.HasPrefix(r.User.Name, a.User.Name) {
		t.Errorf("name of %d bytes", len(a.User.Name))
	}
	if a.User.DisplayName != r.User.DisplayName || a.User.Icon != r.User.Icon {
		t.Error("a display name of 64 bytes or an icon of 128 did not come back")
	}
}

func TestCredProtect(t *testing.T) {
	for _, tc := range []struct {
		level uint64
		// found without verification: by allow list, and without one
		named, unnamed bool
	}{{1, true, true}, {2, true, false}, {3, false, false}} {
		p := newPlatform(t)
		r := mcRequest()
		level, err := ctap.Marshal(tc.level)
		if err != nil {
			t.Fatal(err)
		}
		r.Extensions = map[string]ctap.Raw{"credProtect": level}
		c := p.make(r)
		if got, err := ctap.DecodeUint(c.data.Extensions["credProtect"]); err != nil || got != tc.level {
			t.Errorf("level %d came back as %d, %v", tc.level, got, err)
		}
		for _, up := range []bool{true, false} {
			g := gaRequest()
			g.Options = map[string]bool{"up": up}
			if status, _ := p.send(g); (status == ctap.OK) != tc.unnamed {
				t.Errorf("level %d, up %v, unnamed: %v", tc.level, up, status)
			}
			g.AllowList = []ctap.CredentialDescriptor{c.descriptor()}
			if status, _ := p.send(g); (status == ctap.OK) != tc.named {
				t.Errorf("level %d, up %v, named: %v", tc.level, up, status)
			}
		}
		p.get(gaRequest(), c) // verified: always
	}
	for _, bad := range []uint64{0, 4} {
		p := newPlatform(t)
		r := mcRequest()
		level, err := ctap.Marshal(bad)
		if err != nil {
			t.Fatal(err)
		}
		r.Extensions = map[string]ctap.Raw{"credProtect": level}
		p.wantStatus(r, ctap.ErrInvalidParameter)
	}
}

func TestSelection(t *testing.T) {
	p := newPlatform(t)
	selection := []byte{byte(ctap.Selection)}
	if status, result := p.raw(selection); status != ctap.OK || len(result) != 0 {
		t.Errorf("selection: %v %x", status, result)
	}
	for err, want := range map[error]ctap.Status{
		authenticator.ErrDenied:  ctap.ErrOperationDenied,
		authenticator.ErrTimeout: ctap.ErrUserActionTimeout,
		context.Canceled:         ctap.ErrKeepaliveCancel,
		context.DeadlineExceeded: ctap.ErrUserActionTimeout,
	} {
		p.User.Answer = func(context.Context, authenticator.Prompt, bool) error { return err }
		if status, _ := p.raw(selection); status != want {
			t.Errorf("%v: %v, want %v", err, status, want)
		}
	}
}

// TestCancelAndBusy: a request in hand is cancelled by its context, and a second
// one is turned away meanwhile.
func TestCancelAndBusy(t *testing.T) {
	p := newPlatform(t)
	asked := make(chan struct{})
	p.User.Answer = func(ctx context.Context, _ authenticator.Prompt, _ bool) error {
		close(asked)
		<-ctx.Done()
		return ctx.Err()
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan []byte)
	go func() { done <- p.Handle(ctx, []byte{byte(ctap.Selection)}) }()
	<-asked
	if !p.AwaitingUser() {
		t.Error("AwaitingUser is false while the user is asked")
	}
	if status, _ := p.raw([]byte{byte(ctap.GetInfo)}); status != ctap.ErrChannelBusy {
		t.Errorf("second request: %v", status)
	}
	cancel()
	if resp := <-done; ctap.Status(resp[0]) != ctap.ErrKeepaliveCancel {
		t.Errorf("cancelled request: %x", resp)
	}
	if p.AwaitingUser() {
		t.Error("AwaitingUser is true with nothing in hand")
	}
}

// sealed is a store whose secrets cannot be had.
type sealed struct{ authenticator.Store }

func (sealed) Secret(context.Context, []byte) (*authenticator.Secret, error) {
	return nil, authenticator.ErrSealed
}

// TestSealedStore: a silent search is answered, with a signature that is worth
// nothing; everything else is refused.
func TestSealedStore(t *testing.T) {
	p := newPlatform(t, func(c *authenticator.Config) { c.Store = sealed{c.Store} })
	c := p.make(mcRequest())
	g := gaRequest()
	g.Options = map[string]bool{"up": false}
	g.AllowList = []ctap.CredentialDescriptor{c.descriptor()}
	status, result := p.send(g)
	if status != ctap.OK {
		t.Fatalf("silent search: %v", status)
	}
	resp, err := ctap.DecodeGetAssertionResponse(result)
	if err != nil {
		t.Fatal(err)
	}
	if c.verifies(resp) {
		t.Error("the signature verifies")
	}
	p.wantStatus(gaRequest(), ctap.ErrOperationDenied)

	// Browsers search with the token and the extensions of what they prepare.
	a := p.agree(2)
	token := p.token(a, ctap.PermitGetAssertion, rpID)
	g.PINUVAuthProtocol, g.PINUVAuthParam = &a.protocol, a.param(token)
	g.Extensions = p.raws(map[string]any{"credBlob": true})
	if status, result = p.send(g); status != ctap.OK {
		t.Fatalf("silent search with a token: %v", status)
	}
	if resp, err = ctap.DecodeGetAssertionResponse(result); err != nil {
		t.Fatal(err)
	}
	data, err := ctap.ParseAuthenticatorData(resp.AuthData)
	if err != nil || data.Flags != ctap.FlagUV || len(data.Extensions) != 0 || c.verifies(resp) {
		t.Errorf("silent search with a token: %+v, %v", data, err)
	}
	p.wantStatus(p.withHMAC(g, p.hmacInput(a, make([]byte, 32))), ctap.ErrUnsupportedOption)
}

// shut is a store that has sealed itself.
type shut struct{ authenticator.Store }

func (shut) Put(context.Context, *authenticator.Credential, *authenticator.Secret) error {
	return fmt.Errorf("put: %w", authenticator.ErrSealed)
}

func (shut) Advance(context.Context, []byte) (uint32, error) { return 0, authenticator.ErrSealed }

// TestSealedMeanwhile: a store that closes between the user's agreement and its
// use refuses, and the platform is told so.
func TestSealedMeanwhile(t *testing.T) {
	p := newPlatform(t)
	p.make(mcRequest())
	late := newPlatform(t, func(c *authenticator.Config) { c.Store = shut{p.Store} })
	late.wantStatus(mcRequest(), ctap.ErrOperationDenied)
	late.wantStatus(gaRequest(), ctap.ErrOperationDenied)
}
