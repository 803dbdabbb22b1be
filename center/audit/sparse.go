package audit

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/postern/postern"
)

// Sparse keeps those who fail on purpose from filling the trail: of each key (an event and an address, mostly) it tells
// the first time at once, and what follows within the hour as one number: with the next failure after that hour, or by
// [Sparse.Flush] when there is none. Make it with [NewSparse].
type Sparse struct {
	now func() time.Time
	log *slog.Logger

	mu   sync.Mutex
	keys map[string]*sparseKey
}

type sparseKey struct {
	told time.Time
	more int
	tell func(ctx context.Context, more int) error // of the last one that went untold
	who  postern.Actor
}

const (
	sparseEvery = time.Hour
	// flushEvery is how often what nobody followed is looked for.
	flushEvery = 10 * time.Minute
	// sparseKeys bounds the memory; keys beyond it share one.
	sparseKeys = 1000
)

// NewSparse returns an empty one. A nil now is time.Now, a nil log is slog.Default().
func NewSparse(now func() time.Time, log *slog.Logger) *Sparse {
	if now == nil {
		now = time.Now
	}
	if log == nil {
		log = slog.Default()
	}
	return &Sparse{now: now, log: log, keys: make(map[string]*sparseKey)}
}

// Refused tells the trail that somebody at an address was refused at a door.
func (s *Sparse) Refused(ctx context.Context, trail Recorder, from string, code Code, cause error) {
	refusal := postern.AsError(cause).Code
	s.Note(ctx, code.Code+" "+from, func(ctx context.Context, more int) error {
		e := postern.AuditEvent{Code: code.Code, Name: code.Name, ErrorCode: refusal, Message: code.Text}
		if more > 0 {
			e.Message = fmt.Sprintf("%s Since the last entry, %d more from this address.", code.Text, more)
			e.Fields = map[string]string{"more": strconv.Itoa(more)}
		}
		return trail.Record(ctx, e)
	})
}

// Note counts one failure of key and calls tell when it is time: with how many went untold since the last. It is called
// with the actor of ctx, and not cut off with it. What failed has failed already, so an error of tell is only logged.
func (s *Sparse) Note(ctx context.Context, key string, tell func(ctx context.Context, more int) error) {
	more, due := s.count(key, postern.ActorFrom(ctx), tell)
	if due {
		s.say(context.WithoutCancel(ctx), tell, more)
	}
}

func (s *Sparse) say(ctx context.Context, tell func(ctx context.Context, more int) error, more int) {
	if err := tell(ctx, more); err != nil {
		s.log.WarnContext(ctx, "a refusal could not be audited", "error", err)
	}
}

func (s *Sparse) count(key string, who postern.Actor, tell func(ctx context.Context, more int) error) (more int, due bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	k := s.keys[key]
	if k == nil && len(s.keys) >= sparseKeys {
		for other, old := range s.keys {
			if old.more == 0 && now.Sub(old.told) >= sparseEvery {
				delete(s.keys, other)
			}
		}
		if len(s.keys) >= sparseKeys {
			key = ""
			k = s.keys[key]
		}
	}
	if k == nil {
		k = &sparseKey{}
		s.keys[key] = k
	}
	if !k.told.IsZero() && now.Sub(k.told) < sparseEvery {
		k.more++
		k.tell, k.who = tell, who
		return 0, false
	}
	more, k.more, k.told, k.tell = k.more, 0, now, nil
	return more, true
}

// Flush tells what went untold and was followed by nothing within the hour; all of it, if the hour does not matter any
// more because Postern stops.
func (s *Sparse) Flush(ctx context.Context, all bool) {
	for _, k := range s.due(all) {
		s.say(postern.WithActor(ctx, k.who), k.tell, k.more)
	}
}

func (s *Sparse) due(all bool) []sparseKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	var due []sparseKey
	for key, k := range s.keys {
		switch over := now.Sub(k.told) >= sparseEvery; {
		case k.more > 0 && (over || all):
			due = append(due, *k)
			k.more, k.told, k.tell = 0, now, nil
		case k.more == 0 && over:
			delete(s.keys, key)
		}
	}
	return due
}

// Run flushes again and again until ctx ends, and then a last time.
func (s *Sparse) Run(ctx context.Context) {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.Flush(ctx, false)
		case <-ctx.Done():
			s.Flush(context.WithoutCancel(ctx), true)
			return
		}
	}
}
