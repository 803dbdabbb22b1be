package ceremony

import (
	"bytes"
	"context"
	"crypto/rand"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/memory"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/ctap/pinuvauth"
)

// counted is a store that is always open, and counts how often a key is used.
type counted struct {
	*memory.Store
	used, made []string // relying parties
}

func (c *counted) Secret(ctx context.Context, id []byte) (*authenticator.Secret, error) {
	all, err := c.List(ctx)
	if err != nil {
		return nil, err
	}
	for _, k := range all {
		if bytes.Equal(k.ID, id) {
			c.used = append(c.used, k.RP.ID)
		}
	}
	return c.Store.Secret(ctx, id)
}

func (c *counted) Put(ctx context.Context, k *authenticator.Credential, s *authenticator.Secret) error {
	c.made = append(c.made, k.RP.ID)
	return c.Store.Put(ctx, k, s)
}

// agreeing is a user who says yes, or no, and remembers to what.
type agreeing struct {
	no      bool
	yes     []authenticator.Prompt
	choices int
}

func (*agreeing) Verification() authenticator.Verification { return authenticator.VerificationReady }

func (u *agreeing) Present(_ context.Context, q authenticator.Prompt) error {
	if u.no {
		return authenticator.ErrDenied
	}
	u.yes = append(u.yes, q)
	return nil
}

func (u *agreeing) Verify(ctx context.Context, q authenticator.Prompt) error {
	return u.Present(ctx, q)
}

func (u *agreeing) Choose(context.Context, authenticator.Prompt) (int, error) {
	u.choices++
	return 0, nil
}

func (u *agreeing) said(reason authenticator.Reason, rp string) (n int) {
	for _, q := range u.yes {
		if q.Reason == reason && q.RPID == rp {
			n++
		}
	}
	return n
}

// hostile is a paired workstation that sends what it likes.
type hostile struct {
	handle func(context.Context, []byte) []byte
	store  *counted
	user   *agreeing
	now    time.Time
	token  []byte
}

func newHostile(t interface{ Fatal(...any) }) *hostile {
	h := &hostile{store: &counted{Store: memory.New(0)}, user: new(agreeing), now: time.Unix(1_700_000_000, 0)}
	a, err := NewAuthenticator(h.store, h.user, rand.Reader, func() time.Time { return h.now })
	if err != nil {
		t.Fatal(err)
	}
	h.handle = func(ctx context.Context, request []byte) []byte {
		if refusal := Refused(request); refusal != nil {
			return refusal
		}
		return a.Handle(ctx, request)
	}
	return h
}

func (h *hostile) send(request []byte, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return ctap.SplitResponse(h.handle(context.Background(), request))
}

var protocol = pinuvauth.Two

// getToken asks for a token, for which the user is asked.
func (h *hostile) getToken(permissions ctap.Permission, rp string) error {
	result, err := h.send((&ctap.ClientPINRequest{Protocol: &protocol, Subcommand: ctap.GetKeyAgreement}).Encode())
	if err != nil {
		return err
	}
	answer, err := ctap.DecodeClientPINResponse(result)
	if err != nil {
		return err
	}
	peer, err := ctap.DecodeKeyAgreement(answer.KeyAgreement)
	if err != nil {
		return err
	}
	own, err := pinuvauth.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	secret, err := pinuvauth.Agree(protocol, own, peer)
	if err != nil {
		return err
	}
	r := &ctap.ClientPINRequest{Protocol: &protocol, Subcommand: ctap.GetTokenUsingUV, Permissions: &permissions}
	if rp != "" {
		r.RPID = &rp
	}
	if r.KeyAgreement, err = ctap.EncodeKeyAgreement(own.PublicKey()); err != nil {
		return err
	}
	if result, err = h.send(r.Encode()); err != nil {
		return err
	}
	if answer, err = ctap.DecodeClientPINResponse(result); err != nil {
		return err
	}
	h.token, err = secret.Decrypt(answer.Token)
	return err
}

func (h *hostile) authorised(hash []byte) (param []byte, p *uint64) {
	if h.token == nil {
		return nil, nil
	}
	return pinuvauth.Authenticate(protocol, h.token, hash), &protocol
}

func (h *hostile) register(rp, user string) error {
	r := &ctap.MakeCredentialRequest{
		ClientDataHash: bytes.Repeat([]byte{1}, 32), RP: ctap.RelyingParty{ID: rp}, User: ctap.User{ID: []byte(user), Name: user},
		Parameters: []ctap.CredentialParameter{{Type: ctap.PublicKeyType, Algorithm: ctap.ES256}}, Options: map[string]bool{ctap.OptionRK: true},
	}
	r.PINUVAuthParam, r.PINUVAuthProtocol = h.authorised(r.ClientDataHash)
	_, err := h.send(r.Encode())
	return err
}

func (h *hostile) sign(rp string, options map[string]bool) error {
	r := &ctap.GetAssertionRequest{RPID: rp, ClientDataHash: bytes.Repeat([]byte{2}, 32), Options: options}
	r.PINUVAuthParam, r.PINUVAuthProtocol = h.authorised(r.ClientDataHash)
	_, err := h.send(r.Encode())
	return err
}

const (
	rpA, rpB = "login.microsoft.com", "bank.example"
	mc, ga   = ctap.PermitMakeCredential, ctap.PermitGetAssertion
)

// enrolled has passkeys of two accounts at each relying party.
func enrolled(t interface{ Fatal(...any) }) *hostile {
	h := newHostile(t)
	for _, rp := range []string{rpA, rpB} {
		for _, user := range []string{"alex", "kim"} {
			if err := h.getToken(mc, rp); err != nil {
				t.Fatal(err)
			}
			if err := h.register(rp, user); err != nil {
				t.Fatal(err)
			}
		}
	}
	h.token, h.user.yes, h.store.used, h.store.made = nil, nil, nil, nil
	return h
}

