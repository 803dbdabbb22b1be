package center

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

// The times of a graceful stop: first requests finish by themselves, then those that only wait are ended, then the
// connections are cut. A service manager's usual patience of 30 s covers all of it.
const (
	finishWithin = 5 * time.Second
	endWithin    = 5 * time.Second
	jobsWithin   = 15 * time.Second
)

// Serve runs jobs and answers on the listener until ctx ends, then stops in order. The listener is closed in any case.
func (s *Center) Serve(ctx context.Context, l net.Listener) (err error) {
	if path, ok := strings.CutPrefix(s.Config.Database, "sqlite:"); ok {
		// Whoever starts takes over the jobs of a process that died, and must not take those of one that lives.
		unlock, err := lockFile(path + ".lock")
		if err != nil {
			return errors.Join(err, l.Close())
		}
		defer func() { err = errors.Join(err, unlock()) }()
	}
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	if err := s.Jobs.Start(work); err != nil {
		return errors.Join(err, l.Close())
	}
	var watching sync.WaitGroup
	watching.Go(func() { s.watch.Run(work) })
	watching.Go(func() { s.Streams.Run(work) })
	watching.Go(func() { s.refusals.Run(work) })
	defer watching.Wait()
	defer stopWork()
	s.note(ctx, audit.SystemStarted, "Postern "+postern.Version()+" started.")
	server := &http.Server{
		Handler:           s.handler,
		BaseContext:       func(net.Listener) context.Context { return work },
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		// Long polls take up to PhoneWaitMax, and a connection test as long as Entra needs.
		WriteTimeout:   3 * time.Minute,
		IdleTimeout:    2 * time.Minute,
		MaxHeaderBytes: 64 << 10,
		ErrorLog:       slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() {
		if s.Config.TLSCertificate != "" {
			failed <- server.ServeTLS(l, s.Config.TLSCertificate, s.Config.TLSKey)
			return
		}
		failed <- server.Serve(l)
	}()
	s.log.InfoContext(ctx, "listening", "address", l.Addr().String(), "url", s.Config.PublicURL, "version", postern.Version())

	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	s.log.InfoContext(ctx, "stopping")
	// Devices first: they are told to connect anew, which takes them to another replica. The server knows nothing of
	// their connections.
	s.link.Close()
	finish, cancel := context.WithTimeout(work, finishWithin)
	defer cancel()
	if server.Shutdown(finish) != nil {
		stopWork()
		end, cancelEnd := context.WithTimeout(context.Background(), endWithin)
		defer cancelEnd()
		if server.Shutdown(end) != nil {
			err = errors.Join(err, server.Close())
		}
	}
	jobs, cancelJobs := context.WithTimeout(context.Background(), jobsWithin)
	defer cancelJobs()
	err = errors.Join(err, s.Jobs.Stop(jobs))
	s.note(context.WithoutCancel(ctx), audit.SystemStopped, "Postern stopped.")
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return err
}

// note writes an event of the system itself. The process goes on without it, so a failure is only logged.
func (s *Center) note(ctx context.Context, code audit.Code, message string) {
	err := s.Store.Atomically(ctx, func(ctx context.Context) error {
		return s.Trail.Record(ctx, postern.AuditEvent{Code: code.Code, Name: code.Name, Success: true, Message: message})
	})
	if err != nil {
		s.log.ErrorContext(ctx, "event not audited", "event", code.Name, "cause", err)
	}
}
