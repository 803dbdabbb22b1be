package audit

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Sparse keeps those who fail on purpose from filling the trail: of each key (an address, mostly) it tells the first
// time at once, and what follows within the hour as one number with the next. Make it with [NewSparse].
type Sparse struct {
	now func() time.Time
	log *slog.Logger

	mu   sync.Mutex
	keys map[string]*sparseKey
}

type sparseKey struct {
	told time.Time
	more int
}

const (
	sparseEvery = time.Hour
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

// Note counts one failure of key and calls tell when it is time: with how many went untold since the last. What failed
// has failed already, so an error of tell is only logged.
func (s *Sparse) Note(ctx context.Context, key string, tell func(ctx context.Context, more int) error) {
	more, due := s.count(key)
	if !due {
		return
	}
	if err := tell(ctx, more); err != nil {
		s.log.WarnContext(ctx, "a refusal could not be audited", "error", err)
	}
}

func (s *Sparse) count(key string) (more int, due bool) {
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
		return 0, false
	}
	more, k.more, k.told = k.more, 0, now
	return more, true
}
