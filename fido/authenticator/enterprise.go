package authenticator

import (
	"fmt"
	"slices"

	"github.com/postern/postern/fido/ctap"
)

// The two kinds of enterprise attestation a platform may ask for (CTAP 2.1 §7.1.1).
const (
	vendorFacilitated = 1 // for relying parties the authenticator was made with
	platformManaged   = 2 // for any the platform's policy allows
)

// Enterprise is what enterprise attestation is made with: a statement that may
// name this very device, for relying parties entitled to know it. It is off
// until authenticatorConfig turns it on, and off again after a reset.
type Enterprise struct {
	// Source gives leaves for requests whose Enterprise is true.
	Source LeafSource
	// RPIDs are the relying parties of vendor-facilitated attestation.
	RPIDs []string
}

// enterpriseAsked is step 9 of makeCredential: whether the attestation will be
// an enterprise one. A relying party that is not entitled gets an ordinary one.
func (a *Authenticator) enterpriseAsked(req *ctap.MakeCredentialRequest) (bool, error) {
	if req.EnterpriseAttestation == nil {
		return false, nil
	}
	if a.enterprise == nil || !a.state.EnterpriseAttestation {
		return false, fmt.Errorf("enterprise attestation is not enabled: %w", ctap.ErrInvalidParameter)
	}
	switch *req.EnterpriseAttestation {
	case vendorFacilitated:
		return slices.Contains(a.enterprise.RPIDs, req.RP.ID), nil
	case platformManaged:
		return true, nil
	}
	return false, fmt.Errorf("enterpriseAttestation %d: %w", *req.EnterpriseAttestation, ctap.ErrInvalidOption)
}
