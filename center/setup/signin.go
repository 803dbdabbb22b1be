package setup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/job"
)

// SignInJob asks whether an administrator has typed the code.
type SignInJob struct {
	Setup postern.SetupID `json:"setup"`
}

// Kind implements [job.Args].
func (SignInJob) Kind() string { return "setup.sign_in" }

// SignIn asks Entra for a code, which an administrator types at Microsoft's page. A code from before is of no use any more.
func (s *Service) SignIn(ctx context.Context, id postern.SetupID, act postern.SetupAct) (postern.Setup, error) {
	r, err := s.at(ctx, id, act.Version)
	if err != nil {
		return postern.Setup{}, err
	}
	if busy(r.State) || r.State == postern.SetupUndone {
		return postern.Setup{}, wrongState(r, "Wait until it has ended or stopped, then sign in.")
	}
	door, err := s.door(r, scopes(r, act.Write))
	if err != nil {
		return postern.Setup{}, err
	}
	code, err := door.Begin(entra.WithPriority(ctx, entra.Interactive))
	if err != nil {
		return postern.Setup{}, err
	}
	err = s.Store.Atomically(ctx, func(ctx context.Context) error {
		if r.State != postern.SetupSigningIn {
			r.Progress.Back = back(r)
		}
		r.State, r.Problem, r.Administrator = postern.SetupSigningIn, nil, nil
		r.SignIn = &postern.SetupSignIn{UserCode: code.UserCode, VerificationURI: code.VerificationURI, ExpiresAt: code.ExpiresAt, Write: act.Write}
		if err := s.save(ctx, &r); err != nil {
			return err
		}
		a := signIn{DeviceCode: code.Code, Interval: code.Interval, Expires: code.ExpiresAt, Ends: code.ExpiresAt.Add(time.Minute)}
		if err := s.keepSignIn(ctx, id, a); err != nil {
			return err
		}
		if err := s.Queue.Enqueue(ctx, SignInJob{id}, job.After(code.Interval)); err != nil {
			return err
		}
		return s.Audit.Record(ctx, event(audit.SetupSignInAsked, r, "", map[string]string{"write": yesNo(act.Write)}))
	})
	return s.shown(r), err
}

// back is the state to which signing in and looking lead: what was ready stays so, everything else is planned again.
func back(r Record) postern.SetupState {
	if r.State == postern.SetupReady || r.State == postern.SetupSigningIn && r.Progress.Back == postern.SetupReady {
		return postern.SetupReady
	}
	return postern.SetupPlanned
}

// door is where administrators of the set-up's tenant sign in.
func (s *Service) door(r Record, scopes []string) (*entra.SignIn, error) {
	opts := s.Entra
	opts.TenantID, opts.ClientID = r.TenantID, s.SignInClient
	if opts.TenantID == "" {
		opts.TenantID = r.Input.TenantID
	}
	opts.Logger = s.Logger.With("setup", r.ID)
	return entra.NewSignIn(opts, scopes)
}

// PollSignIn handles [SignInJob].
func (s *Service) PollSignIn(ctx context.Context, args SignInJob) error {
	r, err := s.Store.Setup(ctx, args.Setup)
	if gone(err) || err == nil && (r.State != postern.SetupSigningIn || r.SignIn == nil) {
		return nil
	}
	if err != nil {
		return err
	}
	a, ok, err := s.signedIn(ctx, r.ID)
	if err != nil {
		return err
	}
	if !ok || a.DeviceCode == "" || !s.Now().Before(a.Expires) {
		return s.notSignedIn(ctx, r, tooLate(r))
	}
	door, err := s.door(r, scopes(r, r.SignIn.Write))
	if err != nil {
		return s.notSignedIn(ctx, r, err)
	}
	d, err := door.Poll(entra.WithPriority(ctx, entra.Interactive), a.DeviceCode)
	switch {
	case errors.Is(err, entra.ErrSlowDown):
		a.Interval = entra.SlowDown(a.Interval)
		if err := s.keepSignIn(ctx, r.ID, a); err != nil {
			return err
		}
		return job.Snooze(a.Interval)
	case errors.Is(err, entra.ErrSignInPending):
		return job.Snooze(a.Interval)
	case passes(err):
		return later(err)
	case err != nil:
		return s.notSignedIn(ctx, r, err)
	}
	if err := s.welcome(r, d); err != nil {
		return s.notSignedIn(ctx, r, err)
	}
	return s.took(ctx, r, d)
}

// tooLate says that a code ran out. Where the tenant is fixed, Microsoft's page turns people of other tenants away without a
// word to whoever waits for the code.
func tooLate(r Record) error {
	tenant := r.TenantID
	if tenant == "" {
		tenant = r.Input.TenantID
	}
	if tenant == "" {
		return postern.Errorf(postern.CodeSetupDeclined, "Nobody typed the code in time.")
	}
	if r.TenantName != "" {
		tenant = fmt.Sprintf("%s (%s)", r.TenantName, tenant)
	}
	return postern.Errorf(postern.CodeSetupDeclined, "Nobody of the tenant %s typed the code in time.", tenant).
		WithNext("Ask for a new code, and sign in with an account of that tenant: Microsoft's page refuses those of other tenants. For another tenant, begin a new set-up.")
}

