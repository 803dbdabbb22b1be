package client

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"

	"github.com/postern/postern/fido/ctap"
)

// saltSize is the size of the salts and of the outputs of hmac-secret (CTAP 2.1
// §12.5).
const saltSize = 32

// PRFInput is AuthenticationExtensionsPRFInputs (WebAuthn §10.1.4). The keys of
// ByCredential are credential ids in base64url.
type PRFInput struct {
	Eval         *PRFValues           `json:"eval,omitempty"`
	ByCredential map[string]PRFValues `json:"evalByCredential,omitempty"`
}

// PRFValues is AuthenticationExtensionsPRFValues: inputs of any size, or outputs
// of 32 bytes.
type PRFValues struct {
	First  Bytes `json:"first"`
	Second Bytes `json:"second,omitempty"`
}

// PRFOutput is AuthenticationExtensionsPRFOutputs.
type PRFOutput struct {
	Enabled *bool      `json:"enabled,omitempty"`
	Results *PRFValues `json:"results,omitempty"`
}

// checkPRF refuses inputs of an assertion that have no meaning.
func (in *ExtensionInputs) checkPRF(allowed []Descriptor) error {
	if h := in.HMACGetSecret; h != nil {
		if in.PRF != nil {
			return fail(NotSupportedError, "prf and hmacGetSecret exclude each other")
		}
		if len(h.Salt1) != saltSize || (len(h.Salt2) != 0 && len(h.Salt2) != saltSize) {
			return fail(TypeError, "hmacGetSecret takes salts of %d bytes", saltSize)
		}
	}
	if in.PRF == nil || len(in.PRF.ByCredential) == 0 {
		return nil
	}
	if len(allowed) == 0 {
		return fail(NotSupportedError, "prf.evalByCredential needs allowCredentials")
	}
	for key := range in.PRF.ByCredential {
		id, err := base64.RawURLEncoding.DecodeString(key)
		if err != nil || !slices.ContainsFunc(allowed, func(d Descriptor) bool { return slices.Equal(d.ID, id) }) {
			return fail(SyntaxError, "prf.evalByCredential has a key that is not the id of an allowed credential")
		}
	}
	return nil
}

// salts gives the hmac-secret salts of an assertion: one or two, or none.
func (in *ExtensionInputs) salts(allowed []ctap.CredentialDescriptor) []byte {
	if h := in.HMACGetSecret; h != nil {
		return slices.Concat(h.Salt1, h.Salt2)
	}
	if in.PRF == nil {
		return nil
	}
	if len(allowed) == 1 {
		if v, ok := in.PRF.ByCredential[Bytes(allowed[0].ID).String()]; ok {
			return v.salts()
		}
	}
	return in.PRF.Eval.salts()
}

// salts hashes prf inputs with a prefix of their own, so that no page can ask
// for the secrets of the other extension (WebAuthn §10.1.4).
func (v *PRFValues) salts() []byte {
	if v == nil {
		return nil
	}
	salts := prfSalt(v.First)
	if v.Second != nil {
		salts = append(salts, prfSalt(v.Second)...)
	}
	return salts
}

func prfSalt(input []byte) []byte {
	sum := sha256.Sum256(append([]byte("WebAuthn PRF\x00"), input...))
	return sum[:]
}

// sealSalts gives the input of hmac-secret and of hmac-secret-mc.
func (s *session) sealSalts(ctx context.Context, salts []byte) (ctap.Raw, error) {
	if err := s.agree(ctx); err != nil {
		return nil, err
	}
	sealed, err := s.secret.Encrypt(s.Random, salts)
	if err != nil {
		return nil, err
	}
	return (&ctap.HMACSecretInput{
		KeyAgreement: s.platform, SaltEnc: sealed, SaltAuth: s.secret.Authenticate(sealed), Protocol: s.protocol,
	}).Encode()
}

// openSecrets decrypts the output for salts of a size.
func (s *session) openSecrets(raw ctap.Raw, size int) (*PRFValues, error) {
	sealed, err := ctap.DecodeBytes(raw)
	if err != nil {
		return nil, err
	}
	secrets, err := s.secret.Decrypt(sealed)
	if err != nil {
		return nil, err
	}
	if len(secrets) != size {
		return nil, errors.New("hmac-secret output has a wrong size")
	}
	v := &PRFValues{First: secrets[:saltSize]}
	if size > saltSize {
		v.Second = secrets[saltSize:]
	}
	return v, nil
}
