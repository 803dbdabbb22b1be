package entra

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/postern/postern"
)

func emptyGroup(w http.ResponseWriter, _ *http.Request) { writeJSON(w, 200, map[string]any{"id": "g"}) }

func TestSecretIsSent(t *testing.T) {
	f := newFake(t, emptyGroup)
	tenant, _ := f.open()
	for range 3 {
		if _, err := tenant.GroupByID(ctx, "g"); err != nil {
			t.Fatal(err)
		}
	}
	if f.tokens != 1 {
		t.Errorf("%d tokens for three calls", f.tokens)
	}
	form := f.lastForm
	if form.Get("grant_type") != "client_credentials" || form.Get("client_secret") != testSecret || form.Get("client_id") != testClient ||
		!strings.HasPrefix(form.Get("scope"), f.server.URL+"/.default") {
		t.Errorf("the token request was %v", form)
	}
}

func TestCertificateSignsTheAssertion(t *testing.T) {
	cert, key := keyPair(t, 2048, nil)
	f := newFake(t, emptyGroup)
	tenant, _ := f.open(func(o *Options) {
		o.Credential = Credential{Kind: postern.CredentialCertificate, Certificate: cert, PrivateKey: key}
	})
	if _, err := tenant.GroupByID(ctx, "g"); err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(cert)
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.Parse(f.lastForm.Get("client_assertion"), func(*jwt.Token) (any, error) { return leaf.PublicKey.(*rsa.PublicKey), nil },
		jwt.WithValidMethods([]string{"PS256"}), jwt.WithAudience(f.server.URL+"/"+testTenant+"/oauth2/v2.0/token"),
		jwt.WithIssuer(testClient), jwt.WithSubject(testClient), jwt.WithExpirationRequired())
	if err != nil {
		t.Fatalf("the assertion does not verify: %v", err)
	}
	sum := sha256.Sum256(leaf.Raw)
	if got := token.Header["x5t#S256"]; got != base64.StdEncoding.EncodeToString(sum[:]) && got != base64.RawURLEncoding.EncodeToString(sum[:]) {
		t.Errorf("x5t#S256 is %v", got)
	}
}

func TestServiceAccount(t *testing.T) {
	for _, secret := range []string{"", testSecret} {
		t.Run(fmt.Sprintf("with a secret: %t", secret != ""), func(t *testing.T) {
			f := newFake(t, emptyGroup)
			f.scopes = "UserAuthenticationMethod.ReadWrite.All Directory.AccessAsUser.All"
			tenant, _ := f.open(func(o *Options) {
				o.Credential = Credential{Kind: postern.CredentialServiceAccount, ClientSecret: secret, Username: "svc@contoso.com", Password: "p4ss-word-of-svc"}
			})
			if _, err := tenant.GroupByID(ctx, "g"); err != nil {
				t.Fatal(err)
			}
			form := f.lastForm
			if form.Get("grant_type") != "password" || form.Get("username") != "svc@contoso.com" || form.Get("password") != "p4ss-word-of-svc" || form.Get("client_secret") != secret {
				t.Errorf("the token request was %v", form)
			}
			g, err := tenant.granted(ctx)
			if err != nil || !g.delegated || !g.any([]string{"Directory.AccessAsUser.All"}) {
				t.Errorf("grants %+v, %v", g, err)
			}
		})
	}
}

