package plan_test

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"pgregory.net/rapid"

	"github.com/postern/postern"
)

// facts takes a policy apart into the facts a step can change: object, name and field, with its value, or with an element
// of a list. It knows the words of documents and nothing of how differences are found.
func facts(p postern.TenantPolicy) map[string]string {
	f := map[string]string{}
	k := p.Passkeys
	put := func(parts ...string) { f[strings.Join(parts[:len(parts)-1], "|")] = parts[len(parts)-1] }
	list := func(object, name, field string, elements []string) {
		for _, e := range elements {
			put(object, name, field, e, "listed")
		}
	}
	rules := func(object, name string, attested bool, r postern.KeyRestrictions) {
		put(object, name, "enforce_attestation", strconv.FormatBool(attested))
		put(object, name, "restrictions.enforce", strconv.FormatBool(r.Enforced))
		put(object, name, "restrictions.type", pick(r.Block, "block", "allow"))
		list(object, name, "restrictions.models", r.AAGUIDs)
	}
	put("passkeys", "", "state", pick(k.Enabled, "on", "off"))
	put("passkeys", "", "self_service", strconv.FormatBool(k.SelfService))
	profileName := map[string]string{}
	for _, r := range k.Profiles {
		profileName[r.ID] = r.Name
		var types []string
		if r.DeviceBound {
			types = append(types, "device-bound")
		}
		if r.Synced {
			types = append(types, "synced")
		}
		put("profile", r.Name, "exists", "")
		put("profile", r.Name, "types", strings.Join(types, ", "))
		rules("profile", r.Name, r.AttestationEnforced, r.KeyRestrictions)
	}
	if k.Schema == postern.PolicySchemaTenant {
		rules("passkeys", "", k.AttestationEnforced, k.KeyRestrictions)
	} else {
		put("passkeys", "", "profiles.default", profileName[k.DefaultProfile])
	}
	word := func(id string) string {
		if id == "all_users" {
			return "all users"
		}
		return "id:" + id
	}
	for _, t := range k.Include {
		put("passkeys", "", "targets.include", word(t.ID), "listed")
		put("passkeys", "", "targets.include["+word(t.ID)+"].registration", pick(t.RegistrationRequired, "required", "optional"))
		if k.Schema == postern.PolicySchemaProfiles {
			names := []string{}
			for _, id := range t.Profiles {
				names = append(names, profileName[id])
			}
			if len(names) == 0 {
				names = []string{profileName[k.DefaultProfile]}
			}
			slices.Sort(names)
			put("passkeys", "", "targets.include["+word(t.ID)+"].profiles", strings.Join(names, ", "))
		}
	}
	for _, t := range k.Exclude {
		put("passkeys", "", "targets.exclude", word(t.ID), "listed")
	}
	strengthName := map[string]string{}
	for _, s := range p.Strengths {
		strengthName[s.ID] = s.Name
		put("strength", s.Name, "exists", "")
		put("strength", s.Name, "description", s.Description)
		list("strength", s.Name, "combinations", s.Combinations)
		list("strength", s.Name, "models", s.AAGUIDs)
	}
	accessFacts(p, put, list, strengthName)
	return f
}

func accessFacts(p postern.TenantPolicy, put func(...string), list func(string, string, string, []string), strengthName map[string]string) {
	words := map[string]string{
		"All": "all users", "GuestsOrExternalUsers": "guests", "None": "none", "Office365": "office 365", "MicrosoftAdminPortals": "microsoft admin portals",
		postern.UserActionRegister: "register security info",
	}
	each := func(ids []string, more map[string]string) []string {
		var all []string
		for _, id := range ids {
			all = append(all, cmp.Or(more[id], words[id], "id:"+id))
		}
		return all
	}
	apps := map[string]string{"All": "all resources", "urn:user:other": "urn:user:other"}
	const object = "conditional_access"
	for _, c := range p.ConditionalAccess {
		put(object, c.Name, "exists", "")
		put(object, c.Name, "state", map[postern.ConditionalAccessState]string{
			postern.ConditionalAccessOn: "on", postern.ConditionalAccessOff: "off", postern.ConditionalAccessReportOnly: "report-only",
		}[c.State])
		list(object, c.Name, "users.include.users", each(c.Users.IncludeUsers, nil))
		list(object, c.Name, "users.include.groups", each(c.Users.IncludeGroups, nil))
		list(object, c.Name, "users.include.roles", each(c.Users.IncludeRoles, nil))
		list(object, c.Name, "users.exclude.users", each(c.Users.ExcludeUsers, nil))
		list(object, c.Name, "users.exclude.groups", each(c.Users.ExcludeGroups, nil))
		list(object, c.Name, "applications.include", each(c.Applications.Include, apps))
		list(object, c.Name, "applications.exclude", each(c.Applications.Exclude, apps))
		list(object, c.Name, "applications.user_actions", each(c.Applications.UserActions, apps))
		list(object, c.Name, "controls", c.Grant.Controls)
		put(object, c.Name, "require", pick(c.Grant.All, "all", "one"))
		put(object, c.Name, "strength", strengthName[c.Grant.Strength])
		other := slices.Sorted(slices.Values(c.Other))
		put(object, c.Name, "conditions", strings.Join(other, ", "))
		put(object, c.Name, "demands", strings.Join(slices.Sorted(slices.Values(c.Grant.Unjudged)), ", "))
	}
}

func pick(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}

