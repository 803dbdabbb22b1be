package authenticator

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/postern/postern/fido/ctap"
)

// createLargeBlobKey is largeBlobKey at makeCredential (CTAP 2.1 §12.3): a key
// for the credential's entry in the large-blob array. It is told in the response
// beside the authenticator data, never in it, which relying parties see.
func createLargeBlobKey(a *Authenticator, in ctap.Raw, n *creation) (ctap.Raw, error) {
	if err := wantTrue(in); err != nil {
		return nil, err
	}
	if !n.credential.Discoverable {
		return nil, fmt.Errorf("the credential is not discoverable: %w", ctap.ErrInvalidOption)
	}
	key, err := a.randomBytes(ctap.LargeBlobKeySize)
	if err != nil {
		return nil, err
	}
	n.secret.LargeBlobKey = key
	n.response.LargeBlobKey = bytes.Clone(key)
	return nil, nil
}

// getLargeBlobKey is largeBlobKey at getAssertion. The answer outlives the
// secret, so it has a copy.
func getLargeBlobKey(_ *Authenticator, in ctap.Raw, _ *assertion, c *held) (ctap.Raw, error) {
	if err := wantTrue(in); err != nil {
		return nil, err
	}
	c.response.LargeBlobKey = bytes.Clone(c.secret.LargeBlobKey)
	return nil, nil
}

func wantTrue(in ctap.Raw) error {
	asked, err := ctap.DecodeBool(in)
	if err == nil && !asked {
		err = fmt.Errorf("only true is a value: %w", ctap.ErrInvalidOption)
	}
	return err
}

// listedBlobKey gives the key of a credential that is being listed, nil for
// none. Where the store wants the user verified first, listing goes on without.
func (a *Authenticator) listedBlobKey(ctx context.Context, c *Credential) ([]byte, error) {
	if !a.hasLargeBlobs() {
		return nil, nil
	}
	secret, err := a.store.Secret(ctx, c.ID)
	if errors.Is(err, ErrSealed) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer secret.Wipe()
	return bytes.Clone(secret.LargeBlobKey), nil
}
