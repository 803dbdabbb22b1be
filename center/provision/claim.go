package provision

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/job"
)

// A user may register the phone at Security info by themselves, as any security key. Postern has no part in that, so the
// phone tells of it, and from then on Entra's list is looked at until the passkey is there. The phone's word is only a
// reason to look: what Entra lists under the user decides.

const (
	// lookFirst and lookMost bound the pauses between two looks. In between a pause is a quarter of the claim's age.
	lookFirst, lookMost = 2 * time.Second, time.Minute
	// maxClaims is how many passkeys of one phone are looked for at once.
	maxClaims = 8
	// keepClaims is how long a claim that was given up is told of.
	keepClaims = 14 * 24 * time.Hour
)

// Claim is a phone's word that it made a passkey at Security info.
type Claim struct {
	postern.PasskeyClaim
	PhoneID       postern.PhoneID
	UserID        postern.UserID
	IntegrationID postern.IntegrationID
	Version       int64
}

// ClaimJob looks in Entra's list for the passkey of a claim.
type ClaimJob struct {
	Phone      postern.PhoneID `json:"phone"`
	Credential postern.Bytes   `json:"credential"`
}

// Kind implements [job.Args].
func (ClaimJob) Kind() string { return "provision.claim" }

// Claim stores that a phone made a passkey at Security info, and has it looked for. Telling it again changes nothing,
// but for a claim that was given up: that one is looked for anew.
func (s *Service) Claim(ctx context.Context, id postern.PhoneID, in postern.SelfServicePasskey) error {
	if err := checkClaim(in); err != nil {
		return err
	}
	var phone postern.Phone
	err := s.Store.Atomically(ctx, func(ctx context.Context) (err error) {
		if phone, err = s.Phones.Phone(ctx, id); err != nil {
			return err
		}
		return s.claim(ctx, phone, in.CredentialID)
	})
	if err == nil {
		s.tell(ctx, phone.UserID, phone.ID)
	}
	return err
}

func checkClaim(in postern.SelfServicePasskey) error {
	switch n := len(in.CredentialID); {
	case in.RPID != postern.EntraRPID:
		return postern.FieldErrorf("rp_id", "A passkey of another relying party than %s is none of this control center's business.", postern.EntraRPID).
			WithNext("Tell only of passkeys for Microsoft Entra ID.")
	case n < 16 || n > maxCredentialID: // WebAuthn §4: at least 16 bytes
		return postern.FieldErrorf("credential_id", "The credential id has %d bytes.", n)
	}
	return nil
}

func (s *Service) claim(ctx context.Context, phone postern.Phone, credential []byte) error {
	if phone.State != postern.PhoneActive {
		return postern.Errorf(postern.CodePhoneRevoked, "")
	}
	if known, err := s.knows(ctx, phone, credential); known || err != nil {
		return err
	}
	if err := s.mayClaim(ctx, phone); err != nil {
		return err
	}
	now := s.Now().UTC()
	if err := s.Store.DeleteOldClaims(ctx, phone.ID, now.Add(-keepClaims)); err != nil {
		return err
	}
	claims, err := s.Store.ClaimsOfPhone(ctx, phone.ID)
	if err != nil {
		return err
	}
	c := Claim{PhoneID: phone.ID, UserID: phone.UserID, IntegrationID: phone.IntegrationID, Version: 1, PasskeyClaim: postern.PasskeyClaim{
		CredentialID: credential, State: postern.ClaimLooking, CreatedAt: now, ExpiresAt: now.Add(postern.ClaimWindow),
	}}
	looking, again := 0, false
	for _, old := range claims {
		switch {
		case !bytes.Equal(old.CredentialID, credential):
			if old.State == postern.ClaimLooking {
				looking++
			}
		case old.State == postern.ClaimLooking:
			return nil
		default:
			c.Version, again = old.Version, true
		}
	}
	if looking >= maxClaims {
		return postern.Errorf(postern.CodeTooMany, "%d passkeys of this phone are being looked for already.", looking).
			WithNext("Wait until those are found or given up, then try again.")
	}
	if again {
		err = s.Store.UpdateClaim(ctx, &c)
	} else {
		err = s.Store.CreateClaim(ctx, c)
	}
	if err != nil {
		return err
	}
	if err := s.Queue.Enqueue(ctx, ClaimJob{phone.ID, credential}); err != nil {
		return err
	}
	return s.Audit.Record(ctx, claimEvent(audit.PasskeyClaimed, c, phone.Name, "The phone says that it was registered as a security key at Security info."))
}

