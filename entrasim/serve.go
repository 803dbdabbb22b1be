package entrasim

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Bounds on request bodies; the control API takes whole populations.
const (
	maxBody        = 4 << 20
	maxControlBody = 64 << 20
)

// serve applies history, latency and faults and hands the request on. The control API is out of their reach.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, controlRoot) {
		r.Body = http.MaxBytesReader(w, r.Body, maxControlBody)
		s.mux.ServeHTTP(w, r)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	start := s.Now()
	rec := &statusRecorder{ResponseWriter: w}
	path := r.URL.EscapedPath()
	defer func() {
		s.history.add(Call{Time: start, Method: r.Method, Path: path, Status: rec.status})
		s.Log.Info("request", "method", r.Method, "path", path, "status", rec.status)
	}()
	pause(r, s.Levers().Latency)
	version, rest, graph := graphPath(path)
	var next http.Handler = s.mux
	if graph {
		next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serveGraph(w, r, version, rest) })
	}
	if domain, ok := discoverPath(r); ok {
		next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.discoverRegistration(w, r, domain) })
	}
	if version == "" || !isBatch(rest) {
		s.faulty(rec, r, path, next)
		return
	}
	next.ServeHTTP(rec, r) // faults apply to the parts, and to the batch itself by its own path
}

// graphPath splits the version off a Graph path.
func graphPath(path string) (version, rest string, ok bool) {
	for _, v := range []string{"v1.0", "beta"} {
		if rest, ok := strings.CutPrefix(path, "/"+v); ok && (rest == "" || rest[0] == '/') {
			return v, strings.TrimPrefix(rest, "/"), true
		}
	}
	return "", "", false
}

// faulty runs a call under the fault that matches it, if any.
func (s *Server) faulty(w http.ResponseWriter, r *http.Request, path string, next http.Handler) {
	f := s.lever.match(r.Method, path)
	if f == nil {
		next.ServeHTTP(w, r)
		return
	}
	pause(r, f.Latency)
	switch {
	case f.Drop == "before":
		_, _ = io.Copy(io.Discard, r.Body)
		dropConnection()
	case f.Drop == "after":
		next.ServeHTTP(&discardWriter{header: http.Header{}}, r)
		dropConnection()
	case f.Status != 0:
		s.writeFault(w, r, f)
	default:
		next.ServeHTTP(w, r)
	}
}

// Call is one line of the request history. It holds no header, body or query: none of its parts is secret.
type Call struct {
	Time   time.Time `json:"time"`
	Method string    `json:"method"`
	Path   string    `json:"path"`
	Status int       `json:"status"` // 0: the connection was dropped
	Batch  bool      `json:"batch,omitempty"`
}

// maxHistory bounds the request history.
const maxHistory = 2000

type requestHistory struct {
	mu    sync.Mutex
	calls []Call
	total uint64
}

func (h *requestHistory) add(c Call) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.calls) == maxHistory {
		h.calls = append(h.calls[:0], h.calls[maxHistory/4:]...)
	}
	h.calls = append(h.calls, c)
	h.total++
}

func (h *requestHistory) list() (calls []Call, total uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]Call(nil), h.calls...), h.total
}

func (h *requestHistory) clear() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls, h.total = nil, 0
}

// Calls returns the most recent requests, oldest first, and how many there were in all.
func (s *Server) Calls() (calls []Call, total uint64) { return s.history.list() }

// statusRecorder remembers the status for the history.
type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (w *statusRecorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusRecorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusRecorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// discardWriter takes an answer nobody will see.
type discardWriter struct{ header http.Header }

func (w *discardWriter) Header() http.Header         { return w.header }
func (w *discardWriter) Write(b []byte) (int, error) { return len(b), nil }
func (w *discardWriter) WriteHeader(int)             {}
