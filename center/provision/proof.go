package provision

import (
	"context"
	"strings"

	"github.com/postern/postern"
)

// Proofs is what provisioning asks of package enrolment.
type Proofs interface {
	// Missing lists the proofs that a passkey on the phone still waits for.
	Missing(ctx context.Context, phone postern.Phone, user postern.User) ([]postern.Proof, error)
	// ModeFor says whether the user may or must have a passkey.
	ModeFor(ctx context.Context, user postern.User) (postern.EnrolmentMode, error)
	// Standing says both to the phone.
	Standing(ctx context.Context, phone postern.Phone, user postern.User) (postern.PhoneStanding, error)
}

// Proven goes on with what waited for proofs of a phone, in the transaction in which the last one came.
func (s *Service) Proven(ctx context.Context, phone postern.PhoneID) error {
	open, err := s.Store.OpenProvisionings(ctx, phone)
	if err != nil {
		return err
	}
	for _, r := range open {
		if r.State != postern.ProvisioningRequested {
			continue
		}
		if err := s.Queue.Enqueue(ctx, OfferJob{r.ID}); err != nil {
			return err
		}
	}
	return nil
}

// vouchedFor refuses a passkey on a workstation while it is not proved who holds the phone on which its user agreed.
func (s *Service) vouchedFor(ctx context.Context, r Record, u postern.User) error {
	if s.Proofs == nil {
		return nil
	}
	phone, err := s.Phones.Phone(ctx, r.PhoneID)
	if err != nil {
		return err
	}
	missing, err := s.Proofs.Missing(ctx, phone, u)
	if err == nil && len(missing) > 0 {
		err = unproven(missing)
	}
	return err
}

// BeginOwn is Begin for the phone itself: only where the policy lets its user ask.
func (s *Service) BeginOwn(ctx context.Context, phone postern.Phone) (postern.Provisioning, bool, error) {
	if s.Proofs != nil {
		user, err := s.Users.User(ctx, phone.UserID)
		if err != nil {
			return postern.Provisioning{}, false, err
		}
		standing, err := s.Proofs.Standing(ctx, phone, user)
		if err != nil {
			return postern.Provisioning{}, false, err
		}
		if !standing.CanAsk {
			return postern.Provisioning{}, false, postern.Errorf(postern.CodeEnrolmentOff, "")
		}
	}
	return s.Begin(ctx, phone.ID)
}

// mandatory reports whether the phone's user must have a passkey.
func (s *Service) mandatory(ctx context.Context, phone postern.Phone) (bool, error) {
	if s.Proofs == nil {
		return false, nil
	}
	user, err := s.Users.User(ctx, phone.UserID)
	if err != nil {
		return false, err
	}
	mode, err := s.Proofs.ModeFor(ctx, user)
	return mode == postern.EnrolmentMandatory, err
}

// noteRoles keeps with the user what the directory says of their roles, because approvals are counted by it.
func (s *Service) noteRoles(ctx context.Context, u postern.User, who postern.DirectoryUser) (postern.User, error) {
	if u.Privileged == who.Privileged {
		return u, nil
	}
	err := s.Store.Atomically(ctx, func(ctx context.Context) error {
		var err error
		u, err = s.Users.Know(ctx, u.IntegrationID, who)
		return err
	})
	u.Privileged, u.Roles = who.Privileged, who.Roles // whatever was stored, this is what counts now
	return u, err
}

// unproven is why a provisioning waits for its user to prove who they are.
func unproven(missing []postern.Proof) *postern.Error {
	var words, steps []string
	for _, p := range missing {
		switch p {
		case postern.ProofCode:
			words, steps = append(words, "the one-time code of an invitation"), append(steps, "Enrol the phone again with the code of an invitation.")
		case postern.ProofSignIn:
			words, steps = append(words, "a sign-in at Microsoft"), append(steps, "Open the app and sign in at Microsoft.")
		case postern.ProofApproval:
			words, steps = append(words, "an approval of the help desk"), append(steps, "Read the fingerprint in the app to your help desk.")
		}
	}
	return postern.Errorf(postern.CodeIdentityProof, "The passkey waits until it is proved who holds this phone. Missing: %s.", strings.Join(words, ", ")).
		WithNext(strings.Join(steps, " "))
}
