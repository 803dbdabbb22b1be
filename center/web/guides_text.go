package web

import (
	"fmt"
	"strings"

	"github.com/postern/postern/docs"
)

// shortly is the first sentence of a guide's first paragraph.
func shortly(lead string) string {
	if first, _, more := strings.Cut(lead, ". "); more {
		return first + "."
	}
	return lead
}

func foundText(p guidesPage) string {
	switch n := len(p.Result.Found); {
	case n == 0 && len(p.Result.Terms) == 0:
		return fmt.Sprintf("Nothing says “%s”", p.Query)
	case n == 1:
		return fmt.Sprintf("One place says “%s”", p.Query)
	default:
		return fmt.Sprintf("%d places say “%s”", n, p.Query)
	}
}

func foundTitle(f docs.Found) string {
	if f.Heading.Anchor == "" {
		return f.Guide.Title
	}
	return f.Guide.Title + ": " + f.Heading.Text
}

func listed(words []string) string { return strings.Join(words, ", ") }
