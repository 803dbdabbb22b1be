package ctaphid_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/postern/postern/fido/ctap/ctaphid"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// failer is what tests, fuzz targets and property tests have in common.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// pad reads a report in hex and fills it up with zeros.
func pad(t failer, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil || len(b) > ctaphid.ReportSize {
		t.Fatalf("report %q: %v", s, err)
	}
	return append(b, make([]byte, ctaphid.ReportSize-len(b))...)
}

// TestSplitThenAssemble: whatever is split comes together again, and not one
// report too early.
func TestSplitThenAssemble(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.OneOf(
			rapid.IntRange(0, ctaphid.MaxPayload),
			rapid.SampledFrom([]int{0, 1, 57, 58, 116, 117, ctaphid.MaxPayload - 1, ctaphid.MaxPayload}),
		).Draw(t, "size")
		want := ctaphid.Message{
			CID:     rapid.Uint32Range(1, ctaphid.Broadcast-1).Draw(t, "cid"),
			Command: ctaphid.Command(rapid.ByteMax(0x7F).Draw(t, "command")),
			Payload: bytes.Repeat(rapid.SliceOfN(rapid.Byte(), 1, 61).Draw(t, "bytes"), size+1)[:size],
		}
		reports, err := ctaphid.Packets(want)
		if err != nil {
			t.Fatal(err)
		}
		var a ctaphid.Assembler
		for i, r := range reports {
			got, err := a.Feed(r[:], epoch)
			if err != nil {
				t.Fatal(err)
			}
			if last := i == len(reports)-1; last != (got != nil) {
				t.Fatalf("report %d of %d: message %v", i+1, len(reports), got)
			}
			if got != nil && !cmp.Equal(*got, want) {
				t.Fatal(cmp.Diff(want, *got))
			}
		}
	})
}

func TestPacketsRefuses(t *testing.T) {
	_, err := ctaphid.Packets(ctaphid.Message{Payload: make([]byte, ctaphid.MaxPayload+1)})
	if !errors.Is(err, ctaphid.InvalidLength) {
		t.Errorf("long payload: %v", err)
	}
	_, err = ctaphid.Packets(ctaphid.Message{Command: 0x80})
	if !errors.Is(err, ctaphid.InvalidCommand) {
		t.Errorf("command of eight bits: %v", err)
	}
}

func TestAssemblerErrors(t *testing.T) {
	for _, tc := range []struct {
		name    string
		reports []string
		late    bool // the last report comes after the time-out
		want    *ctaphid.ChannelError
	}{
		{"channel 0", []string{"00000000 81 0000"}, false, &ctaphid.ChannelError{CID: 0, Code: ctaphid.InvalidChannel}},
		{"broadcast", []string{"ffffffff 90 0001"}, false, &ctaphid.ChannelError{CID: ctaphid.Broadcast, Code: ctaphid.InvalidChannel}},
		{"too long", []string{"00000001 81 1dba"}, false, &ctaphid.ChannelError{CID: 1, Code: ctaphid.InvalidLength}},
		{"sequence", []string{"00000001 81 1db9", "00000001 01"}, false, &ctaphid.ChannelError{CID: 1, Code: ctaphid.InvalidSequence}},
		{"second message", []string{"00000001 81 1db9", "00000001 81"}, false, &ctaphid.ChannelError{CID: 1, Code: ctaphid.InvalidSequence}},
		{"other channel", []string{"00000001 81 1db9", "00000002 81"}, false, &ctaphid.ChannelError{CID: 2, Code: ctaphid.ChannelBusy}},
		{"late", []string{"00000001 81 1db9", "00000001 00"}, true, &ctaphid.ChannelError{CID: 1, Code: ctaphid.MessageTimedOut}},
	} {
		var a ctaphid.Assembler
		var err error
		now := epoch
		for i, r := range tc.reports {
			if tc.late && i == len(tc.reports)-1 {
				now = now.Add(ctaphid.MessageTimeout)
			}
			_, err = a.Feed(pad(t, r), now)
		}
		var got *ctaphid.ChannelError
		if !errors.As(err, &got) || *got != *tc.want {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.want)
		}
	}
	var a ctaphid.Assembler
	if _, err := a.Feed(make([]byte, 65), epoch); !errors.Is(err, ctaphid.InvalidLength) {
		t.Errorf("report of 65 bytes: %v", err)
	}
}

// TestAssemblerOnly: a host is not disturbed by the answers to other programs.
func TestAssemblerOnly(t *testing.T) {
	a := ctaphid.Assembler{Only: 1}
	for _, r := range []string{"00000001 81 003a", "00000002 81 0001 aa", "00000002 00"} {
		if m, err := a.Feed(pad(t, r), epoch); m != nil || err != nil {
			t.Fatalf("%s: %v, %v", r, m, err)
		}
	}
	if m, err := a.Feed(pad(t, "00000001 00 bb"), epoch); m == nil || err != nil {
		t.Fatalf("own message: %v, %v", m, err)
	}
	// A host without a channel is told there that it gets none.
	a.Only = ctaphid.Broadcast
	if m, err := a.Feed(pad(t, "ffffffff bf 0001 06"), epoch); m == nil || err != nil || m.Command != ctaphid.Error {
		t.Fatalf("refusal: %v, %v", m, err)
	}
}

func TestInitResponse(t *testing.T) {
	want := ctaphid.InitResponse{
		Nonce: [8]byte{1, 2, 3, 4, 5, 6, 7, 8}, CID: 0x0A0B0C0D, Protocol: ctaphid.ProtocolVersion,
		Major: 1, Minor: 2, Build: 3, Capabilities: ctaphid.CapCBOR | ctaphid.CapNoMsg,
	}
	got, err := ctaphid.DecodeInitResponse(append(want.Encode(), 0xFF))
	if err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := ctaphid.DecodeInitResponse(want.Encode()[:16]); !errors.Is(err, ctaphid.InvalidLength) {
		t.Errorf("16 bytes: %v", err)
	}
}
