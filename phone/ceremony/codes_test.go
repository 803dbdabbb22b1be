package ceremony

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/link/offline"
)

var codesNow = time.Unix(1_700_000_000, 0)

func batch(id, seed byte, count int) offline.Batch {
	return offline.Batch{
		ID: bytes.Repeat([]byte{id}, offline.IDSize), Seed: bytes.Repeat([]byte{seed}, offline.SeedSize), Length: 8, Count: count, Expires: codesNow.Add(24 * time.Hour),
	}
}

func message(what offline.What, b offline.Batch) *offline.Message {
	return &offline.Message{What: what, Batch: b, Display: 30 * time.Second, WarnAt: 3}
}

func mustCodes(t interface{ Fatal(...any) }, m *offline.Message, now time.Time) *Codes {
	c, err := NewCodes(m, now)
	if err == nil {
		err = c.Check()
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestShelf holds each row of the rule: what the user is asked about, and what is done without.
func TestShelf(t *testing.T) {
	first, second := batch(1, 1, 20), batch(2, 2, 20)
	forged := batch(1, 9, 20)
	longer := batch(1, 1, 21)
	has := func(b offline.Batch, at time.Time) *Codes { return mustCodes(t, message(offline.Issue, b), at) }
	for name, tc := range map[string]struct {
		shelf Shelf
		m     *offline.Message
		want  Step
	}{
		"the first":                             {Shelf{}, message(offline.Issue, first), StepAsk},
		"another beside one":                    {Shelf{Current: has(first, codesNow)}, message(offline.Issue, second), StepAsk},
		"the same again":                        {Shelf{Current: has(first, codesNow)}, message(offline.Issue, first), StepDone},
		"the same again as a refill":            {Shelf{Current: has(first, codesNow)}, message(offline.Refill, first), StepDone},
		"one with the name of another":          {Shelf{Current: has(first, codesNow)}, message(offline.Issue, forged), StepWrong},
		"a refill with the name of another":     {Shelf{Current: has(first, codesNow)}, message(offline.Refill, forged), StepWrong},
		"the same with more codes":              {Shelf{Current: has(first, codesNow)}, message(offline.Refill, longer), StepWrong},
		"a refill":                              {Shelf{Current: has(first, codesNow)}, message(offline.Refill, second), StepTake},
		"a refill of nothing":                   {Shelf{}, message(offline.Refill, second), StepRefuse},
		"a refill of what was only agreed to":   {Shelf{Agreed: has(first, codesNow)}, message(offline.Refill, second), StepRefuse},
		"agreed to, and cut off":                {Shelf{Agreed: has(first, codesNow)}, message(offline.Issue, first), StepTell},
		"agreed to long ago":                    {Shelf{Agreed: has(first, codesNow.Add(-agreedFor))}, message(offline.Issue, first), StepAsk},
		"agreed to by a clock that was ahead":   {Shelf{Agreed: has(first, codesNow.Add(time.Hour))}, message(offline.Issue, first), StepAsk},
		"agreed to another seed":                {Shelf{Agreed: has(first, codesNow)}, message(offline.Issue, forged), StepAsk},
		"agreed to another":                     {Shelf{Agreed: has(first, codesNow)}, message(offline.Issue, second), StepAsk},
		"no codes at all":                       {Shelf{}, message(offline.Issue, batch(1, 1, 0)), StepWrong},
		"forget":                                {Shelf{Current: has(first, codesNow)}, message(offline.Forget, first), StepForget},
		"forget what is not there":              {Shelf{}, message(offline.Forget, first), StepForget},
		"forget by the name of a batch of yore": {Shelf{Current: has(first, codesNow)}, message(offline.Forget, second), StepForget},
	} {
		if got := tc.shelf.Look(tc.m, codesNow); got != tc.want {
			t.Errorf("%s: step %d, want %d", name, got, tc.want)
		}
	}
}

// TestSealed: every code once, in order, also when the secret is put away and taken out in between.
func TestSealed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := batch(rapid.Byte().Draw(t, "id"), rapid.Byte().Draw(t, "seed"), rapid.IntRange(1, offline.MaxCount).Draw(t, "codes"))
		b.Length = rapid.IntRange(offline.MinLength, offline.MaxLength).Draw(t, "length")
		m := message(rapid.SampledFrom([]offline.What{offline.Issue, offline.Refill}).Draw(t, "what"), b)
		want := mustCodes(t, m, time.Time{})
		s, err := NewSealed(m)
		if err != nil {
			t.Fatal(err)
		}
		for i := range b.Count {
			code, c, rest, err := s.Draw()
			if err != nil || code != b.Code(i) || c.Next != i+1 || c.Left() != b.Count-i-1 || c.Low() != (c.Left() <= 3) || c.Check() != nil || !bytes.Equal(c.Digest, want.Digest) {
				t.Fatalf("code %d is %q with %+v, %v", i, code, c, err)
			}
			if again, _, _, _ := s.Draw(); again != code {
				t.Fatal("what was not put away was used up")
			}
			s = bytes.Clone(rest)
		}
		if code, _, _, err := s.Draw(); !errors.Is(err, ErrNoCodes) {
			t.Fatalf("one code too many: %q, %v", code, err)
		}
	})
}

