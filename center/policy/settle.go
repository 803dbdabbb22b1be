package policy

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/policy/plan"
)

// settle reads the tenant's policy back, says of every step what became of it, and ends the plan. What was read is what
// drift is measured from.
func (c *carrying) settle(ctx context.Context) error {
	if c.seen == nil || c.run.Progress.Shown < len(c.run.Progress.Writes) {
		now, err := c.graph.TenantPolicy(ctx)
		if err != nil {
			return err
		}
		c.seen = &now
	}
	now := *c.seen
	after := made(c.run.After, c.run.Progress.Writes)
	left := make(map[string]bool)
	for _, step := range plan.Diff(c.scope().of(now, after), after, c.models) {
		left[stepKey(step)] = true
	}
	return c.end(ctx, &now, func(step postern.PolicyStep) bool { return !left[stepKey(step)] })
}

// stepKey tells steps apart whatever they start from: what is to be at which place.
func stepKey(s postern.PolicyStep) string {
	parts := []string{string(s.Object), strings.ToLower(s.Name), s.Field, s.AAGUID}
	switch s.Verb {
	case postern.PolicyAdd:
		parts = append(parts, "+", s.New)
	case postern.PolicyRemove:
		parts = append(parts, "-", s.Old)
	case postern.PolicyCreate, postern.PolicyDelete:
		parts = append(parts, string(s.Verb))
	}
	return strings.Join(parts, "\x00")
}

// end gives every step its outcome, and the plan its state.
func (c *carrying) end(ctx context.Context, now *postern.TenantPolicy, landed func(postern.PolicyStep) bool) error {
	return c.Store.Atomically(ctx, func(ctx context.Context) error {
		r := c.run
		at := c.Now().UTC()
		r.Steps = slices.Clone(r.Steps)
		r.State, r.FinishedAt, r.Code, r.Message, r.Next = postern.PolicyLanded, &at, "", "", ""
		there, taken, missing := 0, 0, 0
		for n := range r.Steps {
			step := &r.Steps[n]
			w := c.writeOf(*step)
			switch {
			case landed(*step):
				step.Outcome, step.Message = postern.PolicyStepLanded, ""
				there++
			case w != nil && w.Code != "":
				step.Outcome, step.Message = postern.PolicyStepRefused, w.Message
				r.Code, r.Message, r.Next = w.Code, w.Message, w.Next
			case w == nil || !w.Done:
				step.Outcome, step.Message = postern.PolicyStepSkipped, "It was not tried, because an earlier change did not come through."
			default:
				step.Outcome, step.Message = postern.PolicyStepMissing, "Entra accepted it and does not show it."
				missing++
			}
		}
		for _, w := range r.Progress.Writes {
			if w.Done {
				taken++
			}
		}
		if r.Code == "" && there < len(r.Steps) {
			e := postern.Errorf(postern.CodePolicyMissing, "Entra accepted the change, and does not show %s of it.", count(missing, "step", "steps"))
			r.Code, r.Message, r.Next = e.Code, e.Message, e.Next
		}
		code := audit.PolicyLanded
		switch {
		case there == len(r.Steps):
		case there == 0 && taken == 0:
			r.State, code = postern.PolicyFailed, audit.PolicyApplyFailed
		default:
			r.State, code = postern.PolicyPartly, audit.PolicyPartly
		}
		if err := c.Store.UpdatePolicyPlan(ctx, r); err != nil {
			return err
		}
		fields := map[string]string{
			"steps": strconv.Itoa(len(r.Steps)), "landed": strconv.Itoa(there), "missing": strconv.Itoa(missing),
		}
		if now != nil {
			fields = audit.With(audit.Changes(r.Before.Passkeys, now.Passkeys), fields)
			if r.State != postern.PolicyFailed {
				if err := c.rebase(ctx, *now); err != nil {
					return err
				}
			}
		}
		c.tell(ctx, r.IntegrationID)
		said := c.event(code, r.PolicyPlan, c.integration.ApplicationName, "", fields)
		said.ErrorCode = r.Code
		if r.Code != "" {
			said.Success, said.Message = false, r.Message
		}
		return c.Audit.Record(ctx, said)
	})
}

// writeOf is the write that a step belongs to: the last one about its object, or the one before that did not come through.
func (c *carrying) writeOf(step postern.PolicyStep) *Write {
	object, names := step.Object, []string{step.Name}
	if object == postern.PolicyObjectProfile {
		object = postern.PolicyObjectPasskeys
	}
	// A step that gives another name bears the old one.
	for _, p := range c.run.Before.Strengths {
		if to, ok := strengthBy(c.run.After, p.ID); ok && object == postern.PolicyObjectStrength && (strings.EqualFold(p.Name, step.Name) || strings.EqualFold(to.Name, step.Name)) {
			names = append(names, p.Name, to.Name)
		}
	}
	for _, p := range c.run.Before.ConditionalAccess {
		if to, ok := accessBy(c.run.After, p.ID); ok && object == postern.PolicyObjectConditionalAccess && (strings.EqualFold(p.Name, step.Name) || strings.EqualFold(to.Name, step.Name)) {
			names = append(names, p.Name, to.Name)
		}
	}
	var found *Write
	for n := range c.run.Progress.Writes {
		w := &c.run.Progress.Writes[n]
		if w.Object != object || object != postern.PolicyObjectPasskeys && !slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, w.Name) }) {
			continue
		}
		if found = w; w.Code != "" || !w.Done {
			break
		}
	}
	return found
}

// CarryGivenUp is called when no attempt is left. Entra could not be read for hours: what it took is said, and that nobody
// saw it.
func (s *Service) CarryGivenUp(ctx context.Context, args ApplyJob, cause error) error {
	r, err := s.Store.PolicyPlan(ctx, args.Plan)
	if postern.IsCode(err, postern.CodeNotFound) || err == nil && r.State != postern.PolicyApplying {
		return nil
	}
	if err != nil {
		return err
	}
	i, err := s.Integrations.Get(ctx, r.IntegrationID)
	if err != nil {
		return err
	}
	if !r.Progress.Checked {
		return s.refuse(ctx, r, cause)
	}
	e := postern.AsError(cause)
	for n := range r.Progress.Writes {
		if w := &r.Progress.Writes[n]; !w.Done && w.Code == "" {
			w.Code, w.Message, w.Next = e.Code, e.Message, e.Next
			break
		}
	}
	c := &carrying{Service: s, integration: i, run: &r}
	return c.end(ctx, nil, func(postern.PolicyStep) bool { return false })
}
