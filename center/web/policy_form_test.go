package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/postern/postern"
	"github.com/postern/postern/center/policy/aaguid"
	policydoc "github.com/postern/postern/center/policy/document"
	"github.com/postern/postern/center/policy/plan"
)

// drawTenant makes a policy that Entra would hold, in either schema.
func drawTenant(t *rapid.T) postern.TenantPolicy {
	p := fixtureTenantPolicy()
	k := &p.Passkeys
	k.Enabled, k.SelfService = rapid.Bool().Draw(t, "enabled"), rapid.Bool().Draw(t, "self service")
	var known []string
	for _, m := range aaguid.Bundled().Models() {
		known = append(known, m.AAGUID)
	}
	keys := func(name string) postern.KeyRestrictions {
		return postern.KeyRestrictions{
			Enforced: rapid.Bool().Draw(t, name+" enforced"), Block: rapid.Bool().Draw(t, name+" block"),
			AAGUIDs: rapid.SliceOfNDistinct(rapid.SampledFrom(append(known, fixtureStranger)), 0, 4, rapid.ID).Draw(t, name+" models"),
		}
	}
	k.Include, k.Exclude = nil, nil
	if rapid.Bool().Draw(t, "profiles") {
		q := fixtureProfiles().Passkeys
		k.Schema, k.DefaultProfile, k.Profiles = q.Schema, q.DefaultProfile, q.Profiles
		for n := range k.Profiles {
			k.Profiles[n].KeyRestrictions = keys(k.Profiles[n].Name)
		}
	} else {
		k.AttestationEnforced, k.KeyRestrictions = rapid.Bool().Draw(t, "attestation"), keys("tenant")
	}
	for _, id := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{postern.TargetAllUsers, fixturePilot}), 0, 2, rapid.ID).Draw(t, "include") {
		target := postern.PolicyTarget{ID: id, Type: "group", RegistrationRequired: rapid.Bool().Draw(t, "required")}
		for _, profile := range k.Profiles {
			if rapid.Bool().Draw(t, "assigned") {
				target.Profiles = append(target.Profiles, profile.ID)
			}
		}
		k.Include = append(k.Include, target)
	}
	if !slices.ContainsFunc(k.Include, func(t postern.PolicyTarget) bool { return t.ID == fixturePilot }) && rapid.Bool().Draw(t, "exclude") {
		k.Exclude = []postern.PolicyTarget{{ID: fixturePilot, Type: "group"}}
	}
	return p
}

// stepsOf is what the form would change in the tenant.
func stepsOf(t interface {
	Helper()
	Fatal(args ...any)
}, before postern.TenantPolicy, f policyForm,
) []postern.PolicyStep {
	t.Helper()
	models := aaguid.Bundled()
	text, err := policydoc.Marshal(f.document(models))
	if err != nil {
		t.Fatal(err)
	}
	d, err := policydoc.Parse(text)
	if err != nil {
		t.Fatal(err, "\n"+string(text))
	}
	names := plan.Names{}
	for _, r := range d.References() {
		if id, ok := r.ID(); ok {
			names[r] = []plan.Entry{{ID: id, DirectoryName: postern.DirectoryName{Kind: "group", Name: "Group", Group: "security"}}}
		}
	}
	result, err := plan.Make(before, d, names, models)
	if err != nil {
		t.Fatal(err, "\n"+string(text))
	}
	return result.Steps
}

// TestFormChangesNothingByItself: a form that was opened and sent without a change plans nothing, whatever the tenant has.
func TestFormChangesNothingByItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tenant := drawTenant(t)
		if found := stepsOf(t, tenant, formOfPolicy(tenant)); len(found) > 0 {
			t.Fatalf("an untouched form plans %+v", found)
		}
	})
}

