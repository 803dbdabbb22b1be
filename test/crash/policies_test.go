package crash_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/entrasim"
)

// What Graph is asked to make.
const (
	strengthsPath = "/v1.0/policies/authenticationStrengthPolicies"
	accessPath    = "/v1.0/identity/conditionalAccess/policies"
)

// The names in the documents.
const (
	strengthName = "Passkeys of two models"
	accessName   = "Passkeys for the pilot"
)

// policyStories are those of plans of the policy. Whoever applies one looks until it has ended. What differs between two of
// them is killed in both, what does not in one.
func policyStories() []story {
	but := func(parts ...string) []string { return append(parts, "GET ", "$batch") }
	return []story{
		{
			name: "a policy of many targets", before: planned(manyTargets), tell: []step{applyPlan},
			holds: ended(postern.PolicyLanded), left: policies, labels: applyMethodLabels, skip: but(),
		},
		{
			name: "a policy of many targets, one at a time", world: oneAtATime, before: planned(manyTargets), tell: []step{applyPlan},
			holds: ended(postern.PolicyLanded), left: policies, labels: applyTargetsLabels,
			skip: but("policy.Apply", "policy.write", "policy.shown", "policy.end"),
		},
		{
			name: "a strength and a policy that demands it", world: granted, before: planned(strengthAndAccess), tell: []step{applyPlan},
			holds: ended(postern.PolicyLanded), left: policies, labels: applyAccessLabels, skip: but("policy.Apply", "policy.end:"),
			lost: []string{strengthsPath, accessPath},
		},
		{
			name: "undoing a strength and a policy that demands it", world: granted, before: func(w *run) { planned(strengthAndAccess)(w); w.tell(applyPlan) },
			tell: []step{undo, applyPlan}, holds: ended(postern.PolicyLanded), left: policies, labels: undoLabels, skip: but("policy.Apply", "policy.end"),
		},
		{
			name: "a policy that is refused in part", world: noAccess, before: planned(methodAndAccess), tell: []step{applyPlan},
			holds: ended(postern.PolicyPartly, postern.PolicyObjectConditionalAccess), left: policies, labels: applyPartlyLabels,
			skip: but("policy.Apply", "strengths", "passkey policy", "policy.took", "policy.shown"),
		},
		{
			name: "models for a strength that had none", before: planned(limitedStrength), tell: []step{applyPlan},
			holds: ended(postern.PolicyLanded), left: policies, lost: []string{strengthsPath + "/*/combinationConfigurations"},
			skip: []string{""}, // all: it is about the answer alone
		},
	}
}

// oneAtATime is a tenant that takes one changed target in a request, once there is a plan.
func oneAtATime(w *run) {
	if w.plan == "" {
		return
	}
	l := w.tenant.Server.Levers()
	l.TargetsAtOnce = 1
	must(w.t, w.tenant.Server.SetLevers(l))
}

// granted lets the application change Conditional Access policies.
func granted(w *run) {
	w.atEntra(http.MethodPatch, "/apps/"+w.tenant.ClientID, map[string]any{"grant": []string{"Policy.ReadWrite.ConditionalAccess", "Policy.Read.All"}})
}

// noAccess is a tenant that takes no new Conditional Access policy.
func noAccess(w *run) {
	granted(w)
	_, err := w.tenant.Server.AddFault(entrasim.Fault{Method: http.MethodPost, Path: accessPath, Status: http.StatusBadRequest, Message: "Not today."})
	must(w.t, err)
}

// manyTargets takes one group and one exclusion away, and adds two groups, an exclusion, a profile and a list of models.
func manyTargets(w *run, groups [3]string) string {
	w.portal(map[string]any{"passkeys": map[string]any{
		"includeTargets": []any{
			map[string]any{"id": "all_users", "targetType": "group"},
			map[string]any{"id": groups[0], "targetType": "group", "isRegistrationRequired": true},
		},
		"excludeTargets": []any{map[string]any{"id": groups[2], "targetType": "group"}},
	}})
	return fmt.Sprintf(`
version: 1
passkeys:
  targets:
    include:
      - all users
      - {group: "id:%s", profiles: [Keys only], registration: required}
      - {group: "id:%s", profiles: [Default passkey profile, Keys only]}
    exclude: ["id:%s"]
  profiles:
    - name: Default passkey profile
      restrictions: {enforce: true, type: allow, models: [Postern, Microsoft Authenticator]}
    - name: Keys only
      types: [device-bound]
      enforce_attestation: true
      restrictions: {enforce: true, type: allow, models: [2fc0579f-8113-47ea-b116-bb5a8db9202a]}
`, groups[1], groups[2], groups[0])
}

