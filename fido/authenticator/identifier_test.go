package authenticator_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"testing"

	"github.com/postern/postern/fido/authenticator/authtest"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/ctap/pinuvauth"
)

// persistent gets the persistent token.
func (p *platform) persistent() []byte {
	p.Helper()
	a := p.agree(pinuvauth.Two)
	return p.tokenByPIN(a, a.pinToken(rightPIN, ctap.PermitCredentialReadOnly, ""))
}

func (p *platform) metadata(protocol uint64, token []byte) ctap.Status {
	p.Helper()
	r := &ctap.CredentialManagementRequest{Subcommand: ctap.GetCredsMetadata, Protocol: &protocol}
	r.AuthParam = pinuvauth.Authenticate(protocol, token, r.AuthMessage())
	status, _ := p.send(r)
	return status
}

// open decrypts a member of getInfo with what only the holder of the token has.
func open(t *testing.T, token, member []byte, info string) []byte {
	t.Helper()
	if len(member) != 32 {
		t.Fatalf("%s has %d bytes", info, len(member))
	}
	key, err := hkdf.Key(sha256.New, token, make([]byte, 32), info, 16)
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	value := make([]byte, 16)
	cipher.NewCBCDecrypter(block, member[:16]).CryptBlocks(value, member[16:])
	return value
}

// TestPersistentToken: it reads credentials and nothing else, outlives power and
// other tokens, and ends with the PIN and with a reset.
func TestPersistentToken(t *testing.T) {
	p := newPlatform(t, withPIN)
	p.SetPIN(t, rightPIN)
	token := p.persistent()
	if again := p.persistent(); !bytes.Equal(again, token) {
		t.Error("a second platform got another token")
	}
	for range 2 {
		for _, protocol := range bothProtocols {
			if got := p.metadata(protocol, token); got != ctap.OK {
				t.Errorf("protocol %d: %v", protocol, got)
			}
		}
		// A token in use that is bound to a relying party is not its business.
		a := p.agree(pinuvauth.Two)
		p.tokenByPIN(a, a.pinToken(rightPIN, ctap.PermitCredentialManagement, rpID))
		if got := p.metadata(pinuvauth.Two, token); got != ctap.OK {
			t.Errorf("beside a bound token: %v", got)
		}
		p.PowerCycle()
	}
	a := &agreement{protocol: pinuvauth.Two}
	p.wantStatus(a.authorise(token, configure(t, ctap.ToggleAlwaysUV, nil)), ctap.ErrPINAuthInvalid)
	_, ga := withToken(a, token)
	p.wantStatus(ga, ctap.ErrPINAuthInvalid)
	remove := &ctap.CredentialManagementRequest{Subcommand: ctap.DeleteCredential, Protocol: &a.protocol}
	params, err := (&ctap.CredentialManagementParams{CredentialID: &ctap.CredentialDescriptor{ID: []byte{1}, Type: "public-key"}}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	remove.Params = params
	remove.AuthParam = pinuvauth.Authenticate(a.protocol, token, remove.AuthMessage())
	p.wantStatus(remove, ctap.ErrPINAuthInvalid)

	p.wantStatus(p.agree(1).changePIN(rightPIN, rightPIN), ctap.OK)
	if got := p.metadata(pinuvauth.Two, token); got != ctap.ErrPINAuthInvalid {
		t.Errorf("after a change of the PIN: %v", got)
	}
	next := p.persistent()
	if bytes.Equal(next, token) {
		t.Error("the same token after a change of the PIN")
	}
	p.PowerCycle()
	if status, _ := p.raw(resetRequest); status != ctap.OK {
		t.Fatalf("reset: %v", status)
	}
	if got := p.metadata(pinuvauth.Two, next); got != ctap.ErrPINAuthInvalid {
		t.Errorf("after a reset: %v", got)
	}
}

// TestPersistentTokenByUV: a phone gives it too.
func TestPersistentTokenByUV(t *testing.T) {
	p := newPlatform(t)
	a := p.agree(pinuvauth.One)
	token := p.token(a, ctap.PermitCredentialReadOnly, "")
	p.PowerCycle()
	if got := p.metadata(pinuvauth.One, token); got != ctap.OK {
		t.Errorf("getCredsMetadata: %v", got)
	}
}

// TestIdentifiers: to the holder of the persistent token the same device stays
// the same, and its credentials the same until one changes; to others both are
// noise, and without a token there is nothing.
func TestIdentifiers(t *testing.T) {
	p := newPlatform(t, authtest.WithPIN)
	p.SetPIN(t, rightPIN)
	if info := p.info(); info.EncIdentifier != nil || info.EncCredStoreState != nil {
		t.Error("members nobody can read")
	}
	token := p.persistent()
	first, second := p.info(), p.info()
	if bytes.Equal(first.EncIdentifier, second.EncIdentifier) || bytes.Equal(first.EncCredStoreState, second.EncCredStoreState) {
		t.Error("a member repeats itself")
	}
	identifier := open(t, token, first.EncIdentifier, "encIdentifier")
	credentials := open(t, token, first.EncCredStoreState, "encCredStoreState")
	if bytes.Equal(identifier, credentials) {
		t.Error("both values are the same")
	}
	changed := func(what string, want bool) {
		t.Helper()
		info := p.info()
		if got := open(t, token, info.EncIdentifier, "encIdentifier"); !bytes.Equal(got, identifier) {
			t.Errorf("after %s the identifier is another", what)
		}
		got := open(t, token, info.EncCredStoreState, "encCredStoreState")
		if bytes.Equal(got, credentials) == want {
			t.Errorf("after %s: changed %v, want %v", what, !want, want)
		}
		credentials = got
	}
	changed("nothing", false)
	p.PowerCycle()
	changed("a power cycle", false)
	c := p.make(mcRequest())
	changed("a registration", true)
	p.get(gaRequest(), c)
	changed("a sign-in", false)
	a := p.agree(pinuvauth.Two)
	manage := func(sub uint64, params *ctap.CredentialManagementParams) {
		t.Helper()
		raw, err := params.Encode()
		if err != nil {
			t.Fatal(err)
		}
		r := &ctap.CredentialManagementRequest{Subcommand: sub, Params: raw, Protocol: &a.protocol}
		m := p.tokenByPIN(a, a.pinToken(rightPIN, ctap.PermitCredentialManagement, ""))
		r.AuthParam = pinuvauth.Authenticate(a.protocol, m, r.AuthMessage())
		p.wantStatus(r, ctap.OK)
	}
	id := c.descriptor()
	manage(ctap.UpdateUserInformation, &ctap.CredentialManagementParams{CredentialID: &id, User: &ctap.User{ID: []byte("user-1"), Name: "new"}})
	changed("a change of name", true)
	manage(ctap.DeleteCredential, &ctap.CredentialManagementParams{CredentialID: &id})
	changed("a deletion", true)

	p.wantStatus(p.agree(1).changePIN(rightPIN, rightPIN), ctap.OK)
	if p.info().EncIdentifier != nil {
		t.Error("a member nobody can read, after a change of the PIN")
	}
	if got := open(t, p.persistent(), p.info().EncIdentifier, "encIdentifier"); !bytes.Equal(got, identifier) {
		t.Error("the device is another after a change of the PIN")
	}
	p.PowerCycle()
	if status, _ := p.raw(resetRequest); status != ctap.OK {
		t.Fatalf("reset: %v", status)
	}
	p.SetPIN(t, rightPIN)
	if got := open(t, p.persistent(), p.info().EncIdentifier, "encIdentifier"); bytes.Equal(got, identifier) {
		t.Error("the device is the same after a reset")
	}
}
