package job

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"github.com/postern/postern"
)

// Verdict is what follows an attempt.
type Verdict int

// The verdicts.
const (
	Done     Verdict = iota // the job is over
	Again                   // run again after Outcome.Wait, without having failed
	Failed                  // run again after a pause that grows with each failure
	GivenUp                 // no attempt is left: call GiveUp
	Refused                 // the handler cancelled: call GiveUp
	Stopping                // the runner is stopping; the attempt does not count
)

// Outcome is the end of one attempt.
type Outcome struct {
	Verdict Verdict
	Wait    time.Duration // for Again
	Err     error         // for everything but Done and Again
}

// PanicError is a panic of a handler, which counts as a failed attempt.
type PanicError struct {
	Value any
	Stack []byte
}

func (p *PanicError) Error() string { return fmt.Sprintf("the handler panicked: %v", p.Value) }

// Try runs one attempt, number attempt counted from 1, within the kind's timeout.
func (k Kind) Try(ctx context.Context, args json.RawMessage, attempt int) Outcome {
	err := func() error {
		limited, cancel := context.WithTimeout(ctx, k.Timeout)
		defer cancel()
		return guard(func() error { return k.Run(limited, args) })
	}()
	wait, snoozed := SnoozeOf(err)
	switch {
	case err == nil:
		return Outcome{Verdict: Done}
	case snoozed:
		return Outcome{Verdict: Again, Wait: wait}
	case Cancelled(err):
		return Outcome{Verdict: Refused, Err: err}
	case ctx.Err() != nil:
		return Outcome{Verdict: Stopping, Err: err}
	case attempt >= k.MaxAttempts:
		return Outcome{Verdict: GivenUp, Err: err}
	}
	return Outcome{Verdict: Failed, Err: err}
}

// guard turns a panic into an error.
func guard(do func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	return do()
}

// The pause after a failed attempt doubles from one second up to ten minutes.
const (
	firstPause   = time.Second
	longestPause = 10 * time.Minute
)

// Pause is the longest pause after the given number of failed attempts.
func Pause(failures int) time.Duration {
	if failures = max(failures, 1); failures > 10 { // 2^9 s is the last below ten minutes
		return longestPause
	}
	return min(firstPause<<(failures-1), longestPause)
}

// Backoff is the pause that a runner makes: between half of Pause and all of it, so that jobs which failed together do
// not come back together.
func Backoff(failures int) time.Duration {
	pause := Pause(failures)
	return pause/2 + rand.N(pause/2+1)
}

type loggerKey struct{}

// Logger returns the logger of the job that runs in ctx, which names its kind, id and attempt.
func Logger(ctx context.Context) *slog.Logger {
	if l, ok := ctx.Value(loggerKey{}).(*slog.Logger); ok {
		return l
	}
	return slog.Default()
}

// Context prepares ctx for a handler: with its logger, and in Postern's own name whoever started the runner.
func Context(ctx context.Context, logger *slog.Logger) context.Context {
	ctx = postern.WithActor(ctx, postern.Actor{Kind: postern.ActorSystem, Name: "Postern"})
	return context.WithValue(postern.WithGraphRequests(ctx), loggerKey{}, logger)
}
