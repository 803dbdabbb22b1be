package offline_test

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/link/offline"
)

// quick is a cost for tests that make many sheets.
var quick = offline.Cost{Time: 1, Memory: 8}

func drawBatch(t *rapid.T) offline.Batch {
	return offline.Batch{
		ID: rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"), Seed: rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "seed"),
		Length: rapid.IntRange(offline.MinLength, offline.MaxLength).Draw(t, "length"), Count: rapid.IntRange(1, 40).Draw(t, "count"),
		Expires: time.Unix(rapid.Int64Range(1, 253402300799).Draw(t, "expires"), 0).UTC(),
	}
}

// TestSheetKeepsOrder types codes in any order and holds the sheet to a model of what is left: those before the last used
// one are over, and only the next one and the ten after it are known.
func TestSheetKeepsOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := drawBatch(t)
		if !distinct(b) {
			t.Skip("a code comes twice")
		}
		s := b.Sheet(quick)
		next := 0
		for range rapid.IntRange(1, 12).Draw(t, "tries") {
			i := rapid.IntRange(0, b.Count-1).Draw(t, "code")
			at, ok := s.Match(offline.Hash(b.Code(i)))
			if good := i >= next && i <= next+offline.Ahead; ok != good || ok && at != i {
				t.Fatalf("with %d the next one, code %d is %d, %v", next, i, at, ok)
			}
			if !ok {
				continue
			}
			s.Use(at)
			next = i + 1
			if s.Next != next || s.Left() != b.Count-next {
				t.Fatalf("after code %d %d are left, the next is %d", i, s.Left(), s.Next)
			}
			for j := range next {
				if s.Hashes[j] != nil {
					t.Fatalf("the hash of code %d is still there", j)
				}
			}
			if s = again(t, s); s.Check() != nil {
				t.Fatalf("a used sheet is refused: %+v", s)
			}
		}
	})
}

// again takes a sheet through JSON.
func again(t *rapid.T, s *offline.Sheet) *offline.Sheet {
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	back := new(offline.Sheet)
	if err := json.Unmarshal(data, back); err != nil || !cmp.Equal(back, s) {
		t.Fatalf("%s comes back as %+v, %v", data, back, err)
	}
	return back
}

func distinct(b offline.Batch) bool {
	seen := map[string]bool{}
	for i := range b.Count {
		seen[b.Code(i)] = true
	}
	return len(seen) == b.Count
}

// TestForeignCodes: a code of another batch, of another length and of another index is none.
func TestForeignCodes(t *testing.T) {
	a, b := first, second
	a.Length, a.Count, b.Length, b.Count = 8, 3, 8, 3
	s := a.Sheet(quick)
	longer := a
	longer.Length = 9
	for _, pin := range []string{b.Code(0), longer.Code(0), "0" + a.Code(0), a.Code(0)[:7], a.Code(3), ""} {
		if i, ok := s.Match(offline.Hash(pin)); ok {
			t.Errorf("%q is taken for code %d", pin, i)
		}
	}
	swapped := *s
	swapped.Hashes = [][]byte{s.Hashes[1], s.Hashes[0], s.Hashes[2]}
	if i, ok := swapped.Match(offline.Hash(a.Code(1))); ok {
		t.Errorf("a hash that was moved is taken for code %d", i)
	}
}

func TestMessageRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := offline.Message{
			What: rapid.SampledFrom([]offline.What{offline.Issue, offline.Refill}).Draw(t, "what"), Batch: drawBatch(t),
			Display: time.Duration(rapid.IntRange(5, 300).Draw(t, "display")) * time.Second, WarnAt: rapid.IntRange(0, offline.MaxCount).Draw(t, "warn at"),
		}
		data, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		back, err := offline.Decode(data)
		if err != nil || !cmp.Equal(back, m) {
			t.Fatalf("%x is %+v, %v", data, back, err)
		}
	})
}

func TestNewBatch(t *testing.T) {
	at := time.Date(2026, 12, 1, 8, 30, 1, 5, time.FixedZone("", 3600))
	for range 20 { // six digits and 200 codes: where nobody looked, some would have a code twice
		b, err := offline.NewBatch(rand.Reader, 6, offline.MaxCount, at)
		if err != nil || b.Check() != nil || !distinct(b) || !b.Expires.Equal(at.Truncate(time.Second)) {
			t.Fatalf("%+v, %v", b.Expires, err)
		}
		b.Wipe()
		if strings.Trim(string(b.Seed), "\x00") != "" {
			t.Error("the seed is still there")
		}
	}
	if _, err := offline.NewBatch(io.LimitReader(rand.Reader, 20), 6, 1, at); err == nil {
		t.Error("a batch came from too little randomness")
	}
	for _, wrong := range []struct {
		length, count int
		at            time.Time
	}{{5, 1, at}, {14, 1, at}, {6, 0, at}, {6, 201, at}, {6, 1, time.Time{}}, {6, 1, time.Unix(1<<40, 0)}} {
		if _, err := offline.NewBatch(rand.Reader, wrong.length, wrong.count, wrong.at); !errors.Is(err, offline.ErrBatch) {
			t.Errorf("%+v: %v", wrong, err)
		}
	}
}

// TestSheetCheck holds what somebody else's sheet may say, and what it may cost, to their bounds.
func TestSheetCheck(t *testing.T) {
	b := first
	b.Length, b.Count = 8, 4
	for name, spoil := range map[string]func(*offline.Sheet){
		"id":            func(s *offline.Sheet) { s.ID = s.ID[1:] },
		"short codes":   func(s *offline.Sheet) { s.Length = 5 },
		"long codes":    func(s *offline.Sheet) { s.Length = 14 },
		"no expiry":     func(s *offline.Sheet) { s.Expires = time.Time{} },
		"no passes":     func(s *offline.Sheet) { s.Cost.Time = 0 },
		"many passes":   func(s *offline.Sheet) { s.Cost.Time = 9 },
		"little memory": func(s *offline.Sheet) { s.Cost.Memory = 7 },
		"much memory":   func(s *offline.Sheet) { s.Cost.Memory = 1 << 30 },
		"before all":    func(s *offline.Sheet) { s.Next = -1 },
		"past the end":  func(s *offline.Sheet) { s.Next = 5 },
		"half a hash":   func(s *offline.Sheet) { s.Hashes[3] = s.Hashes[3][:16] },
		"a gap":         func(s *offline.Sheet) { s.Hashes[2] = nil },
		"too many":      func(s *offline.Sheet) { s.Hashes = make([][]byte, 201); s.Next = 201 },
	} {
		s := b.Sheet(quick)
		if err := s.Check(); err != nil {
			t.Fatal(err)
		}
		if spoil(s); !errors.Is(s.Check(), offline.ErrBatch) {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestVendor(t *testing.T) {
	for c, want := range map[byte]bool{0x3f: false, 0x40: true, 0x50: true, 0xbf: true, 0xc0: false, 0x04: false} {
		if offline.Vendor(ctap.Command(c)) != want {
			t.Errorf("%#x", c)
		}
	}
}
