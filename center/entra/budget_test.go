package entra

import (
	"testing"
	"time"
)

// TestWritesUseTheirLimit plays the published throttle of writes, 3,000 in windows of 150 seconds that begin with the
// first call, with its header from 80 % on, and counts how much of it a long run of background writes gets.
func TestWritesUseTheirLimit(t *testing.T) {
	b := NewBudget()
	begin := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	now, window := begin, time.Time{}
	done, spent, refused := 0, 0, 0
	const writes = 9000
	for done < writes {
		if d := b.takeWrite(laneMethods, Bulk, now); d > 0 {
			now = now.Add(d)
			continue
		}
		if window.IsZero() || !now.Before(window.Add(writesWindow*time.Second)) {
			window, spent = now, 0
		}
		if spent == writesAllowed {
			refused++
			b.throttled(laneWrites, window.Add(writesWindow*time.Second).Sub(now), now)
			continue
		}
		spent++
		done++
		load := float64(spent) / writesAllowed
		if load <= 0.8 {
			load = 0
		}
		b.wrote(load, now)
	}
	share := writes / now.Sub(begin).Seconds() / (float64(writesAllowed) / writesWindow)
	if share < 0.95 || refused > 0 {
		t.Fatalf("%.1f %% of the limit, %d refusals", share*100, refused)
	}
}

// TestSomebodyElseWrites has half of every window used up by another of the application's programs: the lane is held
// when the window is full, and writes go on in the next one.
func TestSomebodyElseWrites(t *testing.T) {
	b := NewBudget()
	begin := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	now, window := begin, begin
	done, spent := 0, writesAllowed/2
	for done < 4500 {
		if d := b.takeWrite(laneMethods, Bulk, now); d > 0 {
			now = now.Add(d)
			continue
		}
		if !now.Before(window.Add(writesWindow * time.Second)) {
			window, spent = now, writesAllowed/2
		}
		if spent == writesAllowed {
			b.throttled(laneWrites, window.Add(writesWindow*time.Second).Sub(now), now)
			continue
		}
		spent++
		done++
		b.wrote(0, now)
	}
	if share := 4500 / now.Sub(begin).Seconds() / (writesAllowed / 2. / writesWindow); share < 0.9 {
		t.Fatalf("%.1f %% of what was left", share*100)
	}
}
