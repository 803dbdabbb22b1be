package entra

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/postern/postern"
)

const signInTenant, signInClient = "11111111-2222-4333-8444-555555555555", "99999999-2222-4333-8444-555555555555"

// provider is an OpenID provider that gives out the ID token a test wants.
type provider struct {
	*httptest.Server
	key   *rsa.PrivateKey
	token string
	form  url.Values // of the last exchange
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	p := &provider{}
	var err error
	if p.key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /"+signInTenant+"/v2.0/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]any{
			"issuer": p.issuer(), "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
			"id_token_signing_alg_values_supported": []string{"RS256"},
		})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]any{"keys": []map[string]string{{
			"kty": "RSA", "kid": "k", "use": "sig", "alg": "RS256", "n": base64.RawURLEncoding.EncodeToString(p.key.N.Bytes()),
			"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(p.key.E)).Bytes()),
		}}})
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		p.form = r.PostForm
		writeJSON(w, http.StatusOK, map[string]any{"token_type": "Bearer", "access_token": "opaque", "expires_in": 3600, "id_token": p.token})
	})
	p.Server = httptest.NewTLSServer(mux)
	t.Cleanup(p.Close)
	return p
}

func (p *provider) issuer() string { return p.URL + "/" + signInTenant + "/v2.0" }

func (p *provider) open(t *testing.T, c Credential) *Tenant {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AddCert(p.Certificate())
	tenant, err := Open(Options{Cloud: Cloud{Authority: p.URL, Graph: p.URL, CAs: pool}, TenantID: signInTenant, ClientID: signInClient, Credential: c})
	if err != nil {
		t.Fatal(err)
	}
	return tenant
}

// TestRedeemSignIn: only a token that says everything that is asked for proves anything.
func TestRedeemSignIn(t *testing.T) {
	p := newProvider(t)
	tenant := p.open(t, Credential{Kind: postern.CredentialSecret, ClientSecret: "s3cret-of-the-application"})
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for name, try := range map[string]struct {
		change func(jwt.MapClaims)
		key    any
		method jwt.SigningMethod
		ok     bool
	}{
		"right":                {ok: true},
		"without auth_time":    {change: func(c jwt.MapClaims) { delete(c, "auth_time") }, ok: true},
		"another key":          {key: other},
		"no signature":         {key: jwt.UnsafeAllowNoneSignatureType, method: jwt.SigningMethodNone},
		"a secret as key":      {key: []byte("s3cret-of-the-application"), method: jwt.SigningMethodHS256},
		"another nonce":        {change: func(c jwt.MapClaims) { c["nonce"] = "other" }},
		"no nonce":             {change: func(c jwt.MapClaims) { delete(c, "nonce") }},
		"another audience":     {change: func(c jwt.MapClaims) { c["aud"] = "other" }},
		"another issuer":       {change: func(c jwt.MapClaims) { c["iss"] = "https://login.example.com/v2.0" }},
		"another tenant":       {change: func(c jwt.MapClaims) { c["tid"] = "22222222-2222-4333-8444-555555555555" }},
		"no tenant":            {change: func(c jwt.MapClaims) { delete(c, "tid") }},
		"nobody":               {change: func(c jwt.MapClaims) { delete(c, "oid") }},
		"expired":              {change: func(c jwt.MapClaims) { c["exp"] = now.Add(-time.Hour).Unix() }},
		"credentials long ago": {change: func(c jwt.MapClaims) { c["auth_time"] = now.Add(-time.Hour).Unix() }},
		"credentials to come":  {change: func(c jwt.MapClaims) { c["auth_time"] = now.Add(time.Hour).Unix() }},
	} {
		c := jwt.MapClaims{
			"iss": p.issuer(), "aud": signInClient, "sub": "x", "exp": now.Add(time.Hour).Unix(), "iat": now.Unix(), "nonce": "n-1",
			"tid": signInTenant, "oid": "0aaaaaaa-2222-4333-8444-555555555555", "preferred_username": "elena@contoso.example", "auth_time": now.Unix(),
		}
		if try.change != nil {
			try.change(c)
		}
		if try.key == nil {
			try.key = p.key
		}
		if try.method == nil {
			try.method = jwt.SigningMethodRS256
		}
		token := jwt.NewWithClaims(try.method, c)
		token.Header["kid"] = "k"
		if p.token, err = token.SignedString(try.key); err != nil {
			t.Fatal(err)
		}
		who, err := tenant.RedeemSignIn(t.Context(), SignInRequest{RedirectURI: "https://postern.example.com/proof/callback", Nonce: "n-1", Verifier: "v"}, "code")
		switch {
		case try.ok && (err != nil || who.ObjectID != c["oid"]):
			t.Errorf("%s: %+v, %v", name, who, err)
		case !try.ok && !postern.IsCode(err, postern.CodeSignInRefused):
			t.Errorf("%s: %+v, %v", name, who, err)
		}
		if p.form.Get("code_verifier") != "v" || p.form.Get("code") != "code" || p.form.Get("client_secret") == "" {
			t.Errorf("%s: the exchange was %v", name, p.form)
		}
	}
}

// TestRedeemSignInByCertificate: the application proves itself by a signature, and sends no secret.
func TestRedeemSignInByCertificate(t *testing.T) {
	p := newProvider(t)
	cert, key := keyPair(t, 2048, nil)
	tenant := p.open(t, Credential{Kind: postern.CredentialCertificate, Certificate: cert, PrivateKey: key})
	p.token = "not a token"
	_, err := tenant.RedeemSignIn(t.Context(), SignInRequest{RedirectURI: "https://postern.example.com/proof/callback", Nonce: "n-1", Verifier: "v"}, "code")
	if !postern.IsCode(err, postern.CodeSignInRefused) {
		t.Errorf("taken: %v", err)
	}
	claims := jwt.RegisteredClaims{}
	_, err = jwt.ParseWithClaims(p.form.Get("client_assertion"), &claims, func(*jwt.Token) (any, error) { return &tenant.cert.key.PublicKey, nil },
		jwt.WithValidMethods([]string{"PS256"}), jwt.WithAudience(p.URL+"/token"), jwt.WithIssuer(signInClient), jwt.WithSubject(signInClient))
	if err != nil || p.form.Get("client_secret") != "" || claims.ID == "" {
		t.Errorf("the exchange was %v: %v", p.form, err)
	}
}
