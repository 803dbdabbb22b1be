// Package ctaptest holds what real clients and a security key said to each
// other, as seeds of fuzz tests. It owns the recording and its format;
// test/securitykey makes it.
package ctaptest

import (
	_ "embed"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/postern/postern/fido/ctap/ctaphid"
)

// Each line has three words in hexadecimal: a CTAPHID command with the bit of an
// initialisation packet, a request, its answer. Lines that begin with # are
// remarks.
//
//go:embed exchanges.txt
var exchanges string

// Exchange is a request and its answer.
type Exchange struct {
	Command         ctaphid.Command // CBOR or Msg
	Request, Answer []byte
}

// Exchanges gives everything that was recorded with a command.
func Exchanges(tb testing.TB, command ctaphid.Command) []Exchange {
	tb.Helper()
	var out []Exchange
	for line := range strings.Lines(exchanges) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		var parts [3][]byte
		words := strings.Fields(line)
		if len(words) != len(parts) {
			tb.Fatalf("exchanges.txt: %q", line)
		}
		for i, w := range words {
			b, err := hex.DecodeString(w)
			if err != nil {
				tb.Fatalf("exchanges.txt: %v", err)
			}
			parts[i] = b
		}
		e := Exchange{Command: ctaphid.Command(parts[0][0] &^ 0x80), Request: parts[1], Answer: parts[2]}
		if e.Command == command {
			out = append(out, e)
		}
	}
	if len(out) == 0 {
		tb.Fatalf("exchanges.txt has nothing of command %#02x", byte(command))
	}
	return out
}
