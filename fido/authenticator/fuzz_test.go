package authenticator_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/authtest"
	"github.com/postern/postern/fido/authenticator/memory"
	"github.com/postern/postern/fido/authenticator/storetest"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/ctap/pinuvauth"
)

// Bits of what the fuzzed authenticator and its user are like.
const (
	fuzzPresent  = 1 << iota // the user agrees to presence
	fuzzVerify               // and to verification
	fuzzPIN                  // a PIN is set
	fuzzAlwaysUV             // alwaysUv is on
	fuzzNoUV                 // there is no built-in verification
	fuzzAll      = 1<<iota - 1
)

// FuzzHandle sends two requests to an authenticator with credentials on it,
// whose user agrees to presence, to verification, to both or to nothing. No
// request may make it panic or answer more than a message; every answer is a
// status and canonical CBOR; no answer claims a user who did not agree; and
// without a token neither PIN nor settings of a protected authenticator change,
// but by a reset.
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
	toggle := &ctap.ConfigRequest{Subcommand: ctap.ToggleAlwaysUV}
	shorten := &ctap.ConfigRequest{Subcommand: ctap.SetMinPINLength, Params: ctap.Raw{0xA1, 0x01, 0x08}, Protocol: new(uint64(1)), AuthParam: make([]byte, 16)}
	guess := &ctap.ClientPINRequest{
		Protocol: new(uint64(1)), Subcommand: ctap.GetPINToken, PINHashEnc: make([]byte, 16), AuthParam: make([]byte, 16), NewPINEnc: make([]byte, 64),
	}
	own, err := pinuvauth.GenerateKey(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	if guess.KeyAgreement, err = ctap.EncodeKeyAgreement(own.PublicKey()); err != nil {
		f.Fatal(err)
	}
	for agree := range uint8(fuzzAll + 1) {
		f.Add(agree, add(mc), add(ga))
		f.Add(agree, add(protected), add(silent))
		f.Add(agree, add(touch), []byte{0x08})
		f.Add(agree, []byte{0x04}, []byte{0x0B})
		f.Add(agree, add(agreement), add(silent))
		f.Add(agree, add(toggle), add(shorten))
		f.Add(agree, []byte{0x07}, add(guess))
		f.Add(agree, add(&ctap.LargeBlobsRequest{Set: initialBlobs[:9], Offset: new(uint64(0)), Length: new(uint64(17))}),
			add(&ctap.LargeBlobsRequest{Set: initialBlobs[9:], Offset: new(uint64(9))}))
		f.Add(agree, add(&ctap.LargeBlobsRequest{Get: new(uint64(17)), Offset: new(uint64(0))}), add(next(ctap.EnumerateRPsNext)))
		f.Add(agree, add(&ctap.CredentialManagementRequest{Subcommand: ctap.DeleteCredential, Protocol: new(uint64(2)), AuthParam: make([]byte, 32)}),
			add(&ctap.CredentialManagementRequest{Subcommand: ctap.EnumerateRPsBegin}))
		for _, sub := range []uint64{ctap.GetPINRetries, ctap.SetPIN, ctap.ChangePIN, ctap.GetTokenUsingUV, ctap.GetUVRetries, ctap.GetTokenUsingPIN} {
			r := *guess
			r.Subcommand, r.Permissions, r.RPID = sub, new(ctap.Permission(3)), new(rpID)
			f.Add(agree, add(guess), add(&r))
		}
	}
	f.Fuzz(func(t *testing.T, agree uint8, first, second []byte) {
		present, verify := agree&fuzzPresent != 0, agree&fuzzVerify != 0 && agree&fuzzNoUV == 0
		store := seeded(agree)
		d := authtest.New(t, func(c *authenticator.Config) {
			// RSA keys take a tenth of a second each.
			c.Algorithms = []ctap.Algorithm{ctap.ES256, ctap.EdDSA}
			c.Store, c.PIN, c.MaxLargeBlobs = store, true, ctap.MinLargeBlobCapacity
			if agree&fuzzNoUV != 0 {
				authtest.WithoutVerification(c)
			}
		})
		d.User.Answer = func(_ context.Context, _ authenticator.Prompt, verification bool) error {
			if (verification && verify) || (!verification && present) {
				return nil
			}
			return authenticator.ErrDenied
		}
		protected := agree&fuzzPIN != 0 || agree&fuzzNoUV == 0
		for _, r := range [][]byte{first, second} {
			before, _ := store.State(t.Context())
			answer := d.Handle(t.Context(), r)
			after, _ := store.State(t.Context())
			checkAnswer(t, r, answer, present, verify || !protected)
			if answer[0] == 0 && ctap.Command(r[0]) == ctap.Reset {
				return // nothing protects it any more
			}
			checkState(t, before, after, protected)
		}
	})
}

// checkState holds what nobody authorised to what it was.
func checkState(t *testing.T, before, after *authenticator.State, protected bool) {
	t.Helper()
	if after.PINFailures < before.PINFailures || after.PINFailures > authenticator.MaxPINRetries || after.MinPINLength < before.MinPINLength {
		t.Fatalf("%+v became %+v", before, after)
	}
	if !protected {
		return
	}
	after.PINFailures, after.UVFailures = before.PINFailures, before.UVFailures
	after.PersistentToken, after.DeviceIdentifier, after.CredentialStoreState = nil, nil, nil
	before.PersistentToken, before.DeviceIdentifier, before.CredentialStoreState = nil, nil, nil
	if diff := cmp.Diff(before, after); diff != "" {
		t.Fatal(diff)
	}
}

// seeded is a store with two credentials that really sign, and a PIN nobody
// knows.
func seeded(what uint8) authenticator.Store {
	content := &memory.Content{}
	content.State.AlwaysUV = what&fuzzAlwaysUV != 0
	if what&fuzzPIN != 0 {
		content.State.PINHash, content.State.PINLength = bytes.Repeat([]byte{0x5A}, authenticator.PINHashSize), 8
	}
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
	case ctap.CredentialManagement, ctap.CredentialManagementPreview:
		t.Fatal("credentials are managed without a token")
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
