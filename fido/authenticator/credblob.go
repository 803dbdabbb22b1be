package authenticator

import (
	"github.com/postern/postern/fido/ctap"
)

// maxCredBlobLength is what getInfo reports; the standard asks for 32 at least.
const maxCredBlobLength = 64

// createCredBlob is credBlob at makeCredential (CTAP 2.1 §12.2): it stores some
// bytes with the credential and tells whether it did.
func createCredBlob(_ *Authenticator, in ctap.Raw, n *creation) (ctap.Raw, error) {
	blob, err := ctap.DecodeBytes(in)
	if err != nil {
		return nil, err
	}
	if len(blob) > maxCredBlobLength {
		return ctap.EncodeBool(false), nil
	}
	n.secret.CredBlob = blob
	return ctap.EncodeBool(true), nil
}

// getCredBlob is credBlob at getAssertion: it gives the bytes back, none where
// none were stored.
func getCredBlob(_ *Authenticator, in ctap.Raw, _ *assertion, c *held) (ctap.Raw, error) {
	asked, err := ctap.DecodeBool(in)
	if err != nil || !asked {
		return nil, err
	}
	return ctap.Marshal(append([]byte{}, c.secret.CredBlob...))
}
