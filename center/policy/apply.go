package policy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/policy/plan"
)

// checkTime is how long somebody waits for what is checked before a plan is applied. Where a tenant is so large that it
// takes longer, the job goes on with checking, and takes the plan back to planned if something speaks against it.
const checkTime = 40 * time.Second

// Apply has a plan carried out, unless something speaks against it: another plan under way, a change by somebody else
// since, somebody locked out who was not named, or an inventory with gaps. What it answers is the plan as it begins.
func (s *Service) Apply(ctx context.Context, id postern.PolicyPlanID, in postern.PolicyApplyInput) (postern.PolicyPlan, error) {
	r, err := s.Store.PolicyPlan(ctx, id)
	if err != nil {
		return postern.PolicyPlan{}, err
	}
	if err := s.may(ctx, r, in); err != nil {
		return postern.PolicyPlan{}, err
	}
	limited, cancel := context.WithTimeout(ctx, checkTime)
	err = s.check(limited, r, in)
	cancel()
	checked := err == nil
	switch {
	case err == nil:
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
	case against(err):
		return postern.PolicyPlan{}, errors.Join(err, s.refuse(ctx, r, err))
	default:
		return postern.PolicyPlan{}, err
	}
	err = s.Store.Atomically(ctx, func(ctx context.Context) error {
		now := s.Now().UTC()
		r.State, r.AppliedAt, r.AppliedBy, r.LockOut = postern.PolicyApplying, &now, person(ctx), in.LockOut
		r.Code, r.Message, r.Next = "", "", ""
		if in.Note != "" {
			r.Note = in.Note
		}
		r.Progress.Input, r.Progress.Checked, r.Progress.Writes = in, checked, writesOf(r.Before, r.After)
		if err := s.Store.UpdatePolicyPlan(ctx, &r); err != nil {
			if postern.IsCode(err, postern.CodeConflict) {
				return postern.Errorf(postern.CodePolicyBusy, "")
			}
			return err
		}
		if err := s.Queue.Enqueue(ctx, ApplyJob{r.ID}); err != nil {
			return err
		}
		s.tell(ctx, r.IntegrationID)
		fields := audit.Changes(r.Before.Passkeys, r.After.Passkeys)
		return s.Audit.Record(ctx, s.event(audit.PolicyApplying, r.PolicyPlan, "", in.Note, audit.With(fields, map[string]string{
			"steps": strconv.Itoa(len(r.Steps)), "locked_out": strconv.Itoa(r.Impact.Effects[postern.EffectLockedOut]),
			"named": strconv.Itoa(len(in.LockOut)), "unknown_accepted": strconv.FormatBool(in.Unknown),
		})))
	})
	return r.PolicyPlan, err
}

// may reports why a plan cannot be applied as it stands here.
func (s *Service) may(ctx context.Context, r Record, in postern.PolicyApplyInput) error {
	switch {
	case in.Version != r.Version:
		return postern.Errorf(postern.CodeStale, "")
	case r.State == postern.PolicyPlanning:
		return postern.Errorf(postern.CodeConflict, "Whom the plan concerns is still being worked out.").WithNext("Wait until the plan is ready, and look at its impact.")
	case r.State == postern.PolicyApplying:
		return postern.Errorf(postern.CodePolicyBusy, "This plan is being applied.")
	case r.State == postern.PolicyOutdated:
		return postern.Errorf(postern.CodePolicyChanged, "%s", r.Message)
	case r.State != postern.PolicyPlanned:
		return postern.Errorf(postern.CodeConflict, "The plan was applied already; it is %s.", r.State).
			WithNext("Make a new plan with the same document. It says what is left to do.")
	case len(r.Steps) == 0:
		return postern.Errorf(postern.CodePolicyNothing, "")
	}
	_, err := s.Store.ApplyingPolicyPlan(ctx, r.IntegrationID)
	switch {
	case err == nil:
		return postern.Errorf(postern.CodePolicyBusy, "")
	case postern.IsCode(err, postern.CodeNotFound):
		return nil
	}
	return err
}

// against reports whether an error of check says that the plan must not be applied.
func against(err error) bool {
	return postern.IsCode(err, postern.CodePolicyChanged) || postern.IsCode(err, postern.CodePolicyLockOut) || postern.IsCode(err, postern.CodeInventoryIncomplete)
}