// blank are the facts of what was just made.
var blank = map[string]map[string]string{
	"profile":            {"exists": "", "types": "", "enforce_attestation": "false", "restrictions.enforce": "false", "restrictions.type": "allow"},
	"strength":           {"exists": "", "description": ""},
	"conditional_access": {"exists": "", "require": "one", "strength": "", "conditions": "", "demands": ""},
}

// apply does what steps say to the facts of a policy, and finds fault with a step whose old value is not there.
func apply(t *rapid.T, f map[string]string, steps []postern.PolicyStep) {
	for _, s := range steps {
		key := string(s.Object) + "|" + s.Name + "|" + s.Field
		switch s.Verb {
		case postern.PolicySet:
			if s.Field == "name" {
				rename(f, string(s.Object), s.Old, s.New)
				continue
			}
			f[key] = s.New
		case postern.PolicyAdd:
			if f[key+"|"+s.New] != "" {
				t.Fatalf("%s is there already", key)
			}
			f[key+"|"+s.New] = "listed"
			if s.Field == "targets.include" {
				at := "passkeys||targets.include[" + s.New + "]."
				f[at+"registration"] = "optional"
				if name, ok := f["passkeys||profiles.default"]; ok {
					f[at+"profiles"] = name
				}
			}
		case postern.PolicyRemove:
			if f[key+"|"+s.Old] == "" {
				t.Fatalf("%s: %s is not there", key, s.Old)
			}
			delete(f, key+"|"+s.Old)
			if s.Field == "targets.include" {
				delete(f, "passkeys||targets.include["+s.Old+"].registration")
				delete(f, "passkeys||targets.include["+s.Old+"].profiles")
			}
		case postern.PolicyCreate:
			for field, value := range blank[string(s.Object)] {
				f[string(s.Object)+"|"+s.Name+"|"+field] = value
			}
			if s.Object == postern.PolicyObjectConditionalAccess {
				f[key+"state"] = s.New
			}
		case postern.PolicyDelete:
			for k := range f {
				if strings.HasPrefix(k, string(s.Object)+"|"+s.Name+"|") {
					delete(f, k)
				}
			}
		}
	}
}

// rename gives a thing another name, wherever it is named.
func rename(f map[string]string, object, from, to string) {
	for k, v := range f {
		if rest, ok := strings.CutPrefix(k, object+"|"+from+"|"); ok {
			delete(f, k)
			f[object+"|"+to+"|"+rest] = v
		}
		if object == "strength" && strings.HasSuffix(k, "|strength") && v == from {
			f[k] = to
		}
		if object == "profile" && (strings.HasSuffix(k, "].profiles") || k == "passkeys||profiles.default") {
			names := strings.Split(v, ", ")
			for i, name := range names {
				if name == from {
					names[i] = to
				}
			}
			slices.Sort(names)
			f[k] = strings.Join(names, ", ")
		}
	}
}

// mirrored holds the steps of a difference against those of its reverse, leaving out what one of them makes anew.
func mirrored(t *rapid.T, there, back []postern.PolicyStep) {
	made := map[string]bool{}
	for _, s := range slices.Concat(there, back) {
		if s.Verb == postern.PolicyCreate || s.Verb == postern.PolicyDelete {
			made[string(s.Object)+s.Name] = true
		}
	}
	flip := map[postern.PolicyVerb]postern.PolicyVerb{
		postern.PolicyAdd: postern.PolicyRemove, postern.PolicyRemove: postern.PolicyAdd, postern.PolicySet: postern.PolicySet,
	}
	count := func(steps []postern.PolicyStep, reverse bool) map[string]int {
		n := map[string]int{}
		for _, s := range steps {
			if made[string(s.Object)+s.Name] || strings.HasPrefix(s.Field, "targets.include[") {
				continue
			}
			verb, from, to := s.Verb, s.Old, s.New
			if reverse {
				verb, from, to = flip[verb], to, from
			}
			n[strings.Join([]string{string(verb), string(s.Object), s.Field, from, to}, "|")]++
		}
		return n
	}
	a, b := count(there, false), count(back, true)
	for k := range a {
		if a[k] != b[k] {
			t.Fatalf("%s is %d times there and %d times back\n%s\n%s", k, a[k], b[k], lines(there), lines(back))
		}
	}
}

// gone holds that a model on some list before is on it after, or a step says that it goes, or that the list goes.
func gone(t *rapid.T, a, b postern.TenantPolicy, steps []postern.PolicyStep) {
	after := facts(b)
	said := map[string]bool{}
	name := map[string]string{}
	for _, s := range steps {
		switch {
		case s.Verb == postern.PolicyRemove && s.AAGUID != "":
			said[string(s.Object)+"|"+s.Name+"|"+s.Field+"|"+s.AAGUID] = true
		case s.Verb == postern.PolicyDelete:
			said[string(s.Object)+"|"+s.Name] = true
		case s.Field == "name":
			name[string(s.Object)+"|"+s.Old] = string(s.Object) + "|" + s.New
		}
	}
	for fact := range facts(a) {
		parts := strings.Split(fact, "|")
		if len(parts) != 4 || !strings.HasSuffix(parts[2], "models") {
			continue
		}
		thing := parts[0] + "|" + parts[1]
		now := cmp.Or(name[thing], thing) + "|" + parts[2] + "|" + parts[3]
		if after[now] == "" && !said[now] && !said[thing] {
			t.Fatalf("nothing says that %s goes", fact)
		}
	}
}