// strengthAndAccess makes both.
func strengthAndAccess(w *run, groups [3]string) string {
	return fmt.Sprintf(`
version: 1
strengths:
  - name: %s
    description: Only these
    combinations: [fido2]
    models: [Postern, 2fc0579f-8113-47ea-b116-bb5a8db9202a]
conditional_access:
  - name: %s
    state: report-only
    strength: %[1]s
    users:
      include: {groups: ["id:%[3]s"]}
      exclude: {users: ["id:%[4]s"]}
    applications:
      include: [all resources]
`, strengthName, accessName, groups[1], w.person.ID)
}

// methodAndAccess also limits the passkey method.
func methodAndAccess(w *run, groups [3]string) string {
	return strengthAndAccess(w, groups) + `
passkeys:
  profiles:
    - name: Default passkey profile
      restrictions: {enforce: true, type: allow, models: [Postern, 2fc0579f-8113-47ea-b116-bb5a8db9202a]}
`
}

// limitedStrength limits a strength that somebody made for all models.
func limitedStrength(w *run, _ [3]string) string {
	w.portal(map[string]any{"strengths": []any{map[string]any{"displayName": strengthName, "allowedCombinations": []string{"fido2"}}}})
	return fmt.Sprintf("version: 1\nstrengths:\n  - name: %s\n    models: [Postern]\n", strengthName)
}

// portal has somebody else change the policy.
func (w *run) portal(change map[string]any) {
	w.t.Helper()
	w.atEntra(http.MethodPost, "/policy", change)
}

// planned gives what comes before a story: an inventory, and a plan that is ready to be applied.
func planned(document func(w *run, groups [3]string) string) func(w *run) {
	return func(w *run) {
		w.t.Helper()
		i, err := w.admin.Integration(w.ctx, w.integration)
		must(w.t, err)
		text := document(w, [3]string{i.Groups[0].ID, i.Groups[1].ID, i.Groups[2].ID})
		_, err = w.admin.ReadInventory(w.ctx, w.integration, postern.InventoryInput{Full: true})
		must(w.t, err)
		w.until("the inventory", func(ctx context.Context) error {
			s, err := w.admin.InventoryStatus(ctx, w.integration)
			if err == nil && (s.State != postern.InventoryCurrent || !s.Complete) {
				err = fmt.Errorf("the inventory is %s: %s", s.State, s.Message)
			}
			return err
		})
		p, err := w.admin.PlanPolicy(w.ctx, w.integration, postern.PolicyPlanInput{Document: text, Note: "crash"})
		must(w.t, err)
		w.plan = p.ID
		w.until("the plan", func(ctx context.Context) error { return w.ready(ctx) })
	}
}

// ready holds that the plan can be applied.
func (w *run) ready(ctx context.Context) error {
	p, err := w.admin.PolicyPlan(ctx, w.plan)
	if err == nil && p.State != postern.PolicyPlanned {
		err = fmt.Errorf("the plan is %s: %s", p.State, p.Message)
	}
	return err
}

var applyPlan = step{"applying", func(ctx context.Context, w *run) error {
	p, err := w.admin.PolicyPlan(ctx, w.plan)
	if err == nil && p.State == postern.PolicyPlanned {
		var concerned postern.InventoryPage[postern.UserImpact]
		if concerned, err = w.admin.PolicyImpact(ctx, p.ID, postern.ImpactQuery{}); err != nil {
			return err
		}
		in := postern.PolicyApplyInput{Version: p.Version}
		for _, u := range concerned.Items {
			in.LockOut = append(in.LockOut, u.UPN)
		}
		p, err = w.admin.ApplyPolicyPlan(ctx, p.ID, in)
	}
	if err == nil && p.FinishedAt == nil {
		err = fmt.Errorf("the plan is %s: %s", p.State, p.Message)
	}
	return err
}}

