package ceremony

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestPatience: a workstation gets no more questions than its share, and none while it is paused, however it spreads them.
func TestPatience(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := time.Unix(1_700_000_000, 0)
		p, now, asked, refused := NewPatience(), start, 0, 0
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 30).Draw(t, "seconds")) * time.Second)
			paused := now.Before(p.paused)
			if !p.Take(now) {
				continue
			}
			if paused {
				t.Fatal("a paused workstation was let through")
			}
			asked++
			yes := rapid.Bool().Draw(t, "yes")
			if refused++; yes {
				refused = 0
			}
			if quiet := p.Answered(yes, now); quiet != (refused == refusedInARow) {
				t.Fatalf("after %d refusals in a row: quiet %v", refused, quiet)
			} else if quiet {
				refused = 0
			}
		}
		if most := questionsAtOnce + int(now.Sub(start)/questionEvery) + 1; asked > most {
			t.Fatalf("%d questions in %v", asked, now.Sub(start))
		}
	})
}
