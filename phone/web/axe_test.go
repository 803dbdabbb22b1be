package web_test

import (
	"testing"

	"github.com/postern/postern/internal/browser"
)

// wcag is every rule that a success criterion of WCAG 2.2, level A or AA, stands behind.
var wcag = []string{"wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"}

// checkAxe holds the page as it stands to axe's rules with these tags, or these names.
func checkAxe(t *testing.T, b *browser.Tab, state string, tags ...string) {
	t.Helper()
	for _, violation := range b.Axe(tags...) {
		t.Errorf("%s: axe: %s", state, violation)
	}
}
