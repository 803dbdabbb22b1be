package offline

import (
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/agent/seal"
	"github.com/postern/postern/fido/authenticator"
	codes "github.com/postern/postern/link/offline"
)

// Standing is how a passkey stands, for screens. It is a copy and holds no secret.
type Standing struct {
	Stage        Stage      `json:"stage,omitempty"`
	Seal         seal.Seal  `json:"seal"`
	Codes        int        `json:"codes"`
	Left         int        `json:"left"`
	WarnAt       int        `json:"warn_at"`
	Expires      time.Time  `json:"expires,omitzero"`
	Recovery     bool       `json:"recovery"`
	RecoveryLeft int        `json:"recovery_left"`
	TriesLeft    int        `json:"tries_left"`
	Locked       bool       `json:"locked"`
	ClockSetBack bool       `json:"clock_set_back"`
	Barred       bool       `json:"barred"`
	Renewing     bool       `json:"renewing"` // another batch is on its way to the phone
	ProvenAt     *time.Time `json:"proven_at,omitempty"`
	Broken       string     `json:"broken,omitempty"` // why the file does not open
	// Why says why it cannot be used now; nil: it can.
	Why *postern.Error `json:"-"`
}

// Standing tells how it stands now.
func (p *Passkey) Standing() Standing {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.env.Now()
	p.see(now)
	c := p.content
	s := Standing{
		Stage: c.Stage, Seal: p.seal, Left: c.Batch.left(), Locked: c.Failures >= authenticator.MaxPINRetries, ClockSetBack: c.SetBack, Barred: c.Barred,
		TriesLeft: max(authenticator.MaxPINRetries-c.Failures, 0), ProvenAt: c.ProvenAt, Renewing: c.Batch != nil && c.Next != nil, Why: p.why(now),
	}
	if b := c.Batch; b != nil {
		s.Codes, s.WarnAt, s.Expires = b.Codes, b.warnAt(), b.Expires
	}
	if c.Recovery != nil {
		s.Recovery, s.RecoveryLeft = good(c.Recovery, now), c.Recovery.Left()
	}
	if p.broken != nil {
		s.Broken = p.broken.Error()
	}
	return s
}

// good reports whether a sheet has codes that may be typed.
func good(s *codes.Sheet, now time.Time) bool {
	return s != nil && s.Left() > 0 && now.Before(s.Expires)
}

// why is why no code can be typed. p.mu is held.
func (p *Passkey) why(now time.Time) *postern.Error {
	c := p.content
	switch {
	case p.broken != nil:
		return postern.Errorf(postern.CodeOfflineState, "The offline passkey on this computer does not open: %v.", p.broken).
			WithNext("Remove it here and set it up again while there is a network.")
	case c.Stage != Active:
		return postern.Errorf(postern.CodeOfflineState, "Signing in offline is not set up on this computer yet.").
			WithNext("Connect to the network, open the app on the phone, and set it up on this page.")
	case c.Barred:
		return postern.Errorf(postern.CodeOfflineOff, "Your organisation does not let this phone's user sign in offline here now.").
			WithNext("Ask your administrator.")
	case c.Failures >= authenticator.MaxPINRetries:
		return postern.Errorf(postern.CodeOfflineState, "Too many wrong codes were typed, so signing in offline is locked.").
			WithNext("Connect to the network and sign in with the phone once; that unlocks it.")
	case c.SetBack:
		return postern.Errorf(postern.CodeOfflineState, "The clock of this computer was set back, so codes that end by the calendar are not taken.").
			WithNext("Set the clock right and connect to the network once.")
	case good(c.Batch.sheet(), now), c.Next.sent() && good(c.Next.Sheet, now), good(c.Recovery, now):
		return nil
	case !now.Before(c.Batch.Expires):
		return postern.Errorf(postern.CodeOfflineState, "The codes for signing in offline have expired.").
			WithNext("Connect to the network with the app open on the phone; new ones are fetched by themselves.")
	}
	return postern.Errorf(postern.CodeOfflineState, "All codes for signing in offline are used up.").
		WithNext("Connect to the network with the app open on the phone; new ones are fetched by themselves.")
}

func (b *batch) sheet() *codes.Sheet {
	if b == nil {
		return nil
	}
	return b.Sheet
}

func (b *batch) sent() bool { return b != nil && b.Sent }

// warnAt is at most one less than all, so that a full batch is never one that is running out.
func (b *batch) warnAt() int { return max(min(b.WarnAt, b.Codes-1), 0) }
