package rotate

import (
	"context"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/job"
)

const (
	carryTimeout = 5 * time.Minute
	// doubt is for how long Entra may have taken what it does not show.
	doubt = 90 * time.Second
	// proving is given up after a while; by hand people take their time.
	provePatience, handPatience = 15 * time.Minute, 7 * 24 * time.Hour
	// mostRemovals is how often Entra is asked to remove something that it goes on showing: for about 15 minutes, without
	// the time in which Postern was not there.
	mostRemovals = 30
	// The pauses between two looks grow from the first to the second; those for somebody who uploads are longer.
	firstLook, lastLook, handLook = 2 * time.Second, 30 * time.Second, 5 * time.Minute
	// longestSleep is how long a rotation is left alone; the hourly round would find it too.
	longestSleep = time.Hour
)

// CarryJob takes a rotation on.
type CarryJob struct {
	Rotation postern.RotationID `json:"rotation"`
}

// Kind implements [job.Args].
func (CarryJob) Kind() string { return "rotate.carry" }

// Handle registers the handlers of this package's jobs, and its schedule.
func (s *Service) Handle(r *job.Registry) {
	job.Handle(r, job.Rules{Timeout: carryTimeout}, s.Carry, s.CarryGivenUp)
	job.Handle(r, job.Rules{MaxAttempts: 3, Timeout: carryTimeout}, s.Watch, nil)
	job.Every(r, WatchJob{}, watchEvery)
}

// Carry handles [CarryJob].
func (s *Service) Carry(ctx context.Context, args CarryJob) error {
	ctx = entra.WithPriority(ctx, entra.Interactive)
	for {
		r, err := s.Store.Rotation(ctx, args.Rotation)
		if postern.IsCode(err, postern.CodeNotFound) || err == nil && (r.State.Over() || r.State == postern.RotationWaiting) {
			return nil
		}
		if err != nil {
			return err
		}
		i, err := s.Integrations.Get(ctx, r.IntegrationID)
		if err != nil {
			return err
		}
		if err := s.step(ctx, &r, i); err != nil {
			if postern.IsCode(err, postern.CodeStale) { // somebody else changed the rotation; it is as they left it
				return job.Snooze(time.Second)
			}
			if e := postern.AsError(err); e.After > 0 {
				return job.Snooze(e.After)
			}
			return err
		}
	}
}

// step does what is next, and returns once something was kept, or with why it has to be called again later.
func (s *Service) step(ctx context.Context, r *Record, i postern.Integration) error {
	switch r.State {
	case postern.RotationSigningIn:
		return s.signingIn(ctx, r, i)
	case postern.RotationAdding:
		return s.adding(ctx, r, i)
	case postern.RotationProving:
		return s.proving(ctx, r, i)
	case postern.RotationOverlap:
		if left := r.OverlapUntil.Sub(s.Now()); left > 0 {
			return job.Snooze(min(left, longestSleep))
		}
		return s.enter(ctx, r, postern.RotationRemoving)
	case postern.RotationRemoving:
		return s.removing(ctx, r, i)
	case postern.RotationUndoing:
		return s.undoing(ctx, r, i)
	}
	return job.Cancel(postern.Errorf(postern.CodeInternal, "There is no state %q of a rotation.", r.State))
}

// CarryGivenUp is called when Entra could not be asked for hours. Nothing is in use that was not proved.
func (s *Service) CarryGivenUp(ctx context.Context, args CarryJob, cause error) error {
	r, err := s.Store.Rotation(ctx, args.Rotation)
	if postern.IsCode(err, postern.CodeNotFound) || err == nil && r.State.Over() {
		return nil
	}
	if err != nil {
		return err
	}
	i, err := s.Integrations.Get(ctx, r.IntegrationID)
	if err != nil {
		return err
	}
	switch r.State {
	case postern.RotationOverlap, postern.RotationRemoving:
		return s.kept(ctx, &r, i, postern.RotationDone, cause)
	case postern.RotationUndoing:
		return s.kept(ctx, &r, i, r.Progress.Ends, cause)
	}
	return s.wait(ctx, &r, i, cause)
}

func (s *Service) save(ctx context.Context, r *Record) error {
	r.UpdatedAt = s.Now().UTC()
	return s.Store.Atomically(ctx, func(ctx context.Context) error {
		s.tell(ctx, r.IntegrationID)
		return s.Store.UpdateRotation(ctx, r)
	})
}

// enter begins a state.
func (s *Service) enter(ctx context.Context, r *Record, state postern.RotationState) error {
	r.State, r.Progress.Since = state, s.Now().UTC()
	r.Progress.RemovedAt, r.Progress.Removals, r.Progress.Refusal = time.Time{}, 0, ""
	return s.save(ctx, r)
}

