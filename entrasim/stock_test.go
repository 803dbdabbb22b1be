package entrasim

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// site is a listening emulator with a client for each way in.
type site struct {
	*Running
	t      testing.TB
	client *http.Client
	mu     sync.Mutex
	tokens map[string]string
}

func newSite(t testing.TB, c Config) *site {
	t.Helper()
	if c.Seed == 0 {
		c.Seed = 7
	}
	r, err := Listen(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if c.StateFile == "" {
		r.Server.signingKey = testSigningKey()
	}
	s := &site{Running: r, t: t, client: r.Client(), tokens: make(map[string]string)}
	t.Cleanup(func() {
		s.client.CloseIdleConnections()
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// testSigningKey saves every emulator of these tests from making a key of its own.
var testSigningKey = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err) // crypto/rand does not fail
	}
	return k
})

// answer is a response that was read.
type answer struct {
	status int
	header http.Header
	body   object
	raw    string
}

// code is error.code of Graph or error of the authority.
func (a answer) code() string {
	switch e := a.body["error"].(type) {
	case string:
		return e
	case object:
		c, _ := e["code"].(string)
		return c
	}
	return ""
}

func (a answer) values() []object {
	list, _ := a.body["value"].([]any)
	var out []object
	for _, v := range list {
		if o, ok := v.(object); ok {
			out = append(out, o)
		}
	}
	return out
}

func (a answer) str(name string) string {
	s, _ := a.body[name].(string)
	return s
}

func (s *site) do(req *http.Request) (answer, error) {
	resp, err := s.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: resp.StatusCode, header: resp.Header, raw: string(data)}
	_ = json.Unmarshal(data, &a.body) // not every answer is an object
	return a, nil
}

