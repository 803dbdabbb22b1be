package entra

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/postern/postern"
)

// CredentialDelegated is the token of an administrator who signed in ([SignIn]). No integration has it: it is for a
// set-up or for something else that an administrator does once, and ends within the hour.
const CredentialDelegated postern.CredentialKind = "delegated"

// Delegated is what an administrator's sign-in gave: tokens, and who they are. It never prints or logs the tokens.
type Delegated struct {
	AccessToken  string
	RefreshToken string // empty if none was given
	ExpiresAt    time.Time
	TenantID     string
	ObjectID     string
	UPN          string // for people; it identifies nobody
	// Scopes are the delegated permissions of the access token.
	Scopes []string
}

// String names who signed in and hides the tokens.
func (d Delegated) String() string { return "entra.Delegated{" + d.UPN + "}" }

// GoString is String, so that %#v hides as much.
func (d Delegated) GoString() string { return d.String() }

// LogValue names who signed in and hides the tokens.
func (d Delegated) LogValue() slog.Value { return slog.StringValue(d.String()) }

// MarshalJSON refuses to spell the tokens out to an encoder that meets a Delegated by accident.
func (d Delegated) MarshalJSON() ([]byte, error) { return json.Marshal(d.UPN) }

// OpenDelegated opens a tenant as the administrator who signed in. TenantID, ClientID and Credential of the options are not
// looked at. It makes no network call; when the token ends, calls answer [postern.CodeSetupSignIn].
func OpenDelegated(opts Options, d Delegated) (*Tenant, error) {
	opts.TenantID, opts.ClientID = d.TenantID, DefaultSignInClient
	opts.Credential = Credential{Kind: CredentialDelegated, Token: d.AccessToken, Username: d.UPN}
	t, err := Open(opts)
	if err != nil {
		return nil, err
	}
	t.wire.Load().tokens.inner = &heldToken{token: d.AccessToken, ends: d.ExpiresAt, now: t.opts.Now}
	return t, nil
}

// heldToken is a token that cannot be renewed by itself.
type heldToken struct {
	token string
	ends  time.Time
	now   func() time.Time
}

// GetToken implements azcore.TokenCredential. A challenge for other claims is one that only a new sign-in can answer.
func (h *heldToken) GetToken(_ context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if h == nil || h.token == "" || o.Claims != "" || !h.now().Before(h.ends) {
		return azcore.AccessToken{}, signInEnded()
	}
	// The pipeline renews a token some minutes before its end; this one is good until then, and the clock may be injected.
	return azcore.AccessToken{Token: h.token, ExpiresOn: time.Now().Add(time.Hour)}, nil
}

func signInEnded() error {
	return postern.Errorf(postern.CodeSetupSignIn, "The administrator's sign-in has ended.").
		WithNext("Sign in again; the work goes on where it was.")
}

// identity reads who a token speaks of. Its signature is not checked: it came over TLS from the authority (OpenID Connect
// Core §3.1.3.7).
type identity struct {
	Tenant string `json:"tid"`
	Object string `json:"oid"`
	UPN    string `json:"upn"`
	Name   string `json:"preferred_username"`
	Scopes string `json:"scp"`
}

var errNoToken = errors.New("not a token that can be read")

func identityIn(token string) (identity, error) {
	var who identity
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return who, errNoToken
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(payload, &who) != nil {
		return who, errNoToken
	}
	return who, nil
}
