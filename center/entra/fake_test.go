package entra

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postern/postern"
)

const (
	testTenant = "5f1c2d3e-0000-4000-8000-00000000000a"
	testClient = "5f1c2d3e-0000-4000-8000-00000000000b"
	testSecret = "s3cret~Value.of-the-application"
)

// fakeEntra is a server of our own for what an emulator would not do: broken answers, odd headers, dropped connections.
type fakeEntra struct {
	t      *testing.T
	server *httptest.Server

	mu       sync.Mutex
	roles    []string // application permissions of the tokens
	scopes   string   // delegated permissions, for the password grant
	token    func(w http.ResponseWriter, form url.Values) bool
	graph    http.HandlerFunc
	calls    []string // "METHOD path?query" of Graph
	tokens   int
	lastForm url.Values
}

func newFake(t *testing.T, graph http.HandlerFunc) *fakeEntra {
	f := &fakeEntra{t: t, graph: graph, roles: []string{
		"UserAuthMethod-Passkey.ReadWrite.All", "User.Read.All", "RoleManagement.Read.Directory", "Group.Create",
		"GroupMember.ReadWrite.All", "User.RevokeSessions.All",
	}}
	f.server = httptest.NewUnstartedServer(f)
	f.server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	f.server.StartTLS()
	t.Cleanup(f.server.Close)
	return f
}

func (f *fakeEntra) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	base := f.server.URL
	switch {
	case strings.HasSuffix(r.URL.Path, "/v2.0/.well-known/openid-configuration"):
		writeJSON(w, 200, map[string]any{
			"issuer": base + "/" + testTenant + "/v2.0", "authorization_endpoint": base + "/" + testTenant + "/oauth2/v2.0/authorize",
			"token_endpoint": base + "/" + testTenant + "/oauth2/v2.0/token", "jwks_uri": base + "/keys",
		})
	case strings.Contains(r.URL.Path, "/UserRealm/"):
		writeJSON(w, 200, map[string]any{
			"ver": "1.0", "account_type": "Managed", "domain_name": "contoso.com",
			"cloud_instance_name": "microsoftonline.com", "cloud_audience_urn": "urn:federation:MicrosoftOnline",
		})
	case strings.HasSuffix(r.URL.Path, "/oauth2/v2.0/token"):
		f.serveToken(w, r)
	default:
		f.mu.Lock()
		f.calls = append(f.calls, r.Method+" "+r.URL.RequestURI())
		f.mu.Unlock()
		f.graph(w, r)
	}
}

func (f *fakeEntra) serveToken(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	f.mu.Lock()
	f.tokens++
	f.lastForm = r.PostForm
	answer, roles, scopes, n := f.token, f.roles, f.scopes, f.tokens
	f.mu.Unlock()
	if answer != nil && answer(w, r.PostForm) {
		return
	}
	claims := map[string]any{"tid": testTenant, "appid": testClient, "n": n}
	if r.PostForm.Get("grant_type") == "password" {
		claims["scp"] = scopes
	} else {
		claims["roles"] = roles
	}
	body := map[string]any{"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": unsignedJWT(claims)}
	if r.PostForm.Get("grant_type") == "password" {
		info, _ := json.Marshal(map[string]string{"uid": "u", "utid": testTenant})
		body["client_info"] = base64.RawURLEncoding.EncodeToString(info)
		body["refresh_token"] = "the-refresh-token"
		body["scope"] = scopes + " " + f.server.URL + "/.default" // the service names what was asked for, too
	}
	writeJSON(w, 200, body)
}

func (f *fakeEntra) seen() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.calls...)
}

func (f *fakeEntra) cloud() Cloud {
	pool := x509.NewCertPool()
	pool.AddCert(f.server.Certificate())
	return Cloud{Authority: f.server.URL, Graph: f.server.URL, CAs: pool}
}

// open connects to the fake with a clock that moves only when the client sleeps.
func (f *fakeEntra) open(change ...func(*Options)) (*Tenant, *fakeClock) {
	f.t.Helper()
	clock := &fakeClock{now: time.Now()}
	o := Options{
		Cloud: f.cloud(), TenantID: testTenant, ClientID: testClient,
		Credential: Credential{Kind: postern.CredentialSecret, ClientSecret: testSecret},
		Now:        clock.Now, Sleep: clock.Sleep, Version: "test",
	}
	for _, c := range change {
		c(&o)
	}
	tenant, err := Open(o)
	if err != nil {
		f.t.Fatal(err)
	}
	return tenant, clock
}

// fakeClock advances by sleeping.
type fakeClock struct {
	mu    sync.Mutex
	now   time.Time
	slept []time.Duration
}

func (c *fakeClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *fakeClock) Sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	c.slept = append(c.slept, d)
	return nil
}

func (c *fakeClock) sleeps() []time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]time.Duration(nil), c.slept...)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func graphRefuses(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("request-id", "11111111-2222-4333-8444-555555555555")
	writeJSON(w, status, map[string]any{"error": map[string]any{
		"code": code, "message": message,
		"innerError": map[string]string{"date": "2026-04-20T10:00:00", "request-id": "11111111-2222-4333-8444-555555555555"},
	}})
}

func tokenRefuses(w http.ResponseWriter, status int, kind string, number int) {
	writeJSON(w, status, map[string]any{
		"error": kind, "error_codes": []int{number}, "correlation_id": "c",
		"error_description": fmt.Sprintf("AADSTS%d: Something. Trace ID: t Correlation ID: c", number),
	})
}

func unsignedJWT(claims map[string]any) string {
	b, _ := json.Marshal(claims)
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + base64.RawURLEncoding.EncodeToString(b) + ".c2lnbmF0dXJl"
}

// drop ends the connection without an answer.
func drop(w http.ResponseWriter) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

func body(r *http.Request) string {
	b, _ := io.ReadAll(r.Body)
	return string(b)
}

// keyPair makes a certificate and key as PEM; edit changes the template.
func keyPair(t *testing.T, bits int, edit func(*x509.Certificate)) (certPEM, keyPEM []byte) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Postern test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0), SignatureAlgorithm: x509.SHA256WithRSA,
	}
	if edit != nil {
		edit(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

func wantCode(t *testing.T, err error, code postern.Code) *postern.Error {
	t.Helper()
	if !postern.IsCode(err, code) {
		t.Fatalf("got %v, want the code %s", err, code)
	}
	e := postern.AsError(err)
	if e.Message == "" || e.Next == "" {
		t.Errorf("%s without a sentence or a next step: %q, %q", code, e.Message, e.Next)
	}
	return e
}
