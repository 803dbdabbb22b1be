package authenticator

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"

	"github.com/postern/postern/fido/ctap"
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

// countedStore renews the state of the credential store before every change of a
// credential. Whatever cuts the power in between, a platform never takes a
// changed store for the one it knows.
type countedStore struct {
	Store
	a *Authenticator
}

func (s countedStore) renew(ctx context.Context) error {
	if s.a.state.CredentialStoreState == nil {
		return nil
	}
	fresh, err := s.a.randomBytes(identifierSize)
	if err != nil {
		return err
	}
	return s.a.changeState(ctx, func(st *State) { st.CredentialStoreState = fresh })
}

func (s countedStore) Put(ctx context.Context, c *Credential, secret *Secret) error {
	if err := s.renew(ctx); err != nil {
		return err
	}
	return s.Store.Put(ctx, c, secret)
}

func (s countedStore) SetUser(ctx context.Context, id []byte, u ctap.User) error {
	if err := s.renew(ctx); err != nil {
		return err
	}
	return s.Store.SetUser(ctx, id, u)
}

func (s countedStore) Delete(ctx context.Context, id []byte) error {
	if err := s.renew(ctx); err != nil {
		return err
	}
	return s.Store.Delete(ctx, id)
}
