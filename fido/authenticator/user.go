package authenticator

import (
	"context"
	"errors"

	"github.com/postern/postern/fido/ctap"
)

// Errors a [User] answers with. An error of the context passes through: a
// cancelled one means that the platform gave up.
var (
	ErrDenied      = errors.New("the user refused")
	ErrTimeout     = errors.New("the user did not answer in time")
	ErrNotVerified = errors.New("the user could not be verified")
	ErrLockedOut   = errors.New("user verification is locked")
)

// Reason tells what an answer will be used for.
type Reason uint8

// The reasons.
const (
	ReasonRegister Reason = iota + 1 // create a credential
	ReasonSignIn                     // sign an assertion
	ReasonExcluded                   // tell the platform that a credential exists already
	ReasonSelect                     // pick this authenticator among several
	ReasonManage                     // let the platform manage credentials or settings
	ReasonReset                      // delete every credential and the PIN
)

// String gives a word for logs.
func (r Reason) String() string {
	switch r {
	case ReasonRegister:
		return "register"
	case ReasonSignIn:
		return "sign in"
	case ReasonExcluded:
		return "already registered"
	case ReasonSelect:
		return "select"
	case ReasonManage:
		return "manage"
	case ReasonReset:
		return "reset"
	}
	return "unknown"
}

// Prompt is a question to the user. RPID is the relying party as the platform
// names it and the only part that binds the answer; it is empty for
// ReasonSelect and ReasonReset. RPName and Accounts may be missing where the protocol has not
// told them yet.
//
// A request of U2F names the relying party by the hash of its id alone: RPIDHash
// is set then, and only then, and RPID where a credential tells it.
type Prompt struct {
	Reason   Reason
	RPID     string
	RPIDHash ctap.RPIDHash
	RPName   string
	Accounts []ctap.User
}

// Verification is the state of built-in user verification.
type Verification uint8

// The states, in the order of the "uv" option: absent, false, true.
const (
	VerificationNone     Verification = iota // cannot verify at all
	VerificationNotSetUp                     // could, but the user has not set it up
	VerificationReady
)

// User is the person holding the authenticator.
type User interface {
	// Verification tells whether Verify can be asked.
	Verification() Verification
	// Present asks for a gesture of agreement.
	Present(ctx context.Context, p Prompt) error
	// Verify asks the user to agree and to prove who they are in one gesture.
	Verify(ctx context.Context, p Prompt) error
}

// Chooser asks which of several accounts to use. Where an [Authenticator] has
// one, the prompts of [User] are taken to show accounts: getAssertion offers
// several to the user and returns the chosen one alone, and says of one chosen
// or shown that the user selected it, so that no platform asks again. Without
// one the platform fetches all by getNextAssertion.
type Chooser interface {
	// Choose gives an index into p.Accounts.
	Choose(ctx context.Context, p Prompt) (int, error)
}

// promptStatus is the answer for a question that was not answered with yes.
func promptStatus(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return ctap.ErrKeepaliveCancel
	case errors.Is(err, ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return ctap.ErrUserActionTimeout
	}
	return ctap.ErrOperationDenied
}

// present asks for presence.
func (a *Authenticator) present(ctx context.Context, p Prompt) error {
	a.waiting.Store(true)
	defer a.waiting.Store(false)
	return promptStatus(a.user.Present(ctx, p))
}

// Failed built-in verifications in a row that lock it (CTAP 2.1 §6.5.2.2). A right
// PIN unlocks it; where there is none only a reset does, so that the standard's
// largest number is allowed. Both count failures of the whole gesture: what reads
// the finger or face has tries, and a lockout, of its own.
const (
	maxUVRetries      = 5
	maxUVRetriesAlone = 25
)

// uvRetries gives the failed verifications that are left. A blocked PIN blocks
// built-in verification too.
func (a *Authenticator) uvRetries(ctx context.Context) (uint64, error) {
	if !a.pinSet() {
		return maxUVRetriesAlone - min(a.state.UVFailures, maxUVRetriesAlone), nil
	}
	if left, err := a.pins.Retries(ctx); err != nil || left == 0 {
		return 0, err
	}
	return maxUVRetries - min(a.state.UVFailures, maxUVRetries), nil
}

// forgetUVFailures is what a success of either kind of verification earns.
func (a *Authenticator) forgetUVFailures(ctx context.Context) error {
	if a.state.UVFailures == 0 {
		return nil
	}
	return a.changeState(ctx, func(s *State) { s.UVFailures = 0 })
}

// verify asks for built-in user verification (CTAP 2.1 §6.5.3.1) and keeps the
// retry counter. Its errors are those of subcommand 06.
func (a *Authenticator) verify(ctx context.Context, p Prompt) error {
	left, err := a.uvRetries(ctx)
	if err != nil {
		return err
	}
	if left == 0 {
		return ctap.ErrUVBlocked
	}
	err = a.askVerify(ctx, p)
	switch {
	case err == nil:
		return a.forgetUVFailures(ctx)
	case errors.Is(err, ErrLockedOut):
		return ctap.ErrUVBlocked
	case errors.Is(err, ErrNotVerified):
		if err := a.changeState(ctx, func(s *State) { s.UVFailures++ }); err != nil {
			return err
		}
		if left == 1 {
			return ctap.ErrUVBlocked
		}
		return ctap.ErrUVInvalid
	}
	return promptStatus(err)
}

func (a *Authenticator) askVerify(ctx context.Context, p Prompt) error {
	a.waiting.Store(true)
	defer a.waiting.Store(false)
	return a.user.Verify(ctx, p)
}

// verifyInCommand is verify for the "uv" option, where a failure sends the
// platform to the PIN or is a refusal (CTAP 2.1 §6.1.2 step 11.2).
func (a *Authenticator) verifyInCommand(ctx context.Context, p Prompt) error {
	err := a.verify(ctx, p)
	if s := ctap.StatusOf(err); s == ctap.ErrUVBlocked || s == ctap.ErrUVInvalid {
		return a.verificationMissing()
	}
	return err
}
