package vault_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"testing"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/phone/vault"
)

const (
	rpID   = "login.microsoft.com"
	origin = "https://login.microsoft.com"
)

// owner is the person with the phone. Where a question needs the vault, the biometric opens it.
type owner struct {
	b      *bench
	raised int // biometrics that opened the vault
	asked  int
	refuse error
}

func (o *owner) Verification() authenticator.Verification { return authenticator.VerificationReady }

func (o *owner) Present(ctx context.Context, p authenticator.Prompt) error { return o.Verify(ctx, p) }

func (o *owner) Verify(ctx context.Context, p authenticator.Prompt) error {
	o.asked++
	if o.refuse != nil {
		return o.refuse
	}
	if !vault.NeedsUnlock(p.Reason) {
		return nil
	}
	o.raised++
	return o.b.Unlock(ctx, output(1), 0)
}

// phone is the real authenticator on a vault, with a real client platform in front.
type phone struct {
	*bench
	owner    *owner
	platform *client.Client
	answer   func(request []byte) []byte
}

func newPhone(t *testing.T) *phone {
	t.Helper()
	b := newBench(t)
	p := &phone{bench: b, owner: &owner{b: b}}
	a, err := authenticator.New(authenticator.Config{
		Store: b.Vault, User: p.owner, Random: rand.Reader, Now: b.clock.Now, Algorithms: []ctap.Algorithm{ctap.ES256},
		MaxLargeBlobs: ctap.MinLargeBlobCapacity, ResetWindow: -1, Transports: []string{"usb"},
	})
	if err != nil {
		t.Fatal(err)
	}
	p.answer = func(request []byte) []byte { return b.Serve(t.Context(), a, request) }
	p.platform = &client.Client{Random: rand.Reader, Channel: client.ChannelFunc(func(_ context.Context, request []byte) ([]byte, error) {
		return p.answer(request), nil
	})}
	return p
}

// costs runs do and counts the biometrics it raised; the vault is locked afterwards.
func (p *phone) costs(what string, want int, do func() error) {
	p.Helper()
	before := p.owner.raised
	if err := do(); err != nil {
		p.Fatalf("%s: %v", what, err)
	}
	if got := p.owner.raised - before; got != want {
		p.Errorf("%s raised the biometric %d times, want %d", what, got, want)
	}
	if !p.Locked() {
		p.Errorf("%s left the vault unlocked", what)
	}
}

func (p *phone) wantStatus(what string, want ctap.Status, request []byte, err error) []byte {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
	response := p.answer(request)
	if got := ctap.Status(response[0]); got != want {
		p.Fatalf("%s: %v, want %v", what, got, want)
	}
	return response[1:]
}

// entra gives creation options like those of Microsoft Entra ID.
func entra(user string) *client.CreationOptions {
	return &client.CreationOptions{
		RP: client.RelyingParty{ID: rpID, Name: "Microsoft"}, User: client.UserAccount{ID: []byte(user), Name: user, DisplayName: user},
		Challenge:  bytes.Repeat([]byte{1}, 32),
		Parameters: []client.CredentialParameter{{Type: "public-key", Algorithm: ctap.ES256}, {Type: "public-key", Algorithm: ctap.RS256}},
		Selection:  client.Selection{Attachment: "cross-platform", ResidentKey: client.Required, UserVerification: client.Required},
		Extensions: client.ExtensionInputs{
			HMACCreateSecret: true, ProtectionPolicy: "userVerificationOptional", EnforcePolicy: true, CredBlob: client.Bytes("blob"),
			LargeBlob: &client.LargeBlobInput{Support: "preferred"},
		},
	}
}

func strangers(n int) []client.Descriptor {
	var list []client.Descriptor
	for i := range n {
		list = append(list, client.Descriptor{ID: bytes.Repeat([]byte{byte(i)}, 32), Type: "public-key"})
	}
	return list
}

