package aaguid

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/postern/postern"
)

// A table is the form in which models stand in this repository: lines of text, # before a remark, eight columns with a
// tab between, and - where there is nothing: AAGUID, kind, source, "listed", "fips", status, vendor, name. Lines stand in
// the order of their AAGUIDs, each AAGUID once.
const columns = 8

const nothing = "-"

// ParseTable reads a table.
func ParseTable(text []byte) ([]postern.Model, error) {
	var models []postern.Model
	n := 0
	for line := range bytes.Lines(text) {
		n++
		line = bytes.TrimSuffix(line, []byte("\n"))
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		f := strings.Split(string(line), "\t")
		if len(f) != columns || !IsAAGUID(f[0]) || cleanName(f[7]) != f[7] || f[7] == "" {
			return nil, fmt.Errorf("aaguid: line %d of the table is no model", n)
		}
		for i := range f {
			if f[i] == nothing {
				f[i] = ""
			}
		}
		if len(models) > 0 && models[len(models)-1].AAGUID >= f[0] {
			return nil, fmt.Errorf("aaguid: line %d of the table is out of order", n)
		}
		models = append(models, postern.Model{
			AAGUID: f[0], Kind: postern.ModelKind(f[1]), Source: postern.ModelSource(f[2]),
			Listed: f[3] != "", FIPS: f[4] != "", Status: f[5], Vendor: f[6], Name: f[7],
		})
	}
	return models, nil
}

// FormatTable writes a table below a head, whose lines it makes remarks. The models stand in order.
func FormatTable(head []string, models []postern.Model) []byte {
	var b bytes.Buffer
	for _, line := range head {
		fmt.Fprintf(&b, "%s\n", strings.TrimSpace("# "+line))
	}
	word := func(yes bool, text string) string {
		if !yes || text == "" {
			return nothing
		}
		return text
	}
	for _, m := range models {
		fmt.Fprintln(&b, strings.Join([]string{
			m.AAGUID, string(m.Kind), string(m.Source), word(m.Listed, "listed"), word(m.FIPS, "fips"),
			word(true, m.Status), word(true, m.Vendor), m.Name,
		}, "\t"))
	}
	return b.Bytes()
}
