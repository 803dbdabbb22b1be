package vault

import (
	"context"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/ctap"
)

// NeedsUnlock reports whether the vault has to be unlocked by the answer to a question, be it for presence or for
// verification. Questions for which it does not are answered without the gate's output; whether they verify the user is
// the question's own matter.
func NeedsUnlock(r authenticator.Reason) bool {
	return r == authenticator.ReasonRegister || r == authenticator.ReasonSignIn
}

// Handler is an [authenticator.Authenticator] that stands on the vault.
type Handler interface {
	Handle(ctx context.Context, request []byte) []byte
}

// Serve has a request answered and then locks the vault, if the operation it was unlocked for is over: a registration or
// a sign-in has ended, well or not, or everything was deleted. It stays unlocked, until its window ends, behind requests
// that come in between: for a pinUvAuthToken, silent searches, and a sign-in of which getNextAssertion will fetch more.
func (v *Vault) Serve(ctx context.Context, h Handler, request []byte) []byte {
	response := h.Handle(ctx, request)
	if Over(request, response) {
		v.Lock()
	}
	return response
}

// Over reports whether a response ends the operation that the vault was unlocked for, as [Vault.Serve] has it.
func Over(request, response []byte) bool {
	result, err := ctap.SplitResponse(response)
	if ctap.StatusOf(err) == ctap.ErrChannelBusy {
		return false // the operation in hand is another
	}
	command, params, bad := ctap.SplitRequest(request)
	if bad != nil {
		return false
	}
	switch command {
	case ctap.MakeCredential, ctap.Reset:
		return true
	case ctap.GetAssertion:
		r, bad := ctap.DecodeGetAssertionRequest(params)
		if bad != nil {
			return true
		}
		if up, told := r.Options[ctap.OptionUP]; told && !up {
			return false
		}
		if err != nil {
			return true
		}
		answer, bad := ctap.DecodeGetAssertionResponse(result)
		return bad != nil || answer.NumberOfCredentials < 2
	case ctap.GetNextAssertion:
		return err != nil
	}
	return false
}
