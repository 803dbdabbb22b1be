package core

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/memory"
	"github.com/postern/postern/fido/ctap"
)

const rpID = "example.com"

// agreeing is a user who is verified and agrees at once.
type agreeing struct{}

func (agreeing) Verification() authenticator.Verification { return authenticator.VerificationReady }

func (agreeing) Present(context.Context, authenticator.Prompt) error { return nil }

func (agreeing) Verify(context.Context, authenticator.Prompt) error { return nil }

// leaf is an attestation certificate that is there already. What it says does not matter here.
type leaf struct{ key *ecdsa.PrivateKey }

func (l leaf) Leaf(context.Context, authenticator.AttestationRequest) (*authenticator.Leaf, error) {
	return &authenticator.Leaf{Key: l.key, Chain: [][]byte{make([]byte, 600)}}, nil
}

// device is an authenticator that answers like a phone's: user verification on the phone, no PIN.
func device(attester authenticator.Attester) (*authenticator.Authenticator, error) {
	return authenticator.New(authenticator.Config{
		AAGUID: ctap.AAGUID{1}, Store: memory.New(0), User: agreeing{}, Random: rand.Reader, Now: time.Now, Attester: attester,
	})
}

// registration is a request as platforms send it, with the extensions Entra asks for.
func registration() ([]byte, error) {
	return (&ctap.MakeCredentialRequest{
		ClientDataHash: make([]byte, 32), RP: ctap.RelyingParty{ID: rpID, Name: "Example"},
		User:       ctap.User{ID: bytes.Repeat([]byte{1}, 32), Name: "ada@example.com", DisplayName: "Ada"},
		Parameters: []ctap.CredentialParameter{{Type: ctap.PublicKeyType, Algorithm: ctap.ES256}, {Type: ctap.PublicKeyType, Algorithm: ctap.RS256}},
		Options:    map[string]bool{ctap.OptionRK: true, ctap.OptionUV: true},
		Extensions: map[string]ctap.Raw{"hmac-secret": {0xF5}, "credProtect": {0x01}},
	}).Encode()
}

func assertion() ([]byte, error) {
	return (&ctap.GetAssertionRequest{RPID: rpID, ClientDataHash: make([]byte, 32), Options: map[string]bool{ctap.OptionUV: true}}).Encode()
}

// asking runs one request.
func asking(a *authenticator.Authenticator, request []byte) func() error {
	ctx := context.Background()
	return func() error {
		if s := ctap.Status(a.Handle(ctx, request)[0]); s != ctap.OK {
			return s
		}
		return nil
	}
}

// Ceremonies compares a registration, without and with attestation, and a sign-in with what remains if everything but
// elliptic curves is taken away: a key generated, and a digest signed with a key that is there.
func Ceremonies() ([]Pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	create, err := registration()
	if err != nil {
		return nil, err
	}
	get, err := assertion()
	if err != nil {
		return nil, err
	}
	plain, err := device(nil)
	if err != nil {
		return nil, err
	}
	attesting, err := device(authenticator.PackedAttestation{Source: leaf{key}})
	if err != nil {
		return nil, err
	}
	message := make([]byte, 37+32) // authenticator data and the hash of the client data
	generate := func() error {
		_, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		return err
	}
	sign := func() error {
		digest := sha256.Sum256(message)
		_, err := key.Sign(nil, digest[:], crypto.SHA256) // deterministic, as the authenticator signs
		return err
	}
	both := func() error {
		if err := generate(); err != nil {
			return err
		}
		return sign()
	}
	if err := asking(plain, create)(); err != nil {
		return nil, err
	}
	var pairs []Pair
	for _, c := range []struct {
		name, against string
		ours, bare    func() error
	}{
		{"get_assertion", "ecdsa.PrivateKey.Sign, a ready P-256 key, RFC 6979", asking(plain, get), sign},
		{"make_credential", "ecdsa.GenerateKey, P-256", asking(plain, create), generate},
		{"make_credential_packed", "ecdsa.GenerateKey and Sign", asking(attesting, create), both},
	} {
		p, err := Compare(c.name, c.against, c.ours, c.bare)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		pairs = append(pairs, p)
	}
	return pairs, nil
}

// Lookups compares finding the two discoverable credentials of one relying party among many with finding them among
// ten.
func Lookups(sizes ...int) ([]Pair, error) {
	few, err := finding(10)
	if err != nil {
		return nil, err
	}
	var pairs []Pair
	for _, size := range sizes {
		many, err := finding(size)
		if err != nil {
			return nil, err
		}
		p, err := Compare(fmt.Sprintf("discoverable_among_%d", size), "among 10 credentials", many, few)
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, p)
	}
	return pairs, nil
}

func finding(size int) (func() error, error) {
	ctx := context.Background()
	store := memory.New(size)
	relyingParty := func(n int) ctap.RPIDHash { return ctap.HashRPID(fmt.Sprintf("%d.example", n)) }
	for n := range size {
		c := &authenticator.Credential{
			ID: binary.BigEndian.AppendUint32(make([]byte, 28), uint32(n)), RPIDHash: relyingParty(n / 2), Discoverable: true, // #nosec G115 -- small
			User: ctap.User{ID: []byte{byte(n % 2)}}, PublicKey: make(ctap.Raw, 77),
		}
		if err := store.Put(ctx, c, &authenticator.Secret{PrivateKey: make([]byte, 32)}); err != nil {
			return nil, err
		}
	}
	n := 0
	hashes := make([]ctap.RPIDHash, size/2)
	for i := range hashes {
		hashes[i] = relyingParty(i)
	}
	return func() error {
		n = (n + 7919) % len(hashes)
		found, err := store.Discoverable(ctx, hashes[n])
		if err == nil && len(found) != 2 {
			err = fmt.Errorf("%d credentials found, want 2", len(found))
		}
		return err
	}, nil
}
