package entra

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"

	"github.com/postern/postern"
)

// DefaultSignInClient is Microsoft Graph Command Line Tools, an application of Microsoft's that every tenant has or can
// have, through which an administrator signs in when there is no application of one's own yet.
const DefaultSignInClient = "14d82eec-204b-4c2f-b7e8-296a70dab67e"

// anyOrganization is the authority for whoever has a work account; which tenant it is, the token says.
const anyOrganization = "organizations"

// What a server may say of times is bounded: a code that nobody types must end, and nobody is asked every millisecond.
const (
	leastPoll, mostPoll       = time.Second, time.Minute
	slowDownBy                = 5 * time.Second // RFC 8628 §3.5
	leastCodeLife             = time.Minute
	mostCodeLife              = time.Hour
	leastTokenLife            = time.Minute
	mostTokenLife             = 24 * time.Hour
	deviceGrant               = "urn:ietf:params:oauth:grant-type:device_code"
	maxDeviceCode, maxDisplay = 4 << 10, 200
)

// SignIn signs administrators in by a code that they type at Microsoft's page, on whatever device (RFC 8628).
type SignIn struct {
	tenant   *Tenant
	pipeline runtime.Pipeline
	scopes   []string
}

// NewSignIn prepares a sign-in. TenantID is empty for the tenant of whoever signs in; ClientID is that of a public client,
// [DefaultSignInClient] if empty. scopes are delegated permissions of Graph by name. It makes no network call.
func NewSignIn(opts Options, scopes []string) (*SignIn, error) {
	if opts.TenantID == "" {
		opts.TenantID = anyOrganization
	}
	if opts.ClientID == "" {
		opts.ClientID = DefaultSignInClient
	}
	opts.Credential = Credential{Kind: CredentialDelegated}
	t, err := Open(opts)
	if err != nil {
		return nil, err
	}
	options := t.clientOptions(&retryPolicy{now: t.opts.Now, sleep: t.opts.Sleep, watch: t.opts.Observer})
	options.PerRetryPolicies = []policy.Policy{recordPolicy{}, exchangePolicy{t}}
	return &SignIn{t, runtime.NewPipeline("postern", t.opts.Version, runtime.PipelineOptions{}, &options), scopes}, nil
}

// DeviceCode is a sign-in under way.
type DeviceCode struct {
	Code            string // for [SignIn.Poll]; a secret
	UserCode        string
	VerificationURI string
	ExpiresAt       time.Time
	Interval        time.Duration // between two polls, at least
}

// ErrSignInPending says that nobody has typed the code yet.
var ErrSignInPending = errors.New("entra: the sign-in is not finished")

// ErrSlowDown is ErrSignInPending with the wish to be asked less often: the interval grows by five seconds.
var ErrSlowDown = fmt.Errorf("%w, and is asked for too often", ErrSignInPending)

// SlowDown is the interval after [ErrSlowDown].
func SlowDown(interval time.Duration) time.Duration { return min(interval+slowDownBy, mostPoll) }

// Begin asks for a code.
func (s *SignIn) Begin(ctx context.Context) (DeviceCode, error) {
	var answer struct {
		Code     string      `json:"device_code"`
		UserCode string      `json:"user_code"`
		URI      string      `json:"verification_uri"`
		Expires  json.Number `json:"expires_in"`
		Interval json.Number `json:"interval"`
	}
	err := s.ask(ctx, "devicecode", url.Values{"client_id": {s.tenant.opts.ClientID}, "scope": {s.scope()}}, &answer)
	if err != nil {
		return DeviceCode{}, err
	}
	page, err := url.Parse(answer.URI)
	if err != nil || page.Scheme != "https" || page.Host == "" || answer.Code == "" || len(answer.Code) > maxDeviceCode ||
		answer.UserCode == "" || len(answer.UserCode) > maxDisplay || len(answer.URI) > maxDisplay {
		return DeviceCode{}, s.unexpected("no code that can be shown")
	}
	return DeviceCode{
		Code: answer.Code, UserCode: s.tenant.tidy(answer.UserCode), VerificationURI: page.String(),
		ExpiresAt: s.tenant.opts.Now().Add(seconds(answer.Expires, 15*time.Minute, leastCodeLife, mostCodeLife)).UTC(),
		Interval:  seconds(answer.Interval, 5*time.Second, leastPoll, mostPoll),
	}, nil
}

// Poll asks whether the code was typed. [ErrSignInPending] and [ErrSlowDown] say to ask again; [postern.CodeSetupDeclined]
// that this code is of no use any more.
func (s *SignIn) Poll(ctx context.Context, code string) (Delegated, error) {
	return s.token(ctx, url.Values{"grant_type": {deviceGrant}, "client_id": {s.tenant.opts.ClientID}, "device_code": {code}})
}

// Refresh trades a refresh token for a new access token, without a person. [postern.CodeSetupSignIn] says that a person is
// needed.
func (s *SignIn) Refresh(ctx context.Context, token string) (Delegated, error) {
	d, err := s.token(ctx, url.Values{"grant_type": {"refresh_token"}, "client_id": {s.tenant.opts.ClientID}, "refresh_token": {token}, "scope": {s.scope()}})
	var refused *TokenError
	if errors.As(err, &refused) && (refused.Kind == "invalid_grant" || refused.Kind == "interaction_required") {
		return d, postern.Errorf(postern.CodeSetupSignIn, "Entra does not prolong the administrator's sign-in.").
			WithNext("Sign in again; the work goes on where it was.").Because(refused)
	}
	return d, err
}

