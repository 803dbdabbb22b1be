package ctaphid_test

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postern/postern/fido/ctap/ctaphid"
)

// newDevice counts channels from 00000001 up.
func newDevice(channels int) *ctaphid.Device {
	next := uint32(0)
	return ctaphid.NewDevice(ctaphid.Config{
		Major: 5, Minor: 6, Build: 7, Lock: true, Channels: channels,
		Capabilities: ctaphid.CapCBOR | ctaphid.CapWink,
		NewCID:       func() uint32 { next++; return next },
	})
}

func TestExchanges(t *testing.T) {
	for _, tc := range exchanges {
		t.Run(tc.name, func(t *testing.T) {
			var got, want []string
			d, now := newDevice(0), epoch
			for line := range strings.Lines(open + tc.script) {
				line = strings.TrimSpace(line)
				if line == "" {
					continue
				}
				want = append(want, spell(line))
				if line[0] == '<' || line[0] == '!' {
					continue
				}
				got = append(got, spell(line))
				for _, a := range play(t, d, &now, line) {
					got = append(got, describe(a))
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("exchange differs (-want +got):\n%s", diff)
			}
		})
	}
}

// play does one step of the host or of the caller.
func play(t *testing.T, d *ctaphid.Device, now *time.Time, line string) []ctaphid.Action {
	t.Helper()
	rest := strings.TrimSpace(line[1:])
	if line[0] == '>' {
		return d.Feed(pad(t, rest), *now)
	}
	if line[0] == '+' {
		step, err := time.ParseDuration(rest)
		if err != nil {
			t.Fatal(err)
		}
		*now = now.Add(step)
		return d.Tick(*now)
	}
	var id uint64
	var argument []byte
	if _, err := fmt.Sscanf(rest, "%d %x", &id, &argument); err != nil {
		// A status or code may be one digit.
		var digit byte
		if _, err := fmt.Sscanf(rest, "%d %d", &id, &digit); err != nil {
			t.Fatalf("step %q: %v", line, err)
		}
		argument = []byte{digit}
	}
	switch line[0] {
	case '=':
		return d.Done(id, argument)
	case '/':
		return d.Fail(id, ctaphid.ErrorCode(argument[0]))
	case '?':
		return d.SetStatus(id, ctaphid.Status(argument[0]), *now)
	}
	t.Fatalf("step %q is of no kind", line)
	return nil
}

// spell writes a step's report without spaces and trailing zeros.
func spell(line string) string {
	if line[0] != '<' {
		return line
	}
	return "< " + strings.TrimRight(strings.ReplaceAll(line[2:], " ", ""), "0")
}

func describe(a ctaphid.Action) string {
	switch a := a.(type) {
	case ctaphid.Send:
		return spell("< " + hex.EncodeToString(a.Report[:]))
	case ctaphid.Start:
		names := map[ctaphid.Command]string{ctaphid.CBOR: "CBOR", ctaphid.Msg: "MSG"}
		return fmt.Sprintf("! {%d %s %x}", a.ID, names[a.Command], a.Payload)
	default:
		return fmt.Sprintf("! %v", a)
	}
}
