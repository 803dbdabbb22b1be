//go:build !js

package postern

import (
	"context"
	"net/http"
)

// Workstations lists the workstations of an integration, oldest first, revoked ones included.
func (c *Client) Workstations(ctx context.Context, id IntegrationID) ([]Workstation, error) {
	return list[Workstation](ctx, c, under("integrations", string(id), "workstations"), nil)
}

// RevokeWorkstation cuts a workstation off and ends its pairings.
func (c *Client) RevokeWorkstation(ctx context.Context, id WorkstationID) (Workstation, error) {
	return get[Workstation](ctx, c, http.MethodDelete, under("workstations", string(id)), nil)
}
