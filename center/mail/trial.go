package mail

import (
	"context"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

// Test sends a test message at once and says what came of it. It goes past the outbox: who tries the settings wants to
// see the answer.
func (s *Service) Test(ctx context.Context, in postern.MailTestInput) (postern.MailTest, error) {
	out := postern.MailTest{At: s.Now().UTC()}
	to := strings.TrimSpace(in.To)
	if err := checkAddress(to); err != nil {
		return out, postern.FieldErrorf("to", "%s", err)
	}
	settings, err := s.Settings(ctx)
	if err != nil {
		return out, err
	}
	err = s.try(ctx, settings, to)
	if ctx.Err() != nil {
		return out, ctx.Err()
	}
	e := postern.AuditEvent{Code: audit.MailTested.Code, Name: audit.MailTested.Name, TargetName: to, Success: true, Message: "A test message was sent."}
	out.OK, out.Message = true, "The mail server took the message for "+to+". Look whether it arrived."
	if err != nil {
		problem := postern.AsError(err)
		out.OK, out.Code, out.Message, out.Next = false, problem.Code, sentence(problem), problem.Next
		e.Code, e.Name, e.Success, e.ErrorCode, e.Message = audit.MailTestFailed.Code, audit.MailTestFailed.Name, false, problem.Code, out.Message
	}
	return out, s.Store.Atomically(ctx, func(ctx context.Context) error { return s.Audit.Record(ctx, e) })
}

func (s *Service) try(ctx context.Context, settings postern.MailSettings, to string) error {
	line, err := s.dial(ctx, settings)
	if err != nil {
		return err
	}
	defer line.close()
	p := page{
		Language: postern.English, Application: "Postern", Subject: "Test message from Postern", Greeting: "Hello,",
		Intro: []string{"this message was sent from Postern with the mail settings stored there. It arrived, so they work."},
		Body: []block{
			{Paragraph: "Special letters: Grüße, déjà vu, Ελλάδα, 日本."},
			{Paragraph: "There is nothing to do."},
		},
		Footer: []string{"This message was sent automatically, because an administrator asked for it."},
	}
	letter, err := p.write()
	if err != nil {
		return err
	}
	m := Entry{Message: postern.Message{
		ID: postern.NewID[postern.MessageID](postern.PrefixMessage), Kind: postern.MessageTest, Language: postern.English, Address: to,
		CreatedAt: s.Now().UTC(),
	}}
	return line.send(ctx, m, letter, "")
}

// Check opens a conversation with the mail server and signs in, and sends nothing. Nil: messages could be sent.
func (s *Service) Check(ctx context.Context) error {
	settings, err := s.Settings(ctx)
	if err != nil {
		return err
	}
	line, err := s.dial(ctx, settings)
	if err != nil {
		return err
	}
	line.close()
	return nil
}
