package entra

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/postern/postern"
)

// policyFake serves a configuration and takes patches of it the way Graph does. refuse may refuse one.
type policyFake struct {
	stored  map[string]any
	patches []map[string]any
	refuse  func(before, patch map[string]any) string
}

func (p *policyFake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case !strings.HasSuffix(r.URL.Path, passkeyPolicyPath):
		graphRefuses(w, 403, "accessDenied", "No.")
	case r.Method == http.MethodGet:
		writeJSON(w, 200, p.stored)
	default:
		var patch map[string]any
		_ = json.NewDecoder(r.Body).Decode(&patch)
		p.patches = append(p.patches, patch)
		if p.refuse != nil {
			if why := p.refuse(p.stored, patch); why != "" {
				graphRefuses(w, 400, "badRequest", why)
				return
			}
		}
		p.stored = maps.Clone(p.stored)
		maps.Copy(p.stored, patch)
		w.WriteHeader(http.StatusNoContent)
	}
}

func newPolicyFake(t *testing.T, stored string) (*policyFake, *Tenant) {
	t.Helper()
	p := &policyFake{}
	if err := json.Unmarshal([]byte(stored), &p.stored); err != nil {
		t.Fatal(err)
	}
	tenant, _ := newFake(t, p.ServeHTTP).open()
	return p, tenant
}

// atMost refuses more targets than that in one change.
func atMost(n int) func(before, patch map[string]any) string {
	return func(before, patch map[string]any) string {
		changed := 0
		for _, member := range []string{"includeTargets", "excludeTargets"} {
			if list, ok := patch[member].([]any); ok {
				old, _ := before[member].([]any)
				for _, target := range list {
					if !slices.ContainsFunc(old, func(o any) bool { return cmp.Equal(o, target) }) {
						changed++
					}
				}
				for _, target := range old {
					id := target.(map[string]any)["id"]
					if !slices.ContainsFunc(list, func(o any) bool { return o.(map[string]any)["id"] == id }) {
						changed++
					}
				}
			}
		}
		if changed > n {
			return fmt.Sprintf("%d targets at once.", changed)
		}
		return ""
	}
}

const storedProfiles = `{"@odata.type":"#microsoft.graph.fido2AuthenticationMethodConfiguration","id":"Fido2","state":"enabled",
	"isSelfServiceRegistrationAllowed":true,"isAttestationEnforced":false,"keyRestrictions":{"isEnforced":false,"enforcementType":"allow","aaGuids":[]},
	"defaultPasskeyProfile":"00000000-0000-0000-0000-000000000001",
	"includeTargets":[{"targetType":"group","id":"all_users","isRegistrationRequired":false,"allowedPasskeyProfiles":["00000000-0000-0000-0000-000000000001"],"memberOfTomorrow":1}],
	"excludeTargets":[],
	"passkeyProfiles":[{"id":"00000000-0000-0000-0000-000000000001","name":"Default passkey profile","passkeyTypes":"deviceBound","attestationEnforcement":"disabled",
	"keyRestrictions":{"isEnforced":false,"enforcementType":"allow","aaGuids":[]},"memberOfTomorrow":{"x":[1]}}]}`

