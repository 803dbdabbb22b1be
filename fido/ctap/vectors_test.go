package ctap_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/postern/postern/fido/ctap"
)

type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

type vector struct {
	Section      string
	Name         string
	CredentialID hexBytes `json:"credential_id"`
	Registration struct {
		ClientDataJSON    hexBytes `json:"client_data_json"`
		AttestationObject hexBytes `json:"attestation_object"`
	}
	Authentication struct {
		ClientDataJSON    hexBytes `json:"client_data_json"`
		AuthenticatorData hexBytes `json:"authenticator_data"`
		Signature         hexBytes
	}
}

func vectors(t *testing.T) []vector {
	t.Helper()
	data, err := os.ReadFile("testdata/webauthn-level3.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Vectors []vector }
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	return file.Vectors
}

// TestPublishedVectors reads the registrations of WebAuthn Level 3 §16, writes
// them again byte for byte, and verifies the assertions with the keys read.
func TestPublishedVectors(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Section+" "+v.Name, func(t *testing.T) {
			if err := ctap.Check(v.Registration.AttestationObject); err != nil {
				t.Fatalf("attestation object: %v", err)
			}
			var object struct {
				AuthData []byte `cbor:"authData"`
			}
			if err := cbor.Unmarshal(v.Registration.AttestationObject, &object); err != nil {
				t.Fatal(err)
			}
			data, err := ctap.ParseAuthenticatorData(object.AuthData)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(data.Attested.ID, v.CredentialID) {
				t.Errorf("credential id %x, want %x", data.Attested.ID, v.CredentialID)
			}
			if data.RPIDHash != sha256.Sum256([]byte("example.org")) {
				t.Error("rpIdHash is not that of example.org")
			}
			again, err := data.Encode()
			if err != nil || !bytes.Equal(again, object.AuthData) {
				t.Errorf("encoded again: %x, %v; want %x", again, err, object.AuthData)
			}
			alg, pub, err := ctap.DecodePublicKey(data.Attested.PublicKey)
			if err != nil {
				t.Fatal(err)
			}
			key, err := ctap.EncodePublicKey(pub)
			if err != nil || !bytes.Equal(key, data.Attested.PublicKey) {
				t.Errorf("key encoded again: %x, %v; want %x", key, err, data.Attested.PublicKey)
			}
			hash := sha256.Sum256(v.Authentication.ClientDataJSON)
			message := slices.Concat(v.Authentication.AuthenticatorData, hash[:])
			if !verify(alg, pub, message, v.Authentication.Signature) {
				t.Errorf("%v assertion does not verify", alg)
			}
			if _, err := ctap.ParseAuthenticatorData(v.Authentication.AuthenticatorData); err != nil {
				t.Errorf("assertion's authenticator data: %v", err)
			}
		})
	}
}

func verify(alg ctap.Algorithm, pub crypto.PublicKey, message, sig []byte) bool {
	digest := sha256.Sum256(message)
	switch alg {
	case ctap.ES256:
		return ecdsa.VerifyASN1(pub.(*ecdsa.PublicKey), digest[:], sig)
	case ctap.EdDSA:
		return ed25519.Verify(pub.(ed25519.PublicKey), message, sig)
	case ctap.RS256:
		return rsa.VerifyPKCS1v15(pub.(*rsa.PublicKey), crypto.SHA256, digest[:], sig) == nil
	}
	return false
}