// scope asks for the permissions, for a refresh token, and for an ID token that says who signed in.
func (s *SignIn) scope() string {
	names := make([]string, len(s.scopes), len(s.scopes)+3)
	for n, name := range s.scopes {
		names[n] = s.tenant.opts.Cloud.Graph + "/" + name
	}
	return strings.Join(append(names, "openid", "profile", "offline_access"), " ")
}

func (s *SignIn) token(ctx context.Context, form url.Values) (Delegated, error) {
	var none Delegated
	var answer struct {
		Access  string      `json:"access_token"`
		Refresh string      `json:"refresh_token"`
		ID      string      `json:"id_token"`
		Scope   string      `json:"scope"`
		Expires json.Number `json:"expires_in"`
	}
	if err := s.ask(ctx, "token", form, &answer); err != nil {
		return none, pollRefusal(err)
	}
	if answer.Access == "" {
		return none, s.unexpected("no access token")
	}
	who, err := identityIn(answer.ID)
	if err != nil {
		who, err = identityIn(answer.Access)
	}
	if err != nil || !tenantName(who.Tenant) {
		return none, s.unexpected("a token that does not say whose it is")
	}
	name := who.Name
	if name == "" {
		name = who.UPN
	}
	return Delegated{
		AccessToken: answer.Access, RefreshToken: answer.Refresh, TenantID: strings.ToLower(who.Tenant), ObjectID: who.Object, UPN: s.tenant.tidy(name),
		ExpiresAt: s.tenant.opts.Now().Add(seconds(answer.Expires, time.Hour, leastTokenLife, mostTokenLife)).UTC(),
		Scopes:    s.granted(answer.Scope),
	}, nil
}

// granted are the permissions of Graph in an answer's scope, by name. An answer without one granted what was asked for
// (RFC 6749 §5.1).
func (s *SignIn) granted(scope string) []string {
	if scope == "" {
		return slices.Clone(s.scopes)
	}
	var names []string
	for _, name := range strings.Fields(scope) {
		name = name[strings.LastIndexByte(name, '/')+1:]
		if !slices.Contains([]string{"openid", "profile", "offline_access", "email"}, name) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// pollRefusal reads the answers of RFC 8628 §3.5 and Microsoft's.
func pollRefusal(err error) error {
	var refused *TokenError
	if !errors.As(err, &refused) {
		return err
	}
	declined := func(message string) error {
		return postern.Errorf(postern.CodeSetupDeclined, "%s", message).Because(refused)
	}
	switch refused.Kind {
	case "authorization_pending":
		return ErrSignInPending
	case "slow_down":
		return ErrSlowDown
	case "authorization_declined", "access_denied":
		return declined("The sign-in was declined.")
	case "expired_token", "code_expired":
		return declined("Nobody typed the code in time.")
	case "bad_verification_code":
		return declined("Entra does not know the code any more.")
	}
	for _, n := range refused.Codes {
		switch n {
		case 50020, 90072, 500212, 500213:
			return postern.Errorf(postern.CodeSetupTenant, "").Because(refused)
		case 65004:
			return declined("The administrator did not consent to what the set-up asks for.")
		}
	}
	return err
}

// ask makes one request to the identity platform and decodes its answer.
func (s *SignIn) ask(ctx context.Context, endpoint string, form url.Values, answer any) error {
	t := s.tenant
	rec := &tokenExchange{}
	ctx = context.WithValue(ctx, tokenExchangeKey{}, rec)
	ctx = context.WithValue(context.WithValue(ctx, operationKey{}, nil), attemptedKey{}, nil)
	req, err := runtime.NewRequest(ctx, http.MethodPost, t.opts.Cloud.Authority+"/"+t.opts.TenantID+"/oauth2/v2.0/"+endpoint)
	if err != nil {
		return postern.Errorf(postern.CodeInternal, "").Because(err)
	}
	req.Raw().Header.Set("Accept", "application/json")
	req.Raw().Header.Set("client-request-id", requestIDOf(ctx))
	if err := req.SetBody(streaming.NopCloser(bytes.NewReader([]byte(form.Encode()))), "application/x-www-form-urlencoded"); err != nil {
		return postern.Errorf(postern.CodeInternal, "").Because(err)
	}
	resp, err := s.pipeline.Do(req) //nolint:bodyclose // the pipeline reads and closes it
	if err != nil {
		return t.tokenRefusal(ctx, rec, err)
	}
	if resp.StatusCode != http.StatusOK {
		return t.tokenRefusal(ctx, rec, errors.New("the identity platform refused"))
	}
	body, err := runtime.Payload(resp)
	if err != nil {
		return t.tokenRefusal(ctx, &tokenExchange{err: err}, err)
	}
	if json.Unmarshal(body, answer) != nil {
		return s.unexpected("not the expected JSON")
	}
	return nil
}

func (s *SignIn) unexpected(what string) error {
	return postern.Errorf(postern.CodeEntraAnswerUnexpected, "Entra's sign-in service at %s answered with %s.", s.tenant.opts.Cloud.Authority, what)
}

// seconds reads a duration that a server gave, within bounds.
func seconds(n json.Number, absent, least, most time.Duration) time.Duration {
	v, err := n.Float64()
	if err != nil || v != v || v <= 0 {
		return absent
	}
	return min(max(time.Duration(min(v, most.Seconds())*float64(time.Second)), least), most)
}
