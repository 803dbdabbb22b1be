package enrolment

import (
	"context"
	"slices"

	"github.com/postern/postern"
)

// Enrolled notes how a phone was enrolled, in the transaction that enrols it.
func (s *Service) Enrolled(ctx context.Context, phone postern.Phone, by postern.Proof) error {
	return s.Store.AddIdentityProof(ctx, phone.ID, postern.IdentityProof{Kind: by, At: s.Now().UTC(), Addr: postern.ActorFrom(ctx).Addr})
}

// Proofs lists what proves who holds a phone.
func (s *Service) Proofs(ctx context.Context, phone postern.PhoneID) ([]postern.IdentityProof, error) {
	return s.Store.IdentityProofs(ctx, phone)
}

// Missing lists the proofs that a passkey on the phone still waits for, in the order in which they are asked for.
func (s *Service) Missing(ctx context.Context, phone postern.Phone, user postern.User) ([]postern.Proof, error) {
	p, err := s.Policy(ctx, phone.IntegrationID)
	if err != nil {
		return nil, err
	}
	given, err := s.Store.IdentityProofs(ctx, phone.ID)
	if err != nil {
		return nil, err
	}
	return missing(p, user, given), nil
}

func missing(p postern.EnrolmentPolicy, user postern.User, given []postern.IdentityProof) []postern.Proof {
	var lack []postern.Proof
	for _, kind := range postern.Proofs {
		need := 0
		switch {
		case kind == postern.ProofApproval:
			need = approvalsNeeded(p, user)
		case slices.Contains(p.Proofs, kind):
			need = 1
		}
		if tally(given, kind) < need {
			lack = append(lack, kind)
		}
	}
	return lack
}

// approvalsNeeded is two for who can take over the tenant, whatever the policy says: their passkey is worth more than
// one person's word. The store lets nobody approve a phone twice.
func approvalsNeeded(p postern.EnrolmentPolicy, user postern.User) int {
	switch {
	case user.Privileged:
		return 2
	case slices.Contains(p.Proofs, postern.ProofApproval):
		return 1
	}
	return 0
}

func tally(given []postern.IdentityProof, kind postern.Proof) int {
	n := 0
	for _, g := range given {
		if g.Kind == kind {
			n++
		}
	}
	return n
}

// Standing says what a phone's user may or must do, and what is missing.
func (s *Service) Standing(ctx context.Context, phone postern.Phone, user postern.User) (postern.PhoneStanding, error) {
	var none postern.PhoneStanding
	p, err := s.Policy(ctx, phone.IntegrationID)
	if err != nil {
		return none, err
	}
	given, err := s.Store.IdentityProofs(ctx, phone.ID)
	if err != nil {
		return none, err
	}
	mode := s.modeUnder(ctx, p, user)
	return postern.PhoneStanding{
		Mode: mode, Missing: missing(p, user, given), Approvals: tally(given, postern.ProofApproval), Needed: approvalsNeeded(p, user),
		// Who was invited by name may ask whatever the mode is.
		CanAsk:      mode != postern.EnrolmentOff || tally(given, postern.ProofCode) > 0,
		Fingerprint: postern.PhoneFingerprint(phone.IdentityKey),
	}, nil
}

// prove adds a proof and has what waited for it go on, in the transaction of ctx.
func (s *Service) prove(ctx context.Context, phone postern.Phone, p postern.IdentityProof) error {
	if err := s.Store.AddIdentityProof(ctx, phone.ID, p); err != nil {
		return err
	}
	s.tell(ctx, phone)
	return s.Proven(ctx, phone.ID)
}
