package recipe

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/postern/postern"
	"github.com/postern/postern/center/entra"
)

// model is the AAGUID of the authenticator on Postern's phones.
const model = "8a208249-8aef-41b3-907f-776d51e6526f"

// maxProfiles is how many passkey profiles a tenant may have.
const maxProfiles = 3

// profileSpace makes the id of Postern's passkey profile from the tenant's (RFC 9562 §5.5), so that it is the same one
// whenever the set-up is continued.
var profileSpace = uuid.MustParse("5d2f4bd4-27c5-4e0c-8f2c-0b7a8e3c1d52")

func profileID(tenant string) string {
	return uuid.NewSHA1(profileSpace, []byte(strings.ToLower(tenant))).String()
}

// widen is the policy under which everybody whom nothing excludes may register and use a passkey of Postern, and what the
// policy at hand lacks for that. Whoever may register or sign in under the one may under the other.
func widen(p postern.PasskeyPolicy, newProfile string) (to postern.PasskeyPolicy, lacks []string) {
	to = p
	lack := func(missing bool, what string) bool {
		if missing {
			lacks = append(lacks, what)
		}
		return missing
	}
	to.Enabled = lack(!p.Enabled, "the method is off") || p.Enabled
	to.SelfService = lack(!p.SelfService, "self-service set up is not allowed") || p.SelfService
	to.Include, to.Profiles = slices.Clone(p.Include), slices.Clone(p.Profiles)
	all := slices.IndexFunc(to.Include, func(t postern.PolicyTarget) bool { return strings.EqualFold(t.ID, postern.TargetAllUsers) })
	everybody := all >= 0
	if lack(!everybody, "not all users are included") {
		all = len(to.Include)
		to.Include = append(to.Include, postern.PolicyTarget{ID: postern.TargetAllUsers, Type: "group"})
	}
	if lack(to.Include[all].RegistrationRequired, "registration is required") {
		to.Include[all].RegistrationRequired = false
	}
	if p.Schema != postern.PolicySchemaProfiles {
		to.AttestationEnforced = false
		lack(p.AttestationEnforced, "attestation is enforced")
		to.KeyRestrictions = admit(p.KeyRestrictions)
		lack(!admits(p.KeyRestrictions), "key restrictions refuse Postern's model")
		return to, lacks
	}
	target := &to.Include[all]
	target.Profiles = slices.Clone(target.Profiles)
	if everybody && len(target.Profiles) == 0 {
		target.Profiles = []string{p.DefaultProfile}
	}
	passes := func(id string) bool {
		return slices.ContainsFunc(to.Profiles, func(f postern.PasskeyProfile) bool { return f.ID == id && lets(f) })
	}
	if slices.ContainsFunc(target.Profiles, passes) {
		target.Profiles = slices.Clone(p.Include[all].Profiles)
		return to, lacks
	}
	lacks = append(lacks, "no passkey profile of all users lets Postern's passkeys in")
	n := slices.IndexFunc(to.Profiles, func(f postern.PasskeyProfile) bool { return f.ID == newProfile })
	switch {
	case n < 0 && len(to.Profiles) < maxProfiles:
		n = len(to.Profiles)
		to.Profiles = append(to.Profiles, postern.PasskeyProfile{
			ID: newProfile, Name: "Postern", DeviceBound: true, KeyRestrictions: postern.KeyRestrictions{Enforced: true, AAGUIDs: []string{model}},
		})
	case n < 0:
		n = loosest(to.Profiles, target.Profiles)
		fallthrough
	default:
		f := &to.Profiles[n]
		f.DeviceBound, f.AttestationEnforced, f.KeyRestrictions = true, false, admit(f.KeyRestrictions)
	}
	if id := to.Profiles[n].ID; !slices.Contains(target.Profiles, id) {
		target.Profiles = append(target.Profiles, id)
	}
	return to, lacks
}

// loosest picks the profile to open where there is no room for another: one that all users have already, rather than one
// that would have to be given to them, and of these one that does not enforce attestation anyway.
func loosest(profiles []postern.PasskeyProfile, assigned []string) int {
	best, weight := 0, -1
	for i, f := range profiles {
		w := 0
		if slices.Contains(assigned, f.ID) {
			w += 2
		}
		if !f.AttestationEnforced {
			w++
		}
		if w > weight {
			best, weight = i, w
		}
	}
	return best
}

// lets reports whether a passkey of Postern can be registered and used under a profile.
func lets(f postern.PasskeyProfile) bool {
	return f.DeviceBound && !f.AttestationEnforced && admits(f.KeyRestrictions)
}

func admits(k postern.KeyRestrictions) bool {
	return !k.Enforced || slices.Contains(k.AAGUIDs, model) != k.Block
}

// admit adds Postern's model to a list of allowed ones, or takes it from a list of blocked ones.
func admit(k postern.KeyRestrictions) postern.KeyRestrictions {
	if admits(k) {
		return k
	}
	k.AAGUIDs = slices.Clone(k.AAGUIDs)
	if k.Block {
		k.AAGUIDs = slices.DeleteFunc(k.AAGUIDs, func(a string) bool { return a == model })
	} else {
		k.AAGUIDs = append(k.AAGUIDs, model)
	}
	return k
}

