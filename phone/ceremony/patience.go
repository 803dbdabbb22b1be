package ceremony

import "time"

// Patience is how much a workstation may bother the user: a few questions at once and then one in a while, and none for
// a time after several in a row were not accepted. [NewPatience] makes one.
type Patience struct {
	left    float64
	at      time.Time
	refused int
	paused  time.Time // until then
}

const (
	questionsAtOnce = 20
	questionEvery   = 6 * time.Second
	refusedInARow   = 3
	pause           = 5 * time.Minute
)

// NewPatience is that with a workstation which has not asked yet.
func NewPatience() *Patience { return &Patience{left: questionsAtOnce} }

// Take reports whether a question may be asked, and counts it.
func (p *Patience) Take(now time.Time) bool {
	if now.Before(p.paused) {
		return false
	}
	if passed := now.Sub(p.at); passed > 0 && !p.at.IsZero() {
		p.left = min(p.left+float64(passed)/float64(questionEvery), questionsAtOnce)
	}
	p.at = now
	if p.left < 1 {
		return false
	}
	p.left--
	return true
}

// Answered counts what came of a question, and reports whether the workstation is to be quiet from now on.
func (p *Patience) Answered(yes bool, now time.Time) bool {
	if yes {
		p.refused = 0
		return false
	}
	if p.refused++; p.refused < refusedInARow {
		return false
	}
	p.refused, p.paused = 0, now.Add(pause)
	return true
}
