package passkey_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/postern/postern/entrasim/passkey"
)

func profile(id, types, attestation string, k passkey.KeyRestrictions) passkey.Profile {
	return passkey.Profile{ID: id, PasskeyTypes: types, AttestationEnforcement: attestation, KeyRestrictions: k}
}

const (
	profileA = "00000000-0000-0000-0000-000000000001"
	profileB = "00000000-0000-0000-0000-000000000002"
)

func target(id string, profiles ...string) passkey.Target {
	return passkey.Target{ID: id, TargetType: "group", Profiles: profiles}
}

// Registration under profiles: what one user with an attested or unattested, device-bound or synced passkey may do.
func TestProfiles(t *testing.T) {
	other := uuid.NewString()
	for name, tc := range map[string]struct {
		policy func(*passkey.Policy)
		setup  func(*testAuthenticator, *passkey.RelyingParty)
		want   passkey.Reason
	}{
		"default profile when the target names none": {policy: func(p *passkey.Policy) {
			p.IncludeTargets = []passkey.Target{target("all_users")}
			p.PasskeyProfiles = []passkey.Profile{profile(profileA, "deviceBound", "disabled", passkey.KeyRestrictions{})}
		}},
		"device-bound only, synced passkey": {policy: func(p *passkey.Policy) {
			p.PasskeyProfiles = []passkey.Profile{profile(profileA, "deviceBound", "disabled", passkey.KeyRestrictions{})}
		}, setup: synced, want: passkey.ReasonPasskeyType},
		"synced only, device-bound passkey": {policy: func(p *passkey.Policy) {
			p.PasskeyProfiles = []passkey.Profile{profile(profileA, "synced", "disabled", passkey.KeyRestrictions{})}
		}, want: passkey.ReasonPasskeyType},
		"attestation implies device-bound": {policy: func(p *passkey.Policy) {
			p.PasskeyProfiles = []passkey.Profile{profile(profileA, "deviceBound, synced", "registrationOnly", passkey.KeyRestrictions{})}
		}, setup: synced, want: passkey.ReasonPasskeyType},
		"attestation enforced and given": {policy: func(p *passkey.Policy) {
			p.PasskeyProfiles = []passkey.Profile{profile(profileA, "deviceBound", "registrationOnly", only(testAAGUID.String()))}
		}, setup: attested},
		"second profile satisfied completely": {policy: func(p *passkey.Policy) {
			p.IncludeTargets = []passkey.Target{target("all_users", profileA), target(pilotGroup, profileB)}
			p.PasskeyProfiles = []passkey.Profile{
				profile(profileA, "deviceBound", "disabled", only(other)), profile(profileB, "deviceBound", "disabled", only(testAAGUID.String())),
			}
		}},
		"halves of two profiles do not add up": {policy: func(p *passkey.Policy) {
			p.IncludeTargets = []passkey.Target{target("all_users", profileA, profileB)}
			p.PasskeyProfiles = []passkey.Profile{
				profile(profileA, "deviceBound", "registrationOnly", only(testAAGUID.String())), // right model, not attested
				profile(profileB, "deviceBound", "disabled", only(other)),                       // no attestation needed, wrong model
			}
		}, want: passkey.ReasonAttestationRequired},
		"profile of a group the user is not in": {policy: func(p *passkey.Policy) {
			p.IncludeTargets = []passkey.Target{target(other, profileA)}
			p.PasskeyProfiles = []passkey.Profile{profile(profileA, "deviceBound", "disabled", passkey.KeyRestrictions{})}
		}, want: passkey.ReasonNotTargeted},
		"target names a profile that is gone": {policy: func(p *passkey.Policy) {
			p.IncludeTargets = []passkey.Target{target("all_users", profileB)}
			p.PasskeyProfiles = []passkey.Profile{profile(profileA, "deviceBound", "disabled", passkey.KeyRestrictions{})}
		}, want: passkey.ReasonNotTargeted},
		"exclusion beats inclusion": {policy: func(p *passkey.Policy) {
			p.ExcludeTargets = []passkey.Target{target(pilotGroup)}
			p.PasskeyProfiles = []passkey.Profile{profile(profileA, "deviceBound", "disabled", passkey.KeyRestrictions{})}
		}, want: passkey.ReasonExcluded},
		"old user target": {policy: func(p *passkey.Policy) {
			p.IncludeTargets = []passkey.Target{{ID: testUser, TargetType: "user"}}
		}},
		"block list": {policy: func(p *passkey.Policy) {
			p.KeyRestrictions = passkey.KeyRestrictions{IsEnforced: true, EnforcementType: "block", AAGUIDs: []string{"2FC0579F-8113-47EA-B116-BB5A8DB9202A"}}
		}, want: passkey.ReasonKeyRestriction},
		"block list of others": {policy: func(p *passkey.Policy) {
			p.KeyRestrictions = passkey.KeyRestrictions{IsEnforced: true, EnforcementType: "block", AAGUIDs: []string{other}}
		}},
		"empty allow list": {policy: func(p *passkey.Policy) { p.KeyRestrictions = only() }, want: passkey.ReasonKeyRestriction},
		"allow list not enforced": {policy: func(p *passkey.Policy) {
			p.KeyRestrictions = only(other)
			p.KeyRestrictions.IsEnforced = false
		}},
		"no profiles, synced":                       {setup: synced},
		"no profiles, synced, attestation enforced": {policy: func(p *passkey.Policy) { p.AttestationEnforced = true }, setup: synced, want: passkey.ReasonPasskeyType},
	} {
		t.Run(name, func(t *testing.T) {
			rp, a, policy := newRP(t), newAuthenticator(t), openPolicy()
			policy.DefaultPasskeyProfile = profileA
			if tc.policy != nil {
				tc.policy(&policy)
			}
			if tc.setup != nil {
				tc.setup(a, rp)
			}
			_, err := register(t, rp, a, policy)
			wantReason(t, err, tc.want)
		})
	}
}

