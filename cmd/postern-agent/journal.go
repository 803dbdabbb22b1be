package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
)

// journal is the event log of a system.
type journal interface {
	Info(id uint32, text string) error
	Warning(id uint32, text string) error
	Error(id uint32, text string) error
}

// The numbers of events. They are between 1 and 1000, for which Windows brings the message file itself.
const (
	eventStarted = 1
	eventStopped = 2
	eventFailed  = 3
	eventWarning = 100
	eventError   = 200
)

// maxEvent bounds the text of an event. Windows takes 31,839 characters.
const maxEvent = 8 << 10

// noticed passes records on, and writes warnings and errors to the journal as well.
type noticed struct {
	slog.Handler
	journal journal
	with    func(slog.Handler) slog.Handler // adds what a logger was given
}

// Enabled implements [slog.Handler]. The journal hears warnings whatever the level of the log.
func (n *noticed) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn || n.Handler.Enabled(ctx, level)
}

// Handle implements [slog.Handler].
func (n *noticed) Handle(ctx context.Context, r slog.Record) error {
	var err error
	if n.Handler.Enabled(ctx, r.Level) {
		err = n.Handler.Handle(ctx, r)
	}
	if r.Level < slog.LevelWarn {
		return err
	}
	var details bytes.Buffer
	plain := slog.Handler(slog.NewTextHandler(&details, &slog.HandlerOptions{Level: slog.LevelWarn, ReplaceAttr: detailsAlone}))
	if n.with != nil {
		plain = n.with(plain)
	}
	err = errors.Join(err, plain.Handle(ctx, r))
	text := r.Message
	if more := strings.TrimSpace(details.String()); more != "" {
		text += "\r\n" + more
	}
	if r.Level >= slog.LevelError {
		return errors.Join(err, n.journal.Error(eventError, eventText(text)))
	}
	return errors.Join(err, n.journal.Warning(eventWarning, eventText(text)))
}

// detailsAlone leaves out what the journal says itself.
func detailsAlone(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey || a.Key == slog.MessageKey) {
		return slog.Attr{}
	}
	return a
}

// WithAttrs implements [slog.Handler].
func (n *noticed) WithAttrs(attrs []slog.Attr) slog.Handler {
	return n.add(func(h slog.Handler) slog.Handler { return h.WithAttrs(attrs) })
}

// WithGroup implements [slog.Handler].
func (n *noticed) WithGroup(name string) slog.Handler {
	return n.add(func(h slog.Handler) slog.Handler { return h.WithGroup(name) })
}

func (n *noticed) add(more func(slog.Handler) slog.Handler) slog.Handler {
	before := n.with
	return &noticed{Handler: more(n.Handler), journal: n.journal, with: func(h slog.Handler) slog.Handler {
		if before != nil {
			h = before(h)
		}
		return more(h)
	}}
}

// eventText makes a text fit for an event: no zero in it, which ends strings there, and not too long.
func eventText(s string) string {
	s = strings.ReplaceAll(s, "\x00", "")
	if len(s) > maxEvent {
		s = strings.ToValidUTF8(s[:maxEvent], "") + "…"
	}
	return s
}

// lastWords passes on what a program writes, and keeps the end of it: there it says why it stopped.
type lastWords struct {
	to interface{ Write([]byte) (int, error) }

	mu   sync.Mutex
	kept []byte
}

// Write implements [io.Writer].
func (l *lastWords) Write(b []byte) (int, error) {
	l.mu.Lock()
	l.kept = append(l.kept, b...)
	if over := len(l.kept) - maxEvent/4; over > 0 {
		l.kept = append([]byte(nil), l.kept[over:]...)
	}
	l.mu.Unlock()
	return l.to.Write(b)
}

func (l *lastWords) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.TrimSpace(strings.ToValidUTF8(string(l.kept), ""))
}