// knows reports whether the phone's credential is one that Postern has already, revoked or about to be registered by a
// provisioning. One that lies on another device of the user cannot be the phone's.
func (s *Service) knows(ctx context.Context, phone postern.Phone, credential []byte) (bool, error) {
	stored, err := s.Store.PasskeysOfUser(ctx, phone.UserID)
	if err != nil {
		return false, err
	}
	for _, p := range stored {
		if !bytes.Equal(p.CredentialID, credential) {
			continue
		}
		if p.PhoneID != phone.ID {
			return false, postern.Errorf(postern.CodeConflict, "This passkey lies on another device of the user.").OnField("credential_id").
				WithNext("Nothing to do: that device told of it.")
		}
		return true, nil
	}
	open, err := s.Store.OpenProvisionings(ctx, phone.ID)
	return slices.ContainsFunc(open, func(r Record) bool { return bytes.Equal(r.CredentialID, credential) }), err
}

func (s *Service) mayClaim(ctx context.Context, phone postern.Phone) error {
	i, err := s.Integrations.Get(ctx, phone.IntegrationID)
	if err != nil {
		return err
	}
	u, err := s.Users.User(ctx, phone.UserID)
	if err != nil {
		return err
	}
	switch u.Phase {
	case postern.PhaseSuspended:
		return postern.Errorf(postern.CodeUserSuspended, "")
	case postern.PhaseRevoked:
		return postern.Errorf(postern.CodeUserRevoked, "")
	}
	return i.Admit(u.UPN, postern.FlagFIDO2MobileAuthenticator)
}

// Look handles [ClaimJob]. Looking changes nothing at Entra, so it is simply repeated: until the passkey is listed, or
// the time is over and Entra was asked once more. A DISABLED integration and a revoked phone are no reason to stop, for
// a passkey that Entra has must be known here to be taken away.
func (s *Service) Look(ctx context.Context, args ClaimJob) error {
	c, err := s.Store.Claim(ctx, args.Phone, args.Credential)
	if postern.IsCode(err, postern.CodeNotFound) || err == nil && c.State != postern.ClaimLooking {
		return nil
	}
	if err != nil {
		return err
	}
	h, err := s.holdings(ctx, c.UserID)
	switch {
	case isGone(err):
		return s.giveClaimUp(ctx, c, postern.AsError(err))
	case err != nil:
		return retryLater(err)
	}
	passkey, found := h.claimed(c, s.Now())
	switch now := s.Now(); {
	case found && !mayBeOurs(passkey):
		return s.giveClaimUp(ctx, c, postern.Errorf(postern.CodeCredentialRefused, "The passkey at Microsoft was not made by Postern's authenticator.").
			WithNext("Remove it at Security info, and add the phone as a security key again."))
	case found:
		return s.adopt(ctx, h.user, c.PhoneID, passkey, c.CredentialID)
	case !now.Before(c.ExpiresAt):
		return s.giveClaimUp(ctx, c, postern.Errorf(postern.CodePasskeyNotListed, ""))
	default:
		return job.Snooze(min(max(now.Sub(c.CreatedAt)/4, lookFirst), lookMost))
	}
}

// LookGivenUp is called when Entra could not be asked for so long that no attempt is left.
func (s *Service) LookGivenUp(ctx context.Context, args ClaimJob, cause error) error {
	c, err := s.Store.Claim(ctx, args.Phone, args.Credential)
	if postern.IsCode(err, postern.CodeNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.giveClaimUp(ctx, c, postern.AsError(cause))
}

func (s *Service) giveClaimUp(ctx context.Context, c Claim, why *postern.Error) error {
	if c.State != postern.ClaimLooking {
		return nil
	}
	err := s.Store.Atomically(ctx, func(ctx context.Context) error {
		c := c
		c.State, c.Code, c.Message, c.Next = postern.ClaimGivenUp, why.Code, why.Message, why.Next
		if err := s.Store.UpdateClaim(ctx, &c); err != nil {
			return err
		}
		ended := claimEvent(audit.PasskeyClaimEnded, c, "", why.Message)
		ended.Success, ended.ErrorCode = false, why.Code
		return s.Audit.Record(ctx, ended)
	})
	if postern.IsCode(err, postern.CodeStale) || postern.IsCode(err, postern.CodeNotFound) {
		return nil // found, or told anew, meanwhile
	}
	if err == nil {
		s.tell(ctx, c.UserID, c.PhoneID)
	}
	return err
}

// Claims are what a phone says it registered and Entra does not list, given up not too long ago or still looked for.
func (s *Service) Claims(ctx context.Context, phone postern.PhoneID) ([]postern.PasskeyClaim, error) {
	claims, err := s.Store.ClaimsOfPhone(ctx, phone)
	var out []postern.PasskeyClaim
	for _, c := range claims {
		if c.State == postern.ClaimLooking || s.Now().Before(c.ExpiresAt.Add(keepClaims)) {
			out = append(out, c.PasskeyClaim)
		}
	}
	return out, err
}

func claimEvent(code audit.Code, c Claim, name, message string) postern.AuditEvent {
	return postern.AuditEvent{
		Code: code.Code, Name: code.Name, IntegrationID: c.IntegrationID, Target: string(c.PhoneID), TargetName: name,
		Success: true, Message: message, Fields: map[string]string{"user": string(c.UserID), "phone": string(c.PhoneID)},
	}
}
