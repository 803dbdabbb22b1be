package web

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/postern/postern"
	policydoc "github.com/postern/postern/center/policy/document"
)

// policyForm is the passkey policy as a form holds it. The tenant schema has one set of rules and no profiles.
type policyForm struct {
	Schema               postern.PolicySchema
	Enabled, SelfService bool
	Rules                []rulesForm
	Dropped              []rulesForm // profiles that go
	Include, Exclude     []targetForm
}

// rulesForm is the rules of the tenant or of a profile.
type rulesForm struct {
	ID, Name            string // of a profile; a new one has no id
	Default             bool
	DeviceBound, Synced bool
	Attestation         bool
	Keys                postern.KeyRestrictions
}

// targetForm is a group or, in old tenants, a user.
type targetForm struct {
	ID, Name, Type string
	Required       bool
	Profiles       []int // into Rules
}

// formOfPolicy fills the form with what the tenant has.
func formOfPolicy(t postern.TenantPolicy) policyForm {
	k := t.Passkeys
	f := policyForm{Schema: k.Schema, Enabled: k.Enabled, SelfService: k.SelfService}
	if k.Schema == postern.PolicySchemaProfiles {
		for _, p := range k.Profiles {
			f.Rules = append(f.Rules, rulesForm{
				ID: p.ID, Name: p.Name, Default: p.ID == k.DefaultProfile, DeviceBound: p.DeviceBound, Synced: p.Synced,
				Attestation: p.AttestationEnforced, Keys: cloneKeys(p.KeyRestrictions),
			})
		}
	} else {
		f.Rules = []rulesForm{{Attestation: k.AttestationEnforced, Keys: cloneKeys(k.KeyRestrictions)}}
	}
	targets := func(list []postern.PolicyTarget) []targetForm {
		var out []targetForm
		for _, one := range list {
			form := targetForm{ID: one.ID, Name: directoryName(t, one.ID), Type: one.Type, Required: one.RegistrationRequired}
			for n, rules := range f.Rules {
				if rules.ID != "" && slices.Contains(one.Profiles, rules.ID) {
					form.Profiles = append(form.Profiles, n)
				}
			}
			out = append(out, form)
		}
		return out
	}
	f.Include, f.Exclude = targets(k.Include), targets(k.Exclude)
	return f
}

func cloneKeys(k postern.KeyRestrictions) postern.KeyRestrictions {
	k.AAGUIDs = slices.Clone(k.AAGUIDs)
	return k
}

// readPolicyForm reads what was sent.
func readPolicyForm(r *http.Request, schema postern.PolicySchema) policyForm {
	v := r.PostForm
	f := policyForm{Schema: schema, Enabled: v.Has("enabled"), SelfService: v.Has("self_service")}
	names := v["rules_name"]
	for n, id := range v["rules"] {
		at := strconv.Itoa(n)
		types := v["types-"+at]
		f.Rules = append(f.Rules, rulesForm{
			ID: id, Default: v.Has("default-" + at), DeviceBound: slices.Contains(types, policydoc.DeviceBound), Synced: slices.Contains(types, policydoc.Synced),
			Attestation: v.Has("attestation-" + at),
			Keys:        postern.KeyRestrictions{Enforced: v.Has("enforced-" + at), Block: v.Get("mode-"+at) == "block", AAGUIDs: v["model-"+at]},
		})
		if n < len(names) {
			f.Rules[n].Name = strings.TrimSpace(names[n])
		}
	}
	names = v["dropped_name"]
	for n, id := range v["dropped"] {
		if n < len(names) {
			f.Dropped = append(f.Dropped, rulesForm{ID: id, Name: names[n]})
		}
	}
	targets := func(list string) []targetForm {
		var out []targetForm
		names, types := v[list+"_name"], v[list+"_type"]
		for n, id := range v[list] {
			at := strconv.Itoa(n)
			t := targetForm{ID: id, Name: id, Type: "group", Required: v.Has(list + "_required-" + at)}
			if n < len(names) {
				t.Name = names[n]
			}
			if n < len(types) {
				t.Type = types[n]
			}
			for _, p := range v[list+"_profile-"+at] {
				if k, err := strconv.Atoi(p); err == nil && k >= 0 && k < len(f.Rules) {
					t.Profiles = append(t.Profiles, k)
				}
			}
			out = append(out, t)
		}
		return out
	}
	f.Include, f.Exclude = targets("include"), targets("exclude")
	return f
}

// document says the form as a policy document. Models are written by their names where a name means one model only, so
// that the document can be read; groups by id, because names need not be unique.
func (f policyForm) document(models policydoc.Models) policydoc.Document {
	k := &policydoc.Passkeys{State: &f.Enabled, SelfService: &f.SelfService}
	keys := func(r postern.KeyRestrictions) *policydoc.Restrictions {
		return &policydoc.Restrictions{Enforce: &r.Enforced, Block: &r.Block, Models: modelWords(r.AAGUIDs, models)}
	}
	if f.Schema == postern.PolicySchemaProfiles {
		for n := range f.Rules {
			r := &f.Rules[n]
			types := []string{}
			if r.DeviceBound {
				types = append(types, policydoc.DeviceBound)
			}
			if r.Synced {
				types = append(types, policydoc.Synced)
			}
			p := policydoc.Profile{ID: r.ID, Name: r.Name, Types: types, EnforceAttestation: &r.Attestation, Restrictions: keys(r.Keys)}
			if r.Default {
				p.Default = &r.Default
			}
			k.Profiles = append(k.Profiles, p)
		}
		for _, r := range f.Dropped {
			k.Profiles = append(k.Profiles, policydoc.Profile{ID: r.ID, Name: r.Name, Absent: true})
		}
	} else if len(f.Rules) > 0 {
		k.EnforceAttestation, k.Restrictions = &f.Rules[0].Attestation, keys(f.Rules[0].Keys)
	}
	k.Include, k.Exclude = f.targets(f.Include, true), f.targets(f.Exclude, false)
	return policydoc.Document{Version: policydoc.Version, Passkeys: k}
}

