package auth

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

// How long sessions live. Both are checked here with the service's clock; the store's expiry only cleans up.
const (
	SessionIdle     = 30 * time.Minute // since the last request
	SessionLifetime = 12 * time.Hour   // since the sign-in
)

// seenEvery is how often the last request is noted: once a minute keeps reading pages from writing to the database.
const seenEvery = time.Minute

// What a session holds.
const (
	keyAdministrator = "administrator"
	keySignedIn      = "signed_in" // Unix seconds
	keySeen          = "seen"      // Unix seconds
	keyCeremony      = "ceremony"  // see ceremony.go
)

// newSessions sets the session cookie up. SameSite is Lax, not Strict: a link to the console in a mail or a ticket
// must find the administrator signed in. Requests that change something from another site are refused by their
// Sec-Fetch-Site and Origin headers anyway. The cookie has no expiry of its own, so it goes with the browser session.
func (s *Service) newSessions(https bool) *scs.SessionManager {
	m := scs.New()
	m.Store = s.store
	m.Lifetime = SessionLifetime
	m.HashTokenInStore = true
	m.Cookie.Name = "postern"
	m.Cookie.Persist = false
	m.Cookie.HttpOnly = true
	m.Cookie.SameSite = http.SameSiteLaxMode
	if https {
		// The prefix makes browsers insist on Secure, Path=/ and no Domain, so no neighbouring host can plant one.
		m.Cookie.Name = "__Host-postern"
		m.Cookie.Secure = true
	}
	m.ErrorFunc = func(w http.ResponseWriter, r *http.Request, err error) {
		s.log.ErrorContext(r.Context(), "sessions cannot be read or written", "error", err)
		http.Error(w, "Postern cannot reach its sessions at the moment. Try again shortly.", http.StatusServiceUnavailable)
	}
	return m
}

type sessionKey struct{}

// Sessions gives every request its session. A request with an Authorization header gets none: it is judged by that
// header alone.
func (s *Service) Sessions(next http.Handler) http.Handler {
	marked := s.sessions.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), sessionKey{}, true)))
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			next.ServeHTTP(w, r)
			return
		}
		marked.ServeHTTP(w, r)
	})
}

func hasSession(ctx context.Context) bool { return ctx.Value(sessionKey{}) != nil }

var errNoSession = errors.New("auth: the request did not pass Sessions")

func (s *Service) authenticateSession(ctx context.Context) (Identity, error) {
	no := postern.Errorf(postern.CodeUnauthenticated, "You are not signed in.").WithNext("Sign in with your passkey, or send an API token.")
	if !hasSession(ctx) {
		return Identity{}, no
	}
	id := postern.AdministratorID(s.sessions.GetString(ctx, keyAdministrator))
	if id == "" {
		return Identity{}, no
	}
	now := s.now()
	signedIn := time.Unix(s.sessions.GetInt64(ctx, keySignedIn), 0)
	seen := time.Unix(s.sessions.GetInt64(ctx, keySeen), 0)
	if now.Sub(signedIn) >= SessionLifetime || now.Sub(seen) >= SessionIdle {
		if err := s.sessions.Destroy(ctx); err != nil {
			s.log.ErrorContext(ctx, "an expired session could not be deleted", "error", err)
		}
		return Identity{}, postern.Errorf(postern.CodeUnauthenticated, "Your session has ended.").WithNext("Sign in again.")
	}
	a, err := s.store.Administrator(ctx, id)
	if postern.IsCode(err, postern.CodeNotFound) || err == nil && a.DisabledAt != nil {
		if err := s.sessions.Destroy(ctx); err != nil {
			s.log.ErrorContext(ctx, "the session of a removed administrator could not be deleted", "error", err)
		}
		return Identity{}, no
	}
	if err != nil {
		return Identity{}, err
	}
	if now.Sub(seen) >= seenEvery {
		s.sessions.Put(ctx, keySeen, now.Unix())
	}
	return identityOf(a, address(ctx)), nil
}

func identityOf(a postern.Administrator, addr string) Identity {
	return Identity{
		Actor:         postern.Actor{Kind: postern.ActorAdministrator, ID: string(a.ID), Name: a.Name, Addr: addr},
		Permissions:   a.Role.Permissions(),
		Administrator: a.ID,
		Role:          a.Role,
	}
}

// startSession makes the session of ctx one of a. The cookie's value is renewed, so that a value planted before the
// sign-in is worth nothing after it.
func (s *Service) startSession(ctx context.Context, a postern.Administrator) error {
	if err := s.sessions.RenewToken(ctx); err != nil {
		return err
	}
	now := s.now().Unix()
	s.sessions.Put(ctx, keyAdministrator, string(a.ID))
	s.sessions.Put(ctx, keySignedIn, now)
	s.sessions.Put(ctx, keySeen, now)
	return nil
}

// SignOut ends the session of ctx. Without one it does nothing.
func (s *Service) SignOut(ctx context.Context) error {
	if !hasSession(ctx) {
		return nil
	}
	id := s.sessions.GetString(ctx, keyAdministrator)
	if err := s.sessions.Destroy(ctx); err != nil {
		return err
	}
	if id == "" {
		return nil
	}
	return s.store.Atomically(ctx, func(ctx context.Context) error {
		return s.audit.Record(ctx, postern.AuditEvent{Code: audit.SignedOut.Code, Name: audit.SignedOut.Name, Success: true, Target: id, Message: audit.SignedOut.Text})
	})
}
