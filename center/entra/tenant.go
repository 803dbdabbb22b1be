package entra

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/postern/postern"
)

// Options say which tenant to connect and how. TenantID, ClientID and Credential are needed; everything else has a
// default.
type Options struct {
	Cloud         Cloud // the public cloud if zero
	TenantID      string
	ClientID      string
	Credential    Credential
	PermissionSet postern.PermissionSet // PermissionsStandard if empty

	Logger     *slog.Logger     // discarded if nil
	DebugUntil func() time.Time // HTTP Debug writes to Logger until this time; off if nil
	Observer   Observer         // told of every exchange; may be nil
	Budget     *Budget          // shared by everything that speaks for the same application in the same tenant; own one if nil
	Version    string           // of Postern, for the User-Agent; read from the build if empty

	Now       func() time.Time                                 // time.Now if nil
	Sleep     func(ctx context.Context, d time.Duration) error // waits and observes ctx; a timer if nil
	Transport http.RoundTripper                                // a TLS 1.2+ transport trusting Cloud.CAs if nil
}

// Tenant is one connected tenant.
type Tenant struct {
	opts Options
}

// Open checks the options and the credential and returns the tenant. It makes no network call.
func Open(opts Options) (*Tenant, error) {
	cloud, err := opts.Cloud.complete()
	if err != nil {
		return nil, err
	}
	opts.Cloud = cloud
	return &Tenant{opts: opts}, nil
}
