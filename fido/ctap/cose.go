package ctap

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"fmt"
	"math/big"
)

// Algorithm is a COSE algorithm identifier (RFC 9053, RFC 8812).
type Algorithm int64

// The algorithms this module signs or agrees keys with.
const (
	ES256         Algorithm = -7
	EdDSA         Algorithm = -8
	ECDHESHKDF256 Algorithm = -25
	RS256         Algorithm = -257
)

// String gives the registered name.
func (a Algorithm) String() string {
	switch a {
	case ES256:
		return "ES256"
	case EdDSA:
		return "EdDSA"
	case ECDHESHKDF256:
		return "ECDH-ES+HKDF-256"
	case RS256:
		return "RS256"
	}
	return fmt.Sprintf("COSE algorithm %d", int64(a))
}

// Members and values of a COSE_Key (RFC 9052 §7, RFC 9053 §7, RFC 8230 §4).
// Written in canonical order a key is
//
//	EC2  1:2  3:alg  -1:1 (P-256)    -2:x(32)  -3:y(32)
//	OKP  1:1  3:-8   -1:6 (Ed25519)  -2:x(32)
//	RSA  1:3  3:-257 -1:n            -2:e
//
// and has no other member.
const (
	coseKty, coseAlg, coseCrv, coseX, coseY = 1, 3, -1, -2, -3

	ktyOKP, ktyEC2, ktyRSA = 1, 2, 3
	crvP256, crvEd25519    = 1, 6
	p256Size               = 32
	maxRSAModulus          = 1024 // bytes: 8192 bits
	minRSAModulus          = 256  // bytes: 2048 bits
	maxRSAExponent         = 4    // bytes
)

// EncodePublicKey gives the COSE_Key of an *[ecdsa.PublicKey] on P-256, an
// [ed25519.PublicKey] or an *[rsa.PublicKey]. An *[ecdh.PublicKey] on P-256 is
// taken for that of an ES256 key, which spares who has just made one a detour.
func EncodePublicKey(pub crypto.PublicKey) (Raw, error) {
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		point, err := k.Bytes()
		if err != nil || k.Curve != elliptic.P256() {
			return nil, fmt.Errorf("encode public key: P-256 wanted: %w", ErrUnsupportedAlgorithm)
		}
		return encodeEC2(ES256, point)
	case *ecdh.PublicKey:
		if k.Curve() != ecdh.P256() {
			return nil, fmt.Errorf("encode public key: P-256 wanted: %w", ErrUnsupportedAlgorithm)
		}
		return encodeEC2(ES256, k.Bytes())
	case ed25519.PublicKey:
		return Marshal(members{coseKty: ktyOKP, coseAlg: int64(EdDSA), coseCrv: crvEd25519, coseX: []byte(k)})
	case *rsa.PublicKey:
		return Marshal(members{coseKty: ktyRSA, coseAlg: int64(RS256), -1: k.N.Bytes(), -2: big.NewInt(int64(k.E)).Bytes()})
	}
	return nil, fmt.Errorf("encode public key %T: %w", pub, ErrUnsupportedAlgorithm)
}

// encodeEC2 takes an uncompressed point: 04 ‖ x ‖ y.
func encodeEC2(alg Algorithm, point []byte) (Raw, error) {
	b := appendHead(make([]byte, 0, 80), majorMap, 5)
	b = append(b, coseKty, ktyEC2, coseAlg)
	b = appendInt(b, int64(alg))
	b = append(appendInt(b, coseCrv), crvP256)
	b = appendBytes(appendInt(b, coseX), point[1:1+p256Size])
	return appendBytes(appendInt(b, coseY), point[1+p256Size:]), nil
}

