package web

import (
	"context"

	"github.com/postern/postern"
	"github.com/postern/postern/center/offline"
)

// Offline is what the console needs of package offline.
type Offline interface {
	Settings(ctx context.Context, id postern.IntegrationID) (postern.WorkstationSettings, error)
	SetSettings(ctx context.Context, id postern.IntegrationID, in postern.WorkstationSettings) (postern.WorkstationSettings, error)
	Open(ctx context.Context, id postern.IntegrationID) ([]postern.OfflineSignIn, error)
	OfUser(ctx context.Context, id postern.UserID) ([]postern.OfflineSignIn, error)
	OfWorkstation(ctx context.Context, id postern.WorkstationID) ([]postern.OfflineSignIn, error)
	End(ctx context.Context, by postern.DeviceID, id postern.PairingID, note string) (postern.OfflineSignIn, error)

	Recover(ctx context.Context, id postern.PairingID, in postern.RecoveryInput) (postern.Recovery, error)
	Recoveries(ctx context.Context, q offline.RecoveryQuery) ([]postern.Recovery, error)
	Recovery(ctx context.Context, id postern.RecoveryID) (postern.Recovery, error)
	Approve(ctx context.Context, id postern.RecoveryID, in postern.RecoveryInput) (postern.Recovery, error)
	Reject(ctx context.Context, id postern.RecoveryID, in postern.RecoveryInput) (postern.Recovery, error)
	Withdraw(ctx context.Context, id postern.RecoveryID, in postern.RecoveryInput) (postern.Recovery, error)
	Code(ctx context.Context, id postern.RecoveryID) (postern.RecoveryCode, error)
}

// Allowed says of models whether a tenant's passkey policy lets somebody sign in with them. What it leaves out is unknown.
type Allowed func(ctx context.Context, id postern.IntegrationID, models []postern.InventoryModel) (map[string]postern.Known, error)

// workstationModel asks for the model of offline passkeys.
func (c *console) workstationModel(ctx context.Context, id postern.IntegrationID) (postern.Known, error) {
	verdicts, err := c.Allowed(ctx, id, []postern.InventoryModel{{AAGUID: postern.WorkstationAAGUID, Passkeys: 1}})
	if known, ok := verdicts[postern.WorkstationAAGUID]; ok {
		return known, err
	}
	return postern.Unknown, err
}
