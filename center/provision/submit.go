package provision

import (
	"bytes"
	"context"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

// submit takes a credential for the provisioning that find finds, in one transaction with the job that registers it.
func (s *Service) submit(ctx context.Context, in postern.CredentialSubmission, find func(ctx context.Context) (Record, error)) (Record, error) {
	var out Record
	var refusal error
	err := s.Store.Atomically(ctx, func(ctx context.Context) error {
		refusal = nil
		r, err := find(ctx)
		if err != nil {
			return err
		}
		if r.CredentialID != nil && bytes.Equal(r.CredentialID, in.ID) {
			out = r
			return nil
		}
		if r.State != postern.ProvisioningOffered {
			return wrongState(r)
		}
		if !s.Now().Before(*r.ExpiresAt) {
			refusal = expired(r) // and still commit what follows from it
			return s.renew(ctx, &r)
		}
		if err := checkSubmission(r, in); err != nil {
			return err
		}
		r.State = postern.ProvisioningSubmitted
		r.CredentialID, r.ClientDataJSON, r.AttestationObject = in.ID, in.ClientDataJSON, in.AttestationObject
		r.Sealed = nil
		r.UpdatedAt = s.Now().UTC()
		if err := s.Store.UpdateProvisioning(ctx, &r); err != nil {
			return err
		}
		if err := s.Queue.Enqueue(ctx, RegisterJob{r.ID}); err != nil {
			return err
		}
		out = r
		return s.Audit.Record(ctx, event(audit.ProvisioningSubmitted, r, "The "+carrierName(r.Carrier)+" made the credential.", nil))
	})
	if err == nil {
		err = refusal
	}
	if err == nil {
		s.publish(ctx, out.Provisioning)
	}
	return out, err
}

func expired(r Record) error {
	if r.Carrier != postern.CarrierPhone {
		return postern.Errorf(postern.CodeChallengeExpired, "Entra's registration challenge ran out before the %s answered.", carrierName(r.Carrier)).
			WithNext("Begin again.")
	}
	return postern.Errorf(postern.CodeChallengeExpired, "")
}

// carrierName is what people call what a passkey lies on.
func carrierName(c postern.Carrier) string {
	switch c {
	case postern.CarrierSecurityKey:
		return "security key"
	case postern.CarrierWorkstation:
		return "workstation"
	}
	return "phone"
}
