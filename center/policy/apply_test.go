package policy_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/job/jobtest"
	"github.com/postern/postern/center/policy"
)

// profile is a document that restricts the default profile to some models.
func profile(models ...string) string {
	return "passkeys:\n  profiles:\n    - name: Default passkey profile\n      default: true\n      restrictions: {enforce: true, type: allow, models: [" + strings.Join(models, ", ") + "]}\n"
}

const strengthAndAccess = `
strengths:
  - name: Ours only
    combinations: [fido2]
    models: [Postern]
conditional_access:
  - name: Demand it
    state: report-only
    strength: Ours only
    users: {include: {groups: [Pilot]}}
    applications: {include: [all resources]}
`

func TestPlanApplyUndo(t *testing.T) {
	w := newWorld(t)
	before := w.tenant()
	p := w.plan(profile("Postern", yubikey))
	if p.State != postern.PolicyPlanned || len(p.Steps) == 0 || p.CreatedBy != "Ada Admin" {
		t.Fatalf("%s, %d steps by %q: %s", p.State, len(p.Steps), p.CreatedBy, p.Message)
	}
	basis := p.Impact.Basis
	if !basis.Complete || basis.Unknown != 0 || basis.InventoryAt == nil || !basis.Methods {
		t.Errorf("basis: %+v", basis)
	}
	if got := p.Impact.Effects[postern.EffectLockedOut]; got != 1 || p.Impact.Privileged != 1 || p.Impact.Effects[postern.EffectPasskeyLost] != 1 {
		t.Errorf("impact: %+v", p.Impact)
	}
	users, all, err := w.Policies.Impact(t.Context(), p.ID, postern.ImpactQuery{Effect: postern.EffectLockedOut})
	w.must(err)
	if all != 1 || users[0].UPN != w.upn("cy") {
		t.Errorf("locked out: %+v", users)
	}
	var csv strings.Builder
	w.must(w.Policies.ImpactCSV(t.Context(), p.ID, &csv))
	if lines := strings.Split(csv.String(), "\r\n"); len(lines) < 3 || !strings.HasPrefix(lines[1], w.upn("cy")+",") {
		t.Errorf("csv: %q", csv.String())
	}

	// Nobody is locked out who was not named.
	_, err = w.Policies.Apply(w.as("Ada Admin"), p.ID, postern.PolicyApplyInput{Version: p.Version, LockOut: []string{w.upn("bo")}})
	if e := w.refused(err, postern.CodePolicyLockOut); !strings.Contains(e.Message, w.upn("cy")) || !strings.Contains(e.Message, "1 person") {
		t.Errorf("said %q", e.Message)
	}
	if got := w.events(audit.PolicyRefused); len(got) != 1 {
		t.Errorf("refusals in the trail: %q", got)
	}
	p = w.apply(p, strings.ToUpper(w.upn("cy")))
	if p.State != postern.PolicyLanded || p.AppliedBy != "Ada Admin" || p.FinishedAt == nil || p.Code != "" {
		t.Fatalf("%s: %s %s", p.State, p.Code, p.Message)
	}
	for _, s := range p.Steps {
		if s.Outcome != postern.PolicyStepLanded {
			t.Errorf("%+v", s)
		}
	}
	now := w.tenant()
	if k := now.Passkeys.Profiles[0].KeyRestrictions; !k.Enforced || k.Block || len(k.AAGUIDs) != 2 {
		t.Errorf("restrictions: %+v", k)
	}
	_, err = w.Policies.Apply(t.Context(), p.ID, postern.PolicyApplyInput{Version: p.Version})
	w.refused(err, postern.CodeConflict)

	back, err := w.Policies.Undo(w.as("Ada Admin"), p.ID, "It was a test.")
	w.must(err)
	if back = w.work(back.ID); back.Undoes != p.ID || back.Impact.Effects[postern.EffectSignInGained] == 0 {
		t.Errorf("undoes %q, %+v", back.Undoes, back.Impact)
	}
	if back = w.apply(back); back.State != postern.PolicyLanded {
		t.Fatalf("%s: %s", back.State, back.Message)
	}
	if now = w.tenant(); now.Passkeys.Profiles[0].KeyRestrictions.Enforced != before.Passkeys.Profiles[0].KeyRestrictions.Enforced {
		t.Errorf("after undoing: %+v", now.Passkeys)
	}
	_, err = w.Policies.Undo(t.Context(), p.ID, "")
	w.refused(err, postern.CodePolicyNothing)
	if len(w.events(audit.PolicyPlanned)) != 2 || len(w.events(audit.PolicyApplying)) != 2 || len(w.events(audit.PolicyLanded)) != 2 {
		t.Error("not every act is in the trail")
	}
}

