package setup

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/backbone"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/job"
	"github.com/postern/postern/center/seal"
	"github.com/postern/postern/center/setup/recipe"
)

// Topic is what is published on the backbone when a set-up changed.
func Topic(id postern.SetupID) string { return "setup/" + string(id) }

// Integrations is what a set-up needs of package integration.
type Integrations interface {
	List(ctx context.Context) ([]postern.Integration, error)
	Get(ctx context.Context, id postern.IntegrationID) (postern.Integration, error)
	// AddAlso adds an integration and calls also in the same transaction.
	AddAlso(ctx context.Context, in postern.IntegrationInput, also func(ctx context.Context, i postern.Integration) error) (postern.Integration, error)
	Remove(ctx context.Context, id postern.IntegrationID, version int64) error
	Tenant(ctx context.Context, id postern.IntegrationID) (*entra.Tenant, postern.Integration, error)
}

// Users is what a set-up needs of package lifecycle.
type Users interface {
	Counts(ctx context.Context, id postern.IntegrationID) (map[postern.Phase]int, error)
}

// Service sets tenants up. All members but ReadBack, Consent and SignInClient are needed.
type Service struct {
	Store        Store
	Integrations Integrations
	Users        Users
	Sealer       seal.Sealer
	Audit        audit.Recorder
	Queue        job.Queue
	Notices      backbone.Backbone
	Logger       *slog.Logger
	Now          func() time.Time
	// Entra is how tenants are reached. Its tenant, client and credential are not looked at.
	Entra entra.Options
	// SignInClient is the public client through which administrators sign in; [entra.DefaultSignInClient] if empty.
	SignInClient string
	// ReadBack is for how long what was written is waited for; 0 means [DefaultReadBack].
	ReadBack time.Duration
	// Consent is for how long the new application may be refused; 0 means [DefaultConsent].
	Consent time.Duration
}

const (
	// DefaultReadBack is for how long Entra may take to show a change before a person is asked.
	DefaultReadBack = 2 * time.Minute
	// DefaultConsent is for how long a consent, a role or a credential may take until it works everywhere.
	DefaultConsent = 10 * time.Minute
	// signInFor is how long an administrator's tokens are kept at most.
	signInFor = time.Hour
)

// Setups lists all set-ups, newest first.
func (s *Service) Setups(ctx context.Context) ([]postern.Setup, error) {
	all, err := s.Store.Setups(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]postern.Setup, len(all))
	for n, r := range all {
		out[n] = s.shown(r)
	}
	return out, nil
}

// Setup returns one set-up.
func (s *Service) Setup(ctx context.Context, id postern.SetupID) (postern.Setup, error) {
	r, err := s.Store.Setup(ctx, id)
	if err != nil {
		return postern.Setup{}, err
	}
	return s.shown(r), nil
}

// shown is a set-up as people see it: a sign-in that has ended is none.
func (s *Service) shown(r Record) postern.Setup {
	out := r.Setup
	if out.Administrator != nil && !s.Now().Before(out.Administrator.ExpiresAt) {
		out.Administrator = nil
	}
	if out.Steps == nil {
		out.Steps = []postern.SetupStep{}
	}
	if out.Notes == nil {
		out.Notes = []postern.PolicyNote{}
	}
	return out
}

