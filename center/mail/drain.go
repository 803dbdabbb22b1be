package mail

import (
	"context"
	"errors"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/job"
)

const (
	drainEvery = 5 * time.Minute // also without a reason, in case one was lost
	drainTime  = 2 * time.Minute
	drainWork  = time.Minute // how long one run begins new messages
	batch      = 50

	// lease is how long a message whose sending was begun is left to who began it.
	lease = 3 * time.Minute
	// patience is how long a message is tried.
	patience = 48 * time.Hour
	// serverPause is how long a mail server that cannot be used is left alone.
	serverPause = 2 * time.Minute
	// fullPause is how long nothing is begun once as much was sent in a minute as may be.
	fullPause = 10 * time.Second

	firstPause, longPause = time.Minute, time.Hour
)

// DrainJob sends what waits in the outbox.
type DrainJob struct{}

// Kind implements [job.Args].
func (DrainJob) Kind() string { return "mail.drain" }

// Drain sends what is due, over one connection and no faster than the settings allow, and asks to be run again for
// what is left.
func (s *Service) Drain(ctx context.Context, _ DrainJob) error {
	pause, err := s.drain(ctx)
	if err != nil {
		return err
	}
	at, ok, err := s.Store.NextMessage(ctx)
	if err != nil || !ok {
		return err
	}
	return s.Queue.Enqueue(ctx, DrainJob{}, job.After(max(pause, at.Sub(s.Now()))), job.Bulk())
}

// drain does what can be done now; after pause there may be more.
func (s *Service) drain(ctx context.Context) (pause time.Duration, err error) {
	settings, err := s.Settings(ctx)
	if err != nil {
		return 0, err
	}
	var line *conversation
	defer func() { line.close() }()
	for began := s.Now(); s.Now().Sub(began) < drainWork; {
		room, err := s.room(ctx, settings)
		if err != nil {
			return 0, err
		}
		if room <= 0 {
			return fullPause, nil
		}
		due, err := s.Store.DueMessages(ctx, s.Now(), min(room, batch))
		if err != nil {
			return 0, err
		}
		if len(due) == 0 {
			return 0, nil
		}
		if due, err = s.dropDead(ctx, due); err != nil {
			return 0, err
		}
		if line == nil && len(due) > 0 {
			if line, err = s.dial(ctx, settings); err != nil {
				problem := postern.AsError(err)
				s.Logger.WarnContext(ctx, "the mail server cannot be used", "code", problem.Code, "cause", problem.Message)
				return 0, s.Store.PostponeMessages(ctx, s.Now().UTC(), s.Now().Add(serverPause).UTC(), sentence(problem))
			}
		}
		for _, m := range due {
			if err := s.deliver(ctx, line, m); err != nil {
				return 0, err
			}
			if line.broken {
				line.close()
				line = nil
				break
			}
		}
	}
	return time.Second, nil
}

// room is how many messages may be begun now.
func (s *Service) room(ctx context.Context, settings postern.MailSettings) (int, error) {
	tried, err := s.Store.MessagesTried(ctx, s.Now().Add(-time.Minute))
	return settings.PerMinute - tried, err
}

// dropDead takes out of due what need not or cannot be sent any more.
func (s *Service) dropDead(ctx context.Context, due []Entry) ([]Entry, error) {
	var alive []Entry
	for _, m := range due {
		var err error
		switch {
		case m.ExpiresAt != nil && !s.Now().Before(*m.ExpiresAt):
			err = s.withdraw(ctx, m, "The invitation ran out before the message could be sent.")
		case s.Now().Sub(m.CreatedAt) > patience:
			err = s.fail(ctx, m, gaveUp(m))
		default:
			alive = append(alive, m)
		}
		if err != nil && !postern.IsCode(err, postern.CodeStale) {
			return nil, err
		}
	}
	return alive, nil
}

func gaveUp(m Entry) *postern.Error {
	text := "It could not be sent for two days."
	if m.Problem != "" {
		text += " At last: " + m.Problem
	}
	return postern.Errorf(postern.CodeMailServer, "%s", text)
}

