package stream

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

const (
	// pollEvery is how often the trail is looked at without being told: other replicas append too.
	pollEvery = time.Second
	// batchSize is how many entries are read, and at most sent over one connection, at once.
	batchSize = 200
	// holdFor is for how long a stream belongs to the process that sends. A batch takes at most sendWithin.
	holdFor    = 2 * time.Minute
	sendWithin = 45 * time.Second
)

// The pause after failures doubles from firstPause to longestPause.
const (
	firstPause   = time.Second
	longestPause = 5 * time.Minute
)

// Wake has the streams looked at now. It never blocks; see [audit.Log].
func (s *Service) Wake() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Run sends until ctx ends. Each stream has a goroutine of its own while there is something to send, so that a sink that
// is slow or away holds up nobody else.
func (s *Service) Run(ctx context.Context) {
	var sending sync.WaitGroup
	defer sending.Wait()
	busy := make(map[postern.AuditStreamID]bool)
	idle := make(chan postern.AuditStreamID, maxStreams)
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case id := <-idle:
			delete(busy, id)
			continue
		case <-tick.C:
		case <-s.wake:
		}
		all, err := s.List(ctx)
		if err != nil {
			if ctx.Err() == nil {
				s.o.Logger.WarnContext(ctx, "the streams of the audit trail could not be read", "error", err)
			}
			continue
		}
		for _, one := range all {
			if busy[one.ID] || one.Lag == 0 || one.State == postern.StreamPaused || one.NextAttempt != nil && s.now().Before(*one.NextAttempt) {
				continue
			}
			busy[one.ID] = true
			sending.Go(func() {
				if err := s.Deliver(ctx, one.ID); err != nil && ctx.Err() == nil {
					s.o.Logger.WarnContext(ctx, "a stream of the audit trail could not be served", "stream", one.ID, "error", err)
				}
				select {
				case idle <- one.ID:
				case <-ctx.Done():
				}
			})
		}
	}
}

// Deliver sends a stream everything that its sink has not, or as much as goes well. That a sink took nothing is written
// down with the stream and is no error.
func (s *Service) Deliver(ctx context.Context, id postern.AuditStreamID) error {
	now := s.now()
	held, err := s.o.Store.HoldAuditStream(ctx, id, s.holder, now, now.Add(holdFor))
	if err != nil || !held {
		return err
	}
	defer func() {
		_ = s.o.Store.ReleaseAuditStream(context.WithoutCancel(ctx), id, s.holder) // otherwise it ends by itself
	}()
	for {
		one, err := s.o.Store.AuditStream(ctx, id)
		if err != nil {
			return err
		}
		if one.Paused {
			return nil
		}
		events, err := s.o.Store.AuditEvents(ctx, audit.Query{AfterSequence: one.Cursor, Limit: batchSize})
		if err != nil || len(events) == 0 {
			return err
		}
		limited, cancel := context.WithTimeout(ctx, sendWithin)
		sent, failed := s.attempt(limited, one, events)
		cancel()
		if sent > 0 {
			held, err := s.o.Store.AdvanceAuditStream(ctx, id, s.holder, events[sent-1].Sequence, s.now())
			if err != nil || !held {
				return err
			}
			if one.Failures >= toldAfter {
				s.tell(ctx, audit.StreamWorks, one, true, audit.StreamWorks.Text)
			}
		}
		if failed != nil {
			if ctx.Err() != nil {
				return nil // we stop; the sink did no wrong
			}
			return s.failed(ctx, one, sent > 0, failed)
		}
		if now = s.now(); one.Failures > 0 || len(events) == batchSize {
			if held, err = s.o.Store.HoldAuditStream(ctx, id, s.holder, now, now.Add(holdFor)); err != nil || !held {
				return err
			}
		}
	}
}

func (s *Service) attempt(ctx context.Context, one Stream, events []postern.AuditEvent) (int, error) {
	sink, err := s.sink(ctx, one)
	if err != nil {
		return 0, err
	}
	return sink.send(ctx, events)
}

// toldAfter is after how many failures in a row the trail tells of it: a sink that restarts is no news.
const toldAfter = 3

func (s *Service) failed(ctx context.Context, one Stream, some bool, cause error) error {
	failures := one.Failures
	if some {
		failures = 0
	}
	pause := min(firstPause<<min(failures, 16), longestPause)
	pause = pause/2 + rand.N(pause/2+1)
	now := s.now()
	problem := problemText(cause)
	if failures+1 == toldAfter {
		s.tell(ctx, audit.StreamFailing, one, false, "The sink "+one.Name+" does not take the audit trail: "+problem)
	}
	return s.o.Store.FailAuditStream(ctx, one.ID, s.holder, problem, now, now.Add(pause))
}

// tell appends to the trail how a sink fares. The stream goes on without it.
func (s *Service) tell(ctx context.Context, code audit.Code, one Stream, success bool, message string) {
	err := s.o.Store.Atomically(ctx, func(ctx context.Context) error {
		e := event(code, one, message, nil)
		if e.Success = success; !success {
			e.ErrorCode = postern.CodeUnavailable
		}
		return s.o.Audit.Record(ctx, e)
	})
	if err != nil {
		s.o.Logger.WarnContext(ctx, "event not audited", "event", code.Name, "error", err)
	}
}

// problemText is what people see of a failure: our own sentences, and of what comes from elsewhere the kind only.
func problemText(err error) string {
	var known *postern.Error
	if errors.As(err, &known) {
		return known.Message
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "The sink did not answer in time."
	}
	return "The sink could not be reached."
}
