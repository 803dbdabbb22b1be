package document

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/postern/postern"
)

// Export writes the tenant's policy as a document with comments. Planned against the same tenant it changes nothing: what a
// document cannot name is not written and so left alone.
func Export(policy postern.TenantPolicy, models Models) ([]byte, error) {
	x := &exporter{policy: policy, models: models, comments: map[string]string{}}
	d := Document{Version: Version, Passkeys: x.passkeys()}
	if policy.StrengthsRead {
		d.Strengths = x.strengths()
	}
	if policy.ConditionalAccessRead {
		d.ConditionalAccess = x.conditionalAccess()
	}
	return marshal(d, x.comments, x.head())
}

type exporter struct {
	policy   postern.TenantPolicy
	models   Models
	comments map[string]string // by field path
}

func (x *exporter) head() string {
	var b strings.Builder
	if !x.policy.ReadAt.IsZero() {
		fmt.Fprintf(&b, "# The tenant's passkey policy as of %s.\n", x.policy.ReadAt.UTC().Format(time.RFC3339))
	}
	b.WriteString("# What this document does not name stays as it is; what it does name becomes as it says, empty lists and false included.\n")
	b.WriteString("# Groups, users, roles and applications stand by id, so that no other of the same name can take their place.\n")
	if !x.policy.StrengthsRead {
		b.WriteString("# The application may not read authentication strengths, so there are none here.\n")
	}
	if !x.policy.ConditionalAccessRead {
		b.WriteString("# The application may not read Conditional Access policies, so there are none here.\n")
	}
	return b.String()
}

func (x *exporter) passkeys() *Passkeys {
	k := x.policy.Passkeys
	p := &Passkeys{State: &k.Enabled, SelfService: &k.SelfService}
	x.comments["passkeys.state"] = "the method Passkey (FIDO2)"
	x.comments["passkeys.self_service"] = "registration on behalf of users needs it as well"
	p.Include = x.targets("passkeys.targets.include", k.Include, true)
	p.Exclude = x.targets("passkeys.targets.exclude", k.Exclude, false)
	x.comments["passkeys.targets.exclude"] = join(x.comments["passkeys.targets.exclude"], "An exclude beats every include, at registration and at sign-in.")
	if k.Schema != postern.PolicySchemaProfiles {
		p.EnforceAttestation = &k.AttestationEnforced
		p.Restrictions = x.restrictions("passkeys.restrictions", k.KeyRestrictions)
		return p
	}
	p.Profiles = []Profile{}
	for i, f := range k.Profiles {
		path := fmt.Sprintf("passkeys.profiles[%d]", i)
		profile := Profile{EnforceAttestation: &f.AttestationEnforced, Restrictions: x.restrictions(path+".restrictions", f.KeyRestrictions)}
		profile.Name, profile.ID = x.name(f.Name, f.ID, x.profileNames())
		if f.ID == k.DefaultProfile {
			yes := true
			profile.Default = &yes
			x.comments[path+".default"] = "holds for targets that name no profile"
		}
		if f.DeviceBound {
			profile.Types = append(profile.Types, DeviceBound)
		}
		if f.Synced {
			profile.Types = append(profile.Types, Synced)
		}
		p.Profiles = append(p.Profiles, profile)
	}
	return p
}

