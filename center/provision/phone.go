package provision

import (
	"bytes"
	"context"
	"crypto/sha256"
	"slices"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/backbone"
	"github.com/postern/postern/center/device"
)

// lookAgain is how often a long poll looks at the database even without a notice, because notices may be lost.
const lookAgain = time.Second

// Self is what a phone learns of itself.
func (s *Service) Self(ctx context.Context, phone postern.Phone) (postern.PhoneSelf, error) {
	out := postern.PhoneSelf{Phone: phone}
	i, err := s.Integrations.Get(ctx, phone.IntegrationID)
	if err != nil {
		return out, err
	}
	out.Integration = device.About(i)
	if out.User, err = s.Users.User(ctx, phone.UserID); err != nil {
		return out, err
	}
	if out.Passkeys, err = s.Store.PasskeysOfPhone(ctx, phone.ID); err != nil {
		return out, err
	}
	if out.Claims, err = s.Claims(ctx, phone.ID); err != nil {
		return out, err
	}
	open, err := s.Store.OpenProvisionings(ctx, phone.ID)
	if err != nil {
		return out, err
	}
	out.Provisionings = make([]postern.Provisioning, len(open))
	for n, r := range open {
		out.Provisionings[n] = r.Provisioning
	}
	if out.Passkeys == nil {
		out.Passkeys = []postern.Passkey{}
	}
	if out.Pairings, err = s.Phones.PairedWorkstations(ctx, phone); err != nil {
		return out, err
	}
	if s.Push != nil {
		if out.Push, err = s.Push.State(ctx, phone.ID); err != nil {
			return out, err
		}
	}
	out.Notice = notice(i, out.User)
	if s.Proofs != nil {
		standing, err := s.Proofs.Standing(ctx, phone, out.User)
		if err != nil {
			return out, err
		}
		out.Enrolment = &standing
	}
	return out, nil
}

// notice is the first thing the user has to know, if there is one.
func notice(i postern.Integration, u postern.User) *postern.PhoneNotice {
	var e *postern.Error
	switch err := i.Admit(u.UPN, postern.FlagFIDO2MobileAuthenticator); {
	case err != nil:
		e = postern.AsError(err)
	case standing(u) != nil:
		e = postern.AsError(standing(u))
	case i.State != postern.StateEnabled:
		e = postern.Errorf(postern.CodeIntegrationDisabled, "")
	default:
		return nil
	}
	return &postern.PhoneNotice{Code: e.Code, Message: e.Message, Next: e.Next}
}

// Open lists the phone's provisionings that are not final. Options whose challenge ran out are fetched anew, because
// the phone is there now.
func (s *Service) Open(ctx context.Context, phone postern.Phone) ([]postern.PhoneProvisioning, error) {
	records, err := s.Store.OpenProvisionings(ctx, phone.ID)
	if err != nil {
		return nil, err
	}
	out := make([]postern.PhoneProvisioning, 0, len(records))
	for _, r := range records {
		if err := s.renewExpired(ctx, &r); err != nil {
			return nil, err
		}
		if !r.State.Final() {
			out = append(out, forPhone(r))
		}
	}
	return out, nil
}

// ForPhone returns one of the phone's own provisionings.
func (s *Service) ForPhone(ctx context.Context, phone postern.Phone, id postern.ProvisioningID) (postern.PhoneProvisioning, error) {
	r, err := s.own(ctx, phone, id)
	if err != nil {
		return postern.PhoneProvisioning{}, err
	}
	if err := s.renewExpired(ctx, &r); err != nil {
		return postern.PhoneProvisioning{}, err
	}
	return forPhone(r), nil
}

func forPhone(r Record) postern.PhoneProvisioning {
	out := postern.PhoneProvisioning{Provisioning: r.Provisioning}
	if r.State == postern.ProvisioningOffered {
		out.Sealed = r.Sealed
	}
	return out
}

// own finds a provisioning only for the phone it belongs to; another's is as good as none.
func (s *Service) own(ctx context.Context, phone postern.Phone, id postern.ProvisioningID) (Record, error) {
	r, err := s.Store.Provisioning(ctx, id)
	if err == nil && r.PhoneID != phone.ID {
		return Record{}, postern.Errorf(postern.CodeNotFound, "")
	}
	return r, err
}

func (s *Service) renewExpired(ctx context.Context, r *Record) error {
	if r.State != postern.ProvisioningOffered || r.ExpiresAt == nil || s.Now().Before(*r.ExpiresAt) {
		return nil
	}
	return s.advance(ctx, r, func(ctx context.Context) error { return s.renew(ctx, r) })
}

