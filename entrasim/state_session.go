package entrasim

import (
	"crypto/sha256"
	"encoding/base64"
	"time"
)

// SessionStore holds everything that ties a person or a program to a sign-in. All of it expires, and each map is
// bounded: when one is full, expired entries go first and then the oldest.
type SessionStore struct {
	// Browser sessions by the value of their cookie.
	Browser map[string]*BrowserSession `json:",omitempty"`
	// Codes by their value; one use (RFC 6749 §4.1.2).
	Codes map[string]*AuthCode `json:",omitempty"`
	// Refresh tokens by the SHA-256 of their value, base64url.
	Refresh map[string]*RefreshToken `json:",omitempty"`
	// Device codes by their value (RFC 8628).
	Devices map[string]*DeviceCode `json:",omitempty"`
	// Primary refresh tokens of Windows computers, as Refresh.
	Primary map[string]*PrimaryToken `json:",omitempty"`
	// Assertions seen, by client id and jti, until they expire (replay).
	Assertions map[string]time.Time `json:",omitempty"`
}

// maxSessions bounds each map of the SessionStore.
const maxSessions = 20000

// Authentication methods references as Entra writes them into the amr claim.
const (
	amrPassword = "pwd"
	amrFIDO     = "fido"
	amrMFA      = "mfa"
)

// SignInProof says who signed in, when and how. It travels from the browser session through code and refresh token
// into the claims of every token.
type SignInProof struct {
	UserID   string
	AuthTime time.Time
	AMR      []string // amrPassword, amrFIDO, amrMFA …
	// Modes are the authentication method modes that were used, as authentication strengths name them; AAGUID is the model of
	// the passkey, if it was one. Conditional Access asks for both whenever the sign-in is used again.
	Modes  []string `json:",omitempty"`
	AAGUID string   `json:",omitempty"`
	// DeviceID is the device the sign-in came from, if it proved to be one.
	DeviceID string `json:",omitempty"`
}

// BrowserSession is a signed-in browser.
type BrowserSession struct {
	SignInProof
	Expires time.Time
}

// AuthCode is an authorization code. The sign-in pages mint it with newAuthCode, the token endpoint redeems it once.
type AuthCode struct {
	SignInProof
	ClientID            string
	RedirectURI         string
	Scope               string // as requested, space separated
	Nonce               string // OIDC
	CodeChallenge       string // RFC 7636
	CodeChallengeMethod string // "S256" or "plain"; empty without PKCE
	Expires             time.Time
	Used                bool
}

// RefreshToken is the grant behind a refresh token.
type RefreshToken struct {
	SignInProof
	ClientID string
	Scope    string
	Issued   time.Time
	Expires  time.Time
}

// DeviceCode is a device authorization (RFC 8628) on its way.
type DeviceCode struct {
	ClientID  string
	UserCode  string
	Scope     string
	AnyTenant bool `json:",omitempty"` // asked for without naming a tenant: the user decides
	Expires   time.Time
	NextPoll  time.Time
	Declined  bool
	Proof     *SignInProof // set when approved
}

// newAuthCode stores an authorization code for ten minutes and returns its value. The caller holds no lock.
func (t *Tenant) newAuthCode(c AuthCode) string {
	value := t.srv.newToken("0.A")
	c.Expires = t.now().Add(10 * time.Minute)
	t.update(func() {
		if t.Sessions.Codes == nil {
			t.Sessions.Codes = make(map[string]*AuthCode)
		}
		bound(t.Sessions.Codes, t.now(), func(c *AuthCode) time.Time { return c.Expires })
		t.Sessions.Codes[value] = &c
	})
	return value
}

// newBrowserSession stores a browser session and returns the value for its cookie. The caller holds no lock.
func (t *Tenant) newBrowserSession(p SignInProof, life time.Duration) string {
	value := t.srv.newToken("1.A")
	t.update(func() {
		if t.Sessions.Browser == nil {
			t.Sessions.Browser = make(map[string]*BrowserSession)
		}
		bound(t.Sessions.Browser, t.now(), func(b *BrowserSession) time.Time { return b.Expires })
		t.Sessions.Browser[value] = &BrowserSession{SignInProof: p, Expires: t.now().Add(life)}
	})
	return value
}

// browserSession finds the live session of a cookie: not expired, user still there and enabled, not revoked since.
// The caller holds no lock.
func (t *Tenant) browserSession(cookie string) (p SignInProof, ok bool) {
	now := t.now()
	t.view(func() {
		b := t.Sessions.Browser[cookie]
		if b == nil || !now.Before(b.Expires) {
			return
		}
		u := t.user(b.UserID)
		if u == nil || u.Disabled || b.AuthTime.Before(u.SessionsValidFrom) {
			return
		}
		p, ok = b.SignInProof, true
	})
	return p, ok
}

// endBrowserSession forgets a session. The caller holds no lock.
func (t *Tenant) endBrowserSession(cookie string) {
	t.update(func() { delete(t.Sessions.Browser, cookie) })
}

// hashToken is the key under which a refresh token is stored.
func hashToken(value string) string {
	sum := sha256.Sum256([]byte(value))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// bound makes room in a map of expiring entries: it drops the expired ones, and if that is not enough the one that
// expires first. The caller holds the lock for writing.
func bound[T any](m map[string]*T, now time.Time, expires func(*T) time.Time) {
	if len(m) < maxSessions {
		return
	}
	var first string
	var at time.Time
	for k, v := range m {
		e := expires(v)
		if !now.Before(e) {
			delete(m, k)
			continue
		}
		if first == "" || e.Before(at) {
			first, at = k, e
		}
	}
	if len(m) >= maxSessions {
		delete(m, first)
	}
}
