package client_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/authtest"
	"github.com/postern/postern/fido/client"
)

// account is a user of the independent relying party.
type account struct {
	id    []byte
	creds []webauthn.Credential
}

func (a *account) WebAuthnID() []byte                         { return a.id }
func (a *account) WebAuthnName() string                       { return "alex@example.com" }
func (a *account) WebAuthnDisplayName() string                { return "Alex" }
func (a *account) WebAuthnCredentials() []webauthn.Credential { return a.creds }

func relyingParty(t *testing.T) *webauthn.WebAuthn {
	t.Helper()
	rp, err := webauthn.New(&webauthn.Config{RPID: rpID, RPDisplayName: "Example", RPOrigins: []string{origin}})
	if err != nil {
		t.Fatal(err)
	}
	return rp
}

// enrol registers with the relying party, every message travelling as JSON.
func enrol(t *testing.T, rp *webauthn.WebAuthn, c *client.Client, user *account, opts ...webauthn.RegistrationOption) *protocol.ParsedCredentialCreationData {
	t.Helper()
	opts = append(opts, webauthn.WithResidentKeyRequirement(protocol.ResidentKeyRequirementRequired), func(o *protocol.PublicKeyCredentialCreationOptions) error {
		o.AuthenticatorSelection.UserVerification = protocol.VerificationRequired
		return nil
	})
	creation, session, err := rp.BeginRegistration(user, opts...)
	if err != nil {
		t.Fatal(err)
	}
	options, err := client.ParseCreationOptions(asJSON(t, creation))
	if err != nil {
		t.Fatal(err)
	}
	registration, err := c.Create(t.Context(), options, origin)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(asJSON(t, registration))
	if err != nil {
		t.Fatal(describe(err))
	}
	credential, err := rp.CreateCredential(user, *session, parsed)
	if err != nil {
		t.Fatal(describe(err))
	}
	user.creds = append(user.creds, *credential)
	return parsed
}

func describe(err error) string {
	if e, ok := errors.AsType[*protocol.Error](err); ok {
		return fmt.Sprintf("%s: %s (%s)", e.Type, e.Details, e.DevInfo)
	}
	return err.Error()
}

func signIn(t *testing.T, rp *webauthn.WebAuthn, c *client.Client, user *account, discoverable bool) *webauthn.Credential {
	t.Helper()
	verification := webauthn.WithUserVerification(protocol.VerificationRequired)
	var (
		request *protocol.CredentialAssertion
		session *webauthn.SessionData
		err     error
	)
	if discoverable {
		request, session, err = rp.BeginDiscoverableLogin(verification)
	} else {
		request, session, err = rp.BeginLogin(user, verification)
	}
	if err != nil {
		t.Fatal(err)
	}
	options, err := client.ParseRequestOptions(asJSON(t, request))
	if err != nil {
		t.Fatal(err)
	}
	assertion, err := c.Get(t.Context(), options, origin)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(asJSON(t, assertion))
	if err != nil {
		t.Fatal(describe(err))
	}
	var credential *webauthn.Credential
	if discoverable {
		credential, err = rp.ValidateDiscoverableLogin(func(_, handle []byte) (webauthn.User, error) {
			if !bytes.Equal(handle, user.id) {
				return nil, errors.New("unknown user handle")
			}
			return user, nil
		}, *session, parsed)
	} else {
		credential, err = rp.ValidateLogin(user, *session, parsed)
	}
	if err != nil {
		t.Fatal(describe(err))
	}
	for i := range user.creds {
		if bytes.Equal(user.creds[i].ID, credential.ID) {
			user.creds[i] = *credential
		}
	}
	return credential
}

// TestIndependentVerifier registers and signs in with every algorithm, with and
// without attestation, and lets go-webauthn judge.
func TestIndependentVerifier(t *testing.T) {
	for _, alg := range []webauthncose.COSEAlgorithmIdentifier{webauthncose.AlgES256, webauthncose.AlgEdDSA, webauthncose.AlgRS256} {
		for _, attestation := range []protocol.ConveyancePreference{protocol.PreferNoAttestation, protocol.PreferDirectAttestation} {
			t.Run(fmt.Sprintf("%d %s", alg, attestation), func(t *testing.T) {
				rp := relyingParty(t)
				c, _ := newClient(t, func(cfg *authenticator.Config) {
					cfg.Attester = authenticator.PackedAttestation{Source: authtest.NewAuthority(t)}
				})
				user := &account{id: []byte("user-1")}
				parsed := enrol(t, rp, c, user, webauthn.WithConveyancePreference(attestation),
					webauthn.WithCredentialParameters([]protocol.CredentialParameter{{Type: protocol.PublicKeyCredentialType, Algorithm: alg}}))
				want := "none"
				if attestation == protocol.PreferDirectAttestation {
					want = "packed"
				}
				if got := parsed.Response.AttestationObject.Format; got != want {
					t.Errorf("format %s, want %s", got, want)
				}
				if got := parsed.Response.AttestationObject.AuthData.AttData.AAGUID; !bytes.Equal(got, authtest.AAGUID[:]) {
					t.Errorf("AAGUID %x", got)
				}
				for i := range 3 {
					credential := signIn(t, rp, c, user, i%2 == 1)
					if credential.Authenticator.CloneWarning || credential.Authenticator.SignCount != uint32(i+1) {
						t.Errorf("counter %d, clone warning %v", credential.Authenticator.SignCount, credential.Authenticator.CloneWarning)
					}
				}
			})
		}
	}
}