// TestFormSaysWhatItsButtonsDid presses the buttons of the form and plans the result.
func TestFormSaysWhatItsButtonsDid(t *testing.T) {
	tenant := fixtureTenantPolicy()
	f := formOfPolicy(tenant)
	press := func(do string, fields url.Values) problems {
		return f.change(do, &http.Request{PostForm: fields}, aaguid.Bundled(), []string{fixtureModels[4].AAGUID})
	}
	for _, act := range []struct {
		do     string
		fields url.Values
	}{
		{"bundle:0", url.Values{"bundle-0": {postern.BundleMicrosoftAuthenticator}}},
		{"model:0", url.Values{"pick_model-0": {fixtureModels[2].AAGUID}}},
		{"model:0", url.Values{"model_search-0": {fixtureStranger}}},
		{"in-use:0", nil},
		{"drop-model:0:" + fixtureModels[2].AAGUID, nil},
		{"exclude", url.Values{"pick": {fixturePilot + " Passkey pilot"}}},
	} {
		if wrong := press(act.do, act.fields); len(wrong) > 0 {
			t.Fatalf("%s: %v", act.do, wrong)
		}
	}
	f.Rules[0].Keys.Enforced = true
	var said []string
	for _, s := range stepsOf(t, tenant, f) {
		said = append(said, string(s.Verb)+" "+s.Field+" "+s.AAGUID)
	}
	all := strings.Join(said, "\n")
	for _, id := range []string{fixtureModels[0].AAGUID, fixtureModels[1].AAGUID, fixtureModels[4].AAGUID, fixtureStranger} {
		if !strings.Contains(all, id) {
			t.Errorf("the plan does not add %s:\n%s", id, all)
		}
	}
	if strings.Contains(all, fixtureModels[2].AAGUID) || !strings.Contains(all, "restrictions.enforce") || !strings.Contains(all, "targets.exclude") {
		t.Errorf("the plan says:\n%s", all)
	}
	for _, bad := range []string{"bundle:0", "model:0", "include"} {
		if wrong := press(bad, nil); len(wrong) != 1 || wrong[0].Field == "" || wrong[0].Next == "" {
			t.Errorf("%s without a choice: %v", bad, wrong)
		}
	}
	for _, odd := range []string{"", "bundle:7", "drop-model:-1:x", "drop-include:9", "model:99999999999999999999"} {
		if wrong := press(odd, nil); len(wrong) > 0 {
			t.Errorf("%q is no button and has problems: %v", odd, wrong)
		}
	}
}

// TestProfileLeavesItsTargets: the choices of targets stay with their profiles when another profile goes.
func TestProfileLeavesItsTargets(t *testing.T) {
	f := formOfPolicy(fixtureProfiles())
	f.change("profile", &http.Request{}, aaguid.Bundled(), nil)
	f.Include[1].Profiles = []int{0, 1, 2}
	f.change("drop-profile:1", &http.Request{}, aaguid.Bundled(), nil)
	if got := f.Include[1].Profiles; !slices.Equal(got, []int{0, 1}) {
		t.Errorf("the target has the profiles %v", got)
	}
	if len(f.Dropped) != 1 || f.Dropped[0].Name != "Keys only" {
		t.Errorf("dropped: %+v", f.Dropped)
	}
	f.change("drop-profile:0", &http.Request{}, aaguid.Bundled(), nil)
	if len(f.Rules) != 2 {
		t.Error("the default profile was removed")
	}
	d := f.document(aaguid.Bundled())
	if p := d.Passkeys.Profiles; len(p) != 3 || !p[2].Absent || p[1].ID != "" {
		t.Errorf("the document has the profiles %+v", p)
	}
}

// TestLockOutIsNamed: everybody has to be named, one by one where they are few and by their number where they are many.
func TestLockOutIsNamed(t *testing.T) {
	few := applyPage{LockOut: fixtureConcerned(3)}
	for _, u := range few.LockOut[:2] {
		few.Ticked = append(few.Ticked, u.ObjectID)
	}
	if _, wrong := few.named(); len(wrong) != 1 {
		t.Error("one who is not ticked was taken for named")
	}
	few.Ticked = append(few.Ticked, few.LockOut[2].ObjectID)
	if ids, wrong := few.named(); len(wrong) > 0 || len(ids) != 3 {
		t.Errorf("named %v, %v", ids, wrong)
	}
	many := applyPage{LockOut: fixtureConcerned(1234)}
	for typed, ok := range map[string]bool{"": false, "1233": false, "1234": true, "1,234": true, "all": false} {
		many.Typed = typed
		if ids, wrong := many.named(); (len(wrong) == 0) != ok || ok && len(ids) != 1234 {
			t.Errorf("%q: %d named, %v", typed, len(ids), wrong)
		}
	}
}

// TestEnforceAsksForBreakGlass holds the form of a Conditional Access policy to what is missing, and to report-only.
func TestEnforceAsksForBreakGlass(t *testing.T) {
	f := enforceForm{Strengths: fixtureStrengths().Strengths, Strength: "Passkey on a phone", Name: "Pilot", Everybody: true, Where: whereAll}
	if wrong := f.check(); len(wrong) != 1 || wrong[0].Field != "break_glass" {
		t.Errorf("%v", wrong)
	}
	f.BreakGlass = " glass@contoso.example \r\n\r\nsecond@contoso.example"
	if wrong := f.check(); len(wrong) > 0 {
		t.Errorf("%v", wrong)
	}
	text, err := policydoc.Marshal(f.document())
	if err != nil {
		t.Fatal(err)
	}
	d, err := policydoc.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	a := d.ConditionalAccess[0]
	if a.State != postern.ConditionalAccessReportOnly || len(a.Exclude.Users) != 2 || !slices.Equal(a.Include.Users, []string{policydoc.AllUsers}) ||
		!slices.Equal(a.Applications.Include, []string{policydoc.AllResources}) || *a.Strength != "Passkey on a phone" {
		t.Errorf("%s", text)
	}
}
