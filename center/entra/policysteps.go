package entra

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/postern/postern"
)

// policySteps leads from one policy to another by way of policies of which each differs from the one before it in one
// target, or in no target at all. First come the steps that let somebody in, last those that keep somebody out: whoever
// passes before and after passes in between. A change of no more than one target is one step.
func policySteps(from, to postern.PasskeyPolicy) []postern.PasskeyPolicy {
	if changedTargets(from, to) < 2 {
		return []postern.PasskeyPolicy{to}
	}
	var steps []postern.PasskeyPolicy
	at := from
	step := func(change func(p *postern.PasskeyPolicy)) {
		next := at
		next.Profiles, next.Include, next.Exclude = slices.Clone(at.Profiles), slices.Clone(at.Include), slices.Clone(at.Exclude)
		change(&next)
		if !samePasskeyPolicy(at, next) {
			steps, at = append(steps, next), next
		}
	}
	step(func(p *postern.PasskeyPolicy) { p.Profiles = joined(from.Profiles, to.Profiles) })
	before, after := byTarget(from.Include), byTarget(to.Include)
	for _, target := range to.Include {
		step(func(p *postern.PasskeyPolicy) {
			if old, ok := before[targetKey(target)]; ok {
				target.Profiles = append(slices.Clone(assigned(from, old)), assigned(to, target)...)
			} else {
				target.Profiles = assigned(to, target)
			}
			p.Include = withTarget(p.Include, target)
		})
	}
	excluded, wanted := byTarget(from.Exclude), byTarget(to.Exclude)
	for _, target := range from.Exclude {
		if _, stays := wanted[targetKey(target)]; !stays {
			step(func(p *postern.PasskeyPolicy) { p.Exclude = withoutTarget(p.Exclude, target) })
		}
	}
	step(func(p *postern.PasskeyPolicy) {
		include, exclude := p.Include, p.Exclude
		*p = to
		p.Profiles, p.Include, p.Exclude = joined(to.Profiles, from.Profiles), include, exclude
	})
	for _, target := range from.Include {
		if _, stays := after[targetKey(target)]; !stays {
			step(func(p *postern.PasskeyPolicy) { p.Include = withoutTarget(p.Include, target) })
		}
	}
	for _, target := range to.Include {
		step(func(p *postern.PasskeyPolicy) { p.Include = withTarget(p.Include, target) })
	}
	for _, target := range to.Exclude {
		if _, was := excluded[targetKey(target)]; !was {
			step(func(p *postern.PasskeyPolicy) { p.Exclude = append(p.Exclude, target) })
		}
	}
	step(func(p *postern.PasskeyPolicy) { *p = to })
	return steps
}

// joined are profiles, and those others that are not among them.
func joined(profiles, others []postern.PasskeyProfile) []postern.PasskeyProfile {
	all := slices.Clone(profiles)
	for _, o := range others {
		if !slices.ContainsFunc(all, func(f postern.PasskeyProfile) bool { return f.ID == o.ID }) {
			all = append(all, o)
		}
	}
	return all
}

func withTarget(list []postern.PolicyTarget, target postern.PolicyTarget) []postern.PolicyTarget {
	if n := slices.IndexFunc(list, func(o postern.PolicyTarget) bool { return targetKey(o) == targetKey(target) }); n >= 0 {
		list[n] = target
		return list
	}
	return append(list, target)
}

func withoutTarget(list []postern.PolicyTarget, target postern.PolicyTarget) []postern.PolicyTarget {
	return slices.DeleteFunc(list, func(o postern.PolicyTarget) bool { return targetKey(o) == targetKey(target) })
}

