package rest

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/postern/postern"
	"github.com/postern/postern/center/entra"
)

// Edge is what every request to the server passes first, console and phone app included. It gives the request an id
// (taken from X-Request-Id when that is a UUID, and sent on to Microsoft Graph as client-request-id), finds the
// address of the client, writes the access log, and turns a panic into an answer.
//
// proxies are the networks whose X-Forwarded-For is believed. A nil log is slog.Default().
func Edge(log *slog.Logger, proxies []netip.Prefix) func(http.Handler) http.Handler {
	if log == nil {
		log = slog.Default()
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			id := r.Header.Get("X-Request-Id")
			if parsed, err := uuid.Parse(id); err == nil {
				id = parsed.String()
			} else {
				id = uuid.NewString()
			}
			w.Header().Set("X-Request-Id", id)
			note := &request{id: id, log: log.With("request_id", id)}
			addr := clientAddr(r, proxies)
			ctx := context.WithValue(r.Context(), requestKey{}, note)
			ctx = postern.WithGraphRequests(entra.WithRequestID(ctx, id))
			ctx = postern.WithActor(ctx, postern.Actor{Kind: postern.ActorAnonymous, Addr: addr})
			answer := &answerWriter{ResponseWriter: w}
			began := time.Now()
			defer func() {
				cause := recover()
				aborted := cause == any(http.ErrAbortHandler) // how a handler breaks a connection off; not a fault
				if cause != nil && !aborted {
					note.log.ErrorContext(ctx, "a request handler panicked", "panic", cause, "stack", string(debug.Stack()))
					if answer.status == 0 {
						writeProblem(answer, r.WithContext(ctx), postern.Errorf(postern.CodeInternal, ""))
					}
				}
				// The path without its query: queries hold search terms, which are people's names.
				note.log.LogAttrs(ctx, slog.LevelInfo, "request",
					slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.Int("status", answer.status),
					slog.Int64("bytes", answer.bytes), slog.Duration("took", time.Since(began)),
					slog.String("addr", addr), slog.String("actor", note.actor))
				if aborted {
					panic(cause)
				}
			}()
			next.ServeHTTP(answer, r.WithContext(ctx))
		})
	}
}

type requestKey struct{}

// request is what is noted of a request while it passes.
type request struct {
	id    string
	log   *slog.Logger
	actor string // id of who turned out to be asking
}

func requestID(ctx context.Context) string {
	if note, ok := ctx.Value(requestKey{}).(*request); ok {
		return note.id
	}
	return ""
}

func logger(ctx context.Context) *slog.Logger {
	if note, ok := ctx.Value(requestKey{}).(*request); ok {
		return note.log
	}
	return slog.Default()
}

// noteActor tells the access log who is asking.
func noteActor(ctx context.Context, id string) {
	if note, ok := ctx.Value(requestKey{}).(*request); ok {
		note.actor = id
	}
}

// NoteActor tells the access log who is asking, for what stands beside the API behind the same [Edge].
func NoteActor(ctx context.Context, id string) { noteActor(ctx, id) }

// clientAddr is the address of whoever sent the request: the last address of X-Forwarded-For that is not one of our
// proxies, as long as everything behind it is. Anybody can send that header, so nothing else in it counts.
func clientAddr(r *http.Request, proxies []netip.Prefix) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	addr := peer.Addr().Unmap()
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && trusted(addr, proxies); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		addr = hop.Unmap()
	}
	return addr.String()
}

func trusted(addr netip.Addr, proxies []netip.Prefix) bool {
	for _, p := range proxies {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// answerWriter notes what was answered.
type answerWriter struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (w *answerWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *answerWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (w *answerWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
