package rotate

import (
	"context"
	"slices"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/job"
)

// removing removes the old credential, and looks until it is gone.
func (s *Service) removing(ctx context.Context, r *Record, i postern.Integration) error {
	if !i.Credential.SetAt.Equal(r.Progress.UsedAt) {
		// The integration may use the old one again, so it is nobody's to remove.
		return s.kept(ctx, r, i, postern.RotationDone, replaced())
	}
	v, err := s.unseal(ctx, r)
	if err != nil {
		return err
	}
	tenant, err := s.remover(ctx, r, i, v)
	if err != nil {
		return s.keptOr(ctx, r, i, postern.RotationDone, err)
	}
	reg, err := tenant.AppRegistration(ctx, i.ClientID)
	if err != nil {
		return s.keptOr(ctx, r, i, postern.RotationDone, err)
	}
	r.Progress.ObjectID = reg.ObjectID
	if r.From.Kind == postern.CredentialSecret && r.Progress.OldKeyID == "" {
		return s.kept(ctx, r, i, postern.RotationDone, postern.Errorf(postern.CodeRotationKept, "Several client secrets of the registration look like the old one, so Postern did not remove any."))
	}
	gone, err := s.take(ctx, r, tenant, reg, byAdministrator(*r), s.isOld(r))
	if err != nil {
		return s.keptOr(ctx, r, i, postern.RotationDone, err)
	}
	if !gone {
		return s.again(ctx, r, i, postern.RotationDone)
	}
	return s.Store.Atomically(ctx, func(ctx context.Context) error {
		r.Problem = nil
		if err := s.over(ctx, r, postern.RotationDone); err != nil {
			return err
		}
		return s.Audit.Record(ctx, event(audit.RotationDone, i, "", s.fields(*r)))
	})
}

// isOld tells what is to go once the new credential is in use: the old one, and secrets of this rotation whose value
// nobody knows.
func (s *Service) isOld(r *Record) func(keyID, thumbprint, name string) bool {
	return func(keyID, thumbprint, name string) bool {
		switch {
		case sameID(keyID, r.Progress.KeyID):
			return false
		case sameID(keyID, r.Progress.OldKeyID) || name == marker(r):
			return true
		}
		return r.From.Certificate != nil && sameID(thumbprint, r.From.Certificate.Thumbprint)
	}
}

// isNew tells what is to go when a rotation is taken back.
func (s *Service) isNew(r *Record) func(keyID, thumbprint, name string) bool {
	return func(keyID, thumbprint, name string) bool {
		return sameID(keyID, r.Progress.KeyID) || name == marker(r) || r.Certificate != nil && sameID(thumbprint, r.Certificate.Thumbprint)
	}
}

// remover is the connector that removes the old credential.
func (s *Service) remover(ctx context.Context, r *Record, i postern.Integration, v secrets) (*entra.Tenant, error) {
	if byAdministrator(*r) {
		tenant, err := s.administrator(i, r, v)
		if err != nil {
			return nil, postern.Errorf(postern.CodeRotationKept, "Only an administrator of the tenant can remove the old credential, and nobody is signed in.")
		}
		return tenant, nil
	}
	tenant, _, err := s.Integrations.Tenant(ctx, i.ID)
	return tenant, err
}

// take removes what is chosen, as an administrator or as the application, and reports whether it is gone already. What was
// asked for a moment ago is not asked again. Entra also refuses to remove what is gone, as it is when an answer was lost; so
// only later looks tell what such a refusal means.
func (s *Service) take(ctx context.Context, r *Record, tenant *entra.Tenant, reg entra.AppRegistration, delegated bool, chosen func(keyID, thumbprint, name string) bool) (bool, error) {
	var keys []entra.RegisteredKey
	for _, k := range reg.Keys {
		if chosen(k.KeyID, k.Thumbprint, "") {
			keys = append(keys, k)
		}
	}
	var passwords []entra.RegisteredSecret
	for _, p := range reg.Secrets {
		if chosen(p.KeyID, "", p.Name) {
			passwords = append(passwords, p)
		}
	}
	if len(keys)+len(passwords) == 0 {
		return true, nil
	}
	if !r.Progress.RemovedAt.IsZero() && s.Now().Sub(r.Progress.RemovedAt) < lastLook {
		return false, nil
	}
	r.Progress.RemovedAt, r.Progress.Refusal = s.Now().UTC(), ""
	r.Progress.Removals++
	if err := s.save(ctx, r); err != nil {
		return false, err
	}
	for _, p := range passwords {
		if err := s.noted(ctx, r, tenant.RemoveSecret(ctx, reg.ObjectID, p.KeyID)); err != nil {
			return false, err
		}
	}
	if len(keys) == 0 {
		return false, nil
	}
	if delegated {
		left := slices.DeleteFunc(slices.Clone(reg.Keys), func(k entra.RegisteredKey) bool { return chosen(k.KeyID, k.Thumbprint, "") })
		return false, s.setKeys(ctx, tenant, reg.ObjectID, left)
	}
	for _, k := range keys {
		if err := s.noted(ctx, r, tenant.RemoveOwnKey(ctx, reg.ObjectID, k.KeyID)); err != nil {
			return false, err
		}
	}
	return false, nil
}

