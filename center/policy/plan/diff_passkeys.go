package plan

import (
	"slices"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/center/policy/document"
)

func (d *differ) passkeys() {
	from, to := d.before.Passkeys, d.after.Passkeys
	o := on{d, postern.PolicyObjectPasskeys, ""}
	o.toggle("state", from.Enabled, to.Enabled, "off", "on",
		"The method Passkey (FIDO2) is turned off: nobody registers a passkey or signs in with one.",
		"The method Passkey (FIDO2) is turned on for its targets.")
	o.toggle("self_service", from.SelfService, to.SelfService, "false", "true",
		"Nobody can register a passkey any more, neither at Security info nor through Postern. Passkeys that exist go on to sign in.",
		"People can register passkeys, at Security info and through Postern.")
	profiles := to.Schema == postern.PolicySchemaProfiles
	if (from.Schema == postern.PolicySchemaProfiles) != profiles {
		o.set("schema", schema(from.Schema), schema(to.Schema), "The tenant goes over to %s. Entra does not take this back.",
			map[bool]string{false: "one set of rules for everybody", true: "passkey profiles"}[profiles])
		d.steps[len(d.steps)-1].Reversible = false
	}
	var pairs []pair[postern.PasskeyProfile]
	if profiles {
		var old []postern.PasskeyProfile
		if from.Schema == postern.PolicySchemaProfiles {
			old = from.Profiles
		}
		pairs = match(old, to.Profiles, func(p postern.PasskeyProfile) (string, string) { return p.ID, p.Name })
		d.profiles(pairs)
	} else {
		d.rules(o, from.AttestationEnforced, to.AttestationEnforced, from.KeyRestrictions, to.KeyRestrictions)
	}
	d.targets(o, pairs)
	for _, p := range pairs {
		if p.after == nil {
			d.deletedProfile(*p.before)
		}
	}
}

func schema(s postern.PolicySchema) string {
	if s == "" {
		return string(postern.PolicySchemaTenant)
	}
	return string(s)
}

func (d *differ) profiles(pairs []pair[postern.PasskeyProfile]) {
	for _, p := range pairs {
		if p.after == nil {
			continue
		}
		to := *p.after
		o := on{d, postern.PolicyObjectProfile, to.Name}
		from := postern.PasskeyProfile{Name: to.Name}
		if p.before != nil {
			from = *p.before
			o.set("name", from.Name, to.Name, "The passkey profile “%s” is renamed “%s”.", from.Name, to.Name)
		} else {
			o.step(postern.PolicyCreate, "", "", to.Name, "The passkey profile “%s” is made.", to.Name)
		}
		d.types(o, from, to)
		d.rules(o, from.AttestationEnforced, to.AttestationEnforced, from.KeyRestrictions, to.KeyRestrictions)
	}
	from, to := d.before.Passkeys, d.after.Passkeys
	if from.Schema != postern.PolicySchemaProfiles {
		return
	}
	was, is := canonical(pairs, from.DefaultProfile, true), canonical(pairs, to.DefaultProfile, false)
	if was != is {
		o := on{d, postern.PolicyObjectPasskeys, ""}
		name := profileName(to.Profiles, to.DefaultProfile)
		o.set("profiles.default", profileName(from.Profiles, from.DefaultProfile), name,
			"The passkey profile “%s” becomes the default: it holds for targets that name none.", name)
	}
}

func (d *differ) deletedProfile(p postern.PasskeyProfile) {
	o := on{d, postern.PolicyObjectProfile, p.Name}
	what := ""
	if len(p.KeyRestrictions.AAGUIDs) > 0 {
		what = " with its list of models: " + modelNames(d.models, p.KeyRestrictions.AAGUIDs)
	}
	o.step(postern.PolicyDelete, "", p.Name, "", "The passkey profile “%s” is deleted%s.", p.Name, what)
}

func (d *differ) types(o on, from, to postern.PasskeyProfile) {
	var sentence string
	switch {
	case !from.Synced && !from.DeviceBound:
		o.set("types", "", typeWords(to), "The profile “%s” takes these passkeys: %s.", to.Name, typeWords(to))
		return
	case from.Synced && !to.Synced:
		sentence = "The profile “%s” takes no synced passkeys any more: those that exist no longer sign in by it."
	case from.DeviceBound && !to.DeviceBound:
		sentence = "The profile “%s” takes no device-bound passkeys any more: those that exist no longer sign in by it. Passkeys on security keys and on Postern's phones are device-bound."
	case !from.Synced && to.Synced:
		sentence = "The profile “%s” takes synced passkeys as well, which a provider may copy between devices."
	default:
		sentence = "The profile “%s” takes device-bound passkeys as well."
	}
	o.set("types", typeWords(from), typeWords(to), sentence, to.Name)
}

func typeWords(p postern.PasskeyProfile) string {
	var all []string
	if p.DeviceBound {
		all = append(all, document.DeviceBound)
	}
	if p.Synced {
		all = append(all, document.Synced)
	}
	return strings.Join(all, ", ")
}