// Begin makes a set-up from what a person chose, with the certificate if one is wanted. Nothing is asked of Entra.
func (s *Service) Begin(ctx context.Context, in postern.SetupInput) (postern.Setup, error) {
	in, err := recipe.Complete(in)
	if err != nil {
		return postern.Setup{}, err
	}
	if err := s.nameIsFree(ctx, in.ApplicationName); err != nil {
		return postern.Setup{}, err
	}
	now := s.Now().UTC()
	r := Record{Setup: postern.Setup{
		ID: postern.NewID[postern.SetupID](postern.PrefixSetup), Version: 1, State: postern.SetupDraft, Input: in, CreatedAt: now, UpdatedAt: now,
	}}
	if isTenantID(in.TenantID) {
		r.TenantID = in.TenantID
	}
	held := secrets{}
	if in.Credential == postern.CredentialCertificate {
		certificate, key, info, err := makeCertificate(in.RegistrationName, now, in.CredentialDays)
		if err != nil {
			return postern.Setup{}, err
		}
		r.Progress.Certificate, r.Certificate, held.PrivateKey = certificate, &info, key
	}
	if in.PermissionSet == postern.PermissionsLegacy {
		held.Password = accountPassword()
	}
	s.outline(&r)
	err = s.Store.Atomically(ctx, func(ctx context.Context) error {
		if err := s.Store.CreateSetup(ctx, r); err != nil {
			return err
		}
		if err := s.keepSecrets(ctx, r.ID, held); err != nil {
			return err
		}
		s.tell(ctx, r.ID)
		return s.Audit.Record(ctx, event(audit.SetupBegun, r, "", map[string]string{
			"permission_set": string(in.PermissionSet), "credential": string(in.Credential), "policy": yesNo(in.Policy), "windows": string(in.Windows),
		}))
	})
	return s.shown(r), err
}

// nameIsFree refuses, before anything is made, a name that is against the rule or that the integration could not have in the end.
func (s *Service) nameIsFree(ctx context.Context, name string) error {
	if err := postern.CheckApplicationName(name); err != nil {
		return err
	}
	all, err := s.Integrations.List(ctx)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(all, func(i postern.Integration) bool { return i.ApplicationName == name }) {
		return postern.Errorf(postern.CodeConflict, "There is already an integration called %q.", name).
			WithNext("Choose another application name.").OnField("application_name")
	}
	return nil
}

// Forget removes a set-up and everything that is held for it. What was made stays.
func (s *Service) Forget(ctx context.Context, id postern.SetupID, version int64) error {
	return s.Store.Atomically(ctx, func(ctx context.Context) error {
		r, err := s.at(ctx, id, version)
		if err != nil {
			return err
		}
		if busy(r.State) {
			return wrongState(r, "It can be forgotten once it has ended or stopped.")
		}
		if err := s.Store.DeleteSetup(ctx, id, version); err != nil {
			return err
		}
		s.tell(ctx, id)
		return s.Audit.Record(ctx, event(audit.SetupForgotten, r, "", nil))
	})
}

// at returns a set-up, if it is still as the caller saw it.
func (s *Service) at(ctx context.Context, id postern.SetupID, version int64) (Record, error) {
	r, err := s.Store.Setup(ctx, id)
	if err == nil && r.Version != version {
		err = postern.Errorf(postern.CodeStale, "")
	}
	return r, err
}

// busy reports whether something is under way that nobody but its job may change.
func busy(state postern.SetupState) bool {
	return state == postern.SetupLooking || state == postern.SetupApplying || state == postern.SetupUndoing
}

func wrongState(r Record, next string) error {
	return postern.Errorf(postern.CodeSetupState, "The set-up is %s.", words(r.State)).WithNext(next)
}

// words are a state as it stands in a sentence.
func words(state postern.SetupState) string {
	switch state {
	case postern.SetupSigningIn:
		return "waiting for an administrator to sign in"
	case postern.SetupLooking:
		return "looking at the tenant"
	case postern.SetupApplying:
		return "being applied"
	case postern.SetupUndoing:
		return "being undone"
	}
	return string(state)
}

func (s *Service) tell(ctx context.Context, id postern.SetupID) {
	s.Store.AfterCommit(ctx, func() { s.Notices.Publish(Topic(id)) })
}

func (s *Service) readBack() time.Duration { return cmp.Or(s.ReadBack, DefaultReadBack) }
func (s *Service) consent() time.Duration  { return cmp.Or(s.Consent, DefaultConsent) }

// event is an entry about a set-up.
func event(code audit.Code, r Record, message string, fields map[string]string) postern.AuditEvent {
	return postern.AuditEvent{
		Code: code.Code, Name: code.Name, IntegrationID: r.IntegrationID, Target: string(r.ID), TargetName: r.Input.ApplicationName,
		Success: true, Message: cmp.Or(message, code.Text), Fields: fields,
	}
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
