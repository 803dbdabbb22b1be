package u2f

import (
	"bytes"
	"encoding/asn1"
	"encoding/binary"
	"slices"
)

// PublicKeySize is the size of an uncompressed point on P-256.
const PublicKeySize = 65

// FlagUserPresent is the one flag of an authentication.
const FlagUserPresent = 0x01

const reserved = 0x05 // what a registration response begins with

// RegisterResponse is the answer to [Register].
type RegisterResponse struct {
	PublicKey   [PublicKeySize]byte
	KeyHandle   []byte // 1 to 255 bytes
	Certificate []byte // DER
	Signature   []byte // by the key of the certificate
}

// SignedMessage is what a registration's signature is over.
func (r *RegisterResponse) SignedMessage(request *Register) []byte {
	return slices.Concat([]byte{0}, request.Application[:], request.Challenge[:], r.KeyHandle, r.PublicKey[:])
}

// Encode gives the whole response, status word included.
func (r *RegisterResponse) Encode() []byte {
	data := slices.Concat([]byte{reserved}, r.PublicKey[:], []byte{byte(len(r.KeyHandle))}, r.KeyHandle, r.Certificate, r.Signature) // #nosec G115 -- bounded by the type's contract
	return EncodeResponse(data, NoError)
}

// DecodeRegisterResponse reads a whole response.
func DecodeRegisterResponse(response []byte) (*RegisterResponse, error) {
	data, err := SplitResponse(response)
	if err != nil {
		return nil, err
	}
	const fixed = 1 + PublicKeySize + 1
	if len(data) < fixed || data[0] != reserved {
		return nil, WrongData
	}
	size := int(data[fixed-1])
	if size == 0 || len(data) < fixed+size {
		return nil, WrongData
	}
	r := &RegisterResponse{PublicKey: [PublicKeySize]byte(data[1 : fixed-1]), KeyHandle: bytes.Clone(data[fixed : fixed+size])}
	var certificate asn1.RawValue
	signature, err := asn1.Unmarshal(data[fixed+size:], &certificate)
	if err != nil || certificate.Class != asn1.ClassUniversal || certificate.Tag != asn1.TagSequence || !certificate.IsCompound || len(signature) == 0 {
		return nil, WrongData
	}
	r.Certificate, r.Signature = bytes.Clone(certificate.FullBytes), bytes.Clone(signature)
	return r, nil
}

// AuthenticateResponse is the answer to [Authenticate].
type AuthenticateResponse struct {
	Flags     byte
	Counter   uint32
	Signature []byte
}

// SignedMessage is what an authentication's signature is over.
func (r *AuthenticateResponse) SignedMessage(request *Authenticate) []byte {
	b := append(bytes.Clone(request.Application[:]), r.Flags)
	b = binary.BigEndian.AppendUint32(b, r.Counter)
	return append(b, request.Challenge[:]...)
}

// Encode gives the whole response, status word included.
func (r *AuthenticateResponse) Encode() []byte {
	data := binary.BigEndian.AppendUint32([]byte{r.Flags}, r.Counter)
	return EncodeResponse(append(data, r.Signature...), NoError)
}

// DecodeAuthenticateResponse reads a whole response.
func DecodeAuthenticateResponse(response []byte) (*AuthenticateResponse, error) {
	data, err := SplitResponse(response)
	if err != nil {
		return nil, err
	}
	if len(data) <= 5 {
		return nil, WrongData
	}
	return &AuthenticateResponse{Flags: data[0], Counter: binary.BigEndian.Uint32(data[1:5]), Signature: bytes.Clone(data[5:])}, nil
}
