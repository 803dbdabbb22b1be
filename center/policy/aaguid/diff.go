package aaguid

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/postern/postern"
)

// Diff says how models and bundles of one list differ from those of another. Sources and versions are the caller's to
// tell.
func Diff(before, after *List) postern.ModelListDiff {
	d := postern.ModelListDiff{
		Added: missing(after, before), Removed: missing(before, after),
		Renamed: []postern.ModelRename{}, Changed: []postern.ModelChange{}, Bundles: []postern.ModelBundleDiff{},
	}
	for _, m := range after.models {
		was, ok := before.Model(m.AAGUID)
		if !ok {
			continue
		}
		if was.Name != m.Name {
			d.Renamed = append(d.Renamed, postern.ModelRename{AAGUID: m.AAGUID, Old: was.Name, New: m.Name})
		}
		for _, f := range []postern.ModelChange{
			{Field: "vendor", Old: was.Vendor, New: m.Vendor},
			{Field: "kind", Old: string(was.Kind), New: string(m.Kind)},
			{Field: "fips", Old: strconv.FormatBool(was.FIPS), New: strconv.FormatBool(m.FIPS)},
			{Field: "listed", Old: strconv.FormatBool(was.Listed), New: strconv.FormatBool(m.Listed)},
			{Field: "status", Old: was.Status, New: m.Status},
		} {
			if f.Old != f.New {
				f.AAGUID, f.Name = m.AAGUID, m.Name
				d.Changed = append(d.Changed, f)
			}
		}
	}
	for _, b := range after.bundles {
		was, _ := before.Bundle(b.Name)
		change := postern.ModelBundleDiff{Name: b.Name, Added: without(after, b.AAGUIDs, was), Removed: without(before, was, b.AAGUIDs)}
		if len(change.Added)+len(change.Removed) > 0 {
			d.Bundles = append(d.Bundles, change)
		}
	}
	return d
}

// missing are the models of one list that another lacks.
func missing(from, in *List) []postern.Model {
	out := []postern.Model{}
	for _, m := range from.models {
		if _, ok := in.Model(m.AAGUID); !ok {
			out = append(out, m)
		}
	}
	return out
}

// without are the models of a list that stand among ids and not among others, both in order.
func without(l *List, ids, others []string) []postern.Model {
	out := []postern.Model{}
	for _, id := range ids {
		if _, found := slices.BinarySearchFunc(others, id, cmp.Compare[string]); !found {
			m, _ := l.Model(id)
			out = append(out, m)
		}
	}
	return out
}
