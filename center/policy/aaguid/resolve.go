package aaguid

import (
	"slices"
	"strings"

	"github.com/postern/postern"
)

// maxCandidates is how many names an error offers.
const maxCandidates = 8

// Resolve returns the AAGUIDs, in their order, that a person means: an AAGUID itself, known or not, a bundle, or the
// full name of models. Makers sell several AAGUIDs under one name, and all of them are meant then. A bundle goes before
// a model of the same name. Case does not matter. A part of a name is an error that offers the names it may be a part of:
// a policy must not say more than who wrote it read.
func (l *List) Resolve(ref string) ([]string, error) {
	ref = strings.TrimSpace(ref)
	if id := strings.ToLower(ref); IsAAGUID(id) {
		return []string{id}, nil
	}
	if ids, ok := l.Bundle(ref); ok {
		return ids, nil
	}
	var ids, candidates []string
	part := strings.ToLower(ref)
	for _, m := range l.models {
		switch {
		case strings.EqualFold(m.Name, ref):
			ids = append(ids, m.AAGUID)
		case part != "" && strings.Contains(strings.ToLower(m.Name), part):
			candidates = append(candidates, m.Name)
		}
	}
	if ids != nil {
		return ids, nil
	}
	for _, b := range l.bundles {
		if part != "" && strings.Contains(strings.ToLower(b.Name), part) {
			candidates = append(candidates, b.Name)
		}
	}
	slices.Sort(candidates)
	candidates = slices.Compact(candidates)
	if len(candidates) == 0 {
		return nil, postern.Errorf(postern.CodeInvalid, "No model and no bundle is called %q.", ref).
			WithNext("Search the list with \"postern models list --search\", or write the AAGUID.")
	}
	more := ""
	if len(candidates) > maxCandidates {
		candidates, more = candidates[:maxCandidates], " and others"
	}
	return nil, postern.Errorf(postern.CodeInvalid, "No model and no bundle is called just %q.", ref).
		WithNext("Write one of these: " + strings.Join(candidates, "; ") + more + ".")
}

// IsAAGUID reports whether text is an AAGUID in lower case: 32 hexadecimal digits in groups of 8, 4, 4, 4 and 12.
func IsAAGUID(text string) bool {
	if len(text) != 36 {
		return false
	}
	for n, c := range []byte(text) {
		switch dash := n == 8 || n == 13 || n == 18 || n == 23; {
		case dash && c != '-':
			return false
		case !dash && (c < '0' || c > '9') && (c < 'a' || c > 'f'):
			return false
		}
	}
	return true
}
