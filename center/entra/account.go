package entra

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"

	"github.com/postern/postern"
)

// accountCredential is the legacy mode: the user name and password of a service account (the resource owner password
// grant, RFC 6749 §4.3), with the application's secret where it has one.
//
// It is one request, written out here, because the libraries do not make it: azidentity's credential is deprecated and
// for public clients only, and the library below leaves a confidential client's secret out of this grant, which Entra
// answers with AADSTS7000218. No refresh token is asked for, so none is kept.
type accountCredential struct {
	tenant   *Tenant
	pipeline runtime.Pipeline

	mu     sync.Mutex
	cached azcore.AccessToken
}

// renewBefore is how long before its end a token is replaced, as the pipeline's bearer policy does it.
const renewBefore = 5 * time.Minute

func newAccountCredential(t *Tenant, options azcore.ClientOptions) (*accountCredential, error) {
	c := t.opts.Credential
	if c.Username == "" {
		return nil, postern.FieldErrorf("service_account_username", "The service account's user name is empty.")
	}
	if c.Password == "" {
		return nil, postern.FieldErrorf("service_account_password", "The service account's password is empty.")
	}
	return &accountCredential{
		tenant:   t,
		pipeline: runtime.NewPipeline("postern", t.opts.Version, runtime.PipelineOptions{}, &options),
	}, nil
}

// GetToken implements azcore.TokenCredential.
func (a *accountCredential) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if o.Claims == "" && a.cached.ExpiresOn.After(time.Now().Add(renewBefore)) {
		return a.cached, nil
	}
	claims, err := withCapability(o.Claims)
	if err != nil {
		return azcore.AccessToken{}, err
	}
	c := a.tenant.opts.Credential
	form := url.Values{
		"grant_type": {"password"}, "client_id": {a.tenant.opts.ClientID}, "username": {c.Username}, "password": {c.Password},
		"scope": {a.tenant.scope()}, "claims": {claims},
	}
	if c.ClientSecret != "" {
		form.Set("client_secret", c.ClientSecret)
	}
	token, err := a.request(ctx, form)
	if err != nil {
		return azcore.AccessToken{}, err
	}
	a.cached = token
	return token, nil
}

// request makes the token request. Its errors are not shown to anybody: the exchange is recorded beneath.
func (a *accountCredential) request(ctx context.Context, form url.Values) (azcore.AccessToken, error) {
	o := a.tenant.opts
	req, err := runtime.NewRequest(ctx, http.MethodPost, o.Cloud.Authority+"/"+o.TenantID+"/oauth2/v2.0/token")
	if err != nil {
		return azcore.AccessToken{}, err
	}
	req.Raw().Header.Set("Accept", "application/json")
	req.Raw().Header.Set("client-request-id", requestIDOf(ctx))
	if err := req.SetBody(streaming.NopCloser(bytes.NewReader([]byte(form.Encode()))), "application/x-www-form-urlencoded"); err != nil {
		return azcore.AccessToken{}, err
	}
	resp, err := a.pipeline.Do(req) //nolint:bodyclose // the pipeline reads and closes it
	if err != nil {
		return azcore.AccessToken{}, err
	}
	if resp.StatusCode != http.StatusOK {
		return azcore.AccessToken{}, errors.New("the token endpoint refused")
	}
	body, err := runtime.Payload(resp)
	if err != nil {
		return azcore.AccessToken{}, err
	}
	var answer struct {
		Token   string      `json:"access_token"`
		Seconds json.Number `json:"expires_in"` // a number, or the same in quotes
	}
	if json.Unmarshal(body, &answer) != nil || answer.Token == "" {
		return azcore.AccessToken{}, errors.New("the token endpoint's answer holds no token")
	}
	seconds, err := answer.Seconds.Int64()
	if err != nil || seconds <= 0 || seconds > 7*24*3600 {
		return azcore.AccessToken{}, errors.New("the token endpoint's answer does not say how long the token lives")
	}
	return azcore.AccessToken{Token: answer.Token, ExpiresOn: time.Now().Add(time.Duration(seconds) * time.Second).UTC()}, nil
}

// withCapability adds to the claims of a challenge, which may be empty, that this client understands such challenges
// (the client capability CP1 of continuous access evaluation).
func withCapability(challenge string) (string, error) {
	var claims map[string]map[string]any
	if challenge != "" {
		if err := json.Unmarshal([]byte(challenge), &claims); err != nil {
			return "", errors.New("the claims challenge is not the expected JSON")
		}
	}
	if claims == nil {
		claims = map[string]map[string]any{}
	}
	if claims["access_token"] == nil {
		claims["access_token"] = map[string]any{}
	}
	claims["access_token"]["xms_cc"] = map[string]any{"values": []string{"CP1"}}
	b, err := json.Marshal(claims)
	return string(b), err
}