// Only what differs is written, whole, in the schema the tenant has, and without losing what Postern does not know.
func TestWriteProfiles(t *testing.T) {
	fake, tenant := newPolicyFake(t, storedProfiles)
	from, err := tenant.PasskeyPolicy(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := tenant.WritePasskeyPolicy(ctx, from, from); err != nil || len(fake.patches) != 0 {
		t.Fatalf("writing nothing: %v, %v", err, fake.patches)
	}
	to := from
	to.KeyRestrictions.Enforced, to.AttestationEnforced = true, true // say nothing under profiles
	if err := tenant.WritePasskeyPolicy(ctx, from, to); err != nil || len(fake.patches) != 0 {
		t.Fatalf("writing deprecated members: %v, %v", err, fake.patches)
	}
	to.Profiles = []postern.PasskeyProfile{from.Profiles[0], {Name: "Keys", DeviceBound: true, Synced: true}}
	to.Profiles[0].KeyRestrictions = postern.KeyRestrictions{Enforced: true, AAGUIDs: []string{"EE882879-721C-4913-9775-3DFCCE97072A"}}
	if err := tenant.WritePasskeyPolicy(ctx, from, to); err != nil {
		t.Fatal(err)
	}
	id := tenant.profileID("Keys")
	want := map[string]any{
		"@odata.type": passkeyPolicyType,
		"passkeyProfiles": []any{
			map[string]any{
				"id": "00000000-0000-0000-0000-000000000001", "name": "Default passkey profile", "passkeyTypes": "deviceBound", "attestationEnforcement": "disabled",
				"keyRestrictions":  map[string]any{"isEnforced": true, "enforcementType": "allow", "aaGuids": []any{"ee882879-721c-4913-9775-3dfcce97072a"}},
				"memberOfTomorrow": map[string]any{"x": []any{1.0}},
			},
			map[string]any{
				"id": id, "name": "Keys", "passkeyTypes": "deviceBound,synced", "attestationEnforcement": "disabled",
				"keyRestrictions": map[string]any{"isEnforced": false, "enforcementType": "allow", "aaGuids": []any{}},
			},
		},
	}
	if diff := cmp.Diff([]map[string]any{want}, fake.patches); diff != "" {
		t.Errorf("patch (-want +got):\n%s", diff)
	}
	there, err := tenant.PasskeyPolicy(ctx)
	if err != nil || !samePasskeyPolicy(there, tenant.identified(to)) {
		t.Errorf("reads back as %+v, %v", there, err)
	}
	if err := tenant.WritePasskeyPolicy(ctx, there, to); err != nil || len(fake.patches) != 1 {
		t.Errorf("writing the same again makes another profile: %v, %v", err, fake.patches)
	}
	fake.patches, from, to = nil, there, there
	to.Enabled, to.SelfService = false, false
	to.Include = append(slices.Clone(there.Include), postern.PolicyTarget{ID: "G", Type: "group"})
	to.Exclude = []postern.PolicyTarget{{ID: "x", Type: "group"}}
	if err := tenant.WritePasskeyPolicy(ctx, from, to); err != nil {
		t.Fatal(err)
	}
	want = map[string]any{
		"@odata.type": passkeyPolicyType, "state": "disabled", "isSelfServiceRegistrationAllowed": false,
		"includeTargets": []any{
			map[string]any{
				"targetType": "group", "id": "all_users", "isRegistrationRequired": false, "memberOfTomorrow": 1.0,
				"allowedPasskeyProfiles": []any{"00000000-0000-0000-0000-000000000001"},
			},
			map[string]any{"targetType": "group", "id": "G", "isRegistrationRequired": false, "allowedPasskeyProfiles": []any{}},
		},
		"excludeTargets": []any{map[string]any{"targetType": "group", "id": "x"}},
	}
	if diff := cmp.Diff([]map[string]any{want}, fake.patches); diff != "" {
		t.Errorf("patch (-want +got):\n%s", diff)
	}
}

func TestWriteTenantSchema(t *testing.T) {
	fake, tenant := newPolicyFake(t, `{"state":"enabled","isSelfServiceRegistrationAllowed":true,"isAttestationEnforced":true,
		"keyRestrictions":{"isEnforced":true,"enforcementType":"block","aaGuids":["ee882879-721c-4913-9775-3dfcce97072a"]},
		"includeTargets":[{"targetType":"group","id":"all_users"}],"excludeTargets":[{"targetType":"group","id":"x"}]}`)
	from, err := tenant.PasskeyPolicy(ctx)
	if err != nil {
		t.Fatal(err)
	}
	to := from
	to.AttestationEnforced, to.KeyRestrictions, to.Exclude = false, postern.KeyRestrictions{}, nil
	to.Include = []postern.PolicyTarget{{ID: "g", Type: "group", RegistrationRequired: true}}
	if err := tenant.WritePasskeyPolicy(ctx, from, to); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"@odata.type": passkeyPolicyType, "isAttestationEnforced": false,
		"keyRestrictions": map[string]any{"isEnforced": false, "enforcementType": "allow", "aaGuids": []any{}},
		"includeTargets":  []any{map[string]any{"targetType": "group", "id": "g", "isRegistrationRequired": true}},
		"excludeTargets":  []any{},
	}
	if diff := cmp.Diff([]map[string]any{want}, fake.patches); diff != "" {
		t.Errorf("patch (-want +got):\n%s", diff)
	}
	to.Schema = postern.PolicySchemaProfiles
	if err := tenant.WritePasskeyPolicy(ctx, from, to); !postern.IsCode(err, postern.CodeInvalid) || len(fake.patches) != 1 {
		t.Errorf("opting in: %v", err)
	}
}

