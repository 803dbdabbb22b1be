package workstation

import (
	"context"

	"github.com/postern/postern"
)

// Workstation is a workstation that a control center knows. Its methods may be called from any goroutine.
type Workstation struct{}

// Enrolment is what a workstation says of itself to become known to a control center.
type Enrolment struct {
	Server      string // address of the control center
	Integration string // identifier or application name; may be empty when there is only one
	Name        string // as people know it, at most 64 characters
	Kind        postern.WorkstationKind
	Software    string
	OS          string
	JoinState   postern.JoinState
	// EnterpriseJoined says that it is registered with an on-premises device registration service.
	EnterpriseJoined bool
	// Begun is the state that was kept last, when it has no ID: the enrolment was begun and its answer did not come. Its
	// keys are used again for the same server, so that the control center finds what it may know already.
	Begun *State
}

// Enrol makes the workstation known to a control center. The keys are kept before the control center is asked, in a state
// without an ID, and again with its ID. It fails with a [*postern.Error], the context's error or the Keeper's.
func Enrol(ctx context.Context, in Enrolment, env Env) (*Workstation, error) {
	return nil, postern.Errorf(postern.CodeUnavailable, "")
}

// Open takes a workstation up again from its state. It fails when the state is damaged, or has no ID; see [Enrolment].
func Open(s *State, env Env) (*Workstation, error) {
	return nil, postern.Errorf(postern.CodeUnavailable, "")
}

// Run keeps the connection to the relay, the sessions with phones and what is known of them, until ctx ends or the
// control center refuses the workstation for good. It returns the context's error or the refusal, a [*postern.Error]. It
// runs once at a time; requests and pairings need it.
func (w *Workstation) Run(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

// Status says how the workstation stands. It is a copy.
func (w *Workstation) Status() Status { return Status{} }

// Changed is closed at the next change of what Status says. Who asks for it before Status misses nothing.
func (w *Workstation) Changed() <-chan struct{} { return nil }

// Refresh asks the control center what it keeps of the workstation and its phones.
func (w *Workstation) Refresh(ctx context.Context) error { return nil }

// Update says anew what the workstation is.
func (w *Workstation) Update(ctx context.Context, u postern.WorkstationUpdate) error { return nil }

// Unpair ends a pairing, at the control center and here.
func (w *Workstation) Unpair(ctx context.Context, id postern.PairingID) error { return nil }

// Leave gives the workstation up: it is revoked at the control center, and its pairings end. What is kept of it is of no
// use afterwards, and the caller's to delete; Run ends with [postern.CodeWorkstationRevoked].
func (w *Workstation) Leave(ctx context.Context) error { return nil }
