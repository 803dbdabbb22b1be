package authenticator

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/big"

	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/ctap/pinuvauth"
)

// keyType makes keys of one algorithm and signs with them. Secrets are in the
// form [Secret.PrivateKey] documents. Signatures need no randomness: ECDSA is
// deterministic (RFC 6979), the others always are, so a weak random source
// cannot leak a key through them.
type keyType struct {
	generate func(random io.Reader) (secret []byte, pub crypto.PublicKey, err error)
	// sign takes the public half, which some keys are put together from.
	sign func(public ctap.Raw, secret, message []byte) ([]byte, error)
}

var keyTypes = map[ctap.Algorithm]keyType{
	ctap.ES256: {generate: generateES256, sign: signES256},
	ctap.EdDSA: {generate: generateEdDSA, sign: signEdDSA},
	ctap.RS256: {generate: generateRS256, sign: signRS256},
}

const es256Scalar = 32 // bytes

func generateES256(random io.Reader) ([]byte, crypto.PublicKey, error) {
	key, err := pinuvauth.GenerateKey(random)
	if err != nil {
		return nil, nil, err
	}
	return key.Bytes(), key.PublicKey(), nil
}

func signES256(public ctap.Raw, secret, message []byte) ([]byte, error) {
	key, err := es256Key(public, secret)
	if err != nil {
		return nil, fmt.Errorf("stored ES256 key: %w", err)
	}
	digest := sha256.Sum256(message)
	return key.Sign(nil, digest[:], crypto.SHA256)
}

// es256Key puts a key together from its halves. To compute the public half from
// the scalar would cost as much as half a signature; a signature does not depend
// on it.
func es256Key(public ctap.Raw, scalar []byte) (*ecdsa.PrivateKey, error) {
	point, ok := ctap.ES256Point(public)
	if !ok || len(scalar) != es256Scalar {
		return nil, errors.New("it has a wrong form")
	}
	pub, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point[:])
	if err != nil {
		return nil, err
	}
	//nolint:staticcheck // D is deprecated in favour of ParseRawPrivateKey, which computes the public half
	return &ecdsa.PrivateKey{PublicKey: *pub, D: new(big.Int).SetBytes(scalar)}, nil
}

func generateEdDSA(random io.Reader) ([]byte, crypto.PublicKey, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return nil, nil, fmt.Errorf("read randomness: %w", err)
	}
	key := ed25519.NewKeyFromSeed(seed)
	defer clear(key)
	pub := append(ed25519.PublicKey{}, key[ed25519.SeedSize:]...)
	return seed, pub, nil
}

func signEdDSA(_ ctap.Raw, secret, message []byte) ([]byte, error) {
	if len(secret) != ed25519.SeedSize {
		return nil, errors.New("stored EdDSA key has a wrong size")
	}
	key := ed25519.NewKeyFromSeed(secret)
	defer clear(key)
	return ed25519.Sign(key, message), nil
}

const (
	rsaBits     = 2048
	rsaExponent = 65537
	rsaPrime    = rsaBits / 8 / 2 // bytes
)

func generateRS256(random io.Reader) ([]byte, crypto.PublicKey, error) {
	key, err := rsa.GenerateKey(random, rsaBits)
	if err != nil {
		return nil, nil, err
	}
	secret := make([]byte, 2*rsaPrime)
	key.Primes[0].FillBytes(secret[:rsaPrime])
	key.Primes[1].FillBytes(secret[rsaPrime:])
	return secret, &key.PublicKey, nil
}

func signRS256(_ ctap.Raw, secret, message []byte) ([]byte, error) {
	if len(secret) != 2*rsaPrime {
		return nil, errors.New("stored RS256 key has a wrong size")
	}
	p, q := new(big.Int).SetBytes(secret[:rsaPrime]), new(big.Int).SetBytes(secret[rsaPrime:])
	one, e := big.NewInt(1), big.NewInt(rsaExponent)
	phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	d := new(big.Int).ModInverse(e, phi)
	if d == nil {
		return nil, errors.New("stored RS256 key is not one")
	}
	key := &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: rsaExponent},
		D:         d,
		Primes:    []*big.Int{p, q},
	}
	if err := key.Validate(); err != nil {
		return nil, fmt.Errorf("stored RS256 key: %w", err)
	}
	key.Precompute()
	digest := sha256.Sum256(message)
	return rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
}

// newSecret makes the key material of a credential.
func (a *Authenticator) newSecret(alg ctap.Algorithm) (*Secret, ctap.Raw, error) {
	private, pub, err := keyTypes[alg].generate(a.random)
	if err != nil {
		return nil, nil, err
	}
	s := &Secret{PrivateKey: private}
	encoded, err := ctap.EncodePublicKey(pub)
	var both []byte // one read for the two keys
	if err == nil {
		both, err = a.randomBytes(2 * CredRandomSize)
	}
	if err != nil {
		s.Wipe()
		return nil, nil, err
	}
	s.CredRandomWithUV, s.CredRandomWithoutUV = both[:CredRandomSize:CredRandomSize], both[CredRandomSize:]
	return s, encoded, nil
}
