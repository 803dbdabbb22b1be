//go:build !js

package postern

import (
	"context"
	"net/http"
)

// CredentialStatus says how the credential of an integration stands, and how its rotation goes.
func (c *Client) CredentialStatus(ctx context.Context, id IntegrationID) (CredentialStatus, error) {
	return get[CredentialStatus](ctx, c, http.MethodGet, under("integrations", string(id), "rotation"), nil)
}

// BeginRotation begins to replace the credential of an integration; in.Version is that of the integration.
func (c *Client) BeginRotation(ctx context.Context, id IntegrationID, in RotationInput) (Rotation, error) {
	return get[Rotation](ctx, c, http.MethodPost, under("integrations", string(id), "rotation"), in)
}

// CancelRotation takes the new credential away, as long as it is not in use.
func (c *Client) CancelRotation(ctx context.Context, id IntegrationID, in RotationAct) (Rotation, error) {
	return get[Rotation](ctx, c, http.MethodPost, under("integrations", string(id), "rotation", "cancel"), in)
}

// SignInForRotation asks for a code that an administrator of the tenant types at Microsoft's page.
func (c *Client) SignInForRotation(ctx context.Context, id IntegrationID, in RotationAct) (Rotation, error) {
	return get[Rotation](ctx, c, http.MethodPost, under("integrations", string(id), "rotation", "sign-in"), in)
}

// FinishRotation removes the old credential now, without waiting for the end of the overlap.
func (c *Client) FinishRotation(ctx context.Context, id IntegrationID, in RotationAct) (Rotation, error) {
	return get[Rotation](ctx, c, http.MethodPost, under("integrations", string(id), "rotation", "finish"), in)
}

// SetRotationSettings changes how credentials of an integration are rotated.
func (c *Client) SetRotationSettings(ctx context.Context, id IntegrationID, in RotationSettings) (RotationSettings, error) {
	return get[RotationSettings](ctx, c, http.MethodPut, under("integrations", string(id), "rotation", "settings"), in)
}
