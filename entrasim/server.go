package entrasim

import (
	"crypto/rsa"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/postern/postern/entrasim/passkey"
)

// DefaultUsers is the size of the directory a zero Server makes.
const DefaultUsers = 50

// Server is the emulator as a handler: authority, Graph, pages and control API on one host. The zero value works and
// makes one tenant of DefaultUsers users at the first request. Set the exported fields before that.
type Server struct {
	// Now is the clock; time.Now if nil. The clock levers move on top of it.
	Now func() time.Time
	// Seed decides every id, name and secret. Two servers of one seed and one sequence of requests answer alike, but
	// for signatures: keys are always fresh.
	Seed uint64
	// Users is the size of the first tenant's directory; DefaultUsers if zero, an empty one if negative.
	Users int
	// Domain is the first tenant's domain; "contoso.onmicrosoft.com" if empty.
	Domain string
	// Empty makes the first tenant one that nobody set up: a Global Administrator, no application, passkeys off.
	Empty bool
	// Origin is where passkeys belong, https://login.microsoft.com if empty; its host name is the relying party id. Set
	// https://localhost:PORT to use passkeys from a browser that cannot be told that login.microsoft.com is here.
	Origin string
	// Notifier posts change notifications; a client that trusts the system's roots if nil. Give one that trusts whatever
	// certificate the subscriber has.
	Notifier *http.Client
	// Log receives one line for each request; discarded if nil. It never receives a token, secret, code or challenge.
	Log *slog.Logger

	once    sync.Once
	mux     *http.ServeMux
	random  randomSource
	lever   levers
	history requestHistory
	limits  throttle
	flows   flows // sign-ins on their way through the pages

	keyOnce    sync.Once
	signingKey *rsa.PrivateKey

	rpOnce sync.Once
	rp     *passkey.RelyingParty

	mu      sync.RWMutex // guards tenants and order
	tenants map[string]*Tenant
	order   []*Tenant

	stored       []*Tenant // from the state file, until init
	storedLevers *Levers
}

// init makes the routes and, unless state was loaded, the first tenant.
func (s *Server) init() {
	s.once.Do(func() {
		if s.Now == nil {
			s.Now = time.Now
		}
		if s.Log == nil {
			s.Log = slog.New(slog.DiscardHandler)
		}
		seed := s.Seed
		if s.stored != nil {
			seed = randomSeed() // ids of the run before must not come again
		}
		s.random.seed(seed)
		s.lever.v = DefaultLevers()
		if s.storedLevers != nil {
			s.lever.v = *s.storedLevers
		}
		s.mux = http.NewServeMux()
		s.mountControl(s.mux)
		s.mountGraph(s.mux)
		s.mountAuthority(s.mux)
		s.mountPages(s.mux)
		for _, t := range s.stored {
			s.addTenant(t)
		}
		s.stored = nil
		if len(s.order) == 0 {
			s.addTenant(seedTenant(s, s.Domain, s.Users, s.Empty))
		}
	})
}

// ServeHTTP answers one request, after the levers had their say.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.init()
	s.serve(w, r)
}

// now is the emulator's time: the injected clock moved or frozen by the levers.
func (s *Server) now() time.Time { return s.lever.time(s.Now()) }

// addTenant makes a tenant known.
func (s *Server) addTenant(t *Tenant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tenants == nil {
		s.tenants = make(map[string]*Tenant)
	}
	s.tenants[t.ID] = t
	for _, d := range t.Domains {
		s.tenants[strings.ToLower(d)] = t
	}
	s.order = append(s.order, t)
}

// tenant finds a tenant by id or verified domain; nil if there is none. The names that stand for any tenant are not
// tenants: see tenantOf.
func (s *Server) tenant(name string) *Tenant {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.tenants[strings.ToLower(name)]
}

// tenantOf finds the tenant by the domain of a user principal name; nil if no tenant has it.
func (s *Server) tenantOf(upn string) *Tenant {
	i := strings.LastIndexByte(upn, '@')
	if i < 0 {
		return nil
	}
	return s.tenant(upn[i+1:])
}

// first is the tenant made at start.
func (s *Server) first() *Tenant {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.order[0]
}