// TestBiometrics: what platforms send raises the biometric once for each registration and sign-in, and never else.
func TestBiometrics(t *testing.T) {
	p := newPhone(t)
	ctx := t.Context()
	var id []byte
	p.costs("registration", 1, func() error {
		made, err := p.platform.Create(ctx, entra("alex@example.com"), origin)
		if err == nil {
			id = made.ID
		}
		return err
	})
	here := client.Descriptor{ID: id, Type: "public-key"}

	p.costs("registration with a long list of strangers", 1, func() error {
		o := entra("kim@example.com")
		o.ExcludeCredentials = strangers(60)
		_, err := p.platform.Create(ctx, o, origin)
		return err
	})
	for name, o := range map[string]*client.RequestOptions{
		"sign-in":                {},
		"sign-in with hmac":      {Extensions: client.ExtensionInputs{HMACGetSecret: &client.HMACSalts{Salt1: make([]byte, 32)}}},
		"sign-in by name":        {AllowCredentials: []client.Descriptor{here}},
		"sign-in by a long list": {AllowCredentials: append(strangers(60), here), Extensions: client.ExtensionInputs{GetCredBlob: true}},
		"sign-in with prf":       {AllowCredentials: append(strangers(2), here), Extensions: client.ExtensionInputs{PRF: &client.PRFInput{Eval: &client.PRFValues{First: []byte("a")}}}},
		"sign-in, large blob":    {AllowCredentials: []client.Descriptor{here}, Extensions: client.ExtensionInputs{LargeBlob: &client.LargeBlobInput{Read: true}}},
		"sign-in, no uv":         {AllowCredentials: []client.Descriptor{here}, UserVerification: client.Discouraged},
	} {
		o.Challenge, o.RPID = bytes.Repeat([]byte{2}, 32), rpID
		if o.UserVerification == "" {
			o.UserVerification = client.Required
		}
		if len(o.AllowCredentials) == 0 { // two accounts: the second answer comes within the same window
			p.platform.Choose = func(context.Context, []ctap.User) (int, error) { return 1, nil }
		}
		before, err := p.Get(ctx, ctap.HashRPID(rpID), id)
		if err != nil {
			t.Fatal(err)
		}
		raised := p.owner.raised
		got, err := p.platform.Get(ctx, o, origin)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if p.owner.raised-raised != 1 {
			t.Errorf("%s raised the biometric %d times", name, p.owner.raised-raised)
		}
		if after, err := p.Get(ctx, ctap.HashRPID(rpID), id); err != nil || bytes.Equal(got.ID, id) && after.SignCount <= before.SignCount {
			t.Errorf("%s: the counter went from %d to %d, %v", name, before.SignCount, after.SignCount, err)
		}
		if len(o.AllowCredentials) > 0 && !p.Locked() {
			t.Errorf("%s left the vault unlocked", name)
		}
		p.Lock()
	}
	p.costs("credential management", 0, func() error {
		if n, err := p.platform.CredentialCount(ctx); err != nil || n.Existing != 2 {
			return fmt.Errorf("%d credentials, %w", n.Existing, err)
		}
		list, err := p.platform.Credentials(ctx)
		if err != nil || len(list) != 1 || len(list[0].Credentials) != 2 {
			return fmt.Errorf("%v, %w", list, err)
		}
		if err := p.platform.SetUser(ctx, id, ctap.User{ID: []byte("alex@example.com"), Name: "renamed"}); err != nil {
			return err
		}
		return p.platform.DeleteCredential(ctx, id)
	})
	p.costs("selection", 0, func() error { return p.platform.Select(ctx) })
	p.costs("reset", 0, func() error { return p.platform.Reset(ctx) })
}

