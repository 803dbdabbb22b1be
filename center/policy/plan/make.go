package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/center/policy/document"
)

// Make works out what the document would change in a tenant whose policy is before. What the document asks for and Entra
// does not take, or nobody should do, is a [postern.Error] that lists it with line and field.
func Make(before postern.TenantPolicy, d document.Document, names Names, models Models) (Result, error) {
	m := &maker{before: before, after: clone(before), doc: d, names: names, models: models, ids: idsOf(before)}
	if d.Passkeys != nil {
		m.passkeys(*d.Passkeys)
	}
	if len(d.Strengths) > 0 {
		m.strengths(d.Strengths)
	}
	if len(d.ConditionalAccess) > 0 {
		m.conditionalAccess(d.ConditionalAccess)
	}
	m.deleteStrengths()
	m.size()
	if err := document.Refuse(m.faults); err != nil {
		return Result{}, err
	}
	return Result{
		After: m.after,
		Steps: Diff(before, m.after, models),
		Notes: append(m.notes, Notes(m.after, models)...),
		Size:  Size(m.after),
	}, nil
}

type maker struct {
	before, after postern.TenantPolicy
	doc           document.Document
	names         Names
	models        Models
	ids           map[string]string // the ids of the tenant's policy, by themselves in lower case
	doomed        map[string]string // strengths to be deleted: path of the document by id
	faults        []document.Fault
	notes         []postern.PolicyNote
}

func (m *maker) fault(path, format string, args ...any) *document.Fault {
	m.faults = append(m.faults, document.Fault{Code: postern.CodePolicyDocument, Line: m.doc.Line(path), Path: path, Text: fmt.Sprintf(format, args...)})
	return &m.faults[len(m.faults)-1]
}

// list returns the wanted elements as a list in which those that were there before keep their places and spelling.
func list(before, want []string) []string {
	all := []string{}
	had, has := set(before), set(want)
	for _, id := range unique(before) {
		if has[strings.ToLower(id)] {
			all = append(all, id)
		}
	}
	if len(all) == len(before) && len(has) == len(had) {
		return before
	}
	for _, id := range unique(want) {
		if !had[strings.ToLower(id)] {
			all = append(all, id)
		}
	}
	return all
}

func assign[T any](into *T, value *T) {
	if value != nil {
		*into = *value
	}
}

// aaguids returns the models that the words of a list stand for.
func (m *maker) aaguids(path string, words []string) []string {
	all := []string{}
	for i, w := range words {
		ids, err := m.models.Resolve(w)
		if err != nil {
			e := postern.AsError(err)
			m.fault(fmt.Sprintf("%s[%d]", path, i), "%s", strings.TrimSuffix(e.Message, ".")).Next = e.Next
			continue
		}
		all = append(all, ids...)
	}
	return all
}

// resolve returns the id of an object that the document names.
func (m *maker) resolve(path string, kind document.ReferenceKind, text string) (string, Entry, bool) {
	if spelling, ok := document.Word(kind, text); ok {
		return spelling, Entry{ID: spelling}, true
	}
	r := document.Reference{Kind: kind, Text: text}
	id, byID := r.ID()
	entries := m.names[r]
	switch known, held := m.ids[strings.ToLower(id)]; {
	case len(entries) == 1:
		e := entries[0]
		if known, held := m.ids[strings.ToLower(e.ID)]; held {
			e.ID = known
		}
		if e.Name != "" {
			if m.after.Names == nil {
				m.after.Names = map[string]postern.DirectoryName{}
			}
			m.after.Names[e.ID] = e.DirectoryName
		}
		return e.ID, e, true
	case len(entries) > 1:
		ids := make([]string, len(entries))
		for i, e := range entries {
			ids[i] = e.ID
		}
		slices.Sort(ids)
		m.target(path, kind, "there are %d %ss called %q", len(entries), kind, text).Next =
			"Write one of them as id: and its id: " + strings.Join(ids, ", ") + "."
	case byID && held:
		return known, Entry{ID: known, DirectoryName: m.before.Names[known]}, true
	case byID:
		m.target(path, kind, "the tenant has no %s with the id %s", kind, id).Next = "Look the id up in the Microsoft Entra admin center."
	default:
		m.target(path, kind, "the tenant has no %s called %q", kind, text).Next = "Check the spelling, or write id: and its id."
	}
	return "", Entry{}, false
}

// target is a fault of a name: of a group, it is one of its target.
func (m *maker) target(path string, kind document.ReferenceKind, format string, args ...any) *document.Fault {
	f := m.fault(path, format, args...)
	if kind == document.ReferenceGroup {
		f.Code = postern.CodePolicyTarget
	}
	return f
}

func (m *maker) size() {
	was, is := Size(m.before), Size(m.after)
	if is.Bytes > is.Limit && is.Bytes > was.Bytes {
		f := m.fault("passkeys", "the authentication methods policy would have about %.1f KB, and Entra takes %d", float64(is.Bytes)/1024, is.Limit>>10)
		f.Code = postern.CodePolicyLimit
	}
}

// idsOf collects every id that a policy holds.
func idsOf(p postern.TenantPolicy) map[string]string {
	ids := map[string]string{}
	add := func(lists ...[]string) {
		for _, l := range lists {
			for _, id := range l {
				ids[strings.ToLower(id)] = id
			}
		}
	}
	add(targetIDs(p.Passkeys.Include), targetIDs(p.Passkeys.Exclude))
	for _, c := range p.ConditionalAccess {
		u := c.Users
		add(u.IncludeUsers, u.ExcludeUsers, u.IncludeGroups, u.ExcludeGroups, u.IncludeRoles, u.ExcludeRoles, c.Applications.Include, c.Applications.Exclude)
	}
	return ids
}

// clone copies a policy as deep as a plan changes it.
func clone(p postern.TenantPolicy) postern.TenantPolicy {
	p.Names = maps.Clone(p.Names)
	p.Passkeys.Profiles = slices.Clone(p.Passkeys.Profiles)
	p.Passkeys.Include = slices.Clone(p.Passkeys.Include)
	p.Passkeys.Exclude = slices.Clone(p.Passkeys.Exclude)
	p.Strengths = slices.Clone(p.Strengths)
	p.ConditionalAccess = slices.Clone(p.ConditionalAccess)
	return p
}

// named finds a thing of the tenant by id or name. The second result is false if the document names it in a way that
// leaves open what is meant, or by an id that nothing has; what was wrong was told then.
func named[T any](m *maker, path, what string, things []T, of func(T) (id, name string), id, name string) (int, bool) {
	var found []int
	for i := range things {
		otherID, other := of(things[i])
		if id != "" && strings.EqualFold(otherID, id) || id == "" && strings.EqualFold(other, name) {
			found = append(found, i)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], true
	case len(found) > 1:
		m.fault(path+".name", "the tenant has %d %ss called %q", len(found), what, name).Next = "Write the id of the one that is meant beside the name."
		return -1, false
	case id != "":
		m.fault(path+".id", "the tenant has no %s with the id %s", what, id)
		return -1, false
	}
	return -1, true
}
