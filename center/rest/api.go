package rest

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/auth"
)

// Where the API describes itself.
const (
	openAPIPath = "/api/openapi" // .json and .yaml
	docsPath    = "/api/docs"
)

// Bounds of a request.
const (
	maxBody       = 256 << 10 // of an administrator's request: a certificate and its key, with room
	maxDeviceBody = 64 << 10
	bodyTime      = 10 * time.Second // for the body to arrive
	quickTime     = 30 * time.Second // for an operation on the database
	entraTime     = 2 * time.Minute  // for one that waits for Entra
	longTime      = 30 * time.Minute // for one that reads the whole audit trail
)

// Config is what the API needs to know besides its services.
type Config struct {
	// PublicURL is where clients reach the API; it appears in the OpenAPI document.
	PublicURL string
	// Version of the program, for the OpenAPI document.
	Version string
	// Log takes what operators should know; nil means slog.Default().
	Log *slog.Logger
	// Now tells the limits the time; nil means time.Now.
	Now func() time.Time
	// Refusals counts the proofs of devices that were refused; nil means one of its own.
	Refusals *audit.Sparse
}

// API is the handler of /api/, /phone/v1/ and /workstation/v1/. Make it with [New] and put [Edge] before it.
type API struct {
	services  Services
	publicURL string
	version   string
	log       *slog.Logger
	mux       *http.ServeMux
	huma      huma.API
	handler   http.Handler
	routes    []route

	clients    *auth.Limiter // per address: requests of any kind
	enrolments *auth.Limiter // per address: failed attempts to enrol a phone
	arrivals   *auth.Limiter // per address: attempts to enrol a workstation
	newcomers  *auth.Limiter // per address: workstations that were enrolled
	installs   *auth.Limiter // per address: install tokens that do not exist
	phones     *auth.Limiter // per phone
	polls      *polls

	workstations *auth.Limiter // per workstation
	reports      *auth.Limiter // per workstation: reports with events, each of which reaches the audit trail
	refusals     *audit.Sparse // per address: refused proofs that reach the audit trail
}

// New puts the API together.
func New(c Config, s Services) *API {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Refusals == nil {
		c.Refusals = audit.NewSparse(c.Now, c.Log)
	}
	a := &API{
		refusals: c.Refusals,
		services: s, publicURL: c.PublicURL, version: c.Version, log: c.Log, mux: http.NewServeMux(),
		clients:    auth.NewLimiter(3000, time.Minute, c.Now),
		enrolments: auth.NewLimiter(30, time.Minute, c.Now),
		arrivals:   auth.NewLimiter(60, time.Minute, c.Now),
		// So that no one address fills the places of those that wait for their first pairing, which they have for a day.
		newcomers: auth.NewLimiter(2000, 24*time.Hour, c.Now),
		installs:  auth.NewLimiter(10, time.Minute, c.Now),
		phones:    auth.NewLimiter(240, time.Minute, c.Now),
		polls:     newPolls(),

		workstations: auth.NewLimiter(240, time.Minute, c.Now),
		reports:      auth.NewLimiter(60, time.Hour, c.Now),
	}
	a.huma = humago.New(a.mux, document(c))
	a.integrationRoutes()
	a.setupRoutes()
	a.userRoutes()
	a.lifecycleRoutes()
	a.directoryRoutes()
	a.phoneRoutes()
	a.workstationRoutes()
	a.desktopRoutes()
	a.offlineRoutes()
	a.passkeyRoutes()
	a.auditRoutes()
	a.auditFilterRoutes()
	a.auditStreamRoutes()
	a.administratorRoutes()
	a.tokenRoutes()
	a.catalogueRoutes()
	a.ownPhoneRoutes()
	a.ownPushRoutes()
	a.enrolmentRoutes()
	a.ownProofRoutes()
	a.ownWorkstationRoutes()
	a.pairingRoutes()
	a.reconcileRoutes()
	a.inventoryRoutes()
	a.policyRoutes()
	a.rotationRoutes()
	a.modelRoutes()
	a.doctorRoutes()
	a.bulkRoutes()
	a.mailRoutes()
	a.mux.Handle("GET "+docsPath, docs(a.huma.OpenAPI()))
	a.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeProblem(w, r, postern.Errorf(postern.CodeNotFound, "There is no operation %s %s.", r.Method, r.URL.Path).
			WithNext("See "+docsPath+" for the operations there are."))
	})
	a.handler = a.ofExtension(a.defend(a.services.Door.Sessions(a.sameOrigin(a.mux))))
	return a
}

