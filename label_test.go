package postern_test

import (
	"testing"

	"github.com/postern/postern"
)

func TestShowable(t *testing.T) {
	for text, want := range map[string]bool{
		"": true, "Büro-PC 7": true, "会議室": true, "Pixel ☎": true,
		"PC\u202egnp.exe": false, "PC\u2066x": false, "a\u200bb": false, "a\nb": false, "\x1b[2J": false, "a\u2028b": false, "\xff": false, "\u0085": false,
	} {
		if got := postern.Showable(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
