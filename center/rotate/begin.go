package rotate

import (
	"context"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/entra"
)

// Begin begins a rotation. What an administrator has to do is asked for at once.
func (s *Service) Begin(ctx context.Context, id postern.IntegrationID, in postern.RotationInput) (postern.Rotation, error) {
	r, err := s.begin(ctx, id, in, false)
	if err != nil || r.Way != postern.RotationByAdministrator {
		return r, err
	}
	signing, err := s.SignIn(ctx, id, postern.RotationAct{Version: r.Version})
	if err != nil { // the rotation stands and says itself what it waits for
		s.Logger.WarnContext(ctx, "an administrator's sign-in could not be begun", "rotation", r.ID, "err", err)
		return r, nil
	}
	return signing, nil
}

func (s *Service) begin(ctx context.Context, id postern.IntegrationID, in postern.RotationInput, automatic bool) (postern.Rotation, error) {
	var none postern.Rotation
	i, err := s.Integrations.Get(ctx, id)
	if err != nil {
		return none, err
	}
	if i.Version != in.Version {
		return none, postern.Errorf(postern.CodeStale, "")
	}
	set, err := s.Settings(ctx, id)
	if err != nil {
		return none, err
	}
	r, v, err := s.draft(i, in, set)
	if err != nil {
		return none, err
	}
	r.Automatic = automatic
	if err := s.seal(ctx, &r, v); err != nil {
		return none, err
	}
	err = s.Store.Atomically(ctx, func(ctx context.Context) error {
		now, err := s.Integrations.Get(ctx, id)
		if err != nil {
			return err
		}
		if now.Version != in.Version {
			return postern.Errorf(postern.CodeStale, "")
		}
		if err := s.Store.CreateRotation(ctx, r); err != nil {
			if postern.IsCode(err, postern.CodeConflict) {
				return postern.Errorf(postern.CodeRotationBusy, "")
			}
			return err
		}
		if err := s.Queue.Enqueue(ctx, CarryJob{r.ID}); err != nil {
			return err
		}
		s.tell(ctx, id)
		return s.Audit.Record(ctx, event(audit.RotationBegun, i, "", s.fields(r)))
	})
	return r.Rotation, err
}

// draft makes a rotation, and the new certificate where it is one.
func (s *Service) draft(i postern.Integration, in postern.RotationInput, set postern.RotationSettings) (Record, secrets, error) {
	now := s.Now().UTC()
	if i.Credential.Kind == postern.CredentialServiceAccount {
		return Record{}, secrets{}, postern.Errorf(postern.CodeConflict, "The integration signs in with a service account and its password, which Postern does not rotate.").
			WithNext("Give the integration a certificate: edit it and choose Certificate, or prepare the tenant with postern entra setup.")
	}
	if in.To == "" {
		in.To = i.Credential.Kind
	}
	life := time.Duration(in.Days) * 24 * time.Hour
	switch in.To {
	case postern.CredentialCertificate:
		if life == 0 {
			life = certificateLife
		}
	case postern.CredentialSecret:
		if in.ByHand {
			return Record{}, secrets{}, postern.FieldErrorf("by_hand", "A client secret that somebody makes by hand is entered in the integration's settings.").
				WithNext("Make the secret in the Entra admin center, and put it into the form of the integration; or rotate to a certificate.")
		}
		if life == 0 {
			life = secretLife
		}
	default:
		return Record{}, secrets{}, postern.FieldErrorf("to", "A credential can be rotated to a certificate or to a client_secret, not to %q.", in.To)
	}
	if life < 24*time.Hour || life > maxLife {
		return Record{}, secrets{}, postern.FieldErrorf("days", "A new credential is good for 1 to 730 days.")
	}
	ends := now.Add(life).Truncate(time.Second)
	r := Record{Rotation: postern.Rotation{
		ID: postern.NewID[postern.RotationID](postern.PrefixRotation), IntegrationID: i.ID, Version: 1, State: postern.RotationAdding,
		Way: way(i, in, now), From: i.Credential, To: in.To, OverlapHours: set.OverlapHours, EndsAt: &ends, CreatedAt: now, UpdatedAt: now,
	}}
	r.Progress.Since = now
	if in.Now {
		r.OverlapHours = 0
	}
	switch r.Way {
	case postern.RotationByHand:
		r.State = postern.RotationProving
	case postern.RotationByAdministrator:
		r.State, r.Problem = postern.RotationWaiting, problem(postern.Errorf(postern.CodeRotationAdministrator, ""))
	}
	var v secrets
	if in.To == postern.CredentialCertificate {
		certificate, key, err := entra.MakeCertificate("Postern "+i.ApplicationName, now, life)
		if err != nil {
			return r, v, err
		}
		info, _, err := entra.ParseCertificate(certificate, key, now)
		if err != nil {
			return r, v, err
		}
		info.Warnings = nil
		r.Certificate, r.PEM, r.EndsAt = &info, string(certificate), &info.NotAfter
		v.Certificate, v.PrivateKey = string(certificate), string(key)
	}
	return r, v, nil
}