// check looks at the tenant and its people as they are now.
func (s *Service) check(ctx context.Context, r Record, in postern.PolicyApplyInput) error {
	graph, i, err := s.Integrations.Graph(ctx, r.IntegrationID)
	if err != nil {
		return err
	}
	models, err := s.Lists.Models(ctx, r.IntegrationID)
	if err != nil {
		return err
	}
	now, err := graph.TenantPolicy(ctx)
	if err != nil {
		return err
	}
	if err := s.unchanged(ctx, graph, i, models, r, now); err != nil {
		return err
	}
	// What the plan does not touch may have changed, and counts for people too.
	after := want(now, r.After, writesOf(r.Before, r.After))
	found, err := s.judge(ctx, r.IntegrationID, graph, models, now, after)
	if err != nil {
		return err
	}
	if people := unnamed(found.users, in.LockOut); len(people) > 0 {
		return postern.Errorf(postern.CodePolicyLockOut, "The plan would lock out, or may lock out, %s: %s. Nothing was written.", count(len(people), "person", "people"), listed(people)).
			OnField("lock_out")
	}
	if !in.Unknown && (!found.impact.Basis.Complete || found.impact.Basis.Unknown > 0) {
		return incomplete(found)
	}
	return nil
}

func incomplete(found judged) error {
	if n := found.impact.Basis.Unknown; n > 0 {
		return postern.Errorf(postern.CodeInventoryIncomplete, "The passkeys of %s were not read yet, so nobody can say whether they would be locked out. Nothing was written.", count(n, "user", "users"))
	}
	for _, n := range found.notes {
		if n.Key == "members_unknown" {
			return postern.Errorf(postern.CodeInventoryIncomplete, "%s Nothing was written.", n.Message).WithNext(n.Next)
		}
	}
	return postern.Errorf(postern.CodeInventoryIncomplete, "")
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// unchanged reports what somebody else changed since the plan was made, of what the plan is about. The passkey method is
// written as a whole, and so counts as a whole.
func (s *Service) unchanged(ctx context.Context, graph Graph, i postern.Integration, models Models, r Record, now postern.TenantPolicy) error {
	scope := r.Progress.Scope.with(scopeOfChange(r.Before, r.After))
	was, is := scope.of(r.Before, now), now
	if scope.passkeys() {
		was.Passkeys = r.Before.Passkeys
	}
	steps := plan.Diff(was, is, models)
	if len(steps) == 0 {
		return nil
	}
	sentences := make([]string, len(steps))
	for n, step := range steps {
		sentences[n] = step.Sentence
	}
	who := ""
	if editors := s.editors(ctx, graph, i, r.Before.ReadAt); len(editors) > 0 {
		who = fmt.Sprintf(" Entra's log names %s, at %s.", editors[0].Name, editors[0].At.UTC().Format(time.RFC3339))
	}
	return postern.Errorf(postern.CodePolicyChanged, "The tenant's policy was changed by somebody else since the plan was made.%s Nothing was written. What changed: %s", who, first(sentences))
}

// first joins the first few sentences.
func first(sentences []string) string {
	const most = 5
	out := ""
	for n, s := range sentences {
		if n == most {
			return fmt.Sprintf("%s And %d more.", out, len(sentences)-most)
		}
		if n > 0 {
			out += " "
		}
		out += s
	}
	return out
}

// editors lists who changed the tenant's policy since a time, newest first, as far as its log may be read and names
// somebody. Postern itself is left out.
func (s *Service) editors(ctx context.Context, graph Graph, i postern.Integration, since time.Time) []postern.PolicyEditor {
	all, err := graph.PolicyEvents(ctx, since)
	if err != nil {
		return nil
	}
	return others(all, i)
}

func others(all []postern.PolicyEditor, i postern.Integration) []postern.PolicyEditor {
	return slices.DeleteFunc(all, func(e postern.PolicyEditor) bool { return e.App && e.ID == i.ClientID })
}

// refuse keeps that a plan was not applied, and why. One that somebody else overtook is outdated.
func (s *Service) refuse(ctx context.Context, r Record, why error) error {
	e := postern.AsError(why)
	return s.Store.Atomically(context.WithoutCancel(ctx), func(ctx context.Context) error {
		if e.Code == postern.CodePolicyChanged || r.State == postern.PolicyApplying {
			r.State = postern.PolicyPlanned
			if e.Code == postern.CodePolicyChanged {
				r.State = postern.PolicyOutdated
			}
			r.Code, r.Message, r.Next, r.AppliedAt, r.AppliedBy, r.LockOut = e.Code, e.Message, e.Next, nil, "", nil
			scope := r.Progress.Scope
			r.Progress = Progress{Scope: scope}
			if err := s.Store.UpdatePolicyPlan(ctx, &r); err != nil {
				return err
			}
			s.tell(ctx, r.IntegrationID)
		}
		said := s.event(audit.PolicyRefused, r.PolicyPlan, "", "", nil)
		said.Success, said.ErrorCode, said.Message = false, e.Code, e.Message
		return s.Audit.Record(ctx, said)
	})
}
