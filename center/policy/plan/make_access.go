package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/center/policy/document"
)

// builtIn are the authentication strengths that every tenant has.
var builtIn = map[string]string{
	"00000000-0000-0000-0000-000000000002": "Multifactor authentication",
	"00000000-0000-0000-0000-000000000003": "Passwordless MFA",
	"00000000-0000-0000-0000-000000000004": "Phishing resistant MFA",
}

func strengthName(p postern.TenantPolicy, id string) string {
	for _, s := range p.Strengths {
		if s.ID == id {
			return s.Name
		}
	}
	if name := builtIn[id]; name != "" || id == "" {
		return name
	}
	return "id:" + id
}

func (m *maker) strengths(strengths []document.Strength) {
	if !m.before.StrengthsRead {
		m.fault("strengths", "the application may not read authentication strengths").Next = "Grant it Policy.Read.All, or leave strengths out of the document."
		return
	}
	m.doomed = map[string]string{}
	for i, s := range strengths {
		path := fmt.Sprintf("strengths[%d]", i)
		at, ok := named(m, path, "authentication strength", m.before.Strengths, strengthKey, s.ID, s.Name)
		switch {
		case !ok || s.Absent && at < 0:
			continue
		case at >= 0 && m.before.Strengths[at].BuiltIn:
			if s.Absent || s.Description != nil || s.Combinations != nil || s.Models != nil || s.ID != "" && s.Name != "" && s.Name != m.before.Strengths[at].Name {
				m.fault(path, "%q is built in and cannot be changed", m.before.Strengths[at].Name).Next = "Describe a strength with a name of its own."
			}
			continue
		case s.Absent:
			m.doomed[m.before.Strengths[at].ID] = path + ".absent"
			continue
		case at < 0:
			if len(s.Combinations) == 0 {
				m.fault(path, "the new strength %q needs combinations, such as [fido2]", s.Name)
			}
			m.after.Strengths = append(m.after.Strengths, postern.AuthenticationStrength{ID: postern.NewPolicyID(s.Name)})
			at = len(m.after.Strengths) - 1
		}
		m.strength(path, s, &m.after.Strengths[at])
	}
}

func (m *maker) strength(path string, s document.Strength, into *postern.AuthenticationStrength) {
	if s.Name != "" {
		into.Name = s.Name
	}
	assign(&into.Description, s.Description)
	if s.Combinations != nil {
		for i, c := range s.Combinations {
			m.combination(fmt.Sprintf("%s.combinations[%d]", path, i), c, into.Combinations)
		}
		if len(s.Combinations) == 0 {
			m.fault(path+".combinations", "a strength needs at least one combination")
		}
		into.Combinations = list(into.Combinations, s.Combinations)
	}
	if s.Models != nil {
		into.AAGUIDs = list(into.AAGUIDs, m.aaguids(path+".models", s.Models))
	}
	if len(into.AAGUIDs) > 0 && !slices.Contains(into.Combinations, "fido2") && (s.Models != nil || s.Combinations != nil) {
		m.fault(path+".models", "models limit the combination fido2, which the strength %q does not have", into.Name)
	}
}

// combination refuses methods that neither Graph's documentation nor the tenant knows.
func (m *maker) combination(path, c string, had []string) {
	for mode := range strings.SplitSeq(c, ",") {
		if methods[mode] == "" && !slices.Contains(had, c) {
			m.fault(path, "there is no method %q", mode).Next = "Methods are: " + strings.Join(slices.Sorted(maps.Keys(methods)), ", ") + "."
		}
	}
}

// deleteStrengths takes away the strengths to be deleted, once it is known which policies demand what.
func (m *maker) deleteStrengths() {
	for _, id := range slices.Sorted(maps.Keys(m.doomed)) {
		for _, c := range m.after.ConditionalAccess {
			if c.Grant.Strength == id {
				m.fault(m.doomed[id], "the strength %q cannot be deleted while the Conditional Access policy %q demands it", strengthName(m.before, id), c.Name)
			}
		}
		m.after.Strengths = slices.DeleteFunc(m.after.Strengths, func(s postern.AuthenticationStrength) bool { return s.ID == id })
	}
}

func accessKey(c postern.ConditionalAccessPolicy) (id, name string) { return c.ID, c.Name }

func (m *maker) conditionalAccess(policies []document.ConditionalAccess) {
	if !m.before.ConditionalAccessRead {
		m.fault("conditional_access", "the application may not read Conditional Access policies").Next = "Grant it Policy.Read.All, or leave conditional_access out of the document."
		return
	}
	var gone []string
	for i, c := range policies {
		path := fmt.Sprintf("conditional_access[%d]", i)
		at, ok := named(m, path, "Conditional Access policy", m.before.ConditionalAccess, accessKey, c.ID, c.Name)
		switch {
		case !ok || c.Absent && at < 0:
			continue
		case c.Absent:
			gone = append(gone, m.before.ConditionalAccess[at].ID)
			continue
		case at < 0:
			m.after.ConditionalAccess = append(m.after.ConditionalAccess, postern.ConditionalAccessPolicy{ID: postern.NewPolicyID(c.Name), State: postern.ConditionalAccessReportOnly})
			m.access(path, c, &m.after.ConditionalAccess[len(m.after.ConditionalAccess)-1], nil)
			continue
		}
		m.access(path, c, &m.after.ConditionalAccess[at], &m.before.ConditionalAccess[at])
	}
	m.after.ConditionalAccess = slices.DeleteFunc(m.after.ConditionalAccess, func(c postern.ConditionalAccessPolicy) bool { return slices.Contains(gone, c.ID) })
}

