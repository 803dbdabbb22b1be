package windows

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// A user has a secret on each computer, as Windows has the keys of its data protection: 32 random bytes, made at the first
// sign-in. It lies here sealed under the output of hmac-secret of every passkey that signed in, and under the session key of
// the last PRT. The local resource of a user is a file that the secret opens. So there is a way to it with the passkey
// alone, and one with Entra's word and the computer's transport key, and no third.

// cached is the cached logon of one passkey.
type cached struct {
	Credential []byte    `json:"credential"`
	Secret     []byte    `json:"secret"` // the user's, sealed under the output of hmac-secret
	Since      time.Time `json:"since"`
	// Refused is the code with which Entra said that it does not take the passkey. It ends when Entra takes it again.
	Refused string `json:"refused,omitempty"`
}

// cachedFor finds the cached logon of a passkey, and whose it is.
func (m *Machine) cachedFor(credential []byte) (*user, *cached) {
	for _, u := range m.Users {
		for _, c := range u.Logons {
			if bytes.Equal(c.Credential, credential) {
				return u, c
			}
		}
	}
	return nil, nil
}

// cacheKey is the key of a cached logon.
func cacheKey(hmacSecret, credential []byte) []byte {
	key, err := hkdf.Key(sha256.New, hmacSecret, credential, "entrasim/windows/cached-logon", 32)
	if err != nil {
		panic(err) // the length is right
	}
	return key
}

// recall opens the user's secret with a passkey.
func (c *cached) recall(hmacSecret []byte) ([]byte, error) {
	return unseal(cacheKey(hmacSecret, c.Credential), c.Secret)
}

// remember makes or renews the cached logon of a passkey that Entra has just taken.
func (u *user) remember(credential, hmacSecret, secret []byte, now time.Time) error {
	sealed, err := seal(cacheKey(hmacSecret, credential), secret)
	if err != nil {
		return err
	}
	for _, c := range u.Logons {
		if bytes.Equal(c.Credential, credential) {
			c.Secret, c.Refused = sealed, ""
			return nil
		}
	}
	u.Logons = append(u.Logons, &cached{Credential: credential, Secret: sealed, Since: now})
	return nil
}

// secret finds the user's secret at an online sign-in: by the passkey's own cached logon, else by the session key of the last
// PRT, else it is new.
func (m *Machine) secret(u *user, credential, hmacSecret []byte) ([]byte, error) {
	for _, c := range u.Logons {
		if !bytes.Equal(c.Credential, credential) {
			continue
		}
		if secret, err := c.recall(hmacSecret); err == nil {
			return secret, nil
		}
	}
	if u.PRT != nil {
		session, err := m.sessionKey(u.PRT.Session)
		if err != nil {
			return nil, err
		}
		return unseal(session, u.PRT.Secret)
	}
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // crypto/rand does not fail
	return secret, nil
}

// resource opens the local resource of a user, and makes it the first time.
func (m *Machine) resource(u *user, secret []byte) (string, error) {
	path := filepath.Join(m.dir, "resource-"+u.ID)
	sealed, err := os.ReadFile(path) // #nosec G304 -- in the computer's own folder
	if errors.Is(err, os.ErrNotExist) {
		text := fmt.Sprintf("what %s keeps on %s", u.UPN, m.Name)
		if sealed, err = seal(secret, []byte(text)); err == nil {
			err = replace(path, sealed)
		}
	}
	if err != nil {
		return "", err
	}
	text, err := unseal(secret, sealed)
	return string(text), err
}

func aead(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func seal(key, plain []byte) ([]byte, error) {
	a, err := aead(key)
	if err != nil {
		return nil, err
	}
	return a.Seal(nil, nil, plain, nil), nil
}

func unseal(key, sealed []byte) ([]byte, error) {
	a, err := aead(key)
	if err != nil {
		return nil, err
	}
	return a.Open(nil, nil, sealed, nil)
}
