package authenticator

import (
	"slices"

	"github.com/postern/postern/fido/ctap"
)

// createMinPINLength is minPinLength (CTAP 2.1 §12.4): it tells the shortest PIN
// that may be set to the relying parties that setMinPINLength named, and to
// others not even that there is something to tell.
func createMinPINLength(a *Authenticator, in ctap.Raw, n *creation) (ctap.Raw, error) {
	asked, err := ctap.DecodeBool(in)
	if err != nil || !asked || !slices.Contains(a.state.MinPINLengthRPIDs, n.credential.RP.ID) {
		return nil, err
	}
	return ctap.Marshal(a.state.minPINLength())
}
