package relay

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var pairing = PairingID{0xfe, 0xff, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}

func everyFrame() []Frame {
	return []Frame{
		Hello{Proof: "eyJ0.eyJo.c2ln-_"},
		Welcome{Token: Token{1, 15: 2}, PingSeconds: 20, Received: 7},
		Resume{Token: Token{1, 15: 2}, Received: 1 << 40},
		Data{Seq: 3, Peer: "phn_01", Payload: []byte{0, 1, 2}},
		Data{Seq: 1, Peer: pairing.Peer(), Payload: bytes.Repeat([]byte{7}, MaxPayload)},
		Acknowledge{Seq: 9},
		Presence{Seq: 4, Peer: "wks_01", State: Away},
		News{Seq: 5},
		Refusal{Code: "link_replaced"},
		Refusal{Seq: 5, Code: "link_peer_slow", Peer: "wks_01"},
		Rendezvous{Seq: 6, Pairing: pairing},
		Ping{1, 2, 3, 4, 5, 6, 7, 8},
		Pong{8, 7, 6, 5, 4, 3, 2, 1},
	}
}

func TestFramesReturnAsTheyWere(t *testing.T) {
	for _, f := range everyFrame() {
		b := Encode(f)
		if len(b) > MaxFrame {
			t.Errorf("%T has %d bytes", f, len(b))
		}
		got, err := Decode(b)
		if err != nil {
			t.Errorf("%T: %v", f, err)
		} else if diff := cmp.Diff(f, got); diff != "" {
			t.Error(diff)
		}
		if _, ok := f.(Data); ok {
			continue // its end is the payload's
		}
		if _, ok := f.(Hello); ok {
			continue
		}
		if _, err := Decode(append(b, 0)); err == nil {
			t.Errorf("%T: a byte too many is taken", f)
		}
		if _, err := Decode(b[:len(b)-1]); err == nil {
			t.Errorf("%T: a byte too few is taken", f)
		}
	}
}

// TestWireBytes holds the layout itself, which encoding and decoding alike could both get wrong.
func TestWireBytes(t *testing.T) {
	for want, f := range map[string]Frame{
		"\x04\x00\x00\x00\x00\x00\x00\x01\x02\x03abchi":                               Data{Seq: 0x102, Peer: "abc", Payload: []byte("hi")},
		"\x06\x00\x00\x00\x00\x00\x00\x00\x09\x01x\x02":                               Presence{Seq: 9, Peer: "x", State: Away},
		"\x07\x00\x00\x00\x00\x00\x00\x00\x00\x02no\x00":                              Refusal{Code: "no"},
		"\x05\x01\x02\x03\x04\x05\x06\x07\x08":                                        Acknowledge{Seq: 0x0102030405060708},
		"\x02" + strings.Repeat("t", 16) + "\x00\x14\x00\x00\x00\x00\x00\x00\x00\x05": Welcome{Token: Token([]byte(strings.Repeat("t", 16))), PingSeconds: 20, Received: 5},
	} {
		if got := string(Encode(f)); got != want {
			t.Errorf("%T: %x, want %x", f, got, want)
		}
	}
	if got, want := pairing.Peer(), "p:_v8DBAUGBwgJCgsMDQ4PEA"; got != want {
		t.Errorf("peer %s, want %s", got, want)
	}
}

func TestDecodeRefuses(t *testing.T) {
	seq := "\x00\x00\x00\x00\x00\x00\x00\x01"
	for name, b := range map[string]string{
		"nothing":                       "",
		"an unknown type":               "\x0b",
		"type 0":                        "\x00",
		"a hello of nothing":            "\x01",
		"a hello with a space":          "\x01a b",
		"a hello too long":              "\x01" + strings.Repeat("a", maxProof+1),
		"a welcome without pings":       string(Encode(Welcome{})),
		"a welcome with rare pings":     string(Encode(Welcome{PingSeconds: maxPing + 1})),
		"data numbered 0":               string(Encode(Data{Peer: "a", Payload: []byte{1}})),
		"data without payload":          string(Encode(Data{Seq: 1, Peer: "a"})),
		"data for nobody":               string(Encode(Data{Seq: 1, Payload: []byte{1}})),
		"data for a peer too long":      string(Encode(Data{Seq: 1, Peer: strings.Repeat("a", MaxPeer+1), Payload: []byte{1}})),
		"data for a subject":            string(Encode(Data{Seq: 1, Peer: "a.b", Payload: []byte{1}})),
		"data for a star":               string(Encode(Data{Seq: 1, Peer: "*", Payload: []byte{1}})),
		"data with a payload too long":  string(Encode(Data{Seq: 1, Peer: "a", Payload: make([]byte, MaxPayload+1)})),
		"data with a peer cut short":    "\x04" + seq + "\x05abc",
		"a rendezvous not canonical":    string(Encode(Data{Seq: 1, Peer: pairing.Peer()[:23] + "B", Payload: []byte{1}})),
		"a rendezvous with a line feed": string(Encode(Data{Seq: 1, Peer: pairing.Peer() + "\n", Payload: []byte{1}})),
		"presence in state 3":           string(Encode(Presence{Seq: 1, Peer: "a", State: 3})),
		"a refusal without code":        string(Encode(Refusal{Seq: 1})),
		"a refusal in capitals":         string(Encode(Refusal{Seq: 1, Code: "NO"})),
		"a frame too long":              "\x04" + strings.Repeat("a", MaxFrame),
	} {
		if f, err := Decode([]byte(b)); err == nil || f != nil {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
}

func FuzzFrame(f *testing.F) {
	for _, frame := range everyFrame() {
		f.Add(Encode(frame))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, err := Decode(b)
		if err != nil {
			if frame != nil {
				t.Fatalf("a failed parse yields %+v", frame)
			}
			return
		}
		if again := Encode(frame); !bytes.Equal(again, b) {
			t.Fatalf("%x became %x", b, again)
		}
	})
}
