package lifecycle

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/job"
)

// leaverDocument is the name under which an integration's policy for leavers is kept.
const leaverDocument = "leaver"

// LeaverPolicy returns what becomes of users of an integration whose account is disabled or deleted.
func (s *Service) LeaverPolicy(ctx context.Context, id postern.IntegrationID) (postern.LeaverPolicy, error) {
	if _, err := s.Tenants.Get(ctx, id); err != nil {
		return postern.LeaverPolicy{}, err
	}
	return s.leaverPolicy(ctx, id)
}

func (s *Service) leaverPolicy(ctx context.Context, id postern.IntegrationID) (postern.LeaverPolicy, error) {
	p := postern.DefaultLeaverPolicy()
	version, body, err := s.Store.Document(ctx, id, leaverDocument)
	if err != nil || version == 0 {
		return p, err
	}
	err = json.Unmarshal(body, &p)
	p.Version = version
	return p, err
}

// SetLeaverPolicy changes the policy. It holds from then on, also for those whose time to wait is not over.
func (s *Service) SetLeaverPolicy(ctx context.Context, id postern.IntegrationID, p postern.LeaverPolicy) (postern.LeaverPolicy, error) {
	if err := p.Check(); err != nil {
		return p, err
	}
	err := s.Store.Atomically(ctx, func(ctx context.Context) error {
		i, err := s.Tenants.Get(ctx, id)
		if err != nil {
			return err
		}
		before, err := s.leaverPolicy(ctx, id)
		if err != nil {
			return err
		}
		body, err := json.Marshal(p)
		if err != nil {
			return err
		}
		next, err := s.Store.SetDocument(ctx, id, leaverDocument, p.Version, body)
		if err != nil {
			return err
		}
		p.Version = next
		fields := make(map[string]string)
		for name, v := range map[string][2]string{
			"disabled":      {string(before.Disabled), string(p.Disabled)},
			"deleted":       {string(before.Deleted), string(p.Deleted)},
			"grace_minutes": {strconv.Itoa(before.GraceMinutes), strconv.Itoa(p.GraceMinutes)},
		} {
			if v[0] != v[1] {
				fields["before."+name], fields["after."+name] = v[0], v[1]
			}
		}
		return s.Audit.Record(ctx, postern.AuditEvent{
			Code: audit.LeaverPolicyChanged.Code, Name: audit.LeaverPolicyChanged.Name, IntegrationID: id, Target: string(id),
			TargetName: i.ApplicationName, Success: true, Message: "The policy for leavers was changed.", Fields: fields,
		})
	})
	return p, err
}

