package authenticator

import (
	"context"

	"github.com/postern/postern/fido/ctap"
)

// selection is authenticatorSelection (CTAP 2.1 §6.9).
func (a *Authenticator) selection(ctx context.Context, _ []byte) ([]byte, error) {
	if err := a.present(ctx, Prompt{Reason: ReasonSelect}); err != nil {
		return nil, err
	}
	return ctap.EncodeResponse(nil)
}
