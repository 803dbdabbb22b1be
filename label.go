package postern

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Showable reports whether a text that a device says of itself may be shown to people: valid UTF-8 without controls, line
// separators, and the format characters by which a name could pretend to be another (Unicode Technical Report 36, §2 and
// §3). Names end up on the screens where people decide, in the console, and at terminals.
func Showable(text string) bool {
	return utf8.ValidString(text) && strings.IndexFunc(text, func(r rune) bool {
		return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
	}) < 0
}
