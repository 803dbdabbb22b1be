package authenticator_test

import (
	"bytes"
	"testing"
	"unicode/utf8"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/ctap"
)

// FuzzPIN speaks to client PIN from behind the encryption, where FuzzHandle
// cannot get: what a platform encrypts is arbitrary. A PIN in force is changed by
// who knows it alone, to one the policy allows, and gives a token to nobody else.
func FuzzPIN(f *testing.F) {
	for _, sub := range []uint64{ctap.SetPIN, ctap.ChangePIN, ctap.GetPINToken, ctap.GetTokenUsingPIN} {
		f.Add(uint64(1), sub, []byte("123456"), rightPIN, uint64(3), rpID, false)
		f.Add(uint64(2), sub, bytes.Repeat([]byte{0xC3, 0xA4}, 32), wrongPIN, uint64(0x40), "", true)
		f.Add(uint64(2), sub, bytes.Repeat([]byte{0}, 80), rightPIN, uint64(0xFF), rpID, true)
	}
	f.Fuzz(func(t *testing.T, protocol, sub uint64, plain []byte, pin string, permissions uint64, rp string, forced bool) {
		protocol = 1 + protocol%2
		if len(plain) > 256 || !utf8.ValidString(rp) {
			return
		}
		p := newPlatform(t, withPIN)
		if sub != ctap.SetPIN {
			p.SetPIN(t, rightPIN)
		}
		p.changeState(func(s *authenticator.State) { s.ForcePINChange = forced })
		before, _ := p.Store.State(t.Context())
		a := p.agree(protocol)
		padded := append(bytes.Clone(plain), make([]byte, (16-len(plain)%16)%16)...)
		r := &ctap.ClientPINRequest{
			Protocol: &a.protocol, Subcommand: sub, KeyAgreement: a.platform, NewPINEnc: a.encrypt(padded),
		}
		if sub != ctap.SetPIN {
			r.PINHashEnc = a.pinHashEnc(pin)
		}
		a.sign(r)
		if sub == ctap.GetTokenUsingPIN {
			r.Permissions, r.RPID = new(ctap.Permission(permissions)), &rp
		}
		status, result := p.send(r)
		after, _ := p.Store.State(t.Context())
		knows := sub == ctap.SetPIN || pin == rightPIN
		fits := len(padded) == 64 && utf8.Valid(padded) && len(bytes.TrimRight(padded, "\x00")) < 64 &&
			utf8.RuneCount(bytes.TrimRight(padded, "\x00")) >= 4
		if !bytes.Equal(before.PINHash, after.PINHash) && (status != ctap.OK || !knows || !fits) {
			t.Fatalf("%v: the PIN was changed to %q by who knows %q", status, padded, pin)
		}
		if status == ctap.OK && len(result) > 0 && sub != ctap.GetKeyAgreement && sub != ctap.GetPINRetries && (!knows || forced) {
			t.Fatalf("subcommand %d gives %x to who knows %q", sub, result, pin)
		}
		if after.PINFailures > 1 || (after.PINFailures == 1 && knows) {
			t.Fatalf("%d failures", after.PINFailures)
		}
	})
}
