package windows

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	answerTime = 30 * time.Second
	maxAnswer  = 1 << 20
)

// errUnreachable says that Entra did not answer, or not sensibly: Windows takes that for having no network.
var errUnreachable = errors.New("Entra cannot be reached")

// refusedBy is an error of Entra.
type refusedBy struct {
	Kind  string `json:"error"`
	Text  string `json:"error_description"`
	Codes []int  `json:"error_codes"`
}

// Code is the AADSTS code, or what else the authority says.
func (e *refusedBy) Code() string {
	if len(e.Codes) > 0 {
		return fmt.Sprintf("AADSTS%d", e.Codes[0])
	}
	return e.Kind
}

// text is the description in a line, without what only helps Microsoft's support.
func (e *refusedBy) text() string {
	text, _, _ := strings.Cut(e.Text, " Trace ID:")
	_, rest, ok := strings.Cut(text, ": ")
	if ok {
		text = rest
	}
	return strings.TrimSpace(text)
}

func (e *refusedBy) Error() string { return e.Code() + ": " + e.text() }

// authority is Entra as Windows reaches it.
type authority struct {
	base string
	http *http.Client
}

// newAuthority trusts the certificates of ca (PEM), or those of the system.
func newAuthority(base string, ca []byte) (*authority, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%q is no https address of an authority", base)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(ca) > 0 {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(ca) {
			return nil, errors.New("the certificate of the authority's CA is no PEM")
		}
	}
	return &authority{strings.TrimRight(base, "/"), &http.Client{Timeout: answerTime, Transport: &http.Transport{TLSClientConfig: config, Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}}}, nil
}

// do sends a request and gives the body of a 200. Other answers are errors of the authority or [errUnreachable].
func (a *authority) do(ctx context.Context, method, address, kind string, body []byte, bearer string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", "Windows-AzureAD-Authentication-Provider/1.0")
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	answer, err := a.http.Do(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnreachable, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errUnreachable, err)
	case answer.StatusCode == http.StatusOK:
		return text, nil
	case answer.StatusCode >= http.StatusInternalServerError:
		return nil, fmt.Errorf("%w: status %d", errUnreachable, answer.StatusCode)
	}
	refused := &refusedBy{}
	if json.Unmarshal(text, refused) == nil && refused.Kind != "" {
		return nil, refused
	}
	var registration struct{ Code, Subcode, Message string }
	if json.Unmarshal(text, &registration) == nil && registration.Message != "" {
		return nil, &refusedBy{Kind: registration.Code, Text: registration.Message}
	}
	return nil, fmt.Errorf("the authority answers %s with status %d", method, answer.StatusCode)
}

func (a *authority) form(ctx context.Context, tenant string, form url.Values) ([]byte, error) {
	return a.do(ctx, http.MethodPost, a.base+"/"+url.PathEscape(tenant)+"/oauth2/token", "application/x-www-form-urlencoded", []byte(form.Encode()), "")
}

// nonce asks for one ([MS-OAPXBC] section 3.1.5.1.1).
func (a *authority) nonce(ctx context.Context) (string, error) {
	text, err := a.form(ctx, "common", url.Values{"grant_type": {"srv_challenge"}})
	if err != nil {
		return "", err
	}
	var answer struct{ Nonce string }
	if err := json.Unmarshal(text, &answer); err != nil || answer.Nonce == "" {
		return "", errors.New("Entra's answer holds no nonce")
	}
	return answer.Nonce, nil
}

// prtAnswer is the answer to a PRT request.
type prtAnswer struct {
	Type       string `json:"token_type"`
	PRT        string `json:"refresh_token"`
	ExpiresIn  int64  `json:"refresh_token_expires_in"`
	SessionKey string `json:"session_key_jwe"`
	IDToken    string `json:"id_token"`
	Cloud      string `json:"tgt_cloud"`
	OnPrem     string `json:"tgt_ad"`
}

// request sends a request JWT.
func (a *authority) request(ctx context.Context, tenant, jwt string, tickets bool) ([]byte, error) {
	form := url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "request": {jwt}, "windows_api_version": {"2.2"}, "client_info": {"1"},
	}
	if tickets {
		form.Set("tgt", "true")
	}
	return a.form(ctx, tenant, form)
}

// identity is who an id token is about. It is not signed; that it is Entra's, TLS says.
type identity struct {
	Tenant string `json:"tid"`
	ID     string `json:"oid"`
	UPN    string `json:"upn"`
	Name   string `json:"name"`
	SID    string `json:"primary_sid"`
}

func readIdentity(token string) (identity, error) {
	var i identity
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return i, errors.New("the id token is malformed")
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(text, &i)
	}
	if err != nil || !isName(i.ID) || i.UPN == "" {
		return i, errors.New("the id token names no user")
	}
	return i, nil
}

// isName holds a name that becomes part of a file's to letters, digits and hyphens.
func isName(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(strings.ToLower(s), "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}
