//go:build !js

package postern

import (
	"context"
	"net/http"
)

// BeginProvisioning begins the provisioning of a passkey for a phone, or returns the one that is under way.
func (c *Client) BeginProvisioning(ctx context.Context, id PhoneID) (Provisioning, error) {
	return get[Provisioning](ctx, c, http.MethodPost, under("provisionings"), ProvisioningInput{PhoneID: id})
}

// BeginSecurityKey begins the provisioning of a passkey on a hardware security key, or returns the one that is under
// way for that user.
func (c *Client) BeginSecurityKey(ctx context.Context, id IntegrationID, in SecurityKeyInput) (Provisioning, error) {
	return get[Provisioning](ctx, c, http.MethodPost, under("integrations", string(id), "security-keys"), in)
}

// SecurityKeyOptions has Entra make new options for a security key. Those given before no longer count.
func (c *Client) SecurityKeyOptions(ctx context.Context, id ProvisioningID) (SecurityKeyOptions, error) {
	return get[SecurityKeyOptions](ctx, c, http.MethodPost, under("provisionings", string(id), "options"), nil)
}

// SubmitSecurityKey hands in the credential that a security key made. The same one again is answered the same.
func (c *Client) SubmitSecurityKey(ctx context.Context, id ProvisioningID, in CredentialSubmission) (Provisioning, error) {
	return get[Provisioning](ctx, c, http.MethodPost, under("provisionings", string(id), "credential"), in)
}

// Provisioning returns one provisioning.
func (c *Client) Provisioning(ctx context.Context, id ProvisioningID) (Provisioning, error) {
	return get[Provisioning](ctx, c, http.MethodGet, under("provisionings", string(id)), nil)
}

// Provisionings lists the provisionings of a user.
func (c *Client) Provisionings(ctx context.Context, id UserID) ([]Provisioning, error) {
	return list[Provisioning](ctx, c, under("users", string(id), "provisionings"), nil)
}

// CancelProvisioning cancels a provisioning.
func (c *Client) CancelProvisioning(ctx context.Context, id ProvisioningID) (Provisioning, error) {
	return get[Provisioning](ctx, c, http.MethodDelete, under("provisionings", string(id)), nil)
}

// Passkeys lists the passkeys of a user, managed and unmanaged.
func (c *Client) Passkeys(ctx context.Context, id UserID) ([]Passkey, error) {
	return list[Passkey](ctx, c, under("users", string(id), "passkeys"), nil)
}

// RevokePasskey revokes a managed passkey.
func (c *Client) RevokePasskey(ctx context.Context, id PasskeyID) (Passkey, error) {
	return get[Passkey](ctx, c, http.MethodDelete, under("passkeys", string(id)), nil)
}