func TestTokenRefusals(t *testing.T) {
	for _, c := range []struct {
		status int
		kind   string
		number int
		want   postern.Code
		field  string
		says   string
	}{
		{401, "invalid_client", 7000215, postern.CodeEntraSecretWrong, "client_secret", "secret is wrong"},
		{401, "invalid_client", 7000222, postern.CodeEntraSecretExpired, "client_secret", "expired"},
		{400, "unauthorized_client", 700016, postern.CodeEntraClientUnknown, "client_id", testClient},
		{400, "invalid_request", 90002, postern.CodeEntraTenantUnknown, "tenant_id", testTenant},
		{400, "invalid_tenant", 90002, postern.CodeEntraTenantUnknown, "tenant_id", testTenant},
		{400, "invalid_request", 900023, postern.CodeEntraTenantUnknown, "tenant_id", testTenant},
		{401, "invalid_client", 7000218, postern.CodeEntraSecretWrong, "client_secret", "public client"},
		{400, "invalid_grant", 50126, postern.CodeEntraPasswordWrong, "service_account_password", "service account"},
		{400, "invalid_grant", 50034, postern.CodeEntraPasswordWrong, "service_account_username", "no service account"},
		{400, "invalid_grant", 50056, postern.CodeEntraPasswordWrong, "service_account_password", "no password"},
		{400, "invalid_grant", 50173, postern.CodeEntraPasswordWrong, "service_account_password", "revoked"},
		{400, "invalid_grant", 50076, postern.CodeEntraMFADemanded, "", "multifactor"},
		{400, "interaction_required", 0, postern.CodeEntraMFADemanded, "", "multifactor"},
		{400, "invalid_grant", 65001, postern.CodeEntraConsentMissing, "", "consent"},
		{400, "invalid_scope", 70011, postern.CodeEntraRefused, "", "Microsoft Graph"},
		{400, "invalid_resource", 500011, postern.CodeEntraRefused, "", "Microsoft Graph"},
		{400, "invalid_instance", 50049, postern.CodeEntraAuthorityRejected, "", "sign-in address"},
		{400, "invalid_grant", 53003, postern.CodeEntraRefused, "", "Conditional Access"},
		{400, "something_new", 123456, postern.CodeEntraRefused, "", "AADSTS123456"},
		{429, "temporarily_unavailable", 0, postern.CodeEntraThrottled, "", "slow down"},
		{503, "temporarily_unavailable", 0, postern.CodeEntraUnavailable, "", "503"},
	} {
		t.Run(fmt.Sprint(c.kind, c.number), func(t *testing.T) {
			f := newFake(t, emptyGroup)
			f.token = func(w http.ResponseWriter, _ url.Values) bool {
				tokenRefuses(w, c.status, c.kind, c.number)
				return true
			}
			tenant, _ := f.open()
			_, err := tenant.GroupByID(ctx, "g")
			e := wantCode(t, err, c.want)
			if e.Field != c.field || !strings.Contains(e.Message, c.says) {
				t.Errorf("field %q, sentence %q; want %q and %q", e.Field, e.Message, c.field, c.says)
			}
			var te *TokenError
			if !errors.As(err, &te) || te.Status != c.status || te.Kind != c.kind {
				t.Errorf("the cause is %+v", te)
			}
			if len(f.seen()) != 0 {
				t.Error("Graph was asked without a token")
			}
			if strings.Contains(err.Error(), testSecret) {
				t.Error("the error holds the secret")
			}
		})
	}
}

func TestUnknownCertificateNamesItsThumbprint(t *testing.T) {
	cert, key := keyPair(t, 2048, nil)
	f := newFake(t, emptyGroup)
	f.token = func(w http.ResponseWriter, _ url.Values) bool {
		tokenRefuses(w, 401, "invalid_client", 700027)
		return true
	}
	tenant, _ := f.open(func(o *Options) {
		o.Credential = Credential{Kind: postern.CredentialCertificate, Certificate: cert, PrivateKey: key}
	})
	_, err := tenant.GroupByID(ctx, "g")
	e := wantCode(t, err, postern.CodeEntraCertUnknown)
	if !strings.Contains(e.Message, tenant.cert.info.Thumbprint) || e.Field != "client_certificate" {
		t.Errorf("%q on %q does not name %s", e.Message, e.Field, tenant.cert.info.Thumbprint)
	}
}

// The libraries put a whole answer into their errors when they cannot read it; ours must not carry a token from there.
func TestBrokenTokenAnswerLeaksNothing(t *testing.T) {
	f := newFake(t, emptyGroup)
	f.token = func(w http.ResponseWriter, _ url.Values) bool {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprint(w, `{"access_token":"eyTheTokenItself","expires_in":"notanumber`)
		return true
	}
	tenant, _ := f.open()
	_, err := tenant.GroupByID(ctx, "g")
	wantCode(t, err, postern.CodeEntraAnswerUnexpected)
	if strings.Contains(fmt.Sprintf("%v %+v", err, err), "eyTheTokenItself") {
		t.Errorf("the error holds the token: %v", err)
	}
}

func TestFaultOfTheTokenEndpointIsRetried(t *testing.T) {
	n := 0
	f := newFake(t, emptyGroup)
	f.token = func(w http.ResponseWriter, _ url.Values) bool {
		if n++; n <= 2 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
		return false
	}
	tenant, clock := f.open()
	if _, err := tenant.GroupByID(ctx, "g"); err != nil {
		t.Fatal(err)
	}
	if len(clock.sleeps()) != 2 {
		t.Errorf("slept %v", clock.sleeps())
	}
}

