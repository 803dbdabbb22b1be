package app

import (
	"context"
	"math"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/phone/vault"
)

// provisioningOwner stands for the phone's own provisioning, where sessions of workstations count from 1.
const provisioningOwner = math.MaxUint64

// leaseAfterToken is how long an approval given for a pinUvAuthToken waits for the ceremony it was given for: as long as
// the gesture counts (CTAP 2.1 §6.5.2.1), and a little for the way.
const leaseAfterToken = 35 * time.Second

// lease says for whom the vault is open. One approval opens it for one session of one workstation, or for one
// provisioning; for everybody else it is as good as locked.
type lease struct {
	owner uint64 // 0: nobody
	until time.Time
	timer *time.Timer
}

// unlock opens the vault for an owner. a.mu is held.
func (a *App) unlock(ctx context.Context, owner uint64, output []byte, length time.Duration) error {
	if a.kind == vault.KindNone {
		output = a.identity.OwnKey
	} else if len(output) == 0 {
		return &Problem{Code: CodeGateWrong, Message: "The phone's biometric gave no key.", Next: "Try again, and unlock with your fingerprint, face or screen lock when the phone asks."}
	}
	a.lock()
	if err := a.vault.Unlock(ctx, output, length); err != nil {
		return err
	}
	a.lease = lease{owner: owner, until: a.host.Now().Add(length)}
	return nil
}

// lock closes the vault. a.mu is held.
func (a *App) lock() {
	if a.lease.timer != nil {
		a.lease.timer.Stop()
	}
	a.lease = lease{}
	if a.vault != nil {
		a.vault.Lock()
	}
}

// lockAfter closes the vault for its present owner unless the ceremony begins by then. a.mu is held.
func (a *App) lockAfter(d time.Duration) {
	owner := a.lease.owner
	if a.lease.timer != nil {
		a.lease.timer.Stop()
	}
	a.lease.timer = time.AfterFunc(d, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.lease.owner == owner {
			a.lock()
		}
	})
}

// store is the vault as one owner sees it: sealed, unless the approval that opened it was given for that one.
type store struct {
	*vault.Vault
	a     *App
	owner uint64
}

func (s store) mine() bool {
	s.a.mu.Lock()
	defer s.a.mu.Unlock()
	return s.a.lease.owner == s.owner
}

// Put implements [authenticator.Store].
func (s store) Put(ctx context.Context, c *authenticator.Credential, secret *authenticator.Secret) error {
	if !s.mine() {
		return authenticator.ErrSealed
	}
	return s.Vault.Put(ctx, c, secret)
}

// Secret implements [authenticator.Store].
func (s store) Secret(ctx context.Context, id []byte) (*authenticator.Secret, error) {
	if !s.mine() {
		return nil, authenticator.ErrSealed
	}
	return s.Vault.Secret(ctx, id)
}

// Advance implements [authenticator.Store].
func (s store) Advance(ctx context.Context, id []byte) (uint32, error) {
	if !s.mine() {
		return 0, authenticator.ErrSealed
	}
	return s.Vault.Advance(ctx, id)
}

// accepted is the user of a provisioning, who said yes to the offer before its credential is made.
type accepted struct{}

func (accepted) Verification() authenticator.Verification { return authenticator.VerificationReady }

func (accepted) Present(ctx context.Context, _ authenticator.Prompt) error { return ctx.Err() }

func (accepted) Verify(ctx context.Context, _ authenticator.Prompt) error { return ctx.Err() }

// patience is how much a workstation may bother the user: a few questions at once and then one in a while, and none for
// a time after several in a row were not accepted.
type patience struct {
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

func (p *patience) take(now time.Time) bool {
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

// answered counts what came of a question, and reports whether the workstation is to be quiet from now on.
func (p *patience) answered(yes bool, now time.Time) bool {
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

// patienceWith gives what is left for a workstation. a.mu is held.
func (a *App) patienceWith(id postern.WorkstationID) *patience {
	if a.patience[id] == nil {
		a.patience[id] = &patience{left: questionsAtOnce}
	}
	return a.patience[id]
}