// deliver sends one message. The attempt is stored first, so that nobody else sends it meanwhile and a crash leaves a
// trace; what came of it is stored afterwards. A crash between the two has the message sent a second time.
func (s *Service) deliver(ctx context.Context, line *conversation, was Entry) error {
	at, next := s.Now().UTC(), s.Now().Add(lease).UTC()
	m := was
	m.Attempts, m.TriedAt, m.NextAt = was.Attempts+1, &at, &next
	err := s.Store.UpdateMessage(ctx, was, m)
	if postern.IsCode(err, postern.CodeStale) || postern.IsCode(err, postern.CodeNotFound) {
		return nil // somebody else has it, or it was taken back
	}
	if err != nil {
		return err
	}
	letter, secret, err := s.letter(ctx, m)
	if postern.IsCode(err, postern.CodeNotFound) {
		return nil // the integration went, and the message with it
	}
	if err != nil {
		s.Logger.ErrorContext(ctx, "a message cannot be written", "message", m.ID, "cause", err)
		return s.fail(ctx, m, postern.Errorf(postern.CodeInternal, "The message could not be written."))
	}
	err = line.send(ctx, m, letter, secret)
	var refused *refusal
	switch {
	case err == nil:
		return s.sent(ctx, m)
	case errors.As(err, &refused) && refused.final:
		return s.fail(ctx, m, refused.problem)
	}
	return s.later(ctx, m, postern.AsError(err))
}

// letter writes a message. secret is what must not be repeated anywhere else.
func (s *Service) letter(ctx context.Context, m Entry) (postern.MessagePreview, string, error) {
	var none postern.MessagePreview
	f, err := s.open(ctx, m)
	if err != nil {
		return none, "", err
	}
	i, err := s.Integrations.Get(ctx, m.IntegrationID)
	if err != nil {
		return none, "", err
	}
	texts, err := s.stored(ctx, m.IntegrationID)
	if err != nil {
		return none, "", err
	}
	sc, err := s.scene(ctx, i, texts, m.Kind, m.Language)
	if err != nil {
		return none, "", err
	}
	letter, err := sc.compose(f).write()
	return letter, f.Code, err
}

func (s *Service) sent(ctx context.Context, m Entry) error {
	at := s.Now().UTC()
	now := m
	now.State, now.SentAt, now.Problem = postern.MessageSent, &at, ""
	return s.settle(ctx, m, now, audit.MessageSent, "A message to the user was sent.", nil)
}

func (s *Service) fail(ctx context.Context, m Entry, why *postern.Error) error {
	now := m
	now.State, now.Problem = postern.MessageFailed, sentence(why)
	return s.settle(ctx, m, now, audit.MessageFailed, "A message to the user could not be sent.", why)
}

// settle stores the end of a message. A message that was taken back while it was under way stays so: the server has it
// all the same.
func (s *Service) settle(ctx context.Context, was, now Entry, code audit.Code, message string, why *postern.Error) error {
	err := s.Store.Atomically(ctx, func(ctx context.Context) error {
		if err := s.Store.UpdateMessage(ctx, was, now); err != nil {
			return err
		}
		u, err := s.Store.User(ctx, was.UserID)
		if err != nil {
			return err
		}
		s.Store.AfterCommit(ctx, func() { s.Notices.Publish(Topic(was.UserID)) })
		e := event(code, u, message, map[string]string{"message": string(was.ID), "kind": string(was.Kind), "address": was.Address})
		if why != nil {
			e.Success, e.ErrorCode, e.Message = false, why.Code, message+" "+why.Message
		}
		return s.Audit.Record(ctx, e)
	})
	if postern.IsCode(err, postern.CodeStale) || postern.IsCode(err, postern.CodeNotFound) {
		return nil
	}
	return err
}

// later has a message tried again.
func (s *Service) later(ctx context.Context, m Entry, why *postern.Error) error {
	next := s.Now().Add(min(longPause, firstPause<<min(m.Attempts-1, 6))).UTC()
	now := m
	now.NextAt, now.Problem = &next, sentence(why)
	err := s.Store.UpdateMessage(ctx, m, now)
	if postern.IsCode(err, postern.CodeStale) || postern.IsCode(err, postern.CodeNotFound) {
		return nil
	}
	return err
}

// sentence is a problem as the outbox shows it.
func sentence(e *postern.Error) string {
	const most = 500
	text := []rune(visible(e.Message, 0))
	if len(text) > most {
		text = append(text[:most-1], '…')
	}
	return string(text)
}
