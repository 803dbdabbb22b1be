package entra

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/postern/postern"
)

// tokenSource buys tokens and says in our words why one cannot be had.
type tokenSource struct {
	tenant *Tenant
	inner  azcore.TokenCredential
}

// newTokenSource makes the credential. Instance discovery stays off: it would ask Microsoft's public cloud about every
// other authority, and the authority here comes from the configuration, not from a stranger.
func (t *Tenant) newTokenSource() (*tokenSource, error) {
	s := &tokenSource{tenant: t}
	options := t.clientOptions(&retryPolicy{now: t.opts.Now, sleep: t.opts.Sleep, watch: t.opts.Observer})
	options.PerRetryPolicies = []policy.Policy{recordPolicy{}, exchangePolicy{t}}
	options.Cloud = cloud.Configuration{ActiveDirectoryAuthorityHost: t.opts.Cloud.Authority + "/"}
	var err error
	c := t.opts.Credential
	switch c.Kind {
	case postern.CredentialSecret:
		if c.ClientSecret == "" {
			return nil, postern.FieldErrorf("client_secret", "The client secret is empty.")
		}
		s.inner, err = azidentity.NewClientSecretCredential(t.opts.TenantID, t.opts.ClientID, c.ClientSecret,
			&azidentity.ClientSecretCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: true})
	case postern.CredentialCertificate:
		// The assertion is ours, and not the library's, because it goes by the clock of the options.
		audience := t.opts.Cloud.Authority + "/" + t.opts.TenantID + "/oauth2/v2.0/token"
		s.inner, err = azidentity.NewClientAssertionCredential(t.opts.TenantID, t.opts.ClientID,
			func(context.Context) (string, error) { return t.clientAssertion(audience) },
			&azidentity.ClientAssertionCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: true})
	case postern.CredentialServiceAccount:
		s.inner, err = newAccountCredential(t, options)
	case CredentialDelegated:
		s.inner = &heldToken{now: t.opts.Now} // OpenDelegated puts the token in
	default:
		return nil, postern.FieldErrorf("credential", "There is no credential of the kind %q.", c.Kind)
	}
	if err != nil {
		if isOurs(err) {
			return nil, err
		}
		// The libraries' errors may quote what they were given.
		return nil, postern.Errorf(postern.CodeInvalid, "The credential cannot be used.").Because(t.scrubbed(err))
	}
	return s, nil
}

// GetToken implements azcore.TokenCredential. Its errors are *postern.Error.
func (s *tokenSource) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	rec := &tokenExchange{}
	ctx = context.WithValue(ctx, tokenExchangeKey{}, rec)
	// The call that needs the token must not be mistaken for the token's own exchange.
	ctx = context.WithValue(context.WithValue(ctx, operationKey{}, nil), attemptedKey{}, nil)
	token, err := s.inner.GetToken(ctx, o)
	if err != nil {
		return azcore.AccessToken{}, s.tenant.tokenRefusal(ctx, rec, err)
	}
	return token, nil
}

// tokenExchange keeps what the identity platform last answered, or why it did not. The libraries above turn both into
// text, and that text may hold an answer's body; ours is made from this record instead.
type tokenExchange struct {
	status int
	body   []byte // of a refusal
	err    error
}

type tokenExchangeKey struct{}

// recordPolicy fills the tokenExchange of the context.
type recordPolicy struct{}

func (recordPolicy) Do(req *policy.Request) (*http.Response, error) {
	resp, err := req.Next()
	rec, ok := req.Raw().Context().Value(tokenExchangeKey{}).(*tokenExchange)
	if !ok {
		return resp, err
	}
	*rec = tokenExchange{err: err}
	if err == nil {
		rec.status = resp.StatusCode
		if resp.StatusCode > 299 {
			rec.body, rec.err = runtime.Payload(resp)
		}
	}
	return resp, err
}

// claims are what Postern reads in an access token: for diagnostics only, since Graph's tokens are Graph's business. The
// signature is not checked; the token came over TLS from the authority.
type claims struct {
	Roles  []string `json:"roles"` // application permissions
	Scopes string   `json:"scp"`   // delegated permissions, separated by spaces
	Object string   `json:"oid"`
	UPN    string   `json:"upn"`
}

// claims buys a token, or takes the cached one, and reads it. ok is false when the token cannot be read.
func (w *wire) claims(ctx context.Context) (c claims, ok bool, err error) {
	token, err := w.tokens.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{w.tokens.tenant.scope()}, EnableCAE: true})
	if err != nil {
		return c, false, err
	}
	parts := strings.Split(token.Token, ".")
	if len(parts) != 3 {
		return c, false, nil
	}
	payload, decodeErr := base64.RawURLEncoding.DecodeString(parts[1])
	return c, decodeErr == nil && json.Unmarshal(payload, &c) == nil, nil
}
