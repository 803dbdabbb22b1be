package device

import (
	"context"
	"crypto/ed25519"
	"log/slog"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/backbone"
	"github.com/postern/postern/center/seal"
)

// Topic is what is published on the backbone when a phone has news.
func Topic(id postern.PhoneID) string { return "phone/" + string(id) }

// Integrations reads integrations.
type Integrations interface {
	Get(ctx context.Context, id postern.IntegrationID) (postern.Integration, error)
}

// Users is what enrolment needs of package lifecycle.
type Users interface {
	User(ctx context.Context, id postern.UserID) (postern.User, error)
	Verify(ctx context.Context, code string) (postern.Invitation, error)
	Use(ctx context.Context, inv postern.Invitation) error
	Settle(ctx context.Context, id postern.UserID) error
}

// Tickets is what enrolling without a code needs of package enrolment.
type Tickets interface {
	// Holder is the user of a ticket that may be used.
	Holder(ctx context.Context, ticket string) (postern.UserID, error)
	// Spend uses a ticket up, in the transaction of ctx.
	Spend(ctx context.Context, ticket string) error
}

// Installs is what enrolling with an install token needs of package desktop.
type Installs interface {
	// Bearer is the token that a value is of, whatever its state.
	Bearer(ctx context.Context, value string) (postern.InstallToken, error)
	// Spend counts a use in the transaction of ctx, and fails where the token may not be used any more.
	Spend(ctx context.Context, id postern.InstallTokenID) error
	// Needed reports whether agents of an integration enrol with an install token alone.
	Needed(ctx context.Context, integration postern.IntegrationID) (bool, error)
}

// Offline is what devices are told of package offline, and what it is told of pairings.
type Offline interface {
	// Offer is what the workstation of a pairing is told; nil where it is off, or may not be.
	Offer(ctx context.Context, p postern.Pairing) (*postern.OfflineOffer, error)
	// OfPairing is what its phone is told; nil where there never was anything.
	OfPairing(ctx context.Context, p postern.Pairing) (*postern.OfflineAnswer, error)
	// PairingEnded takes away what there is, in the transaction in which a pairing ends.
	PairingEnded(ctx context.Context, p postern.Pairing) error
}

// Service is everything that can be done with phones, workstations and pairings. All fields are needed.
type Service struct {
	Store        Store
	Integrations Integrations
	Users        Users
	Sealer       seal.Sealer
	Audit        audit.Recorder
	Notices      backbone.Backbone
	Logger       *slog.Logger
	Now          func() time.Time

	Tickets  Tickets  // nil: phones are enrolled with codes alone
	Installs Installs // nil: workstations are enrolled without install tokens
	Offline  Offline  // nil: nobody signs in offline
	// Proved is told in the transaction that creates a phone what proved who its user is.
	Proved func(ctx context.Context, p postern.Phone, by postern.Proof) error
	// Enrolled is called in the transaction that creates a phone, so that a passkey is asked for with it.
	Enrolled func(ctx context.Context, p postern.Phone) error
}

// Enrol makes a phone known: the one-time code proves the user, the signature proves the phone's key. Pairing works
// while the integration is DISABLED; what then does not work is told by the phone's notice.
func (s *Service) Enrol(ctx context.Context, in postern.PhoneEnrolment) (postern.Phone, error) {
	var none postern.Phone
	if err := checkEnrolment(&in); err != nil {
		return none, err
	}
	inv, user, err := s.vouched(ctx, in)
	if err != nil {
		return none, err
	}
	u, err := s.Users.User(ctx, user)
	if err != nil {
		return none, err
	}
	i, err := s.Integrations.Get(ctx, u.IntegrationID)
	if err != nil {
		return none, err
	}
	if err := i.Admit(u.UPN, postern.FlagFIDO2MobileAuthenticator); err != nil {
		return none, err
	}
	if in.Assurance != postern.AssuranceGated && !i.AllowLowAssurance {
		return none, postern.Errorf(postern.CodePhoneAssurance, "").OnField("assurance")
	}
	now := s.Now().UTC()
	p := postern.Phone{
		ID: postern.NewID[postern.PhoneID](postern.PrefixPhone), IntegrationID: i.ID, UserID: u.ID, Version: 1,
		Name: in.Name, Platform: in.Platform, State: postern.PhoneActive, Assurance: in.Assurance,
		IdentityKey: in.IdentityKey, SealKey: in.SealKey, CreatedAt: now, LastSeenAt: &now,
	}
	ctx = postern.WithActor(ctx, phoneActor(ctx, p))
	err = s.Store.Atomically(ctx, func(ctx context.Context) error {
		if err := s.spend(ctx, in, inv); err != nil {
			return err
		}
		if err := s.Store.CreatePhone(ctx, p); err != nil {
			return err
		}
		if err := s.Users.Settle(ctx, u.ID); err != nil {
			return err
		}
		if s.Proved != nil {
			if err := s.Proved(ctx, p, in.By()); err != nil {
				return err
			}
		}
		if s.Enrolled != nil {
			if err := s.Enrolled(ctx, p); err != nil {
				return err
			}
		}
		if err := s.noteUse(ctx, in, inv, u, p); err != nil {
			return err
		}
		return s.Audit.Record(ctx, event(audit.PhoneEnrolled, p, "A phone was enrolled for "+u.UPN+".",
			map[string]string{"user": string(u.ID), "platform": p.Platform, "assurance": string(p.Assurance)}))
	})
	if err != nil {
		return none, err
	}
	s.Notices.Publish(Topic(p.ID))
	return p, nil
}

