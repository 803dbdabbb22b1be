package offline

import (
	"context"
	"fmt"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/ctap"
	codes "github.com/postern/postern/link/offline"
)

// verifier judges the codes that are typed. It is the passkey's [authenticator.PINVerifier].
type verifier struct{ p *Passkey }

var _ authenticator.PINVerifier = verifier{}

// Retries implements [authenticator.PINVerifier].
func (v verifier) Retries(context.Context) (uint64, error) {
	v.p.mu.Lock()
	defer v.p.mu.Unlock()
	return uint64(max(authenticator.MaxPINRetries-v.p.content.Failures, 0)), nil // #nosec G115 -- not negative
}

// guess is a sheet a code is looked for on.
type guess struct {
	sheet *codes.Sheet
	use   func(c *content, index int)
	grant postern.OfflineEventKind
}

// Try implements [authenticator.PINVerifier]. The attempt is written first, so that whoever cuts the power has lost it; that
// the code is used is written before anybody hears that it was right.
func (v verifier) Try(_ context.Context, hash [authenticator.PINHashSize]byte) (right bool, err error) {
	p := v.p
	p.trying.Lock()
	defer p.trying.Unlock()
	defer p.env.Changed()
	guesses, err := p.attempt()
	if err != nil {
		return false, err
	}
	index, at := -1, 0
	for i, g := range guesses { // all of them, whichever it is: how long it takes tells nothing
		if n, ok := g.sheet.Match(hash); ok && index < 0 {
			index, at = n, i
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.env.Now()
	if index < 0 {
		err := p.write(func(c *content) {
			c.record(postern.OfflineWrongCode, now)
			if c.Failures == authenticator.MaxPINRetries {
				c.record(postern.OfflineLocked, now)
			}
		})
		return false, err
	}
	g := guesses[at]
	use := func(c *content) {
		g.use(c, index)
		c.Failures, c.Unsaid = 0, true
	}
	if err := p.write(use); err != nil {
		failures := p.content.Failures
		g.use(p.content, index) // on disk it may be used, so it is here too
		p.content.Failures = failures
		return false, err
	}
	p.grant, p.granted = g.grant, now
	return true, nil
}

// attempt writes that a code is about to be judged, and gives copies of the sheets it may stand on.
func (p *Passkey) attempt() ([]guess, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.env.Now()
	p.see(now)
	p.grant = ""
	if why := p.why(now); why != nil {
		return nil, fmt.Errorf("%w: %w", why, ctap.ErrOperationDenied)
	}
	if err := p.write(func(c *content) { c.Failures, c.Unsaid = c.Failures+1, true }); err != nil {
		p.content.Failures++
		return nil, err
	}
	c := p.content
	var all []guess
	if good(c.Batch.sheet(), now) {
		id := string(c.Batch.ID)
		all = append(all, guess{cloneSheet(c.Batch.Sheet), func(c *content, i int) {
			if string(c.Batch.ID) == id { // it may have been renewed meanwhile
				c.Batch.Sheet.Use(i)
			}
		}, postern.OfflineSignedIn})
	}
	if c.Next.sent() && good(c.Next.Sheet, now) {
		// The phone may have the next batch already, and its answer was lost: a code of it proves that.
		all = append(all, guess{cloneSheet(c.Next.Sheet), func(c *content, i int) {
			c.promote()
			c.Batch.Sheet.Use(i)
		}, postern.OfflineSignedIn})
	}
	if good(c.Recovery, now) {
		all = append(all, guess{cloneSheet(c.Recovery), func(c *content, i int) { c.Recovery.Use(i) }, postern.OfflineRecovered})
	}
	return all, nil
}

// promote makes the next batch the one in use.
func (c *content) promote() {
	if c.Next == nil {
		return
	}
	clear(c.Next.Seed)
	c.Next.Seed = nil
	c.Batch, c.Next, c.Unsaid = c.Next, nil, true
}
