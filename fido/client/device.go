package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/postern/postern/fido/ctap"
)

// Reset erases an authenticator: its credentials, its PIN and its settings (CTAP
// 2.1 §6.6). Security keys take it within ten seconds after they were plugged
// in and after a touch; later the error says so, and the person has to unplug
// the key, plug it in and start again at once.
func (c *Client) Reset(ctx context.Context) error {
	request, err := ctap.EncodeRequest(ctap.Reset, nil)
	_, err = c.call(ctx, request, err)
	if errors.Is(err, ctap.ErrNotAllowed) {
		return fail(NotAllowedError, "a security key can be reset within ten seconds after it was plugged in: unplug it, plug it in and reset it at once (%w)", err)
	}
	if err != nil {
		return named(fmt.Errorf("reset: %w", err))
	}
	return nil
}

// Select waits until the user touches the authenticator, to pick it among
// several (CTAP 2.1 §6.9). Those of CTAP 2.0 have no command for it and are
// asked as §6.1.2 step 1 describes.
func (c *Client) Select(ctx context.Context) error {
	info, err := c.getInfo(ctx)
	if err != nil {
		return named(err)
	}
	if !slices.Contains(info.Versions, ctap.VersionFIDO21) && !slices.Contains(info.Versions, versionFIDO22) {
		return named(c.selectByTouch(ctx))
	}
	request, err := ctap.EncodeRequest(ctap.Selection, nil)
	if _, err := c.call(ctx, request, err); err != nil {
		return named(fmt.Errorf("selection: %w", err))
	}
	return nil
}

// versionFIDO22 is the version string of CTAP 2.2 (§6.4).
const versionFIDO22 = "FIDO_2_2"

// selectByTouch asks for a registration with an empty pinUvAuthParam, which is
// answered after a touch by telling whether there is a PIN.
func (c *Client) selectByTouch(ctx context.Context) error {
	request, err := (&ctap.MakeCredentialRequest{
		ClientDataHash: bytes.Repeat([]byte{0}, 32), // of nothing: no credential comes of it
		RP:             ctap.RelyingParty{ID: "select.invalid"}, User: ctap.User{ID: []byte{0}, Name: "select"},
		Parameters: []ctap.CredentialParameter{{Type: ctap.PublicKeyType, Algorithm: ctap.ES256}},
		// Protocol 1 is known to every authenticator of CTAP 2.0.
		PINUVAuthParam: []byte{}, PINUVAuthProtocol: new(uint64(1)),
	}).Encode()
	_, err = c.call(ctx, request, err)
	switch {
	case err == nil, errors.Is(err, ctap.ErrPINNotSet), errors.Is(err, ctap.ErrPINInvalid), errors.Is(err, ctap.ErrPINAuthInvalid):
		return nil
	}
	return fmt.Errorf("selection: %w", err)
}
