package rest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/postern/postern"
	"github.com/postern/postern/center/auth"
	"github.com/postern/postern/center/rest"
	"github.com/postern/postern/center/store"
)

// house is an API with a real door, and with everything it answers held against its own document.
type house struct {
	packages string // folder of installers

	t       *testing.T
	domain  *domain
	door    *auth.Service
	api     *rest.API
	handler http.Handler
	log     *lockedBuffer

	ahead atomic.Int64 // of the clock, in nanoseconds

	mu      sync.Mutex
	reached map[string]bool // operations that were called
	loose   bool            // do not hold answers against the document
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newHouse(t *testing.T) *house {
	t.Helper()
	db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "postern.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, packages: t.TempDir(), domain: &domain{self: postern.PhoneSelf{Phone: postern.Phone{ID: "phn_1", Name: "Pixel"}}}, log: &lockedBuffer{}, reached: make(map[string]bool)}
	log := slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if h.door, err = auth.New(db, trail{h.domain}, auth.Config{PublicURL: "https://postern.example.com", Log: log}); err != nil {
		t.Fatal(err)
	}
	h.api = rest.New(rest.Config{PublicURL: "https://postern.example.com", Version: "test", Log: log, Now: func() time.Time {
		return time.Now().Add(time.Duration(h.ahead.Load()))
	}}, rest.Services{
		Integrations: integrations{h.domain}, Users: users{h.domain}, Phones: phones{h.domain}, Passkeys: passkeys{h.domain}, Enrolment: enrolments{h.domain},
		Trail: trail{h.domain}, Streams: streams{h.domain}, Door: h.door, Metadata: statements{h.domain}, Mail: mails{h.domain}, Directory: directories{h.domain}, Bulk: bulkJobs{h.domain}, Reconciler: reconciler{h.domain}, Inventory: inventories{h.domain}, Models: models{h.domain}, Policies: policies{h.domain}, Setups: setups{h.domain}, Rotations: rotations{h.domain}, Offline: offlines{h.domain}, Desktop: desktops{h.domain, h.packages}, Doctor: doctors{h.domain},
	})
	h.handler = h.documented(rest.Edge(log, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")})(h.api))
	return h
}

// operation finds what the document says of a request.
func operation(spec *huma.OpenAPI, method, path string) (op *huma.Operation) {
	for pattern, item := range spec.Paths {
		want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
		if len(want) != len(got) {
			continue
		}
		fits, literal := true, true
		for i := range want {
			if strings.HasPrefix(want[i], "{") {
				literal = false
				continue
			}
			fits = fits && want[i] == got[i]
		}
		found := map[string]*huma.Operation{
			http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPut: item.Put, http.MethodDelete: item.Delete,
		}[method]
		if fits && found != nil && (op == nil || literal) {
			op = found
		}
	}
	return op
}

// documented fails the test when an operation answers with a status or media type that the document does not know.
func (h *house) documented(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		op := operation(h.api.OpenAPI(), r.Method, r.URL.Path)
		seen := &statusWriter{ResponseWriter: w}
		next.ServeHTTP(seen, r)
		if op == nil || h.loose {
			return
		}
		h.mu.Lock()
		h.reached[op.OperationID] = true
		h.mu.Unlock()
		answer := op.Responses[strconv.Itoa(seen.status)]
		if answer == nil {
			h.t.Errorf("%s answered %d, which its document does not know", op.OperationID, seen.status)
			return
		}
		media, _, _ := strings.Cut(w.Header().Get("Content-Type"), ";")
		if media != "" && answer.Content[media] == nil {
			h.t.Errorf("%s answered %d as %s, which its document does not know", op.OperationID, seen.status, media)
		}
	})
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// token makes a token with the permissions.
func (h *house) token(scopes ...postern.Permission) string {
	h.t.Helper()
	made, err := h.door.CreateToken(h.t.Context(), postern.APITokenInput{Name: "test", Scopes: scopes, ValidDays: 1})
	if err != nil {
		h.t.Fatal(err)
	}
	return made.Value
}

func allBut(p postern.Permission) []postern.Permission {
	return slices.DeleteFunc(slices.Clone(postern.Permissions), func(other postern.Permission) bool { return other == p })
}

// with changes a request before it is sent.
type with func(r *http.Request)

func header(name, value string) with { return func(r *http.Request) { r.Header.Set(name, value) } }

func bearer(token string) with { return header("Authorization", "Bearer "+token) }

func signed() with { return header("Authorization", "Postern-Phone good") }

// send makes a request.
func (h *house) send(method, path, body string, more ...with) *http.Response {
	h.t.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	r := httptest.NewRequestWithContext(h.t.Context(), method, path, in)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, change := range more {
		change(r)
	}
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	return w.Result()
}

// problem reads a problem document.
func problem(t *testing.T, answer *http.Response) postern.Problem {
	t.Helper()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if media := answer.Header.Get("Content-Type"); media != "application/problem+json" {
		t.Fatalf("answered %d as %q: %s", answer.StatusCode, media, data)
	}
	var p postern.Problem
	if err := json.Unmarshal(data, &p); err != nil {
		t.Fatalf("%v: %s", err, data)
	}
	return p
}

func wantProblem(t *testing.T, answer *http.Response, code postern.Code, field string) {
	t.Helper()
	p := problem(t, answer)
	if p.Code != code || p.Field != field {
		t.Fatalf("answered %+v, want the code %s and the field %q", p, code, field)
	}
	if p.Status != answer.StatusCode || p.Detail == "" || p.Title == "" || p.Next == "" || p.RequestID != answer.Header.Get("X-Request-Id") || p.Type != "/api/v1/errors/"+string(code) {
		t.Fatalf("the problem is not complete: %+v", p)
	}
}

func wantStatus(t *testing.T, answer *http.Response, status int) string {
	t.Helper()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != status {
		t.Fatalf("answered %d, want %d: %s", answer.StatusCode, status, data)
	}
	return string(data)
}
