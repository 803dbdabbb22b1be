package aaguid

import (
	_ "embed"
	"fmt"
	"strings"
	"sync"

	"github.com/postern/postern"
)

//go:embed models.tsv
var bundledText string

// Bundled returns the list that comes with this release.
var Bundled = sync.OnceValue(func() *List {
	models, err := parseTable(bundledText)
	if err != nil {
		panic(err) // a test reads the same text
	}
	return newList(models)
})

// columns of a table of models: AAGUID, kind, source, "listed", "fips", status, vendor, name; "-" for nothing.
const columns = 8

func parseTable(text string) ([]postern.Model, error) {
	var models []postern.Model
	for n, line := range strings.Split(text, "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		f := strings.Split(line, "\t")
		if len(f) != columns || !IsAAGUID(f[0]) || f[7] == "" {
			return nil, fmt.Errorf("aaguid: line %d is no model", n+1)
		}
		m := postern.Model{
			AAGUID: f[0], Kind: postern.ModelKind(f[1]), Source: postern.ModelSource(f[2]),
			Listed: f[3] == "listed", FIPS: f[4] == "fips", Name: f[7],
		}
		if f[6] != "-" {
			m.Vendor = f[6]
		}
		models = append(models, m)
	}
	return models, nil
}
