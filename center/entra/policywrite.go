package entra

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/postern/postern"
)

var opWritePasskeyPolicy = operation{name: "authenticationMethodsPolicy.fido2.update", doing: "change the passkey policy", needs: writePolicy, lane: lanePolicy, repeatable: true}

// WritePasskeyPolicy turns the passkey policy from what it is into what it shall be, in one request with the members that
// differ, in the schema the tenant has. Profiles without an id get one.
//
// Entra may refuse a change of many targets at once. Then it is done target by target, first all that let somebody in and
// last all that keep somebody out, so that nobody is out in between. If one of these is refused, those before it are
// taken back. After an error other than a refusal a part may have been done: read the policy.
func (t *Tenant) WritePasskeyPolicy(ctx context.Context, from, to postern.PasskeyPolicy) error {
	if from.Schema != to.Schema {
		return postern.FieldErrorf("passkeys.schema", "The tenant uses the schema %q, and Postern does not change that to %q.", from.Schema, to.Schema).
			WithNext("Opting in to passkey profiles is done in Entra, once and for all. Write the document for the schema that the tenant uses.")
	}
	from, to = t.identified(from), t.identified(to)
	if samePasskeyPolicy(from, to) {
		return nil
	}
	there, err := do[map[string]json.RawMessage](ctx, t, call{op: opPasskeyPolicy, method: http.MethodGet, on: object{kind: "passkey policy"}, path: passkeyPolicyPath})
	if err != nil {
		return err
	}
	kept := unmanagedMembers(there)
	if err = t.patchPasskeyPolicy(ctx, from, to, kept); !badRequest(err) {
		return err
	}
	if known := t.knownRefusal(ctx, from, to, err); known != nil {
		return known
	}
	steps := policySteps(from, to)
	if len(steps) < 2 {
		return onField(err, changedField(from, to))
	}
	return t.walkPasskeyPolicy(ctx, from, steps, kept)
}

// walkPasskeyPolicy goes from policy to policy. When one is refused it goes all the way back.
func (t *Tenant) walkPasskeyPolicy(ctx context.Context, from postern.PasskeyPolicy, steps []postern.PasskeyPolicy, kept unmanaged) error {
	at := from
	for n, next := range steps {
		err := t.patchPasskeyPolicy(ctx, at, next, kept)
		if err == nil {
			at = next
			continue
		}
		if !badRequest(err) {
			return err
		}
		err = onField(err, changedField(at, next))
		for n--; n >= -1; n-- {
			back := from
			if n >= 0 {
				back = steps[n]
			}
			if back := t.patchPasskeyPolicy(ctx, at, back, kept); back != nil {
				e := postern.AsError(err)
				e.Message += " What was changed before that could not be taken back."
				e.Err = fmt.Errorf("%w; taking back: %w", e.Err, back)
				return e
			}
			at = back
		}
		return err
	}
	return nil
}

// patchPasskeyPolicy writes the members that differ.
func (t *Tenant) patchPasskeyPolicy(ctx context.Context, from, to postern.PasskeyPolicy, kept unmanaged) error {
	body := passkeyPolicyBody(from, to, kept)
	if body == nil {
		return nil
	}
	_, err := t.send(ctx, call{op: opWritePasskeyPolicy, method: http.MethodPatch, path: passkeyPolicyPath, body: body, on: object{kind: "passkey policy"}})
	return err
}

// passkeyChanges are the members of a PATCH. Graph replaces a collection as a whole, so one that differs is sent whole;
// and it keeps what is absent, so what is off or empty is written as such.
func passkeyChanges(from, to postern.PasskeyPolicy, kept unmanaged) map[string]any {
	body := make(map[string]any)
	if from.Enabled != to.Enabled {
		body["state"] = map[bool]string{true: "enabled", false: "disabled"}[to.Enabled]
	}
	if from.SelfService != to.SelfService {
		body["isSelfServiceRegistrationAllowed"] = to.SelfService
	}
	profiles := to.Schema == postern.PolicySchemaProfiles
	if profiles {
		if !slices.EqualFunc(byID(from.Profiles), byID(to.Profiles), sameProfile) {
			body["passkeyProfiles"] = profilesBody(to.Profiles, kept)
		}
		if from.DefaultProfile != to.DefaultProfile {
			body["defaultPasskeyProfile"] = to.DefaultProfile
		}
	} else {
		if from.AttestationEnforced != to.AttestationEnforced {
			body["isAttestationEnforced"] = to.AttestationEnforced
		}
		if !sameRestrictions(from.KeyRestrictions, to.KeyRestrictions) {
			body["keyRestrictions"] = restrictionsBody(to.KeyRestrictions)
		}
	}
	if !sameTargetLists(from, from.Include, to, to.Include) {
		include := make([]any, 0, len(to.Include))
		for _, target := range to.Include {
			b := over(kept.targets[target.ID], map[string]any{
				"id": target.ID, "targetType": target.Type, "isRegistrationRequired": target.RegistrationRequired,
			})
			if profiles {
				b["allowedPasskeyProfiles"] = whole(target.Profiles)
			}
			include = append(include, b)
		}
		body["includeTargets"] = include
	}
	if !sameTargetLists(from, from.Exclude, to, to.Exclude) {
		exclude := make([]any, 0, len(to.Exclude))
		for _, target := range to.Exclude {
			exclude = append(exclude, map[string]any{"id": target.ID, "targetType": target.Type})
		}
		body["excludeTargets"] = exclude
	}
	return body
}