func TestOpenRefuses(t *testing.T) {
	good := Options{TenantID: testTenant, ClientID: testClient, Credential: Credential{Kind: postern.CredentialSecret, ClientSecret: testSecret}}
	for name, c := range map[string]struct {
		change func(*Options)
		code   postern.Code
	}{
		"http authority":    {func(o *Options) { o.Cloud.Authority = "http://login.example.com" }, postern.CodeEntraAuthorityRejected},
		"authority path":    {func(o *Options) { o.Cloud.Authority = "https://login.example.com/adfs" }, postern.CodeEntraAuthorityRejected},
		"http graph":        {func(o *Options) { o.Cloud.Graph = "http://graph.example.com" }, postern.CodeEntraAuthorityRejected},
		"user in graph":     {func(o *Options) { o.Cloud.Graph = "https://a:b@graph.example.com" }, postern.CodeEntraAuthorityRejected},
		"no tenant":         {func(o *Options) { o.TenantID = "" }, postern.CodeInvalid},
		"shared tenant":     {func(o *Options) { o.TenantID = "common" }, postern.CodeInvalid},
		"path as tenant":    {func(o *Options) { o.TenantID = "a/../b" }, postern.CodeInvalid},
		"query as client":   {func(o *Options) { o.ClientID = "a&b=c" }, postern.CodeInvalid},
		"no secret":         {func(o *Options) { o.Credential.ClientSecret = "" }, postern.CodeInvalid},
		"no kind":           {func(o *Options) { o.Credential = Credential{} }, postern.CodeInvalid},
		"no certificate":    {func(o *Options) { o.Credential = Credential{Kind: postern.CredentialCertificate} }, postern.CodeCertificateInvalid},
		"account, no name":  {func(o *Options) { o.Credential = Credential{Kind: postern.CredentialServiceAccount, Password: "x"} }, postern.CodeInvalid},
		"account, no words": {func(o *Options) { o.Credential = Credential{Kind: postern.CredentialServiceAccount, Username: "x"} }, postern.CodeInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			o := good
			c.change(&o)
			_, err := Open(o)
			wantCode(t, err, c.code)
		})
	}
	if _, err := Open(good); err != nil {
		t.Errorf("the plain options are refused: %v", err)
	}
}

func TestClouds(t *testing.T) {
	for name, graph := range map[string]string{
		"": "https://graph.microsoft.com", "public": "https://graph.microsoft.com", "us-government": "https://graph.microsoft.us",
		"US-Government-DoD": "https://dod-graph.microsoft.us", "china": "https://microsoftgraph.chinacloudapi.cn",
	} {
		c, err := CloudByName(name)
		if err != nil || c.Graph != graph {
			t.Errorf("cloud %q is %v, %v", name, c, err)
		}
	}
	_, err := CloudByName("moon")
	wantCode(t, err, postern.CodeEntraAuthorityRejected)
}

func TestCredentialDoesNotPrintItself(t *testing.T) {
	c := Credential{Kind: postern.CredentialServiceAccount, ClientSecret: "secret-1", PrivateKey: []byte("secret-2"), Password: "secret-3"}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "credential", c, "pointer", &c, "any", any(struct{ C Credential }{c}))
	for _, shown := range []string{fmt.Sprint(c), fmt.Sprintf("%v %+v %#v %s %q", c, c, c, c, c), fmt.Sprintf("%+v", struct{ C *Credential }{&c}.C), log.String()} {
		if strings.Contains(shown, "secret-") {
			t.Errorf("printed as %s", shown)
		}
	}
}

// A permission granted a minute ago is in the next token: Permissions must not look at the old one.
func TestPermissionsUseAFreshToken(t *testing.T) {
	f := newFake(t, emptyGroup)
	f.roles = []string{"UserAuthMethod-Passkey.ReadWrite.All"}
	tenant, _ := f.open(func(o *Options) { o.PermissionSet = postern.PermissionsStandard })
	r, err := tenant.Permissions(ctx)
	if err != nil || r.OK() || len(r.Missing) != 5 {
		t.Fatalf("report %+v, %v", r, err)
	}
	f.mu.Lock()
	f.roles = append(f.roles, "User.Read.All", "RoleManagement.Read.Directory", "Group.ReadWrite.All", "User.RevokeSessions.All")
	f.mu.Unlock()
	if r, err = tenant.Permissions(ctx); err != nil || !r.OK() {
		t.Errorf("report %+v, %v", r, err)
	}
	if _, err := tenant.GroupByID(ctx, "g"); err != nil || f.tokens != 2 {
		t.Errorf("%v; %d tokens, want the second one used on", err, f.tokens)
	}
}

func FuzzTokenError(f *testing.F) {
	f.Add(401, []byte(`{"error":"invalid_client","error_description":"AADSTS7000215: x","error_codes":[7000215]}`))
	f.Add(400, []byte(`{"error_description":"AADSTS50126: x"}`))
	f.Add(400, []byte(`{"error_description":"AADSTS"}`))
	f.Add(500, []byte(`<html>`))
	tenant := &Tenant{opts: Options{TenantID: testTenant, Credential: Credential{ClientSecret: testSecret}, Now: time.Now}}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		e := tenant.tokenRefusal(ctx, &tokenExchange{status: max(status, 300), body: body}, errors.New("x"))
		if e.Code == "" || e.Message == "" || e.Next == "" || len(e.Message) > 4*maxWords+400 {
			t.Errorf("refusal %+v", e)
		}
		if strings.Contains(e.Error(), testSecret) {
			t.Error("the error holds the secret")
		}
	})
}
