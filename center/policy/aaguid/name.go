package aaguid

import (
	_ "embed"
	"strings"
	"sync"
	"unicode"

	"github.com/postern/postern"
)

// maxName bounds a name in runes, as FIDO Metadata Statement §4 bounds a description.
const maxName = 200

// cleanName makes one line of printable text of what somebody else calls a model.
func cleanName(name string) string {
	name = strings.ToValidUTF8(name, "")
	name = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r): // with the marks that turn the direction of writing
			return -1
		}
		return r
	}, name)
	name = strings.Join(strings.Fields(name), " ")
	if r := []rune(name); len(r) > maxName {
		name = strings.TrimSpace(string(r[:maxName]))
	}
	return name
}

//go:embed vendors.tsv
var vendorText string

type vendorRule struct{ part, vendor string }

// vendors are read in their order: the first one counts whose part the name holds.
var vendors = sync.OnceValue(func() []vendorRule {
	var all []vendorRule
	for line := range strings.Lines(vendorText) {
		part, vendor, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if ok && part[0] != '#' {
			all = append(all, vendorRule{strings.ToLower(part), vendor})
		}
	}
	return all
})

// vendorOf reads the vendor off a name; empty if no rule knows it.
func vendorOf(name string) string {
	name = strings.ToLower(name)
	for _, v := range vendors() {
		if strings.Contains(name, v.part) {
			return v.vendor
		}
	}
	return ""
}

// kindOf reads off a name what sort of thing a certified authenticator is. Most are security keys, and do not say so.
func kindOf(name string) postern.ModelKind {
	name = strings.ToLower(name)
	for _, r := range []struct {
		part string
		kind postern.ModelKind
	}{
		{"android", postern.ModelPhone},
		{"ios ", postern.ModelPhone},
		{"- phone", postern.ModelPhone},
		{"windows", postern.ModelPlatform},
		{"- tpm", postern.ModelPlatform},
		{"- software", postern.ModelPlatform},
	} {
		if strings.Contains(name+" ", r.part) {
			return r.kind
		}
	}
	return postern.ModelSecurityKey
}

// certifiedFIPS reports whether the name of a model says that it is certified by FIPS 140.
func certifiedFIPS(name string) bool { return strings.Contains(strings.ToLower(name)+" ", "fips ") }

// describe fills in what a name tells and nobody else said.
func describe(m postern.Model) postern.Model {
	if m.Vendor == "" {
		m.Vendor = vendorOf(m.Name)
	}
	if m.Kind == "" {
		m.Kind = kindOf(m.Name)
	}
	m.FIPS = m.FIPS || certifiedFIPS(m.Name)
	return m
}
