package integration

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/backbone"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/job"
	"github.com/postern/postern/center/seal"
)

// httpDebugFor is how long HTTP Debug stays on before it switches itself off.
const httpDebugFor = time.Hour

// Topic is what is published on the backbone when an integration changed.
func Topic(id postern.IntegrationID) string { return "integration/" + string(id) }

// Service is everything that can be done with integrations. All fields but Sleep, Observer, Transport and the functions are needed.
type Service struct {
	Store    Store
	Sealer   seal.Sealer
	Audit    audit.Recorder
	Queue    job.Queue
	Notices  backbone.Backbone
	Cloud    entra.Cloud
	Logger   *slog.Logger
	Now      func() time.Time
	Sleep    func(ctx context.Context, d time.Duration) error // of the connector; a timer if nil
	Observer entra.Observer

	// Transport carries the connector's requests; one of TLS that trusts the cloud if nil.
	Transport http.RoundTripper

	// Enabled is called in the transaction that enables an integration, so that what waited for it goes on.
	Enabled func(ctx context.Context, id postern.IntegrationID) error
	// Follow is called in the transaction that changed something about the groups, so that users are moved into them.
	Follow func(ctx context.Context, id postern.IntegrationID) error

	// Rotating is called in the transaction that stores a credential from the form; an error refuses it. nil: nothing is
	// in the way.
	Rotating func(ctx context.Context, id postern.IntegrationID) error

	mu      sync.Mutex
	tenants map[postern.IntegrationID]opened
	budgets map[string]*entra.Budget
}

// opened is a connector together with the version of the integration it was opened for.
type opened struct {
	version int64
	tenant  *entra.Tenant
}

// List returns all integrations, oldest first.
func (s *Service) List(ctx context.Context) ([]postern.Integration, error) {
	return s.Store.Integrations(ctx)
}

// Get returns one integration.
func (s *Service) Get(ctx context.Context, id postern.IntegrationID) (postern.Integration, error) {
	return s.Store.Integration(ctx, id)
}

// Add validates the form, proves the connection to Entra with every right that will be needed, and only then stores
// the integration, DISABLED. When anything fails, nothing is left behind but the audit entry that says so.
func (s *Service) Add(ctx context.Context, in postern.IntegrationInput) (postern.Integration, error) {
	return s.AddAlso(ctx, in, func(context.Context, postern.Integration) error { return nil })
}

// AddAlso is Add, and calls also in the transaction that stores the integration, so that whoever waits for it has it or
// there is none.
func (s *Service) AddAlso(ctx context.Context, in postern.IntegrationInput, also func(ctx context.Context, i postern.Integration) error) (postern.Integration, error) {
	added, err := s.add(ctx, in, also)
	if err != nil {
		s.recordFailure(ctx, audit.IntegrationAddFailed, "", in.ApplicationName, err)
	}
	return added, err
}

func (s *Service) add(ctx context.Context, in postern.IntegrationInput, also func(ctx context.Context, i postern.Integration) error) (postern.Integration, error) {
	var none postern.Integration
	offered, err := s.Offered(ctx)
	if err != nil {
		return none, err
	}
	for _, flag := range []postern.Flag{postern.FlagAzureIDP, postern.FlagAzureNativeLogin} {
		if !offered[flag] {
			return none, postern.Errorf(postern.CodeFlagOff, "The feature flag %s is off, so no Entra integration can be added.", flag)
		}
	}
	now := s.Now().UTC()
	in, credential, info, err := checkForm(in, now)
	if err != nil {
		return none, err
	}
	if credential == nil {
		return none, postern.FieldErrorf("client_secret", "A client secret, or a client certificate and its private key, is required.")
	}
	if err := s.nameIsFree(ctx, "", in.ApplicationName); err != nil {
		return none, err
	}
	i := postern.Integration{
		ID:        postern.NewID[postern.IntegrationID](postern.PrefixIntegration),
		Version:   1,
		State:     postern.StateDisabled,
		Flags:     offered,
		Domains:   []string{},
		CreatedAt: now,
	}
	apply(&i, in, now)
	i.Credential = info
	test, err := s.prove(ctx, i, *credential)
	if err != nil {
		return none, err
	}
	i.Check, i.TenantName = &test, test.TenantName
	if keepsGroups(i) {
		i.Groups = wantedGroups(i)
	}
	sealed, err := s.sealCredential(ctx, i.ID, *credential)
	if err != nil {
		return none, err
	}
	err = s.Store.Atomically(ctx, func(ctx context.Context) error {
		if err := s.Store.CreateIntegration(ctx, i, sealed); err != nil {
			return err
		}
		if keepsGroups(i) {
			if err := s.Queue.Enqueue(ctx, GroupsJob{Integration: i.ID}); err != nil {
				return err
			}
		}
		if err := also(ctx, i); err != nil {
			return err
		}
		return s.Audit.Record(ctx, event(audit.IntegrationAdded, i, "The integration was added and stands DISABLED.", nil))
	})
	if err != nil {
		return none, err
	}
	s.Notices.Publish(Topic(i.ID))
	return i, nil
}

// Update changes what the form holds. Without a credential in the form the stored one stays; either way the connection
// is proved before anything is stored.
func (s *Service) Update(ctx context.Context, id postern.IntegrationID, in postern.IntegrationInput) (postern.Integration, error) {
	updated, err := s.update(ctx, id, in)
	if err != nil {
		s.recordFailure(ctx, audit.IntegrationUpdateError, id, in.ApplicationName, err)
	}
	return updated, err
}