// TestSilentRequestsUseNoKey: while an approval waits for its ceremony, questions nobody sees get nothing that a key of the
// phone signed, for this relying party or another, and leave the approval as it is.
func TestSilentRequestsUseNoKey(t *testing.T) {
	h := enrolled(t)
	if err := h.getToken(ga, rpA); err != nil {
		t.Fatal(err)
	}
	token := h.token
	for _, rp := range []string{rpA, rpB} {
		for _, h.token = range [][]byte{nil, token} {
			if err := h.sign(rp, map[string]bool{ctap.OptionUP: false}); err != nil && (rp == rpA || h.token == nil) {
				t.Errorf("a silent search at %s: %v", rp, err)
			}
			if _, err := h.send([]byte{byte(ctap.GetNextAssertion)}, nil); err != nil && rp == rpA {
				t.Errorf("the next one at %s: %v", rp, err)
			}
		}
	}
	if len(h.store.used) > 0 {
		t.Errorf("silent requests used keys of %v", h.store.used)
	}
	h.token = token
	if err := h.sign(rpA, nil); err != nil {
		t.Errorf("the ceremony itself: %v", err)
	}
	if !slices.Equal(h.store.used, []string{rpA}) || len(h.user.yes) != 1 {
		t.Errorf("used keys of %v after %d questions", h.store.used, len(h.user.yes))
	}
}

// TestRegistrationIsNoSignIn: a token for both is shown as a registration, so it signs in nobody who was not asked again.
func TestRegistrationIsNoSignIn(t *testing.T) {
	h := enrolled(t)
	if err := h.getToken(mc|ga, rpA); err != nil {
		t.Fatal(err)
	}
	if err := h.sign(rpA, nil); err != nil {
		t.Fatal(err)
	}
	if h.user.said(authenticator.ReasonSignIn, rpA) != 1 {
		t.Errorf("signed in after the user was asked only: %+v", h.user.yes)
	}
	if err := h.getToken(mc|ga, rpA); err != nil {
		t.Fatal(err)
	}
	h.user.no = true
	if err := h.sign(rpA, nil); err == nil || len(h.store.used) != 1 {
		t.Errorf("the user said no, and: %v, used %v", err, h.store.used)
	}
}

// TestTokensOfMoreThanIsShown are not given out, and nobody is asked.
func TestTokensOfMoreThanIsShown(t *testing.T) {
	h := enrolled(t)
	for _, permissions := range []ctap.Permission{
		mc | ctap.PermitCredentialManagement, ga | ctap.PermitCredentialManagement, ga | ctap.PermitAuthenticatorConfig,
		mc | ga | ctap.PermitCredentialManagement, ctap.PermitCredentialReadOnly, ctap.PermitCredentialReadOnly | ga,
	} {
		if err := h.getToken(permissions, rpA); ctap.StatusOf(err) != ctap.ErrUnauthorizedPermission {
			t.Errorf("a token for %02x: %v", permissions, err)
		}
	}
	if len(h.user.yes) > 0 {
		t.Errorf("asked: %+v", h.user.yes)
	}
	for _, permissions := range []ctap.Permission{mc, ga, mc | ga, ga | ctap.PermitLargeBlobWrite, ctap.PermitCredentialManagement} {
		if err := h.getToken(permissions, rpA); err != nil {
			t.Errorf("a token for %02x: %v", permissions, err)
		}
	}
}

// TestOneYesOneSignature: whatever a workstation sends in whatever order, keys are used and made no more often than the
// user agreed to just that at just that relying party.
func TestOneYesOneSignature(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := enrolled(t)
		for range rapid.IntRange(1, 25).Draw(t, "requests") {
			rp := rapid.SampledFrom([]string{rpA, rpB}).Draw(t, "rp")
			h.user.no = rapid.IntRange(0, 9).Draw(t, "no") == 0
			if rapid.IntRange(0, 5).Draw(t, "without a token") == 0 {
				h.token = nil
			}
			switch rapid.IntRange(0, 6).Draw(t, "request") {
			case 0, 1:
				_ = h.getToken(rapid.SampledFrom([]ctap.Permission{mc, ga, mc | ga, ctap.PermitCredentialManagement, ga | ctap.PermitLargeBlobWrite}).Draw(t, "permissions"), rp)
			case 2:
				_ = h.register(rp, rapid.SampledFrom([]string{"alex", "kim", "eve"}).Draw(t, "user"))
			case 3, 4:
				_ = h.sign(rp, rapid.SampledFrom([]map[string]bool{nil, {ctap.OptionUP: false}, {ctap.OptionUV: true}}).Draw(t, "options"))
			case 5:
				_, _ = h.send([]byte{byte(rapid.SampledFrom([]ctap.Command{ctap.GetNextAssertion, ctap.Selection, ctap.GetInfo, ctap.Reset}).Draw(t, "command"))}, nil)
			case 6:
				h.now = h.now.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "seconds")) * time.Second)
			}
			for _, rp := range []string{rpA, rpB} {
				if used, said := count(h.store.used, rp), h.user.said(authenticator.ReasonSignIn, rp); used > said {
					t.Fatalf("%d signatures for %s after %d yeses", used, rp, said)
				}
				if made, said := count(h.store.made, rp), h.user.said(authenticator.ReasonRegister, rp); made > said {
					t.Fatalf("%d passkeys for %s after %d yeses", made, rp, said)
				}
			}
		}
	})
}

func count(all []string, rp string) (n int) {
	for _, one := range all {
		if one == rp {
			n++
		}
	}
	return n
}