// wait has the rotation wait for a person.
func (s *Service) wait(ctx context.Context, r *Record, i postern.Integration, cause error) error {
	r.Problem, r.SignIn = problem(cause), nil
	return s.Store.Atomically(ctx, func(ctx context.Context) error {
		if err := s.enter(ctx, r, postern.RotationWaiting); err != nil {
			return err
		}
		if err := s.alarm(ctx, *r); err != nil {
			return err
		}
		return s.Audit.Record(ctx, s.unhappy(audit.RotationWaits, i, *r))
	})
}

// over ends a rotation, and wipes what it was made of.
func (s *Service) over(ctx context.Context, r *Record, state postern.RotationState) error {
	now := s.Now().UTC()
	r.FinishedAt, r.Sealed, r.SignIn, r.PEM = &now, nil, nil, ""
	return s.enter(ctx, r, state)
}

// kept ends a rotation with something left over at Entra that a person has to remove.
func (s *Service) kept(ctx context.Context, r *Record, i postern.Integration, state postern.RotationState, cause error) error {
	r.Kept, r.Problem = true, problem(cause)
	return s.Store.Atomically(ctx, func(ctx context.Context) error {
		if err := s.over(ctx, r, state); err != nil {
			return err
		}
		return s.Audit.Record(ctx, s.unhappy(audit.RotationKept, i, *r))
	})
}

// undo begins to take the new credential away.
func (s *Service) undo(ctx context.Context, r *Record, ends postern.RotationState) error {
	r.Progress.Ends, r.SignIn = ends, nil
	return s.Store.Atomically(ctx, func(ctx context.Context) error {
		if err := s.enter(ctx, r, postern.RotationUndoing); err != nil {
			return err
		}
		return s.Queue.Enqueue(ctx, CarryJob{r.ID})
	})
}

// alarm tells administrators that a rotation Postern began by itself does not go on.
func (s *Service) alarm(ctx context.Context, r Record) error {
	if s.Tell == nil || !r.Automatic || r.Problem == nil {
		return nil
	}
	return s.Tell(ctx, postern.Alarm{
		Kind: postern.AlarmCredential, IntegrationID: r.IntegrationID, EndsAt: r.From.EndOf(), Credential: r.From.Kind,
		Automatic: true, Problem: r.Problem.Message,
	})
}

func problem(err error) *postern.SetupProblem {
	e := postern.AsError(err)
	return &postern.SetupProblem{Code: e.Code, Message: e.Message, Next: e.Next}
}

func (s *Service) unhappy(code audit.Code, i postern.Integration, r Record) postern.AuditEvent {
	e := event(code, i, "", s.fields(r))
	if r.Problem != nil {
		e.Success, e.ErrorCode, e.Message = false, r.Problem.Code, r.Problem.Message
	}
	return e
}

// fields are what the trail says of a rotation.
func (s *Service) fields(r Record) map[string]string {
	f := map[string]string{"rotation": string(r.ID), "way": string(r.Way), "from": string(r.From.Kind), "to": string(r.To)}
	if r.From.Certificate != nil {
		f["old_thumbprint"] = r.From.Certificate.Thumbprint
	}
	if r.Certificate != nil {
		f["new_thumbprint"] = r.Certificate.Thumbprint
	}
	if r.EndsAt != nil {
		f["ends"] = r.EndsAt.Format(time.RFC3339)
	}
	if r.Automatic {
		f["automatic"] = "yes"
	}
	return f
}

// refused reports whether asking again cannot help.
func refused(err error) bool {
	switch postern.AsError(err).Code {
	case postern.CodeEntraPermission, postern.CodeEntraRefused, postern.CodeEntraNotFound, postern.CodeEntraAlreadyExists,
		postern.CodeEntraConsentMissing, postern.CodeEntraTokenRefused, postern.CodeEntraLicence, postern.CodeEntraCertUnknown, postern.CodeEntraSecretWrong,
		postern.CodeEntraSecretExpired, postern.CodeEntraClientUnknown, postern.CodeEntraMFADemanded, postern.CodeCertificateExpired, postern.CodeInvalid,
		postern.CodeRotationAdministrator, postern.CodeSetupSignIn, postern.CodeSetupRole, postern.CodeInternal:
		return true
	}
	return false
}

// pause is how long to wait before the next look, having waited so long.
func pause(waited, most time.Duration) time.Duration {
	return min(max(firstLook, waited/4), most)
}

func sameID(a, b string) bool { return a != "" && strings.EqualFold(a, b) }
