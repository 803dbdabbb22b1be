//go:build !js

package postern

import (
	"context"
	"encoding/json"
	"net/http"
)

// Integrations lists all integrations.
func (c *Client) Integrations(ctx context.Context) ([]Integration, error) {
	return list[Integration](ctx, c, under("integrations"), nil)
}

// Integration returns one integration.
func (c *Client) Integration(ctx context.Context, id IntegrationID) (Integration, error) {
	return get[Integration](ctx, c, http.MethodGet, under("integrations", string(id)), nil)
}

// AddIntegration connects a tenant. The integration stands DISABLED afterwards.
func (c *Client) AddIntegration(ctx context.Context, in IntegrationInput) (Integration, error) {
	return get[Integration](ctx, c, http.MethodPost, under("integrations"), in)
}

// UpdateIntegration changes an integration; in.Version is the one you saw, and an empty credential keeps the stored one.
func (c *Client) UpdateIntegration(ctx context.Context, id IntegrationID, in IntegrationInput) (Integration, error) {
	return get[Integration](ctx, c, http.MethodPut, under("integrations", string(id)), in)
}

// RemoveIntegration removes an integration of that version.
func (c *Client) RemoveIntegration(ctx context.Context, id IntegrationID, version int64) error {
	return c.remove(ctx, under("integrations", string(id)), version)
}

// TestIntegration tests the connection of an integration.
func (c *Client) TestIntegration(ctx context.Context, id IntegrationID) (ConnectionTest, error) {
	return get[ConnectionTest](ctx, c, http.MethodPost, under("integrations", string(id), "test"), nil)
}

// TestIntegrationInput tests a connection without storing anything.
func (c *Client) TestIntegrationInput(ctx context.Context, in IntegrationInput) (ConnectionTest, error) {
	return get[ConnectionTest](ctx, c, http.MethodPost, under("integrations", "test"), in)
}

// SetIntegrationState enables or disables an integration.
func (c *Client) SetIntegrationState(ctx context.Context, id IntegrationID, in StateInput) (Integration, error) {
	return get[Integration](ctx, c, http.MethodPut, under("integrations", string(id), "state"), in)
}

// SetIntegrationFlags sets the feature flags of an integration.
func (c *Client) SetIntegrationFlags(ctx context.Context, id IntegrationID, in FlagsInput) (Integration, error) {
	return get[Integration](ctx, c, http.MethodPut, under("integrations", string(id), "flags"), in)
}

// SetLoginSettings restricts who may register and authenticate.
func (c *Client) SetLoginSettings(ctx context.Context, id IntegrationID, in LoginSettings) (Integration, error) {
	return get[Integration](ctx, c, http.MethodPut, under("integrations", string(id), "login-settings"), in)
}

// SetHTTPDebug switches HTTP Debug.
func (c *Client) SetHTTPDebug(ctx context.Context, id IntegrationID, in HTTPDebugInput) (Integration, error) {
	return get[Integration](ctx, c, http.MethodPut, under("integrations", string(id), "http-debug"), in)
}

// MetadataStatement returns the FIDO metadata statement of an integration's phones, with the integration's attestation CA
// as its root.
func (c *Client) MetadataStatement(ctx context.Context, id IntegrationID) (json.RawMessage, error) {
	return get[json.RawMessage](ctx, c, http.MethodGet, under("integrations", string(id), "metadata-statement"), nil)
}

// ValidateCertificate looks at a client certificate and its key. Nothing is stored.
func (c *Client) ValidateCertificate(ctx context.Context, in CertificateInput) (CertificateInfo, error) {
	return get[CertificateInfo](ctx, c, http.MethodPost, under("certificates", "validate"), in)
}

// OfferedFlags returns the flags that a new integration starts with, and all flags there are.
func (c *Client) OfferedFlags(ctx context.Context) (OfferedFlags, error) {
	return get[OfferedFlags](ctx, c, http.MethodGet, under("offered-flags"), nil)
}

// SetOfferedFlags sets the flags that a new integration starts with.
func (c *Client) SetOfferedFlags(ctx context.Context, flags FlagSet) (OfferedFlags, error) {
	return get[OfferedFlags](ctx, c, http.MethodPut, under("offered-flags"), OfferedFlags{Flags: flags})
}
