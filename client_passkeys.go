package postern

import (
	"context"
	"net/http"
)

// BeginProvisioning begins the provisioning of a passkey for a phone, or returns the one that is under way.
func (c *Client) BeginProvisioning(ctx context.Context, id PhoneID) (Provisioning, error) {
	return get[Provisioning](ctx, c, http.MethodPost, under("provisionings"), ProvisioningInput{PhoneID: id})
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
