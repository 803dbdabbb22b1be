package policy

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/integration"
	"github.com/postern/postern/center/job"
	"github.com/postern/postern/center/policy/document"
	"github.com/postern/postern/center/policy/plan"
)

const (
	// plansKept is how many plans of an integration are remembered that were never applied. Those that were stay.
	plansKept = 50
	// judgeTimeout bounds one attempt to work out an impact; the first inventory of a large tenant takes longest.
	judgeTimeout  = 30 * time.Minute
	judgeAttempts = 6
	// readingTime is for how long a plan waits for the first inventory of a tenant. After it the impact has gaps, and says so.
	readingTime  = 20 * time.Minute
	readingPause = time.Second
)

// PlanJob works out whom a plan concerns.
type PlanJob struct {
	Plan postern.PolicyPlanID `json:"plan"`
}

// Kind implements [job.Args].
func (PlanJob) Kind() string { return "policy.plan" }

// Plan says what a document would change in the tenant. The steps are there at once; whom they concern is worked out by a
// job, and the plan is [postern.PolicyPlanning] until then. A plan without steps needs nobody worked out.
func (s *Service) Plan(ctx context.Context, id postern.IntegrationID, in postern.PolicyPlanInput) (postern.PolicyPlan, error) {
	d, err := document.Parse([]byte(in.Document))
	if err != nil {
		return postern.PolicyPlan{}, err
	}
	graph, i, err := s.Integrations.Graph(ctx, id)
	if err != nil {
		return postern.PolicyPlan{}, err
	}
	before, err := graph.TenantPolicy(ctx)
	if err != nil {
		return postern.PolicyPlan{}, err
	}
	models, err := s.Lists.Models(ctx, id)
	if err != nil {
		return postern.PolicyPlan{}, err
	}
	known, err := resolve(ctx, graph, before, d.References())
	if err != nil {
		return postern.PolicyPlan{}, err
	}
	result, err := plan.Make(before, d, known, models)
	if err != nil {
		return postern.PolicyPlan{}, err
	}
	p := postern.PolicyPlan{
		Document: in.Document, Note: in.Note, Steps: result.Steps, Notes: result.Notes, Before: before, After: result.After, Size: result.Size,
	}
	return s.keep(ctx, graph, i, p, scopeOf(d, before))
}

// keep stores a new plan, and has its impact worked out.
func (s *Service) keep(ctx context.Context, graph Graph, i postern.Integration, p postern.PolicyPlan, scope Scope) (postern.PolicyPlan, error) {
	p.ID, p.IntegrationID, p.Version = postern.NewID[postern.PolicyPlanID](postern.PrefixPolicyPlan), i.ID, 1
	p.CreatedAt, p.CreatedBy, p.State = s.Now().UTC(), person(ctx), postern.PolicyPlanning
	if p.Steps == nil {
		p.Steps = []postern.PolicyStep{}
	}
	if len(p.Steps) > 0 {
		p.Notes = append(permissionNotes(ctx, graph, i, p.Before, p.After), p.Notes...)
	}
	if p.Notes == nil {
		p.Notes = []postern.PolicyNote{}
	}
	p.Impact = postern.PolicyImpact{Effects: map[postern.PolicyEffect]int{}, Models: []postern.ModelImpact{}, Demands: []postern.StrengthDemand{}}
	if len(p.Steps) == 0 {
		p.State = postern.PolicyPlanned
	}
	err := s.Store.Atomically(ctx, func(ctx context.Context) error {
		if err := s.Store.CreatePolicyPlan(ctx, Record{PolicyPlan: p, Progress: Progress{Scope: scope}}); err != nil {
			return err
		}
		if err := s.Store.ForgetPolicyPlans(ctx, i.ID, plansKept); err != nil {
			return err
		}
		if p.State == postern.PolicyPlanning {
			if err := s.Queue.Enqueue(ctx, PlanJob{p.ID}); err != nil {
				return err
			}
		}
		s.tell(ctx, i.ID)
		fields := map[string]string{"steps": strconv.Itoa(len(p.Steps))}
		if p.Undoes != "" {
			fields["undoes"] = string(p.Undoes)
		}
		return s.Audit.Record(ctx, s.event(audit.PolicyPlanned, p, i.ApplicationName, p.Note, fields))
	})
	return p, err
}

