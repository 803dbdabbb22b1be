package enrolment

import (
	"context"
	"slices"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

// Approvals lists the phones of an integration that wait for somebody to vouch for their users, the longest waiting
// first.
func (s *Service) Approvals(ctx context.Context, id postern.IntegrationID) ([]postern.AwaitedApproval, error) {
	phones, err := s.Store.PhonesAwaitingProof(ctx, id)
	if err != nil {
		return nil, err
	}
	waiting := []postern.AwaitedApproval{}
	for _, phone := range phones {
		r, err := s.request(ctx, phone)
		if err != nil {
			return nil, err
		}
		if slices.Contains(r.Missing, postern.ProofApproval) {
			waiting = append(waiting, r)
		}
	}
	return waiting, nil
}

// Approval is what is known of one phone, for who is asked to vouch for its user.
func (s *Service) Approval(ctx context.Context, id postern.PhoneID) (postern.AwaitedApproval, error) {
	phone, err := s.Store.Phone(ctx, id)
	if err != nil {
		return postern.AwaitedApproval{}, err
	}
	return s.request(ctx, phone)
}

func (s *Service) request(ctx context.Context, phone postern.Phone) (postern.AwaitedApproval, error) {
	out := postern.AwaitedApproval{Phone: phone, Fingerprint: postern.PhoneFingerprint(phone.IdentityKey)}
	p, err := s.Policy(ctx, phone.IntegrationID)
	if err != nil {
		return out, err
	}
	if out.User, err = s.Store.User(ctx, phone.UserID); err != nil {
		return out, err
	}
	if out.Proofs, err = s.Store.IdentityProofs(ctx, phone.ID); err != nil {
		return out, err
	}
	out.Missing, out.Needed = missing(p, out.User, out.Proofs), approvalsNeeded(p, out.User)
	for _, g := range out.Proofs {
		if g.Kind != postern.ProofApproval && out.Addr == "" {
			out.Addr = g.Addr
		}
	}
	invitations, err := s.Store.Invitations(ctx, phone.UserID)
	if err != nil {
		return out, err
	}
	for _, inv := range invitations {
		if inv.State == postern.InvitationUsed {
			out.InvitedBy = inv.InvitedBy
			break
		}
	}
	return out, nil
}

// Approve vouches for the user of a phone, with a reason. One person vouches once for a phone, by session or by token:
// where two are needed, the second is somebody else.
func (s *Service) Approve(ctx context.Context, id postern.PhoneID, in postern.ApprovalInput) (postern.AwaitedApproval, error) {
	var out postern.AwaitedApproval
	reason, err := reasonOf(in)
	if err != nil {
		return out, err
	}
	by := s.Person(ctx)
	if by == "" {
		return out, postern.Errorf(postern.CodeForbidden, "A token that belongs to nobody cannot vouch for a person.").
			WithNext("Approve in the console, or with a token of an administrator.")
	}
	err = s.Store.Atomically(ctx, func(ctx context.Context) error {
		phone, err := s.Store.Phone(ctx, id)
		if err != nil {
			return err
		}
		if phone.State != postern.PhoneActive {
			return postern.Errorf(postern.CodePhoneRevoked, "The phone was revoked, so there is nothing to approve.").WithNext("Invite the user again if that is wanted.")
		}
		actor := postern.ActorFrom(ctx)
		err = s.prove(ctx, phone, postern.IdentityProof{
			Kind: postern.ProofApproval, At: s.Now().UTC(), ByID: string(by), ByName: actor.Name, Note: reason, Addr: actor.Addr,
		})
		if postern.IsCode(err, postern.CodeConflict) {
			return postern.Errorf(postern.CodeApprovalRepeated, "")
		}
		if err != nil {
			return err
		}
		if out, err = s.request(ctx, phone); err != nil {
			return err
		}
		return s.Audit.Record(ctx, event(audit.PhoneApproved, phone, actor.Name+" vouched for "+out.User.UPN+".", map[string]string{
			"reason": reason, "fingerprint": out.Fingerprint, "still_missing": joined(out.Missing),
		}))
	})
	return out, err
}

// Reject refuses to vouch for the user of a phone: the phone is revoked.
func (s *Service) Reject(ctx context.Context, id postern.PhoneID, in postern.ApprovalInput) (postern.Phone, error) {
	var phone postern.Phone
	reason, err := reasonOf(in)
	if err != nil {
		return phone, err
	}
	err = s.Store.Atomically(ctx, func(ctx context.Context) error {
		was, err := s.Store.Phone(ctx, id)
		if err != nil {
			return err
		}
		if was.State != postern.PhoneActive {
			return postern.Errorf(postern.CodePhoneRevoked, "The phone was revoked already.").WithNext("There is nothing left to reject.")
		}
		if phone, err = s.Revoke(ctx, id); err != nil {
			return err
		}
		return s.Audit.Record(ctx, event(audit.PhoneRejected, was, "The phone was rejected: "+reason, map[string]string{"reason": reason}))
	})
	return phone, err
}

func reasonOf(in postern.ApprovalInput) (string, error) {
	reason := strings.TrimSpace(in.Reason)
	if reason == "" || len(reason) > postern.MaxProofNote {
		return "", postern.FieldErrorf("reason", "Say in 1 to %d bytes how you know, or why not.", postern.MaxProofNote)
	}
	if !postern.Showable(reason) {
		return "", postern.FieldErrorf("reason", "The reason holds characters that cannot be shown.")
	}
	return reason, nil
}

func joined(proofs []postern.Proof) string {
	words := make([]string, len(proofs))
	for n, p := range proofs {
		words[n] = string(p)
	}
	return strings.Join(words, ", ")
}