func (x *exporter) targets(path string, targets []postern.PolicyTarget, include bool) []Target {
	all, seen := []Target{}, map[string]bool{}
	for _, t := range targets {
		if seen[strings.ToLower(t.ID)] {
			continue
		}
		seen[strings.ToLower(t.ID)] = true
		target := Target{Group: idPrefix + t.ID}
		switch {
		case t.ID == postern.TargetAllUsers:
			target.Group = AllUsers
		case !token.MatchString(t.ID):
			return x.unnamed(path)
		case t.Type == "user":
			target = Target{User: idPrefix + t.ID}
		}
		if include && t.RegistrationRequired {
			target.RegistrationRequired = &t.RegistrationRequired
		}
		if include && len(t.Profiles) > 0 {
			for _, id := range t.Profiles {
				if word := x.refer(id, x.profileNames()); !slices.Contains(target.Profiles, word) {
					target.Profiles = append(target.Profiles, word)
				}
			}
		}
		item := fmt.Sprintf("%s[%d]", path, len(all))
		if target.User != "" || target.RegistrationRequired != nil || target.Profiles != nil {
			item += ".group"
			if target.User != "" {
				item = strings.TrimSuffix(item, ".group") + ".user"
			}
		}
		x.comments[item] = x.policy.Names[t.ID].Name
		all = append(all, target)
	}
	return all
}

// unnamed says that a list is left out, because it holds what no document can name.
func (x *exporter) unnamed(path string) []Target {
	x.omit(path)
	return nil
}

func (x *exporter) omit(path string) {
	parent := path[:strings.LastIndexByte(path, '.')]
	x.comments[parent] = join(x.comments[parent], strings.TrimPrefix(path, parent+".")+" holds something that a document cannot name, and is left as it is.")
}

func (x *exporter) restrictions(path string, k postern.KeyRestrictions) *Restrictions {
	if !k.Enforced && len(k.AAGUIDs) > 0 {
		x.comments[path+".enforce"] = "off: the models below are not looked at"
	}
	return &Restrictions{Enforce: &k.Enforced, Block: &k.Block, Models: x.list(path+".models", k.AAGUIDs)}
}

// list names models: by name where that means this model and no other.
func (x *exporter) list(path string, aaguids []string) []string {
	all, seen := []string{}, map[string]bool{}
	for _, id := range aaguids {
		id = strings.ToLower(id)
		switch {
		case !guid.MatchString(id):
			x.omit(path)
			return nil
		case seen[id]:
			continue
		}
		seen[id] = true
		word, comment := id, "a model that Postern's list does not have"
		if m, ok := x.models.Model(id); ok {
			comment = m.Name
			if ids, err := x.models.Resolve(m.Name); err == nil && len(ids) == 1 && ids[0] == id && writable(m.Name) && !seen[strings.ToLower(m.Name)] {
				word, comment = m.Name, ""
			}
		}
		x.comments[fmt.Sprintf("%s[%d]", path, len(all))] = comment
		all = append(all, word)
	}
	return all
}

// names counts how many things have a name, in whatever case.
type names struct {
	byID  map[string]string
	count map[string]int
}

func (x *exporter) profileNames() names {
	n := names{map[string]string{}, map[string]int{}}
	for _, p := range x.policy.Passkeys.Profiles {
		n.add(p.ID, p.Name)
	}
	return n
}

func (x *exporter) strengthNames() names {
	n := names{map[string]string{}, map[string]int{}}
	for _, s := range x.policy.Strengths {
		n.add(s.ID, s.Name)
	}
	return n
}

func (n names) add(id, name string) {
	n.byID[id] = name
	n.count[strings.ToLower(name)]++
}

// name returns how a document names a thing: by its name, and by its id too where others have the same one.
func (x *exporter) name(name, id string, among names) (string, string) {
	if !writable(name) {
		return "", id
	}
	if among.count[strings.ToLower(name)] > 1 {
		return name, id
	}
	return name, ""
}

// refer returns how a document refers to a thing.
func (x *exporter) refer(id string, among names) string {
	name := among.byID[id]
	if !writable(name) || among.count[strings.ToLower(name)] > 1 {
		return idPrefix + id
	}
	return name
}

// writable reports whether a document can hold a name and mean it.
func writable(name string) bool {
	return name != "" && utf8.ValidString(name) && utf8.RuneCountInString(name) <= maxName && !strings.HasPrefix(strings.ToLower(name), idPrefix)
}

func join(a, b string) string { return strings.TrimSpace(a + " " + b) }