// Where Entra refuses many targets at once they are changed one by one, those who come in first.
func TestWriteTargetByTarget(t *testing.T) {
	fake, tenant := newPolicyFake(t, storedProfiles)
	fake.refuse = atMost(1)
	from, err := tenant.PasskeyPolicy(ctx)
	if err != nil {
		t.Fatal(err)
	}
	to := from
	to.Include = []postern.PolicyTarget{{ID: "a", Type: "group"}, {ID: "b", Type: "group"}, {ID: "c", Type: "group"}}
	to.Exclude, to.SelfService = []postern.PolicyTarget{{ID: "x", Type: "group"}}, false
	if err := tenant.WritePasskeyPolicy(ctx, from, to); err != nil {
		t.Fatal(err)
	}
	there, err := tenant.PasskeyPolicy(ctx)
	if err != nil || !samePasskeyPolicy(there, to) {
		t.Fatalf("reads back as %+v, %v", there, err)
	}
	var order []string
	for _, p := range fake.patches[1:] {
		ids := func(member string) string {
			var all []string
			list, _ := p[member].([]any)
			for _, target := range list {
				all = append(all, target.(map[string]any)["id"].(string))
			}
			return strings.Join(all, " ")
		}
		order = append(order, strings.TrimSpace(ids("includeTargets")+" | "+ids("excludeTargets")))
	}
	want := []string{"all_users a |", "all_users a b |", "all_users a b c |", "|", "a b c |", "| x"}
	if !slices.Equal(order, want) {
		t.Errorf("steps %q, want %q", order, want)
	}
}

// A step that is refused takes back those before it, and says what it was about.
func TestWriteTargetByTargetRefused(t *testing.T) {
	fake, tenant := newPolicyFake(t, storedProfiles)
	bad := func(before, patch map[string]any) string {
		if why := atMost(1)(before, patch); why != "" {
			return why
		}
		if raw, _ := json.Marshal(patch); strings.Contains(string(raw), `"c"`) {
			return "The group is not one."
		}
		return ""
	}
	fake.refuse = bad
	from, err := tenant.PasskeyPolicy(ctx)
	if err != nil {
		t.Fatal(err)
	}
	to := from
	to.Include = []postern.PolicyTarget{{ID: "a", Type: "group"}, {ID: "b", Type: "group"}, {ID: "c", Type: "group"}}
	e := wantCode(t, tenant.WritePasskeyPolicy(ctx, from, to), postern.CodeEntraRefused)
	if e.Field != "passkeys.include" || !strings.Contains(e.Message, "The group is not one.") {
		t.Errorf("%q on %q", e.Message, e.Field)
	}
	if there, err := tenant.PasskeyPolicy(ctx); err != nil || !samePasskeyPolicy(there, from) {
		t.Errorf("left %+v, %v", there, err)
	}
	fake.patches, fake.refuse = nil, func(before, patch map[string]any) string {
		if len(fake.patches) > 4 { // all at once, a, b, c, and the way back
			return "Closed."
		}
		return bad(before, patch)
	}
	e = wantCode(t, tenant.WritePasskeyPolicy(ctx, from, to), postern.CodeEntraRefused)
	if !strings.Contains(e.Message, "could not be taken back") {
		t.Errorf("says nothing of what stays: %q", e.Message)
	}
}

