package authenticator_test

import (
	"context"
	"testing"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/authtest"
	"github.com/postern/postern/fido/authenticator/memory"
	"github.com/postern/postern/fido/authenticator/storetest"
	"github.com/postern/postern/fido/ctap"
)

// FuzzHandle sends two requests to an authenticator with credentials on it,
// whose user agrees to presence, to verification, to both or to nothing. No
// request may make it panic or answer more than a message; every answer is a
// status and canonical CBOR; and no answer claims a user who did not agree.
func FuzzHandle(f *testing.F) {
	add := func(r request) []byte {
		b, err := r.Encode()
		if err != nil {
			f.Fatal(err)
		}
		return b
	}
	mc, ga := mcRequest(), gaRequest()
	silent := gaRequest()
	silent.Options = map[string]bool{"up": false}
	touch := gaRequest()
	touch.Options = nil
	protected := mcRequest()
	protected.Extensions = map[string]ctap.Raw{"credProtect": {0x03}, "hmac-secret": ctap.EncodeBool(true)}
	agreement := &ctap.ClientPINRequest{Protocol: new(uint64(2)), Subcommand: ctap.GetKeyAgreement}
	for agree := range uint8(4) {
		f.Add(agree, add(mc), add(ga))
		f.Add(agree, add(protected), add(silent))
		f.Add(agree, add(touch), []byte{0x08})
		f.Add(agree, []byte{0x04}, []byte{0x0B})
		f.Add(agree, add(agreement), add(silent))
	}
	f.Fuzz(func(t *testing.T, agree uint8, first, second []byte) {
		present, verify := agree&1 != 0, agree&2 != 0
		d := authtest.New(t, func(c *authenticator.Config) {
			// RSA keys take a tenth of a second each.
			c.Algorithms = []ctap.Algorithm{ctap.ES256, ctap.EdDSA}
			c.Store = seeded()
		})
		d.User.Answer = func(_ context.Context, _ authenticator.Prompt, verification bool) error {
			if (verification && verify) || (!verification && present) {
				return nil
			}
			return authenticator.ErrDenied
		}
		for _, r := range [][]byte{first, second} {
			checkAnswer(t, r, d.Handle(t.Context(), r), present, verify)
		}
	})
}

// seeded is a store with two credentials that really sign.
func seeded() authenticator.Store {
	content := &memory.Content{}
	for n := range byte(2) {
		c, s := storetest.Sample(n)
		c.RP.ID, c.RPIDHash = rpID, ctap.HashRPID(rpID)
		c.Algorithm = ctap.EdDSA
		s.PrivateKey = make([]byte, 32)
		content.Entries = append(content.Entries, memory.Entry{Credential: *c, Secret: *s})
	}
	return memory.Load(0, content)
}

func checkAnswer(t *testing.T, req, resp []byte, present, verify bool) {
	t.Helper()
	if len(resp) == 0 || len(resp) > authenticator.DefaultMaxMsgSize {
		t.Fatalf("answer of %d bytes", len(resp))
	}
	if ctap.Status(resp[0]) != ctap.OK {
		if len(resp) != 1 {
			t.Fatalf("error answer %x carries data", resp)
		}
		return
	}
	if len(resp) > 1 {
		if err := ctap.Check(resp[1:]); err != nil {
			t.Fatalf("answer %x: %v", resp, err)
		}
	}
	var authData []byte
	switch ctap.Command(req[0]) {
	case ctap.MakeCredential:
		mc, err := ctap.DecodeMakeCredentialResponse(resp[1:])
		if err != nil {
			t.Fatal(err)
		}
		if !verify {
			t.Fatal("a credential was made without verification")
		}
		authData = mc.AuthData
	case ctap.GetAssertion, ctap.GetNextAssertion:
		ga, err := ctap.DecodeGetAssertionResponse(resp[1:])
		if err != nil {
			t.Fatal(err)
		}
		authData = ga.AuthData
	case ctap.Selection:
		if !present {
			t.Fatal("selected without presence")
		}
		return
	default:
		return
	}
	data, err := ctap.ParseAuthenticatorData(authData)
	if err != nil {
		t.Fatal(err)
	}
	if data.Flags&ctap.FlagUV != 0 && !verify {
		t.Fatalf("flags %02x claim verification", data.Flags)
	}
	if data.Flags&ctap.FlagUP != 0 && !present && !verify {
		t.Fatalf("flags %02x claim presence", data.Flags)
	}
}