func synced(a *testAuthenticator, _ *passkey.RelyingParty) { a.flags |= flagBE | flagBS }

func attested(a *testAuthenticator, rp *passkey.RelyingParty) {
	a.withChain(a.aaguid)
	must(a.t, rp.Metadata.Add(a.aaguid.String(), "", a.root))
}

// An exclusion decides whatever else the policy says, and adding a profile to a user never takes a sign-in away.
func TestProfileLaws(t *testing.T) {
	groups := []string{"all_users", pilotGroup, testUser, "9a1b1c1d-0000-4000-8000-000000000001"}
	rapid.Check(t, func(t *rapid.T) {
		someTargets := func(label string) (out []passkey.Target) {
			for range rapid.IntRange(0, 3).Draw(t, label) {
				out = append(out, target(rapid.SampledFrom(groups).Draw(t, label+" id"), profileA))
			}
			return out
		}
		p := passkey.Policy{
			State: "enabled", IncludeTargets: someTargets("include"), ExcludeTargets: someTargets("exclude"), DefaultPasskeyProfile: profileA,
			PasskeyProfiles: []passkey.Profile{profile(profileA, "deviceBound", "disabled", passkey.KeyRestrictions{}), profile(profileB, "synced", "disabled", passkey.KeyRestrictions{})},
		}
		subject := alice(pilotGroup).Subject
		got, refusal := p.Profiles(subject)
		hit := func(list []passkey.Target) bool {
			return slices.ContainsFunc(list, func(t passkey.Target) bool { return t.ID == "all_users" || t.ID == pilotGroup })
		}
		switch {
		case hit(p.ExcludeTargets):
			if refusal == nil || refusal.Reason != passkey.ReasonExcluded {
				t.Fatalf("excluded user got %v, %v", got, refusal)
			}
			return
		case !hit(p.IncludeTargets):
			if refusal == nil || refusal.Reason != passkey.ReasonNotTargeted {
				t.Fatalf("user in no target got %v, %v", got, refusal)
			}
			return
		case refusal != nil || len(got) != 1:
			t.Fatalf("included user got %v, %v", got, refusal)
		}
		p.IncludeTargets = append(p.IncludeTargets, target(pilotGroup, profileB))
		more, refusal := p.Profiles(subject)
		if refusal != nil || len(more) != 2 || more[0].ID != got[0].ID {
			t.Fatalf("with one more profile: %v, %v", more, refusal)
		}
	})
}

// A configuration as Graph serves it decodes into a Policy.
func TestPolicyJSON(t *testing.T) {
	const doc = `{"@odata.type":"#microsoft.graph.fido2AuthenticationMethodConfiguration","id":"Fido2","state":"enabled",
		"isSelfServiceRegistrationAllowed":true,"isAttestationEnforced":false,
		"keyRestrictions":{"isEnforced":true,"enforcementType":"allow","aaGuids":["2fc0579f-8113-47ea-b116-bb5a8db9202a"]},
		"defaultPasskeyProfile":"00000000-0000-0000-0000-000000000001","excludeTargets":[],
		"includeTargets":[{"targetType":"group","id":"all_users","isRegistrationRequired":false,"allowedPasskeyProfiles":["00000000-0000-0000-0000-000000000001"]}],
		"passkeyProfiles":[{"id":"00000000-0000-0000-0000-000000000001","name":"Default passkey profile","passkeyTypes":"deviceBound",
		"attestationEnforcement":"disabled","keyRestrictions":{"isEnforced":true,"enforcementType":"allow","aaGuids":["2fc0579f-8113-47ea-b116-bb5a8db9202a"]}}]}`
	var p passkey.Policy
	must(t, json.Unmarshal([]byte(doc), &p))
	a := newAuthenticator(t)
	_, err := register(t, newRP(t), a, p)
	wantReason(t, err, "")
	a.aaguid = uuid.New()
	_, err = register(t, newRP(t), a, p)
	wantReason(t, err, passkey.ReasonKeyRestriction)
}
