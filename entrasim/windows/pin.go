package windows

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
)

// Subcommands and permissions of authenticatorClientPIN (CTAP 2.1 §6.5.5).
const (
	subPINRetries   = 0x01
	subKeyAgreement = 0x02
	subPINToken     = 0x05 // CTAP 2.0
	subTokenByUV    = 0x06
	subTokenByPIN   = 0x09

	permissionAssert = 0x02
)

// uvAttempts is how often Windows asks a key again that did not recognise its user.
const uvAttempts = 3

// PIN is asked for a PIN when a key wants one. left is how many attempts the key still allows.
type PIN func(ctx context.Context, left int) (string, error)

// ErrNoPIN says that a key wants a PIN, and nobody gave one.
var ErrNoPIN = errors.New("the security key asks for its PIN, and none was given")

type pinRequest struct {
	Protocol    uint   `cbor:"1,keyasint,omitempty"`
	Sub         uint   `cbor:"2,keyasint"`
	Key         *cose  `cbor:"3,keyasint,omitempty"`
	PINHash     []byte `cbor:"6,keyasint,omitempty"`
	Permissions uint   `cbor:"9,keyasint,omitempty"`
	RP          string `cbor:"10,keyasint,omitempty"`
}

type pinAnswer struct {
	Key     *cose  `cbor:"1,keyasint,omitempty"`
	Token   []byte `cbor:"2,keyasint,omitempty"`
	Retries int    `cbor:"3,keyasint,omitempty"`
}

// cose is the public key of a key agreement (CTAP 2.1 §6.5.6).
type cose struct {
	Type      int    `cbor:"1,keyasint"`
	Algorithm int    `cbor:"3,keyasint"`
	Curve     int    `cbor:"-1,keyasint"`
	X         []byte `cbor:"-2,keyasint"`
	Y         []byte `cbor:"-3,keyasint"`
}

// verified gets a token that says who the user is: by the key's own means, else by PIN. No token and no error: the key
// verifies its user within the assertion.
func (k *key) verified(ctx context.Context, p *pinProtocol, rp string, pin PIN) ([]byte, error) {
	o := k.info.Options
	if o["uv"] && !o["pinUvAuthToken"] {
		return nil, nil
	}
	if o["uv"] {
		token, err := k.tokenByUV(ctx, p, rp)
		// Where its own means are exhausted Windows asks for the PIN.
		if err == nil || !o["clientPin"] || !errors.Is(err, StatusUVBlocked) && !errors.Is(err, StatusPUATRequired) {
			return token, err
		}
	}
	return k.tokenByPIN(ctx, p, rp, pin)
}

func (k *key) tokenByUV(ctx context.Context, p *pinProtocol, rp string) (token []byte, err error) {
	for range uvAttempts {
		token, err = k.token(ctx, p, pinRequest{Sub: subTokenByUV, Permissions: permissionAssert, RP: rp}, nil)
		if !errors.Is(err, StatusUVInvalid) {
			return token, err
		}
	}
	return nil, err
}

func (k *key) tokenByPIN(ctx context.Context, p *pinProtocol, rp string, ask PIN) ([]byte, error) {
	left, err := k.pinRetries(ctx, p)
	if err != nil {
		return nil, err
	}
	if left == 0 {
		return nil, StatusPINBlocked
	}
	if ask == nil {
		return nil, ErrNoPIN
	}
	pin, err := ask(ctx, left)
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256([]byte(pin))
	request := pinRequest{Sub: subTokenByPIN, Permissions: permissionAssert, RP: rp}
	if !k.info.Options["pinUvAuthToken"] {
		request = pinRequest{Sub: subPINToken}
	}
	return k.token(ctx, p, request, hash[:16])
}

func (k *key) pinRetries(ctx context.Context, p *pinProtocol) (int, error) {
	var answer pinAnswer
	err := k.call(ctx, cmdClientPIN, pinRequest{Protocol: p.version, Sub: subPINRetries}, &answer)
	return answer.Retries, err
}