func (m *maker) access(path string, c document.ConditionalAccess, into, before *postern.ConditionalAccessPolicy) {
	if c.Name != "" {
		into.Name = c.Name
	}
	m.state(path, c, into, before)
	u := &into.Users
	m.people(path+".users.include", c.Include, &u.IncludeUsers, &u.IncludeGroups, &u.IncludeRoles)
	m.people(path+".users.exclude", c.Exclude, &u.ExcludeUsers, &u.ExcludeGroups, &u.ExcludeRoles)
	m.references(path+".applications.include", document.ReferenceApplication, c.Applications.Include, &into.Applications.Include)
	m.references(path+".applications.exclude", document.ReferenceApplication, c.Applications.Exclude, &into.Applications.Exclude)
	if c.Applications.UserActions != nil {
		urns := make([]string, len(c.Applications.UserActions))
		for i, w := range c.Applications.UserActions {
			urns[i] = document.UserAction(w)
		}
		into.Applications.UserActions = list(into.Applications.UserActions, urns)
	}
	m.grant(path, c, into)
	if before != nil {
		return
	}
	if len(u.IncludeUsers)+len(u.IncludeGroups)+len(u.IncludeRoles) == 0 {
		m.fault(path+".users", "the new policy %q concerns nobody", into.Name).Next = "Write users.include with users, groups or roles."
	}
	if len(into.Applications.Include)+len(into.Applications.UserActions) == 0 {
		m.fault(path+".applications", "the new policy %q counts nowhere", into.Name).Next = "Write applications.include, such as [all resources], or applications.user_actions."
	}
	if into.Grant.Strength == "" && len(into.Grant.Controls) == 0 {
		m.fault(path, "the new policy %q demands nothing", into.Name).Next = "Write a strength or controls."
	}
}

// state keeps a policy from deciding before anybody saw in report-only what it does.
func (m *maker) state(path string, c document.ConditionalAccess, into, before *postern.ConditionalAccessPolicy) {
	if c.State == "" {
		return
	}
	into.State = c.State
	seen := before != nil && before.State != postern.ConditionalAccessOff
	switch {
	case c.State != postern.ConditionalAccessOn || seen:
	case c.SkipReportOnly:
		m.notes = append(m.notes, postern.PolicyNote{
			Key: "report_only_skipped", Level: postern.PolicyNoteWarning, Field: "conditional_access[" + into.Name + "].state",
			Message: "The Conditional Access policy “" + into.Name + "” decides at once, without a time in report-only.", Link: linkReportOnly,
		})
	default:
		m.fault(path+".state", "the policy %q is not in report-only in the tenant, so it cannot be turned on", into.Name).Next = "Apply it with state: report-only first, and look at Entra's sign-in log for some days. Or write skip_report_only: true."
	}
}

func (m *maker) people(path string, p document.People, users, groups, roles *[]string) {
	m.references(path+".users", document.ReferenceUser, p.Users, users)
	m.references(path+".groups", document.ReferenceGroup, p.Groups, groups)
	m.references(path+".roles", document.ReferenceRole, p.Roles, roles)
}

func (m *maker) references(path string, kind document.ReferenceKind, want []string, into *[]string) {
	if want == nil {
		return
	}
	ids := []string{}
	for i, text := range want {
		at := fmt.Sprintf("%s[%d]", path, i)
		id, _, ok := m.resolve(at, kind, text)
		switch {
		case !ok:
		case holds(ids, id):
			m.fault(at, "%s is listed twice", m.label(id))
		default:
			ids = append(ids, id)
		}
	}
	*into = list(*into, ids)
}

func (m *maker) grant(path string, c document.ConditionalAccess, into *postern.ConditionalAccessPolicy) {
	g := &into.Grant
	assign(&g.All, c.RequireAll)
	if c.Controls != nil {
		g.Controls = list(g.Controls, c.Controls)
	}
	if c.Strength != nil {
		m.strengthRef(path+".strength", *c.Strength, g)
	}
	if g.Strength != "" && slices.Contains(g.Controls, "mfa") && (c.Controls != nil || c.Strength != nil) {
		m.fault(path+".controls", "the policy %q demands mfa and a strength, and Entra takes only one of the two", into.Name).Next = "Leave mfa out: a strength is multifactor authentication."
	}
}

func (m *maker) strengthRef(path, text string, g *postern.ConditionalAccessGrant) {
	id, byID := strings.CutPrefix(text, "id:")
	if text == "" {
		g.Strength = ""
		return
	}
	if byID && strings.EqualFold(id, g.Strength) {
		return
	}
	found := map[string]bool{}
	for _, s := range m.after.Strengths {
		if (byID && strings.EqualFold(s.ID, id) || !byID && strings.EqualFold(s.Name, text)) && m.doomed[s.ID] == "" {
			found[s.ID] = true
		}
	}
	for id2, name := range builtIn {
		if byID && id2 == id || !byID && !m.before.StrengthsRead && strings.EqualFold(name, text) {
			found[id2] = true
		}
	}
	switch len(found) {
	case 1:
		g.Strength = slices.Sorted(maps.Keys(found))[0]
	case 0:
		m.fault(path, "neither the tenant nor the document has an authentication strength called %q", text)
	default:
		m.fault(path, "there are %d authentication strengths called %q", len(found), text).Next = "Write id: and the id of the one that is meant."
	}
}
