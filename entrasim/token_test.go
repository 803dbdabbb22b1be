package entrasim

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // x5t is SHA-1 by definition
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// assertion varies a client assertion; the zero value is one MSAL would send.
type assertion struct {
	alg      string // PS256 if empty
	sha1     bool   // x5t instead of x5t#S256
	urlText  bool   // base64url instead of padded base64
	audience string
	expires  time.Duration
	jti      string
}

// assert asks for a token with a signed assertion.
func (s *site) assert(client string, cert *x509.Certificate, key any, a assertion) answer {
	s.t.Helper()
	method := jwt.GetSigningMethod(first(a.alg, "PS256"))
	if a.expires == 0 {
		a.expires = 10 * time.Minute
	}
	now := s.Server.now()
	token := jwt.NewWithClaims(method, jwt.MapClaims{
		"aud": first(a.audience, s.AuthorityURL+s.TenantID+"/oauth2/v2.0/token"), "iss": client, "sub": client,
		"jti": first(a.jti, uuid.NewString()), "nbf": now.Add(-time.Minute).Unix(), "exp": now.Add(a.expires).Unix(),
	})
	encode := base64.StdEncoding.EncodeToString
	if a.urlText {
		encode = base64.RawURLEncoding.EncodeToString
	}
	if a.sha1 {
		sum := sha1.Sum(cert.Raw) //nolint:gosec // see the import
		token.Header["x5t"] = encode(sum[:])
	} else {
		sum := sha256.Sum256(cert.Raw)
		token.Header["x5t#S256"] = encode(sum[:])
	}
	signed, err := token.SignedString(key)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.form(s.TenantID+"/oauth2/v2.0/token", map[string]string{
		"grant_type": "client_credentials", "client_id": client, "scope": "https://graph.microsoft.com/.default openid",
		"client_assertion_type": assertionType, "client_assertion": signed,
	})
}

func first(v, otherwise string) string {
	if v != "" {
		return v
	}
	return otherwise
}

func TestAssertions(t *testing.T) {
	s := newSite(t, Config{Users: -1})
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	cert, text := selfSigned(t, key, key.Public())
	id := s.control("POST", "tenants/first/apps/"+s.ClientID+"/certificates", object{"pem": text}).str("key_id")
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		a    assertion
		key  any
		code string // empty: a token
	}{
		{"PS256, padded base64", assertion{}, key, ""},
		{"PS256, base64url", assertion{urlText: true}, key, ""},
		{"RS256, x5t", assertion{alg: "RS256", sha1: true}, key, ""},
		{"RS256, x5t, base64url", assertion{alg: "RS256", sha1: true, urlText: true}, key, ""},
		{"Microsoft's own audience", assertion{audience: "https://login.microsoftonline.com/" + s.TenantID + "/oauth2/v2.0/token"}, key, ""},
		{"another audience", assertion{audience: "https://elsewhere.example/token"}, key, "AADSTS700023"},
		{"expired", assertion{expires: -time.Second}, key, "AADSTS700024"},
		{"another key", assertion{}, other, "AADSTS700027"},
		{"first use", assertion{jti: "once"}, key, ""},
		{"replay", assertion{jti: "once"}, key, "AADSTS7000214"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := s.assert(s.ClientID, cert, c.key, c.a)
			if c.code == "" {
				if a.status != 200 || a.str("access_token") == "" {
					t.Fatalf("%d %s", a.status, a.raw)
				}
				return
			}
			if a.status != 401 || a.code() != "invalid_client" || !strings.HasPrefix(a.str("error_description"), c.code+": ") {
				t.Fatalf("%d %s", a.status, a.raw)
			}
		})
	}
	s.control("PATCH", "tenants/first/apps/"+s.ClientID+"/credentials/"+id, object{"days": -1})
	if a := s.assert(s.ClientID, cert, key, assertion{}); a.status != 401 || !strings.Contains(a.raw, "The key used is expired") {
		t.Fatalf("expired certificate: %d %s", a.status, a.raw)
	}
	s.control("DELETE", "tenants/first/apps/"+s.ClientID+"/credentials/"+id, nil)
	if a := s.assert(s.ClientID, cert, key, assertion{}); a.status != 401 || !strings.Contains(a.raw, "The key was not found") {
		t.Fatalf("removed certificate: %d %s", a.status, a.raw)
	}
}

