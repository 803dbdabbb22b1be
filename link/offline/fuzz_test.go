package offline_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern/postern/link/offline"
)

// FuzzDecode: what is refused gives nothing, and what is taken says the same when it is written again.
func FuzzDecode(f *testing.F) {
	issued := first
	issued.Length, issued.Count = 8, 20
	for _, m := range []offline.Message{
		{What: offline.Issue, Batch: issued, Display: offline.MinDisplay, WarnAt: 5},
		{What: offline.Refill, Batch: issued, Display: offline.MaxDisplay},
		{What: offline.Forget, Batch: offline.Batch{ID: first.ID}},
	} {
		data, err := m.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte{0x50})
	f.Add([]byte{0x50, 0xa1, 0x01, 0x01})
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := offline.Decode(data)
		if err != nil {
			if !cmp.Equal(m, offline.Message{}) {
				t.Errorf("%v, and yet %+v", err, m)
			}
			return
		}
		written, err := m.Encode()
		if err != nil {
			t.Fatalf("%+v is taken and cannot be written: %v", m, err)
		}
		back, err := offline.Decode(written)
		if err != nil || !cmp.Equal(back, m) {
			t.Errorf("%+v comes back as %+v, %v", m, back, err)
		}
	})
}

// FuzzSheet: a sheet that holds can be matched against and used up, and stays one that holds.
func FuzzSheet(f *testing.F) {
	b := first
	b.Length, b.Count = 6, 3
	s := b.Sheet(quick)
	for range 2 {
		data, err := json.Marshal(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		s.Use(1)
	}
	f.Add([]byte(`{"next":-1,"hashes":[null]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := new(offline.Sheet)
		if json.Unmarshal(data, s) != nil || s.Check() != nil {
			return
		}
		if s.Cost.Memory > 1024 || s.Cost.Time > 2 {
			return // what it may cost at most is not this test's question
		}
		left := s.Left()
		i, ok := s.Match(offline.Hash("000000"))
		if ok && (i < s.Next || i >= len(s.Hashes)) {
			t.Fatalf("code %d of %d", i, len(s.Hashes))
		}
		s.Use(s.Next)
		if want := max(left-1, 0); s.Left() != want || s.Check() != nil {
			t.Errorf("%d left after one of %d was used, %v", s.Left(), left, s.Check())
		}
		once, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		again := new(offline.Sheet)
		if err := json.Unmarshal(once, again); err != nil {
			t.Fatal(err)
		}
		if twice, err := json.Marshal(again); err != nil || !bytes.Equal(once, twice) {
			t.Errorf("%s becomes %s, %v", once, twice, err)
		}
	})
}
