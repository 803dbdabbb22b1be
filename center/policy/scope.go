package policy

import (
	"reflect"
	"slices"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/center/policy/document"
)

// The fields of the passkey method, as documents name them, that a scope tells apart.
const (
	fieldState        = "state"
	fieldSelfService  = "self_service"
	fieldAttestation  = "enforce_attestation"
	fieldRestrictions = "restrictions"
	fieldInclude      = "targets.include"
	fieldExclude      = "targets.exclude"
)

// scopeOf is what a document manages in a tenant whose policy is p.
func scopeOf(d document.Document, p postern.TenantPolicy) Scope {
	var s Scope
	if k := d.Passkeys; k != nil {
		for field, written := range map[string]bool{
			fieldState: k.State != nil, fieldSelfService: k.SelfService != nil, fieldAttestation: k.EnforceAttestation != nil,
			fieldRestrictions: k.Restrictions != nil, fieldInclude: k.Include != nil, fieldExclude: k.Exclude != nil,
		} {
			if written {
				s.Fields = append(s.Fields, field)
			}
		}
		slices.Sort(s.Fields)
		for _, f := range k.Profiles {
			s.Profiles = append(s.Profiles, keyOf(f.ID, f.Name))
			for _, there := range p.Passkeys.Profiles {
				if strings.EqualFold(there.ID, f.ID) || strings.EqualFold(there.Name, f.Name) {
					s.Profiles = append(s.Profiles, keyOf(there.ID, ""))
				}
			}
		}
	}
	for _, f := range d.Strengths {
		s.Strengths = append(s.Strengths, keyOf(f.ID, f.Name))
		for _, there := range p.Strengths {
			if strings.EqualFold(there.ID, f.ID) || strings.EqualFold(there.Name, f.Name) {
				s.Strengths = append(s.Strengths, keyOf(there.ID, ""))
			}
		}
	}
	for _, f := range d.ConditionalAccess {
		s.ConditionalAccess = append(s.ConditionalAccess, keyOf(f.ID, f.Name))
		for _, there := range p.ConditionalAccess {
			if strings.EqualFold(there.ID, f.ID) || strings.EqualFold(there.Name, f.Name) {
				s.ConditionalAccess = append(s.ConditionalAccess, keyOf(there.ID, ""))
			}
		}
	}
	return s.with(Scope{})
}

// scopeOfChange is what differs between two policies.
func scopeOfChange(before, after postern.TenantPolicy) Scope {
	var s Scope
	b, a := before.Passkeys, after.Passkeys
	for field, same := range map[string]bool{
		fieldState: b.Enabled == a.Enabled, fieldSelfService: b.SelfService == a.SelfService,
		fieldAttestation: b.AttestationEnforced == a.AttestationEnforced, fieldRestrictions: sameValue(b.KeyRestrictions, a.KeyRestrictions),
		fieldInclude: sameValue(b.Include, a.Include), fieldExclude: sameValue(b.Exclude, a.Exclude),
	} {
		if !same {
			s.Fields = append(s.Fields, field)
		}
	}
	s.Profiles = changed(b.Profiles, a.Profiles, profileKeys)
	s.Strengths = changed(before.Strengths, after.Strengths, strengthKeys)
	s.ConditionalAccess = changed(before.ConditionalAccess, after.ConditionalAccess, accessKeys)
	return s.with(Scope{})
}

// changed lists the keys of what is in one list only, or not alike in both.
func changed[T any](before, after []T, keys func(T) (id, name string)) []string {
	var out []string
	differs := func(one, other []T) {
		for _, x := range one {
			id, name := keys(x)
			at := slices.IndexFunc(other, func(y T) bool { other, _ := keys(y); return other == id })
			if at < 0 || !sameValue(x, other[at]) {
				out = append(out, keyOf(id, name), keyOf("", name))
			}
		}
	}
	differs(before, after)
	differs(after, before)
	return out
}

func profileKeys(p postern.PasskeyProfile) (id, name string)          { return p.ID, p.Name }
func strengthKeys(s postern.AuthenticationStrength) (id, name string) { return s.ID, s.Name }
func accessKeys(c postern.ConditionalAccessPolicy) (id, name string)  { return c.ID, c.Name }

// keyOf is how a scope names something: by its id, or by its name while it has none.
func keyOf(id, name string) string {
	if id == "" || postern.IsNewPolicyID(id) {
		id = name
	}
	return strings.ToLower(id)
}