// DirectoryChanged brings the users whom Postern knows up to date with the tenant's directory, in the transaction of
// ctx, and has the policy for leavers applied. Others are passed over.
func (s *Service) DirectoryChanged(ctx context.Context, id postern.IntegrationID, changes []postern.DirectoryChange) error {
	return s.Store.Atomically(ctx, func(ctx context.Context) error {
		for _, c := range changes {
			known, err := s.Store.UserByObjectID(ctx, id, c.User.ObjectID)
			if postern.IsCode(err, postern.CodeNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			u, facts, err := s.locked(ctx, known.ID)
			if err != nil {
				return err
			}
			if err := s.follow(ctx, u, facts, c); err != nil {
				return err
			}
		}
		return nil
	})
}

// goneProblem is the problem of a user whose account is deleted.
const goneProblem = "Entra no longer knows this account. It was deleted there."

// follow brings one user up to date.
func (s *Service) follow(ctx context.Context, u postern.User, facts Facts, c postern.DirectoryChange) error {
	before := u
	learn(&u, c)
	if u.Account != before.Account {
		now := s.Now().UTC()
		u.AccountSince = &now
		switch {
		case u.Account == postern.AccountDeleted:
			u.Problem = goneProblem
		case u.Problem == goneProblem, u.Problem == leaverProblem:
			u.Problem = ""
		}
	}
	fields := differences(before, u)
	if len(fields) == 0 {
		return nil
	}
	u, err := s.enter(ctx, u, u.Phase)
	if err != nil {
		return err
	}
	if before.Account == "" && u.Account == postern.AccountEnabled { // the first look at somebody is no change
		delete(fields, "before.account")
		delete(fields, "after.account")
	}
	if len(fields) > 0 {
		if err := s.Audit.Record(ctx, event(audit.UserChanged, u, "The directory has other details of the user.", fields)); err != nil {
			return err
		}
	}
	switch {
	case u.Account == before.Account, before.Account == "" && u.Account == postern.AccountEnabled && u.Suspension == nil:
		return nil
	case u.Account != postern.AccountEnabled:
		policy, err := s.leaverPolicy(ctx, u.IntegrationID)
		if err != nil {
			return err
		}
		return s.Queue.Enqueue(ctx, LeaverJob{u.ID}, job.After(policy.Grace()), job.Bulk())
	case u.Suspension != nil && u.Suspension.Cause != postern.SuspendedByAdministrator:
		u, err = s.resume(ctx, u, facts, "The account is enabled again.")
		if err != nil {
			return err
		}
	}
	// Entra brings the memberships of a restored account back as they were.
	if u.Phase != u.GroupPhase {
		return s.Queue.Enqueue(ctx, MoveJob{u.IntegrationID}, job.Bulk())
	}
	return nil
}

// learn takes over what the directory says of a user.
func learn(u *postern.User, c postern.DirectoryChange) {
	if c.Removed {
		u.Account = postern.AccountDeleted
		return // what else a tombstone says is not to be relied on
	}
	u.Account = accountOf(c.User)
	u.UPN, u.DisplayName, u.Mail = c.User.UPN, c.User.DisplayName, c.User.Mail
	u.Guest, u.Privileged, u.Roles = c.User.Guest, c.User.Privileged, c.User.Roles
}

// accountOf is the state of an account that the directory shows; empty for somebody who was not looked up.
func accountOf(who postern.DirectoryUser) postern.AccountState {
	switch {
	case who.ObjectID == who.UPN:
		return "" // named by hand, where the directory may not be read
	case who.Enabled:
		return postern.AccountEnabled
	}
	return postern.AccountDisabled
}

// differences lists what the directory changed of a user, before and after.
func differences(before, after postern.User) map[string]string {
	fields := make(map[string]string)
	for name, v := range map[string][2]string{
		"user_principal_name": {before.UPN, after.UPN},
		"display_name":        {before.DisplayName, after.DisplayName},
		"mail":                {before.Mail, after.Mail},
		"account":             {string(before.Account), string(after.Account)},
		"guest":               {strconv.FormatBool(before.Guest), strconv.FormatBool(after.Guest)},
		"privileged":          {strconv.FormatBool(before.Privileged), strconv.FormatBool(after.Privileged)},
		"roles":               {strings.Join(before.Roles, ", "), strings.Join(after.Roles, ", ")},
	} {
		if v[0] != v[1] {
			fields["before."+name], fields["after."+name] = v[0], v[1]
		}
	}
	return fields
}

// LeaverJob does with a user whose account is disabled or deleted what the policy asks for.
type LeaverJob struct {
	User postern.UserID `json:"user"`
}

// Kind implements [job.Args].
func (LeaverJob) Kind() string { return "lifecycle.leaver" }

// Leave handles [LeaverJob]. An account that is enabled again needs nothing, and policy and time to wait are those of
// now.
func (s *Service) Leave(ctx context.Context, args LeaverJob) error {
	var wait error
	err := s.Store.Atomically(ctx, func(ctx context.Context) error {
		wait = nil
		u, _, err := s.locked(ctx, args.User)
		if postern.IsCode(err, postern.CodeNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		policy, err := s.leaverPolicy(ctx, u.IntegrationID)
		if err != nil {
			return err
		}
		act := policy.Act(u.Account)
		if act == "" {
			return nil
		}
		if u.AccountSince != nil {
			if left := policy.Grace() - s.Now().Sub(*u.AccountSince); left > 0 {
				wait = job.Snooze(left)
				return nil
			}
		}
		if u.Problem == leaverProblem {
			u.Problem = ""
			if u, err = s.enter(ctx, u, u.Phase); err != nil {
				return err
			}
		}
		return s.applyLeaver(ctx, u, act)
	})
	if err != nil {
		return err
	}
	return wait
}

// leaveAgain is how long after the last attempt at applying the policy for leavers it is begun anew.
const leaveAgain = time.Hour

// LeaveGivenUp is called when no attempt at applying the policy is left. Somebody who left must not keep a phone because
// of that: the user says what is wrong, and it is tried again later.
func (s *Service) LeaveGivenUp(ctx context.Context, args LeaverJob, cause error) error {
	e := postern.AsError(cause)
	return s.Store.Atomically(ctx, func(ctx context.Context) error {
		u, _, err := s.locked(ctx, args.User)
		if postern.IsCode(err, postern.CodeNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if u.Account != postern.AccountDeleted { // of a deleted one the problem says more already
			u.Problem = leaverProblem
			if u, err = s.enter(ctx, u, u.Phase); err != nil {
				return err
			}
		}
		if err := s.Queue.Enqueue(ctx, args, job.After(leaveAgain), job.Bulk()); err != nil {
			return err
		}
		failed := event(audit.LeaverFailed, u, e.Message, nil)
		failed.Success, failed.ErrorCode = false, e.Code
		return s.Audit.Record(ctx, failed)
	})
}

// leaverProblem is the problem of a user to whom the policy could not be applied.
const leaverProblem = "What the policy says about leavers could not be done. It is tried again every hour."

func (s *Service) applyLeaver(ctx context.Context, u postern.User, act postern.LeaverAct) error {
	if err := s.Audit.Record(ctx, event(audit.UserLeft, u, "The account is "+string(u.Account)+". The policy for leavers: "+string(act)+".",
		map[string]string{"account": string(u.Account), "act": string(act)})); err != nil {
		return err
	}
	note := "The account was " + string(u.Account) + "."
	switch act {
	case postern.LeaverSuspend:
		cause := postern.SuspendedAccountDisabled
		if u.Account == postern.AccountDeleted {
			cause = postern.SuspendedAccountDeleted
		}
		_, err := s.suspend(ctx, u.ID, cause, note)
		return err
	case postern.LeaverRevoke:
		if s.RevokeUser != nil {
			return s.RevokeUser(ctx, u.ID, postern.RevocationLeaver, note)
		}
	}
	return nil
}
