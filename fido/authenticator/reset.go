package authenticator

import (
	"context"
	"time"

	"github.com/postern/postern/fido/ctap"
)

// DefaultResetWindow is how long after power-up a reset is heard (CTAP 2.1 §6.6):
// a program at the platform cannot reset an authenticator nobody has just plugged
// in.
const DefaultResetWindow = 10 * time.Second

// reset is authenticatorReset. Credentials, PIN, settings and identifiers go; the
// model and whoever attests to it stay.
func (a *Authenticator) reset(ctx context.Context, _ []byte) ([]byte, error) {
	age := a.now().Sub(a.poweredUp)
	if a.resetWindow > 0 && (age < 0 || age > a.resetWindow) {
		return nil, ctap.ErrNotAllowed
	}
	if err := a.present(ctx, Prompt{Reason: ReasonReset}); err != nil {
		return nil, err
	}
	if err := a.store.Reset(ctx); err != nil {
		return nil, err
	}
	a.forgetState()
	since := a.poweredUp
	a.clearPowerCycleState()
	a.poweredUp = since // a reset does not open the window anew
	return ctap.EncodeResponse(nil)
}
