package docs

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/yuin/goldmark/ast"
	extensionast "github.com/yuin/goldmark/extension/ast"
)

// Term is a word of the glossary.
type Term struct {
	Word  string
	Also  []string // older and other names
	Means string
}

// glossaryName is the guide whose tables are the terms.
const glossaryName = "glossary"

var terms = sync.OnceValue(func() []Term {
	g, ok := Find(glossaryName)
	if !ok {
		return nil
	}
	var all []Term
	for n := parse(g.source).FirstChild(); n != nil; n = n.NextSibling() {
		if n.Kind() != extensionast.KindTable {
			continue
		}
		for row := n.FirstChild().NextSibling(); row != nil; row = row.NextSibling() {
			all = append(all, termOf(row, g.source))
		}
	}
	return all
})

func termOf(row ast.Node, source []byte) Term {
	var cells []string
	for cell := row.FirstChild(); cell != nil; cell = cell.NextSibling() {
		cells = append(cells, plain(cell, source))
	}
	t := Term{Word: cells[0], Means: cells[len(cells)-1]}
	for _, also := range strings.Split(cells[1], ", ") {
		if also = strings.TrimSpace(also); also != "" {
			t.Also = append(t.Also, also)
		}
	}
	return t
}

// Terms lists the words of the glossary.
func Terms() []Term { return slices.Clone(terms()) }

// Found is a section in which something was found.
type Found struct {
	Guide   Guide
	Heading Heading // level 1 without an anchor is the guide's beginning
	Text    string  // around what was found
}

// Result is what a search found.
type Result struct {
	// Terms are the words of the glossary that the query is, by whatever name.
	Terms []Term
	Found []Found
}

// maxFound is the most sections a search lists.
const maxFound = 30

// Search finds the sections that say all words of the query, in the guides that may be seen; nil: in all. A query that is
// an older or another name of something finds what is called by its name of today, too.
func Search(query string, may func(Guide) bool) Result {
	query = fold(query)
	var r Result
	if query == "" {
		return r
	}
	wanted := [][]string{strings.Fields(query)}
	for _, t := range terms() {
		if t.named(query) {
			r.Terms = append(r.Terms, t)
			wanted = append(wanted, strings.Fields(fold(t.Word)))
		}
	}
	type hit struct {
		Found
		rank int
	}
	var hits []hit
	for _, g := range guides() {
		if g.Name == glossaryName || may != nil && !may(g) {
			continue
		}
		for _, s := range g.sections {
			best := -1
			for i, words := range wanted {
				if rank := s.rank(g, words); rank >= 0 && (best < 0 || rank+i < best) {
					best = rank + i
				}
			}
			if best >= 0 {
				hits = append(hits, hit{Found{g, s.heading, s.around(wanted)}, best})
			}
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int { return cmp.Compare(a.rank, b.rank) })
	for _, h := range hits[:min(len(hits), maxFound)] {
		r.Found = append(r.Found, h.Found)
	}
	return r
}

// named reports whether the folded query is a name of the term.
func (t Term) named(query string) bool {
	is := func(name string) bool { return fold(name) == query }
	return is(t.Word) || slices.ContainsFunc(t.Also, is)
}

// rank is how well a section answers: 0 by its guide's title, 10 by its heading, 20 by its text; -1 not at all.
func (s section) rank(g Guide, words []string) int {
	switch {
	case s.heading.Level == 1 && holds(g.Title, words):
		return 0
	case holds(s.heading.Text, words):
		return 10
	case holds(s.heading.Text+" "+s.text, words):
		return 20
	}
	return -1
}

func holds(text string, words []string) bool {
	text = fold(text)
	return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) })
}

func fold(text string) string { return strings.ToLower(strings.Join(strings.Fields(text), " ")) }

// around is some words of the text about the first of what was wanted.
func (s section) around(wanted [][]string) string {
	const before, after = 60, 180
	low := strings.ToLower(s.text)
	at := -1
	for _, words := range wanted {
		for _, w := range words {
			if i := strings.Index(low, w); i >= 0 && (at < 0 || i < at) {
				at = i
			}
		}
	}
	// Letters whose other case is of another length would shift what follows; the cut is on words, so that is harmless.
	from, to := max(0, at-before), min(len(s.text), max(0, at)+after)
	if from > 0 {
		if space := strings.IndexByte(s.text[from:], ' '); space >= 0 {
			from += space + 1
		}
	}
	from = min(from, len(s.text))
	for from < len(s.text) && !utf8.RuneStart(s.text[from]) {
		from++
	}
	text := s.text[from:max(from, to)]
	if to < len(s.text) {
		if space := strings.LastIndexByte(text, ' '); space > 0 {
			text = text[:space]
		}
		text += " …"
	}
	if from > 0 {
		text = "… " + text
	}
	return text
}
