package job

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Registry holds the handler of each kind. It is filled before a runner starts and not changed afterwards.
type Registry struct {
	kinds    map[string]Kind
	periodic []periodic
}

// Kind is one registered kind of job.
type Kind struct {
	Name        string
	MaxAttempts int
	Timeout     time.Duration // of one attempt
	First       bool
	Run         func(ctx context.Context, args json.RawMessage) error
	GiveUp      func(ctx context.Context, args json.RawMessage, cause error) error // may be nil
}

// DefaultTimeout bounds one attempt of a job whose rules say nothing else.
const DefaultTimeout = time.Minute

// Rules bound the attempts of a kind. The zero value means 25 attempts of one minute each.
type Rules struct {
	MaxAttempts int
	Timeout     time.Duration
	// First runs jobs of the kind before others of their queue: for kinds that finish what other kinds begin, so that a
	// rush of beginnings cannot hold up the endings.
	First bool
}

// Handle registers the handler of T's kind. giveUp may be nil; it is called once when no attempt is left or the handler
// cancelled, so that what waits for the job can be told.
func Handle[T Args](r *Registry, rules Rules, run func(ctx context.Context, args T) error, giveUp func(ctx context.Context, args T, cause error) error) {
	var zero T
	if rules.MaxAttempts == 0 {
		rules.MaxAttempts = 25
	}
	if rules.Timeout == 0 {
		rules.Timeout = DefaultTimeout
	}
	kind := Kind{Name: zero.Kind(), MaxAttempts: rules.MaxAttempts, Timeout: rules.Timeout, First: rules.First}
	kind.Run = func(ctx context.Context, raw json.RawMessage) error {
		var args T
		if err := json.Unmarshal(raw, &args); err != nil {
			return Cancel(fmt.Errorf("arguments of %s: %w", kind.Name, err))
		}
		return run(ctx, args)
	}
	if giveUp != nil {
		kind.GiveUp = func(ctx context.Context, raw json.RawMessage, cause error) error {
			var args T
			if err := json.Unmarshal(raw, &args); err != nil {
				return fmt.Errorf("arguments of %s: %w", kind.Name, err)
			}
			return giveUp(ctx, args, cause)
		}
	}
	if r.kinds == nil {
		r.kinds = make(map[string]Kind)
	}
	if _, twice := r.kinds[kind.Name]; twice {
		panic("job: kind registered twice: " + kind.Name)
	}
	r.kinds[kind.Name] = kind
}

// Kinds returns all registered kinds by name.
func (r *Registry) Kinds() map[string]Kind { return r.kinds }
