package authenticator

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"

	"github.com/postern/postern/fido/ctap/pinuvauth"
)

// A platform that was given the persistent pinUvAuthToken (permission pcmr, CTAP
// 2.2) knows the authenticator again, and learns whether its credentials have
// changed, by two members of getInfo:
//
//	IV(16) ‖ AES-128-CBC(key, value(16))
//	key = HKDF-SHA-256(persistent token, salt 32×00, info the member's name)
//
// To anyone without the token they are noise, a new one each time.
const (
	identifierSize     = 16
	infoIdentifier     = "encIdentifier"
	infoStoreState     = "encCredStoreState"
	identifierKeyBytes = 16
)

// ensurePersistentToken makes the persistent token, and the two values, at the
// first time a platform may have it. A reset takes all three away; a change of
// the PIN takes the token.
func (a *Authenticator) ensurePersistentToken(ctx context.Context) error {
	if a.state.PersistentToken != nil {
		return nil
	}
	fresh, err := a.randomBytes(pinuvauth.TokenSize + 2*identifierSize)
	if err != nil {
		return err
	}
	return a.changeState(ctx, func(s *State) {
		s.PersistentToken = fresh[:pinuvauth.TokenSize:pinuvauth.TokenSize]
		if s.DeviceIdentifier == nil {
			s.DeviceIdentifier = fresh[pinuvauth.TokenSize:][:identifierSize:identifierSize]
		}
		if s.CredentialStoreState == nil {
			s.CredentialStoreState = fresh[pinuvauth.TokenSize+identifierSize:]
		}
	})
}

// sealIdentifier gives one of the members of getInfo, nil where no platform
// could read it.
func (a *Authenticator) sealIdentifier(info string, value []byte) ([]byte, error) {
	if a.state.PersistentToken == nil || len(value) != identifierSize {
		return nil, nil
	}
	key, err := hkdf.Key(sha256.New, a.state.PersistentToken, make([]byte, sha256.Size), info, identifierKeyBytes)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	out, err := a.randomBytes(2 * aes.BlockSize)
	if err != nil {
		return nil, err
	}
	cipher.NewCBCEncrypter(block, out[:aes.BlockSize]).CryptBlocks(out[aes.BlockSize:], value)
	return out, nil
}
