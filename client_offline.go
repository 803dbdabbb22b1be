//go:build !js

package postern

import (
	"context"
	"net/http"
	"net/url"
)

// WorkstationSettings is what an integration allows of signing in offline.
func (c *Client) WorkstationSettings(ctx context.Context, id IntegrationID) (WorkstationSettings, error) {
	return get[WorkstationSettings](ctx, c, http.MethodGet, under("integrations", string(id), "workstation-settings"), nil)
}

// SetWorkstationSettings changes it. in.Version is the version seen. Switching offline sign-in off takes every offline passkey
// of the integration away.
func (c *Client) SetWorkstationSettings(ctx context.Context, id IntegrationID, in WorkstationSettings) (WorkstationSettings, error) {
	return get[WorkstationSettings](ctx, c, http.MethodPut, under("integrations", string(id), "workstation-settings"), in)
}

// OfflineOfUser lists the offline passkeys of a user's workstations, newest first, ended ones included.
func (c *Client) OfflineOfUser(ctx context.Context, id UserID) ([]OfflineSignIn, error) {
	return list[OfflineSignIn](ctx, c, under("users", string(id), "offline"), nil)
}

// OfflineOfWorkstation lists those of one workstation.
func (c *Client) OfflineOfWorkstation(ctx context.Context, id WorkstationID) ([]OfflineSignIn, error) {
	return list[OfflineSignIn](ctx, c, under("workstations", string(id), "offline"), nil)
}

// EndOffline takes the offline passkey of a pairing away.
func (c *Client) EndOffline(ctx context.Context, id PairingID, in UserActInput) (OfflineSignIn, error) {
	return get[OfflineSignIn](ctx, c, http.MethodDelete, under("pairings", string(id), "offline"), in)
}

// Recover asks for a recovery code for the workstation of a pairing.
func (c *Client) Recover(ctx context.Context, id PairingID, in RecoveryInput) (Recovery, error) {
	return get[Recovery](ctx, c, http.MethodPost, under("pairings", string(id), "recovery"), in)
}

// RecoveryFilter chooses recoveries; empty members choose all.
type RecoveryFilter struct {
	State         RecoveryState
	IntegrationID IntegrationID
	UserID        UserID
}

// Recoveries lists recoveries, newest first.
func (c *Client) Recoveries(ctx context.Context, f RecoveryFilter) ([]Recovery, error) {
	q := url.Values{}
	for name, value := range map[string]string{"state": string(f.State), "integration_id": string(f.IntegrationID), "user_id": string(f.UserID)} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return list[Recovery](ctx, c, under("recoveries"), q)
}

// Recovery returns one recovery.
func (c *Client) Recovery(ctx context.Context, id RecoveryID) (Recovery, error) {
	return get[Recovery](ctx, c, http.MethodGet, under("recoveries", string(id)), nil)
}

// ApproveRecovery agrees to a recovery code that somebody else asked for.
func (c *Client) ApproveRecovery(ctx context.Context, id RecoveryID, in RecoveryInput) (Recovery, error) {
	return get[Recovery](ctx, c, http.MethodPost, under("recoveries", string(id), "approve"), in)
}

// RejectRecovery refuses one.
func (c *Client) RejectRecovery(ctx context.Context, id RecoveryID, in RecoveryInput) (Recovery, error) {
	return get[Recovery](ctx, c, http.MethodPost, under("recoveries", string(id), "reject"), in)
}

// WithdrawRecovery ends one whose code nobody has seen.
func (c *Client) WithdrawRecovery(ctx context.Context, id RecoveryID, in RecoveryInput) (Recovery, error) {
	return get[Recovery](ctx, c, http.MethodPost, under("recoveries", string(id), "withdraw"), in)
}

// RecoveryCode shows a recovery code, once and to who asked for it.
func (c *Client) RecoveryCode(ctx context.Context, id RecoveryID) (RecoveryCode, error) {
	return get[RecoveryCode](ctx, c, http.MethodPost, under("recoveries", string(id), "code"), nil)
}
