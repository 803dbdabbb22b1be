package entrasim

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"sync"
	"time"

	"github.com/postern/postern/entrasim/passkey"
)

// Lives of what the pages hand out.
const (
	flowLife       = 15 * time.Minute
	challengeLife  = 5 * time.Minute
	sessionLife    = 24 * time.Hour
	persistentLife = 90 * 24 * time.Hour
	// freshSignIn is how old a sign-in may be when a passkey is added at Security info (Microsoft Entra documentation).
	freshSignIn = 5 * time.Minute
)

// Cookies of the authority.
const (
	contextCookie    = "esctx" // ties a flow to a browser
	sessionCookie    = "ESTSAUTH"
	persistentCookie = "ESTSAUTHPERSISTENT"
)

// flow is one sign-in or one passkey creation on its way through the pages. The real service carries it sealed inside sCtx
// and sFT; here those name an entry of a table, which also makes each of them good for one flow.
type flow struct {
	ctx       string // sCtx
	token     string // sFT, the flow token
	canary    string
	apiCanary string
	session   string // sessionId of the page
	binding   string // value of the context cookie

	auth    authorizeRequest
	expires time.Time

	tenant    *Tenant // nil under common and organizations until the user is known
	userID    string
	userName  string
	nonce     []byte // of the challenge shown last; an assertion over any other is refused
	challenge string

	// proof is set once the credential was accepted, until the interrupt pages are through.
	proof *SignInProof
	// options are those of a passkey being created at Security info.
	options *passkey.CreationOptions
}

// flows is the table of flows by ctx.
type flows struct {
	mu sync.Mutex
	m  map[string]*flow
}

// start stores a new flow and fills in its tokens.
func (s *Server) startFlow(f *flow) *flow {
	f.ctx, f.token = s.newToken("rQ"), s.newToken("AQ")
	f.canary, f.apiCanary, f.session = s.newToken(""), s.newToken(""), s.newID()
	f.expires = s.now().Add(flowLife)
	s.flows.mu.Lock()
	defer s.flows.mu.Unlock()
	if s.flows.m == nil {
		s.flows.m = make(map[string]*flow)
	}
	bound(s.flows.m, s.now(), func(f *flow) time.Time { return f.expires })
	s.flows.m[f.ctx] = f.copy()
	return f
}

func (f *flow) copy() *flow { c := *f; return &c }

// flow finds a live flow by its ctx and returns a copy; nil if there is none.
func (s *Server) flow(ctx string) *flow {
	s.flows.mu.Lock()
	defer s.flows.mu.Unlock()
	f := s.flows.m[ctx]
	if f == nil || !s.now().Before(f.expires) {
		return nil
	}
	return f.copy()
}

// saveFlow replaces a stored flow by a changed copy; one that ended meanwhile stays ended.
func (s *Server) saveFlow(f *flow) {
	s.flows.mu.Lock()
	defer s.flows.mu.Unlock()
	if s.flows.m[f.ctx] != nil {
		s.flows.m[f.ctx] = f.copy()
	}
}

// endFlow takes a flow out; it reports whether it was still there, so that of two answers only one counts.
func (s *Server) endFlow(ctx string) bool {
	s.flows.mu.Lock()
	defer s.flows.mu.Unlock()
	_, ok := s.flows.m[ctx]
	delete(s.flows.m, ctx)
	return ok
}

// same compares secrets in constant time.
func same(a, b string) bool {
	return a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}

// flowOf finds the flow a form belongs to and checks that canary, flow token and cookie are those it was given.
func (s *Server) flowOf(r *http.Request) *flow {
	f := s.flow(r.PostFormValue("ctx"))
	if f == nil || !same(f.canary, r.PostFormValue("canary")) || !same(f.token, r.PostFormValue("flowToken")) {
		return nil
	}
	if c, err := r.Cookie(contextCookie); err != nil || !same(f.binding, c.Value) {
		return nil
	}
	return f
}

// newChallenge gives the flow a fresh challenge; the one before is void from then on.
func (s *Server) newChallenge(f *flow) error {
	tenantID := ""
	if f.tenant != nil {
		tenantID = f.tenant.ID
	}
	f.nonce = s.random.bytes(16)
	text, err := s.relyingParty().RequestChallenge(tenantID, f.userID, f.nonce, s.now().Add(challengeLife))
	if err != nil {
		return err
	}
	f.challenge = text
	s.saveFlow(f)
	return nil
}

// bindBrowser returns the value of the context cookie and sets it when the browser has none. Forms come back from the
// relying party's origin, another site than the authority's, hence SameSite=None.
func (s *Server) bindBrowser(w http.ResponseWriter, r *http.Request) string {
	if c, err := r.Cookie(contextCookie); err == nil && len(c.Value) >= 16 && len(c.Value) <= 128 {
		return c.Value
	}
	value := s.newToken("")
	http.SetCookie(w, authorityCookie(contextCookie, value, 0))
	return value
}

// authorityCookie makes a cookie of the authority; maxAge in seconds as in http.Cookie.
func authorityCookie(name, value string, maxAge int) *http.Cookie {
	return &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: maxAge, Secure: true, HttpOnly: true, SameSite: http.SameSiteNoneMode}
}

// browser finds the session of the browser, in whatever tenant.
func (s *Server) browser(r *http.Request) (t *Tenant, proof SignInProof, cookie string) {
	for _, name := range []string{sessionCookie, persistentCookie} {
		c, err := r.Cookie(name)
		if err != nil {
			continue
		}
		for _, t := range s.all() {
			if proof, ok := t.browserSession(c.Value); ok {
				return t, proof, c.Value
			}
		}
	}
	return nil, SignInProof{}, ""
}

// signOut ends every session the browser holds.
func (s *Server) signOut(w http.ResponseWriter, r *http.Request) {
	for _, name := range []string{sessionCookie, persistentCookie} {
		if c, err := r.Cookie(name); err == nil {
			for _, t := range s.all() {
				t.endBrowserSession(c.Value)
			}
		}
		http.SetCookie(w, authorityCookie(name, "", -1))
	}
}

// sessionCanary is the anti-forgery value of forms that act on a session.
func sessionCanary(cookie string) string {
	sum := sha256.Sum256([]byte("canary|" + cookie))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
