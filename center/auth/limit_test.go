package auth

import (
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestLimiterHoldsItsRate: in any window of the period, a key gets at most twice its events (a full burst, and what
// came back meanwhile), and after a quiet period it gets all of them.
func TestLimiterHoldsItsRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := rapid.IntRange(1, 50).Draw(t, "events")
		now := time.Unix(0, 0)
		l := NewLimiter(events, time.Minute, func() time.Time { return now })
		var taken []time.Time
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 5000).Draw(t, "ms")) * time.Millisecond)
			wait := l.Take("key")
			if wait == 0 {
				taken = append(taken, now)
				continue
			}
			if l.Wait("key") != wait {
				t.Fatal("Wait and Take disagree")
			}
			if wait < 0 || wait > time.Minute {
				t.Fatalf("told to wait %s", wait)
			}
		}
		for i := range taken {
			in := 0
			for _, at := range taken[i:] {
				if at.Sub(taken[i]) < time.Minute {
					in++
				}
			}
			if in > 2*events {
				t.Fatalf("%d events within a minute; %d are allowed", in, events)
			}
		}
		now = now.Add(time.Minute)
		for i := range events {
			if l.Take("key") != 0 {
				t.Fatalf("after a quiet minute only %d of %d events", i, events)
			}
		}
	})
}

func TestLimiterIsBounded(t *testing.T) {
	now := time.Unix(0, 0)
	l := NewLimiter(1, time.Minute, func() time.Time { return now })
	for i := range maxKeys + 1000 {
		l.Take(strconv.Itoa(i))
	}
	if len(l.busy) > maxKeys+1 {
		t.Fatalf("remembers %d keys", len(l.busy))
	}
	if l.Take("0") == 0 {
		t.Fatal("a busy key was forgotten")
	}
	now = now.Add(2 * time.Minute)
	if l.Take("new") != 0 {
		t.Fatal("idle keys still fill the limiter")
	}
	if len(l.busy) != 1 {
		t.Fatalf("%d idle keys were not forgotten", len(l.busy)-1)
	}
}

// TestLimiterForgivesAClockSetBack: a key waits no longer than it takes one event to come back, and keys of before do not
// fill the limiter.
func TestLimiterForgivesAClockSetBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := rapid.IntRange(1, 50).Draw(t, "events")
		now := time.Unix(1e9, 0)
		l := NewLimiter(events, time.Minute, func() time.Time { return now })
		for range rapid.IntRange(1, 100).Draw(t, "before") {
			l.Take("key")
		}
		now = now.Add(-time.Duration(rapid.Int64Range(1, int64(1000*time.Hour)).Draw(t, "back")))
		if wait := l.Wait("key"); wait > time.Minute/time.Duration(events) {
			t.Fatalf("told to wait %s", wait)
		}
		taken := 0
		for l.Take("key") == 0 {
			taken++
		}
		if taken > events {
			t.Fatalf("%d events at once; %d are allowed", taken, events)
		}
	})
	now := time.Unix(1e9, 0)
	l := NewLimiter(1, time.Minute, func() time.Time { return now })
	for i := range maxKeys + 2 {
		l.Take(strconv.Itoa(i))
	}
	now = now.Add(-time.Hour)
	if l.Take("new") != 0 || len(l.busy) != 1 {
		t.Fatalf("%d keys of before the clock was set back fill the limiter", len(l.busy)-1)
	}
}

func TestAddrKey(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8::1": "2001:db8::/64", "2001:db8::ffff:1": "2001:db8::/64",
		"fe80::1%eth0": "fe80::/64", "": "", "pipe": "pipe",
	} {
		if got := AddrKey(addr); got != want {
			t.Errorf("%q: %q, want %q", addr, got, want)
		}
	}
}

func FuzzWellFormed(f *testing.F) {
	f.Add(newToken())
	f.Add("ptn_")
	f.Add("ptn_" + string(make([]byte, tokenRandom+tokenCheck)))
	f.Fuzz(func(t *testing.T, s string) {
		if wellFormed(s) && (len(s) != len(tokenPrefix)+tokenRandom+tokenCheck || s[:4] != tokenPrefix) {
			t.Fatalf("%q is no token", s)
		}
	})
}

// TestTokenForm: every token is well formed, and a token with one character changed is not.
func TestTokenForm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		token := newToken()
		if !wellFormed(token) {
			t.Fatalf("%q is not well formed", token)
		}
		at := rapid.IntRange(0, len(token)-1).Draw(t, "at")
		to := rapid.SampledFrom([]byte(base62Digits)).Draw(t, "to")
		changed := []byte(token)
		changed[at] = to
		if string(changed) != token && wellFormed(string(changed)) {
			t.Fatalf("%q passes for a token", changed)
		}
	})
}
