package policy

import (
	"context"
	"slices"

	"github.com/postern/postern"
	"github.com/postern/postern/center/policy/document"
	"github.com/postern/postern/center/policy/plan"
)

// Undo makes a plan that takes back what another one changed, to be looked at and applied like any other. What others
// changed since, and what that plan did not touch, stays.
func (s *Service) Undo(ctx context.Context, id postern.PolicyPlanID, note string) (postern.PolicyPlan, error) {
	r, err := s.Store.PolicyPlan(ctx, id)
	if err != nil {
		return postern.PolicyPlan{}, err
	}
	if r.State != postern.PolicyLanded && r.State != postern.PolicyPartly {
		return postern.PolicyPlan{}, postern.Errorf(postern.CodeConflict, "The plan was not applied, so there is nothing to take back.").
			WithNext("Choose a plan that has landed, or landed in part.")
	}
	graph, i, err := s.Integrations.Graph(ctx, r.IntegrationID)
	if err != nil {
		return postern.PolicyPlan{}, err
	}
	now, err := graph.TenantPolicy(ctx)
	if err != nil {
		return postern.PolicyPlan{}, err
	}
	models, err := s.Lists.Models(ctx, r.IntegrationID)
	if err != nil {
		return postern.PolicyPlan{}, err
	}
	target := back(now, r.Before, made(r.After, r.Progress.Writes))
	steps := plan.Diff(now, target, models)
	if len(steps) == 0 {
		return postern.PolicyPlan{}, postern.Errorf(postern.CodePolicyNothing, "The tenant is as it was before the plan; there is nothing to take back.")
	}
	// The document is there to be read; what is written is the policy itself, which also says what is to be deleted.
	text, err := document.Export(target, models)
	if err != nil {
		return postern.PolicyPlan{}, err
	}
	p := postern.PolicyPlan{
		Undoes: r.ID, Document: string(text), Note: note, Steps: steps, Notes: plan.Notes(target, models), Before: now, After: target, Size: plan.Size(target),
	}
	return s.keep(ctx, graph, i, p, scopeOfChange(now, target))
}

// back is now with everything that differs between before and after as it was before.
func back(now, before, after postern.TenantPolicy) postern.TenantPolicy {
	target := now
	target.Passkeys = passkeysBack(now.Passkeys, before.Passkeys, after.Passkeys)
	target.Strengths = slices.Clone(now.Strengths)
	again := make(map[string]string) // ids of strengths that are gone, to those of what is made in their place
	for _, id := range idsOf(before.Strengths, after.Strengths, strengthKeys) {
		was, had := strengthBy(before, id)
		will, has := strengthBy(after, id)
		at := slices.IndexFunc(target.Strengths, func(s postern.AuthenticationStrength) bool { return s.ID == id })
		switch {
		case had && has && sameValue(was, will):
		case had && at >= 0:
			target.Strengths[at] = was
		case had:
			was.ID = postern.NewPolicyID(was.Name)
			again[id] = was.ID
			target.Strengths = append(target.Strengths, was)
		case at >= 0:
			target.Strengths = slices.Delete(target.Strengths, at, at+1)
		}
	}
	target.ConditionalAccess = slices.Clone(now.ConditionalAccess)
	for _, id := range idsOf(before.ConditionalAccess, after.ConditionalAccess, accessKeys) {
		was, had := accessBy(before, id)
		will, has := accessBy(after, id)
		at := slices.IndexFunc(target.ConditionalAccess, func(c postern.ConditionalAccessPolicy) bool { return c.ID == id })
		switch {
		case had && has && sameValue(was, will):
		case had && at >= 0:
			target.ConditionalAccess[at] = was
		case had:
			was.ID = postern.NewPolicyID(was.Name)
			target.ConditionalAccess = append(target.ConditionalAccess, was)
		case at >= 0:
			target.ConditionalAccess = slices.Delete(target.ConditionalAccess, at, at+1)
		}
	}
	for n := range target.ConditionalAccess {
		if id, ok := again[target.ConditionalAccess[n].Grant.Strength]; ok {
			target.ConditionalAccess[n].Grant.Strength = id
		}
	}
	return target
}

// idsOf lists the ids in either list, each once.
func idsOf[T any](a, b []T, keys func(T) (id, name string)) []string {
	var out []string
	for _, x := range slices.Concat(a, b) {
		if id, _ := keys(x); !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}

func passkeysBack(now, before, after postern.PasskeyPolicy) postern.PasskeyPolicy {
	if now.Schema != before.Schema {
		return now // the tenant opted in to profiles since, and there is no way back
	}
	target := now
	if before.Enabled != after.Enabled {
		target.Enabled = before.Enabled
	}
	if before.SelfService != after.SelfService {
		target.SelfService = before.SelfService
	}
	if before.AttestationEnforced != after.AttestationEnforced {
		target.AttestationEnforced = before.AttestationEnforced
	}
	if !sameValue(before.KeyRestrictions, after.KeyRestrictions) {
		target.KeyRestrictions = before.KeyRestrictions
	}
	if before.DefaultProfile != after.DefaultProfile {
		target.DefaultProfile = before.DefaultProfile
	}
	if !sameValue(before.Include, after.Include) {
		target.Include = before.Include
	}
	if !sameValue(before.Exclude, after.Exclude) {
		target.Exclude = before.Exclude
	}
	target.Profiles = slices.Clone(now.Profiles)
	profile := func(list []postern.PasskeyProfile, id string) int {
		return slices.IndexFunc(list, func(p postern.PasskeyProfile) bool { return p.ID == id })
	}
	for _, id := range idsOf(before.Profiles, after.Profiles, profileKeys) {
		was, will, at := profile(before.Profiles, id), profile(after.Profiles, id), profile(target.Profiles, id)
		switch {
		case was >= 0 && will >= 0 && sameValue(before.Profiles[was], after.Profiles[will]):
		case was >= 0 && at >= 0:
			target.Profiles[at] = before.Profiles[was]
		case was >= 0:
			target.Profiles = append(target.Profiles, before.Profiles[was])
		case at >= 0:
			target.Profiles = slices.Delete(target.Profiles, at, at+1)
		}
	}
	return target
}
