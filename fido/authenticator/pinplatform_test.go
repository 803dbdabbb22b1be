package authenticator_test

import (
	"crypto/rand"
	"crypto/sha256"
	"slices"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/authtest"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/ctap/pinuvauth"
)

const (
	rightPIN = "1234"
	wrongPIN = "4321"
)

// withPIN is an authenticator that can have a PIN and cannot verify otherwise.
func withPIN(c *authenticator.Config) {
	authtest.WithPIN(c)
	authtest.WithoutVerification(c)
}

func (a *agreement) encrypt(plain []byte) []byte {
	enc, err := a.secret.Encrypt(rand.Reader, plain)
	if err != nil {
		panic(err)
	}
	return enc
}

// newPINEnc pads a PIN to 64 bytes and encrypts it.
func (a *agreement) newPINEnc(pin string) []byte {
	padded := make([]byte, 64)
	copy(padded, pin)
	return a.encrypt(padded)
}

func (a *agreement) pinHashEnc(pin string) []byte {
	sum := sha256.Sum256([]byte(pin))
	return a.encrypt(sum[:16])
}

func (a *agreement) setPIN(pin string) *ctap.ClientPINRequest {
	r := &ctap.ClientPINRequest{Protocol: &a.protocol, Subcommand: ctap.SetPIN, KeyAgreement: a.platform, NewPINEnc: a.newPINEnc(pin)}
	a.sign(r)
	return r
}

func (a *agreement) changePIN(current, pin string) *ctap.ClientPINRequest {
	r := &ctap.ClientPINRequest{
		Protocol: &a.protocol, Subcommand: ctap.ChangePIN, KeyAgreement: a.platform, NewPINEnc: a.newPINEnc(pin), PINHashEnc: a.pinHashEnc(current),
	}
	a.sign(r)
	return r
}

// sign computes pinUvAuthParam over what the request has.
func (a *agreement) sign(r *ctap.ClientPINRequest) {
	r.AuthParam = a.secret.Authenticate(slices.Concat(r.NewPINEnc, r.PINHashEnc))
}

// oldPINToken is getPinToken.
func (a *agreement) oldPINToken(pin string) *ctap.ClientPINRequest {
	return &ctap.ClientPINRequest{Protocol: &a.protocol, Subcommand: ctap.GetPINToken, KeyAgreement: a.platform, PINHashEnc: a.pinHashEnc(pin)}
}

// pinToken is getPinUvAuthTokenUsingPinWithPermissions.
func (a *agreement) pinToken(pin string, permissions ctap.Permission, rp string) *ctap.ClientPINRequest {
	r := a.tokenRequest(permissions, rp)
	r.Subcommand, r.PINHashEnc = ctap.GetTokenUsingPIN, a.pinHashEnc(pin)
	return r
}

// tokenByPIN gets a token and decrypts it.
func (p *platform) tokenByPIN(a *agreement, r *ctap.ClientPINRequest) []byte {
	p.Helper()
	status, result := p.send(r)
	if status != ctap.OK {
		p.Fatalf("a token by PIN: %v", status)
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

// guess tries a PIN with a key agreement of its own.
func (p *platform) guess(pin string) ctap.Status {
	p.Helper()
	status, _ := p.send(p.agree(pinuvauth.Two).pinToken(pin, ctap.PermitCredentialManagement, ""))
	return status
}

// pinRetries gives the count and whether a power cycle is asked for.
func (p *platform) pinRetries() (uint64, bool) {
	p.Helper()
	status, result := p.send(&ctap.ClientPINRequest{Subcommand: ctap.GetPINRetries})
	if status != ctap.OK {
		p.Fatalf("getPINRetries: %v", status)
	}
	resp, err := ctap.DecodeClientPINResponse(result)
	if err != nil {
		p.Fatal(err)
	}
	return *resp.PINRetries, *resp.PowerCycleState
}

// changeState changes what the store keeps, behind the authenticator's back.
func (p *platform) changeState(change func(*authenticator.State)) {
	p.Helper()
	s, err := p.Store.State(p.Context())
	if err != nil {
		p.Fatal(err)
	}
	change(s)
	if err := p.Store.SetState(p.Context(), s); err != nil {
		p.Fatal(err)
	}
}
