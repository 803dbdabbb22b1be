package bulk

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/job"
)

// Plan says what a job would do, without doing or storing anything.
func (s *Service) Plan(ctx context.Context, id postern.IntegrationID, in postern.BulkInput) (postern.BulkPlan, error) {
	plan, _, err := s.plan(ctx, id, in)
	return plan, err
}

// samples is how many users a plan names for each reason to leave users out.
const samples = 5

func (s *Service) plan(ctx context.Context, id postern.IntegrationID, in postern.BulkInput) (postern.BulkPlan, gathered, error) {
	if err := s.require(ctx, in.Kind); err != nil {
		return postern.BulkPlan{}, gathered{}, err
	}
	if err := check(in); err != nil {
		return postern.BulkPlan{}, gathered{}, err
	}
	if _, err := s.Tenants.Get(ctx, id); err != nil {
		return postern.BulkPlan{}, gathered{}, err
	}
	if s.MailReady != nil && (in.Mail != postern.MailNone || in.Kind == postern.BulkRemind) {
		if err := s.MailReady(ctx); err != nil {
			if in.Kind != postern.BulkRemind {
				err = postern.AsError(err).OnField("mail")
			}
			return postern.BulkPlan{}, gathered{}, err
		}
	}
	g, err := s.gather(ctx, id, in)
	if err != nil {
		return postern.BulkPlan{}, gathered{}, err
	}
	plan := postern.BulkPlan{
		Kind: in.Kind, Source: g.source, Total: len(g.rows), Duplicates: g.duplicates, Destructive: in.Kind.Destructive(),
		Skips: []postern.BulkSkip{},
	}
	at := make(map[string]int)
	for _, row := range g.rows {
		if row.State != postern.BulkRowSkipped {
			plan.Acts++
			continue
		}
		n, ok := at[row.Message]
		if !ok {
			n = len(plan.Skips)
			at[row.Message] = n
			plan.Skips = append(plan.Skips, postern.BulkSkip{Code: row.Code, Message: row.Message})
		}
		skip := &plan.Skips[n]
		skip.Rows++
		if len(skip.Users) < samples {
			skip.Users = append(skip.Users, row.Given)
		}
	}
	plan.Sentence = sentence(in, plan.Acts)
	return plan, g, nil
}

func check(in postern.BulkInput) error {
	if in.ValidMinutes < 0 || in.ValidMinutes > maxValidMinutes {
		return postern.FieldErrorf("valid_minutes", "A code can be valid for 1 to %d minutes.", maxValidMinutes)
	}
	if in.Mail != postern.MailNone && in.Mail != postern.MailInvitation && in.Mail != postern.MailCode {
		return postern.FieldErrorf("mail", "mail is invitation, code, or absent.")
	}
	if in.Kind != postern.BulkInvite && (in.Mail != postern.MailNone || in.ValidMinutes != 0) {
		return postern.FieldErrorf("kind", "mail and valid_minutes belong to invitations.").WithNext("Leave them out.")
	}
	if len(in.Note) > 500 {
		return postern.FieldErrorf("note", "The note is longer than 500 characters.")
	}
	return nil
}

// sentence says what will happen to n users.
func sentence(in postern.BulkInput, n int) string {
	who := users(n)
	switch in.Kind {
	case postern.BulkInvite:
		s := "An invitation is made for " + who + "; earlier open ones of theirs are withdrawn."
		switch in.Mail {
		case postern.MailCode:
			return s + " Each gets the invitation and the one-time code by mail, as two messages."
		case postern.MailInvitation:
			return s + " Each gets the invitation by mail; the one-time codes can be fetched as a file, once, within 24 hours."
		}
		return s + " The one-time codes can be fetched as a file, once, within 24 hours."
	case postern.BulkProvision:
		return "Every phone of " + who + " that has no passkey yet is asked to make one; its owner accepts on the phone."
	case postern.BulkRevokeUser:
		return "All phones, passkeys and invitations of " + who + " are taken away at once. They can no longer sign in with them, and it cannot be undone."
	case postern.BulkRevokePhones:
		return "All phones of " + who + " are cut off at once, and the passkeys on them are removed from Entra. It cannot be undone."
	case postern.BulkSuspend:
		return "Access is held back from " + who + " until it is given back; passkeys stay registered."
	case postern.BulkResume:
		return "Access is given back to " + who + "."
	case postern.BulkRemind:
		return "A reminder is sent to " + who + "."
	}
	return string(in.Kind) + " for " + who + "."
}