func profilesBody(profiles []postern.PasskeyProfile, kept unmanaged) []any {
	out := make([]any, 0, len(profiles))
	for _, f := range profiles {
		var types []string
		if f.DeviceBound {
			types = append(types, typeDeviceBound)
		}
		if f.Synced {
			types = append(types, typeSynced)
		}
		attestation := attestationOff
		if f.AttestationEnforced {
			attestation = attestationEnforced
		}
		out = append(out, over(kept.profiles[f.ID], map[string]any{
			"id": f.ID, "name": f.Name, "passkeyTypes": strings.Join(types, ","), "attestationEnforcement": attestation,
			"keyRestrictions": restrictionsBody(f.KeyRestrictions),
		}))
	}
	return out
}

func restrictionsBody(k postern.KeyRestrictions) map[string]any {
	kind := restrictAllow
	if k.Block {
		kind = restrictBlock
	}
	return map[string]any{"isEnforced": k.Enforced, "enforcementType": kind, "aaGuids": models(k.AAGUIDs)}
}

// unmanaged holds profiles and targets as they are on the wire, by id: members that Postern does not know stay when the
// collection is replaced.
type unmanaged struct{ profiles, targets map[string]json.RawMessage }

func unmanagedMembers(there map[string]json.RawMessage) unmanaged {
	byID := func(raw json.RawMessage) map[string]json.RawMessage {
		var list []json.RawMessage
		_ = json.Unmarshal(raw, &list)
		out := make(map[string]json.RawMessage, len(list))
		for _, item := range list {
			var w struct {
				ID string `json:"id"`
			}
			_ = json.Unmarshal(item, &w)
			out[lowerID(w.ID)] = item
		}
		return out
	}
	return unmanaged{profiles: byID(there["passkeyProfiles"]), targets: byID(there["includeTargets"])}
}

// identified writes ids in lower case, and gives a profile without one an id.
func (t *Tenant) identified(p postern.PasskeyPolicy) postern.PasskeyPolicy {
	p.DefaultProfile, p.Profiles = lowerID(p.DefaultProfile), slices.Clone(p.Profiles)
	for n := range p.Profiles {
		f := &p.Profiles[n]
		if f.ID = lowerID(f.ID); f.ID == "" {
			f.ID = t.profileID(f.Name)
		}
	}
	for _, list := range []*[]postern.PolicyTarget{&p.Include, &p.Exclude} {
		*list = slices.Clone(*list)
		for n := range *list {
			target := &(*list)[n]
			target.ID, target.Profiles = lowerID(target.ID), lowerIDs(target.Profiles)
			if target.Type == "" {
				target.Type = nameGroup
			}
		}
	}
	return p
}

// profileSpace makes the ids of profiles from their names (RFC 9562 §5.5), so that a change that is made again makes the
// same ones.
var profileSpace = uuid.MustParse("b9b6b2a3-7b39-4b0e-9a35-6f0c7a5f5a41")

func (t *Tenant) profileID(name string) string {
	return uuid.NewSHA1(profileSpace, []byte(strings.ToLower(t.opts.TenantID+"\x00"+name))).String()
}

// samePasskeyPolicy reports whether there is nothing to write. Under profiles the deprecated members say nothing.
func samePasskeyPolicy(a, b postern.PasskeyPolicy) bool {
	return a.Schema == b.Schema && len(passkeyChanges(a, b, unmanaged{})) == 0
}

func sameRestrictions(a, b postern.KeyRestrictions) bool {
	return a.Enforced == b.Enforced && a.Block == b.Block && sameSet(models(a.AAGUIDs), models(b.AAGUIDs))
}

func sameProfile(a, b postern.PasskeyProfile) bool {
	return a.ID == b.ID && a.Name == b.Name && a.DeviceBound == b.DeviceBound && a.Synced == b.Synced &&
		a.AttestationEnforced == b.AttestationEnforced && sameRestrictions(a.KeyRestrictions, b.KeyRestrictions)
}

func byID(profiles []postern.PasskeyProfile) []postern.PasskeyProfile {
	return slices.SortedFunc(slices.Values(profiles), func(a, b postern.PasskeyProfile) int { return strings.Compare(a.ID, b.ID) })
}

// assigned are the profiles that a target of a policy has: the default profile where it names none.
func assigned(p postern.PasskeyPolicy, target postern.PolicyTarget) []string {
	if len(target.Profiles) == 0 && p.DefaultProfile != "" {
		return []string{p.DefaultProfile}
	}
	return slices.Compact(slices.Sorted(slices.Values(target.Profiles)))
}

func targetKey(target postern.PolicyTarget) string { return target.Type + " " + target.ID }

func byTarget(list []postern.PolicyTarget) map[string]postern.PolicyTarget {
	out := make(map[string]postern.PolicyTarget, len(list))
	for _, target := range list {
		out[targetKey(target)] = target
	}
	return out
}

func sameTargetLists(p postern.PasskeyPolicy, a []postern.PolicyTarget, q postern.PasskeyPolicy, b []postern.PolicyTarget) bool {
	return maps.EqualFunc(byTarget(a), byTarget(b), func(x, y postern.PolicyTarget) bool {
		return x.RegistrationRequired == y.RegistrationRequired && slices.Equal(assigned(p, x), assigned(q, y))
	})
}
