package web_test

import (
	"testing"

	"github.com/postern/postern/internal/browser"
)

// checkAxe holds the page as it stands to axe: to every rule, or only to those named.
func checkAxe(t *testing.T, b *browser.Tab, state string, rules ...string) {
	t.Helper()
	for _, violation := range b.Axe(rules...) {
		t.Errorf("%s: axe: %s", state, violation)
	}
}
