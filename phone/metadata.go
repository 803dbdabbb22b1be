//go:build !js

package phone

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/memory"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/metadata"
)

//go:embed icon.svg
var icon []byte

// Statement is the metadata statement of the phone as an authenticator, with the attestation CA that certifies its
// passkeys. What it says of itself is asked of a phone's authenticator that is made for the purpose.
func Statement(ctx context.Context, root *x509.Certificate) (json.RawMessage, error) {
	a, err := newAuthenticator(Env{Passkeys: memory.New(0), User: ready{}, Random: rand.Reader, Now: time.Now}, authenticator.PackedAttestation{})
	if err != nil {
		return nil, err
	}
	result, err := ctap.SplitResponse(a.Handle(ctx, []byte{byte(ctap.GetInfo)}))
	if err != nil {
		return nil, err
	}
	info, err := ctap.DecodeInfo(result)
	if err != nil {
		return nil, err
	}
	// The phone's own unlock verifies the user, by whatever the user has set up there. What guards it differs from
	// phone to phone, so the lowest is claimed.
	s, err := metadata.New(info, metadata.Model{
		Description: "Postern, an authenticator on the phone for an organisation's passkeys", FriendlyNames: map[string]string{"en-US": "Postern"},
		// A verifier cannot tell a certificate for one credential from one for a batch, so it may look for either name.
		AttestationTypes: []string{metadata.AttCA, metadata.BasicFull, metadata.None}, Roots: []*x509.Certificate{root},
		UserVerification: [][]metadata.Verification{
			{{Method: "presence_internal"}},
			{{Method: "fingerprint_internal"}},
			{{Method: "faceprint_internal"}},
			{{Method: "passcode_internal"}},
			{{Method: "pattern_internal"}},
		},
		KeyProtection: []string{"software"}, MatcherProtection: []string{"software"}, KeyRestricted: new(true),
		FreshUserVerificationRequired: new(true), CryptoStrength: 128, MultiDevice: "unsupported",
		Icon: "data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString(icon),
	})
	if err != nil {
		return nil, err
	}
	return json.Marshal(s)
}

// ready is a user who can be verified; nobody asks.
type ready struct{}

func (ready) Verification() authenticator.Verification { return authenticator.VerificationReady }

func (ready) Present(ctx context.Context, _ authenticator.Prompt) error { return ctx.Err() }

func (ready) Verify(ctx context.Context, _ authenticator.Prompt) error { return ctx.Err() }
