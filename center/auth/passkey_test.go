package auth_test

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
)

// passkey is a security key and its browser in one: it really signs, and its fields let it misbehave.
type passkey struct {
	origin   string
	id       []byte
	key      *ecdsa.PrivateKey
	user     []byte
	counter  uint32
	noVerify bool // leaves user verification out
}

func newPasskey(t *testing.T, origin string) *passkey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id := make([]byte, 16)
	rand.Read(id)
	return &passkey{origin: origin, id: id, key: key}
}

// Flags of authenticator data (WebAuthn Level 3, §6.1).
const (
	flagUserPresent  = 0x01
	flagUserVerified = 0x04
	flagAttested     = 0x40
)

func (p *passkey) authData(rpID string, attested bool) []byte {
	hash := sha256.Sum256([]byte(rpID))
	flags := byte(flagUserPresent)
	if !p.noVerify {
		flags |= flagUserVerified
	}
	if attested {
		flags |= flagAttested
	}
	data := append(hash[:], flags)
	return binary.BigEndian.AppendUint32(data, p.counter)
}

func (p *passkey) clientData(t *testing.T, kind, challenge string) []byte {
	t.Helper()
	data, err := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": p.origin, "crossOrigin": false})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// options is what the server sends, read as a browser reads it.
type options struct {
	PublicKey struct {
		Challenge string `json:"challenge"`
		RPID      string `json:"rpId"`
		RP        struct {
			ID string `json:"id"`
		} `json:"rp"`
		User struct {
			ID string `json:"id"`
		} `json:"user"`
	} `json:"publicKey"`
}

func read(t *testing.T, v any) options {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var o options
	if err := json.Unmarshal(data, &o); err != nil {
		t.Fatal(err)
	}
	return o
}

// create answers creation options.
func (p *passkey) create(t *testing.T, creation any) []byte {
	t.Helper()
	o := read(t, creation)
	var err error
	if p.user, err = base64.RawURLEncoding.DecodeString(o.PublicKey.User.ID); err != nil {
		t.Fatal(err)
	}
	public, err := p.key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	cose, err := cbor.Marshal(map[int]any{1: 2, 3: -7, -1: 1, -2: public[1:33], -3: public[33:]})
	if err != nil {
		t.Fatal(err)
	}
	data := p.authData(o.PublicKey.RP.ID, true)
	data = append(data, make([]byte, 16)...) // AAGUID
	data = binary.BigEndian.AppendUint16(data, uint16(len(p.id)))
	data = append(append(data, p.id...), cose...)
	object, err := cbor.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": data})
	if err != nil {
		t.Fatal(err)
	}
	return p.answer(t, map[string]string{
		"clientDataJSON":    b64(p.clientData(t, "webauthn.create", o.PublicKey.Challenge)),
		"attestationObject": b64(object),
	})
}

// get answers request options.
func (p *passkey) get(t *testing.T, assertion any) []byte {
	t.Helper()
	o := read(t, assertion)
	if p.counter > 0 {
		p.counter++
	}
	data := p.authData(o.PublicKey.RPID, false)
	client := p.clientData(t, "webauthn.get", o.PublicKey.Challenge)
	clientHash := sha256.Sum256(client)
	digest := sha256.Sum256(append(append([]byte(nil), data...), clientHash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, p.key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return p.answer(t, map[string]string{
		"clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(signature), "userHandle": b64(p.user),
	})
}

func (p *passkey) answer(t *testing.T, response map[string]string) []byte {
	t.Helper()
	data, err := json.Marshal(map[string]any{
		"id": b64(p.id), "rawId": b64(p.id), "type": "public-key", "response": response, "clientExtensionResults": map[string]any{},
	})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
