package authenticator_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"testing"
	"time"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/authtest"
	"github.com/postern/postern/fido/authenticator/memory"
	"github.com/postern/postern/fido/authenticator/storetest"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/ctap/pinuvauth"
	"github.com/postern/postern/fido/ctap/u2f"
)

// FuzzU2F sends two messages to an authenticator with two credentials, whose
// user agrees or refuses. No message may make it panic or answer more than a
// message; a refusal is a status word alone; no signature says that a user was
// present who was not, and each that says so took a question of its own; what is
// signed verifies; and nothing is stored but by a registration.
func FuzzU2F(f *testing.F) {
	known := []byte{1, 1, 2, 3} // the id of a seeded credential
	version := (&u2f.VersionRequest{}).Encode()
	for _, agrees := range []bool{true, false} {
		f.Add(agrees, u2fRegister().Encode(), u2fRegister().Encode())
		f.Add(agrees, (&u2f.Register{}).Encode(), version)
		for _, control := range []u2f.Control{u2f.Enforce, u2f.CheckOnly, u2f.DontEnforce} {
			f.Add(agrees, u2fAuthenticate(known, control).Encode(), u2fAuthenticate(known, u2f.Enforce).Encode())
		}
		f.Add(agrees, []byte{0, 3}, []byte{0, 2, 3, 0, 65})
	}
	f.Fuzz(func(t *testing.T, agrees bool, first, second []byte) {
		store := seededES256(t)
		d := authtest.New(t, withU2F, func(c *authenticator.Config) { c.Store = store })
		if !agrees {
			d.User.Answer = func(context.Context, authenticator.Prompt, bool) error { return authenticator.ErrDenied }
		}
		for _, message := range [][]byte{first, second} {
			before, _ := store.List(t.Context())
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			response := d.HandleU2F(ctx, message)
			cancel()
			after, _ := store.List(t.Context())
			checkU2F(t, message, response, before, len(after)-len(before), agrees, len(d.User.Asked()))
		}
	})
}

func checkU2F(t *testing.T, message, response []byte, before []authenticator.Credential, added int, agrees bool, asked int) {
	t.Helper()
	if len(response) < 2 || len(response) > authenticator.DefaultMaxMsgSize {
		t.Fatalf("response of %d bytes", len(response))
	}
	if asked > 1 {
		t.Fatalf("%d questions for one message", asked)
	}
	_, statusErr := u2f.SplitResponse(response)
	request, parseErr := u2f.ParseRequest(message)
	if len(message) > authenticator.DefaultMaxMsgSize { // not looked at
		parseErr = u2f.WrongLength
	}
	var status u2f.Status
	switch {
	case parseErr != nil && (!errors.As(parseErr, &status) || !errors.Is(statusErr, status) || asked != 0):
		t.Fatalf("%x is malformed (%v) and answered %x after %d questions", message, parseErr, response, asked)
	case statusErr != nil && (len(response) != 2 || added != 0):
		t.Fatalf("a refusal came with %x and %d credentials", response, added)
	case statusErr != nil:
		return
	}
	switch r := request.(type) {
	case *u2f.VersionRequest:
		if asked != 0 || added != 0 {
			t.Fatal("version did more than tell")
		}
	case *u2f.Register:
		if !agrees || asked != 1 || added > 1 {
			t.Fatalf("registered; agrees %v, %d questions, %d credentials", agrees, asked, added)
		}
		got, err := u2f.DecodeRegisterResponse(response)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(got.Certificate)
		if err != nil {
			t.Fatal(err)
		}
		verify(t, cert.PublicKey, got.SignedMessage(r), got.Signature)
	case *u2f.Authenticate:
		got, err := u2f.DecodeAuthenticateResponse(response)
		if err != nil {
			t.Fatal(err)
		}
		present := got.Flags&u2f.FlagUserPresent != 0
		if added != 0 || present != (r.Control == u2f.Enforce) || present && (!agrees || asked != 1) || !present && asked != 0 {
			t.Fatalf("flags %02x for control %02x; agrees %v, %d questions", got.Flags, r.Control, agrees, asked)
		}
		for _, c := range before {
			if bytes.Equal(c.ID, r.KeyHandle) && c.RPIDHash == r.Application {
				_, pub, err := ctap.DecodePublicKey(c.PublicKey)
				if err != nil {
					t.Fatal(err)
				}
				verify(t, pub, got.SignedMessage(r), got.Signature)
				return
			}
		}
		t.Fatal("signed for a key handle that is not here")
	}
}

func verify(t *testing.T, pub any, message, signature []byte) {
	t.Helper()
	digest := sha256.Sum256(message)
	if !ecdsa.VerifyASN1(pub.(*ecdsa.PublicKey), digest[:], signature) {
		t.Fatal("the signature does not verify")
	}
}

// seededES256 is a store with two credentials that U2F can sign with.
func seededES256(t *testing.T) authenticator.Store {
	t.Helper()
	content := &memory.Content{}
	for n := range byte(2) {
		c, s := storetest.Sample(n)
		c.RP.ID, c.RPIDHash = rpID, ctap.HashRPID(rpID)
		key, err := pinuvauth.GenerateKey(bytes.NewReader(bytes.Repeat([]byte{n + 1}, 32)))
		if err != nil {
			t.Fatal(err)
		}
		pub, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), key.PublicKey().Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if c.PublicKey, err = ctap.EncodePublicKey(pub); err != nil {
			t.Fatal(err)
		}
		s.PrivateKey = key.Bytes()
		content.Entries = append(content.Entries, memory.Entry{Credential: *c, Secret: *s})
	}
	return memory.Load(0, content)
}
