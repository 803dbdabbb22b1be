package entrasim

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/postern/postern/entrasim/passkey"
)

// securityKey is a software authenticator for tests: ES256, attestation none, user always present and verified.
type securityKey struct {
	t      testing.TB
	origin string
	aaguid [16]byte
	flags  byte

	key    *ecdsa.PrivateKey
	id     []byte
	handle []byte
}

func newSecurityKey(t testing.TB) *securityKey {
	t.Helper()
	return &securityKey{t: t, origin: "https://login.microsoft.com", flags: 0x05, aaguid: [16]byte{
		0x2f, 0xc0, 0x57, 0x9f, 0x81, 0x13, 0x47, 0xea, 0xb1, 0x16, 0xbb, 0x5a, 0x8d, 0xb9, 0x20, 0x2a,
	}}
}

func (k *securityKey) ok(err error) {
	k.t.Helper()
	if err != nil {
		k.t.Fatal(err)
	}
}

func (k *securityKey) clientData(kind, challenge string) []byte {
	b, err := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": k.origin, "crossOrigin": false})
	k.ok(err)
	return b
}

func (k *securityKey) authData(flags byte) []byte {
	hash := sha256.Sum256([]byte("login.microsoft.com"))
	return binary.BigEndian.AppendUint32(append(hash[:], flags), 0)
}

// create answers creation options with a fresh credential.
func (k *securityKey) create(o passkey.CreationOptions) passkey.PublicKeyCredential {
	k.t.Helper()
	var err error
	k.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	k.ok(err)
	k.id = make([]byte, 16)
	_, _ = rand.Read(k.id)
	k.handle, err = base64.RawURLEncoding.DecodeString(o.User.ID)
	k.ok(err)
	point, err := k.key.PublicKey.Bytes()
	k.ok(err)
	cose, err := cbor.Marshal(map[int]any{1: 2, 3: -7, -1: 1, -2: point[1:33], -3: point[33:]})
	k.ok(err)
	data := append(k.authData(k.flags|0x40), k.aaguid[:]...)
	data = binary.BigEndian.AppendUint16(data, uint16(len(k.id)))
	data = append(append(data, k.id...), cose...)
	object, err := cbor.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": data})
	k.ok(err)
	return passkey.PublicKeyCredential{ID: encodeBase64URL(k.id), Response: passkey.AttestationResponse{
		ClientDataJSON: encodeBase64URL(k.clientData("webauthn.create", o.Challenge)), AttestationObject: encodeBase64URL(object),
	}}
}

// get answers a sign-in challenge; the assertion is the JSON text of the login form.
func (k *securityKey) get(challenge string) string {
	k.t.Helper()
	client := k.clientData("webauthn.get", encodeBase64URL([]byte(challenge)))
	data := k.authData(k.flags)
	hash := sha256.Sum256(client)
	sum := sha256.Sum256(append(append([]byte{}, data...), hash[:]...))
	sig, err := ecdsa.SignASN1(rand.Reader, k.key, sum[:])
	k.ok(err)
	b, err := json.Marshal(passkey.Assertion{
		ID: encodeBase64URL(k.id), ClientDataJSON: encodeBase64URL(client), AuthenticatorData: encodeBase64URL(data),
		Signature: encodeBase64URL(sig), UserHandle: encodeBase64URL(k.handle),
	})
	k.ok(err)
	return string(b)
}

// enrol registers a passkey for a user of a tenant.
func (k *securityKey) enrol(s *Server, t *Tenant, userID string) *Passkey {
	k.t.Helper()
	req := passkey.OptionsRequest{Tenant: t.ID, Minutes: passkey.MinChallengeMinutes}
	t.view(func() { req.User, req.Policy = t.passkeyUser(t.user(userID)), t.passkeyPolicy() })
	options, _, err := s.relyingParty().Options(req, s.now())
	k.ok(err)
	added, err := s.registerPasskey(t, userID, passkey.Registration{Tenant: t.ID, DisplayName: "Test key", Credential: k.create(options)})
	k.ok(err)
	return added
}
