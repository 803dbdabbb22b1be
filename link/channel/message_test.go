package channel

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var nonce = bytes.Repeat([]byte{0xEE}, nonceSize)

func TestMessage(t *testing.T) {
	for want, m := range map[string]Message{
		"a50101020103" + "1a69a3fff0" + "044104" + "0766706f7274616c": {Kind: KindRequest, Number: 1, Deadline: time.Unix(0x69a3fff0, 0).UTC(), CTAP: []byte{4}, Program: "portal"},
		"a3010202190100044100":   {Kind: KindAnswer, Number: 256, CTAP: []byte{0}},
		"a3010302010502":         {Kind: KindKeepalive, Number: 1, Status: StatusUPNeeded},
		"a201040201":             {Kind: KindCancel, Number: 1},
		"a30105021affffffff0601": {Kind: KindRefusal, Number: 1<<32 - 1, Reason: ReasonBusy},
		"a10106":                 {Kind: KindGoodbye},
		"a20107085820" + hex.EncodeToString(nonce): {Kind: KindConfirm, Nonce: nonce},
	} {
		content, err := m.Encode()
		if err != nil || hex.EncodeToString(content) != want {
			t.Errorf("kind %d: %x, %v, want %s", m.Kind, content, err, want)
			continue
		}
		got, err := DecodeMessage(content)
		if diff := cmp.Diff(m, got); err != nil || diff != "" {
			t.Errorf("kind %d: %v (-want +got):\n%s", m.Kind, err, diff)
		}
	}
}

// TestLargestMessage seals the largest request there is.
func TestLargestMessage(t *testing.T) {
	m := Message{
		Kind: KindRequest, Number: 1<<32 - 1, Deadline: time.Unix(maxTime, 0), CTAP: make([]byte, MaxCTAP),
		Program: strings.Repeat("\U00020000", MaxLabel),
	}
	content, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	p, w := meet(t, 10)
	sealed, err := w.Seal(t0, content)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := p.Open(t0, sealed); err != nil || !bytes.Equal(got, content) {
		t.Errorf("it did not arrive: %v", err)
	}
}

