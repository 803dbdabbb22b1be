package plan

import (
	"slices"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/center/policy/document"
)

func (d *differ) conditionalAccess() {
	strengths := match(d.before.Strengths, d.after.Strengths, strengthKey)
	for _, p := range match(d.before.ConditionalAccess, d.after.ConditionalAccess, func(c postern.ConditionalAccessPolicy) (string, string) { return c.ID, c.Name }) {
		if p.after == nil {
			o := on{d, postern.PolicyObjectConditionalAccess, p.before.Name}
			o.step(postern.PolicyDelete, "", p.before.Name, "", "The Conditional Access policy “%s” is deleted, with all of its conditions and controls.", p.before.Name)
			continue
		}
		to := *p.after
		o := on{d, postern.PolicyObjectConditionalAccess, to.Name}
		from := postern.ConditionalAccessPolicy{Name: to.Name, State: to.State}
		if p.before != nil {
			from = *p.before
			o.set("name", from.Name, to.Name, "The Conditional Access policy “%s” is renamed “%s”.", from.Name, to.Name)
		} else {
			o.step(postern.PolicyCreate, "", "", stateWord(to.State), "The Conditional Access policy “%s” is made. %s", to.Name, effect(to.State))
		}
		o.set("state", stateWord(from.State), stateWord(to.State), "The Conditional Access policy “%s” goes from %s to %s. %s",
			to.Name, stateWord(from.State), stateWord(to.State), effect(to.State))
		d.grant(o, from.Grant, to.Grant, strengths)
		d.people(o, "users.include", "concerns", "no longer concerns", from.Users.IncludeUsers, to.Users.IncludeUsers, from.Users.IncludeGroups, to.Users.IncludeGroups, from.Users.IncludeRoles, to.Users.IncludeRoles)
		d.people(o, "users.exclude", "spares", "no longer spares", from.Users.ExcludeUsers, to.Users.ExcludeUsers, from.Users.ExcludeGroups, to.Users.ExcludeGroups, from.Users.ExcludeRoles, to.Users.ExcludeRoles)
		d.list(o, "applications.include", document.ReferenceApplication, "counts at", "no longer counts at", from.Applications.Include, to.Applications.Include)
		d.list(o, "applications.exclude", document.ReferenceApplication, "does not count at", "no longer leaves out", from.Applications.Exclude, to.Applications.Exclude)
		d.userActions(o, from.Applications.UserActions, to.Applications.UserActions)
		o.set("conditions", sorted(from.Other), sorted(to.Other), "The Conditional Access policy “%s” has other conditions that Postern does not judge: %s.", to.Name, orNone(sorted(to.Other)))
		o.set("demands", sorted(from.Grant.Unjudged), sorted(to.Grant.Unjudged), "The Conditional Access policy “%s” has other demands that Postern does not judge: %s.", to.Name, orNone(sorted(to.Grant.Unjudged)))
	}
}

func stateWord(s postern.ConditionalAccessState) string {
	if w := document.StateWord(s); w != "" {
		return w
	}
	return string(s)
}

func effect(s postern.ConditionalAccessState) string {
	switch s {
	case postern.ConditionalAccessOn:
		return "From now on it decides who signs in."
	case postern.ConditionalAccessReportOnly:
		return "It refuses nobody: Entra's sign-in log shows what it would have done."
	}
	return "It does nothing."
}

func (d *differ) grant(o on, from, to postern.ConditionalAccessGrant, pairs []pair[postern.AuthenticationStrength]) {
	was, is := strengthName(d.before, from.Strength), strengthName(d.after, to.Strength)
	if from.Strength != to.Strength && !same(pairs, from.Strength, to.Strength) {
		sentence := "The Conditional Access policy “%s” demands the authentication strength “%s”."
		if to.Strength == "" {
			sentence = "The Conditional Access policy “%s” no longer demands the authentication strength “%s”."
			o.step(postern.PolicySet, "strength", was, "", sentence, o.name, was)
		} else {
			o.step(postern.PolicySet, "strength", was, is, sentence, o.name, is)
		}
	}
	changes(from.Controls, to.Controls, func(c string) {
		o.step(postern.PolicyAdd, "controls", "", c, "The Conditional Access policy “%s” demands %s.", o.name, control(c))
	}, func(c string) {
		o.step(postern.PolicyRemove, "controls", c, "", "The Conditional Access policy “%s” no longer demands %s.", o.name, control(c))
	})
	o.toggle("require", from.All, to.All, "one", "all",
		"Of what the Conditional Access policy “"+o.name+"” demands, one is enough.",
		"What the Conditional Access policy “"+o.name+"” demands is needed all together.")
}

// same reports whether two ids stand for one strength, which had another id before it was made.
func same(pairs []pair[postern.AuthenticationStrength], before, after string) bool {
	return slices.ContainsFunc(pairs, func(p pair[postern.AuthenticationStrength]) bool {
		return p.before != nil && p.after != nil && p.before.ID == before && p.after.ID == after
	})
}

func control(c string) string {
	switch c {
	case "block":
		return "that nobody signs in"
	case "mfa":
		return "multifactor authentication"
	case "compliantDevice":
		return "a compliant device"
	case "domainJoinedDevice":
		return "a hybrid joined device"
	}
	return "the control " + c
}

func (d *differ) people(o on, field, does, stops string, fromUsers, toUsers, fromGroups, toGroups, fromRoles, toRoles []string) {
	d.list(o, field+".users", document.ReferenceUser, does, stops, fromUsers, toUsers)
	d.list(o, field+".groups", document.ReferenceGroup, does, stops, fromGroups, toGroups)
	d.list(o, field+".roles", document.ReferenceRole, does, stops, fromRoles, toRoles)
}

func (d *differ) list(o on, field string, kind document.ReferenceKind, does, stops string, from, to []string) {
	changes(from, to, func(id string) {
		o.step(postern.PolicyAdd, field, "", word(kind, id), "The Conditional Access policy “%s” %s %s.", o.name, does, d.object(kind, id))
	}, func(id string) {
		o.step(postern.PolicyRemove, field, word(kind, id), "", "The Conditional Access policy “%s” %s %s.", o.name, stops, d.object(kind, id))
	})
}

// object names somebody or something within a sentence.
func (d *differ) object(kind document.ReferenceKind, id string) string {
	if w, ok := document.WordFor(kind, id); ok {
		switch w {
		case document.Guests:
			return "guests and external users"
		case document.Nobody:
			return map[document.ReferenceKind]string{document.ReferenceUser: "nobody", document.ReferenceApplication: "no application"}[kind]
		}
		return w
	}
	switch kind {
	case document.ReferenceGroup:
		return "members of the group " + d.label(id)
	case document.ReferenceRole:
		return "holders of the role " + d.label(id)
	case document.ReferenceApplication:
		return "the application " + d.label(id)
	}
	return "the user " + d.label(id)
}

func (d *differ) userActions(o on, from, to []string) {
	changes(from, to, func(urn string) {
		w := document.UserActionWord(urn)
		o.step(postern.PolicyAdd, "applications.user_actions", "", w, "The Conditional Access policy “%s” counts when people %s.", o.name, w)
	}, func(urn string) {
		w := document.UserActionWord(urn)
		o.step(postern.PolicyRemove, "applications.user_actions", w, "", "The Conditional Access policy “%s” no longer counts when people %s.", o.name, w)
	})
}

func sorted(list []string) string {
	list = slices.Clone(list)
	slices.Sort(list)
	return strings.Join(list, ", ")
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
