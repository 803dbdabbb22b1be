package authenticator

import (
	"context"

	"github.com/postern/postern/fido/ctap"
)

// The state is read once for each request and forgotten with it: between
// requests a store may be reset, restored or shared.

// loadState reads the state a request works with.
func (a *Authenticator) loadState(ctx context.Context) error {
	s, err := a.store.State(ctx)
	if err != nil {
		return err
	}
	a.state = s
	return nil
}

func (a *Authenticator) forgetState() {
	a.state.wipe()
	a.state = &State{}
}

// changeState applies change to the state as the store has it, and stores it.
// Where that fails nothing has changed.
func (a *Authenticator) changeState(ctx context.Context, change func(*State)) error {
	s, err := a.store.State(ctx)
	if err != nil {
		return err
	}
	change(s)
	if err := a.store.SetState(ctx, s); err != nil {
		s.wipe()
		return err
	}
	a.state.wipe()
	a.state = s
	return nil
}

// wipe overwrites what must not linger in memory.
func (s *State) wipe() {
	clear(s.PINHash)
	clear(s.PersistentToken)
}

// pinSet reports whether there is a PIN: the option "clientPin".
func (a *Authenticator) pinSet() bool {
	return a.pin && (a.ownPIN() == nil || a.state.PINHash != nil)
}

// uvReady reports whether built-in user verification can be asked for: the
// option "uv".
func (a *Authenticator) uvReady() bool {
	return a.user.Verification() == VerificationReady
}

// protected reports whether some form of user verification is configured
// (CTAP 2.1 §6, "protected by some form of user verification").
func (a *Authenticator) protected() bool {
	return a.uvReady() || a.pinSet()
}

// verificationMissing is the refusal of a command that needed the user verified.
// A platform that can get a token by PIN is told to; for any other nothing would
// change by trying again.
func (a *Authenticator) verificationMissing() error {
	if a.pinSet() && !a.noCeremoniesByPIN {
		return ctap.ErrPUATRequired
	}
	return ctap.ErrOperationDenied
}

// minPINLength is the shortest PIN that may be set, in code points.
func (s *State) minPINLength() uint64 {
	return max(s.MinPINLength, defaultMinPINLength)
}