// TestTokenErrors walks through the errors of the token endpoint: status, error, number and shape.
func TestTokenErrors(t *testing.T) {
	s := newSite(t, Config{Users: 10})
	expired := s.control("POST", "tenants/first/apps/"+s.ClientID+"/secrets", object{"days": -1}).str("value")
	s.control("PATCH", "tenants/first/users/"+s.Users[1].ID, object{"no_password": true})
	s.control("PATCH", "tenants/first/users/"+s.Users[2].ID, object{"enabled": false})
	s.control("PATCH", "tenants/first/users/"+s.Users[3].ID, object{"mfa_required": true})
	secret := func(id, value, scope string) map[string]string {
		return map[string]string{"grant_type": "client_credentials", "client_id": id, "client_secret": value, "scope": scope}
	}
	password := func(u UserInfo, pass, scope string) map[string]string {
		return map[string]string{"grant_type": "password", "client_id": s.SignInClientID, "username": u.UPN, "password": pass, "scope": scope}
	}
	const all = "https://graph.microsoft.com/.default"
	for _, c := range []struct {
		name   string
		tenant string
		form   map[string]string
		status int
		err    string
		number float64
		sub    string
	}{
		{"wrong secret", s.TenantID, secret(s.ClientID, "wrong", all), 401, "invalid_client", 7000215, ""},
		{"expired secret", s.TenantID, secret(s.ClientID, expired, all), 401, "invalid_client", 7000222, ""},
		{"unknown application", s.TenantID, secret(uuid.NewString(), "x", all), 400, "unauthorized_client", 700016, ""},
		{"unknown tenant", uuid.NewString(), secret(s.ClientID, s.ClientSecret, all), 400, "invalid_request", 90002, ""},
		{"malformed tenant", "nowhere", secret(s.ClientID, s.ClientSecret, all), 400, "invalid_request", 900023, ""},
		{"common tenant", "common", secret(s.ClientID, s.ClientSecret, all), 400, "invalid_request", 50059, ""},
		{"no credential", s.TenantID, map[string]string{"grant_type": "client_credentials", "client_id": s.ClientID, "scope": all}, 401, "invalid_client", 7000218, ""},
		{"scope without .default", s.TenantID, secret(s.ClientID, s.ClientSecret, "https://graph.microsoft.com/User.Read.All"), 400, "invalid_scope", 70011, ""},
		{"unknown resource", s.TenantID, secret(s.ClientID, s.ClientSecret, "https://vault.example/.default"), 400, "invalid_resource", 500011, ""},
		{"unknown grant", s.TenantID, map[string]string{"grant_type": "magic"}, 400, "unsupported_grant_type", 70003, ""},
		{"wrong password", s.TenantID, password(s.Users[0], "wrong", "User.Read"), 400, "invalid_grant", 50126, ""},
		{"unknown user", s.TenantID, password(UserInfo{UPN: "nobody@" + s.Domain}, "x", "User.Read"), 400, "invalid_grant", 50034, ""},
		{"no password", s.TenantID, password(s.Users[1], s.Users[1].Password, "User.Read"), 400, "invalid_grant", 50056, ""},
		{"disabled user", s.TenantID, password(s.Users[2], s.Users[2].Password, "User.Read"), 400, "invalid_grant", 50057, ""},
		{"MFA required", s.TenantID, password(s.Users[3], s.Users[3].Password, "User.Read"), 400, "invalid_grant", 50076, "basic_action"},
		{"no consent", s.TenantID, password(s.Users[0], s.Users[0].Password, "Group.Read.All"), 400, "invalid_grant", 65001, "consent_required"},
		{"no such scope", s.TenantID, password(s.Users[0], s.Users[0].Password, "Chocolate.Read"), 400, "invalid_scope", 70011, ""},
		{"unknown device code", s.TenantID, map[string]string{"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "client_id": s.SignInClientID, "device_code": "x"}, 400, "bad_verification_code", 70019, ""},
		{"unknown refresh token", s.TenantID, map[string]string{"grant_type": "refresh_token", "client_id": s.SignInClientID, "refresh_token": "x"}, 400, "invalid_grant", 9002313, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := s.form(c.tenant+"/oauth2/v2.0/token", c.form)
			codes, _ := a.body["error_codes"].([]any)
			if a.status != c.status || a.code() != c.err || len(codes) != 1 || codes[0] != c.number || a.str("suberror") != c.sub {
				t.Fatalf("%d %s", a.status, a.raw)
			}
			for _, part := range []string{"Trace ID: " + a.str("trace_id"), "Correlation ID: " + a.str("correlation_id"), "Timestamp: " + a.str("timestamp")} {
				if !strings.Contains(a.str("error_description"), part) {
					t.Errorf("%q is not in the description %q", part, a.str("error_description"))
				}
			}
		})
	}
	if a := s.call("", "GET", "/"+uuid.NewString()+"/v2.0/.well-known/openid-configuration", nil); a.status != 400 || a.code() != "invalid_tenant" {
		t.Errorf("discovery of an unknown tenant: %d %s", a.status, a.raw)
	}
}

func TestDiscovery(t *testing.T) {
	s := newSite(t, Config{Users: -1})
	for name, want := range map[string]string{s.TenantID: s.TenantID, s.Domain: s.TenantID, "common": "{tenantid}", "organizations": "{tenantid}"} {
		a := s.call("", "GET", "/"+name+"/v2.0/.well-known/openid-configuration?", nil)
		if got := a.str("issuer"); a.status != 200 || got != s.AuthorityURL+want+"/v2.0" {
			t.Errorf("%s: issuer %q", name, got)
		}
		keys := s.call("", "GET", a.str("jwks_uri"), nil)
		if list, _ := keys.body["keys"].([]any); len(list) != 1 {
			t.Errorf("%s: keys %s", name, keys.raw)
		}
	}
	for host, status := range map[string]int{strings.TrimPrefix(s.GraphURL, "https://"): 200, "login.microsoftonline.com": 200, "evil.example": 400} {
		a := s.call("", "GET", "/common/discovery/instance?api-version=1.1&authorization_endpoint=https://"+host+"/"+s.TenantID+"/oauth2/v2.0/authorize", nil)
		if a.status != status || status == 400 && a.code() != "invalid_instance" {
			t.Errorf("%s: %d %s", host, a.status, a.raw)
		}
	}
}

// TestAccessTokenClaims reads what an application's token says.
func TestAccessTokenClaims(t *testing.T) {
	s := newSite(t, Config{Users: -1})
	claims := decodeClaims(t, s.appToken(s.standard()))
	for k, want := range map[string]any{"aud": graphResource, "tid": s.TenantID, "appid": s.ClientID, "idtyp": "app", "ver": "1.0", "iss": "https://sts.windows.net/" + s.TenantID + "/"} {
		if claims[k] != want {
			t.Errorf("%s is %v, want %v", k, claims[k], want)
		}
	}
	if roles, _ := claims["roles"].([]any); len(roles) != len(standardRoles) {
		t.Errorf("roles are %v", claims["roles"])
	}
	if _, ok := claims["scp"]; ok {
		t.Error("an application's token has no scp")
	}
}

func decodeClaims(t testing.TB, token string) (claims object) {
	t.Helper()
	parts := strings.Split(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(raw, &claims)
	}
	if err != nil {
		t.Fatal(err)
	}
	return claims
}

// TestPermissionsCountFromNextToken grants and revokes a permission and sees it in new tokens only.
func TestPermissionsCountFromNextToken(t *testing.T) {
	s := newSite(t, Config{Users: -1})
	old := s.appToken(s.Minimal)
	if a := s.call(old, "GET", "/v1.0/organization", nil); a.status != 403 || a.code() != "Authorization_RequestDenied" ||
		!strings.Contains(a.raw, "Insufficient privileges to complete the operation.") {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	s.control("PATCH", "tenants/first/apps/"+s.Minimal.ClientID, object{"grant": []string{"Organization.Read.All"}})
	if a := s.call(old, "GET", "/v1.0/organization", nil); a.status != 403 {
		t.Fatalf("the old token knows of the grant: %d", a.status)
	}
	delete(s.tokens, s.Minimal.ClientID)
	if a := s.call(s.appToken(s.Minimal), "GET", "/v1.0/organization", nil); a.status != 200 {
		t.Fatalf("the new token does not: %d %s", a.status, a.raw)
	}
}

func TestTokenProblems(t *testing.T) {
	s := newSite(t, Config{Users: -1})
	token := s.appToken(s.standard())
	check := func(name, token, message string) {
		t.Helper()
		a := s.call(token, "GET", "/v1.0/organization", nil)
		if a.status != 401 || a.code() != "InvalidAuthenticationToken" || !strings.Contains(a.raw, message) || !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer ") {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
	}
	check("no token", "", "Access token is empty.")
	check("garbage", "garbage", "CompactToken parsing failed")
	check("signature", token[:len(token)-8]+"AAAAAAAA", "signature")
	s.Server.MoveClock(2 * time.Hour)
	check("expired", token, "the token is expired")
}

// TestRefreshAfterRevocation holds that revokeSignInSessions voids refresh tokens and nothing issued later.
func TestRefreshAfterRevocation(t *testing.T) {
	s := newSite(t, Config{Users: 10})
	path, u := s.TenantID+"/oauth2/v2.0/token", s.Users[0]
	signIn := map[string]string{"grant_type": "password", "client_id": s.SignInClientID, "username": u.UPN, "password": u.Password, "scope": "openid offline_access User.Read", "client_info": "1"}
	a := s.form(path, signIn)
	if a.status != http.StatusOK || a.str("id_token") == "" || a.str("client_info") == "" {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	refresh := map[string]string{"grant_type": "refresh_token", "client_id": s.SignInClientID, "refresh_token": a.str("refresh_token"), "scope": "User.Read offline_access"}
	if b := s.form(path, refresh); b.status != http.StatusOK || b.str("refresh_token") == "" {
		t.Fatalf("%d %s", b.status, b.raw)
	}
	if b := s.graph("POST", "/v1.0/users/"+u.ID+"/revokeSignInSessions", nil); b.status != 200 || b.body["value"] != true {
		t.Fatalf("%d %s", b.status, b.raw)
	}
	b := s.form(path, refresh)
	if codes, _ := b.body["error_codes"].([]any); b.status != 400 || b.code() != "invalid_grant" || len(codes) != 1 || codes[0] != 50173.0 {
		t.Fatalf("%d %s", b.status, b.raw)
	}
	again := s.form(path, signIn)
	refresh["refresh_token"] = again.str("refresh_token")
	if b := s.form(path, refresh); b.status != 200 {
		t.Fatalf("after a fresh sign-in: %d %s", b.status, b.raw)
	}
}