func sentence(parts []string) string {
	text := and(parts)
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// guarded are the members that a script looks at before it writes the policy.
var guarded = []string{
	"state", "isSelfServiceRegistrationAllowed", "isAttestationEnforced",
	"keyRestrictions.isEnforced", "keyRestrictions.enforcementType", "keyRestrictions.aaGuids[]",
	"includeTargets[].id", "includeTargets[].isRegistrationRequired", "includeTargets[].allowedPasskeyProfiles[]", "excludeTargets[].id",
	"defaultPasskeyProfile", "passkeyProfiles[].id", "passkeyProfiles[].passkeyTypes", "passkeyProfiles[].attestationEnforcement",
	"passkeyProfiles[].keyRestrictions.isEnforced", "passkeyProfiles[].keyRestrictions.enforcementType", "passkeyProfiles[].keyRestrictions.aaGuids[]",
}

// policyGuard lets a script write only what the change was made for.
func policyGuard(there, body json.RawMessage) *Guard {
	g := &Guard{Path: entra.PasskeyPolicyPath}
	after := merged(there, body)
	for _, member := range guarded {
		g.Done = append(g.Done, Compare{member, []json.RawMessage{project(after, member)}})
		g.Only = append(g.Only, Compare{member, []json.RawMessage{project(there, member)}})
	}
	return g
}

// draft is a passkey policy that nobody changed, in one of the two schemas. Only what a change must know of it is in it.
type draft struct {
	policy json.RawMessage
	done   []string            // members that say whether the change was made
	only   map[string][]string // what the policy must be like for the change to take nothing away
}

var drafts = []draft{
	{
		policy: json.RawMessage(`{"state":"disabled","isSelfServiceRegistrationAllowed":false,"isAttestationEnforced":true,"keyRestrictions":{"isEnforced":false},"includeTargets":[],"excludeTargets":[]}`),
		done:   []string{"state", "isSelfServiceRegistrationAllowed", "isAttestationEnforced", "includeTargets[].id"},
		only: map[string][]string{
			"keyRestrictions.isEnforced": {`false`, `null`}, "includeTargets[].id": {`[]`, `["all_users"]`}, "excludeTargets[].id": {`[]`},
		},
	},
	{
		policy: json.RawMessage(`{"state":"disabled","isSelfServiceRegistrationAllowed":false,"includeTargets":[{"id":"all_users","targetType":"group"}],"excludeTargets":[],"defaultPasskeyProfile":"default",
			"passkeyProfiles":[{"id":"default","passkeyTypes":"deviceBound","attestationEnforcement":"disabled","keyRestrictions":{"isEnforced":false}}]}`),
		done: []string{"state", "isSelfServiceRegistrationAllowed"},
		only: map[string][]string{
			"includeTargets[].id": {`["all_users"]`}, "includeTargets[].isRegistrationRequired": {`["false"]`, `["null"]`}, "excludeTargets[].id": {`[]`},
			"passkeyProfiles[].passkeyTypes": {`["deviceBound"]`, `["deviceBound,synced"]`, `["synced,deviceBound"]`}, "passkeyProfiles[].attestationEnforcement": {`["disabled"]`},
			"passkeyProfiles[].keyRestrictions.isEnforced": {`["false"]`},
		},
	},
}

// draftRequests change the policy of a tenant that nobody looked at: one for each schema.
func draftRequests() []Request {
	var out []Request
	for i, d := range drafts {
		from, _ := entra.DecodePasskeyPolicy(d.policy) // of our own, which are in the right form
		to, _ := widen(from, profileID(""))
		body, _ := entra.PasskeyPolicyPatch(d.policy, to)
		after := merged(d.policy, body)
		g := &Guard{Path: entra.PasskeyPolicyPath, When: []Compare{{"passkeyProfiles[].id", []json.RawMessage{json.RawMessage("[]")}}}, Otherwise: i > 0}
		for _, member := range d.done {
			g.Done = append(g.Done, Compare{member, []json.RawMessage{project(after, member)}})
		}
		for _, member := range slices.Sorted(maps.Keys(d.only)) {
			c := Compare{Member: member}
			for _, v := range d.only[member] {
				c.Values = append(c.Values, json.RawMessage(v))
			}
			g.Only = append(g.Only, c)
		}
		out = append(out, policyRequest(body, g))
	}
	return out
}

func policyRequest(body json.RawMessage, g *Guard) Request {
	return Request{Doing: "change the passkey policy", Method: http.MethodPatch, Version: stable, Path: entra.PasskeyPolicyPath, Body: body, Guard: g}
}

// merged is an object after a PATCH of top-level members.
func merged(there, body json.RawMessage) json.RawMessage {
	members, changes := object{}, object{}
	_ = json.Unmarshal(there, &members)
	_ = json.Unmarshal(body, &changes)
	for name, v := range changes {
		members[name] = v
	}
	return marshal(members)
}

// project reads what a path of [Compare] leads to.
func project(doc json.RawMessage, path string) json.RawMessage {
	var root any
	_ = json.Unmarshal(doc, &root)
	values, many := []any{root}, false
	for part := range strings.SplitSeq(path, ".") {
		name, each := strings.CutSuffix(part, "[]")
		many = many || each
		var next []any
		for _, v := range values {
			members, _ := v.(object)
			member := members[name]
			if !each {
				next = append(next, member)
				continue
			}
			items, _ := member.([]any)
			next = append(next, items...)
		}
		values = next
	}
	if !many {
		return marshal(values[0])
	}
	texts := make([]string, 0, len(values))
	for _, v := range values {
		text, ok := v.(string)
		if !ok {
			text = string(marshal(v))
		}
		texts = append(texts, text)
	}
	slices.Sort(texts)
	return marshal(texts)
}