// canonical returns the id by which a profile is compared: that of the policy before, where it has one.
func canonical(pairs []pair[postern.PasskeyProfile], id string, before bool) string {
	for _, p := range pairs {
		if before && p.before != nil && p.before.ID == id {
			return id
		}
		if !before && p.after != nil && p.after.ID == id && p.before != nil {
			return p.before.ID
		}
	}
	return id
}

func profileName(profiles []postern.PasskeyProfile, id string) string {
	for _, p := range profiles {
		if p.ID == id {
			return p.Name
		}
	}
	return "id:" + id
}

// assigned returns the profiles of a target, with the default where it names none.
func assigned(k postern.PasskeyPolicy, t postern.PolicyTarget) []string {
	if len(t.Profiles) == 0 && k.DefaultProfile != "" {
		return []string{k.DefaultProfile}
	}
	return t.Profiles
}

func (d *differ) targets(o on, pairs []pair[postern.PasskeyProfile]) {
	from, to := d.before.Passkeys, d.after.Passkeys
	changes(targetIDs(from.Include), targetIDs(to.Include), func(id string) {
		o.step(postern.PolicyAdd, "targets.include", "", targetWord(to.Include, id), "%s may register passkeys and sign in with them.", d.who(id))
	}, func(id string) {
		o.step(postern.PolicyRemove, "targets.include", targetWord(from.Include, id), "", "%s may no longer register passkeys or sign in with them, unless another target includes them.", d.who(id))
	})
	for _, t := range to.Include {
		old, found := targetOf(from.Include, t.ID)
		if !found {
			old = postern.PolicyTarget{ID: t.ID}
		}
		at := "targets.include[" + targetWord(to.Include, t.ID) + "]"
		registration := map[bool]string{false: "optional", true: "required"}
		o.set(at+".registration", registration[old.RegistrationRequired], registration[t.RegistrationRequired],
			"Registering a passkey becomes %s for %s.", registration[t.RegistrationRequired], lower(d.who(t.ID)))
		if to.Schema == postern.PolicySchemaProfiles {
			d.assignment(o, pairs, at+".profiles", old, t)
		}
	}
	changes(targetIDs(from.Exclude), targetIDs(to.Exclude), func(id string) {
		o.step(postern.PolicyAdd, "targets.exclude", "", targetWord(to.Exclude, id), "%s may neither register passkeys nor sign in with them, whatever else includes them.", d.who(id))
	}, func(id string) {
		o.step(postern.PolicyRemove, "targets.exclude", targetWord(from.Exclude, id), "", "%s may register passkeys and sign in with them again, as far as a target includes them.", d.who(id))
	})
}

// assignment compares the profiles of a target. A target that names none counts as one that names the default.
func (d *differ) assignment(o on, pairs []pair[postern.PasskeyProfile], field string, old, t postern.PolicyTarget) {
	from, to := d.before.Passkeys, d.after.Passkeys
	if from.Schema != postern.PolicySchemaProfiles {
		from = postern.PasskeyPolicy{DefaultProfile: to.DefaultProfile, Profiles: to.Profiles}
	}
	name := func(k postern.PasskeyPolicy, ids []string, before bool) (words, same string) {
		var names, keys []string
		for _, id := range ids {
			names = append(names, profileName(k.Profiles, id))
			keys = append(keys, canonical(pairs, id, before))
		}
		slices.Sort(names)
		slices.Sort(keys)
		return strings.Join(slices.Compact(names), ", "), strings.Join(slices.Compact(keys), ", ")
	}
	was, wasKey := name(from, assigned(from, old), true)
	is, isKey := name(to, assigned(to, t), false)
	if wasKey != isKey {
		o.step(postern.PolicySet, field, was, is, "For %s the passkey profiles %s count, instead of %s.", lower(d.who(t.ID)), is, was)
	}
}

func targetIDs(targets []postern.PolicyTarget) []string {
	all := make([]string, len(targets))
	for i, t := range targets {
		all[i] = t.ID
	}
	return all
}

func targetOf(targets []postern.PolicyTarget, id string) (postern.PolicyTarget, bool) {
	for _, t := range targets {
		if strings.EqualFold(t.ID, id) {
			return t, true
		}
	}
	return postern.PolicyTarget{}, false
}

func targetWord(targets []postern.PolicyTarget, id string) string {
	t, _ := targetOf(targets, id)
	if t.Type == "user" {
		return "user id:" + id
	}
	return word(document.ReferenceGroup, id)
}

// who names the people of a target, at the beginning of a sentence.
func (d *differ) who(id string) string {
	switch {
	case id == postern.TargetAllUsers:
		return "All users"
	case d.before.Names[id].Kind == "user" || d.after.Names[id].Kind == "user":
		return "The user " + d.label(id)
	}
	return "Members of the group " + d.label(id)
}

func lower(s string) string { return strings.ToLower(s[:1]) + s[1:] }