func TestEncodeRefuses(t *testing.T) {
	at := t0
	for name, m := range map[string]Message{
		"no kind":          {},
		"unknown kind":     {Kind: 8},
		"no number":        {Kind: KindCancel},
		"no command":       {Kind: KindRequest, Number: 1, Deadline: at},
		"no deadline":      {Kind: KindRequest, Number: 1, CTAP: []byte{4}},
		"long command":     {Kind: KindRequest, Number: 1, Deadline: at, CTAP: make([]byte, MaxCTAP+1)},
		"long program":     {Kind: KindRequest, Number: 1, Deadline: at, CTAP: []byte{4}, Program: strings.Repeat("a", MaxLabel+1)},
		"turned program":   {Kind: KindRequest, Number: 1, Deadline: at, CTAP: []byte{4}, Program: "a\u202eb"},
		"no answer":        {Kind: KindAnswer, Number: 1},
		"no status":        {Kind: KindKeepalive, Number: 1},
		"unknown status":   {Kind: KindKeepalive, Number: 1, Status: 3},
		"no reason":        {Kind: KindRefusal, Number: 1},
		"nonce of 31":      {Kind: KindConfirm, Nonce: nonce[1:]},
		"before all times": {Kind: KindRequest, Number: 1, Deadline: time.Unix(-1, 0), CTAP: []byte{4}},
	} {
		if content, err := m.Encode(); !errors.Is(err, ErrMessage) || content != nil {
			t.Errorf("%s: %x, %v", name, content, err)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":               "",
		"no map":                "01",
		"empty map":             "a0",
		"null":                  "f6",
		"bytes after":           "a1010600",
		"cut":                   "a20104",
		"long head":             "a1011806",
		"long map head":         "b8010106",
		"endless map":           "bf0106ff",
		"keys not sorted":       "a202010104",
		"key twice":             "a201040104",
		"text key":              "a2010661610a",
		"negative key":          "a220010106",
		"tag":                   "a101c106",
		"kind 0":                "a10100",
		"kind 8":                "a10108",
		"kind 263":              "a101190107",
		"text kind":             "a1016136",
		"number missing":        "a10104",
		"number 0":              "a201040200",
		"number of 33 bits":     "a20104021b0000000100000001",
		"member of others":      "a3010402010502",
		"goodbye with number":   "a201060201",
		"status 258":            "a301030201" + "05190102",
		"reason 257":            "a301050201" + "06190101",
		"reason 0":              "a3010502010600",
		"empty answer":          "a30102020104" + "40",
		"answer as text":        "a30102020104" + "6161",
		"deadline far":          "a50101020103" + "1b7fffffffffffffff" + "044104" + "0760",
		"deadline too big":      "a50101020103" + "1bffffffffffffffff" + "044104" + "0760",
		"program not UTF-8":     "a50101020103" + "1a69a3fff0" + "044104" + "0761ff",
		"program with control":  "a50101020103" + "1a69a3fff0" + "044104" + "076107",
		"deep":                  "a201061863" + "8181818181818100",
		"unknown, not minimal":  "a201061863" + "1800",
		"unknown, key twice in": "a201061863" + "a201010102",
	} {
		content, err := hex.DecodeString(text)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if m, err := DecodeMessage(content); !errors.Is(err, ErrMessage) || !cmp.Equal(m, Message{}) {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
	if _, err := DecodeMessage(make([]byte, MaxContent+1)); !errors.Is(err, ErrMessage) {
		t.Errorf("too long: %v", err)
	}
	ahead, _ := hex.DecodeString("a20106186363666f6f")
	if m, err := DecodeMessage(ahead); err != nil || m.Kind != KindGoodbye {
		t.Errorf("a member to come: %v, %v", m, err)
	}
}

func TestLabel(t *testing.T) {
	for in, want := range map[string]string{
		"Visual Studio": "Visual Studio", "a\u202eb\u2066c": "abc", "a\nb\x00": "ab", "\xff": "\uFFFD", "": "",
		strings.Repeat("ä", 70): strings.Repeat("ä", MaxLabel),
	} {
		if got := Label(in); got != want || !validLabel(got) {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func TestPayload(t *testing.T) {
	for _, c := range []struct {
		payload string
		ok      bool
	}{
		{"", false},
		{"\x00a", false},
		{"\x05a", false},
		{"\x01", false},
		{"\x01a", true},
		{"\x03a", true},
		{"\x04", true},
		{"\x04a", false},
		{"\x03" + strings.Repeat("a", sealedMax), true},
		{"\x03" + strings.Repeat("a", sealedMax+1), false},
	} {
		kind, body, err := SplitPayload([]byte(c.payload))
		if (err == nil) != c.ok {
			t.Errorf("%.10q: %v", c.payload, err)
		} else if err == nil && string(Payload(kind, body)) != c.payload {
			t.Errorf("%.10q: %d, %q", c.payload, kind, body)
		}
	}
}

func FuzzMessage(f *testing.F) {
	for _, m := range []Message{
		{Kind: KindRequest, Number: 1, Deadline: t0, CTAP: []byte{4}, Program: "portal"},
		{Kind: KindAnswer, Number: 1, CTAP: []byte{0}},
		{Kind: KindKeepalive, Number: 1, Status: 1},
		{Kind: KindCancel, Number: 1},
		{Kind: KindRefusal, Number: 1, Reason: 1},
		{Kind: KindGoodbye},
		{Kind: KindConfirm, Nonce: nonce},
	} {
		content, err := m.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		m, err := DecodeMessage(content)
		if err != nil {
			if !cmp.Equal(m, Message{}) {
				t.Fatal("a message that is refused gives something")
			}
			return
		}
		again, err := m.Encode()
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		if n, err := DecodeMessage(again); err != nil || !cmp.Equal(m, n) {
			t.Fatalf("written and read again it is %+v, %v", n, err)
		}
		if len(again) > len(content) {
			t.Fatal("one message has two encodings")
		}
	})
}
