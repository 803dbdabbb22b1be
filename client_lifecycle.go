//go:build !js

package postern

import (
	"context"
	"net/http"
)

// SuspendUser holds a user back until the suspension is ended.
func (c *Client) SuspendUser(ctx context.Context, id UserID, in UserActInput) (User, error) {
	return get[User](ctx, c, http.MethodPost, under("users", string(id), "suspend"), in)
}

// ResumeUser ends the suspension of a user.
func (c *Client) ResumeUser(ctx context.Context, id UserID, in UserActInput) (User, error) {
	return get[User](ctx, c, http.MethodPost, under("users", string(id), "resume"), in)
}

// RevokeUser takes every phone and managed passkey of a user away.
func (c *Client) RevokeUser(ctx context.Context, id UserID, in UserActInput) (User, error) {
	return get[User](ctx, c, http.MethodPost, under("users", string(id), "revoke"), in)
}

// ReplacePasskey revokes a passkey that no longer signs in and asks for another one on the same phone.
func (c *Client) ReplacePasskey(ctx context.Context, id PasskeyID) (Provisioning, error) {
	return get[Provisioning](ctx, c, http.MethodPost, under("passkeys", string(id), "replace"), nil)
}

// RevokeIntegration disables an integration and takes every phone and managed passkey of its users away.
func (c *Client) RevokeIntegration(ctx context.Context, id IntegrationID, in IntegrationRevocation) (Integration, error) {
	return get[Integration](ctx, c, http.MethodPost, under("integrations", string(id), "revoke"), in)
}

// CheckGroups looks at the three groups of an integration and mends what can be mended.
func (c *Client) CheckGroups(ctx context.Context, id IntegrationID) ([]GroupFinding, error) {
	var out struct {
		Items []GroupFinding `json:"items"`
	}
	err := c.call(ctx, http.MethodPost, under("integrations", string(id), "groups", "check"), nil, nil, &out)
	return out.Items, err
}

// LeaverPolicy returns what becomes of users whose account is disabled or deleted.
func (c *Client) LeaverPolicy(ctx context.Context, id IntegrationID) (LeaverPolicy, error) {
	return get[LeaverPolicy](ctx, c, http.MethodGet, under("integrations", string(id), "leaver-policy"), nil)
}

// SetLeaverPolicy changes it, if its version is still the present one.
func (c *Client) SetLeaverPolicy(ctx context.Context, id IntegrationID, p LeaverPolicy) (LeaverPolicy, error) {
	return get[LeaverPolicy](ctx, c, http.MethodPut, under("integrations", string(id), "leaver-policy"), p)
}