// welcome reports why somebody who signed in cannot go on with the set-up.
func (s *Service) welcome(r Record, d entra.Delegated) error {
	if r.TenantID != "" && !strings.EqualFold(r.TenantID, d.TenantID) {
		name := r.TenantID
		if r.TenantName != "" {
			name = fmt.Sprintf("%s (%s)", r.TenantName, r.TenantID)
		}
		return postern.Errorf(postern.CodeSetupTenant, "%s belongs to the tenant %s, and the set-up is for the tenant %s.", d.UPN, d.TenantID, name)
	}
	var missing []string
	for _, scope := range scopes(r, r.SignIn.Write) {
		if !slices.ContainsFunc(d.Scopes, func(have string) bool { return strings.EqualFold(have, scope) }) {
			missing = append(missing, scope)
		}
	}
	if len(missing) > 0 {
		return postern.Errorf(postern.CodeSetupRole, "%s signed in without consent to %s.", d.UPN, strings.Join(missing, ", ")).
			WithNext("Sign in again and accept what the page asks for, or have a Global Administrator do so.")
	}
	return nil
}

// took keeps the tokens, and has the tenant looked at.
func (s *Service) took(ctx context.Context, r Record, d entra.Delegated) error {
	now := s.Now().UTC()
	a := signIn{Ends: now.Add(signInFor)}
	a.take(d)
	ends := a.Ends
	if a.RefreshToken == "" && a.ExpiresAt.Before(ends) {
		ends = a.ExpiresAt
		a.Ends = ends
	}
	return s.Store.Atomically(ctx, func(ctx context.Context) error {
		write := r.SignIn.Write
		r.TenantID = d.TenantID
		r.Administrator = &postern.SetupAdministrator{UPN: d.UPN, TenantID: d.TenantID, Write: write, ExpiresAt: ends}
		r.SignIn, r.Problem, r.State = nil, nil, postern.SetupLooking
		if err := s.save(ctx, &r); err != nil {
			return err
		}
		if err := s.keepSignIn(ctx, r.ID, a); err != nil {
			return err
		}
		for _, enqueue := range []func() error{
			func() error { return s.Queue.Enqueue(ctx, WorkJob{r.ID}) },
			func() error { return s.Queue.Enqueue(ctx, ForgetJob{}, job.After(ends.Sub(now)+time.Second)) },
		} {
			if err := enqueue(); err != nil {
				return err
			}
		}
		return s.Audit.Record(ctx, event(audit.SetupSignedIn, r, fmt.Sprintf("%s signed in for a set-up.", d.UPN),
			map[string]string{"administrator": d.UPN, "tenant": d.TenantID, "write": yesNo(write)}))
	})
}

// notSignedIn ends an attempt to sign in.
func (s *Service) notSignedIn(ctx context.Context, r Record, why error) error {
	e := postern.AsError(why)
	return s.Store.Atomically(ctx, func(ctx context.Context) error {
		r.State, r.SignIn, r.Administrator, r.Problem = postern.SetupStopped, nil, nil, problem(e)
		if r.Progress.Back == postern.SetupReady {
			r.State = postern.SetupReady
		}
		if err := s.save(ctx, &r); err != nil {
			return err
		}
		if err := s.Store.SetSetupSignIn(ctx, r.ID, nil, time.Time{}); err != nil {
			return err
		}
		said := event(audit.SetupNotSignedIn, r, e.Message, nil)
		said.Success, said.ErrorCode = false, e.Code
		return s.Audit.Record(ctx, said)
	})
}

// SignInGivenUp is called when Entra could not be asked for long.
func (s *Service) SignInGivenUp(ctx context.Context, args SignInJob, cause error) error {
	r, err := s.Store.Setup(ctx, args.Setup)
	if gone(err) || err == nil && r.State != postern.SetupSigningIn {
		return nil
	}
	if err != nil {
		return err
	}
	return s.notSignedIn(ctx, r, cause)
}

// ForgetJob removes sign-ins whose hour is over.
type ForgetJob struct{}

// Kind implements [job.Args].
func (ForgetJob) Kind() string { return "setup.forget" }

// ForgetSignIns handles [ForgetJob].
func (s *Service) ForgetSignIns(ctx context.Context, _ ForgetJob) error {
	return s.Store.ForgetSetupSignIns(ctx, s.Now())
}

func problem(e *postern.Error) *postern.SetupProblem {
	return &postern.SetupProblem{Code: e.Code, Message: e.Message, Next: e.Next}
}

func gone(err error) bool { return postern.IsCode(err, postern.CodeNotFound) }
