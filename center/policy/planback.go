package policy

import (
	"context"

	"github.com/postern/postern"
	"github.com/postern/postern/center/policy/document"
	"github.com/postern/postern/center/policy/plan"
)

// PlanBack makes a plan that takes back what others changed since the policy was last as it should be, to be looked at and
// applied like any other. What is not watched stays.
func (s *Service) PlanBack(ctx context.Context, id postern.IntegrationID, note string) (postern.PolicyPlan, error) {
	graph, i, err := s.Integrations.Graph(ctx, id)
	if err != nil {
		return postern.PolicyPlan{}, err
	}
	w, err := s.Store.PolicyWatch(ctx, id)
	if err != nil {
		return postern.PolicyPlan{}, err
	}
	if w.BaselineAt.IsZero() {
		return postern.PolicyPlan{}, postern.Errorf(postern.CodeConflict, "There is nothing to go back to: no plan was applied, and the policy was never accepted as it is.").
			WithNext("Plan the policy as it should be.")
	}
	now, err := graph.TenantPolicy(ctx)
	if err != nil {
		return postern.PolicyPlan{}, err
	}
	models, err := s.Lists.Models(ctx, id)
	if err != nil {
		return postern.PolicyPlan{}, err
	}
	target := back(now, w.Baseline, w.Scope.of(now, w.Baseline))
	steps := plan.Diff(now, target, models)
	if len(steps) == 0 {
		return postern.PolicyPlan{}, postern.Errorf(postern.CodePolicyNothing, "The tenant is as it was left; there is nothing to take back.")
	}
	text, err := document.Export(target, models)
	if err != nil {
		return postern.PolicyPlan{}, err
	}
	return s.keep(ctx, graph, i, postern.PolicyPlan{
		Document: string(text), Note: note, Steps: steps, Notes: plan.Notes(target, models), Before: now, After: target, Size: plan.Size(target),
	}, scopeOfChange(now, target))
}