// changedTargets counts the targets that differ.
func changedTargets(from, to postern.PasskeyPolicy) int {
	n := 0
	for _, lists := range [][2][]postern.PolicyTarget{{from.Include, to.Include}, {from.Exclude, to.Exclude}} {
		before, after := byTarget(lists[0]), byTarget(lists[1])
		for key, target := range after {
			old, was := before[key]
			if !was || old.RegistrationRequired != target.RegistrationRequired || !slices.Equal(assigned(from, old), assigned(to, target)) {
				n++
			}
		}
		for key := range before {
			if _, stays := after[key]; !stays {
				n++
			}
		}
	}
	return n
}

// changedField is the JSON name of what differs, where that is one thing.
func changedField(from, to postern.PasskeyPolicy) string {
	fields := map[string]string{
		"state": "enabled", "isSelfServiceRegistrationAllowed": "self_service", "isAttestationEnforced": "attestation_enforced",
		"keyRestrictions": "key_restrictions", "passkeyProfiles": "profiles", "defaultPasskeyProfile": "default_profile",
		"includeTargets": "include", "excludeTargets": "exclude",
	}
	changes := passkeyChanges(from, to, unmanaged{})
	for member := range changes {
		if len(changes) == 1 {
			return "passkeys." + fields[member]
		}
	}
	return "passkeys"
}

// Microsoft's estimates of what the authentication methods policy takes, in bytes (Microsoft Entra documentation,
// "passkey profiles"): of 20 KB for all of it.
const (
	maxPolicySize  = 20 << 10
	basePolicySize = 1475
	profileSize    = 410
	modelSize      = 31
)

func passkeyPolicySize(p postern.PasskeyPolicy) int {
	size := basePolicySize + targetSize*(len(p.Include)+len(p.Exclude))
	if p.Schema == postern.PolicySchemaTenant {
		return size + modelSize*len(p.KeyRestrictions.AAGUIDs)
	}
	for _, f := range p.Profiles {
		size += profileSize + modelSize*len(f.KeyRestrictions.AAGUIDs)
	}
	return size
}

// knownRefusal looks for the reason of a refusal in what was to be written: Graph's codes do not tell, and its texts are
// not documented. It returns nil where the reason is not to be seen.
func (t *Tenant) knownRefusal(ctx context.Context, from, to postern.PasskeyPolicy, err error) error {
	e, _ := graphErrorOf(err)
	var added postern.TenantPolicy
	for n, lists := range [][2][]postern.PolicyTarget{{from.Include, to.Include}, {from.Exclude, to.Exclude}} {
		before := byTarget(lists[0])
		for _, target := range lists[1] {
			if _, was := before[targetKey(target)]; !was {
				into := []*[]postern.PolicyTarget{&added.Passkeys.Include, &added.Passkeys.Exclude}[n]
				*into = append(*into, target)
			}
		}
	}
	if names, namesErr := t.names(ctx, added); namesErr == nil {
		var wrong []string
		for _, target := range slices.Concat(added.Passkeys.Include, added.Passkeys.Exclude) {
			switch name := names[target.ID]; {
			case name.Kind == nameUnknown:
				wrong = append(wrong, fmt.Sprintf("the tenant has no %s %s", target.Type, target.ID))
			case name.Kind == nameGroup && name.Group != groupSecurity:
				wrong = append(wrong, fmt.Sprintf("the group %s is not a security group", name.Name))
			}
		}
		if len(wrong) > 0 {
			field := "passkeys.include"
			if len(added.Passkeys.Include) == 0 {
				field = "passkeys.exclude"
			}
			return postern.Errorf(postern.CodePolicyTarget, "Entra refused the policy: %s.%s", strings.Join(wrong, ", and "), words(e)).OnField(field).Because(e)
		}
	}
	if other, sizeErr := t.otherMethodsSize(ctx); sizeErr == nil && passkeyPolicySize(to)+other > maxPolicySize {
		return postern.Errorf(postern.CodePolicyLimit, "Entra refused the policy, which with about %d KB would be larger than the %d KB it takes.%s",
			(passkeyPolicySize(to)+other+1023)>>10, maxPolicySize>>10, words(e)).OnField("passkeys").Because(e)
	}
	return nil
}
