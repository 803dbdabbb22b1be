package rotate

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/job"
)

// leaf reads the new certificate.
func (v secrets) leaf() (*x509.Certificate, error) {
	block, _ := pem.Decode([]byte(v.Certificate))
	if block == nil {
		return nil, postern.Errorf(postern.CodeInternal, "The new certificate is gone.")
	}
	return x509.ParseCertificate(block.Bytes)
}

// adding registers the new credential with Entra. What was sent before and perhaps done is looked for first.
func (s *Service) adding(ctx context.Context, r *Record, i postern.Integration) error {
	if !i.Credential.SetAt.Equal(r.From.SetAt) {
		r.Problem = problem(replaced())
		return s.undo(ctx, r, postern.RotationFailed)
	}
	v, err := s.unseal(ctx, r)
	if err != nil {
		return err
	}
	tenant, err := s.opened(ctx, r, i, v)
	if err != nil {
		return s.refusedOr(ctx, r, i, err)
	}
	reg, err := tenant.AppRegistration(ctx, i.ClientID)
	if err != nil {
		return s.refusedOr(ctx, r, i, err)
	}
	r.Progress.ObjectID = reg.ObjectID
	if r.Progress.OldKeyID, err = s.old(ctx, r, i, reg); err != nil {
		return err
	}
	if r.To == postern.CredentialSecret {
		return s.addSecret(ctx, r, i, v, tenant, reg)
	}
	leaf, err := v.leaf()
	if err != nil {
		return err
	}
	if key, ok := reg.KeyOf(leaf); ok {
		r.Progress.KeyID = key.KeyID
		return s.enter(ctx, r, postern.RotationProving)
	}
	if err := s.intend(ctx, r); err != nil {
		return err
	}
	if r.Way == postern.RotationBySelf {
		r.Progress.KeyID, err = tenant.AddOwnKey(ctx, reg.ObjectID, leaf.Raw)
	} else {
		err = s.setKeys(ctx, tenant, reg.ObjectID, append(reg.Keys, entra.RegisteredKey{Name: "Postern", Certificate: leaf.Raw}))
	}
	if err != nil {
		return s.refusedOr(ctx, r, i, err)
	}
	return s.enter(ctx, r, postern.RotationProving)
}

// setKeys writes the certificates of a registration. Entra may not take those again that have ended, which are of use to
// nobody; then they are left out.
func (s *Service) setKeys(ctx context.Context, tenant *entra.Tenant, objectID string, keys []entra.RegisteredKey) error {
	err := tenant.SetKeys(ctx, objectID, keys)
	if !postern.IsCode(err, postern.CodeEntraRefused) {
		return err
	}
	good := slices.DeleteFunc(slices.Clone(keys), func(k entra.RegisteredKey) bool {
		return k.KeyID != "" && !k.Ends.IsZero() && !s.Now().Before(k.Ends)
	})
	if len(good) == len(keys) {
		return err
	}
	return tenant.SetKeys(ctx, objectID, good)
}

func replaced() error {
	return postern.Errorf(postern.CodeStale, "Somebody gave the integration another credential meanwhile.").
		WithNext("Nothing needs to be done. Begin another rotation if that one is to be replaced, too.")
}

// opened is the connector that registers the new credential.
func (s *Service) opened(ctx context.Context, r *Record, i postern.Integration, v secrets) (*entra.Tenant, error) {
	if r.Way == postern.RotationByAdministrator {
		return s.administrator(i, r, v)
	}
	tenant, _, err := s.Integrations.Tenant(ctx, i.ID)
	return tenant, err
}

// refusedOr has the rotation wait for a person after a refusal; other errors are tried again.
func (s *Service) refusedOr(ctx context.Context, r *Record, i postern.Integration, err error) error {
	if !refused(err) {
		return err
	}
	if r.Way == postern.RotationBySelf {
		cause := postern.AsError(err)
		r.Progress.Private = r.Progress.Private || cause.Code == postern.CodeEntraPermission
		err = postern.Errorf(postern.CodeRotationAdministrator, "The application cannot renew its certificate by itself: %s", cause.Message)
	}
	r.Progress.Sent = 0 // what was refused was not done
	return s.wait(ctx, r, i, err)
}

// intend keeps that the new credential will be sent, unless an answer before may have been lost.
func (s *Service) intend(ctx context.Context, r *Record) error {
	p := &r.Progress
	if p.Sent > 0 {
		if left := doubt - s.Now().Sub(p.SentAt); left > 0 {
			return job.Snooze(min(left, lastLook))
		}
	}
	p.Sent++
	p.SentAt = s.Now().UTC()
	return s.save(ctx, r)
}

// marker is the name of a secret, by which one is found again whose value nobody knows.
func marker(r *Record) string { return "Postern " + string(r.ID) }

