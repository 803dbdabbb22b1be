package entra

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/public"

	"github.com/postern/postern"
)

// accountCredential is the legacy mode: a service account's user name and password (the resource owner password grant,
// RFC 6749 §4.3). azidentity only has it, deprecated, for public clients; Postern's application is usually a
// confidential one, so this stands on the library below.
type accountCredential struct {
	username, password string
	silent             func(ctx context.Context, scopes []string, claims string) (azcore.AccessToken, error)
	sign               func(ctx context.Context, scopes []string, claims string) (azcore.AccessToken, error)

	mu sync.Mutex // the libraries ask for one token at a time
}

func newAccountCredential(t *Tenant, options azcore.ClientOptions) (*accountCredential, error) {
	c := t.opts.Credential
	if c.Username == "" {
		return nil, postern.FieldErrorf("service_account_username", "The service account's user name is empty.")
	}
	if c.Password == "" {
		return nil, postern.FieldErrorf("service_account_password", "The service account's password is empty.")
	}
	authority := t.opts.Cloud.Authority + "/" + t.opts.TenantID
	client := &pipelineClient{runtime.NewPipeline("postern", t.opts.Version, runtime.PipelineOptions{}, &options)}
	// CP1 tells Entra that claims challenges are understood (continuous access evaluation).
	capabilities := []string{"CP1"}
	a := &accountCredential{username: c.Username, password: c.Password}
	if c.ClientSecret == "" {
		app, err := public.New(t.opts.ClientID, public.WithAuthority(authority), public.WithHTTPClient(client),
			public.WithInstanceDiscovery(false), public.WithClientCapabilities(capabilities))
		if err != nil {
			return nil, err
		}
		a.usePublic(app)
		return a, nil
	}
	secret, err := confidential.NewCredFromSecret(c.ClientSecret)
	if err != nil {
		return nil, err
	}
	app, err := confidential.New(authority, t.opts.ClientID, secret, confidential.WithHTTPClient(client),
		confidential.WithInstanceDiscovery(false), confidential.WithClientCapabilities(capabilities))
	if err != nil {
		return nil, err
	}
	a.useConfidential(app)
	return a, nil
}

func (a *accountCredential) usePublic(app public.Client) {
	var account public.Account
	keep := func(r public.AuthResult, err error) (azcore.AccessToken, error) {
		if err != nil {
			return azcore.AccessToken{}, err
		}
		account = r.Account
		return azcore.AccessToken{Token: r.AccessToken, ExpiresOn: r.ExpiresOn.UTC(), RefreshOn: r.Metadata.RefreshOn.UTC()}, nil
	}
	a.silent = func(ctx context.Context, scopes []string, claims string) (azcore.AccessToken, error) {
		return keep(app.AcquireTokenSilent(ctx, scopes, public.WithClaims(claims), public.WithSilentAccount(account)))
	}
	a.sign = func(ctx context.Context, scopes []string, claims string) (azcore.AccessToken, error) {
		return keep(app.AcquireTokenByUsernamePassword(ctx, scopes, a.username, a.password, public.WithClaims(claims)))
	}
}

func (a *accountCredential) useConfidential(app confidential.Client) {
	var account confidential.Account
	keep := func(r confidential.AuthResult, err error) (azcore.AccessToken, error) {
		if err != nil {
			return azcore.AccessToken{}, err
		}
		account = r.Account
		return azcore.AccessToken{Token: r.AccessToken, ExpiresOn: r.ExpiresOn.UTC(), RefreshOn: r.Metadata.RefreshOn.UTC()}, nil
	}
	a.silent = func(ctx context.Context, scopes []string, claims string) (azcore.AccessToken, error) {
		return keep(app.AcquireTokenSilent(ctx, scopes, confidential.WithClaims(claims), confidential.WithSilentAccount(account)))
	}
	a.sign = func(ctx context.Context, scopes []string, claims string) (azcore.AccessToken, error) {
		return keep(app.AcquireTokenByUsernamePassword(ctx, scopes, a.username, a.password, confidential.WithClaims(claims)))
	}
}

// GetToken takes the cached token or its refresh token where that works, and the password where it does not.
func (a *accountCredential) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if token, err := a.silent(ctx, o.Scopes, o.Claims); err == nil {
		return token, nil
	}
	return a.sign(ctx, o.Scopes, o.Claims)
}

// pipelineClient lets the library send through our pipeline.
type pipelineClient struct{ pipeline runtime.Pipeline }

// Do implements the library's HTTP client.
func (c *pipelineClient) Do(r *http.Request) (*http.Response, error) {
	req, err := runtime.NewRequest(r.Context(), r.Method, r.URL.String())
	if err != nil {
		return nil, err
	}
	for name, values := range r.Header {
		req.Raw().Header[name] = values
	}
	if r.Body != nil && r.Body != http.NoBody {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		if err := req.SetBody(streaming.NopCloser(bytes.NewReader(body)), r.Header.Get("Content-Type")); err != nil {
			return nil, err
		}
	}
	return c.pipeline.Do(req)
}

// CloseIdleConnections implements the library's HTTP client; the transport is shared and stays open.
func (c *pipelineClient) CloseIdleConnections() {}
