package integration

import (
	"context"
	"time"

	"github.com/postern/postern"
)

// Store keeps integrations. Methods join the transaction of ctx. What is not there is CodeNotFound, an outdated version
// is CodeStale, a taken application name is CodeConflict on the field application_name.
type Store interface {
	Atomically(ctx context.Context, do func(ctx context.Context) error) error
	AfterCommit(ctx context.Context, f func())
	Integrations(ctx context.Context) ([]postern.Integration, error)
	Integration(ctx context.Context, id postern.IntegrationID) (postern.Integration, error)
	CreateIntegration(ctx context.Context, i postern.Integration, sealedCredential []byte) error
	// UpdateIntegration stores i if i.Version is still the stored one, and increments it.
	UpdateIntegration(ctx context.Context, i *postern.Integration) error
	// NoteCheck, NoteEnd and NoteGroup store what Postern found out by itself. They leave the version alone, so that a form
	// somebody has open stays good. NoteGroup replaces the group of the same phase. NoteEnd is CodeStale where the credential is another.
	NoteCheck(ctx context.Context, id postern.IntegrationID, test postern.ConnectionTest) error
	NoteEnd(ctx context.Context, id postern.IntegrationID, setAt, ends time.Time) error
	NoteGroup(ctx context.Context, id postern.IntegrationID, g postern.PhaseGroup) error
	// ForgetGroup forgets of everybody that they are in the group of a phase, and returns how many they were.
	ForgetGroup(ctx context.Context, id postern.IntegrationID, phase postern.Phase) (int, error)
	SealedCredential(ctx context.Context, id postern.IntegrationID) ([]byte, error)
	SetSealedCredential(ctx context.Context, id postern.IntegrationID, sealed []byte) error
	// DeleteIntegration removes the integration and everything under it but its audit trail.
	DeleteIntegration(ctx context.Context, id postern.IntegrationID, version int64) error

	// Setting and SetSetting keep the flags that new integrations start with. An absent setting is nil.
	Setting(ctx context.Context, name string) ([]byte, error)
	SetSetting(ctx context.Context, name string, value []byte) error
}
