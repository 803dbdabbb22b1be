//go:build !js

package postern

import (
	"context"
	"net/http"
)

// Pairings lists the active pairings of a user's phones, oldest first.
func (c *Client) Pairings(ctx context.Context, id UserID) ([]UserPairing, error) {
	return list[UserPairing](ctx, c, under("users", string(id), "pairings"), nil)
}

// EndPairing gives a pairing up. Ending one that has ended changes nothing.
func (c *Client) EndPairing(ctx context.Context, id PairingID) (Pairing, error) {
	return get[Pairing](ctx, c, http.MethodDelete, under("pairings", string(id)), nil)
}
