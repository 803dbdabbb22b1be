package authenticator

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"

	"github.com/postern/postern/fido/ctap"
)

const hmacSaltSize = 32

// createHMACSecret is hmac-secret at makeCredential (CTAP 2.1 §12.5).
func createHMACSecret(_ *Authenticator, in ctap.Raw, n *creation) (ctap.Raw, error) {
	asked, err := ctap.DecodeBool(in)
	if err != nil || !asked {
		return nil, err
	}
	n.credential.HMACSecret = true
	return ctap.EncodeBool(true), nil
}

// createHMACSecretMC is hmac-secret-mc (CTAP 2.2): what hmac-secret would answer
// at a getAssertion under the same user verification, at once. It needs
// hmac-secret beside it.
func createHMACSecretMC(a *Authenticator, in ctap.Raw, n *creation) (ctap.Raw, error) {
	if !n.credential.HMACSecret {
		return nil, missing(ctap.ExtHMACSecret)
	}
	return a.hmacSecret(in, n.flags, n.secret)
}

// getHMACSecret is hmac-secret at getAssertion.
func getHMACSecret(a *Authenticator, in ctap.Raw, as *assertion, c *held) (ctap.Raw, error) {
	return a.hmacSecret(in, as.flags, c.secret)
}

// hmacSecret gives the HMAC of each salt under the credential's random, of which
// there is one for verified users and another. Credentials that were made
// without mention of the extension have them too.
func (a *Authenticator) hmacSecret(in ctap.Raw, flags ctap.Flags, secret *Secret) (ctap.Raw, error) {
	input, err := ctap.DecodeHMACSecretInput(in)
	if err != nil {
		return nil, err
	}
	if flags&ctap.FlagUP == 0 {
		return nil, fmt.Errorf("without user presence: %w", ctap.ErrUnsupportedOption)
	}
	shared, err := a.tokens.agree(input.Protocol, input.KeyAgreement, a.random)
	if err != nil {
		return nil, err
	}
	defer shared.Wipe()
	if !shared.Verify(input.SaltEnc, input.SaltAuth) {
		return nil, ctap.ErrPINAuthInvalid
	}
	salts, err := shared.Decrypt(input.SaltEnc)
	if err != nil {
		return nil, err
	}
	if len(salts) != hmacSaltSize && len(salts) != 2*hmacSaltSize {
		return nil, fmt.Errorf("salts of %d bytes: %w", len(salts), ctap.ErrInvalidParameter)
	}
	key := secret.CredRandomWithoutUV
	if flags&ctap.FlagUV != 0 {
		key = secret.CredRandomWithUV
	}
	defer clear(salts)
	output := make([]byte, 0, len(salts))
	defer func() { clear(output) }()
	for rest := salts; len(rest) > 0; rest = rest[hmacSaltSize:] {
		mac := hmac.New(sha256.New, key)
		mac.Write(rest[:hmacSaltSize])
		output = mac.Sum(output)
	}
	sealed, err := shared.Encrypt(a.random, output)
	if err != nil {
		return nil, err
	}
	return ctap.Marshal(sealed)
}
