//go:build !js

package postern

import (
	"context"
	"net/http"
)

// Me says who the token belongs to and what it may do.
func (c *Client) Me(ctx context.Context) (Me, error) {
	return get[Me](ctx, c, http.MethodGet, under("me"), nil)
}

// Administrators lists all administrators.
func (c *Client) Administrators(ctx context.Context) ([]Administrator, error) {
	return list[Administrator](ctx, c, under("administrators"), nil)
}

// Administrator returns one administrator.
func (c *Client) Administrator(ctx context.Context, id AdministratorID) (Administrator, error) {
	return get[Administrator](ctx, c, http.MethodGet, under("administrators", string(id)), nil)
}

// InviteAdministrator makes a one-time link for a further administrator.
func (c *Client) InviteAdministrator(ctx context.Context, in AdministratorInvitationInput) (AdministratorInvitation, error) {
	return get[AdministratorInvitation](ctx, c, http.MethodPost, under("administrators"), in)
}

// UpdateAdministrator changes an administrator; in.Version is the one you saw.
func (c *Client) UpdateAdministrator(ctx context.Context, id AdministratorID, in AdministratorInput) (Administrator, error) {
	return get[Administrator](ctx, c, http.MethodPut, under("administrators", string(id)), in)
}

// RemoveAdministrator removes an administrator of that version.
func (c *Client) RemoveAdministrator(ctx context.Context, id AdministratorID, version int64) error {
	return c.remove(ctx, under("administrators", string(id)), version)
}

// AdministratorPasskeys lists the passkeys with which an administrator signs in.
func (c *Client) AdministratorPasskeys(ctx context.Context, id AdministratorID) ([]AdministratorPasskey, error) {
	return list[AdministratorPasskey](ctx, c, under("administrators", string(id), "passkeys"), nil)
}

// Tokens lists all API tokens, without their values.
func (c *Client) Tokens(ctx context.Context) ([]APIToken, error) {
	return list[APIToken](ctx, c, under("tokens"), nil)
}

// CreateToken makes an API token. The answer holds its value, which cannot be had again.
func (c *Client) CreateToken(ctx context.Context, in APITokenInput) (APITokenCreated, error) {
	return get[APITokenCreated](ctx, c, http.MethodPost, under("tokens"), in)
}

// RevokeToken revokes an API token.
func (c *Client) RevokeToken(ctx context.Context, id TokenID) (APIToken, error) {
	return get[APIToken](ctx, c, http.MethodDelete, under("tokens", string(id)), nil)
}
