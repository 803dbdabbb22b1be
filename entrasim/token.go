package entrasim

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Well-known identifiers.
const (
	graphAppID    = "00000003-0000-0000-c000-000000000000"
	graphResource = "https://graph.microsoft.com"
)

// key is the RSA key that signs every token of this process, unless one came with the stored state.
func (s *Server) key() *rsa.PrivateKey {
	s.keyOnce.Do(func() {
		if s.signingKey == nil {
			k, err := rsa.GenerateKey(rand.Reader, 2048)
			if err != nil {
				panic(err) // crypto/rand does not fail
			}
			s.signingKey = k
		}
	})
	return s.signingKey
}

// keyID names the key in JWKS and token headers.
func keyID(k *rsa.PublicKey) string {
	sum := sha256.Sum256(k.N.Bytes())
	return base64.RawURLEncoding.EncodeToString(sum[:20])
}

// jwk is the public key as RFC 7517 writes it.
func jwk(k *rsa.PublicKey, issuer string) object {
	return object{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": keyID(k), "x5t": keyID(k), "issuer": issuer,
		"n": base64.RawURLEncoding.EncodeToString(k.N.Bytes()),
		"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(k.E)).Bytes()),
	}
}

func (s *Server) sign(claims jwt.MapClaims) (string, error) {
	k := s.key()
	t := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	t.Header["kid"] = keyID(&k.PublicKey)
	t.Header["x5t"] = keyID(&k.PublicKey)
	return t.SignedString(k)
}

// grant is what a token is made from.
type grant struct {
	app    Application // copied from the state
	proof  *SignInProof
	user   *User    // nil for the application alone
	scopes []string // delegated
	// audience of the access token; Graph if empty.
	audience string
}

// lifetime of access tokens.
func (s *Server) lifetime() time.Duration {
	if d := time.Duration(s.Levers().TokenLifetime); d > 0 {
		return d
	}
	return 3599 * time.Second
}

// accessToken makes an access token for Graph with the claims Entra gives it (Microsoft identity platform documentation,
// "access token claims reference", version 1.0).
func (s *Server) accessToken(t *Tenant, g grant) (string, error) {
	now := s.now()
	if g.audience == "" {
		g.audience = graphResource
	}
	claims := jwt.MapClaims{
		"aud": g.audience, "iss": "https://sts.windows.net/" + t.ID + "/", "tid": t.ID,
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(s.lifetime()).Unix(),
		"appid": g.app.AppID, "app_displayname": g.app.DisplayName,
		"uti": base64.RawURLEncoding.EncodeToString(s.random.bytes(16)), "ver": "1.0",
		"appidacr": "1", "tenant_region_scope": t.Region,
	}
	if g.user == nil {
		claims["idtyp"] = "app"
		claims["idp"] = claims["iss"]
		claims["oid"], claims["sub"] = g.app.ServicePrincipalID, g.app.ServicePrincipalID
		claims["roles"] = slices.Clone(g.app.Roles)
		return s.sign(claims)
	}
	if g.app.PublicClient {
		claims["appidacr"] = "0"
	}
	claims["idtyp"] = "user"
	claims["oid"], claims["sub"] = g.user.ID, pairwise(g.user.ID, graphAppID)
	claims["upn"], claims["unique_name"], claims["name"] = g.user.UPN, g.user.UPN, g.user.DisplayName
	claims["given_name"], claims["family_name"] = g.user.GivenName, g.user.Surname
	claims["scp"] = strings.Join(g.scopes, " ")
	claims["amr"], claims["auth_time"] = g.proof.AMR, g.proof.AuthTime.Unix()
	claims["wids"] = slices.Clone(g.user.Roles)
	if g.proof.DeviceID != "" {
		claims["deviceid"] = g.proof.DeviceID
	}
	return s.sign(claims)
}