func drawPolicy(t *rapid.T, label string) postern.PasskeyPolicy {
	ids := []string{"g1", "g2", "g3", postern.TargetAllUsers}
	profiles := []string{"p1", "p2", "p3"}
	p := postern.PasskeyPolicy{Schema: postern.PolicySchemaProfiles, Enabled: rapid.Bool().Draw(t, label+" on"), DefaultProfile: "p1"}
	for _, id := range profiles {
		if id == "p1" || rapid.Bool().Draw(t, label+id) {
			p.Profiles = append(p.Profiles, postern.PasskeyProfile{ID: id, Name: id, DeviceBound: rapid.Bool().Draw(t, label+id+" bound"), Synced: rapid.Bool().Draw(t, label+id+" synced")})
		}
	}
	known := make([]string, len(p.Profiles))
	for n, f := range p.Profiles {
		known[n] = f.ID
	}
	for _, id := range ids {
		if rapid.Bool().Draw(t, label+id) {
			p.Include = append(p.Include, postern.PolicyTarget{ID: id, Type: "group", Profiles: rapid.SliceOfNDistinct(rapid.SampledFrom(known), 0, len(known), rapid.ID).Draw(t, label+id+" profiles")})
		}
		if rapid.IntRange(0, 3).Draw(t, label+id+" out") == 0 {
			p.Exclude = append(p.Exclude, postern.PolicyTarget{ID: id, Type: "group"})
		}
	}
	return p
}

// passes is Entra's rule, written down a second time: for a user in some groups with a passkey of one type.
func passes(p postern.PasskeyPolicy, groups []string, synced bool) bool {
	in := func(target postern.PolicyTarget) bool {
		return target.ID == postern.TargetAllUsers || slices.Contains(groups, target.ID)
	}
	if !p.Enabled || slices.ContainsFunc(p.Exclude, in) {
		return false
	}
	for _, target := range p.Include {
		ids := target.Profiles
		if len(ids) == 0 {
			ids = []string{p.DefaultProfile}
		}
		for _, f := range p.Profiles {
			if in(target) && slices.Contains(ids, f.ID) && (synced && f.Synced || !synced && f.DeviceBound) {
				return true
			}
		}
	}
	return false
}

// Whoever signs in before a change and after it signs in at every step of it; and each step changes one target at most,
// names no profile that is not there, and the last is the goal.
func TestPolicySteps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from, to := drawPolicy(t, "from "), drawPolicy(t, "to ")
		steps := policySteps(from, to)
		at := from
		for n, next := range steps {
			if changedTargets(at, next) > 1 && len(steps) > 1 {
				t.Fatalf("step %d changes %d targets", n, changedTargets(at, next))
			}
			for _, target := range next.Include {
				for _, id := range target.Profiles {
					if !slices.ContainsFunc(next.Profiles, func(f postern.PasskeyProfile) bool { return f.ID == id }) {
						t.Fatalf("step %d assigns the profile %s, which is not there", n, id)
					}
				}
			}
			for groups := range 8 {
				var in []string
				for g := range 3 {
					if groups&(1<<g) != 0 {
						in = append(in, fmt.Sprintf("g%d", g+1))
					}
				}
				for _, synced := range []bool{false, true} {
					if passes(from, in, synced) && passes(to, in, synced) && !passes(next, in, synced) {
						t.Fatalf("step %d keeps out who is in %v", n, in)
					}
				}
			}
			at = next
		}
		if !samePasskeyPolicy(at, to) {
			t.Fatalf("ends at %+v, not at %+v", at, to)
		}
	})
}
