package page

import (
	"crypto/rand"
	"crypto/subtle"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/postern/postern"
)

// policy is the content security policy: files of the page's own and nothing else; scripts cannot make markup of text.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; " +
	"form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

const (
	cookieName  = "postern_agent"
	ticketLife  = time.Minute
	sessionLife = 12 * time.Hour
	// maxSessions bounds tickets and sessions; the oldest goes first.
	maxSessions = 32
)

// guarded is what every request goes through.
func (s *Server) guarded(next http.Handler) http.Handler {
	sameOrigin := http.NewCrossOriginProtection()
	sameOrigin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		problem(w, postern.Errorf(postern.CodeCrossOrigin, "").WithNext("Open the page with postern-agent open."))
	}))
	next = sameOrigin.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=(), hid=()")
		h.Set("Cache-Control", "no-store")
		if r.Host != s.listener.Addr().String() {
			// A name that somebody made point to this machine (DNS rebinding), or a typing error.
			w.WriteHeader(http.StatusMisdirectedRequest)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

// known lets in who has the token or a session. A browser that sends the cookie for another page of this machine, which
// counts as the same site whatever its port, is not let in.
func (s *Server) known(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && subtle.ConstantTimeCompare([]byte(token), []byte(s.token)) == 1 {
			next.ServeHTTP(w, r)
			return
		}
		site := r.Header.Get("Sec-Fetch-Site")
		cookie, err := r.Cookie(cookieName)
		if err != nil || site != "" && site != "same-origin" || !s.sessions.valid(cookie.Value) {
			problem(w, postern.Errorf(postern.CodeUnauthenticated, "This page was opened without a ticket, or its session is over.").
				WithNext("Open it with postern-agent open."))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// exchange gives a browser its session.
func (s *Server) exchange(w http.ResponseWriter, r *http.Request) {
	in, err := body[struct {
		Ticket string `json:"ticket"`
	}](r)
	if err != nil {
		s.refuse(w, err)
		return
	}
	session, ok := s.sessions.exchange(in.Ticket)
	if !ok {
		s.refuse(w, postern.Errorf(postern.CodeUnauthenticated, "The address of this page was used already, or is too old.").
			WithNext("Open the page anew with postern-agent open."))
		return
	}
	http.SetCookie(w, &http.Cookie{ // #nosec G124 -- not Secure: it goes to this machine alone, over plain HTTP
		Name: cookieName, Value: session, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, MaxAge: int(sessionLife / time.Second),
	})
	w.WriteHeader(http.StatusNoContent)
}

// sessions are the tickets and sessions of browsers.
type sessions struct {
	now func() time.Time

	mu      sync.Mutex
	tickets []pass
	browser []pass
}

type pass struct {
	secret string
	ends   time.Time
	given  string // of a ticket that was used: the session it gave
}

func (s *sessions) ticket() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.add(&s.tickets, ticketLife)
}

func (s *sessions) add(list *[]pass, life time.Duration) string {
	p := pass{secret: rand.Text() + rand.Text(), ends: s.now().Add(life)}
	*list = append(*list, p)
	if len(*list) > maxSessions {
		*list = (*list)[1:]
	}
	return p.secret
}

// find looks a secret up; every one is compared, so that the time does not tell which was near.
func (s *sessions) find(list []pass, secret string) (at int) {
	at = -1
	for i, p := range list {
		if subtle.ConstantTimeCompare([]byte(p.secret), []byte(secret)) == 1 && s.now().Before(p.ends) {
			at = i
		}
	}
	return at
}

func (s *sessions) valid(session string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.find(s.browser, session) >= 0
}

// exchange gives the session of a ticket. The address with the ticket stands in the arguments of the program that opens the
// browser, where other accounts of the machine may read it, so somebody may be faster. A ticket that comes twice therefore
// ends the session that it gave: whoever was meant to have it sees that it does not work, and opens the page anew.
func (s *sessions) exchange(ticket string) (session string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.find(s.tickets, ticket)
	if at < 0 {
		return "", false
	}
	if given := s.tickets[at].given; given != "" {
		s.browser = slices.DeleteFunc(s.browser, func(p pass) bool { return p.secret == given })
		return "", false
	}
	session = s.add(&s.browser, sessionLife)
	s.tickets[at].given = session
	return session, true
}