// WaitOffered waits until one of the phone's provisionings is offered, or the time is over, and lists those open.
func (s *Service) WaitOffered(ctx context.Context, phone postern.Phone, wait time.Duration) ([]postern.PhoneProvisioning, error) {
	var out []postern.PhoneProvisioning
	err := s.wait(ctx, phone, wait, func() (bool, error) {
		var err error
		out, err = s.Open(ctx, phone)
		return slices.ContainsFunc(out, func(p postern.PhoneProvisioning) bool {
			return p.Provisioning.State == postern.ProvisioningOffered
		}), err
	})
	return out, err
}

// WaitChange waits until the version of a provisioning is above the one the phone knows, or the time is over.
func (s *Service) WaitChange(ctx context.Context, phone postern.Phone, id postern.ProvisioningID, version int64, wait time.Duration) (postern.PhoneProvisioning, error) {
	var out postern.PhoneProvisioning
	err := s.wait(ctx, phone, wait, func() (bool, error) {
		var err error
		out, err = s.ForPhone(ctx, phone, id)
		return out.Provisioning.Version > version, err
	})
	return out, err
}

// wait calls look until it says so or the time is over. It subscribes before the first look, so that nothing that
// happens in between is missed.
func (s *Service) wait(ctx context.Context, phone postern.Phone, wait time.Duration, look func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, min(max(wait, 0), postern.PhoneWaitMax))
	defer cancel()
	notices, stop := s.Notices.Subscribe(device.Topic(phone.ID))
	defer stop()
	for {
		if done, err := look(); done || err != nil {
			return err
		}
		step, endStep := context.WithTimeout(ctx, lookAgain)
		backbone.Wait(step, notices)
		endStep()
		if ctx.Err() != nil {
			return nil
		}
	}
}

// Attest certifies the attestation key of the credential that the phone is about to make. The same key is certified
// again on request; a second key is not.
func (s *Service) Attest(ctx context.Context, phone postern.Phone, id postern.ProvisioningID, in postern.AttestationRequest) (postern.AttestationLeaf, error) {
	var none postern.AttestationLeaf
	r, err := s.own(ctx, phone, id)
	if err != nil {
		return none, err
	}
	if r.State != postern.ProvisioningOffered {
		return none, wrongState(r)
	}
	leaf, err := s.Phones.Certify(ctx, r.IntegrationID, r.ID, in)
	if err != nil {
		return none, err
	}
	hash := sha256.Sum256(in.PublicKey)
	err = s.Store.Atomically(ctx, func(ctx context.Context) error {
		r, err := s.own(ctx, phone, id)
		if err != nil {
			return err
		}
		switch {
		case r.State != postern.ProvisioningOffered:
			return wrongState(r)
		case bytes.Equal(r.AttestationKeyHash, hash[:]):
			return nil
		case r.AttestationKeyHash != nil:
			return postern.Errorf(postern.CodeConflict, "Another attestation key was certified for this provisioning.").
				WithNext("Use the first key, or decline and begin again.")
		}
		r.AttestationKeyHash = hash[:]
		return s.Store.UpdateProvisioning(ctx, &r)
	})
	if err != nil {
		return none, err
	}
	return postern.AttestationLeaf{Certificates: []postern.Bytes{leaf}}, nil
}

// Submit takes the credential that the phone made, checks it as Entra will, and has it registered. The same submission
// again is answered with the present state.
func (s *Service) Submit(ctx context.Context, phone postern.Phone, id postern.ProvisioningID, in postern.CredentialSubmission) (postern.PhoneProvisioning, error) {
	r, err := s.submit(ctx, in, func(ctx context.Context) (Record, error) { return s.own(ctx, phone, id) })
	return forPhone(r), err
}

// Decline ends a provisioning because its user said no, where they may.
func (s *Service) Decline(ctx context.Context, phone postern.Phone, id postern.ProvisioningID, reason string) (postern.PhoneProvisioning, error) {
	var out postern.PhoneProvisioning
	mandatory, err := s.mandatory(ctx, phone) // before the transaction: it may ask Graph
	if err != nil {
		return out, err
	}
	err = s.Store.Atomically(ctx, func(ctx context.Context) error {
		r, err := s.own(ctx, phone, id)
		if err != nil {
			return err
		}
		if r.State == postern.ProvisioningDeclined {
			out = forPhone(r)
			return nil
		}
		if r.State != postern.ProvisioningRequested && r.State != postern.ProvisioningOffered {
			return wrongState(r)
		}
		if mandatory {
			return postern.Errorf(postern.CodeEnrolmentMandatory, "")
		}
		if err := s.end(ctx, &r, postern.ProvisioningDeclined, nil); err != nil {
			return err
		}
		out = forPhone(r)
		return s.Audit.Record(ctx, event(audit.ProvisioningDeclined, r, "The user declined on the phone.", map[string]string{"reason": reason}))
	})
	if err == nil {
		s.publish(ctx, out.Provisioning)
	}
	return out, err
}

func wrongState(r Record) *postern.Error {
	return postern.Errorf(postern.CodeProvisioningState, "The provisioning is %s.", r.State)
}
