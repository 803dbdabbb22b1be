package mail

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/job"
)

// The order in which messages go out.
const (
	rankAwaited = 0 // somebody waits for it
	rankBulk    = 1
)

// Outbox lists messages, newest first.
func (s *Service) Outbox(ctx context.Context, q Query) ([]postern.Message, error) {
	return s.Store.Messages(ctx, q)
}

// Invited writes to an invited user in the transaction of ctx; with withCode the one-time code follows in a message of
// its own, which ends with the invitation.
func (s *Service) Invited(ctx context.Context, u postern.User, inv postern.Invitation, code string, withCode bool) error {
	f := facts{Ends: inv.ExpiresAt}
	if err := s.put(ctx, u, draft{kind: postern.MessageInvitation, invitation: inv.ID, ends: &inv.ExpiresAt, facts: f}); err != nil {
		return err
	}
	if !withCode {
		return nil
	}
	f.Code = code
	return s.put(ctx, u, draft{kind: postern.MessageCode, invitation: inv.ID, ends: &inv.ExpiresAt, facts: f})
}

// InvitationOver takes back what was not sent yet about an invitation that is open no longer.
func (s *Service) InvitationOver(ctx context.Context, id postern.InvitationID) error {
	return s.Store.WithdrawMessages(ctx, id, "The invitation was used or withdrawn before the message was sent.")
}

func (s *Service) withdraw(ctx context.Context, was Entry, why string) error {
	now := was
	now.State, now.Problem = postern.MessageWithdrawn, why
	if err := s.Store.UpdateMessage(ctx, was, now); err != nil {
		return err
	}
	s.Store.AfterCommit(ctx, func() { s.Notices.Publish(Topic(was.UserID)) })
	return nil
}

// PhoneRevoked tells a user that the organisation removed a phone, in the transaction of ctx, where the integration
// wants it and mail can be sent. What stands in the way of the message does not stand in the way of the revocation.
func (s *Service) PhoneRevoked(ctx context.Context, user postern.UserID, phone string) error {
	u, err := s.Store.User(ctx, user)
	if err != nil {
		return err
	}
	m, err := s.stored(ctx, u.IntegrationID)
	if err != nil || !m.RevokeNotice || u.Account == postern.AccountDeleted {
		return err
	}
	err = s.put(ctx, u, draft{kind: postern.MessagePhoneRevoked, facts: facts{Phone: phone}})
	if postern.IsCode(err, postern.CodeMailOff) || postern.IsCode(err, postern.CodeMailAddress) {
		return nil
	}
	return err
}

// Remind writes to a user who is not done: that the phone is paired and Entra does not know it yet, or that the
// invitation runs out. CodeConflict says that there is nothing to remind of, or that a reminder waits already.
func (s *Service) Remind(ctx context.Context, id postern.UserID) error {
	return s.Store.Atomically(ctx, func(ctx context.Context) error {
		u, err := s.Store.User(ctx, id)
		if err != nil {
			return err
		}
		d, err := s.reminderFor(ctx, u)
		if err != nil {
			return err
		}
		waiting, err := s.Store.Messages(ctx, Query{UserID: id, Kind: d.kind, State: postern.MessageQueued, Limit: 1})
		if err != nil {
			return err
		}
		if len(waiting) > 0 {
			return postern.Errorf(postern.CodeConflict, "A reminder for %s waits to be sent already.", u.DisplayName).
				WithNext("Look at the outbox for what it waits for.")
		}
		if err := s.put(ctx, u, d); err != nil {
			return err
		}
		return s.Audit.Record(ctx, event(audit.UserReminded, u, "A reminder to the user was asked for.", map[string]string{"kind": string(d.kind)}))
	})
}

// reminderFor decides what a user is to be reminded of.
func (s *Service) reminderFor(ctx context.Context, u postern.User) (draft, error) {
	switch {
	case u.Account == postern.AccountDisabled || u.Account == postern.AccountDeleted:
	case u.Phase == postern.PhasePaired:
		return draft{kind: postern.MessageReminder}, nil
	case u.Phase == postern.PhaseEligible:
		all, err := s.Store.Invitations(ctx, u.ID)
		if err != nil {
			return draft{}, err
		}
		for _, inv := range all {
			if inv.State == postern.InvitationOpen && s.Now().Before(inv.ExpiresAt) {
				return ending(inv), nil
			}
		}
	}
	return draft{}, postern.Errorf(postern.CodeConflict, "There is nothing to remind %s of.", u.DisplayName).
		WithNext("Reminders go to users whose phone is paired and whose passkey is missing, or whose invitation is open.")
}

func ending(inv postern.Invitation) draft {
	return draft{kind: postern.MessageEnding, invitation: inv.ID, ends: &inv.ExpiresAt, facts: facts{Ends: inv.ExpiresAt}}
}