// TestNotesOfPairings: no pairing's note has the name of another's.
func TestNotesOfPairings(t *testing.T) {
	c := mustCodes(t, message(offline.Issue, batch(1, 1, 5)), codesNow)
	if c.Note("par_a") == c.Note("par_b") || c.Note("par_a") != CodeNotes+"par_a/AQEBAQEBAQEBAQEBAQEBAQ" {
		t.Errorf("names are %s and %s", c.Note("par_a"), c.Note("par_b"))
	}
}

// TestVendorCommandsReachNoAuthenticator: none of the range does, and only the one that is known has a meaning.
func TestVendorCommandsReachNoAuthenticator(t *testing.T) {
	for command := range 256 {
		request := []byte{byte(command), 0xA0}
		vendor := command >= 0x40 && command <= 0xBF
		if Vendor(request) != vendor {
			t.Errorf("Vendor(%02x) = %v", command, !vendor)
		}
		if !vendor {
			continue
		}
		if got := Refused(request); len(got) != 1 || ctap.Status(got[0]) != ctap.ErrInvalidCommand {
			t.Errorf("the authenticator would get command %02x: %x", command, got)
		}
		want := ctap.ErrInvalidCommand
		if ctap.Command(command) == offline.Command {
			want = ctap.ErrOther
		}
		if m, got := Offline(request); m != nil || len(got) != 1 || ctap.Status(got[0]) != want {
			t.Errorf("command %02x: %+v, %x", command, m, got)
		}
	}
	if Vendor(nil) {
		t.Error("nothing is a vendor's command")
	}
}

// FuzzOffline: what a hostile workstation sends is refused or kept as it stands, and what is kept can be read again.
func FuzzOffline(f *testing.F) {
	for _, what := range []offline.What{offline.Issue, offline.Refill, offline.Forget} {
		text, err := message(what, batch(1, 1, 20)).Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, []byte{0, 0, 0, 1})
	}
	f.Add([]byte{byte(offline.Command)}, []byte(nil))
	known := &Codes{}
	if c, err := NewCodes(message(offline.Issue, batch(1, 2, 20)), codesNow); err == nil {
		known = c
	}
	f.Fuzz(func(t *testing.T, request, kept []byte) {
		if s, c, _, err := Sealed(append(kept, request...)).Draw(); err == nil && (len(s) < offline.MinLength || c.Check() != nil) {
			t.Errorf("drew %q with %+v", s, c)
		}
		if !Vendor(request) {
			return
		}
		m, refusal := Offline(request)
		if (m == nil) == (len(refusal) == 0) {
			t.Fatalf("%+v and %x", m, refusal)
		}
		if m == nil {
			return
		}
		step := (&Shelf{}).Look(m, codesNow)
		if beside := (&Shelf{Current: known}).Look(m, codesNow); m.What == offline.Refill && step != StepRefuse && step != StepWrong || len(step.Answer()) != 1 || len(beside.Answer()) != 1 {
			t.Fatalf("step %d for %+v", step, m)
		}
		if step != StepAsk {
			return
		}
		c := mustCodes(t, m, codesNow)
		s, err := NewSealed(m)
		if err != nil {
			t.Fatal(err)
		}
		code, drawn, _, err := s.Draw()
		if err != nil || len(code) != m.Batch.Length || !bytes.Equal(drawn.Digest, c.Digest) {
			t.Fatalf("drew %q with %+v, %v", code, drawn, err)
		}
	})
}
