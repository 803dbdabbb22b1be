package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/center/policy/document"
)

// targets returns the targets that the document lists, those that were there before in their places. Each is what the list
// says of it: without a word on registration it is optional, without one on profiles the default one counts.
func (m *maker) targets(path string, want []document.Target, now, before []postern.PolicyTarget) []postern.PolicyTarget {
	if want == nil {
		return now
	}
	var resolved []postern.PolicyTarget
	for i, w := range want {
		at := fmt.Sprintf("%s[%d]", path, i)
		t, ok := m.targetOf(at, w, before)
		switch {
		case !ok:
		case holds(targetIDs(resolved), t.ID):
			m.fault(at, "%s is listed twice", m.label(t.ID)).Code = postern.CodePolicyTarget
		default:
			resolved = append(resolved, t)
		}
	}
	all := []postern.PolicyTarget{}
	for _, old := range before {
		if t, ok := targetOf(resolved, old.ID); ok && !holds(targetIDs(all), old.ID) {
			all = append(all, t)
		}
	}
	for _, t := range resolved {
		if !holds(targetIDs(before), t.ID) {
			all = append(all, t)
		}
	}
	return all
}

func (m *maker) targetOf(path string, w document.Target, before []postern.PolicyTarget) (postern.PolicyTarget, bool) {
	kind, text := document.ReferenceGroup, w.Group
	if w.User != "" {
		kind, text = document.ReferenceUser, w.User
	}
	id, entry, ok := m.resolve(path, kind, text)
	if !ok {
		return postern.PolicyTarget{}, false
	}
	t, had := targetOf(before, id)
	if !had {
		t = postern.PolicyTarget{ID: id, Type: "group"}
		if reason := unfit(kind, text, entry); reason != "" {
			f := m.fault(path, "%s", reason)
			f.Code = postern.CodePolicyTarget
			return postern.PolicyTarget{}, false
		}
	}
	t.RegistrationRequired = w.RegistrationRequired != nil && *w.RegistrationRequired
	ids := []string{}
	for i, name := range w.Profiles {
		if id, ok := m.profileRef(fmt.Sprintf("%s.profiles[%d]", path, i), name, t); ok {
			ids = append(ids, id)
		}
	}
	if !had || !slices.Equal(m.effective(list(t.Profiles, ids)), m.effective(t.Profiles)) {
		t.Profiles = list(t.Profiles, ids)
	}
	return t, true
}

// effective returns the profiles of a target, with the default where it names none.
func (m *maker) effective(ids []string) []string {
	return assigned(m.after.Passkeys, postern.PolicyTarget{Profiles: ids})
}

// profileRef returns the id of the profile that a target names. One that the target has already stays, known or not.
func (m *maker) profileRef(path, text string, t postern.PolicyTarget) (string, bool) {
	id, byID := strings.CutPrefix(text, "id:")
	if byID && slices.Contains(t.Profiles, id) {
		return id, true
	}
	if !byID {
		id = ""
	}
	if found := m.profileNamed(text, id); found != "" {
		return found, true
	}
	m.fault(path, "there is no profile called %q, or more than one", text).Next = "Name a profile of the tenant or of the document; write id: and its id where several have one name."
	return "", false
}

// unfit says why an object cannot become a target.
func unfit(kind document.ReferenceKind, text string, e Entry) string {
	switch {
	case kind == document.ReferenceUser || e.Kind == "user":
		return fmt.Sprintf("%q is a user, and Entra takes no users as targets any more", text)
	case e.Kind != "" && e.Kind != "group" && e.Kind != "unknown":
		return fmt.Sprintf("%q is no group", text)
	case e.Group == "microsoft365":
		return fmt.Sprintf("%q is a Microsoft 365 group, and only security groups can be targets", text)
	case e.Group == "distribution":
		return fmt.Sprintf("%q is a distribution group, and only security groups can be targets", text)
	}
	return ""
}
