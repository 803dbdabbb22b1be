package page

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/agent"
)

// Machine is what the page shows and changes; [agent.Agent] is one.
type Machine interface {
	View() agent.View
	Changed() <-chan struct{}
	Enrol(ctx context.Context, in agent.Enrolment) error
	Leave(ctx context.Context, local bool) error
	Rename(ctx context.Context, name string) error
	Pair(ctx context.Context, typed bool) error
	Compared(ctx context.Context, same bool) error
	EndPairing(ctx context.Context) error
	Unpair(ctx context.Context, id postern.PairingID) error
	IssueOffline(ctx context.Context, id postern.PairingID) error
	TryOffline(ctx context.Context, id postern.PairingID) error
	ForgetOffline(ctx context.Context, id postern.PairingID) error
	Refresh(ctx context.Context) error
}

// Bounds of the server.
const (
	maxBody    = 16 << 10
	maxHeader  = 16 << 10
	maxStreams = 16
	// patience is how long a request that changes something may take.
	patience = time.Minute
)

// Server is the page. Make it with [New].
type Server struct {
	machine  Machine
	doctor   func(context.Context) postern.DoctorReport
	log      *slog.Logger
	listener net.Listener
	token    string
	sessions sessions
	streams  chan struct{}

	telling sync.Mutex
	told    uint64 // the revision of the last view
}

// told is a view, numbered: a page that learns of one by an event and of another by an answer keeps the newer.
type told struct {
	agent.View
	Revision uint64 `json:"revision"`
}

// view is how everything stands.
func (s *Server) view() told {
	s.telling.Lock()
	defer s.telling.Unlock()
	s.told++
	return told{s.machine.View(), s.told}
}

// New listens on an address of this machine alone: 127.0.0.1 or ::1, and a port, 0 for any.
func New(ctx context.Context, address string, m Machine, check func(context.Context) postern.DoctorReport, log *slog.Logger) (*Server, error) {
	host, _, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return nil, postern.FieldErrorf("page", "%q is not an address of this machine alone, so others could reach the page.", address).
			WithNext("Give 127.0.0.1 and a port, or port 0 for any.")
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, postern.FieldErrorf("page", "The local page cannot listen on %s: %v.", address, err).
			WithNext("Stop the program that listens there, or give port 0 for any free one.").Because(err)
	}
	return &Server{
		machine: m, doctor: check, log: log, listener: listener, token: rand.Text() + rand.Text(),
		sessions: sessions{now: time.Now}, streams: make(chan struct{}, maxStreams),
		told: uint64(time.Now().UnixMilli()) * 1000, // above what an agent before this one told
	}, nil
}

// Door is how to get in.
func (s *Server) Door() Door {
	return Door{URL: "http://" + s.listener.Addr().String(), Token: s.token}
}

// Serve answers until ctx ends, which is nil.
func (s *Server) Serve(ctx context.Context) error {
	server := &http.Server{
		Handler: s.handler(), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if err := server.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (s *Server) handler() http.Handler {
	api := http.NewServeMux()
	api.HandleFunc("GET /api/view", func(w http.ResponseWriter, _ *http.Request) { s.answer(w, s.view()) })
	api.HandleFunc("GET /api/events", s.events)
	api.HandleFunc("GET /api/qr.svg", s.qr)
	api.HandleFunc("GET /api/doctor", func(w http.ResponseWriter, r *http.Request) { s.answer(w, s.doctor(r.Context())) })
	api.HandleFunc("POST /api/ticket", func(w http.ResponseWriter, _ *http.Request) {
		s.answer(w, map[string]string{"ticket": s.sessions.ticket()})
	})
	api.HandleFunc("POST /api/enrolment", act(s, func(ctx context.Context, in agent.Enrolment) error { return s.machine.Enrol(ctx, in) }))
	api.HandleFunc("POST /api/leave", act(s, func(ctx context.Context, in leaveInput) error { return s.machine.Leave(ctx, in.Local) }))
	api.HandleFunc("PUT /api/name", act(s, func(ctx context.Context, in nameInput) error { return s.machine.Rename(ctx, in.Name) }))
	api.HandleFunc("POST /api/pairing", act(s, func(ctx context.Context, in pairInput) error { return s.machine.Pair(ctx, in.Typed) }))
	api.HandleFunc("POST /api/pairing/answer", act(s, func(ctx context.Context, in answerInput) error { return s.machine.Compared(ctx, in.Same) }))
	api.HandleFunc("DELETE /api/pairing", act(s, func(ctx context.Context, _ struct{}) error { return s.machine.EndPairing(ctx) }))
	api.HandleFunc("POST /api/refresh", act(s, func(ctx context.Context, _ struct{}) error { return s.machine.Refresh(ctx) }))
	api.HandleFunc("DELETE /api/phones/{id}", s.forPhone(s.machine.Unpair))
	api.HandleFunc("POST /api/phones/{id}/offline", s.forPhone(s.machine.IssueOffline))
	api.HandleFunc("POST /api/phones/{id}/offline/try", s.forPhone(s.machine.TryOffline))
	api.HandleFunc("DELETE /api/phones/{id}/offline", s.forPhone(s.machine.ForgetOffline))
	all := http.NewServeMux()
	all.Handle("/api/", s.known(api))
	all.HandleFunc("POST /session", s.exchange)
	all.Handle("GET /static/", static)
	all.HandleFunc("GET /{$}", index)
	return s.guarded(all)
}

type (
	leaveInput struct {
		Local bool `json:"local"`
	}
	nameInput struct {
		Name string `json:"name"`
	}
	pairInput struct {
		Typed bool `json:"typed"`
	}
	answerInput struct {
		Same bool `json:"same"`
	}
)

// act makes a handler of a change. The answer is the view after it.
func act[In any](s *Server, do func(context.Context, In) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		in, err := body[In](r)
		if err == nil {
			ctx, cancel := context.WithTimeout(r.Context(), patience)
			defer cancel()
			err = do(ctx, in)
		}
		s.done(w, err)
	}
}

// forPhone makes a handler of a change that is about the pairing in the path. The answer is the view after it.
func (s *Server) forPhone(do func(context.Context, postern.PairingID) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id := postern.PairingID(r.PathValue("id"))
		if !id.Valid() {
			s.done(w, postern.Errorf(postern.CodeNotFound, "There is no such pairing."))
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), patience)
		defer cancel()
		s.done(w, do(ctx, id))
	}
}

func (s *Server) done(w http.ResponseWriter, err error) {
	if err != nil {
		s.refuse(w, err)
		return
	}
	s.answer(w, s.view())
}

// body reads a small JSON body; none is the zero value.
func body[In any](r *http.Request) (in In, err error) {
	if r.ContentLength == 0 {
		return in, nil
	}
	if r.Header.Get("Content-Type") != "application/json" {
		return in, postern.Errorf(postern.CodeInvalid, "The request is not JSON.")
	}
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return in, postern.Errorf(postern.CodeInvalid, "The request is not of the form it should have.").Because(err)
	}
	return in, nil
}

func (s *Server) answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		s.log.Debug("an answer was not taken", "error", err)
	}
}

func (s *Server) refuse(w http.ResponseWriter, err error) {
	e := postern.AsError(err)
	if e.Code == postern.CodeInternal {
		s.log.Error("a request at the local page failed", "error", err)
	}
	problem(w, e)
}

func problem(w http.ResponseWriter, e *postern.Error) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(e.Status())
	_ = json.NewEncoder(w).Encode(postern.ProblemOf(e)) // whoever asked may be gone
}
