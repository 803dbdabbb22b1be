// Package job runs durable jobs: work that was decided in a transaction and must happen, once or harmlessly again,
// whatever crashes in between.
//
// It owns kinds, retries, schedules and give-up rules, and runs them on River over the database of package store. It
// does not own what a job does: domain packages declare their arguments and register a handler. Handlers must be
// repeatable, because a job whose process dies is run again.
package job

import (
	"context"
	"errors"
	"time"
)

// Args are the arguments of one kind of job. They are stored as JSON, so they hold identifiers, never secrets.
type Args interface {
	Kind() string
}

// Queue takes jobs. Enqueue joins the transaction of ctx, so the job exists exactly if the decision that asked for it
// does. Two jobs of the same kind with equal arguments that both still wait are one. What is enqueued in the background
// ([postern.WithBackground]) is bulk work, without saying so.
type Queue interface {
	Enqueue(ctx context.Context, args Args, options ...Option) error
}

// Option changes how a job is enqueued.
type Option func(*Settings)

// Settings are what options change.
type Settings struct {
	After time.Duration // not before that much time has passed
	Bulk  bool          // behind everything a person waits for
}

// After delays a job.
func After(d time.Duration) Option { return func(s *Settings) { s.After = d } }

// Bulk puts a job behind those a person waits for.
func Bulk() Option { return func(s *Settings) { s.Bulk = true } }

// Snooze is the error a handler returns to be run again after d without having failed.
func Snooze(d time.Duration) error { return &snooze{d} }

type snooze struct{ d time.Duration }

func (s *snooze) Error() string { return "job: snoozed for " + s.d.String() }

// SnoozeOf reports for how long err asks to snooze.
func SnoozeOf(err error) (time.Duration, bool) {
	var s *snooze
	if errors.As(err, &s) {
		return s.d, true
	}
	return 0, false
}

// Cancel is the error a handler returns when running again cannot help.
func Cancel(err error) error { return &cancel{err} }

type cancel struct{ err error }

func (c *cancel) Error() string { return "job: cancelled: " + c.err.Error() }
func (c *cancel) Unwrap() error { return c.err }

// Cancelled reports whether err asks not to be run again.
func Cancelled(err error) bool {
	var c *cancel
	return errors.As(err, &c)
}