func (s *Service) update(ctx context.Context, id postern.IntegrationID, in postern.IntegrationInput) (postern.Integration, error) {
	var none postern.Integration
	i, err := s.Store.Integration(ctx, id)
	if err != nil {
		return none, err
	}
	if i.Version != in.Version {
		return none, postern.Errorf(postern.CodeStale, "")
	}
	now := s.Now().UTC()
	in, given, info, err := checkForm(in, now)
	if err != nil {
		return none, err
	}
	if err := s.nameIsFree(ctx, id, in.ApplicationName); err != nil {
		return none, err
	}
	if in.TenantID != i.TenantID {
		return none, postern.FieldErrorf("tenant_id", "The tenant of an integration cannot be changed, because its users and passkeys belong to that tenant.").
			WithNext("Add a new integration for the other tenant.")
	}
	was := settingsOf(i)
	credential := given
	if credential == nil {
		stored, err := s.openCredential(ctx, id)
		if err != nil {
			return none, err
		}
		credential, info = &stored, i.Credential
		if in.CredentialEndsAt != nil && info.Kind == postern.CredentialSecret {
			info.EndsAt = in.CredentialEndsAt
		}
	}
	apply(&i, in, now)
	i.Credential = info
	test, err := s.prove(ctx, i, *credential)
	if err != nil {
		return none, err
	}
	i.Check, i.TenantName = &test, test.TenantName
	groupsWanted := keepsGroups(i) && len(i.Groups) == 0
	if groupsWanted {
		i.Groups = wantedGroups(i)
	}
	var sealed []byte
	if given != nil {
		if sealed, err = s.sealCredential(ctx, id, *given); err != nil {
			return none, err
		}
	}
	err = s.Store.Atomically(ctx, func(ctx context.Context) error {
		if given != nil && s.Rotating != nil {
			if err := s.Rotating(ctx, id); err != nil {
				return err
			}
		}
		changed := i
		if err := s.Store.UpdateIntegration(ctx, &changed); err != nil {
			return err
		}
		if sealed != nil {
			if err := s.Store.SetSealedCredential(ctx, id, sealed); err != nil {
				return err
			}
		}
		if groupsWanted {
			if err := s.Queue.Enqueue(ctx, GroupsJob{Integration: id}); err != nil {
				return err
			}
		}
		if err := s.Audit.Record(ctx, event(audit.IntegrationUpdated, changed, "The integration was changed.",
			audit.With(map[string]string{"credential_changed": yesNo(given != nil)}, audit.Changes(was, settingsOf(changed))))); err != nil {
			return err
		}
		i.Version = changed.Version
		return nil
	})
	if err != nil {
		return none, err
	}
	s.Notices.Publish(Topic(id))
	return i, nil
}

// apply carries the form's plain values over.
func apply(i *postern.Integration, in postern.IntegrationInput, now time.Time) {
	i.ApplicationName = in.ApplicationName
	i.Experience = in.Experience
	i.TenantID = in.TenantID
	i.ClientID = in.ClientID
	i.PermissionSet = in.PermissionSet
	i.ChallengeTimeout = in.ChallengeTimeout
	i.Attestation = in.Attestation
	i.AllowLowAssurance = in.AllowLowAssurance
	i.UpdatedAt = now
}

func (s *Service) nameIsFree(ctx context.Context, self postern.IntegrationID, name string) error {
	all, err := s.Store.Integrations(ctx)
	if err != nil {
		return err
	}
	for _, other := range all {
		if other.ID != self && other.ApplicationName == name {
			return postern.Errorf(postern.CodeConflict, "There is already an integration called %q.", name).
				WithNext("Choose another application name.").OnField("application_name")
		}
	}
	return nil
}

// Remove deletes an integration with its users, phones and jobs. Passkeys that Entra lists stay there, which is why
// an enabled integration is refused.
func (s *Service) Remove(ctx context.Context, id postern.IntegrationID, version int64) error {
	err := s.Store.Atomically(ctx, func(ctx context.Context) error {
		i, err := s.Store.Integration(ctx, id)
		if err != nil {
			return err
		}
		if i.State == postern.StateEnabled {
			return postern.Errorf(postern.CodeConflict, "The integration is ENABLED.").WithNext("Disable it first; then remove it.")
		}
		if err := s.Store.DeleteIntegration(ctx, id, version); err != nil {
			return err
		}
		return s.Audit.Record(ctx, event(audit.IntegrationRemoved, i, "The integration was removed. Passkeys that Entra lists were left there.", nil))
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	delete(s.tenants, id)
	s.mu.Unlock()
	s.Notices.Publish(Topic(id))
	return nil
}

func event(code audit.Code, i postern.Integration, message string, fields map[string]string) postern.AuditEvent {
	return postern.AuditEvent{
		Code: code.Code, Name: code.Name, IntegrationID: i.ID, Target: string(i.ID), TargetName: i.ApplicationName,
		Success: true, Message: message, Fields: fields,
	}
}

// recordFailure notes an attempt that changed nothing. The caller has an error to return already, so one more is only
// logged.
func (s *Service) recordFailure(ctx context.Context, code audit.Code, id postern.IntegrationID, name string, cause error) {
	e := postern.AsError(cause)
	entry := postern.AuditEvent{
		Code: code.Code, Name: code.Name, IntegrationID: id, Target: string(id), TargetName: name,
		ErrorCode: e.Code, Message: e.Message,
	}
	if e.Field != "" {
		entry.Fields = map[string]string{"field": e.Field}
	}
	err := s.Store.Atomically(context.WithoutCancel(ctx), func(ctx context.Context) error { return s.Audit.Record(ctx, entry) })
	if err = errors.Join(err, e.Err); err != nil {
		s.Logger.WarnContext(ctx, "integration attempt failed", "event", code.Name, "code", e.Code, "cause", err)
	}
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