// sameValue compares values in which an absent list is an empty one.
func sameValue(a, b any) bool {
	return reflect.DeepEqual(a, b) || string(canonical(a)) == string(canonical(b))
}

// with is what either scope manages, each thing once.
func (s Scope) with(other Scope) Scope {
	join := func(a, b []string) []string {
		all := slices.DeleteFunc(slices.Concat(a, b), func(key string) bool { return key == "" })
		slices.Sort(all)
		return slices.Compact(all)
	}
	return Scope{
		Everything: s.Everything || other.Everything, Method: s.Method || other.Method, Fields: join(s.Fields, other.Fields), Profiles: join(s.Profiles, other.Profiles),
		Strengths: join(s.Strengths, other.Strengths), ConditionalAccess: join(s.ConditionalAccess, other.ConditionalAccess),
	}
}

func (s Scope) passkeys() bool {
	return s.Everything || s.Method || len(s.Fields) > 0 || len(s.Profiles) > 0
}

// watched is what is looked at for drift where s was applied. The passkey method counts as one thing: a document that says
// nothing of whether it is on rests on its being on.
func (s Scope) watched() Scope {
	s.Method = s.passkeys()
	return s
}

func in(keys []string, id, name string) bool {
	return slices.Contains(keys, strings.ToLower(id)) || slices.Contains(keys, strings.ToLower(name))
}

func (s Scope) profile(p postern.PasskeyProfile) bool {
	return s.Everything || s.Method || in(s.Profiles, p.ID, p.Name)
}

func (s Scope) strength(t postern.AuthenticationStrength) bool {
	return !t.BuiltIn && (s.Everything || in(s.Strengths, t.ID, t.Name))
}

func (s Scope) access(c postern.ConditionalAccessPolicy) bool {
	return s.Everything && c.Grant.Strength != "" || in(s.ConditionalAccess, c.ID, c.Name)
}

// of is p with what the scope manages, and of the rest what other has: two policies so made differ in what is managed only.
func (s Scope) of(p, other postern.TenantPolicy) postern.TenantPolicy {
	out := p
	out.Passkeys = s.passkeysOf(p.Passkeys, other.Passkeys)
	out.Strengths = pick(p.Strengths, other.Strengths, s.strength, strengthKeys)
	out.ConditionalAccess = pick(p.ConditionalAccess, other.ConditionalAccess, s.access, accessKeys)
	return out
}

func (s Scope) passkeysOf(p, other postern.PasskeyPolicy) postern.PasskeyPolicy {
	if s.Everything || s.Method {
		return p
	}
	out := other
	out.Schema = p.Schema // a tenant that opts in to profiles does so without us, and everything else follows from it
	if p.Schema != other.Schema {
		return p
	}
	has := func(field string) bool { return slices.Contains(s.Fields, field) }
	if has(fieldState) {
		out.Enabled = p.Enabled
	}
	if has(fieldSelfService) {
		out.SelfService = p.SelfService
	}
	if has(fieldAttestation) {
		out.AttestationEnforced = p.AttestationEnforced
	}
	if has(fieldRestrictions) {
		out.KeyRestrictions = p.KeyRestrictions
	}
	if has(fieldInclude) {
		out.Include = p.Include
	}
	if has(fieldExclude) {
		out.Exclude = p.Exclude
	}
	out.Profiles = pick(p.Profiles, other.Profiles, s.profile, profileKeys)
	if len(s.Profiles) > 0 {
		out.DefaultProfile = p.DefaultProfile
	}
	return out
}

// pick takes what is chosen from one list and the rest from the other, in the order of the first.
func pick[T any](from, rest []T, chosen func(T) bool, keys func(T) (id, name string)) []T {
	var out []T
	for _, x := range from {
		if chosen(x) {
			out = append(out, x)
			continue
		}
		id, _ := keys(x)
		if at := slices.IndexFunc(rest, func(y T) bool { other, _ := keys(y); return other == id }); at >= 0 && !chosen(rest[at]) {
			out = append(out, rest[at])
		}
	}
	for _, y := range rest {
		id, _ := keys(y)
		if !chosen(y) && !slices.ContainsFunc(from, func(x T) bool { other, _ := keys(x); return other == id }) {
			out = append(out, y)
		}
	}
	return out
}
