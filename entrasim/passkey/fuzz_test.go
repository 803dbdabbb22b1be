package passkey_test

import (
	"encoding/base64"
	"errors"
	"testing"
	"time"

	"github.com/postern/postern/entrasim/passkey"
)

// FuzzRegister feeds the verifier damaged attestation objects behind correct client data. None may panic, and none but an
// intact one with the fuzzed bytes in the right places may register.
func FuzzRegister(f *testing.F) {
	rp := newRP(f)
	rp.AcceptSelfAttestation = true
	o := options(f, rp, alice())
	var client string
	for _, format := range []string{"none", "self", "packed", "custom"} {
		a := newAuthenticator(f)
		if format == "packed" {
			a.withChain(a.aaguid)
		}
		a.format = format
		cred := a.create(o)
		client = cred.Response.ClientDataJSON
		object, err := base64.RawURLEncoding.DecodeString(cred.Response.AttestationObject)
		must(f, err)
		f.Add(a.id, object)
	}
	f.Fuzz(func(t *testing.T, id, object []byte) {
		cred, err := rp.Register(passkey.Registration{Tenant: testTenant, User: alice(), Policy: openPolicy(), Credential: passkey.PublicKeyCredential{
			ID: b64(id), Response: passkey.AttestationResponse{ClientDataJSON: client, AttestationObject: b64(object)},
		}}, testNow)
		if err != nil {
			if r := new(passkey.Refusal); !errors.As(err, &r) || cred != nil {
				t.Fatalf("failed with %T and credential %v", err, cred)
			}
			return
		}
		if string(cred.ID) != string(id) || cred.Attested || len(cred.AAGUID) != 36 || len(cred.PublicKey) == 0 {
			t.Fatalf("registered %+v", cred)
		}
	})
}

// FuzzSignIn feeds the verifier damaged assertions. Only the one the authenticator signed may pass.
func FuzzSignIn(f *testing.F) {
	rp := newRP(f)
	a := newAuthenticator(f)
	cred, err := register(f, rp, a, openPolicy())
	must(f, err)
	dir := newDirectory(*cred)
	text, err := rp.RequestChallenge(testTenant, testUser, nil, testNow.Add(time.Hour))
	must(f, err)
	good := a.get(text)
	f.Add(good.ID, good.ClientDataJSON, good.AuthenticatorData, good.Signature, good.UserHandle)
	f.Add("", "", "", "", "")
	f.Fuzz(func(t *testing.T, id, client, data, sig, handle string) {
		in, err := rp.SignIn(passkey.Assertion{ID: id, ClientDataJSON: client, AuthenticatorData: data, Signature: sig, UserHandle: handle}, dir, testNow)
		if err != nil {
			if r := new(passkey.Refusal); !errors.As(err, &r) || in != nil {
				t.Fatalf("failed with %T and result %v", err, in)
			}
			return
		}
		if in.UserID != testUser || unpadded(client) != good.ClientDataJSON || unpadded(data) != good.AuthenticatorData {
			t.Fatalf("signed in %+v with data the authenticator did not sign", in)
		}
	})
}

// unpadded undoes the leniency of the decoder: padding, and bits of the last character that carry nothing.
func unpadded(s string) string {
	for len(s) > 0 && s[len(s)-1] == '=' {
		s = s[:len(s)-1]
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return s
	}
	return b64(b)
}
