package client_test

import (
	"slices"
	"testing"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/authtest"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/fido/ctap"
)

// TestPINForManagementOnly: a key whose PIN neither registers nor signs in.
func TestPINForManagementOnly(t *testing.T) {
	c, _, p := newPINClient(t, func(cfg *authenticator.Config) { cfg.NoCeremoniesByPIN = true })
	_, err := c.Create(t.Context(), creation(), origin)
	wantName(t, "registration", err, client.NotAllowedError)
	wantPrompts(t, "registration", p)
	p.pins = []string{pin}
	if list, err := c.Credentials(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("listing: %v, %v", list, err)
	}
	wantPrompts(t, "listing", p, inForce)
}

// TestPINAfterOtherVerification: a user whom the authenticator does not
// recognise is asked for the PIN, one who refused is not.
func TestPINAfterOtherVerification(t *testing.T) {
	for _, tc := range []struct {
		name     string
		answer   error
		change   func(*ctap.Info)
		attempts int
		asked    bool
	}{
		{"not recognised", authenticator.ErrNotVerified, nil, 3, true},
		{"not recognised, one attempt", authenticator.ErrNotVerified, func(i *ctap.Info) { i.PreferredPlatformUVAttempts = new(uint64(1)) }, 1, true},
		{"locked", authenticator.ErrLockedOut, nil, 1, true},
		{"refused", authenticator.ErrDenied, nil, 1, false},
		{"locked, by option", authenticator.ErrLockedOut, withoutTokens, 1, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, d, p := newPINClient(t)
			ready := authenticator.VerificationReady
			d.User.State = &ready
			d.User.Answer = refusing(tc.answer)
			if tc.change != nil {
				c.Channel = reporting(d, tc.change)
			}
			p.pins = []string{pin}
			r, err := c.Create(t.Context(), creation(), origin)
			verifications := slices.DeleteFunc(d.User.Asked(), func(q authtest.Question) bool { return !q.Verify })
			if (err == nil) != tc.asked || len(verifications) != tc.attempts {
				t.Fatalf("%v after %d attempts", err, len(verifications))
			}
			if !tc.asked {
				wantPrompts(t, "refused", p)
				return
			}
			wantVerified(t, "registration", r.AuthenticatorData)
			wantPrompts(t, "registration", p, inForce)
		})
	}
}
