package authenticator_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"slices"
	"testing"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/authtest"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/ctap/pinuvauth"
)

const rpID = "example.com"

var clientDataHash = bytes.Repeat([]byte{0xCD}, 32)

// platform is the other end of a device, written against the standard at the
// level of single commands.
type platform struct {
	*testing.T
	*authtest.Device
}

func newPlatform(t *testing.T, changes ...func(*authenticator.Config)) *platform {
	t.Helper()
	return &platform{T: t, Device: authtest.New(t, changes...)}
}

func noVerification(c *authenticator.Config) {
	none := authenticator.VerificationNone
	c.User.(*authtest.User).State = &none
}

type request interface{ Encode() ([]byte, error) }

// send gives the status and the CBOR of an answer.
func (p *platform) send(r request) (ctap.Status, []byte) {
	p.Helper()
	b, err := r.Encode()
	if err != nil {
		p.Fatal(err)
	}
	return p.raw(b)
}

func (p *platform) raw(b []byte) (ctap.Status, []byte) {
	p.Helper()
	resp := p.Handle(p.Context(), b)
	if len(resp) == 0 {
		p.Fatal("empty response")
	}
	if len(resp) > 1 {
		if err := ctap.Check(resp[1:]); err != nil {
			p.Fatalf("response %x is not canonical: %v", resp, err)
		}
	}
	return ctap.Status(resp[0]), resp[1:]
}

func (p *platform) wantStatus(r request, want ctap.Status) {
	p.Helper()
	if got, _ := p.send(r); got != want {
		p.Errorf("status %v, want %v", got, want)
	}
}

func mcRequest() *ctap.MakeCredentialRequest {
	return &ctap.MakeCredentialRequest{
		ClientDataHash: clientDataHash,
		RP:             ctap.RelyingParty{ID: rpID, Name: "Example"},
		User:           ctap.User{ID: []byte("user-1"), Name: "alex@example.com", DisplayName: "Alex"},
		Parameters:     []ctap.CredentialParameter{{Type: ctap.PublicKeyType, Algorithm: ctap.ES256}},
		Options:        map[string]bool{"rk": true, "uv": true},
	}
}

func gaRequest() *ctap.GetAssertionRequest {
	return &ctap.GetAssertionRequest{RPID: rpID, ClientDataHash: clientDataHash, Options: map[string]bool{"uv": true}}
}

// credential is what a platform learns from a registration.
type credential struct {
	id     []byte
	alg    ctap.Algorithm
	pub    crypto.PublicKey
	data   *ctap.AuthenticatorData
	format string
}

func (c *credential) descriptor() ctap.CredentialDescriptor {
	return ctap.CredentialDescriptor{ID: c.id, Type: ctap.PublicKeyType}
}

func (p *platform) make(r *ctap.MakeCredentialRequest) *credential {
	p.Helper()
	status, result := p.send(r)
	if status != ctap.OK {
		p.Fatalf("makeCredential: %v", status)
	}
	resp, err := ctap.DecodeMakeCredentialResponse(result)
	if err != nil {
		p.Fatal(err)
	}
	data, err := ctap.ParseAuthenticatorData(resp.AuthData)
	if err != nil {
		p.Fatal(err)
	}
	alg, pub, err := ctap.DecodePublicKey(data.Attested.PublicKey)
	if err != nil {
		p.Fatal(err)
	}
	return &credential{id: data.Attested.ID, alg: alg, pub: pub, data: data, format: resp.Format}
}

// assertion is a verified answer.
type assertion struct {
	*ctap.GetAssertionResponse
	data *ctap.AuthenticatorData
}

// get asserts and verifies the signature with the key of whichever of creds
// the answer names.
func (p *platform) get(r request, creds ...*credential) *assertion {
	p.Helper()
	status, result := p.send(r)
	if status != ctap.OK {
		p.Fatalf("getAssertion: %v", status)
	}
	return p.verified(result, creds...)
}