// undo makes a plan that takes the last one back. Whoever lost the answer finds it in the list.
var undo = step{"planning the way back", func(ctx context.Context, w *run) error {
	all, err := w.admin.PolicyPlans(ctx, w.integration)
	if err != nil {
		return err
	}
	if n := slices.IndexFunc(all, func(p postern.PolicyPlan) bool { return p.Undoes != "" }); n >= 0 {
		w.plan = all[n].ID
		return w.ready(ctx)
	}
	p, err := w.admin.UndoPolicyPlan(ctx, w.plan, postern.PolicyNoteInput{})
	if err == nil {
		err = fmt.Errorf("the plan is %s", p.State)
	}
	return err
}}

// ended holds that the plan is in its last state, that its steps say so, but for those of the objects that Entra refused,
// that the audit trail tells of it once, and that drift is measured from what it left.
func ended(state postern.PolicyPlanState, refused ...postern.PolicyObject) func(ctx context.Context, w *run) error {
	return func(ctx context.Context, w *run) error {
		p, err := w.admin.PolicyPlan(ctx, w.plan)
		if err != nil {
			return err
		}
		if p.State != state || p.FinishedAt == nil || len(p.Steps) == 0 || (p.Code == "") != (state == postern.PolicyLanded) {
			return fmt.Errorf("the plan is %s with %d steps: %s %s", p.State, len(p.Steps), p.Code, p.Message)
		}
		for _, s := range p.Steps {
			want := postern.PolicyStepLanded
			if slices.Contains(refused, s.Object) {
				want = postern.PolicyStepRefused
			}
			if s.Outcome != want || (s.Message == "") != (want == postern.PolicyStepLanded) {
				return fmt.Errorf("the step «%s» is %s: %s", s.Sentence, s.Outcome, s.Message)
			}
		}
		told := make(map[string]int)
		for e, err := range w.admin.AuditEvents(ctx, postern.AuditFilter{Target: string(w.plan)}) {
			if err != nil {
				return err
			}
			told[e.Name]++
		}
		if want := map[string]int{"policy.planned": 1, "policy.applying": 1, "policy." + string(state): 1}; !maps.Equal(told, want) {
			return fmt.Errorf("the audit trail tells %v of the plan", told)
		}
		d, err := w.admin.CheckPolicyDrift(ctx, w.integration)
		if err == nil && (!d.Watched || d.BaselineAt == nil || d.BaselineAt.Before(p.FinishedAt.Truncate(1)) || len(d.Steps) > 0) {
			err = fmt.Errorf("the policy is watched: %v, since %v, with %d steps", d.Watched, d.BaselineAt, len(d.Steps))
		}
		return err
	}
}

// policies says what decides in the tenant, with names in place of ids that Entra gives. It fails if two have one name.
func policies(ctx context.Context, w *run) (string, error) {
	p, err := w.graph.TenantPolicy(ctx)
	if err != nil {
		return "", err
	}
	strengths, names := make(map[string]string), make(map[string]bool)
	for n := range p.Strengths {
		s := &p.Strengths[n]
		strengths[s.ID], s.ID = s.Name, ""
		if names[s.Name] {
			return "", errors.New("there are two strengths " + s.Name)
		}
		names[s.Name] = true
	}
	clear(names)
	for n := range p.ConditionalAccess {
		c := &p.ConditionalAccess[n]
		c.ID, c.Grant.Strength = "", strengths[c.Grant.Strength]
		if names[c.Name] {
			return "", errors.New("there are two policies " + c.Name)
		}
		names[c.Name] = true
	}
	p.Strengths = slices.DeleteFunc(p.Strengths, func(s postern.AuthenticationStrength) bool { return s.BuiltIn })
	text, err := json.MarshalIndent(map[string]any{"passkeys": p.Passkeys, "strengths": p.Strengths, "access": p.ConditionalAccess}, "", "  ")
	return strings.TrimSpace(string(text)), err
}
