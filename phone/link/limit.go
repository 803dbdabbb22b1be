package link

import "time"

// Limit is a token bucket: so many at once, and then one in each interval.
type Limit struct {
	Burst int
	Every time.Duration
}

// The limits of one workstation. A sign-in takes some ten requests, one with long lists some forty.
var (
	Requests = Limit{Burst: 120, Every: 250 * time.Millisecond}
	Sessions = Limit{Burst: 10, Every: 10 * time.Second}
)

// bucket is how much of a limit is left.
type bucket struct {
	limit Limit
	left  float64
	at    time.Time
}

func full(l Limit) bucket { return bucket{limit: l, left: float64(l.Burst)} }

// take takes one, if there is one. A clock that was set back fills nothing.
func (b *bucket) take(now time.Time) bool {
	if passed := now.Sub(b.at); passed > 0 && !b.at.IsZero() {
		b.left = min(b.left+float64(passed)/float64(b.limit.Every), float64(b.limit.Burst))
	}
	b.at = now
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}
