package document

import (
	"fmt"
	"slices"
	"strings"
)

func (x *exporter) strengths() []Strength {
	all := []Strength{}
	for _, s := range x.policy.Strengths {
		if s.BuiltIn {
			continue
		}
		path := fmt.Sprintf("strengths[%d]", len(all))
		strength := Strength{Description: &s.Description, Combinations: []string{}}
		strength.Name, strength.ID = x.name(s.Name, s.ID, x.strengthNames())
		for _, c := range s.Combinations {
			word, wrong := Combination(c)
			if wrong != "" {
				strength.Combinations = nil
				x.omit(path + ".combinations")
				break
			}
			if !slices.Contains(strength.Combinations, word) {
				strength.Combinations = append(strength.Combinations, word)
			}
		}
		if slices.Contains(strength.Combinations, "fido2") {
			strength.Models = x.list(path+".models", s.AAGUIDs)
		}
		all = append(all, strength)
	}
	return all
}

func (x *exporter) conditionalAccess() []ConditionalAccess {
	among := names{map[string]string{}, map[string]int{}}
	for _, c := range x.policy.ConditionalAccess {
		among.add(c.ID, c.Name)
	}
	all := []ConditionalAccess{}
	for i, c := range x.policy.ConditionalAccess {
		path := fmt.Sprintf("conditional_access[%d]", i)
		p := ConditionalAccess{State: c.State, RequireAll: &c.Grant.All, Controls: []string{}}
		p.Name, p.ID = x.name(c.Name, c.ID, among)
		if StateWord(c.State) == "" {
			p.State = ""
		}
		none := ""
		p.Strength = &none
		if c.Grant.Strength != "" {
			word := x.refer(c.Grant.Strength, x.strengthNames())
			p.Strength = &word
		}
		for _, control := range c.Grant.Controls {
			if !mode.MatchString(control) {
				x.omit(path + ".controls")
				p.Controls = nil
				break
			}
			if !slices.Contains(p.Controls, control) {
				p.Controls = append(p.Controls, control)
			}
		}
		u := c.Users
		p.Include = x.people(path+".users.include", u.IncludeUsers, u.IncludeGroups, u.IncludeRoles)
		p.Exclude = x.people(path+".users.exclude", u.ExcludeUsers, u.ExcludeGroups, u.ExcludeRoles)
		p.Applications = Applications{
			Include: x.references(path+".applications.include", ReferenceApplication, c.Applications.Include),
			Exclude: x.references(path+".applications.exclude", ReferenceApplication, c.Applications.Exclude),
		}
		p.Applications.UserActions = []string{}
		for _, urn := range c.Applications.UserActions {
			word, wrong := userAction(urn)
			if wrong != "" {
				x.omit(path + ".applications.user_actions")
				p.Applications.UserActions = nil
				break
			}
			if !slices.Contains(p.Applications.UserActions, word) {
				p.Applications.UserActions = append(p.Applications.UserActions, word)
			}
		}
		if more := slices.Concat(c.Other, c.Grant.Unjudged); len(more) > 0 {
			x.comments[path] = join(x.comments[path], "Has conditions or demands that no document changes: "+strings.Join(more, ", ")+".")
		}
		all = append(all, p)
	}
	return all
}

func (x *exporter) people(path string, users, groups, roles []string) People {
	return People{
		Users:  x.references(path+".users", ReferenceUser, users),
		Groups: x.references(path+".groups", ReferenceGroup, groups),
		Roles:  x.references(path+".roles", ReferenceRole, roles),
	}
}

// references names objects of the directory by id, and by the word where there is one.
func (x *exporter) references(path string, kind ReferenceKind, ids []string) []string {
	all := []string{}
	for _, id := range ids {
		word, ok := WordFor(kind, id)
		if kind == ReferenceGroup { // those of Conditional Access know no all users
			ok = false
		}
		if !ok {
			if !token.MatchString(id) {
				x.omit(path)
				return nil
			}
			word = normal(idPrefix + id)
			x.comments[fmt.Sprintf("%s[%d]", path, len(all))] = x.policy.Names[id].Name
		}
		if !slices.Contains(all, word) {
			all = append(all, word)
		}
	}
	return all
}
