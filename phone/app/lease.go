package app

import (
	"context"
	"math"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/phone/ceremony"
	"github.com/postern/postern/phone/vault"
)

// provisioningOwner stands for the phone's own provisioning, where sessions of workstations count from 1.
const provisioningOwner = math.MaxUint64

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

// patienceWith gives what is left for a workstation. a.mu is held.
func (a *App) patienceWith(id postern.WorkstationID) *ceremony.Patience {
	if a.patience[id] == nil {
		a.patience[id] = ceremony.NewPatience()
	}
	return a.patience[id]
}