// Judge handles [PlanJob].
func (s *Service) Judge(ctx context.Context, args PlanJob) error {
	r, err := s.Store.PolicyPlan(ctx, args.Plan)
	if postern.IsCode(err, postern.CodeNotFound) || err == nil && r.State != postern.PolicyPlanning {
		return nil
	}
	if err != nil {
		return err
	}
	if s.Now().Sub(r.CreatedAt) < readingTime {
		status, err := s.Inventory.Status(ctx, r.IntegrationID)
		if err != nil {
			return err
		}
		if status.FullAt == nil && status.State == postern.InventoryNever {
			if status, err = s.Inventory.Read(ctx, r.IntegrationID, true); err != nil && !withheld(err) {
				return later(err)
			}
		}
		if status.FullAt == nil && status.State == postern.InventoryReading {
			return job.Snooze(readingPause)
		}
	}
	graph, _, err := s.Integrations.Graph(ctx, r.IntegrationID)
	if err != nil {
		return later(err)
	}
	models, err := s.Lists.Models(ctx, r.IntegrationID)
	if err != nil {
		return err
	}
	found, err := s.judge(ctx, r.IntegrationID, graph, models, r.Before, r.After)
	if err != nil {
		return later(err)
	}
	r.State, r.Impact, r.Notes = postern.PolicyPlanned, found.impact, append(r.Notes, found.notes...)
	return s.Store.Atomically(ctx, func(ctx context.Context) error {
		if err := s.Store.SetPolicyImpact(ctx, r.ID, found.users); err != nil {
			return err
		}
		s.tell(ctx, r.IntegrationID)
		return s.Store.UpdatePolicyPlan(ctx, &r)
	})
}

// JudgeGivenUp is called when whom a plan concerns cannot be worked out.
func (s *Service) JudgeGivenUp(ctx context.Context, args PlanJob, cause error) error {
	e := postern.AsError(cause)
	return s.Store.Atomically(ctx, func(ctx context.Context) error {
		r, err := s.Store.PolicyPlan(ctx, args.Plan)
		if postern.IsCode(err, postern.CodeNotFound) || err == nil && r.State != postern.PolicyPlanning {
			return nil
		}
		if err != nil {
			return err
		}
		r.State, r.Code, r.Message, r.Next = postern.PolicyFailed, e.Code, e.Message, e.Next
		now := s.Now().UTC()
		r.FinishedAt = &now
		if err := s.Store.UpdatePolicyPlan(ctx, &r); err != nil {
			return err
		}
		s.tell(ctx, r.IntegrationID)
		failed := s.event(audit.PolicyPlanFailed, r.PolicyPlan, "", "", nil)
		failed.Success, failed.ErrorCode, failed.Message = false, e.Code, e.Message
		return s.Audit.Record(ctx, failed)
	})
}

// later has a job come back when Graph said that it may, and not at all where asking again cannot help.
func later(err error) error {
	if err == nil {
		return nil
	}
	if e := postern.AsError(err); e.After > 0 {
		return job.Snooze(e.After)
	}
	if refused(err) {
		return job.Cancel(err)
	}
	return err
}

// PlanOf returns one plan.
func (s *Service) PlanOf(ctx context.Context, id postern.PolicyPlanID) (postern.PolicyPlan, error) {
	r, err := s.Store.PolicyPlan(ctx, id)
	return r.PolicyPlan, err
}

// Plans lists the newest plans, newest first, without the policies before and after.
func (s *Service) Plans(ctx context.Context, id postern.IntegrationID, limit int) ([]postern.PolicyPlan, error) {
	if _, err := s.Integrations.Get(ctx, id); err != nil {
		return nil, err
	}
	all, err := s.Store.PolicyPlans(ctx, id, limit)
	for n := range all {
		all[n].Before, all[n].After = postern.TenantPolicy{}, postern.TenantPolicy{}
	}
	return all, err
}

// Impact lists users whom a plan concerns, the worst effects first, and says how many the query chooses.
func (s *Service) Impact(ctx context.Context, id postern.PolicyPlanID, q postern.ImpactQuery) ([]postern.UserImpact, int, error) {
	if _, err := s.Store.PolicyPlan(ctx, id); err != nil {
		return nil, 0, err
	}
	return s.Store.PolicyImpact(ctx, id, q)
}

func person(ctx context.Context) string {
	if actor := postern.ActorFrom(ctx); actor.Kind != postern.ActorSystem {
		return actor.Name
	}
	return ""
}

// background is the context of work that nobody waits for.
func background(ctx context.Context) context.Context {
	return entra.WithPriority(postern.WithActor(ctx, postern.Actor{Kind: postern.ActorSystem, Name: "Postern"}), entra.Bulk)
}

// tell has whoever looks at the integration look again.
func (s *Service) tell(ctx context.Context, id postern.IntegrationID) {
	s.Store.AfterCommit(ctx, func() { s.Notices.Publish(integration.Topic(id)) })
}

// event is an entry about a plan.
func (s *Service) event(code audit.Code, p postern.PolicyPlan, name, note string, fields map[string]string) postern.AuditEvent {
	message := code.Text
	if note != "" {
		message = fmt.Sprintf("%s %s", code.Text, note)
	}
	return postern.AuditEvent{
		Code: code.Code, Name: code.Name, IntegrationID: p.IntegrationID, Target: string(p.ID), TargetName: name, Success: true,
		Message: message, Fields: fields,
	}
}
