package desktop

import (
	"context"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

// Store keeps install tokens and settings. Methods join the transaction of ctx; what is not there is CodeNotFound, an
// outdated version CodeStale.
type Store interface {
	Atomically(ctx context.Context, do func(ctx context.Context) error) error

	Document(ctx context.Context, integration postern.IntegrationID, name string) (version int64, body []byte, err error)
	SetDocument(ctx context.Context, integration postern.IntegrationID, name string, version int64, body []byte) (int64, error)

	InstallToken(ctx context.Context, id postern.InstallTokenID) (postern.InstallToken, error)
	InstallTokenByHash(ctx context.Context, hash []byte) (postern.InstallToken, error)
	InstallTokens(ctx context.Context, integration postern.IntegrationID) ([]postern.InstallToken, error)
	CountLiveInstallTokens(ctx context.Context, integration postern.IntegrationID, now time.Time) (int64, error)
	CreateInstallToken(ctx context.Context, t postern.InstallToken, hash []byte) error
	// UseInstallToken counts a use and reports whether the token was live then.
	UseInstallToken(ctx context.Context, id postern.InstallTokenID, now time.Time) (live bool, err error)
	// RevokeInstallToken reports whether the token was not revoked before.
	RevokeInstallToken(ctx context.Context, id postern.InstallTokenID, now time.Time) (revoked bool, err error)
}

// Integrations reads integrations.
type Integrations interface {
	Get(ctx context.Context, id postern.IntegrationID) (postern.Integration, error)
}

// Service is everything that can be done with desktop clients. All fields are needed.
type Service struct {
	Store        Store
	Integrations Integrations
	Audit        audit.Recorder
	Now          func() time.Time
	PublicURL    string // of this control center, for the clients
	Packages     string // folder of the installers
	Version      string // of this build: its installer comes before others

	installers installers
}

func event(code audit.Code, i postern.Integration, target, name, message string, fields map[string]string) postern.AuditEvent {
	return postern.AuditEvent{
		Code: code.Code, Name: code.Name, IntegrationID: i.ID, Target: target, TargetName: name, Success: true, Message: message, Fields: fields,
	}
}