// ServeHTTP implements [http.Handler].
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.handler.ServeHTTP(w, r) }

// OpenAPI is the document that describes the API.
func (a *API) OpenAPI() *huma.OpenAPI { return a.huma.OpenAPI() }

func document(c Config) huma.Config {
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title:   "Postern",
				Version: c.Version,
				Description: "Phishing-resistant passkeys for Microsoft Entra ID on people's own phones. Every error is a problem document (RFC 9457) " +
					"with a code from " + postern.ErrorsPath + ", what happened, and the next step. Lists come in pages: send the member next of one page as " +
					"the parameter page to get the one after it. What can be edited carries a version; send it back, or as If-Match, so that nobody overwrites another's change.",
			},
			Servers: []*huma.Server{{URL: strings.TrimSuffix(c.PublicURL, "/")}},
			Components: &huma.Components{
				Schemas: newRegistry(),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					schemeToken:       {Type: "http", Scheme: "bearer", BearerFormat: "ptn_…", Description: "An API token; its scopes are permissions."},
					schemeSession:     {Type: "apiKey", In: "cookie", Name: "__Host-postern", Description: "The session of an administrator who signed in to the console."},
					schemeWorkstation: {Type: "http", Scheme: "postern-workstation", Description: "The same by a workstation."},
					schemePhone:       {Type: "http", Scheme: "postern-phone", Description: "A signature by the phone's identity key over the request; see the phone API's page."},
				},
			},
		},
		OpenAPIPath:                  openAPIPath,
		Formats:                      map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
	}
}

// defend bounds what a request may cost before anybody looks at it, and says that answers are nobody else's business.
func (a *API) defend(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		if wait := a.clients.Take(auth.AddrKey(postern.ActorFrom(r.Context()).Addr)); wait > 0 {
			writeProblem(w, r, tooMany(wait))
			return
		}
		limit, arrives := int64(maxBody), bodyTime
		switch {
		case ofDevice(r):
			limit = maxDeviceBody
		case namesUsers(r), bringsPolicy(r):
			limit = maxBulkBody
		case bringsModels(r) && r.Header.Get("Authorization") != "":
			if _, err := a.services.Door.Authenticate(r); err != nil { // nobody else makes this process read so much
				writeProblem(w, r, err)
				return
			}
			limit, arrives = maxModelsBody, modelsTime
		}
		body, err := readBody(w, r, limit, arrives)
		if err != nil {
			writeProblem(w, r, err)
			return
		}
		r = r.WithContext(context.WithValue(r.Context(), bodyKey{}, body))
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	})
}

// ofDevice reports whether a request is to an API of devices.
func ofDevice(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path, postern.PhoneAPIPath+"/") || strings.HasPrefix(r.URL.Path, postern.WorkstationAPIPath+"/")
}

type bodyKey struct{}

// bodyOf is the body of the request, as it came.
func bodyOf(ctx context.Context) []byte {
	body, _ := ctx.Value(bodyKey{}).([]byte)
	return body
}

// readBody reads the whole body, which is small, before anything else happens. The read deadline ends with it: one that
// stays on would cancel every operation that takes longer, because the server keeps reading to notice a client that
// goes away.
func readBody(w http.ResponseWriter, r *http.Request, limit int64, arrives time.Duration) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	control := http.NewResponseController(w)
	deadlines := control.SetReadDeadline(time.Now().Add(arrives)) == nil
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if deadlines {
		_ = control.SetReadDeadline(time.Time{}) // it worked a moment ago; a connection that broke meanwhile shows soon
	}
	if err != nil {
		return nil, postern.Errorf(postern.CodeInvalid, "The body could not be read.").WithNext("Send it again.").OnField("body").Because(err)
	}
	if int64(len(body)) > limit {
		return nil, postern.Errorf(postern.CodeTooLarge, "The body is larger than %d bytes.", limit)
	}
	return body, nil
}

// sameOrigin refuses requests that another site made a browser send. A request with an Authorization header cannot be
// one: no browser adds that by itself, and no cross-origin script may, because CORS is off. A workstation enrols without
// one, and for the browser extension from another origin; but nothing that a browser adds counts there.
func (a *API) sameOrigin(next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" && !strings.HasPrefix(r.URL.Path, postern.WorkstationAPIPath+"/") {
			if err := protection.Check(r); err != nil {
				writeProblem(w, r, postern.Errorf(postern.CodeCrossOrigin, "").Because(err))
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

func tooMany(wait time.Duration) error {
	e := postern.Errorf(postern.CodeTooMany, "")
	e.After = wait
	return e
}