// Resend writes a message again that was sent or failed. A one-time code is not there any more: that takes a new
// invitation.
func (s *Service) Resend(ctx context.Context, id postern.MessageID) error {
	was, err := s.Store.Message(ctx, id)
	if err != nil {
		return err
	}
	switch was.Kind {
	case postern.MessageReminder, postern.MessageEnding:
		return s.Remind(ctx, was.UserID)
	case postern.MessageInvitation:
		return s.resendInvitation(ctx, was)
	}
	return postern.Errorf(postern.CodeConflict, "A message of this kind cannot be sent again: what it said is not kept.").
		WithNext("For a one-time code invite the user again; the old code then stops working.")
}

func (s *Service) resendInvitation(ctx context.Context, was Entry) error {
	return s.Store.Atomically(ctx, func(ctx context.Context) error {
		inv, err := s.Store.Invitation(ctx, was.InvitationID)
		if err != nil {
			return err
		}
		if inv.State != postern.InvitationOpen || !s.Now().Before(inv.ExpiresAt) {
			return postern.Errorf(postern.CodeConflict, "The invitation is not open any more.").WithNext("Invite the user again.")
		}
		if was.State == postern.MessageQueued {
			return postern.Errorf(postern.CodeConflict, "The message waits to be sent already.").WithNext("Look at the outbox for what it waits for.")
		}
		u, err := s.Store.User(ctx, was.UserID)
		if err != nil {
			return err
		}
		if err := s.put(ctx, u, draft{kind: was.Kind, invitation: inv.ID, ends: &inv.ExpiresAt, facts: facts{Ends: inv.ExpiresAt}}); err != nil {
			return err
		}
		return s.Audit.Record(ctx, event(audit.UserReminded, u, "A message was asked for again.", map[string]string{"kind": string(was.Kind)}))
	})
}

// draft is a message that is about to be put into the outbox.
type draft struct {
	kind       postern.MessageKind
	invitation postern.InvitationID
	ends       *time.Time
	rank       int
	facts      facts
}

// put puts a message into the outbox and has it sent, in the transaction of ctx.
func (s *Service) put(ctx context.Context, u postern.User, d draft) error {
	settings, err := s.Settings(ctx)
	if err != nil {
		return err
	}
	if !settings.Configured() {
		return postern.Errorf(postern.CodeMailOff, "").OnField("mail")
	}
	address, ok := addressOf(u)
	if !ok {
		return postern.Errorf(postern.CodeMailAddress, "").OnField("mail")
	}
	m, err := s.stored(ctx, u.IntegrationID)
	if err != nil {
		return err
	}
	id, now := postern.NewID[postern.MessageID](postern.PrefixMessage), s.Now().UTC()
	d.facts.Name, d.facts.UPN = u.DisplayName, u.UPN
	plain, err := json.Marshal(d.facts)
	if err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	sealed, err := s.Sealer.Seal(ctx, sealPurpose(id), plain)
	if err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	entry := Entry{
		Message: postern.Message{
			ID: id, IntegrationID: u.IntegrationID, UserID: u.ID, InvitationID: d.invitation, Kind: d.kind, Language: m.Language,
			Address: address, Name: firstLine(u.DisplayName), State: postern.MessageQueued, CreatedAt: now, NextAt: &now,
		},
		Sealed: sealed, Rank: d.rank, ExpiresAt: d.ends,
	}
	if err := s.Store.CreateMessage(ctx, entry); err != nil {
		return err
	}
	s.Store.AfterCommit(ctx, func() { s.Notices.Publish(Topic(u.ID)) })
	var options []job.Option
	if d.rank == rankBulk {
		options = append(options, job.Bulk())
	}
	return s.Queue.Enqueue(ctx, DrainJob{}, options...)
}

func sealPurpose(id postern.MessageID) string { return "message/" + string(id) }

// open reads what a queued message is made of.
func (s *Service) open(ctx context.Context, m Entry) (facts, error) {
	var f facts
	plain, err := s.Sealer.Open(ctx, sealPurpose(m.ID), m.Sealed)
	if err != nil {
		return f, fmt.Errorf("mail: %s: %w", m.ID, err)
	}
	if err := json.Unmarshal(plain, &f); err != nil {
		return f, fmt.Errorf("mail: %s cannot be read", m.ID) // the cause may quote it
	}
	return f, nil
}

// addressOf is where a user reads mail: the mail address of the directory, or else the user principal name. The name
// under which a guest is kept (with #EXT#) is no address.
func addressOf(u postern.User) (string, bool) {
	candidates := []string{u.Mail, u.UPN}
	n := slices.IndexFunc(candidates, func(a string) bool {
		return a != "" && checkAddress(a) == nil && !strings.Contains(a, "#EXT#")
	})
	if n < 0 {
		return "", false
	}
	return candidates[n], true
}
