package center

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/postern/postern/center/web"
)

// healthTimeout bounds one look at the parts.
const healthTimeout = 3 * time.Second

// ready answers whether this process can do its work: the database answers and takes jobs.
func (s *Center) ready(w http.ResponseWriter, r *http.Request) {
	for _, check := range s.needed(r) {
		if !check.OK {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprintln(w, check.Name+": "+check.Message)
			return
		}
	}
	if check, ok := s.messaging.check(); ok && !check.OK {
		fmt.Fprintln(w, "ready, but "+check.Name+": "+check.Message)
		return
	}
	fmt.Fprintln(w, "ready")
}

// health is how all parts stand.
func (s *Center) health(r *http.Request) []web.Check {
	all := s.needed(r)
	if check, ok := s.messaging.check(); ok {
		all = append(all, check)
	}
	return all
}

// needed is how those parts stand without which nothing works.
func (s *Center) needed(r *http.Request) []web.Check {
	ctx, cancel := context.WithTimeout(r.Context(), healthTimeout)
	defer cancel()
	database := web.Check{Name: "database", OK: true, Message: "answers"}
	if err := s.Store.Ping(ctx); err != nil {
		database.OK, database.Message = false, "does not answer"
		s.log.ErrorContext(ctx, "database does not answer", "cause", err)
	}
	jobs := web.Check{Name: "jobs", OK: true, Message: "are being worked"}
	if _, err := s.Jobs.Stats(ctx); err != nil {
		jobs.OK, jobs.Message = false, "cannot be counted"
		s.log.ErrorContext(ctx, "jobs cannot be counted", "cause", err)
	}
	return []web.Check{database, jobs}
}
