package rotate

import (
	"context"
	"errors"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/job"
)

// signInScopes are what an administrator is asked for: to change the credentials of an app registration.
var signInScopes = []string{"Application.ReadWrite.All"}

// SignIn asks for a code that an administrator of the tenant types at Microsoft's page. A code that nobody typed yet is
// replaced by the new one.
func (s *Service) SignIn(ctx context.Context, id postern.IntegrationID, act postern.RotationAct) (postern.Rotation, error) {
	r, i, err := s.current(ctx, id, act.Version, postern.RotationWaiting, postern.RotationSigningIn)
	if err != nil {
		return postern.Rotation{}, err
	}
	if r.Way == postern.RotationByHand {
		return postern.Rotation{}, postern.Errorf(postern.CodeRotationState, "The new certificate is uploaded by hand.")
	}
	signIn, err := s.signIn(i)
	if err != nil {
		return postern.Rotation{}, err
	}
	code, err := signIn.Begin(ctx)
	if err != nil {
		return postern.Rotation{}, err
	}
	v, err := s.unseal(ctx, &r)
	if err != nil {
		return postern.Rotation{}, err
	}
	v.DeviceCode, v.Token = code.Code, ""
	if err := s.seal(ctx, &r, v); err != nil {
		return postern.Rotation{}, err
	}
	r.SignIn = &postern.SetupSignIn{UserCode: code.UserCode, VerificationURI: code.VerificationURI, ExpiresAt: code.ExpiresAt, Write: true}
	r.Way, r.Problem, r.Administrator, r.Progress.Interval = postern.RotationByAdministrator, nil, nil, code.Interval
	err = s.Store.Atomically(ctx, func(ctx context.Context) error {
		if err := s.enter(ctx, &r, postern.RotationSigningIn); err != nil {
			return err
		}
		if err := s.Queue.Enqueue(ctx, CarryJob{r.ID}, job.After(code.Interval)); err != nil {
			return err
		}
		return s.Audit.Record(ctx, event(audit.RotationSignIn, i, "", s.fields(r)))
	})
	return r.Rotation, err
}

func (s *Service) signIn(i postern.Integration) (*entra.SignIn, error) {
	o := s.Integrations.Options(i)
	o.ClientID = ""
	return entra.NewSignIn(o, signInScopes)
}

// signingIn asks whether the code was typed.
func (s *Service) signingIn(ctx context.Context, r *Record, i postern.Integration) error {
	v, err := s.unseal(ctx, r)
	if err != nil {
		return err
	}
	if r.SignIn == nil || !s.Now().Before(r.SignIn.ExpiresAt) {
		return s.wait(ctx, r, i, postern.Errorf(postern.CodeSetupDeclined, "Nobody typed the code in time."))
	}
	signIn, err := s.signIn(i)
	if err != nil {
		return err
	}
	got, err := signIn.Poll(ctx, v.DeviceCode)
	switch {
	case errors.Is(err, entra.ErrSlowDown):
		r.Progress.Interval = entra.SlowDown(r.Progress.Interval)
		if err := s.save(ctx, r); err != nil {
			return err
		}
		return job.Snooze(r.Progress.Interval)
	case errors.Is(err, entra.ErrSignInPending):
		return job.Snooze(max(r.Progress.Interval, time.Second))
	case err != nil && (postern.IsCode(err, postern.CodeSetupDeclined) || postern.IsCode(err, postern.CodeSetupTenant) || refused(err)):
		return s.wait(ctx, r, i, err)
	case err != nil:
		return err
	case got.TenantID != i.TenantID:
		return s.wait(ctx, r, i, postern.Errorf(postern.CodeSetupTenant, "%s belongs to another tenant.", got.UPN).
			WithNext("Sign in with an account of the tenant "+i.TenantID+"."))
	}
	v.DeviceCode, v.Token, v.TokenEnds = "", got.AccessToken, got.ExpiresAt
	if err := s.seal(ctx, r, v); err != nil {
		return err
	}
	r.SignIn = nil
	r.Administrator = &postern.SetupAdministrator{UPN: got.UPN, TenantID: got.TenantID, Write: true, ExpiresAt: got.ExpiresAt}
	return s.Store.Atomically(ctx, func(ctx context.Context) error {
		if err := s.enter(ctx, r, postern.RotationAdding); err != nil {
			return err
		}
		return s.Audit.Record(ctx, event(audit.RotationSignedIn, i, "", map[string]string{"administrator": got.UPN}))
	})
}
