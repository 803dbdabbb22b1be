package authenticator_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"testing"

	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/ctap/pinuvauth"
)

func salt(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }

func (p *platform) hmacInput(a *agreement, salts []byte) *ctap.HMACSecretInput {
	p.Helper()
	enc, err := a.secret.Encrypt(rand.Reader, salts)
	if err != nil {
		p.Fatal(err)
	}
	return &ctap.HMACSecretInput{KeyAgreement: a.platform, SaltEnc: enc, SaltAuth: a.secret.Authenticate(enc), Protocol: a.protocol}
}

func (p *platform) withHMAC(g *ctap.GetAssertionRequest, in *ctap.HMACSecretInput) *ctap.GetAssertionRequest {
	p.Helper()
	raw, err := in.Encode()
	if err != nil {
		p.Fatal(err)
	}
	g.Extensions = map[string]ctap.Raw{ctap.ExtHMACSecret: raw}
	return g
}

func (p *platform) secrets(a *agreement, got *assertion) []byte {
	p.Helper()
	if got.data.Flags&ctap.FlagED == 0 {
		p.Fatal("no extension output")
	}
	enc, err := ctap.DecodeBytes(got.data.Extensions[ctap.ExtHMACSecret])
	if err != nil {
		p.Fatal(err)
	}
	out, err := a.secret.Decrypt(enc)
	if err != nil {
		p.Fatal(err)
	}
	return out
}

func TestHMACSecret(t *testing.T) {
	p := newPlatform(t)
	r := mcRequest()
	r.Extensions = map[string]ctap.Raw{ctap.ExtHMACSecret: ctap.EncodeBool(true)}
	c := p.make(r)
	if yes, err := ctap.DecodeBool(c.data.Extensions[ctap.ExtHMACSecret]); err != nil || !yes {
		t.Errorf("hmac-secret at creation: %v, %v", yes, err)
	}
	stored, err := p.Store.Secret(t.Context(), c.id)
	if err != nil {
		t.Fatal(err)
	}
	mac := func(key, salt []byte) []byte {
		h := hmac.New(sha256.New, key)
		h.Write(salt)
		return h.Sum(nil)
	}
	if bytes.Equal(stored.CredRandomWithUV, stored.CredRandomWithoutUV) {
		t.Fatal("the two CredRandoms are one")
	}
	for _, protocol := range []uint64{pinuvauth.One, pinuvauth.Two} {
		a := p.agree(protocol)
		one := p.secrets(a, p.get(p.withHMAC(gaRequest(), p.hmacInput(a, salt(1))), c))
		if want := mac(stored.CredRandomWithUV, salt(1)); !bytes.Equal(one, want) {
			t.Errorf("protocol %d: one salt: %x, want %x", protocol, one, want)
		}
		two := p.secrets(a, p.get(p.withHMAC(gaRequest(), p.hmacInput(a, append(salt(1), salt(2)...))), c))
		if want := append(mac(stored.CredRandomWithUV, salt(1)), mac(stored.CredRandomWithUV, salt(2))...); !bytes.Equal(two, want) {
			t.Errorf("protocol %d: two salts: %x, want %x", protocol, two, want)
		}
		g := p.withHMAC(gaRequest(), p.hmacInput(a, salt(1)))
		g.Options = nil
		if got, want := p.secrets(a, p.get(g, c)), mac(stored.CredRandomWithoutUV, salt(1)); !bytes.Equal(got, want) {
			t.Errorf("protocol %d: without verification: %x, want %x", protocol, got, want)
		}
	}
}

// TestHMACSecretOfEveryCredential: not asked for at creation, yet there.
func TestHMACSecretOfEveryCredential(t *testing.T) {
	p := newPlatform(t)
	r := mcRequest()
	r.Extensions = map[string]ctap.Raw{ctap.ExtHMACSecret: ctap.EncodeBool(false)}
	c := p.make(r)
	if c.data.Flags&ctap.FlagED != 0 {
		t.Errorf("extension output %v for hmac-secret: false", c.data.Extensions)
	}
	a := p.agree(pinuvauth.Two)
	if out := p.secrets(a, p.get(p.withHMAC(gaRequest(), p.hmacInput(a, salt(1))), c)); len(out) != 32 {
		t.Errorf("%d bytes", len(out))
	}
}

func TestHMACSecretRefusals(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*platform, *agreement, *ctap.HMACSecretInput)
		want   ctap.Status
	}{
		"wrong saltAuth":   {func(_ *platform, _ *agreement, in *ctap.HMACSecretInput) { in.SaltAuth[0] ^= 1 }, ctap.ErrPINAuthInvalid},
		"no saltAuth":      {func(_ *platform, _ *agreement, in *ctap.HMACSecretInput) { in.SaltAuth = []byte{} }, ctap.ErrPINAuthInvalid},
		"16 bytes of salt": {func(p *platform, a *agreement, in *ctap.HMACSecretInput) { *in = *p.hmacInput(a, salt(1)[:16]) }, ctap.ErrInvalidParameter},
		"48 bytes of salt": {func(p *platform, a *agreement, in *ctap.HMACSecretInput) {
			*in = *p.hmacInput(a, append(salt(1), salt(2)[:16]...))
		}, ctap.ErrInvalidParameter},
		"96 bytes of salt": {func(p *platform, a *agreement, in *ctap.HMACSecretInput) {
			*in = *p.hmacInput(a, append(salt(1), append(salt(2), salt(3)...)...))
		}, ctap.ErrInvalidParameter},
		"half a block": {func(_ *platform, a *agreement, in *ctap.HMACSecretInput) {
			in.SaltEnc = in.SaltEnc[:31]
			in.SaltAuth = a.secret.Authenticate(in.SaltEnc)
		}, ctap.ErrInvalidParameter},
		"protocol 3":     {func(_ *platform, _ *agreement, in *ctap.HMACSecretInput) { in.Protocol = 3 }, ctap.ErrInvalidParameter},
		"other protocol": {func(_ *platform, a *agreement, in *ctap.HMACSecretInput) { in.Protocol = 3 - a.protocol }, ctap.ErrPINAuthInvalid},
		"key off the curve": {func(_ *platform, _ *agreement, in *ctap.HMACSecretInput) {
			in.KeyAgreement[len(in.KeyAgreement)-1] ^= 1
		}, ctap.ErrInvalidParameter},
		"after a power cycle": {func(p *platform, _ *agreement, _ *ctap.HMACSecretInput) { p.PowerCycle() }, ctap.ErrPINAuthInvalid},
	} {
		for _, protocol := range []uint64{pinuvauth.One, pinuvauth.Two} {
			p := newPlatform(t)
			c := p.make(mcRequest())
			a := p.agree(protocol)
			in := p.hmacInput(a, salt(1))
			tc.change(p, a, in)
			if status, _ := p.send(p.withHMAC(gaRequest(), in)); status != tc.want {
				t.Errorf("%s, protocol %d: %v, want %v", name, protocol, status, tc.want)
			}
			got, err := p.Store.Get(t.Context(), ctap.HashRPID(rpID), c.id)
			if err != nil || got.SignCount != 0 {
				t.Errorf("%s: a refusal moved the counter: %v, %v", name, got, err)
			}
		}
	}
	p := newPlatform(t)
	c := p.make(mcRequest())
	g := p.withHMAC(gaRequest(), p.hmacInput(p.agree(2), salt(1)))
	g.Options = map[string]bool{"up": false}
	g.AllowList = []ctap.CredentialDescriptor{c.descriptor()}
	p.wantStatus(g, ctap.ErrUnsupportedOption)
}
