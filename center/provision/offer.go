package provision

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/job"
)

// OfferJob fetches Entra's creation options for a provisioning and seals them to the phone.
type OfferJob struct {
	Provisioning postern.ProvisioningID `json:"provisioning"`
}

// Kind implements [job.Args].
func (OfferJob) Kind() string { return "provision.offer" }

// Offer handles [OfferJob]. Asking for options changes nothing at Entra, so it is simply repeated.
func (s *Service) Offer(ctx context.Context, args OfferJob) error {
	r, err := s.Store.Provisioning(ctx, args.Provisioning)
	if postern.IsCode(err, postern.CodeNotFound) || err == nil && r.State != postern.ProvisioningRequested {
		return nil
	}
	if err != nil {
		return err
	}
	if r.Carrier != postern.CarrierPhone {
		return nil // its options are asked for by who holds the key
	}
	graph, i, err := s.Integrations.Graph(ctx, r.IntegrationID)
	if err != nil {
		return err
	}
	if i.State != postern.StateEnabled {
		return s.hold(ctx, r, postern.Errorf(postern.CodeIntegrationDisabled, ""))
	}
	phone, err := s.Phones.Phone(ctx, r.PhoneID)
	if err != nil {
		return err
	}
	user, refusal := s.admit(ctx, graph, i, r)
	if refusal != nil {
		return s.settleFailure(ctx, r, refusal)
	}
	if s.Proofs != nil {
		missing, err := s.Proofs.Missing(ctx, phone, user)
		if err != nil {
			return err
		}
		if len(missing) > 0 {
			why := unproven(missing)
			if r.Message != why.Message {
				r.Code = "" // held anew: less is missing than before
			}
			return s.hold(ctx, r, why)
		}
	}
	if err := s.afterOld(ctx, r); err != nil {
		return err
	}
	options, err := graph.CreationOptions(ctx, r.UserObjectID, i.ChallengeTimeout)
	if err != nil {
		return s.settleFailure(ctx, r, err)
	}
	sealed, err := postern.ProvisioningOptions{
		PublicKey: options.PublicKey, Attestation: i.Attestation, ExpiresAt: options.Expires,
	}.Seal(phone.SealKey, r.ID)
	if err != nil {
		return err
	}
	return s.advance(ctx, &r, func(ctx context.Context) error {
		r.State = postern.ProvisioningOffered
		r.Code, r.Message, r.Next = "", "", ""
		r.Sealed, r.RPID, r.UserHandle = sealed, options.RPID, options.UserHandle
		r.ChallengeHash = challengeHash(options)
		expires := options.Expires.UTC()
		r.ExpiresAt = &expires
		if err := s.Store.UpdateProvisioning(ctx, &r); err != nil {
			return err
		}
		if s.Push != nil {
			s.Store.AfterCommit(ctx, func() { s.Push.Offered(r.PhoneID, expires) })
		}
		return s.Audit.Record(ctx, event(audit.ProvisioningOffered, r, "Entra's options wait for the phone.",
			map[string]string{"expires": expires.Format(time.RFC3339)}))
	})
}

// challengeHash is over the challenge in the form in which client data carries it.
func challengeHash(o entra.CreationOptions) []byte {
	sum := sha256.Sum256([]byte(base64.RawURLEncoding.EncodeToString(o.Challenge)))
	return sum[:]
}

// admit checks once more, at the last moment before Entra is asked, that the user may be given a passkey. Where the
// directory may not be read, the permission set says so to whoever chose it.
func (s *Service) admit(ctx context.Context, graph Graph, i postern.Integration, r Record) (postern.User, error) {
	u, err := s.Users.User(ctx, r.UserID)
	if err != nil {
		return u, err
	}
	if err := standing(u); err != nil {
		return u, err
	}
	who, err := graph.User(ctx, r.UserObjectID)
	if postern.IsCode(err, postern.CodeEntraDirectoryClosed) {
		return u, i.Admit(u.UPN, flagsFor(r.Carrier)...)
	}
	if err != nil {
		return u, err
	}
	// By the name of this moment: the user may have come to another domain since the directory was read.
	if err := i.Admit(who.UPN, flagsFor(r.Carrier)...); err != nil {
		return u, err
	}
	u, err = s.noteRoles(ctx, u, who)
	if err != nil {
		return u, err
	}
	if r.Carrier == postern.CarrierWorkstation {
		if err := s.vouchedFor(ctx, r, u); err != nil {
			return u, err
		}
	}
	return u, eligible(who, s.Proofs != nil && r.Carrier != postern.CarrierSecurityKey)
}

// flagsFor are the feature flags that a provisioning needs.
func flagsFor(c postern.Carrier) []postern.Flag {
	switch c {
	case postern.CarrierSecurityKey:
		return []postern.Flag{postern.FlagProvisionAPI}
	case postern.CarrierWorkstation:
		return []postern.Flag{postern.FlagFIDO2MobileAuthenticator, postern.FlagWorkstation, postern.FlagProvisionAPI}
	}
	return []postern.Flag{postern.FlagFIDO2MobileAuthenticator, postern.FlagProvisionAPI}
}

