package aaguid

import (
	"cmp"
	"slices"

	"github.com/postern/postern"
)

// Curate makes the models of a release of names by AAGUID, the certified ones if named is all that is known, and of a
// table of what is known better. What is in drop is left out.
func Curate(named map[string]string, curated []postern.Model, drop []string) []postern.Model {
	models := slices.Clone(curated)
	for id, name := range named {
		if slices.Contains(drop, id) || slices.ContainsFunc(curated, func(m postern.Model) bool { return m.AAGUID == id }) {
			continue
		}
		models = append(models, describe(postern.Model{AAGUID: id, Name: cleanName(name), Source: postern.ModelFromFIDO, Listed: true}))
	}
	slices.SortFunc(models, func(a, b postern.Model) int { return cmp.Compare(a.AAGUID, b.AAGUID) })
	return models
}