// token asks for a token, with half a hash of the PIN or without.
func (k *key) token(ctx context.Context, p *pinProtocol, request pinRequest, hash []byte) ([]byte, error) {
	shared, ours, err := k.agree(ctx, p)
	if err != nil {
		return nil, err
	}
	request.Protocol, request.Key = p.version, &ours
	if hash != nil {
		request.PINHash = p.encrypt(shared, hash)
	}
	var answer pinAnswer
	if err := k.call(ctx, cmdClientPIN, request, &answer); err != nil {
		return nil, err
	}
	token, err := p.decrypt(shared, answer.Token)
	if err != nil || len(token) != 32 && (len(token) != 16 || p.version != 1) {
		return nil, errors.New("the key's PIN/UV token is malformed")
	}
	return token, nil
}

// agree makes a shared secret with the key.
func (k *key) agree(ctx context.Context, p *pinProtocol) (shared []byte, ours cose, err error) {
	var answer pinAnswer
	if err := k.call(ctx, cmdClientPIN, pinRequest{Protocol: p.version, Sub: subKeyAgreement}, &answer); err != nil {
		return nil, ours, err
	}
	private, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, ours, err
	}
	return p.agree(private, answer.Key)
}

// pinProtocol is PIN/UV auth protocol 1 or 2 (CTAP 2.1 §6.5.6, §6.5.7).
type pinProtocol struct{ version uint }

func (p *pinProtocol) agree(private *ecdh.PrivateKey, theirs *cose) (shared []byte, ours cose, err error) {
	if theirs == nil || theirs.Type != 2 || theirs.Curve != 1 || len(theirs.X) != 32 || len(theirs.Y) != 32 {
		return nil, ours, errors.New("the key's public key is malformed")
	}
	public, err := ecdh.P256().NewPublicKey(append(append([]byte{4}, theirs.X...), theirs.Y...))
	if err != nil {
		return nil, ours, fmt.Errorf("the key's public key: %w", err)
	}
	z, err := private.ECDH(public)
	if err != nil {
		return nil, ours, err
	}
	point := private.PublicKey().Bytes()
	ours = cose{Type: 2, Algorithm: -25, Curve: 1, X: point[1:33], Y: point[33:]}
	shared, err = p.secret(z)
	return shared, ours, err
}

// secret derives the shared secret from the x coordinate both ends come to.
func (p *pinProtocol) secret(z []byte) (shared []byte, err error) {
	if p.version == 1 {
		sum := sha256.Sum256(z)
		return sum[:], nil
	}
	for _, info := range []string{"CTAP2 HMAC key", "CTAP2 AES key"} {
		part, err := hkdf.Key(sha256.New, z, make([]byte, 32), info, 32)
		if err != nil {
			return nil, err
		}
		shared = append(shared, part...)
	}
	return shared, nil
}

// macKey is the part of a shared secret that authenticates.
func (p *pinProtocol) macKey(shared []byte) []byte { return shared[:32] }

// block is the part of a shared secret that encrypts.
func (p *pinProtocol) block(shared []byte) cipher.Block {
	b, err := aes.NewCipher(shared[len(shared)-32:])
	if err != nil {
		panic(err) // the length is right
	}
	return b
}

// encrypt takes whole blocks.
func (p *pinProtocol) encrypt(shared, plain []byte) []byte {
	iv := make([]byte, aes.BlockSize)
	if p.version != 1 {
		_, _ = rand.Read(iv) // crypto/rand does not fail
	}
	sealed := make([]byte, len(plain))
	cipher.NewCBCEncrypter(p.block(shared), iv).CryptBlocks(sealed, plain)
	if p.version == 1 {
		return sealed
	}
	return append(iv, sealed...)
}

func (p *pinProtocol) decrypt(shared, sealed []byte) ([]byte, error) {
	iv := make([]byte, aes.BlockSize)
	if p.version != 1 {
		if len(sealed) < aes.BlockSize {
			return nil, errors.New("encrypted by the key: too short")
		}
		iv, sealed = sealed[:aes.BlockSize], sealed[aes.BlockSize:]
	}
	if len(sealed)%aes.BlockSize != 0 {
		return nil, errors.New("encrypted by the key: no whole blocks")
	}
	plain := make([]byte, len(sealed))
	cipher.NewCBCDecrypter(p.block(shared), iv).CryptBlocks(plain, sealed)
	return plain, nil
}

func (p *pinProtocol) authenticate(key, message []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write(message)
	if p.version == 1 {
		return m.Sum(nil)[:16]
	}
	return m.Sum(nil)
}