// vouched finds the user whom a code or a ticket stands for; with a code, its invitation.
func (s *Service) vouched(ctx context.Context, in postern.PhoneEnrolment) (postern.Invitation, postern.UserID, error) {
	if in.Ticket == "" {
		inv, err := s.Users.Verify(ctx, in.Code)
		return inv, inv.UserID, err
	}
	if s.Tickets == nil {
		return postern.Invitation{}, "", postern.Errorf(postern.CodeEnrolmentOff, "")
	}
	user, err := s.Tickets.Holder(ctx, in.Ticket)
	return postern.Invitation{}, user, err
}

// spend uses the code or the ticket up, in the transaction of ctx.
func (s *Service) spend(ctx context.Context, in postern.PhoneEnrolment, inv postern.Invitation) error {
	if in.Ticket != "" {
		return s.Tickets.Spend(ctx, in.Ticket)
	}
	return s.Users.Use(ctx, inv)
}

// noteUse audits that a code was used. A ticket was audited when it was given.
func (s *Service) noteUse(ctx context.Context, in postern.PhoneEnrolment, inv postern.Invitation, u postern.User, p postern.Phone) error {
	if in.Ticket != "" {
		return nil
	}
	used := event(audit.InvitationUsed, p, "The one-time code was used to enrol a phone.", map[string]string{"invitation": string(inv.ID)})
	used.Target, used.TargetName = string(u.ID), u.UPN
	return s.Audit.Record(ctx, used)
}

func checkEnrolment(in *postern.PhoneEnrolment) error {
	in.Name = strings.TrimSpace(in.Name)
	switch {
	case in.Ticket != "" && in.Code != "":
		return postern.FieldErrorf("ticket", "A phone is enrolled with a code or with a ticket, not with both.")
	case in.Name == "" || len(in.Name) > 60:
		return postern.FieldErrorf("name", "A phone needs a name of 1 to 60 bytes.")
	case len(in.Platform) > 120:
		return postern.FieldErrorf("platform", "The platform is longer than 120 bytes.")
	case !postern.Showable(in.Name):
		return unshowable("name")
	case !postern.Showable(in.Platform):
		return unshowable("platform")
	case len(in.IdentityKey) != ed25519.PublicKeySize:
		return postern.FieldErrorf("identity_key", "The identity key is not an Ed25519 public key of 32 bytes.")
	case len(in.SealKey) != 32:
		return postern.FieldErrorf("seal_key", "The seal key is not an X25519 public key of 32 bytes.")
	}
	switch in.Assurance {
	case postern.AssuranceGated, postern.AssuranceFile, postern.AssuranceNone:
	default:
		return postern.FieldErrorf("assurance", "There is no assurance %q.", in.Assurance)
	}
	if !ed25519.Verify(ed25519.PublicKey(in.IdentityKey), postern.EnrolmentMessage(in.Secret(), in.IdentityKey, in.SealKey), in.Proof) {
		return postern.Errorf(postern.CodePhoneProof, "").OnField("proof")
	}
	return nil
}

// Phones lists the phones of a user, newest first.
func (s *Service) Phones(ctx context.Context, user postern.UserID) ([]postern.Phone, error) {
	return s.Store.Phones(ctx, user)
}

// Phone returns one phone.
func (s *Service) Phone(ctx context.Context, id postern.PhoneID) (postern.Phone, error) {
	return s.Store.Phone(ctx, id)
}

// MarkRevoked cuts a phone off and ends its pairings, in the transaction of ctx: from its commit on no request of the
// phone is let in. What becomes of its passkeys is the caller's part of the same transaction. It reports false when that was so already.
func (s *Service) MarkRevoked(ctx context.Context, id postern.PhoneID) (postern.Phone, bool, error) {
	p, err := s.Store.Phone(ctx, id)
	if err != nil || p.State == postern.PhoneRevoked {
		return p, false, err
	}
	now := s.Now().UTC()
	p.State, p.RevokedAt = postern.PhoneRevoked, &now
	if err := s.Store.UpdatePhone(ctx, &p); err != nil {
		return p, false, err
	}
	ended, err := s.Store.EndPairingsOfPhone(ctx, id, now, postern.PairingEndPhoneRevoked)
	if err != nil {
		return p, false, err
	}
	if err := s.tellEnded(ctx, ended); err != nil {
		return p, false, err
	}
	s.Store.AfterCommit(ctx, func() { s.Notices.Publish(Topic(id)) })
	return p, true, s.Audit.Record(ctx, event(audit.PhoneRevoked, p, "The phone was revoked and is cut off.", nil))
}

// phoneActor is the phone as the one who acts, with the address of whoever was there before.
func phoneActor(ctx context.Context, p postern.Phone) postern.Actor {
	return postern.Actor{Kind: postern.ActorPhone, ID: string(p.ID), Name: p.Name, Addr: postern.ActorFrom(ctx).Addr}
}

func event(code audit.Code, p postern.Phone, message string, fields map[string]string) postern.AuditEvent {
	return postern.AuditEvent{
		Code: code.Code, Name: code.Name, IntegrationID: p.IntegrationID, Target: string(p.ID), TargetName: p.Name,
		Success: true, Message: message, Fields: fields,
	}
}