func TestPlanOfWhatIs(t *testing.T) {
	w := newWorld(t)
	text, err := w.Policies.Export(t.Context(), w.integration.ID)
	w.must(err)
	p, err := w.Policies.Plan(t.Context(), w.integration.ID, postern.PolicyPlanInput{Document: text})
	w.must(err)
	if p.State != postern.PolicyPlanned || len(p.Steps) != 0 {
		t.Fatalf("%s with %+v", p.State, p.Steps)
	}
	_, err = w.Policies.Apply(t.Context(), p.ID, postern.PolicyApplyInput{Version: p.Version})
	w.refused(err, postern.CodePolicyNothing)
	_, err = w.Policies.Apply(t.Context(), p.ID, postern.PolicyApplyInput{Version: p.Version + 1})
	w.refused(err, postern.CodeStale)
	_, err = w.Policies.Plan(t.Context(), w.integration.ID, postern.PolicyPlanInput{Document: "version: 1\ncolour: red\n"})
	w.refused(err, postern.CodePolicyDocument)
	_, err = w.Policies.Plan(t.Context(), w.integration.ID, postern.PolicyPlanInput{Document: "version: 1\npasskeys: {targets: {include: [Mailing]}}\n"})
	if !postern.IsCode(err, postern.CodePolicyTarget) && !postern.IsCode(err, postern.CodePolicyDocument) {
		t.Errorf("a distribution group: %v", err)
	}
}

// TestChangedMeanwhile: somebody else changes the policy between plan and apply.
func TestChangedMeanwhile(t *testing.T) {
	w := newWorld(t)
	p := w.plan(profile("Postern", yubikey, solo))
	w.control(http.MethodPost, "tenants/first/policy", map[string]any{"as": w.upn("eve"), "passkeys": map[string]any{"isSelfServiceRegistrationAllowed": false}})
	_, err := w.Policies.Apply(w.as("Ada Admin"), p.ID, postern.PolicyApplyInput{Version: p.Version})
	if e := w.refused(err, postern.CodePolicyChanged); !strings.Contains(e.Message, w.upn("eve")) {
		t.Errorf("said %q", e.Message)
	}
	p, err = w.Policies.PlanOf(t.Context(), p.ID)
	w.must(err)
	if p.State != postern.PolicyOutdated || p.Code != postern.CodePolicyChanged {
		t.Errorf("%s %s", p.State, p.Code)
	}
	_, err = w.Policies.Apply(t.Context(), p.ID, postern.PolicyApplyInput{Version: p.Version})
	w.refused(err, postern.CodePolicyChanged)
	if now := w.tenant(); now.Passkeys.SelfService || now.Passkeys.Profiles[0].KeyRestrictions.Enforced {
		t.Errorf("it was written over: %+v", now.Passkeys)
	}
}

// TestIgnored: Entra takes the change and does not store a part of it.
func TestIgnored(t *testing.T) {
	w := newWorld(t)
	p := w.plan("passkeys:\n  self_service: false\n" + strings.TrimPrefix(profile("Postern", yubikey, solo), "passkeys:\n"))
	w.control(http.MethodPatch, "levers", map[string]any{"policy_ignore": []string{"passkeyProfiles", "keyRestrictions"}})
	began := w.clock()
	p = w.apply(p)
	if p.State != postern.PolicyPartly || p.Code != postern.CodePolicyMissing {
		t.Fatalf("%s %s: %s", p.State, p.Code, p.Message)
	}
	outcomes := map[postern.PolicyStepOutcome]int{}
	for _, s := range p.Steps {
		outcomes[s.Outcome]++
	}
	if outcomes[postern.PolicyStepLanded] != 1 || outcomes[postern.PolicyStepMissing] != len(p.Steps)-1 {
		t.Errorf("%v of %+v", outcomes, p.Steps)
	}
	if waited := w.clock().Sub(began); waited < policy.DefaultReadBack {
		t.Errorf("it was given up after %s", waited)
	}
	w.control(http.MethodPatch, "levers", map[string]any{"policy_ignore": []string{}})
	again := w.plan("passkeys:\n  self_service: false\n" + strings.TrimPrefix(profile("Postern", yubikey, solo), "passkeys:\n"))
	if len(again.Steps) != outcomes[postern.PolicyStepMissing] {
		t.Errorf("left to do: %+v", again.Steps)
	}
	if again = w.apply(again); again.State != postern.PolicyLanded {
		t.Errorf("%s: %s", again.State, again.Message)
	}
}

// TestDelayed: Entra takes a minute to show a change, and that is waited for.
func TestDelayed(t *testing.T) {
	w := newWorld(t)
	w.control(http.MethodPatch, "levers", map[string]any{"policy_delay": "1m"})
	p := w.apply(w.plan(profile("Postern", yubikey, solo)))
	if p.State != postern.PolicyLanded {
		t.Fatalf("%s: %s", p.State, p.Message)
	}
}

// TestLostAnswers loses the answer, or the process, at every point of applying: nothing is made twice or left out.
func TestLostAnswers(t *testing.T) {
	t.Run("answers", func(t *testing.T) {
		lose(t, func(name string) error { return errors.New("the answer is lost " + name) })
	})
	t.Run("processes", func(t *testing.T) { lose(t, func(name string) error { panic(jobtest.Crash{At: name}) }) })
}

