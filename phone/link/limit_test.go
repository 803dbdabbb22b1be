package link

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/postern/postern/link/relay"
)

// TestLimit: however requests are spread, no more than the limit come through; and after a rest the burst is there again.
func TestLimit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := Limit{Burst: rapid.IntRange(1, 20).Draw(t, "burst"), Every: time.Duration(rapid.IntRange(1, 2000).Draw(t, "every")) * time.Millisecond}
		start := time.Unix(1_700_000_000, 0)
		b, now, taken := full(limit), start, 0
		for range rapid.IntRange(1, 300).Draw(t, "requests") {
			now = now.Add(time.Duration(rapid.IntRange(0, 1500).Draw(t, "pause")) * time.Millisecond)
			if b.take(now) {
				taken++
			}
		}
		if most := limit.Burst + int(now.Sub(start)/limit.Every) + 1; taken > most {
			t.Fatalf("%d came through in %v, at most %d may", taken, now.Sub(start), most)
		}
		b.take(now.Add(-time.Hour)) // a clock that is set back gives nothing
		now = now.Add(2 * time.Hour)
		for range limit.Burst {
			if !b.take(now) {
				t.Fatal("the burst is not there again after a rest")
			}
		}
	})
}

// TestStrangersAreBounded: a relay that tells of ever new workstations fills no memory, and what it takes back is forgotten.
func TestStrangersAreBounded(t *testing.T) {
	l := New(Config{})
	for n := range 10_000 {
		l.take(relay.Presence{Peer: fmt.Sprintf("wks_%d", n), State: relay.Present})
	}
	if len(l.peers) > maxPeers {
		t.Errorf("%d strangers are remembered", len(l.peers))
	}
	for n := range 10_000 {
		l.take(relay.Presence{Peer: fmt.Sprintf("wks_%d", n), State: relay.Gone})
	}
	if len(l.peers) > 0 {
		t.Errorf("%d are remembered that are gone", len(l.peers))
	}
}