func (f policyForm) targets(list []targetForm, include bool) []policydoc.Target {
	out := []policydoc.Target{} // not nil: an empty list empties
	for n := range list {
		t := policydoc.Target{Group: "id:" + list[n].ID}
		switch {
		case list[n].ID == postern.TargetAllUsers:
			t.Group = policydoc.AllUsers
		case list[n].Type == "user":
			t.Group, t.User = "", "id:"+list[n].ID
		}
		if include {
			t.RegistrationRequired = &list[n].Required
			for _, p := range list[n].Profiles {
				t.Profiles = append(t.Profiles, f.Rules[p].Name)
			}
		}
		out = append(out, t)
	}
	return out
}

// modelWords names models by name where the name means that model alone, else by AAGUID.
func modelWords(aaguids []string, models policydoc.Models) []string {
	words := make([]string, 0, len(aaguids))
	for _, id := range aaguids {
		word := id
		if m, ok := models.Model(id); ok {
			if same, err := models.Resolve(m.Name); err == nil && len(same) == 1 && same[0] == id {
				word = m.Name
			}
		}
		words = append(words, word)
	}
	return words
}

// change does what a button of the form says, and reports what it cannot do.
func (f *policyForm) change(do string, r *http.Request, models policydoc.Models, inUse []string) problems {
	verb, rest, _ := strings.Cut(do, ":")
	at, detail, _ := strings.Cut(rest, ":")
	n, err := strconv.Atoi(at)
	of := func(count int) bool { return err == nil && n >= 0 && n < count }
	v := r.PostForm
	switch {
	case verb == "bundle" && of(len(f.Rules)):
		ids, ok := models.Bundle(v.Get("bundle-" + at))
		if !ok {
			return problems{postern.FieldErrorf("bundle-"+at, "No bundle is chosen.").WithNext("Choose one and press Add again.")}
		}
		f.Rules[n].add(ids...)
	case verb == "in-use" && of(len(f.Rules)):
		if len(inUse) == 0 {
			return problems{postern.FieldErrorf("bundle-"+at, "No passkey is known in this tenant.").WithNext("Read the inventory first.")}
		}
		f.Rules[n].add(inUse...)
	case verb == "model" && of(len(f.Rules)):
		field := "model_search-" + at
		word := v.Get("pick_model-" + at)
		if word == "" {
			word = strings.TrimSpace(v.Get(field))
		}
		if word == "" {
			return problems{postern.FieldErrorf(field, "No model is chosen.").WithNext("Type a part of its name and choose it, or type its AAGUID.")}
		}
		ids, err := models.Resolve(word)
		if err != nil {
			return problems{postern.AsError(err).OnField(field)}
		}
		f.Rules[n].add(ids...)
	case verb == "drop-model" && of(len(f.Rules)):
		f.Rules[n].Keys.AAGUIDs = slices.DeleteFunc(f.Rules[n].Keys.AAGUIDs, func(id string) bool { return id == detail })
	case verb == "clear" && of(len(f.Rules)):
		f.Rules[n].Keys.AAGUIDs = nil
	case verb == "profile":
		f.Rules = append(f.Rules, rulesForm{Name: fmt.Sprintf("Profile %d", len(f.Rules)+1), DeviceBound: true, Keys: postern.KeyRestrictions{}})
	case verb == "drop-profile" && of(len(f.Rules)) && !f.Rules[n].Default:
		f.dropProfile(n)
	case verb == "all-users":
		f.Include = append(f.Include, targetForm{ID: postern.TargetAllUsers, Name: "All users", Type: "group"})
	case verb == "include" || verb == "exclude":
		return addTarget(f.list(verb), v.Get("pick"))
	case verb == "drop-include" && of(len(f.Include)):
		f.Include = slices.Delete(f.Include, n, n+1)
	case verb == "drop-exclude" && of(len(f.Exclude)):
		f.Exclude = slices.Delete(f.Exclude, n, n+1)
	}
	return nil
}

func (f *policyForm) list(verb string) *[]targetForm {
	if verb == "exclude" {
		return &f.Exclude
	}
	return &f.Include
}

// addTarget adds the group that was picked, given as its id and name with a space between.
func addTarget(list *[]targetForm, pick string) problems {
	id, name, _ := strings.Cut(pick, " ")
	if id == "" {
		return problems{postern.FieldErrorf("group_search", "No group is chosen.").WithNext("Type the beginning of a group's name and choose it.")}
	}
	if !slices.ContainsFunc(*list, func(t targetForm) bool { return t.ID == id }) {
		*list = append(*list, targetForm{ID: id, Name: name, Type: "group"})
	}
	return nil
}

func (r *rulesForm) add(aaguids ...string) {
	for _, id := range aaguids {
		if !slices.Contains(r.Keys.AAGUIDs, id) {
			r.Keys.AAGUIDs = append(r.Keys.AAGUIDs, id)
		}
	}
}

func (f *policyForm) dropProfile(n int) {
	if f.Rules[n].ID != "" {
		f.Dropped = append(f.Dropped, f.Rules[n])
	}
	f.Rules = slices.Delete(f.Rules, n, n+1)
	for t := range f.Include {
		var left []int
		for _, p := range f.Include[t].Profiles {
			switch {
			case p < n:
				left = append(left, p)
			case p > n:
				left = append(left, p-1)
			}
		}
		f.Include[t].Profiles = left
	}
}