// way decides who registers the new credential. The application can do so for a certificate alone, while it has one that
// is good.
func way(i postern.Integration, in postern.RotationInput, now time.Time) postern.RotationWay {
	switch old := i.Credential.Certificate; {
	case in.ByHand:
		return postern.RotationByHand
	case in.SignIn, in.To != postern.CredentialCertificate, i.Credential.Kind != postern.CredentialCertificate, old == nil, !now.Before(old.NotAfter):
		return postern.RotationByAdministrator
	}
	return postern.RotationBySelf
}

// current returns the rotation of an integration that is under way, as a person saw it.
func (s *Service) current(ctx context.Context, id postern.IntegrationID, version int64, states ...postern.RotationState) (Record, postern.Integration, error) {
	i, err := s.Integrations.Get(ctx, id)
	if err != nil {
		return Record{}, i, err
	}
	r, err := s.Store.LastRotation(ctx, id)
	if postern.IsCode(err, postern.CodeNotFound) {
		return r, i, postern.Errorf(postern.CodeRotationState, "The credential of %s is not being rotated.", i.ApplicationName).
			WithNext("Begin a rotation first.")
	}
	if err != nil {
		return r, i, err
	}
	for _, state := range states {
		if r.State != state {
			continue
		}
		if r.Version != version {
			return r, i, postern.Errorf(postern.CodeStale, "")
		}
		return r, i, nil
	}
	return r, i, postern.Errorf(postern.CodeRotationState, "The rotation is %s.", r.State)
}

// Cancel takes the new credential away. Once it is in use there is nothing to take back.
func (s *Service) Cancel(ctx context.Context, id postern.IntegrationID, act postern.RotationAct) (postern.Rotation, error) {
	var out postern.Rotation
	err := s.Store.Atomically(ctx, func(ctx context.Context) error {
		r, _, err := s.current(ctx, id, act.Version, postern.RotationWaiting, postern.RotationSigningIn, postern.RotationAdding, postern.RotationProving)
		if err != nil {
			return err
		}
		r.Problem = nil
		err = s.undo(ctx, &r, postern.RotationCancelled)
		out = r.Rotation
		return err
	})
	return out, err
}

// Finish ends the overlap now.
func (s *Service) Finish(ctx context.Context, id postern.IntegrationID, act postern.RotationAct) (postern.Rotation, error) {
	var out postern.Rotation
	err := s.Store.Atomically(ctx, func(ctx context.Context) error {
		r, _, err := s.current(ctx, id, act.Version, postern.RotationOverlap)
		if err != nil {
			return err
		}
		now := s.Now().UTC()
		r.OverlapUntil = &now
		if err := s.save(ctx, &r); err != nil {
			return err
		}
		out = r.Rotation
		return s.Queue.Enqueue(ctx, CarryJob{r.ID})
	})
	return out, err
}
