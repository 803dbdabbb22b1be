package rest_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/postern/postern"
	"github.com/postern/postern/center/rest"
)

func TestRequestID(t *testing.T) {
	h := newHouse(t)
	const given = "0b1f5b8e-8ad1-4a3e-9d0c-1f0c5a3f7e11"
	if got := h.send(http.MethodGet, "/api/v1/me", "", header("X-Request-Id", given)).Header.Get("X-Request-Id"); got != given {
		t.Fatalf("a UUID became %q", got)
	}
	for _, bad := range []string{"", "1\n2", "x", strings.Repeat("a", 5000)} {
		got := h.send(http.MethodGet, "/api/v1/me", "", header("X-Request-Id", bad)).Header.Get("X-Request-Id")
		if _, err := uuid.Parse(got); err != nil {
			t.Fatalf("%q became %q", bad, got)
		}
	}
}

func TestClientAddress(t *testing.T) {
	edge := rest.Edge(slog.New(slog.DiscardHandler), []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")})
	for _, try := range []struct {
		peer, want string
		forwarded  []string
	}{
		{"192.0.2.1:5", "192.0.2.1", nil},
		{"192.0.2.1:5", "192.0.2.1", []string{"198.51.100.1"}}, // not our proxy: not believed
		{"10.0.0.1:5", "198.51.100.1", []string{"198.51.100.1"}},
		{"10.0.0.1:5", "198.51.100.1", []string{"203.0.113.9, 198.51.100.1"}}, // the client may write anything before it
		{"10.0.0.1:5", "198.51.100.1", []string{"203.0.113.9", "198.51.100.1, 10.0.0.2"}},
		{"10.0.0.1:5", "10.0.0.1", []string{"nonsense"}},
		{"10.0.0.1:5", "10.0.0.1", nil},
		{"[::ffff:10.0.0.1]:5", "2001:db8::1", []string{"2001:db8::1"}},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = try.peer
		r.Header["X-Forwarded-For"] = try.forwarded
		got := postern.Actor{}
		edge(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = postern.ActorFrom(r.Context()) })).
			ServeHTTP(httptest.NewRecorder(), r)
		if got.Addr != try.want || got.Kind != postern.ActorAnonymous {
			t.Errorf("%s with %q is %+v", try.peer, try.forwarded, got)
		}
	}
}

func TestPanicIsAnswered(t *testing.T) {
	var log bytes.Buffer
	edge := rest.Edge(slog.New(slog.NewTextHandler(&log, nil)), nil)
	w := httptest.NewRecorder()
	edge(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("at the disco") })).
		ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/some/path?query=Jane", nil))
	wantProblem(t, w.Result(), postern.CodeInternal, "")
	if text := log.String(); !strings.Contains(text, "at the disco") || !strings.Contains(text, "status=500") || strings.Contains(text, "Jane") {
		t.Fatalf("the log says %s", text)
	}
}

// TestBodyThatNeverCame: a body that breaks off is an answer, not a hang or a panic.
func TestBodyThatBreaksOff(t *testing.T) {
	h := newHouse(t)
	r := httptest.NewRequest(http.MethodPost, "/api/v1/tokens", io.MultiReader(strings.NewReader(`{"name":`), brokenReader{}))
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	wantProblem(t, w.Result(), postern.CodeInvalid, "body")
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
