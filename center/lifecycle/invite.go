package lifecycle

import (
	"context"
	"crypto/subtle"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

const (
	defaultValidity = 3 * 24 * time.Hour
	maxValidity     = 43200 * time.Minute
)

// Invite invites a user of the tenant to enrol a phone and returns the one-time code, which is not stored. An open
// invitation of the same user is withdrawn, so that one code works at a time.
func (s *Service) Invite(ctx context.Context, id postern.IntegrationID, in postern.InvitationInput) (postern.InvitationCreated, error) {
	return s.InviteThen(ctx, id, in, func(context.Context, postern.InvitationCreated) error { return nil })
}

// InviteThen is [Service.Invite] that calls then in the inviting transaction, which may be begun again. An error of then
// undoes the invitation.
func (s *Service) InviteThen(ctx context.Context, id postern.IntegrationID, in postern.InvitationInput,
	then func(ctx context.Context, created postern.InvitationCreated) error,
) (postern.InvitationCreated, error) {
	created, err := s.invite(ctx, id, in, then)
	if err != nil && !postern.IsCode(err, postern.CodeNotFound) {
		e := postern.AsError(err)
		failed := postern.AuditEvent{
			Code: audit.InviteFailed.Code, Name: audit.InviteFailed.Name, IntegrationID: id, TargetName: bounded(in.User),
			ErrorCode: e.Code, Message: e.Message,
		}
		if err := s.Store.Atomically(context.WithoutCancel(ctx), func(ctx context.Context) error { return s.Audit.Record(ctx, failed) }); err != nil {
			s.Logger.ErrorContext(ctx, "invitation failure not audited", "cause", err)
		}
	}
	return created, err
}

func bounded(s string) string {
	const most = 200
	if len(s) > most {
		return s[:most]
	}
	return s
}

func (s *Service) invite(ctx context.Context, id postern.IntegrationID, in postern.InvitationInput,
	then func(ctx context.Context, created postern.InvitationCreated) error,
) (postern.InvitationCreated, error) {
	var none postern.InvitationCreated
	if in.User == "" || len(in.User) > 320 {
		return none, postern.FieldErrorf("user", "A user principal name or object id is required.")
	}
	validity := time.Duration(in.ValidMinutes) * time.Minute
	if validity == 0 {
		validity = defaultValidity
	}
	if validity < time.Minute || validity > maxValidity {
		return none, postern.FieldErrorf("valid_minutes", "A code can be valid for 1 to %d minutes.", int(maxValidity/time.Minute))
	}
	switch {
	case in.Mail != postern.MailNone && in.Mail != postern.MailInvitation && in.Mail != postern.MailCode:
		return none, postern.FieldErrorf("mail", "There is no mail of the kind %q.", bounded(string(in.Mail))).
			WithNext("Choose invitation or code, or leave it empty for no mail.")
	case in.Mail != postern.MailNone && s.Mail == nil:
		return none, postern.Errorf(postern.CodeMailOff, "").OnField("mail")
	}
	tenant, i, err := s.Tenants.Tenant(ctx, id)
	if err != nil {
		return none, err
	}
	who, err := tenant.User(ctx, in.User)
	if postern.IsCode(err, postern.CodeEntraDirectoryClosed) {
		// The least permission set cannot look anybody up: the name is taken as given, and Entra has the last word.
		who, err = postern.DirectoryUser{ObjectID: in.User, UPN: in.User, DisplayName: in.User, Enabled: true}, nil
	}
	if err != nil {
		return none, err
	}
	switch {
	case who.Guest:
		return none, postern.Errorf(postern.CodeGuestUser, "").OnField("user")
	case !who.Enabled:
		return none, postern.Errorf(postern.CodeAccountDisabled, "").OnField("user")
	}
	if err := i.Admit(who.UPN, postern.FlagFIDO2MobileAuthenticator); err != nil {
		return none, postern.AsError(err).OnField("user")
	}
	var out postern.InvitationCreated
	err = s.Store.Atomically(ctx, func(ctx context.Context) error {
		u, err := s.know(ctx, id, who)
		if err != nil {
			return err
		}
		if u.Suspension != nil {
			return postern.Errorf(postern.CodeUserSuspended, "").OnField("user")
		}
		if err := s.withdrawOpen(ctx, u); err != nil {
			return err
		}
		if out, err = s.createInvitation(ctx, u, validity); err != nil {
			return err
		}
		if in.Mail != postern.MailNone {
			if err := s.Mail.Invited(ctx, u, out.Invitation, out.Code, in.Mail == postern.MailCode); err != nil {
				return err
			}
		}
		if err := s.Settle(ctx, u.ID); err != nil {
			return err
		}
		if out.User, err = s.Store.User(ctx, u.ID); err != nil {
			return err
		}
		if err := then(ctx, out); err != nil {
			return err
		}
		return s.Audit.Record(ctx, event(audit.UserInvited, out.User, "The user was invited to enrol a phone.",
			map[string]string{"invitation": string(out.Invitation.ID), "expires": out.Invitation.ExpiresAt.Format(time.RFC3339), "mail": string(in.Mail)}))
	})
	if err != nil {
		return none, err
	}
	s.Notices.Publish(Topic(out.User.ID))
	return out, nil
}

// know finds the user's record or makes one, and brings it up to date with the directory.
func (s *Service) know(ctx context.Context, id postern.IntegrationID, who postern.DirectoryUser) (postern.User, error) {
	now := s.Now().UTC()
	u, err := s.Store.UserByObjectID(ctx, id, who.ObjectID)
	if postern.IsCode(err, postern.CodeNotFound) {
		u = postern.User{
			ID: postern.NewID[postern.UserID](postern.PrefixUser), IntegrationID: id, Version: 1, ObjectID: who.ObjectID,
			UPN: who.UPN, DisplayName: who.DisplayName, Mail: who.Mail, CreatedAt: now, UpdatedAt: now,
			Account: accountOf(who), Guest: who.Guest, Privileged: who.Privileged, Roles: who.Roles,
		}
		return u, s.Store.CreateUser(ctx, u)
	}
	if err != nil {
		return u, err
	}
	fresh := u
	fresh.UPN, fresh.DisplayName, fresh.Mail = who.UPN, who.DisplayName, who.Mail
	if who.Privileged || len(who.Roles) > 0 { // that there are none may be that nobody may look; the directory's reading tells
		fresh.Privileged, fresh.Roles = who.Privileged, who.Roles
	}
	if len(differences(u, fresh)) > 0 {
		u = fresh
		u.UpdatedAt = now
		s.Store.AfterCommit(ctx, func() { s.Notices.Publish(Topic(u.ID)) })
		err = s.Store.UpdateUser(ctx, &u)
	}
	return u, err
}

func (s *Service) withdrawOpen(ctx context.Context, u postern.User) error {
	all, err := s.Store.Invitations(ctx, u.ID)
	if err != nil {
		return err
	}
	for _, was := range all {
		if was.State != postern.InvitationOpen {
			continue
		}
		now := was
		now.State = postern.InvitationWithdrawn
		if err := s.update(ctx, was, now); err != nil {
			return err
		}
	}
	return nil
}

// createInvitation makes codes until one has a handle that no open invitation has.
func (s *Service) createInvitation(ctx context.Context, u postern.User, validity time.Duration) (postern.InvitationCreated, error) {
	now := s.Now().UTC()
	const tries = 10
	for try := 1; ; try++ {
		code := newCode()
		handle, hash, _ := splitCode(code)
		_, _, err := s.Store.InvitationByHandle(ctx, handle)
		if err == nil && try < tries {
			continue // the database would refuse it, and a refused statement ends a transaction on PostgreSQL
		}
		actor := postern.ActorFrom(ctx)
		inv := postern.Invitation{
			ID: postern.NewID[postern.InvitationID](postern.PrefixInvitation), IntegrationID: u.IntegrationID, UserID: u.ID,
			State: postern.InvitationOpen, InvitedBy: actor.Name, CreatedAt: now, ExpiresAt: now.Add(validity),
		}
		if err := s.Store.CreateInvitation(ctx, inv, handle, hash); err != nil {
			return postern.InvitationCreated{}, err
		}
		return postern.InvitationCreated{Invitation: inv, Code: code}, nil
	}
}

// Invitations lists a user's invitations, newest first, with expiry applied.
func (s *Service) Invitations(ctx context.Context, user postern.UserID) ([]postern.Invitation, error) {
	all, err := s.Store.Invitations(ctx, user)
	for n := range all {
		if all[n].State == postern.InvitationOpen && !s.Now().Before(all[n].ExpiresAt) {
			all[n].State = postern.InvitationExpired
		}
	}
	return all, err
}

// Withdraw makes the code of an open invitation worthless.
func (s *Service) Withdraw(ctx context.Context, id postern.InvitationID) error {
	return s.Store.Atomically(ctx, func(ctx context.Context) error {
		was, err := s.Store.Invitation(ctx, id)
		if err != nil {
			return err
		}
		if was.State != postern.InvitationOpen {
			return postern.Errorf(postern.CodeConflict, "The invitation is %s already.", was.State).WithNext("There is nothing to withdraw.")
		}
		now := was
		now.State = postern.InvitationWithdrawn
		if err := s.update(ctx, was, now); err != nil {
			return err
		}
		if err := s.Settle(ctx, was.UserID); err != nil {
			return err
		}
		u, err := s.Store.User(ctx, was.UserID)
		if err != nil {
			return err
		}
		return s.Audit.Record(ctx, event(audit.InvitationWithdrawn, u, "The invitation was withdrawn.", nil))
	})
}

// Verify checks a one-time code and returns its invitation. A wrong code is counted against the invitation that its
// first group names, and locks it at the fifth. The count is stored even though an error is returned.
func (s *Service) Verify(ctx context.Context, typed string) (postern.Invitation, error) {
	var inv postern.Invitation
	handle, hash, ok := splitCode(typed)
	if !ok {
		return inv, postern.Errorf(postern.CodeInvitationInvalid, "").OnField("code")
	}
	var refusal *postern.Error
	err := s.Store.Atomically(ctx, func(ctx context.Context) error {
		refusal = nil
		was, stored, err := s.Store.InvitationByHandle(ctx, handle)
		if postern.IsCode(err, postern.CodeNotFound) {
			refusal = postern.Errorf(postern.CodeInvitationInvalid, "")
			return nil
		}
		if err != nil {
			return err
		}
		inv = was
		right := subtle.ConstantTimeCompare(hash, stored) == 1
		refusal = s.judge(was, right)
		if refusal == nil {
			return nil
		}
		if !right && was.State == postern.InvitationOpen {
			now := was
			now.Failures++
			if now.Failures >= maxFailures {
				now.State = postern.InvitationLocked
			}
			if err := s.update(ctx, was, now); err != nil {
				return err
			}
		}
		u, err := s.Store.User(ctx, was.UserID)
		if err != nil {
			return err
		}
		refused := event(audit.InvitationRefused, u, refusal.Message, map[string]string{"invitation": string(was.ID)})
		refused.Success, refused.ErrorCode = false, refusal.Code
		return s.Audit.Record(ctx, refused)
	})
	if err != nil {
		return inv, err
	}
	if refusal != nil {
		return inv, refusal.OnField("code")
	}
	return inv, nil
}

// judge says why a code is refused, or nil. Only who knows the whole code learns more than that it is not right.
func (s *Service) judge(inv postern.Invitation, right bool) *postern.Error {
	switch {
	case !right:
		return postern.Errorf(postern.CodeInvitationInvalid, "")
	case inv.State == postern.InvitationUsed:
		return postern.Errorf(postern.CodeInvitationUsed, "")
	case inv.State == postern.InvitationLocked:
		return postern.Errorf(postern.CodeInvitationInvalid, "The invitation is locked after too many wrong codes.").
			WithNext("Ask for a new invitation.")
	case inv.State == postern.InvitationWithdrawn:
		return postern.Errorf(postern.CodeInvitationExpired, "The invitation was withdrawn.")
	case !s.Now().Before(inv.ExpiresAt):
		return postern.Errorf(postern.CodeInvitationExpired, "")
	}
	return nil
}

// Use marks an invitation as used in the transaction of ctx, which is the one that creates the phone. A second use
// finds it no longer open.
func (s *Service) Use(ctx context.Context, inv postern.Invitation) error {
	was, err := s.Store.Invitation(ctx, inv.ID)
	if err != nil {
		return err
	}
	if refusal := s.judge(was, true); refusal != nil {
		return refusal.OnField("code")
	}
	now, at := was, s.Now().UTC()
	now.State, now.UsedAt = postern.InvitationUsed, &at
	return s.update(ctx, was, now)
}

// update stores what became of an invitation. Mail about one that is over is taken back: nobody shall get a code that
// no longer works.
func (s *Service) update(ctx context.Context, was, now postern.Invitation) error {
	if err := s.Store.UpdateInvitation(ctx, was, now); err != nil {
		return err
	}
	if s.Mail == nil || now.State == postern.InvitationOpen {
		return nil
	}
	return s.Mail.InvitationOver(ctx, now.ID)
}
