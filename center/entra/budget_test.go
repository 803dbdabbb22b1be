package entra

import (
	"net/http"
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
		if d := b.take(laneMethods, 1, 1, Bulk, now); d > 0 {
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
		if d := b.take(laneMethods, 1, 1, Bulk, now); d > 0 {
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

// TestBatchedWritesCount has background work take four hundred users out of a group, twenty in a request: Graph counts each
// of them, so their pace is that of four hundred writes.
func TestBatchedWritesCount(t *testing.T) {
	full := true
	f := newFake(t, batching(func(string) (int, map[string]string, any) {
		if full {
			full = false
			return http.StatusTooManyRequests, map[string]string{"Retry-After": "90", "x-ms-throttle-information": "WriteLimitExceeded"}, nil
		}
		return http.StatusNoContent, nil, nil
	}))
	budget := NewBudget()
	tenant, clock := f.open(func(o *Options) { o.Budget = budget })
	begin := clock.Now()
	bulk := WithPriority(ctx, Bulk)
	if err := tenant.RemoveMembers(bulk, "group", userNames(20)); err != nil {
		t.Fatal(err)
	}
	if took := clock.Now().Sub(begin); took < 90*time.Second {
		t.Errorf("went on after %s although the window of writes was full for 90 s", took)
	}
	if budget.lanes[laneDirectory].rate != paces[laneDirectory].most || budget.lanes[laneWrites].rate == paces[laneWrites].most {
		t.Errorf("the wrong lane was slowed down: %+v", budget.lanes)
	}
	budget.lanes = NewBudget().lanes
	begin = clock.Now()
	if err := tenant.RemoveMembers(bulk, "group", userNames(400)); err != nil {
		t.Fatal(err)
	}
	const least = (400 - writesBurst) * writesWindow * time.Second / writesAllowed
	if took := clock.Now().Sub(begin); took < least || took > 2*least {
		t.Errorf("400 writes took %s, want at least %s", took, least)
	}
}

// window is a limit as Graph has them: so many units in a time that begins with the first call after the last one ended.
type window struct {
	limit, spent int
	length       time.Duration
	began        time.Time
}

// draw takes units, or says how long until there are some again.
func (w *window) draw(units int, now time.Time) (wait time.Duration, load float64) {
	if w.began.IsZero() || !now.Before(w.began.Add(w.length)) {
		w.began, w.spent = now, 0
	}
	if w.spent+units > w.limit {
		return w.began.Add(w.length).Sub(now), 1
	}
	w.spent += units
	if load = float64(w.spent) / float64(w.limit); load <= 0.8 {
		load = 0
	}
	return 0, load
}

// TestListingsRiseToTheLimit lists the passkeys of a hundred thousand users of a large tenant, as an inventory does.
func TestListingsRiseToTheLimit(t *testing.T) {
	b := NewBudget()
	begin := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	now, limit, done := begin, window{limit: 8000, length: 10 * time.Second}, 0
	for done < 100_000 {
		n := b.listings()
		if d := b.take(laneMethods, float64(n), 0, Bulk, now); d > 0 {
			now = now.Add(d)
			continue
		}
		wait, load := limit.draw(n, now)
		if wait > 0 {
			t.Fatalf("refused after %s, with %d done", now.Sub(begin), done)
		}
		b.answered(laneMethods, load, now)
		done += n
	}
	if took := now.Sub(begin); took > 3*time.Minute {
		t.Errorf("%d users took %s", done, took)
	}
}

// TestListingsUnderTheSmallLimit has them under the limit of reports, part by part: what the lane has learned after some
// minutes keeps it from being refused.
func TestListingsUnderTheSmallLimit(t *testing.T) {
	b := NewBudget()
	begin := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	now, limit, done, late, lately := begin, window{limit: 5, length: 10 * time.Second}, 0, 0, 0
	for now.Sub(begin) < 15*time.Minute {
		n := b.listings()
		if d := b.take(laneMethods, float64(n), 0, Bulk, now); d > 0 {
			now = now.Add(d)
			continue
		}
		refused := time.Duration(0)
		for range n {
			if wait, _ := limit.draw(1, now); wait > 0 {
				refused = wait
				continue
			}
			done++
			if now.Sub(begin) > 8*time.Minute {
				lately++
			}
		}
		if refused > 0 {
			b.throttled(laneMethods, refused, now)
			if now.Sub(begin) > 8*time.Minute {
				late++
			}
			continue
		}
		b.answered(laneMethods, 0, now)
	}
	if late > 0 || lately < 100 {
		t.Errorf("%d refusals and %d users in the last seven minutes, %d users in all", late, lately, done)
	}
}

// TestReportsKeepToTheirLimit reads a long report in the background while somebody waits for other calls now and then.
func TestReportsKeepToTheirLimit(t *testing.T) {
	b := NewBudget()
	begin := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	now, limit := begin, window{limit: 5, length: 10 * time.Second}
	for n := range 100 {
		p := Bulk
		if n%20 == 0 {
			p = Interactive
		}
		for {
			d := b.take(laneReports, 1, 0, p, now)
			if d == 0 {
				break
			}
			if p == Interactive && d > reportWindow/2 && n > 20 {
				t.Errorf("call %d waits %s for background work", n, d)
			}
			now = now.Add(d)
		}
		if wait, _ := limit.draw(1, now); wait > 0 {
			t.Fatalf("call %d is refused", n)
		}
		b.answered(laneReports, 0, now)
	}
	if took := now.Sub(begin); took > 5*time.Minute {
		t.Errorf("it took %s", took)
	}
}
