package impact_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/postern/postern"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/entrasim"
)

// Models of passkeys. The first two have an entry in the FIDO Metadata Service, the third is Postern's.
var models = []string{
	"2fc0579f-8113-47ea-b116-bb5a8db9202a", "42b4fb4a-2866-43b2-9bf7-6c6669c2e5d3", "8a208249-8aef-41b3-907f-776d51e6526f",
	"ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4", "de1e552d-db1d-4423-a619-566b625cdc84",
}

const (
	listedModels = 2
	posternModel = 2
)

// Directory roles that people and policies may have.
var roles = []string{"62e90394-69f5-4237-9190-012177145e10", "b1be1c3e-b65d-4f19-8427-f6fa0d97feb9", "fe930be7-5e62-47db-91af-98c3a49a38b1"}

// lab is one emulated tenant, emptied for every case, and how it is reached.
type lab struct {
	base, tenantID string
	pages          *http.Client // follows no redirects
	tenant         *entra.Tenant
	token          string
	apps           []string // client ids; policies never name the last one
	vendors        map[string]*vendor
}

// clock advances by sleeping, so that nothing waits.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return ctx.Err()
}

func newLab(t *testing.T) *lab {
	t.Helper()
	ctx := t.Context()
	run, err := entrasim.Listen(ctx, entrasim.Config{Users: 1, Levers: &entrasim.Levers{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = run.Close() })
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(run.CAPEM)
	l := &lab{base: run.GraphURL, tenantID: run.TenantID, vendors: make(map[string]*vendor), pages: &http.Client{
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}, MaxIdleConnsPerHost: 8},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	t.Cleanup(l.pages.CloseIdleConnections)
	now := &clock{now: time.Now()}
	l.tenant, err = entra.Open(entra.Options{
		Cloud: entra.Cloud{Authority: run.AuthorityURL, Graph: run.GraphURL, CAs: pool}, TenantID: run.TenantID, ClientID: run.ClientID,
		Credential: entra.Credential{Kind: postern.CredentialSecret, ClientSecret: run.ClientSecret}, PermissionSet: postern.PermissionsFull,
		Now: now.Now, Sleep: now.Sleep,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.tenant.Close)
	grant := object{"grant": []string{"Policy.Read.All", "Policy.ReadWrite.ConditionalAccess"}}
	if err := l.control(ctx, http.MethodPatch, "tenants/first/apps/"+run.ClientID, grant, nil); err != nil {
		t.Fatal(err)
	}
	if err := l.signInAsApplication(ctx, run.ClientID, run.ClientSecret); err != nil {
		t.Fatal(err)
	}
	spec := map[string]any{"applications": []object{{"name": "Payroll"}, {"name": "Ledger"}, {"name": "Canteen"}}}
	var made struct {
		Applications []string `json:"applications"`
	}
	if err := l.control(ctx, http.MethodPost, "tenants/first/population", spec, &made); err != nil {
		t.Fatal(err)
	}
	l.apps = made.Applications
	for _, model := range models[:listedModels] {
		v, err := newVendor(uuid.MustParse(model))
		if err == nil {
			err = l.control(ctx, http.MethodPost, "metadata", object{"aaguid": model, "name": "Model " + model[:4], "roots": []string{v.rootPEM}}, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		l.vendors[model] = v
	}
	return l
}

type object = map[string]any

func (l *lab) signInAsApplication(ctx context.Context, id, secret string) error {
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}, "scope": {"https://graph.microsoft.com/.default"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.base+"/"+l.tenantID+"/oauth2/v2.0/token", bytes.NewReader([]byte(form.Encode())))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	var out struct {
		Token string `json:"access_token"`
	}
	status, err := l.send(req, &out)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("no token: status %d", status)
	}
	l.token = out.Token
	return err
}

// control pulls the emulator's levers.
func (l *lab) control(ctx context.Context, method, path string, in, out any) error {
	return l.expect(ctx, method, "/_entrasim/"+path, in, out)
}

// graph sends a request to Graph and returns the status.
func (l *lab) graph(ctx context.Context, method, path string, in, out any) (int, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return 0, err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, l.base+path, body)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+l.token)
	return l.send(req, out)
}

// expect is graph for requests that must not be refused.
func (l *lab) expect(ctx context.Context, method, path string, in, out any) error {
	var answer json.RawMessage
	status, err := l.graph(ctx, method, path, in, &answer)
	if err != nil {
		return err
	}
	if status > 299 {
		return fmt.Errorf("%s %s: status %d %s", method, path, status, answer)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}

func (l *lab) send(req *http.Request, out any) (int, error) {
	resp, err := l.pages.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	if raw, ok := out.(*json.RawMessage); ok {
		*raw = body
		return resp.StatusCode, nil
	}
	if out != nil && resp.StatusCode < 300 && len(body) > 0 {
		err = json.Unmarshal(body, out)
	}
	return resp.StatusCode, err
}