// addSecret makes a secret. One whose answer was lost is of no use, and is removed before another is made.
func (s *Service) addSecret(ctx context.Context, r *Record, i postern.Integration, v secrets, tenant *entra.Tenant, reg entra.AppRegistration) error {
	lost := false
	for _, secret := range reg.Secrets {
		if secret.Name != marker(r) {
			continue
		}
		if err := tenant.RemoveSecret(ctx, reg.ObjectID, secret.KeyID); err != nil {
			return s.refusedOr(ctx, r, i, err)
		}
		lost = true
	}
	if lost {
		r.Progress.Sent = 0
	}
	if err := s.intend(ctx, r); err != nil {
		return err
	}
	secret, err := tenant.AddSecret(ctx, reg.ObjectID, marker(r), *r.EndsAt)
	if err != nil {
		return s.refusedOr(ctx, r, i, err)
	}
	v.ClientSecret = secret.Text
	if err := s.seal(ctx, r, v); err != nil {
		return err
	}
	r.Progress.KeyID = secret.KeyID
	if !secret.Ends.IsZero() {
		ends := secret.Ends.UTC()
		r.EndsAt = &ends
	}
	return s.enter(ctx, r, postern.RotationProving)
}

// old finds the credential in use in the registration; empty where it cannot be told from others.
func (s *Service) old(ctx context.Context, r *Record, i postern.Integration, reg entra.AppRegistration) (string, error) {
	if r.From.Kind == postern.CredentialCertificate && r.From.Certificate != nil {
		for _, k := range reg.Keys {
			if sameID(k.Thumbprint, r.From.Certificate.Thumbprint) {
				return k.KeyID, nil
			}
		}
		return "", nil
	}
	hint, err := s.Integrations.SecretHint(ctx, i.ID)
	if err != nil {
		return "", err
	}
	secret, ok := secretOf(reg, hint, marker(r))
	if !ok {
		return "", nil
	}
	return secret.KeyID, nil
}

// secretOf finds the one secret that begins so.
func secretOf(reg entra.AppRegistration, hint, but string) (found entra.RegisteredSecret, ok bool) {
	for _, secret := range reg.Secrets {
		if hint == "" || secret.Hint != hint || secret.Name == but {
			continue
		}
		if ok {
			return entra.RegisteredSecret{}, false
		}
		found, ok = secret, true
	}
	return found, ok
}

// proving buys tokens with the new credential until Entra gives one, and then switches to it.
func (s *Service) proving(ctx context.Context, r *Record, i postern.Integration) error {
	v, err := s.unseal(ctx, r)
	if err != nil {
		return err
	}
	o := s.Integrations.Options(i)
	o.Credential = v.credential(r.To)
	candidate, err := entra.Open(o)
	if err != nil {
		return err
	}
	err = candidate.Prove(ctx)
	waited := s.Now().Sub(r.Progress.Since)
	switch {
	case err == nil:
		return s.switchTo(ctx, r, i, v)
	case entra.Unproven(err) && r.Way == postern.RotationByHand && waited < handPatience:
		return job.Snooze(pause(waited, handLook))
	case entra.Unproven(err) && r.Way != postern.RotationByHand && waited < provePatience:
		return job.Snooze(pause(waited, lastLook))
	case entra.Unproven(err) && r.Way == postern.RotationByHand:
		r.Problem = problem(postern.Errorf(postern.CodeRotationUnproven, "Nobody uploaded the new certificate within seven days."))
	case entra.Unproven(err) || refused(err):
		r.Problem = problem(postern.Errorf(postern.CodeRotationUnproven, "Entra does not accept the new credential: %s", postern.AsError(err).Message))
	default:
		return err
	}
	return s.undo(ctx, r, postern.RotationFailed)
}

// switchTo has the integration use the new credential.
func (s *Service) switchTo(ctx context.Context, r *Record, i postern.Integration, v secrets) error {
	now := s.Now().UTC()
	info := postern.Credential{Kind: r.To, Certificate: r.Certificate, SetAt: now}
	if r.To == postern.CredentialSecret {
		info.EndsAt = r.EndsAt
	}
	until := now.Add(time.Duration(r.OverlapHours) * time.Hour)
	if byAdministrator(*r) && v.signedIn(s.Now()) {
		// Nobody but the administrator who is signed in may remove the old one, so that is done while they are.
		if last := v.TokenEnds.Add(-signInMargin); last.Before(until) {
			until = last
		}
	}
	err := s.Store.Atomically(ctx, func(ctx context.Context) error {
		next := *r
		next.SwitchedAt, next.OverlapUntil, next.Problem, next.Progress.UsedAt = &now, &until, nil, now
		if err := s.Integrations.SwitchCredential(ctx, i.ID, r.From.SetAt, v.credential(r.To), info); err != nil {
			return err
		}
		if err := s.enter(ctx, &next, postern.RotationOverlap); err != nil {
			return err
		}
		return s.Audit.Record(ctx, event(audit.RotationSwitched, i, "", s.fields(next)))
	})
	if !postern.IsCode(err, postern.CodeStale) {
		return err
	}
	if now, again := s.Integrations.Get(ctx, i.ID); again != nil || now.Credential.SetAt.Equal(r.From.SetAt) {
		return err // another form was stored in the same moment
	}
	r.Problem = problem(replaced())
	return s.undo(ctx, r, postern.RotationFailed)
}

// signInMargin is how long before the end of a sign-in the last request is made with it.
const signInMargin = 10 * time.Minute

// byAdministrator reports whether only an administrator can remove the old credential: an application can remove its
// certificates, with a proof that it holds another, if it may see them; and no secrets.
func byAdministrator(r Record) bool {
	return r.Progress.Private || r.From.Kind != postern.CredentialCertificate || r.To != postern.CredentialCertificate
}
