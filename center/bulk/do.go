package bulk

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/postern/postern"
)

// do acts on one row and judges how it went.
func (s *Service) do(ctx context.Context, r Record, t taken) *ended {
	e := &ended{taken: t}
	row := &e.row
	if row.Tries > maxTries {
		row.State, row.Due = postern.BulkRowFailed, nil
		s.explain(row, postern.Errorf(postern.CodeInternal, "This user was tried %d times, and it never ended.", maxTries).
			WithNext("Look at the user's page, and at the log of the control center, before trying again."))
		return e
	}
	if row.Kept {
		e.secret = r.Kind == postern.BulkInvite && r.Mail != postern.MailCode
		row.State, row.Code, row.Message, row.Next = postern.BulkRowDone, "", "", ""
		return e
	}
	row.keep = func(ctx context.Context, out Outcome) error {
		kept := *row
		kept.take(out)
		var sealed []byte
		if out.Secret != nil {
			var err error
			if sealed, err = s.seal(ctx, r.ID, *out.Secret); err != nil {
				return err
			}
		}
		return s.Store.KeepBulkRow(ctx, kept, t.until, sealed)
	}
	k, ok := s.kinds[r.Kind]
	if !ok {
		s.fail(e, postern.Errorf(postern.CodeInternal, "This control center cannot do jobs of that kind."))
		return e
	}
	acting := postern.WithActor(postern.WithBackground(ctx), r.Actor)
	acting, cancel := context.WithTimeout(acting, rowTime)
	defer cancel()
	out, err := k.act.Do(acting, r.BulkJob, *row)
	if err == nil && out.Secret != nil {
		e.secret = true
		e.sealed, err = s.seal(ctx, r.ID, *out.Secret)
	}
	if err != nil {
		s.judge(ctx, e, err)
		return e
	}
	row.State, row.Code, row.Message, row.Next = out.State, out.Code, out.Message, out.Next
	if row.State == "" {
		row.State = postern.BulkRowDone
	}
	row.take(out)
	if row.State == postern.BulkRowWaiting {
		e.due = s.Now().UTC().Add(max(out.After, time.Second))
		row.Tries-- // waiting for somebody is no attempt of ours
	}
	return e
}

// secretPurpose is what the codes of rows are sealed for.
func secretPurpose(id postern.BulkJobID) string { return "bulk/" + string(id) }

func (s *Service) seal(ctx context.Context, id postern.BulkJobID, secret Secret) ([]byte, error) {
	plain, err := json.Marshal(secret)
	if err != nil {
		return nil, err
	}
	return s.Sealer.Seal(ctx, secretPurpose(id), plain)
}

// take takes over what an act made and found out.
func (r *Row) take(out Outcome) {
	if out.Made != "" {
		r.Made = out.Made
	}
	if out.User != "" {
		r.UserID = out.User
	}
	if out.UPN != "" {
		r.UPN = out.UPN
	}
}

// patience is how long a row is tried whose failure may pass; then it has failed.
const patience = 24 * time.Hour

// outOfOrder is how long a job waits when its integration has to be mended by a person.
const outOfOrder = time.Minute

// judge decides what an error means for a row: back until later, or failed.
func (s *Service) judge(ctx context.Context, e *ended, cause error) {
	row, now := &e.row, s.Now().UTC()
	why := postern.AsError(cause)
	if ctx.Err() != nil || errors.Is(cause, context.DeadlineExceeded) {
		// The process stops, or the act took too long, most likely waiting for its turn at Entra.
		row.State, e.due = postern.BulkRowPending, now
		if ctx.Err() == nil {
			e.due = now.Add(pause(row.Tries))
		} else {
			row.Tries--
		}
		return
	}
	late := now.Sub(row.Begun) > patience
	switch whose(why.Code) {
	case everybody:
		if late {
			break
		}
		row.State, e.due = postern.BulkRowPending, now.Add(max(why.After, time.Second))
		row.Tries-- // it is not this row's fault
		s.explain(row, why)
		hold := *why
		if hold.After <= 0 {
			hold.After = outOfOrder
			if why.Code == postern.CodeEntraThrottled {
				hold.After = pause(1)
			}
		}
		e.hold = &hold
		return
	case passing:
		if late || row.Tries >= maxTries {
			break
		}
		row.State, e.due = postern.BulkRowPending, now.Add(max(why.After, pause(row.Tries)))
		s.explain(row, why)
		return
	}
	s.fail(e, why)
}

func (s *Service) fail(e *ended, why *postern.Error) {
	e.row.State = postern.BulkRowFailed
	s.explain(&e.row, why)
}

func (s *Service) explain(row *Row, why *postern.Error) {
	row.Code, row.Message, row.Next = why.Code, why.Message, why.Next
}

// pause grows with the tries, from two seconds up to five minutes.
func pause(tries int) time.Duration {
	return min(time.Second<<min(max(tries, 1), 10), 5*time.Minute)
}

// concern says whom an error concerns.
type concern int

const (
	thisRow   concern = iota // it stays so
	passing                  // this row, until it passes
	everybody                // all rows, until it passes: the tenant's budget, or the integration's credential
)

func whose(code postern.Code) concern {
	switch code {
	case postern.CodeEntraThrottled,
		postern.CodeEntraSecretWrong, postern.CodeEntraSecretExpired, postern.CodeEntraCertUnknown, postern.CodeCertificateExpired,
		postern.CodeEntraConsentMissing, postern.CodeEntraUnreachable:
		return everybody
	case postern.CodeEntraUnavailable, postern.CodeEntraTokenRefused, postern.CodeEntraAnswerUnexpected, postern.CodeInternal,
		postern.CodeUnavailable, postern.CodeStale:
		return passing
	}
	return thisRow
}
