package aaguid

import (
	"cmp"
	"slices"
	"strings"

	"github.com/postern/postern"
)

// List is a list of models with the bundles made of them. It does not change.
type List struct {
	models  []postern.Model // by AAGUID
	bundles []postern.ModelBundle
	sources []*source
}

// newList makes a list of models, each AAGUID once, and computes the bundles.
func newList(models []postern.Model, from []*source) *List {
	l := &List{models: slices.Clone(models), sources: from}
	slices.SortFunc(l.models, func(a, b postern.Model) int { return cmp.Compare(a.AAGUID, b.AAGUID) })
	for _, r := range rules {
		b := postern.ModelBundle{Name: r.name, Description: r.description, AAGUIDs: []string{}}
		for i := range l.models {
			if m := &l.models[i]; r.holds(m) {
				b.AAGUIDs = append(b.AAGUIDs, m.AAGUID)
				m.Bundles = append(m.Bundles, r.name)
			}
		}
		l.bundles = append(l.bundles, b)
	}
	return l
}

// Models returns all models in the order of their AAGUIDs.
func (l *List) Models() []postern.Model { return l.models }

// Model returns the model with an AAGUID, which may be written in any case.
func (l *List) Model(aaguid string) (postern.Model, bool) {
	n, found := slices.BinarySearchFunc(l.models, strings.ToLower(aaguid), func(m postern.Model, id string) int { return cmp.Compare(m.AAGUID, id) })
	if !found {
		return postern.Model{}, false
	}
	return l.models[n], true
}

// Name returns what to call a model: its name, or the AAGUID if the list does not have it.
func (l *List) Name(aaguid string) string {
	if m, ok := l.Model(aaguid); ok {
		return m.Name
	}
	return strings.ToLower(aaguid)
}

// Bundles returns all bundles, those of the tenant last.
func (l *List) Bundles() []postern.ModelBundle { return l.bundles }

// Bundle returns the AAGUIDs of a bundle in their order. Case and spaces at the ends of its name do not matter.
func (l *List) Bundle(name string) ([]string, bool) {
	for _, b := range l.bundles {
		if strings.EqualFold(b.Name, strings.TrimSpace(name)) {
			return b.AAGUIDs, true
		}
	}
	return nil, false
}

// For returns l with the bundle of the models in use in a tenant, [postern.BundleInUse]. The models of inUse need not be
// in the list.
func For(l *List, inUse []string) *List {
	ids := make([]string, 0, len(inUse))
	for _, id := range inUse {
		ids = append(ids, strings.ToLower(id))
	}
	slices.Sort(ids)
	more := &List{models: l.models, sources: l.sources, bundles: slices.Clone(l.bundles)}
	more.bundles = append(more.bundles, postern.ModelBundle{
		Name: postern.BundleInUse, Description: "The models of all passkeys that are registered in this tenant.", AAGUIDs: slices.Compact(ids), Tenant: true,
	})
	return more
}