func (p *platform) verified(result []byte, creds ...*credential) *assertion {
	p.Helper()
	resp, err := ctap.DecodeGetAssertionResponse(result)
	if err != nil {
		p.Fatal(err)
	}
	i := slices.IndexFunc(creds, func(c *credential) bool { return bytes.Equal(c.id, resp.Credential.ID) })
	if i < 0 {
		p.Fatalf("answer for a credential nobody knows: %x", resp.Credential.ID)
	}
	if !creds[i].verifies(resp) {
		p.Fatal("the signature does not verify")
	}
	data, err := ctap.ParseAuthenticatorData(resp.AuthData)
	if err != nil {
		p.Fatal(err)
	}
	if data.RPIDHash != sha256.Sum256([]byte(rpID)) {
		p.Fatal("rpIdHash is wrong")
	}
	return &assertion{resp, data}
}

func (c *credential) verifies(resp *ctap.GetAssertionResponse) bool {
	message := slices.Concat(resp.AuthData, clientDataHash)
	digest := sha256.Sum256(message)
	switch c.alg {
	case ctap.ES256:
		return ecdsa.VerifyASN1(c.pub.(*ecdsa.PublicKey), digest[:], resp.Signature)
	case ctap.EdDSA:
		return ed25519.Verify(c.pub.(ed25519.PublicKey), message, resp.Signature)
	case ctap.RS256:
		return rsa.VerifyPKCS1v15(c.pub.(*rsa.PublicKey), crypto.SHA256, digest[:], resp.Signature) == nil
	}
	return false
}

// agreement is the platform's end of a key agreement.
type agreement struct {
	protocol uint64
	platform ctap.Raw
	secret   *pinuvauth.SharedSecret
}

func (p *platform) agree(protocol uint64) *agreement {
	p.Helper()
	status, result := p.send(&ctap.ClientPINRequest{Protocol: &protocol, Subcommand: ctap.GetKeyAgreement})
	if status != ctap.OK {
		p.Fatalf("getKeyAgreement: %v", status)
	}
	resp, err := ctap.DecodeClientPINResponse(result)
	if err != nil {
		p.Fatal(err)
	}
	peer, err := ctap.DecodeKeyAgreement(resp.KeyAgreement)
	if err != nil {
		p.Fatal(err)
	}
	own, err := pinuvauth.GenerateKey(rand.Reader)
	if err != nil {
		p.Fatal(err)
	}
	a := &agreement{protocol: protocol}
	if a.platform, err = ctap.EncodeKeyAgreement(own.PublicKey()); err != nil {
		p.Fatal(err)
	}
	if a.secret, err = pinuvauth.Agree(protocol, own, peer); err != nil {
		p.Fatal(err)
	}
	return a
}

func (a *agreement) tokenRequest(permissions ctap.Permission, rp string) *ctap.ClientPINRequest {
	r := &ctap.ClientPINRequest{
		Protocol: &a.protocol, Subcommand: ctap.GetTokenUsingUV, KeyAgreement: a.platform, Permissions: &permissions,
	}
	if rp != "" {
		r.RPID = &rp
	}
	return r
}

func (p *platform) token(a *agreement, permissions ctap.Permission, rp string) []byte {
	p.Helper()
	status, result := p.send(a.tokenRequest(permissions, rp))
	if status != ctap.OK {
		p.Fatalf("getPinUvAuthTokenUsingUvWithPermissions: %v", status)
	}
	resp, err := ctap.DecodeClientPINResponse(result)
	if err != nil {
		p.Fatal(err)
	}
	token, err := a.secret.Decrypt(resp.Token)
	if err != nil || len(token) != pinuvauth.TokenSize {
		p.Fatalf("token of %d bytes, %v", len(token), err)
	}
	return token
}

func (a *agreement) param(token []byte) []byte {
	return pinuvauth.Authenticate(a.protocol, token, clientDataHash)
}

func (p *platform) info() *ctap.Info {
	p.Helper()
	status, result := p.raw([]byte{byte(ctap.GetInfo)})
	if status != ctap.OK {
		p.Fatalf("getInfo: %v", status)
	}
	info, err := ctap.DecodeInfo(result)
	if err != nil {
		p.Fatal(err)
	}
	return info
}