// noted keeps a refusal that may mean that there was nothing left to remove. It returns every other error.
func (s *Service) noted(ctx context.Context, r *Record, err error) error {
	if !postern.IsCode(err, postern.CodeEntraRefused) && !postern.IsCode(err, postern.CodeEntraNotFound) {
		return err
	}
	r.Progress.Refusal = postern.AsError(err).Message
	return s.save(ctx, r)
}

// again looks once more after a while, and gives up after many times.
func (s *Service) again(ctx context.Context, r *Record, i postern.Integration, ends postern.RotationState) error {
	switch {
	case r.Progress.Removals >= mostRemovals && r.Progress.Refusal != "":
		return s.kept(ctx, r, i, ends, notRemoved(r.Progress.Refusal))
	case r.Progress.Removals >= mostRemovals:
		return s.kept(ctx, r, i, ends, postern.Errorf(postern.CodeRotationKept, "Entra accepted the removal of the credential that is no longer used, and still shows it."))
	}
	return job.Snooze(pause(s.Now().Sub(r.Progress.Since), lastLook))
}

// keptOr ends the rotation after a refusal; other errors are tried again.
func (s *Service) keptOr(ctx context.Context, r *Record, i postern.Integration, ends postern.RotationState, err error) error {
	if postern.IsCode(err, postern.CodeRotationKept) {
		return s.kept(ctx, r, i, ends, err)
	}
	if !refused(err) {
		return err
	}
	return s.kept(ctx, r, i, ends, notRemoved(postern.AsError(err).Message))
}

func notRemoved(why string) error {
	return postern.Errorf(postern.CodeRotationKept, "The credential that is no longer used could not be removed: %s", why)
}

// undoing takes the new credential away. One that was sent and is not shown may still appear, so it is waited for.
func (s *Service) undoing(ctx context.Context, r *Record, i postern.Integration) error {
	if r.Progress.Sent == 0 && r.Progress.KeyID == "" && r.Way != postern.RotationByHand {
		return s.undone(ctx, r, i)
	}
	v, err := s.unseal(ctx, r)
	if err != nil {
		return err
	}
	ends := r.Progress.Ends
	tenant, err := s.opened(ctx, r, i, v)
	delegated := err == nil && r.Way == postern.RotationByAdministrator
	if err != nil && r.Way == postern.RotationByAdministrator && r.To == postern.CredentialCertificate {
		// Without the administrator the application may still do it, if it has a certificate.
		tenant, _, err = s.Integrations.Tenant(ctx, i.ID)
	}
	if err != nil {
		return s.keptOr(ctx, r, i, ends, err)
	}
	reg, err := tenant.AppRegistration(ctx, i.ClientID)
	if err != nil {
		if r.Way == postern.RotationByHand && refused(err) && r.Progress.KeyID == "" {
			return s.undone(ctx, r, i) // Postern sent nothing, and cannot look; nobody ever gave a token for it
		}
		return s.keptOr(ctx, r, i, ends, err)
	}
	gone, err := s.take(ctx, r, tenant, reg, delegated, s.isNew(r))
	if err != nil {
		return s.keptOr(ctx, r, i, ends, err)
	}
	if !gone {
		return s.again(ctx, r, i, ends)
	}
	if left := doubt - s.Now().Sub(r.Progress.SentAt); r.Progress.Sent > 0 && left > 0 && r.Progress.RemovedAt.IsZero() {
		return job.Snooze(min(left, lastLook))
	}
	return s.undone(ctx, r, i)
}

// undone ends a rotation that left nothing behind.
func (s *Service) undone(ctx context.Context, r *Record, i postern.Integration) error {
	code := audit.RotationCancelled
	if r.Progress.Ends == postern.RotationFailed {
		code = audit.RotationFailed
	}
	return s.Store.Atomically(ctx, func(ctx context.Context) error {
		if err := s.over(ctx, r, r.Progress.Ends); err != nil {
			return err
		}
		if err := s.alarm(ctx, *r); err != nil {
			return err
		}
		return s.Audit.Record(ctx, s.unhappy(code, i, *r))
	})
}
