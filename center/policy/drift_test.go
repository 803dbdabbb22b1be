package policy_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/policy"
)

func TestDrift(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	d, err := w.Policies.Drift(ctx, w.integration.ID)
	w.must(err)
	if d.Watched || d.IntervalS != 900 {
		t.Errorf("before anything was applied: %+v", d)
	}
	p := w.apply(w.plan(profile("Postern", yubikey, solo)))
	if p.State != postern.PolicyLanded {
		t.Fatalf("%s: %s", p.State, p.Message)
	}
	check := func() postern.PolicyDrift {
		t.Helper()
		d, err := w.Policies.CheckDrift(ctx, w.integration.ID)
		w.must(err)
		return d
	}
	if d = check(); !d.Watched || len(d.Steps) != 0 || d.CheckedAt == nil {
		t.Errorf("right after applying: %+v", d)
	}
	// What the document does not manage is nobody's business.
	w.pass(time.Minute)
	w.control(http.MethodPost, "tenants/first/policy", map[string]any{"as": w.upn("eve"), "strengths": []any{
		map[string]any{"displayName": "Somebody's", "allowedCombinations": []string{"fido2"}},
	}})
	if d = check(); len(d.Steps) != 0 {
		t.Errorf("a change of what is not managed: %+v", d.Steps)
	}
	profileOf := func(models ...string) map[string]any {
		p := w.tenant().Passkeys.Profiles[0]
		return map[string]any{"passkeyProfiles": []any{map[string]any{
			"id": p.ID, "name": p.Name, "passkeyTypes": "deviceBound,synced", "attestationEnforcement": "disabled",
			"keyRestrictions": map[string]any{"isEnforced": true, "enforcementType": "allow", "aaGuids": models},
		}}}
	}
	w.control(http.MethodPost, "tenants/first/policy", map[string]any{"as": w.upn("eve"), "address": "203.0.113.7", "passkeys": profileOf(ours, yubikey)})
	d = check()
	if len(d.Steps) != 1 || d.Steps[0].AAGUID != solo || d.FoundAt == nil || !d.WhoKnown || len(d.Who) == 0 || d.Who[0].Name != w.upn("eve") || d.Who[0].Address != "203.0.113.7" {
		t.Fatalf("drift: %+v", d)
	}
	if got := w.events(audit.PolicyDrifted); len(got) != 1 {
		t.Errorf("in the trail: %q", got)
	}
	for d.Impact == nil {
		w.step()
		d, err = w.Policies.Drift(ctx, w.integration.ID)
		w.must(err)
	}
	if d.Impact.Effects[postern.EffectLockedOut] != 1 {
		t.Errorf("impact: %+v", d.Impact)
	}
	check()
	if got := w.events(audit.PolicyDrifted); len(got) != 1 {
		t.Errorf("told twice: %q", got)
	}
	// Somebody takes it back.
	back, err := w.Policies.PlanBack(w.as("Ada Admin"), w.integration.ID, "")
	w.must(err)
	if back = w.apply(w.work(back.ID)); back.State != postern.PolicyLanded {
		t.Fatalf("%s: %s", back.State, back.Message)
	}
	if d = check(); len(d.Steps) != 0 || len(w.events(audit.PolicyDriftOver)) != 1 {
		t.Errorf("after it was taken back: %+v, %q", d.Steps, w.events(audit.PolicyDriftOver))
	}
	// Or accepts it.
	w.pass(time.Minute)
	w.control(http.MethodPost, "tenants/first/policy", map[string]any{"passkeys": profileOf(ours)})
	if d = check(); len(d.Steps) != 2 {
		t.Errorf("drift: %+v", d.Steps)
	}
	d, err = w.Policies.Accept(w.as("Ada Admin"), w.integration.ID, "Agreed.")
	w.must(err)
	if len(d.Steps) != 0 || len(w.events(audit.PolicyAccepted)) != 1 || !strings.Contains(w.events(audit.PolicyAccepted)[0], "Agreed.") {
		t.Errorf("accepted: %+v", d)
	}
	if d = check(); len(d.Steps) != 0 {
		t.Errorf("after accepting: %+v", d.Steps)
	}
	// The document says nothing of whether the method is on, and rests on it.
	w.control(http.MethodPost, "tenants/first/policy", map[string]any{"passkeys": map[string]any{"state": "disabled"}})
	if d = check(); len(d.Steps) != 1 || d.Steps[0].Field != "state" {
		t.Errorf("the method is off: %+v", d.Steps)
	}
}

func TestDriftSchedule(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	tick := func() (looked bool) {
		t.Helper()
		w.must(w.Policies.Tick(ctx, policy.TickJob{}))
		jobs, err := w.jobs.Waiting(ctx)
		w.must(err)
		for _, j := range jobs {
			looked = looked || j.Kind == "policy.drift"
		}
		_, err = w.jobs.RunAll(ctx)
		w.must(err)
		return looked
	}
	if tick() {
		t.Error("a tenant without a baseline was looked at")
	}
	d, err := w.Policies.Accept(ctx, w.integration.ID, "")
	w.must(err)
	if !d.Watched || tick() {
		t.Errorf("right after accepting: %+v", d)
	}
	w.pass(15 * time.Minute)
	if !tick() || tick() {
		t.Error("it is not looked at once every 15 minutes")
	}
	if d, err = w.Policies.SetDrift(ctx, w.integration.ID, postern.PolicyDriftInput{Version: d.Version, IntervalS: 3600}); err != nil || d.IntervalS != 3600 || d.Version != 1 {
		t.Fatalf("%+v %v", d, err)
	}
	w.pass(15 * time.Minute)
	if tick() {
		t.Error("it is looked at more often than it should be")
	}
	_, err = w.Policies.SetDrift(ctx, w.integration.ID, postern.PolicyDriftInput{IntervalS: 60})
	w.refused(err, postern.CodeStale)
	_, err = w.Policies.SetDrift(ctx, w.integration.ID, postern.PolicyDriftInput{Version: 1, IntervalS: 1})
	w.refused(err, postern.CodeInvalid)
	// A new strength counts, once everything was accepted.
	w.control(http.MethodPost, "tenants/first/policy", map[string]any{"as": w.upn("eve"), "strengths": []any{map[string]any{"displayName": "Weak", "allowedCombinations": []string{"password,sms"}}}})
	w.pass(time.Hour)
	if !tick() {
		t.Error("nobody looked")
	}
	if d, err = w.Policies.Drift(ctx, w.integration.ID); err != nil || len(d.Steps) == 0 || d.Steps[0].Verb != postern.PolicyCreate {
		t.Errorf("%+v %v", d, err)
	}
}