// form posts to an authority endpoint.
func (s *site) form(path string, fields map[string]string) answer {
	s.t.Helper()
	v := url.Values{}
	for k, f := range fields {
		v.Set(k, f)
	}
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.AuthorityURL+path, strings.NewReader(v.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	a, err := s.do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

// appToken gets a token for an application by its secret, once.
func (s *site) appToken(c Credentials) string {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.tokens[c.ClientID]; t != "" {
		return t
	}
	a := s.form(s.TenantID+"/oauth2/v2.0/token", map[string]string{
		"grant_type": "client_credentials", "client_id": c.ClientID, "client_secret": c.ClientSecret, "scope": "https://graph.microsoft.com/.default",
	})
	if a.status != 200 {
		s.t.Fatalf("token: %d %s", a.status, a.raw)
	}
	s.tokens[c.ClientID] = a.str("access_token")
	return s.tokens[c.ClientID]
}

// userToken signs a user in with a password.
func (s *site) userToken(client Credentials, u UserInfo, scope string) string {
	s.t.Helper()
	a := s.form(s.TenantID+"/oauth2/v2.0/token", map[string]string{
		"grant_type": "password", "client_id": client.ClientID,
		"username": u.UPN, "password": u.Password, "scope": scope,
	})
	if a.status != 200 {
		s.t.Fatalf("token: %d %s", a.status, a.raw)
	}
	return a.str("access_token")
}

func (s *site) standard() Credentials { return Credentials{s.ClientID, s.ClientSecret} }

// call makes a Graph call with a token; body is JSON text or any value.
func (s *site) call(token, method, path string, body any, headers ...string) answer {
	s.t.Helper()
	a, err := s.try(token, method, path, body, headers...)
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

func (s *site) try(token, method, path string, body any, headers ...string) (answer, error) {
	var r io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		r = strings.NewReader(b)
	default:
		data, err := json.Marshal(b)
		if err != nil {
			return answer{}, err
		}
		r = bytes.NewReader(data)
	}
	target := path
	if !strings.HasPrefix(path, "https://") {
		target = s.GraphURL + path
	}
	req, err := http.NewRequestWithContext(context.WithoutCancel(s.t.Context()), method, target, r)
	if err != nil {
		return answer{}, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if r != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return s.do(req)
}

// graph calls Graph as the standard application.
func (s *site) graph(method, path string, body any, headers ...string) answer {
	s.t.Helper()
	return s.call(s.appToken(s.standard()), method, path, body, headers...)
}

// control calls the control API.
func (s *site) control(method, path string, body any) answer {
	s.t.Helper()
	a := s.call("", method, controlRoot+path, body)
	if a.status >= 400 {
		s.t.Fatalf("control %s %s: %d %s", method, path, a.status, a.raw)
	}
	return a
}

// clientOptions point azidentity at the emulator.
func (s *site) clientOptions() azcore.ClientOptions {
	return azcore.ClientOptions{
		Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: s.AuthorityURL},
		Transport: s.client,
		Retry:     policy.RetryOptions{MaxRetries: -1},
	}
}

var graphScope = policy.TokenRequestOptions{Scopes: []string{"https://graph.microsoft.com/.default"}}

// selfSigned makes a certificate for client assertions.
func selfSigned(t testing.TB, key any, public any) (*x509.Certificate, string) {
	t.Helper()
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "client"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, public, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// TestStockClient signs in with azidentity as it is, in each of the ways it knows, and uses the token.
func TestStockClient(t *testing.T) {
	s := newSite(t, Config{Users: 20})
	use := func(t *testing.T, cred azcore.TokenCredential, path string) {
		t.Helper()
		token, err := cred.GetToken(t.Context(), graphScope)
		if err != nil {
			t.Fatal(err)
		}
		if a := s.call(token.Token, "GET", path, nil); a.status != 200 {
			t.Fatalf("%s: %d %s", path, a.status, a.raw)
		}
	}
	t.Run("secret", func(t *testing.T) {
		cred, err := azidentity.NewClientSecretCredential(s.TenantID, s.ClientID, s.ClientSecret,
			&azidentity.ClientSecretCredentialOptions{ClientOptions: s.clientOptions(), DisableInstanceDiscovery: true})
		if err != nil {
			t.Fatal(err)
		}
		use(t, cred, "/v1.0/users?$top=5")
	})
	t.Run("certificate", func(t *testing.T) {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		cert, text := selfSigned(t, key, key.Public())
		s.control("POST", "tenants/first/apps/"+s.ClientID+"/certificates", object{"pem": text})
		cred, err := azidentity.NewClientCertificateCredential(s.Domain, s.ClientID, []*x509.Certificate{cert}, key,
			&azidentity.ClientCertificateCredentialOptions{ClientOptions: s.clientOptions(), DisableInstanceDiscovery: true})
		if err != nil {
			t.Fatal(err)
		}
		use(t, cred, "/v1.0/organization")
	})
	t.Run("unregistered certificate", func(t *testing.T) {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		cert, _ := selfSigned(t, key, key.Public())
		cred, err := azidentity.NewClientCertificateCredential(s.TenantID, s.ClientID, []*x509.Certificate{cert}, key,
			&azidentity.ClientCertificateCredentialOptions{ClientOptions: s.clientOptions(), DisableInstanceDiscovery: true})
		if err != nil {
			t.Fatal(err)
		}
		_, err = cred.GetToken(t.Context(), graphScope)
		if err == nil || !strings.Contains(err.Error(), "AADSTS700027") {
			t.Fatalf("got %v, want AADSTS700027", err)
		}
	})
	t.Run("device code", func(t *testing.T) {
		s.control("PATCH", "levers", object{"device_interval": "1s"})
		cred, err := azidentity.NewDeviceCodeCredential(&azidentity.DeviceCodeCredentialOptions{
			ClientOptions: s.clientOptions(), DisableInstanceDiscovery: true, TenantID: s.TenantID, ClientID: s.Legacy.ClientID,
			UserPrompt: func(_ context.Context, m azidentity.DeviceCodeMessage) error {
				if !strings.HasSuffix(m.VerificationURL, "/devicelogin") {
					return errors.New("verification URL " + m.VerificationURL)
				}
				s.control("POST", "tenants/first/devices/"+m.UserCode, object{"upn": s.ServiceAccount.UPN, "mfa": true})
				return nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		use(t, cred, "/v1.0/me")
	})
	t.Run("password", func(t *testing.T) {
		cred, err := azidentity.NewUsernamePasswordCredential(s.TenantID, s.Legacy.ClientID, s.ServiceAccount.UPN, s.ServiceAccount.Password,
			&azidentity.UsernamePasswordCredentialOptions{ClientOptions: s.clientOptions(), DisableInstanceDiscovery: true}) //nolint:staticcheck // the deprecated flow is what is tested
		if err != nil {
			t.Fatal(err)
		}
		use(t, cred, "/v1.0/me?$select=id,userPrincipalName")
		use(t, cred, "/v1.0/users/"+s.Users[0].ID+"/authentication/fido2Methods")
	})
	t.Run("password under MFA", func(t *testing.T) {
		s.control("PATCH", "tenants/first/users/"+s.ServiceAccount.ID, object{"mfa_required": true})
		cred, err := azidentity.NewUsernamePasswordCredential(s.TenantID, s.Legacy.ClientID, s.ServiceAccount.UPN, s.ServiceAccount.Password,
			&azidentity.UsernamePasswordCredentialOptions{ClientOptions: s.clientOptions(), DisableInstanceDiscovery: true}) //nolint:staticcheck // the deprecated flow is what is tested
		if err != nil {
			t.Fatal(err)
		}
		_, err = cred.GetToken(t.Context(), graphScope)
		if err == nil || !strings.Contains(err.Error(), "AADSTS50076") {
			t.Fatalf("got %v, want AADSTS50076", err)
		}
	})
}

// TestEllipticAssertion holds that an assertion signed with ECDSA fails as Entra's does.
func TestEllipticAssertion(t *testing.T) {
	s := newSite(t, Config{Users: -1})
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert, text := selfSigned(t, key, key.Public())
	s.control("POST", "tenants/first/apps/"+s.ClientID+"/certificates", object{"pem": text})
	a := s.assert(s.ClientID, cert, key, assertion{alg: "ES256"})
	if a.status != 401 || a.code() != "invalid_client" || !strings.Contains(a.str("error_description"), "AADSTS700027: ") ||
		!strings.Contains(a.str("error_description"), "Unsupported asymmetric signing algorithm") {
		t.Fatalf("%d %s", a.status, a.raw)
	}
}
