package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/center/policy/document"
)

// Diff returns the steps from one policy to another, in the order in which people read them. What only one of the two
// could read is not compared. Lists count as sets: their order means nothing to Entra.
func Diff(before, after postern.TenantPolicy, models Models) []postern.PolicyStep {
	d := &differ{before: before, after: after, models: models, steps: []postern.PolicyStep{}}
	d.passkeys()
	if before.StrengthsRead && after.StrengthsRead {
		d.strengths()
	}
	if before.ConditionalAccessRead && after.ConditionalAccessRead {
		d.conditionalAccess()
	}
	return d.steps
}

type differ struct {
	before, after postern.TenantPolicy
	models        Models
	steps         []postern.PolicyStep
}

// on is the object that steps are about.
type on struct {
	d      *differ
	object postern.PolicyObject
	name   string
}

func (o on) step(verb postern.PolicyVerb, field, from, to, sentence string, args ...any) *postern.PolicyStep {
	o.d.steps = append(o.d.steps, postern.PolicyStep{
		Verb: verb, Object: o.object, Name: o.name, Field: field, Old: from, New: to,
		Sentence: fmt.Sprintf(sentence, args...), Reversible: verb != postern.PolicyDelete,
	})
	return &o.d.steps[len(o.d.steps)-1]
}

func (o on) set(field, from, to, sentence string, args ...any) {
	if from != to {
		o.step(postern.PolicySet, field, from, to, sentence, args...)
	}
}

// toggle is set for a truth value, with a sentence for either way.
func (o on) toggle(field string, from, to bool, no, yes, turnedOff, turnedOn string) {
	word := map[bool]string{false: no, true: yes}
	sentence := turnedOff
	if to {
		sentence = turnedOn
	}
	o.set(field, word[from], word[to], "%s", sentence)
}

// changes calls for what is only in one of two lists, additions first: a plan grows before it shrinks.
func changes(from, to []string, added, removed func(string)) {
	had, has := set(from), set(to)
	for _, id := range unique(to) {
		if !had[strings.ToLower(id)] {
			added(id)
		}
	}
	for _, id := range unique(from) {
		if !has[strings.ToLower(id)] {
			removed(id)
		}
	}
}

// set holds ids in lower case.
func set(list []string) map[string]bool {
	all := make(map[string]bool, len(list))
	for _, id := range list {
		all[strings.ToLower(id)] = true
	}
	return all
}

// holds reports whether a list of ids has one, in whatever case.
func holds(list []string, id string) bool {
	return slices.ContainsFunc(list, func(other string) bool { return strings.EqualFold(other, id) })
}

func unique(list []string) []string {
	var all []string
	seen := map[string]bool{}
	for _, id := range list {
		if !seen[strings.ToLower(id)] {
			seen[strings.ToLower(id)] = true
			all = append(all, id)
		}
	}
	return all
}

// pair is a thing of both policies, or of one with the other nil.
type pair[T any] struct{ before, after *T }

// match pairs things by id, and else by name: what was still to be made has another id once it is there.
func match[T any](before, after []T, of func(T) (id, name string)) []pair[T] {
	var all []pair[T]
	taken := make([]bool, len(before))
	find := func(fits func(id, name string) bool) *T {
		for i := range before {
			if id, name := of(before[i]); !taken[i] && fits(id, name) {
				taken[i] = true
				return &before[i]
			}
		}
		return nil
	}
	for i := range after {
		id, _ := of(after[i])
		all = append(all, pair[T]{find(func(other, _ string) bool { return other == id }), &after[i]})
	}
	for i := range all {
		if all[i].before == nil {
			_, name := of(*all[i].after)
			all[i].before = find(func(_, other string) bool { return strings.EqualFold(other, name) })
		}
	}
	for i := range before {
		if !taken[i] {
			all = append(all, pair[T]{&before[i], nil})
		}
	}
	return all
}

// model names a model for people.
func (d *differ) model(aaguid string) string { return modelName(d.models, aaguid) }

func modelName(models Models, aaguid string) string {
	if m, ok := models.Model(strings.ToLower(aaguid)); ok && m.Name != "" {
		return m.Name
	}
	return "with the AAGUID " + aaguid
}

func modelNames(models Models, aaguids []string) string {
	all := make([]string, len(aaguids))
	for i, id := range aaguids {
		all[i] = modelName(models, id)
	}
	return strings.Join(all, ", ")
}

// label names an object of the directory for people.
func (d *differ) label(id string) string {
	for _, p := range []postern.TenantPolicy{d.after, d.before} {
		if n := p.Names[id].Name; n != "" {
			return "“" + n + "”"
		}
	}
	return id
}

// word is how a document names an object of the directory by id.
func word(kind document.ReferenceKind, id string) string {
	if w, ok := document.WordFor(kind, id); ok {
		return w
	}
	return "id:" + id
}
