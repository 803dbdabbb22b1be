package offline

import (
	"bytes"
	"encoding/json"
	"slices"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/authenticator"
	codes "github.com/postern/postern/link/offline"
)

// Wearing reports whether the codes are to be renewed: few are left, half of their days are over, or they are not as the
// settings ask any more.
func (p *Passkey) Wearing(s postern.OfflineSettings, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.content.Batch
	if p.broken != nil || p.content.Stage != Active {
		return false
	}
	return p.content.Next != nil || b.left() <= b.warnAt() || b.old(now) || b.Length != s.Length
}

// Unsaid reports whether there is something to report.
func (p *Passkey) Unsaid() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.content.Stage == Active && p.content.Unsaid
}

// Report is how the passkey stands, for the control center.
func (p *Passkey) Report() postern.OfflineReport {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.content
	r := postern.OfflineReport{
		CodesLeft: c.Batch.left(), ProvenAt: c.ProvenAt, Locked: c.Failures >= authenticator.MaxPINRetries, ClockSetBack: c.SetBack, Events: slices.Clone(c.Events),
	}
	if c.Batch != nil {
		r.BatchID, r.ExpiresAt = c.Batch.ID, c.Batch.Expires
	}
	if c.Recovery != nil {
		r.RecoveryID, r.RecoveryNext = c.Recovery.ID, c.Recovery.Next
	}
	return r
}

// Reported notes that the control center took a report, and what it answered.
func (p *Passkey) Reported(r postern.OfflineReport, a postern.OfflineAnswer) error {
	return p.change(func(c *content) {
		last := int64(0)
		if n := len(r.Events); n > 0 {
			last = r.Events[n-1].Number
		}
		c.Events = slices.DeleteFunc(c.Events, func(e postern.OfflineEvent) bool { return e.Number <= last })
		said := c.Batch != nil && bytes.Equal(r.BatchID, c.Batch.ID) && r.CodesLeft == c.Batch.left() && r.Locked == (c.Failures >= authenticator.MaxPINRetries) &&
			r.ClockSetBack == c.SetBack && (r.ProvenAt != nil) == (c.ProvenAt != nil) && len(c.Events) == 0
		c.Unsaid = !said
		if c.takeRecovery(a.Recovery, p) {
			c.Unsaid = true // so that the control center hears which sheet is here
		}
	})
}

// DropRecovery forgets the codes of the help desk: they are switched off.
func (p *Passkey) DropRecovery() error {
	p.mu.Lock()
	none := p.content.Recovery == nil
	p.mu.Unlock()
	if none {
		return nil
	}
	return p.change(func(c *content) { c.Recovery, c.Unsaid = nil, true })
}

// takeRecovery takes a sheet of recovery codes, unless it is the one that is here: what is used of that stays used.
func (c *content) takeRecovery(raw json.RawMessage, p *Passkey) bool {
	if len(raw) == 0 || string(raw) == "null" {
		return false
	}
	s := new(codes.Sheet)
	if err := json.Unmarshal(raw, s); err != nil || s.Check() != nil {
		p.env.Log.Warn("the recovery codes that the control center sent are malformed", "pairing", p.pairing)
		return false
	}
	if c.Recovery != nil && bytes.Equal(c.Recovery.ID, s.ID) {
		return false
	}
	c.Recovery = s
	return true
}