func lose(t *testing.T, how func(name string) error) {
	w := newWorld(t)
	p := w.plan(profile("Postern", yubikey, solo) + strengthAndAccess)
	seen := map[string]int{}
	w.point = func(name string) error {
		if seen[name]++; seen[name] == 1 {
			return how(name)
		}
		return nil
	}
	p = w.apply(p)
	if p.State != postern.PolicyLanded {
		t.Fatalf("%s: %s", p.State, p.Message)
	}
	for _, name := range []string{"before create strength", "after create strength", "before passkeys", "after passkeys", "before create access", "after create access"} {
		if seen[name] == 0 {
			t.Errorf("nothing was lost %s", name)
		}
	}
	now := w.tenant()
	made := slices.DeleteFunc(slices.Clone(now.Strengths), func(s postern.AuthenticationStrength) bool { return s.BuiltIn })
	if len(made) != 1 || len(now.ConditionalAccess) != 1 || now.ConditionalAccess[0].Grant.Strength != made[0].ID {
		t.Fatalf("strengths %+v, conditional access %+v", made, now.ConditionalAccess)
	}
	uses, err := w.Policies.Strengths(t.Context(), w.integration.ID)
	w.must(err)
	at := slices.IndexFunc(uses, func(s postern.StrengthUse) bool { return s.Strength.ID == made[0].ID })
	if at < 0 || len(uses[at].Policies) != 1 || uses[at].Policies[0].Name != "Demand it" {
		t.Errorf("uses: %+v", uses)
	}

	// And back: the policy goes before the strength that it demands.
	clear(seen)
	back, err := w.Policies.Undo(w.as("Ada Admin"), p.ID, "")
	w.must(err)
	if back = w.apply(w.work(back.ID)); back.State != postern.PolicyLanded {
		t.Fatalf("%s: %s", back.State, back.Message)
	}
	now = w.tenant()
	if len(now.ConditionalAccess) != 0 || len(now.Strengths) != 3 {
		t.Errorf("after undoing: %+v %+v", now.Strengths, now.ConditionalAccess)
	}
}

// TestRefusedHalfway: Entra refuses the second write. What landed is said, and what was not tried.
func TestRefusedHalfway(t *testing.T) {
	w := newWorld(t)
	p := w.plan(profile("Postern", yubikey, solo) + strengthAndAccess)
	w.point = func(name string) error {
		if name == "before passkeys" {
			return postern.Errorf(postern.CodeEntraRefused, "Graph said no.")
		}
		return nil
	}
	p = w.apply(p)
	if p.State != postern.PolicyPartly || p.Code != postern.CodeEntraRefused || p.Message != "Graph said no." {
		t.Fatalf("%s %s: %s", p.State, p.Code, p.Message)
	}
	want := map[postern.PolicyObject]postern.PolicyStepOutcome{
		postern.PolicyObjectStrength: postern.PolicyStepLanded, postern.PolicyObjectProfile: postern.PolicyStepRefused, postern.PolicyObjectConditionalAccess: postern.PolicyStepSkipped,
	}
	for _, s := range p.Steps {
		if s.Outcome != want[s.Object] {
			t.Errorf("%s: %+v", s.Outcome, s)
		}
	}
	w.point = nil
	back, err := w.Policies.Undo(t.Context(), p.ID, "")
	w.must(err)
	if back = w.apply(w.work(back.ID)); back.State != postern.PolicyLanded || len(w.tenant().Strengths) != 3 {
		t.Errorf("%s: %s", back.State, back.Message)
	}
	// Where the first write is refused nothing was changed.
	w.point = func(string) error { return postern.Errorf(postern.CodeEntraPermission, "It may not.") }
	if p = w.apply(w.plan(profile("Postern", yubikey, solo))); p.State != postern.PolicyFailed || p.Code != postern.CodeEntraPermission {
		t.Errorf("%s %s", p.State, p.Code)
	}
}

// TestTwoAdministrators apply at once: one plan is carried out, the other is refused or outdated.
func TestTwoAdministrators(t *testing.T) {
	w := newWorld(t)
	one, two := w.plan(profile("Postern", yubikey, solo)), w.plan("passkeys: {self_service: false}\n")
	errs := make(chan error, 2)
	for _, p := range []postern.PolicyPlan{one, two} {
		go func() {
			_, err := w.Policies.Apply(w.as("Ada Admin"), p.ID, postern.PolicyApplyInput{Version: p.Version})
			errs <- err
		}()
	}
	went := 0
	for range 2 {
		if err := <-errs; err == nil {
			went++
		} else {
			w.refused(err, postern.CodePolicyBusy)
		}
	}
	if went != 1 {
		t.Fatalf("%d were applied", went)
	}
	one, two = w.work(one.ID), w.work(two.ID)
	if (one.State == postern.PolicyLanded) == (two.State == postern.PolicyLanded) {
		t.Errorf("%s and %s", one.State, two.State)
	}
}