// eligible refuses those for whom Entra registers no passkey, and privileged users where nobody asks two people to vouch
// for them.
func eligible(who postern.DirectoryUser, vouched bool) error {
	switch {
	case who.Guest:
		return postern.Errorf(postern.CodeGuestUser, "")
	case !who.Enabled:
		return postern.Errorf(postern.CodeAccountDisabled, "")
	case who.Privileged && !vouched:
		return postern.Errorf(postern.CodePrivilegedUser, "")
	}
	return nil
}

// advance runs a step in a transaction and tells whoever waits. A step that finds the record changed meanwhile stops
// quietly: whoever changed it decided what happens next.
func (s *Service) advance(ctx context.Context, r *Record, step func(ctx context.Context) error) error {
	err := s.Store.Atomically(ctx, step)
	if postern.IsCode(err, postern.CodeStale) {
		s.Logger.InfoContext(ctx, "provisioning changed meanwhile", "provisioning", r.ID)
		return nil
	}
	if err != nil {
		return err
	}
	s.publish(ctx, r.Provisioning)
	return nil
}

// hold notes why a provisioning waits for a person, without failing it.
func (s *Service) hold(ctx context.Context, r Record, why *postern.Error) error {
	if r.Code == why.Code {
		return nil
	}
	return s.advance(ctx, &r, func(ctx context.Context) error {
		waitFor(&r, why)
		r.UpdatedAt = s.Now().UTC()
		if err := s.Store.UpdateProvisioning(ctx, &r); err != nil {
			return err
		}
		waits := event(audit.ProvisioningWaits, r, why.Message, nil)
		waits.Success, waits.ErrorCode = false, why.Code
		return s.Audit.Record(ctx, waits)
	})
}

// settleFailure decides what an error means for a provisioning: what will pass is waited for, what will not ends it.
func (s *Service) settleFailure(ctx context.Context, r Record, cause error) error {
	e := postern.AsError(cause)
	if passes(e.Code) {
		if err := s.hold(ctx, r, e); err != nil {
			return err
		}
		if e.After > 0 {
			return job.Snooze(e.After)
		}
		return cause
	}
	return s.fail(ctx, r, e)
}

// passes reports whether waiting can help.
func passes(code postern.Code) bool {
	switch code {
	case postern.CodeEntraThrottled, postern.CodeEntraUnavailable, postern.CodeEntraUnreachable,
		postern.CodeEntraTokenRefused, postern.CodeEntraAnswerUnexpected, postern.CodeInternal, postern.CodeUnavailable,
		// The credential of the integration can be mended while the user waits.
		postern.CodeEntraSecretWrong, postern.CodeEntraSecretExpired, postern.CodeEntraCertUnknown,
		postern.CodeCertificateExpired, postern.CodeEntraConsentMissing, postern.CodeEntraPermission:
		return true
	}
	return false
}

func (s *Service) fail(ctx context.Context, r Record, e *postern.Error) error {
	return s.advance(ctx, &r, func(ctx context.Context) error {
		if err := s.end(ctx, &r, postern.ProvisioningFailed, e); err != nil {
			return err
		}
		failed := event(audit.ProvisioningFailed, r, e.Message, nil)
		failed.Success, failed.ErrorCode = false, e.Code
		return s.Audit.Record(ctx, failed)
	})
}

// renew goes back for new options after the challenge ran out. The phone throws its credential away. A security key
// cannot be asked again, because it may be in a drawer by now, and a workstation asks by itself.
func (s *Service) renew(ctx context.Context, r *Record) error {
	if r.Carrier != postern.CarrierPhone {
		return s.lapse(ctx, r)
	}
	if r.Renewals >= maxRenewals {
		return s.end(ctx, r, postern.ProvisioningFailed, postern.Errorf(postern.CodeProvisioningHalted,
			"Entra's challenge ran out %d times before the phone answered.", r.Renewals).
			WithNext("Start the provisioning again when the phone is at hand."))
	}
	r.Renewals++
	r.Posts = 0
	r.State = postern.ProvisioningRequested
	waitFor(r, postern.Errorf(postern.CodeChallengeExpired, ""))
	r.Sealed, r.ChallengeHash, r.ExpiresAt = nil, nil, nil
	r.CredentialID, r.ClientDataJSON, r.AttestationObject, r.AttestationKeyHash = nil, nil, nil, nil
	r.UpdatedAt = s.Now().UTC()
	if err := s.Store.UpdateProvisioning(ctx, r); err != nil {
		return err
	}
	return s.Queue.Enqueue(ctx, OfferJob{r.ID})
}

// maxRenewals bounds how often new options are fetched for one provisioning. They are fetched only when the phone is
// there, so this is a bound on a broken phone, not on a slow user.
const maxRenewals = 50
