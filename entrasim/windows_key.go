package entrasim

import (
	"crypto/hkdf"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // OAEP with SHA-1 is what "RSA-OAEP" stands for (RFC 7518 §4.3)
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math/big"

	cryptorand "crypto/rand"
)

// Sizes of the RSA keys of a device, in bits.
const (
	minDeviceKey = 2048
	maxDeviceKey = 4096
)

// maxPublicExponent is what crypto/rsa takes.
const maxPublicExponent = 1<<31 - 1

var errKeyBlob = errors.New("not a BCRYPT_RSAKEY_BLOB of a public RSA key of 2048 to 4096 bits")

// parseKeyBlob reads a public key as Windows exports it: a BCRYPT_RSAKEY_BLOB of the kind RSA1, a header of six 32 bit numbers,
// little endian, then exponent and modulus, big endian.
func parseKeyBlob(b []byte) (*rsa.PublicKey, error) {
	const header = 24
	if len(b) < header || string(b[:4]) != "RSA1" {
		return nil, errKeyBlob
	}
	number := func(i int) uint32 { return binary.LittleEndian.Uint32(b[4*i:]) }
	bits, exponent, modulus := number(1), number(2), number(3)
	switch {
	case number(4) != 0 || number(5) != 0, // a private key would have primes
		bits < minDeviceKey || bits > maxDeviceKey, exponent < 1 || exponent > 8, modulus != (bits+7)/8,
		len(b) != header+int(exponent)+int(modulus):
		return nil, errKeyBlob
	}
	e := new(big.Int).SetBytes(b[header : header+exponent])
	n := new(big.Int).SetBytes(b[header+exponent:])
	if !e.IsInt64() || e.Int64() < 3 || e.Int64() > maxPublicExponent || e.Bit(0) == 0 || n.BitLen() != int(bits) || n.Bit(0) == 0 {
		return nil, errKeyBlob
	}
	return &rsa.PublicKey{N: n, E: int(e.Int64())}, nil
}

// parseTransportKey reads the member TransportKey of a registration.
func parseTransportKey(text string) (*rsa.PublicKey, error) {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errKeyBlob
	}
	return parseKeyBlob(b)
}

// wrapSessionKey is session_key_jwe: the session key is the content encryption key, and there is no content.
func wrapSessionKey(to *rsa.PublicKey, sessionKey []byte) (string, error) {
	encrypted, err := rsa.EncryptOAEP(sha1.New(), cryptorand.Reader, to, sessionKey, nil) //nolint:gosec // see the import
	if err != nil {
		return "", err
	}
	return sealJWE(object{"alg": "RSA-OAEP", "enc": "A256GCM"}, encrypted, sessionKey, nil)
}

// ownKey is a symmetric key of this server for one purpose. It comes with the signing key, and so lives as long as the
// state file.
func (s *Server) ownKey(purpose string) []byte {
	key, err := hkdf.Key(sha256.New, s.key().D.Bytes(), nil, "entrasim "+purpose, 32)
	if err != nil {
		panic(err) // 32 bytes are not too many
	}
	return key
}