func users(n int) string {
	if n == 1 {
		return "1 user"
	}
	return strconv.Itoa(n) + " users"
}

// Start stores a job with its rows, and has them done.
func (s *Service) Start(ctx context.Context, id postern.IntegrationID, in postern.BulkInput) (postern.BulkJob, error) {
	plan, g, err := s.plan(ctx, id, in)
	if err != nil {
		return postern.BulkJob{}, err
	}
	if (plan.Destructive || in.Expect != 0) && in.Expect != plan.Acts {
		return postern.BulkJob{}, postern.Errorf(postern.CodeBulkCount, "The job would act on %s, and %d were confirmed.", users(plan.Acts), in.Expect).
			OnField("expect")
	}
	now := s.Now().UTC()
	r := Record{
		BulkJob: postern.BulkJob{
			ID: postern.NewID[postern.BulkJobID](postern.PrefixBulkJob), IntegrationID: id, Version: 1, Kind: in.Kind,
			State: postern.BulkRunning, Source: g.source, ValidMinutes: in.ValidMinutes, Mail: in.Mail, Note: in.Note,
			Counts:    postern.BulkCounts{Total: plan.Total, Pending: plan.Acts, Skipped: plan.Total - plan.Acts},
			StartedBy: postern.ActorFrom(ctx).Name, Change: 1, CreatedAt: now, UpdatedAt: now,
		},
		Actor: postern.ActorFrom(ctx), Digest: digest(in, g.rows), Mark: now, MarkFinished: plan.Total - plan.Acts,
	}
	for n := range g.rows {
		g.rows[n].JobID, g.rows[n].UpdatedAt = r.ID, now
	}
	err = s.Store.Atomically(ctx, func(ctx context.Context) error {
		switch other, err := s.Store.EqualBulkJob(ctx, id, r.Digest); {
		case err == nil:
			return postern.Errorf(postern.CodeBulkRunning, "The same job for the same users is under way already: %s.", other)
		case !postern.IsCode(err, postern.CodeNotFound):
			return err
		}
		if err := s.Store.CreateBulkJob(ctx, r, g.rows); err != nil {
			return err
		}
		if err := s.Queue.Enqueue(ctx, RunJob{r.ID}, job.Bulk()); err != nil {
			return err
		}
		return s.Audit.Record(ctx, event(audit.BulkStarted, r, fmt.Sprintf("A job was started: %s", plan.Sentence)))
	})
	if err != nil {
		return postern.BulkJob{}, err
	}
	return s.shown(r), nil
}

func event(code audit.Code, r Record, message string) postern.AuditEvent {
	fields := map[string]string{
		"kind": string(r.Kind), "source": r.Source, "total": strconv.Itoa(r.Counts.Total), "done": strconv.Itoa(r.Counts.Done),
		"skipped": strconv.Itoa(r.Counts.Skipped), "failed": strconv.Itoa(r.Counts.Failed),
	}
	if r.Note != "" {
		fields["note"] = r.Note
	}
	return postern.AuditEvent{
		Code: code.Code, Name: code.Name, IntegrationID: r.IntegrationID, Target: string(r.ID), TargetName: string(r.Kind),
		Success: true, Message: message, Fields: fields,
	}
}

// pace measures how many rows a minute are finished: over spans of at least paceSpan, each weighing as much as all
// before it.
func pace(r *Record, now time.Time) {
	span := now.Sub(r.Mark)
	if span < paceSpan {
		return
	}
	finished := r.Counts.Finished()
	latest := float64(max(finished-r.MarkFinished, 0)) / span.Minutes()
	if r.PerMinute > 0 {
		latest = (latest + r.PerMinute) / 2
	}
	r.PerMinute, r.Mark, r.MarkFinished = latest, now, finished
}

const paceSpan = 5 * time.Second
