package authenticator

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/postern/postern/fido/ctap"
)

// Attestation statement formats (WebAuthn §8).
const (
	FormatNone   = "none"
	FormatPacked = "packed"
)

// AttestationRequest is what there is to vouch for. AuthData and
// ClientDataHash, one after the other, are what a statement signs.
type AttestationRequest struct {
	Format         string // one of the attester's, or none
	RPID           string
	AAGUID         ctap.AAGUID
	CredentialID   []byte
	Algorithm      ctap.Algorithm
	PublicKey      ctap.Raw // COSE_Key
	AuthData       []byte
	ClientDataHash []byte
	// Enterprise asks for a statement that may name this very device.
	Enterprise bool
}

// Attester vouches for a new credential. It is asked before the credential is
// stored, so a refusal leaves nothing behind; it may call out, and gives up
// with ctx.
type Attester interface {
	// Formats lists the formats it can give, the preferred one first.
	Formats() []string
	// Attest gives the attestation statement map in the format asked for.
	Attest(ctx context.Context, r AttestationRequest) (ctap.Raw, error)
}

// NoAttestation gives the format "none" (WebAuthn §8.7).
type NoAttestation struct{}

// Formats is "none" alone.
func (NoAttestation) Formats() []string { return []string{FormatNone} }

// Attest gives the empty map.
func (NoAttestation) Attest(context.Context, AttestationRequest) (ctap.Raw, error) {
	return ctap.Raw{0xA0}, nil
}

// Leaf is an attestation certificate and its key. Chain holds DER certificates,
// the leaf first; a root that verifiers know is best left out, for size.
type Leaf struct {
	Key   crypto.Signer // P-256, Ed25519 or RSA
	Chain [][]byte
}

// LeafSource finds the leaf for one credential, which for an attestation CA
// means having it issued.
type LeafSource interface {
	Leaf(ctx context.Context, r AttestationRequest) (*Leaf, error)
}

// PackedAttestation gives the format "packed" with certificates (WebAuthn §8.2).
type PackedAttestation struct{ Source LeafSource }

// Formats prefers "packed"; a platform that prefers "none" gets that.
func (PackedAttestation) Formats() []string { return []string{FormatPacked, FormatNone} }

// Attest signs with the leaf's key.
func (p PackedAttestation) Attest(ctx context.Context, r AttestationRequest) (ctap.Raw, error) {
	if r.Format == FormatNone {
		return NoAttestation{}.Attest(ctx, r)
	}
	leaf, err := p.Source.Leaf(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("attestation certificate: %w", err)
	}
	alg, sig, err := leaf.sign(slices.Concat(r.AuthData, r.ClientDataHash))
	if err != nil {
		return nil, fmt.Errorf("attestation signature: %w", err)
	}
	return ctap.EncodePacked(alg, sig, leaf.Chain), nil
}

func (l *Leaf) sign(message []byte) (ctap.Algorithm, []byte, error) {
	digest := sha256.Sum256(message)
	switch l.Key.Public().(type) {
	case *ecdsa.PublicKey:
		sig, err := l.Key.Sign(nil, digest[:], crypto.SHA256)
		return ctap.ES256, sig, err
	case *rsa.PublicKey:
		sig, err := l.Key.Sign(nil, digest[:], crypto.SHA256)
		return ctap.RS256, sig, err
	case ed25519.PublicKey:
		sig, err := l.Key.Sign(nil, message, crypto.Hash(0))
		return ctap.EdDSA, sig, err
	}
	return 0, nil, fmt.Errorf("key type %T: %w", l.Key.Public(), ctap.ErrUnsupportedAlgorithm)
}

// attestationFormats is what getInfo lists: always something, "none" last
// where the attester does not name it.
func (a *Authenticator) attestationFormats() []string {
	formats := slices.Clip(a.attester.Formats()) // what is appended goes elsewhere
	if !slices.Contains(formats, FormatNone) {
		formats = append(formats, FormatNone)
	}
	return formats
}

// attest honours the platform's order of formats as far as it goes.
func (a *Authenticator) attest(ctx context.Context, preferred []string, r AttestationRequest) (string, ctap.Raw, error) {
	if r.Enterprise {
		r.Format = FormatPacked
		statement, err := PackedAttestation{a.enterprise.Source}.Attest(ctx, r)
		return r.Format, statement, err
	}
	formats := a.attestationFormats()
	r.Format = formats[0]
	for _, f := range preferred {
		if slices.Contains(formats, f) {
			r.Format = f
			break
		}
	}
	var attester Attester = NoAttestation{}
	if r.Format != FormatNone {
		attester = a.attester
	}
	statement, err := attester.Attest(ctx, r)
	return r.Format, statement, err
}
