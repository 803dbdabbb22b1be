package client

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/postern/postern/fido/ctap"
)

// defaultCredBlob is the size of credBlob every authenticator with the
// extension takes, in bytes (CTAP 2.1 §12.2).
const defaultCredBlob = 32

func (s *session) has(extension string) bool { return slices.Contains(s.info.Extensions, extension) }

// checkCreateExtensions refuses inputs of a registration that have no meaning or
// that the authenticator cannot meet, before its user is asked anything.
func (s *session) checkCreateExtensions(in *ExtensionInputs, rk bool) error {
	if in.PRF != nil && len(in.PRF.ByCredential) > 0 {
		return fail(NotSupportedError, "prf.evalByCredential has no meaning at registration")
	}
	if b := in.LargeBlob; b != nil {
		if b.Read || b.Write != nil {
			return fail(NotSupportedError, "largeBlob.read and largeBlob.write have no meaning at registration")
		}
		switch b.Support {
		case "", Preferred:
		case Required:
			if !s.keepsLargeBlobs() || !rk {
				return fail(ConstraintError, "the authenticator cannot keep a large blob with this credential")
			}
		default:
			return fail(TypeError, "largeBlob.support %q is unknown", b.Support)
		}
	}
	if in.ProtectionPolicy == "" {
		return nil
	}
	level, ok := protectionPolicies[in.ProtectionPolicy]
	if !ok {
		return fail(TypeError, "credentialProtectionPolicy %q is unknown", in.ProtectionPolicy)
	}
	if in.EnforcePolicy && level != ctap.UVOptional && !s.has(ctap.ExtCredProtect) {
		return fail(ConstraintError, "the authenticator cannot protect the credential as asked")
	}
	return nil
}

// createExtensions gives the authenticator extension inputs of a registration,
// as far as the authenticator knows them.
func (s *session) createExtensions(ctx context.Context, in *ExtensionInputs, rk bool) (map[string]ctap.Raw, error) {
	out := map[string]ctap.Raw{}
	if (in.PRF != nil || in.HMACCreateSecret) && s.has(ctap.ExtHMACSecret) {
		out[ctap.ExtHMACSecret] = ctap.EncodeBool(true)
		if salts := in.creationSalts(); salts != nil && s.verified() && s.has(ctap.ExtHMACSecretMC) {
			var err error
			if out[ctap.ExtHMACSecretMC], err = s.sealSalts(ctx, salts); err != nil {
				return nil, err
			}
		}
	}
	if in.MinPINLength && s.has(ctap.ExtMinPINLength) {
		out[ctap.ExtMinPINLength] = ctap.EncodeBool(true)
	}
	if in.LargeBlob != nil && rk && s.keepsLargeBlobs() {
		out[ctap.ExtLargeBlobKey] = ctap.EncodeBool(true)
	}
	values := map[string]any{}
	if level, ok := protectionPolicies[in.ProtectionPolicy]; ok && s.has(ctap.ExtCredProtect) {
		values[ctap.ExtCredProtect] = uint64(level)
	}
	if in.CredBlob != nil && s.has(ctap.ExtCredBlob) && uint64(len(in.CredBlob)) <= s.maxCredBlob() {
		values[ctap.ExtCredBlob] = []byte(in.CredBlob)
	}
	for name, v := range values {
		raw, err := ctap.Marshal(v)
		if err != nil {
			return nil, err
		}
		out[name] = raw
	}
	return out, nil
}

func (s *session) maxCredBlob() uint64 {
	if n := s.info.MaxCredBlobLength; n != nil {
		return *n
	}
	return defaultCredBlob
}

// creationSalts gives the salts a registration evaluates, where the
// authenticator can do that before the first assertion.
func (in *ExtensionInputs) creationSalts() []byte {
	if in.PRF == nil {
		return nil
	}
	return in.PRF.Eval.salts()
}

// created gives the client extension outputs of a registration. Outputs nobody
// asked for are left alone: the relying party sees them in the authenticator
// data.
func (s *session) created(in *ExtensionInputs, resp *ctap.MakeCredentialResponse, outputs map[string]ctap.Raw, rk bool) (ExtensionResults, error) {
	var r ExtensionResults
	if in.CredProps {
		r.CredProps = &CredProps{RK: rk}
	}
	if err := checkProtection(in, outputs); err != nil {
		return r, err
	}
	if in.LargeBlob != nil {
		key := resp.LargeBlobKey
		if key != nil && len(key) != ctap.LargeBlobKeySize {
			return r, errors.New("largeBlobKey has a wrong size")
		}
		r.LargeBlob = &LargeBlobOutput{Supported: new(key != nil)}
	}
	if in.CredBlob != nil {
		kept, err := boolOutput(outputs, ctap.ExtCredBlob)
		if err != nil {
			return r, err
		}
		r.CredBlob = &kept
	}
	if in.PRF == nil && !in.HMACCreateSecret {
		return r, nil
	}
	enabled, err := boolOutput(outputs, ctap.ExtHMACSecret)
	if err != nil {
		return r, err
	}
	if in.HMACCreateSecret {
		r.HMACCreateSecret = &enabled
	}
	if in.PRF == nil {
		return r, nil
	}
	r.PRF = &PRFOutput{Enabled: &enabled}
	salts := in.creationSalts()
	if raw, ok := outputs[ctap.ExtHMACSecretMC]; ok && salts != nil && s.secret != nil {
		r.PRF.Results, err = s.openSecrets(raw, len(salts))
	}
	return r, err
}

// checkProtection refuses a credential that is protected less than the relying
// party insists on.
func checkProtection(in *ExtensionInputs, outputs map[string]ctap.Raw) error {
	level := protectionPolicies[in.ProtectionPolicy]
	if !in.EnforcePolicy || level <= ctap.UVOptional {
		return nil
	}
	applied, err := ctap.DecodeUint(outputs[ctap.ExtCredProtect])
	if err != nil || applied < uint64(level) {
		return fail(ConstraintError, "the authenticator did not protect the credential as asked")
	}
	return nil
}

func boolOutput(outputs map[string]ctap.Raw, name string) (bool, error) {
	raw, ok := outputs[name]
	if !ok {
		return false, nil
	}
	v, err := ctap.DecodeBool(raw)
	if err != nil {
		return false, fmt.Errorf("output of %s: %w", name, err)
	}
	return v, nil
}
