package recipe_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/postern/postern"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/policy/impact"
	"github.com/postern/postern/center/setup/recipe"
)

const (
	ours  = "8a208249-8aef-41b3-907f-776d51e6526f"
	yubi  = "2fc0579f-8113-47ea-b116-bb5a8db9202a"
	titan = "42b4fb4a-2866-43b2-9bf7-6c6669c2e5d3"
)

// places says who is in which group.
type places map[string][]string

func (p places) InGroup(group, user string) bool { return slices.Contains(p[group], user) }
func (p places) InRole(role, user string) bool   { return slices.Contains(p[role], user) }

func some(t *rapid.T, list ...string) []string {
	out := []string{}
	for _, v := range list {
		if rapid.Bool().Draw(t, v) {
			out = append(out, v)
		}
	}
	return out
}

func drawRestrictions(t *rapid.T) map[string]any {
	return map[string]any{
		"isEnforced": rapid.Bool().Draw(t, "enforced"), "enforcementType": rapid.SampledFrom([]string{"allow", "block"}).Draw(t, "type"), "aaGuids": some(t, ours, yubi, titan),
	}
}

// drawPolicy is a passkey policy as Graph gives it.
func drawPolicy(t *rapid.T) json.RawMessage {
	p := map[string]any{
		"id": "Fido2", "state": rapid.SampledFrom([]string{"enabled", "disabled"}).Draw(t, "state"), "isSelfServiceRegistrationAllowed": rapid.Bool().Draw(t, "self-service"),
		"isAttestationEnforced": rapid.Bool().Draw(t, "attestation"), "keyRestrictions": drawRestrictions(t),
	}
	var ids []string
	if rapid.Bool().Draw(t, "profiles") {
		profiles := []any{}
		for n := range rapid.IntRange(1, 3).Draw(t, "count") {
			ids = append(ids, fmt.Sprintf("00000000-0000-0000-0000-00000000000%d", n+1))
			profiles = append(profiles, map[string]any{
				"id": ids[n], "name": ids[n], "passkeyTypes": rapid.SampledFrom([]string{"deviceBound", "synced", "deviceBound,synced"}).Draw(t, "types"),
				"attestationEnforcement": rapid.SampledFrom([]string{"disabled", "registrationOnly"}).Draw(t, "attested"), "keyRestrictions": drawRestrictions(t),
			})
		}
		p["passkeyProfiles"], p["defaultPasskeyProfile"] = profiles, ids[0]
	}
	include, exclude := []any{}, []any{}
	for _, g := range some(t, "sales", "staff", postern.TargetAllUsers) {
		include = append(include, map[string]any{"id": g, "targetType": "group", "isRegistrationRequired": rapid.Bool().Draw(t, "required"), "allowedPasskeyProfiles": some(t, ids...), "unknownMember": "kept"})
	}
	for _, g := range some(t, "sales") {
		exclude = append(exclude, map[string]any{"id": g, "targetType": "group"})
	}
	p["includeTargets"], p["excludeTargets"] = include, exclude
	b, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func patched(t *rapid.T, there json.RawMessage, r recipe.Request) json.RawMessage {
	var members, body map[string]json.RawMessage
	if json.Unmarshal(there, &members) != nil || json.Unmarshal(r.Body, &body) != nil {
		t.Fatalf("%s %s", there, r.Body)
	}
	for name, v := range body {
		members[name] = v
	}
	b, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func tenantPolicy(t *rapid.T, raw json.RawMessage) postern.TenantPolicy {
	p, err := entra.DecodePasskeyPolicy(raw)
	if err != nil {
		t.Fatal(err)
	}
	return postern.TenantPolicy{Passkeys: p}
}

func policyStepOf(w recipe.Want, raw json.RawMessage) recipe.Step {
	steps := recipe.Steps(w, recipe.Seen{TenantID: "5d0b4e30-0d5c-4f6e-8a55-1f2b6a6bd1a0", Policy: raw, Graph: recipe.Graph{ID: "graph"}})
	return steps[slices.IndexFunc(steps, func(s recipe.Step) bool { return s.Key == recipe.StepPolicy })]
}

// Whatever a tenant's policy is: after the step everybody whom nothing excludes may register a passkey of Postern, nobody
// lost anything, there is nothing more to do, and taking it back gives what was.
func TestPolicyTakesNothingAway(t *testing.T) {
	in, err := recipe.Complete(postern.SetupInput{ApplicationName: "Contoso", PermissionSet: postern.PermissionsPasskeys, Policy: true})
	if err != nil {
		t.Fatal(err)
	}
	w := recipe.Want{Setup: "sup_test1", Input: in, Now: now}
	at := time.Unix(1_700_000_000, 0)
	rapid.Check(t, func(t *rapid.T) {
		there := drawPolicy(t)
		step := policyStepOf(w, there)
		if step.Problem != nil || step.Found == "" || string(step.Was) != string(there) {
			t.Fatalf("%+v", step)
		}
		after := there
		if !step.Done {
			if len(step.Requests) != 1 || step.Requests[0].Guard == nil {
				t.Fatalf("%+v", step)
			}
			after = patched(t, there, step.Requests[0])
		}
		if again := policyStepOf(w, after); !again.Done {
			t.Fatalf("not done after it was done: %s\nthen %s\nthen %s", again.Found, after, again.Requests[0].Body)
		}
		var people []postern.InventoryUser
		in := places{"sales": {"u0", "u1"}, "staff": {"u1", "u2"}}
		for n := range 4 {
			u := postern.InventoryUser{ObjectID: fmt.Sprint("u", n), Enabled: true, LookedAt: &at}
			for _, model := range []string{ours, yubi, titan} {
				for _, synced := range []bool{false, true} {
					u.Passkeys = append(u.Passkeys, postern.InventoryPasskey{AAGUID: model, Synced: synced, Attested: !synced})
				}
			}
			people = append(people, u)
		}
		all := func(yield func(postern.InventoryUser, error) bool) {
			for _, u := range people {
				if !yield(u, nil) {
					return
				}
			}
		}
		before, will := tenantPolicy(t, there), tenantPolicy(t, after)
		_, list, err := impact.Compare(before, will, all, in, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range list {
			for _, e := range u.Effects {
				if e != postern.EffectSignInGained && e != postern.EffectRegistrationGained {
					t.Errorf("%s suffers %s: %s to %s", u.ObjectID, e, there, after)
				}
			}
		}
		excluded := len(will.Passkeys.Exclude) > 0
		for _, u := range people {
			if v := impact.Register(will, in, u, impact.Candidate{AAGUID: ours}); !v.Allowed && !(excluded && in.InGroup("sales", u.ObjectID)) {
				t.Errorf("%s cannot register: %s under %s", u.ObjectID, v.Why, after)
			}
		}
		if strings.Count(string(after), "unknownMember") < strings.Count(string(there), "unknownMember") {
			t.Errorf("a member that nobody knows got lost: %s", after)
		}
		if step.Done {
			return
		}
		back := recipe.Undo(w, map[string]json.RawMessage{recipe.StepPolicy: step.Was}, recipe.Seen{TenantID: "5d0b4e30-0d5c-4f6e-8a55-1f2b6a6bd1a0", Policy: after})
		if len(back) != 1 || back[0].Kept != "" || len(back[0].Requests) != 1 {
			t.Fatalf("%+v", back)
		}
		restored := tenantPolicy(t, patched(t, after, back[0].Requests[0]))
		if patch, err := entra.PasskeyPolicyPatch(there, restored.Passkeys); err != nil || patch != nil {
			t.Errorf("taken back, %s is still to be changed (%v)", patch, err)
		}
	})
}

// What somebody changed since is kept, and said.
func TestUndoKeepsWhatOthersChanged(t *testing.T) {
	in, err := recipe.Complete(postern.SetupInput{ApplicationName: "Contoso", Policy: true})
	if err != nil {
		t.Fatal(err)
	}
	w := recipe.Want{Setup: "sup_test1", Input: in, Now: now}
	was := json.RawMessage(`{"state":"disabled","isSelfServiceRegistrationAllowed":true,"keyRestrictions":{"isEnforced":false},"includeTargets":[],"excludeTargets":[]}`)
	since := json.RawMessage(`{"state":"enabled","isSelfServiceRegistrationAllowed":true,"isAttestationEnforced":true,"keyRestrictions":{"isEnforced":false},"includeTargets":[{"id":"all_users","targetType":"group"}],"excludeTargets":[]}`)
	seen := recipe.Seen{
		TenantID: "t", Policy: since, ServicePrincipal: "sp",
		Application: &recipe.Application{ID: "a", Keys: []recipe.KeyCredential{{Name: "Postern sup_test1"}, {Name: "of another"}}},
	}
	kept := func(seen recipe.Seen) (keys []string) {
		for _, s := range recipe.Undo(w, map[string]json.RawMessage{recipe.StepPolicy: was, recipe.StepApplication: nil, recipe.StepServicePrincipal: nil}, seen) {
			if s.Kept != "" {
				keys = append(keys, s.Key)
			}
			if (s.Kept != "" || s.Done) != (len(s.Requests) == 0) {
				t.Errorf("%+v", s)
			}
		}
		return keys
	}
	if got := kept(seen); !slices.Equal(got, []string{recipe.StepPolicy, recipe.StepServicePrincipal, recipe.StepApplication}) {
		t.Errorf("kept %v", got)
	}
	seen.Application.Keys, seen.Policy = seen.Application.Keys[:1], was
	if got := kept(seen); len(got) > 0 {
		t.Errorf("kept %v", got)
	}
}
