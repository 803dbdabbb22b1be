package entra

import (
	"context"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

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

// complete checks the options and fills in the defaults.
func (o Options) complete() (Options, error) {
	cloud, err := o.Cloud.complete()
	if err != nil {
		return o, err
	}
	o.Cloud = cloud
	if !tenantName(o.TenantID) && (o.TenantID != anyOrganization || o.Credential.Kind != CredentialDelegated) {
		return o, postern.FieldErrorf("tenant_id", "%q is not a tenant ID.", o.TenantID).
			WithNext("Copy Directory (tenant) ID from the app registration's overview.")
	}
	if !tenantName(o.ClientID) {
		return o, postern.FieldErrorf("client_id", "%q is not a client ID.", o.ClientID).
			WithNext("Copy Application (client) ID from the app registration's overview.")
	}
	if o.PermissionSet == "" {
		o.PermissionSet = postern.PermissionsStandard
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.DebugUntil == nil {
		o.DebugUntil = func() time.Time { return time.Time{} }
	}
	if o.Observer == nil {
		o.Observer = silent{}
	}
	if o.Budget == nil {
		o.Budget = NewBudget()
	}
	if o.Version == "" {
		o.Version = "devel"
		if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
			o.Version = info.Main.Version
		}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Sleep == nil {
		o.Sleep = timerSleep
	}
	return o, nil
}

// tenantName reports whether s may stand in an authority's path: letters, digits, dots and dashes, as GUIDs and domain
// names are made of. The shared names would let a token of some other tenant in.
func tenantName(s string) bool {
	switch s {
	case "", ".", "..", "common", "organizations", "consumers":
		return false
	}
	for _, r := range s {
		if (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '.' && r != '-' {
			return false
		}
	}
	return len(s) <= 253
}

// Tenant is one connected tenant.
type Tenant struct {
	opts   Options
	cert   *certificate // of a certificate credential
	sender transport
	wire   atomic.Pointer[wire]

	groupRoles groupRoles
	betaRest   atomic.Pointer[time.Time] // see InventoryPasskeys
}

// wire is a credential with its token cache and the pipeline that uses it. A new one starts without a token, which is
// how permissions granted a minute ago come into sight.
type wire struct {
	tokens *tokenSource
	graph  runtime.Pipeline
}

// Open checks the options and the credential and returns the tenant. It makes no network call.
func Open(opts Options) (*Tenant, error) {
	opts, err := opts.complete()
	if err != nil {
		return nil, err
	}
	t := &Tenant{opts: opts, sender: newTransport(opts.Transport, opts.Cloud.CAs)}
	if opts.Credential.Kind == postern.CredentialCertificate {
		if t.cert, err = parseCertificate(opts.Credential.Certificate, opts.Credential.PrivateKey, opts.Now()); err != nil {
			return nil, err
		}
	}
	w, err := t.newWire()
	if err != nil {
		return nil, err
	}
	t.wire.Store(w)
	return t, nil
}

// Close gives idle connections back. Calls under way are not disturbed, and the tenant stays usable.
func (t *Tenant) Close() { t.sender.client.CloseIdleConnections() }

// newWire builds credential and pipeline.
//
// The order of the policies matters: agent, then the waiting and repeating, then (once for each attempt) the token, and
// innermost the policy that times and writes down what really goes over the wire.
func (t *Tenant) newWire() (*wire, error) {
	tokens, err := t.newTokenSource()
	if err != nil {
		return nil, err
	}
	bearer := runtime.NewBearerTokenPolicy(tokens, []string{t.scope()}, nil)
	options := t.clientOptions(&retryPolicy{budget: t.opts.Budget, now: t.opts.Now, sleep: t.opts.Sleep, watch: t.opts.Observer})
	options.PerRetryPolicies = []policy.Policy{bearer, exchangePolicy{t}}
	return &wire{tokens: tokens, graph: runtime.NewPipeline("postern", t.opts.Version, runtime.PipelineOptions{}, &options)}, nil
}

// clientOptions are what the pipelines of Graph and of the identity platform share. The pipeline's own retry policy is
// switched off: ours knows what may be repeated.
func (t *Tenant) clientOptions(retry *retryPolicy) azcore.ClientOptions {
	return azcore.ClientOptions{
		Transport:       t.sender,
		Retry:           policy.RetryOptions{MaxRetries: -1},
		Telemetry:       policy.TelemetryOptions{Disabled: true},
		PerCallPolicies: []policy.Policy{agentPolicy("Postern/" + t.opts.Version), retry},
	}
}

// scope asks for everything that was consented.
func (t *Tenant) scope() string { return t.opts.Cloud.Graph + "/.default" }

// agentPolicy sets the User-Agent.
type agentPolicy string

func (p agentPolicy) Do(req *policy.Request) (*http.Response, error) {
	req.Raw().Header.Set("User-Agent", string(p))
	return req.Next()
}
