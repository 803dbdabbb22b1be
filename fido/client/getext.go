package client

import (
	"context"
	"fmt"

	"github.com/postern/postern/fido/ctap"
)

// checkGetExtensions refuses inputs of an assertion that have no meaning.
func (in *ExtensionInputs) checkGetExtensions(allowed []Descriptor) error {
	if err := in.checkPRF(allowed); err != nil {
		return err
	}
	b := in.LargeBlob
	switch {
	case b == nil:
		return nil
	case b.Support != "":
		return fail(NotSupportedError, "largeBlob.support has no meaning at an assertion")
	case b.Read && b.Write != nil:
		return fail(NotSupportedError, "largeBlob.read and largeBlob.write exclude each other")
	case b.Write != nil && len(allowed) != 1:
		return fail(NotSupportedError, "largeBlob.write needs exactly one allowed credential")
	}
	return nil
}

// writesBlob reports whether an assertion is to be followed by writing.
func (s *session) writesBlob(in *ExtensionInputs) bool {
	return in.LargeBlob != nil && in.LargeBlob.Write != nil && s.keepsLargeBlobs()
}

// evaluates reports whether prf has something to evaluate. Its one secret is
// that of verified users, so that it takes verification whatever the relying
// party wants otherwise (WebAuthn §10.1.4).
func (s *session) evaluates(in *ExtensionInputs) bool {
	return in.PRF != nil && (in.PRF.Eval != nil || len(in.PRF.ByCredential) > 0) && s.has(ctap.ExtHMACSecret)
}

// getExtensions gives the authenticator extension inputs of an assertion, as
// far as the authenticator knows them.
func (s *session) getExtensions(ctx context.Context, in *ExtensionInputs, allowed []ctap.CredentialDescriptor) (map[string]ctap.Raw, error) {
	out := map[string]ctap.Raw{}
	salts := in.salts(allowed)
	if in.PRF != nil && !s.verified() {
		salts = nil
	}
	if salts != nil && s.has(ctap.ExtHMACSecret) {
		var err error
		if out[ctap.ExtHMACSecret], err = s.sealSalts(ctx, salts); err != nil {
			return nil, err
		}
	}
	if in.GetCredBlob && s.has(ctap.ExtCredBlob) {
		out[ctap.ExtCredBlob] = ctap.EncodeBool(true)
	}
	if b := in.LargeBlob; b != nil && (b.Read || b.Write != nil) && s.keepsLargeBlobs() {
		out[ctap.ExtLargeBlobKey] = ctap.EncodeBool(true)
	}
	return out, nil
}

// got gives the client extension outputs of an assertion, but for large blobs,
// which take more than the assertion.
func (s *session) got(in *ExtensionInputs, request *ctap.GetAssertionRequest, outputs map[string]ctap.Raw) (ExtensionResults, error) {
	var r ExtensionResults
	if in.PRF != nil {
		r.PRF = &PRFOutput{}
	}
	if raw, ok := outputs[ctap.ExtCredBlob]; ok && in.GetCredBlob {
		blob, err := ctap.DecodeBytes(raw)
		if err != nil {
			return r, fmt.Errorf("output of %s: %w", ctap.ExtCredBlob, err)
		}
		r.GetCredBlob = blob
	}
	raw, ok := outputs[ctap.ExtHMACSecret]
	if _, asked := request.Extensions[ctap.ExtHMACSecret]; !ok || !asked {
		return r, nil
	}
	secrets, err := s.openSecrets(raw, len(in.salts(request.AllowList)))
	if err != nil {
		return r, err
	}
	if in.PRF != nil {
		r.PRF.Results = secrets
	} else {
		r.HMACGetSecret = &HMACOutputs{Output1: secrets.First, Output2: secrets.Second}
	}
	return r, nil
}