// idToken makes an ID token (OpenID Connect Core §2) for the application.
func (s *Server) idToken(t *Tenant, g grant, issuer, nonce string) (string, error) {
	now := s.now()
	claims := jwt.MapClaims{
		"aud": g.app.AppID, "iss": issuer, "tid": t.ID, "ver": "2.0",
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(s.lifetime()).Unix(), "auth_time": g.proof.AuthTime.Unix(),
		"oid": g.user.ID, "sub": pairwise(g.user.ID, g.app.AppID), "amr": g.proof.AMR,
		"preferred_username": g.user.UPN, "name": g.user.DisplayName,
		"uti": base64.RawURLEncoding.EncodeToString(s.random.bytes(16)),
	}
	if g.user.Mail != "" {
		claims["email"] = g.user.Mail
	}
	if nonce != "" {
		claims["nonce"] = nonce
	}
	return s.sign(claims)
}

// pairwise is the subject one application sees of a user.
func pairwise(user, app string) string {
	sum := sha256.Sum256([]byte(user + "|" + app))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// principal is who a verified access token speaks for.
type principal struct {
	AppID              string
	AppName            string
	ServicePrincipalID string
	Roles              []string
	UserID             string // empty: the application alone
	UPN, UserName      string
	Scopes             []string
	AMR                []string
	AuthTime           time.Time
}

// accessClaims are the claims Graph reads back.
type accessClaims struct {
	jwt.RegisteredClaims
	TID      string   `json:"tid"`
	AppID    string   `json:"appid"`
	AppName  string   `json:"app_displayname"`
	IDType   string   `json:"idtyp"`
	OID      string   `json:"oid"`
	UPN      string   `json:"upn"`
	Name     string   `json:"name"`
	Roles    []string `json:"roles"`
	SCP      string   `json:"scp"`
	AMR      []string `json:"amr"`
	AuthTime int64    `json:"auth_time"`
}

// authenticate verifies the access token of a Graph call. problem is the message of the 401, empty if there is none.
func (s *Server) authenticate(r *http.Request) (who principal, t *Tenant, problem string) {
	return s.bearer(r, graphResource, graphAppID)
}

// bearer verifies an access token for one of the audiences.
func (s *Server) bearer(r *http.Request, audiences ...string) (who principal, t *Tenant, problem string) {
	scheme, raw, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") || strings.TrimSpace(raw) == "" {
		return who, nil, "Access token is empty."
	}
	var c accessClaims
	_, err := jwt.ParseWithClaims(strings.TrimSpace(raw), &c, func(*jwt.Token) (any, error) { return &s.key().PublicKey, nil },
		jwt.WithValidMethods([]string{"RS256"}), jwt.WithTimeFunc(s.now), jwt.WithExpirationRequired())
	switch {
	case errors.Is(err, jwt.ErrTokenMalformed):
		return who, nil, "CompactToken parsing failed with error code: 80049217"
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return who, nil, "Access token validation failure. Invalid signature."
	case errors.Is(err, jwt.ErrTokenExpired):
		return who, nil, "Lifetime validation failed, the token is expired."
	case err != nil:
		return who, nil, "Access token validation failure."
	case !slices.ContainsFunc(audiences, func(a string) bool { return slices.Contains(c.Audience, a) }):
		return who, nil, "Access token validation failure. Invalid audience."
	}
	if t = s.tenant(c.TID); t == nil {
		return who, nil, "Access token validation failure. The tenant is not known."
	}
	who = principal{AppID: c.AppID, AppName: c.AppName, ServicePrincipalID: c.OID, Roles: c.Roles}
	if c.IDType == "app" {
		return who, t, ""
	}
	who.UserID, who.UPN, who.UserName, who.AMR, who.AuthTime = c.OID, c.UPN, c.Name, c.AMR, time.Unix(c.AuthTime, 0)
	who.Scopes = strings.Fields(c.SCP)
	who.Roles = nil
	t.view(func() {
		switch u := t.user(who.UserID); {
		case u == nil:
			problem = "The identity of the calling application could not be established."
		case u.Disabled:
			problem = "The user account is disabled."
		}
		if a := t.app(who.AppID); a != nil {
			who.ServicePrincipalID = a.ServicePrincipalID
		}
	})
	return who, t, problem
}