// DecodePublicKey reads a COSE_Key and gives its algorithm and its key, in the
// types [EncodePublicKey] takes. Points off the curve are refused.
func DecodePublicKey(data []byte) (Algorithm, crypto.PublicKey, error) {
	o := decodeObject(data)
	kty := mandatory(o, int64(coseKty), readInt)
	alg := Algorithm(mandatory(o, int64(coseAlg), readInt))
	if o.err != nil {
		return 0, nil, o.err
	}
	var (
		pub crypto.PublicKey
		err error
	)
	switch {
	case kty == ktyEC2 && alg == ES256:
		var point []byte
		if point, err = o.point(); err == nil {
			pub, err = ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
		}
	case kty == ktyOKP && alg == EdDSA:
		pub, err = o.ed25519Key()
	case kty == ktyRSA && alg == RS256:
		pub, err = o.rsaKey()
	default:
		return 0, nil, fmt.Errorf("COSE key type %d, %v: %w", kty, alg, ErrUnsupportedAlgorithm)
	}
	if err != nil {
		if StatusOf(err) == ErrOther {
			err = fmt.Errorf("COSE key: %w", ErrInvalidParameter)
		}
		return 0, nil, err
	}
	return alg, pub, nil
}

// point gives the uncompressed point of a P-256 key with exactly the members
// it may have.
func (o *object) point() ([]byte, error) {
	crv := mandatory(o, int64(coseCrv), readInt)
	x := mandatory(o, int64(coseX), readBytes)
	y := mandatory(o, int64(coseY), readBytes)
	o.require(crv == crvP256 && len(x) == p256Size && len(y) == p256Size, "P-256 key", ErrInvalidParameter)
	o.require(o.count == 5, "COSE key has members it may not have", ErrInvalidParameter)
	if o.err != nil {
		return nil, o.err
	}
	return append(append([]byte{4}, x...), y...), nil
}

func (o *object) ed25519Key() (crypto.PublicKey, error) {
	crv := mandatory(o, int64(coseCrv), readInt)
	x := mandatory(o, int64(coseX), readBytes)
	o.require(crv == crvEd25519 && len(x) == ed25519.PublicKeySize, "Ed25519 key", ErrInvalidParameter)
	o.require(o.count == 4, "COSE key has members it may not have", ErrInvalidParameter)
	if o.err != nil {
		return nil, o.err
	}
	return ed25519.PublicKey(x), nil
}

func (o *object) rsaKey() (crypto.PublicKey, error) {
	n := mandatory(o, int64(-1), readBytes)
	e := mandatory(o, int64(-2), readBytes)
	o.require(len(n) >= minRSAModulus && len(n) <= maxRSAModulus && n[0] != 0, "RSA modulus", ErrInvalidParameter)
	o.require(len(e) >= 1 && len(e) <= maxRSAExponent && e[0] != 0, "RSA exponent", ErrInvalidParameter)
	o.require(o.count == 4, "COSE key has members it may not have", ErrInvalidParameter)
	if o.err != nil {
		return nil, o.err
	}
	exponent := new(big.Int).SetBytes(e).Int64()
	if exponent < 3 || exponent > 1<<31-1 {
		return nil, ErrInvalidParameter
	}
	return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(exponent)}, nil
}

// EncodeKeyAgreement gives the COSE_Key of a P-256 key agreement key (CTAP 2.1
// §6.5.5.4), whose algorithm is ECDH-ES+HKDF-256 by definition and not by use.
func EncodeKeyAgreement(pub *ecdh.PublicKey) (Raw, error) {
	return encodeEC2(ECDHESHKDF256, pub.Bytes())
}

// DecodeKeyAgreement reads a key agreement COSE_Key that has been checked as
// part of its message or stands alone; a point off the curve is
// [ErrInvalidParameter].
func DecodeKeyAgreement(data Raw) (*ecdh.PublicKey, error) {
	o := decodeObject(data)
	kty := mandatory(o, int64(coseKty), readInt)
	alg := Algorithm(mandatory(o, int64(coseAlg), readInt))
	o.require(kty == ktyEC2 && alg == ECDHESHKDF256, "key agreement key", ErrInvalidParameter)
	point, err := o.point()
	if err != nil {
		return nil, err
	}
	pub, err := ecdh.P256().NewPublicKey(point)
	if err != nil {
		return nil, fmt.Errorf("key agreement key is not on P-256: %w", ErrInvalidParameter)
	}
	return pub, nil
}