// TestSilent sends what asks without the user: nothing is asked, nothing opens, nothing counts.
func TestSilent(t *testing.T) {
	p := newPhone(t)
	ctx := t.Context()
	made, err := p.platform.Create(ctx, entra("alex@example.com"), origin)
	if err != nil {
		t.Fatal(err)
	}
	asked := p.owner.asked
	p.owner.refuse = errors.New("a silent request asked the user")
	credBlob, err := ctap.Marshal(true)
	if err != nil {
		t.Fatal(err)
	}
	silent := func(id []byte, extensions map[string]ctap.Raw) ([]byte, error) {
		return (&ctap.GetAssertionRequest{
			RPID: rpID, ClientDataHash: make([]byte, 32), AllowList: []ctap.CredentialDescriptor{{ID: id, Type: ctap.PublicKeyType}},
			Options: map[string]bool{"up": false}, Extensions: extensions,
		}).Encode()
	}
	request, err := silent(made.ID, nil)
	resp, decodeErr := ctap.DecodeGetAssertionResponse(p.wantStatus("search", ctap.OK, request, err))
	if decodeErr != nil || !bytes.Equal(resp.Credential.ID, made.ID) {
		t.Errorf("search: %+v, %v", resp, decodeErr)
	}
	request, err = silent(made.ID, map[string]ctap.Raw{ctap.ExtCredBlob: credBlob})
	p.wantStatus("search with the ceremony's extensions", ctap.OK, request, err)
	request, err = silent([]byte("a stranger"), nil)
	p.wantStatus("search for a stranger", ctap.ErrNoCredentials, request, err)
	p.wantStatus("getInfo", ctap.OK, []byte{byte(ctap.GetInfo)}, nil)
	if p.owner.asked != asked || !p.Locked() {
		t.Errorf("silent requests asked %d questions; locked: %v", p.owner.asked-asked, p.Locked())
	}
	if c, err := p.Get(ctx, ctap.HashRPID(rpID), made.ID); err != nil || c.SignCount != 0 {
		t.Errorf("silent requests counted: %+v, %v", c, err)
	}
}

// TestExcluded: to be told of a passkey that is here takes a gesture, and it opens nothing by itself.
func TestExcluded(t *testing.T) {
	p := newPhone(t)
	made, err := p.platform.Create(t.Context(), entra("alex@example.com"), origin)
	if err != nil {
		t.Fatal(err)
	}
	o := entra("alex@example.com")
	o.ExcludeCredentials = append(strangers(60), client.Descriptor{ID: made.ID, Type: "public-key"})
	if _, err := p.platform.Create(t.Context(), o, origin); ctap.StatusOf(err) != ctap.ErrCredentialExcluded {
		t.Fatalf("Create = %v, want excluded", err)
	}
	if !p.Locked() {
		t.Error("a registration that was excluded left the vault unlocked")
	}
	if vault.NeedsUnlock(authenticator.ReasonExcluded) {
		t.Error("the question whether to tell of a passkey opens the vault")
	}
}

// TestClosedMeanwhile: agreement that came too long ago is none.
func TestClosedMeanwhile(t *testing.T) {
	p := newPhone(t)
	if _, err := p.platform.Create(t.Context(), entra("alex@example.com"), origin); err != nil {
		t.Fatal(err)
	}
	serve := p.answer
	p.answer = func(request []byte) []byte {
		if c := ctap.Command(request[0]); c == ctap.GetAssertion || c == ctap.MakeCredential {
			p.Lock()
		}
		return serve(request)
	}
	if _, err := p.platform.Create(t.Context(), entra("kim@example.com"), origin); ctap.StatusOf(err) != ctap.ErrOperationDenied {
		t.Errorf("Create = %v, want a refusal", err)
	}
	o := &client.RequestOptions{Challenge: make([]byte, 32), RPID: rpID, UserVerification: client.Required}
	if _, err := p.platform.Get(t.Context(), o, origin); ctap.StatusOf(err) != ctap.ErrOperationDenied {
		t.Errorf("Get = %v, want a refusal", err)
	}
	if list, err := p.List(t.Context()); err != nil || len(list) != 1 || list[0].SignCount != 0 {
		t.Errorf("afterwards: %+v, %v", list, err)
	}
}

// TestServeBusy: a second request, which is turned away, does not close what the first one opened.
func TestServeBusy(t *testing.T) {
	b := newBench(t)
	b.unlock(1)
	request := []byte{byte(ctap.MakeCredential), 0xA0}
	b.Serve(t.Context(), answers{byte(ctap.ErrChannelBusy)}, request)
	if b.Locked() {
		t.Error("a busy answer locked the vault")
	}
	b.Serve(t.Context(), answers{byte(ctap.ErrMissingParameter)}, request)
	if !b.Locked() {
		t.Error("a registration that failed left the vault unlocked")
	}
}

// answers is an authenticator that says one thing.
type answers []byte

func (a answers) Handle(context.Context, []byte) []byte { return a }
