package integration

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/job"
)

// offeredSetting keeps the flags that new integrations start with.
const offeredSetting = "integration/offered_flags"

// Offered returns the flags with which a new integration starts; they also decide which integrations and experiences
// are offered at all. All are on until somebody switches one off.
func (s *Service) Offered(ctx context.Context) (postern.FlagSet, error) {
	stored, err := s.Store.Setting(ctx, offeredSetting)
	if err != nil {
		return nil, err
	}
	if stored == nil {
		return postern.AllFlags(), nil
	}
	var set postern.FlagSet
	return set, json.Unmarshal(stored, &set)
}

// SetOffered changes the flags with which new integrations start.
func (s *Service) SetOffered(ctx context.Context, set postern.FlagSet) error {
	if err := set.Check(); err != nil {
		return err
	}
	value, err := json.Marshal(set)
	if err != nil {
		return err
	}
	return s.Store.Atomically(ctx, func(ctx context.Context) error {
		was, err := s.Offered(ctx)
		if err != nil {
			return err
		}
		if err := s.Store.SetSetting(ctx, offeredSetting, value); err != nil {
			return err
		}
		return s.Audit.Record(ctx, event(audit.IntegrationFlags, postern.Integration{},
			"The flags of new integrations were changed.", audit.With(flagFields(set), audit.Changes(was, set))))
	})
}

// change loads an integration at the version that the caller saw, lets edit change it, stores it and audits the
// returned event, all in one transaction.
func (s *Service) change(ctx context.Context, id postern.IntegrationID, version int64,
	edit func(ctx context.Context, i *postern.Integration) (postern.AuditEvent, error),
) (postern.Integration, error) {
	var out postern.Integration
	err := s.Store.Atomically(ctx, func(ctx context.Context) error {
		i, err := s.Store.Integration(ctx, id)
		if err != nil {
			return err
		}
		if i.Version != version {
			return postern.Errorf(postern.CodeStale, "")
		}
		was := i
		e, err := edit(ctx, &i)
		if err != nil {
			return err
		}
		e.Fields = audit.With(e.Fields, audit.Changes(settingsOf(was), settingsOf(i)))
		i.UpdatedAt = s.Now().UTC()
		if err := s.Store.UpdateIntegration(ctx, &i); err != nil {
			return err
		}
		out = i
		s.Store.AfterCommit(ctx, func() { s.Notices.Publish(Topic(id)) })
		return s.Audit.Record(ctx, e)
	})
	if err != nil {
		return postern.Integration{}, err
	}
	return out, nil
}

// Disable disables an integration whatever its version is, joining the transaction of ctx.
func (s *Service) Disable(ctx context.Context, id postern.IntegrationID) (postern.Integration, error) {
	var out postern.Integration
	err := s.Store.Atomically(ctx, func(ctx context.Context) error {
		i, err := s.Store.Integration(ctx, id)
		if err != nil || i.State == postern.StateDisabled {
			out = i
			return err
		}
		out, err = s.SetState(ctx, id, i.Version, postern.StateDisabled)
		return err
	})
	return out, err
}

// SetState enables or disables an integration. Enabling needs every mandatory flag; what waited for it goes on.
// Setting the state it has already changes nothing.
func (s *Service) SetState(ctx context.Context, id postern.IntegrationID, version int64, state postern.State) (postern.Integration, error) {
	if state != postern.StateEnabled && state != postern.StateDisabled {
		return postern.Integration{}, postern.FieldErrorf("state", "There is no state %q.", state)
	}
	return s.change(ctx, id, version, func(ctx context.Context, i *postern.Integration) (postern.AuditEvent, error) {
		i.State = state
		if state == postern.StateDisabled {
			return event(audit.IntegrationDisabled, *i, "The integration was disabled: nobody can register or authenticate with it.", nil), nil
		}
		if missing := i.Flags.Missing(); len(missing) > 0 {
			names := make([]string, len(missing))
			for n, flag := range missing {
				names[n] = string(flag)
			}
			return postern.AuditEvent{}, postern.Errorf(postern.CodeFlagOff, "Mandatory feature flags are off: %s.", strings.Join(names, ", ")).
				WithNext("Switch them on under Integration Settings, then enable the integration.")
		}
		if s.Enabled != nil {
			if err := s.Enabled(ctx, id); err != nil {
				return postern.AuditEvent{}, err
			}
		}
		return event(audit.IntegrationEnabled, *i, "The integration was enabled.", nil), nil
	})
}

// SetFlags changes the feature flags of one integration.
func (s *Service) SetFlags(ctx context.Context, id postern.IntegrationID, version int64, set postern.FlagSet) (postern.Integration, error) {
	if err := set.Check(); err != nil {
		return postern.Integration{}, err
	}
	return s.change(ctx, id, version, func(_ context.Context, i *postern.Integration) (postern.AuditEvent, error) {
		i.Flags = set
		return event(audit.IntegrationFlags, *i, "Feature flags were changed.", flagFields(set)), nil
	})
}

// SetLogin changes the login settings.
func (s *Service) SetLogin(ctx context.Context, id postern.IntegrationID, in postern.LoginSettings) (postern.Integration, error) {
	domains, err := postern.CheckDomains(in.Domains)
	if err != nil {
		return postern.Integration{}, err
	}
	if in.RestrictDomains && len(domains) == 0 {
		return postern.Integration{}, postern.FieldErrorf("domains", "A restriction without a domain would lock everybody out.").
			WithNext("Add at least one domain, or switch the restriction off.")
	}
	return s.change(ctx, id, in.Version, func(_ context.Context, i *postern.Integration) (postern.AuditEvent, error) {
		i.RestrictDomains, i.Domains = in.RestrictDomains, domains
		return event(audit.IntegrationLogin, *i, "Login settings were changed.", map[string]string{
			"restrict_domains": yesNo(in.RestrictDomains), "domains": strings.Join(domains, " "),
		}), nil
	})
}

// DebugOffJob switches HTTP Debug off when its time is over.
type DebugOffJob struct {
	Integration postern.IntegrationID `json:"integration"`
}

// Kind implements [job.Args].
func (DebugOffJob) Kind() string { return "integration.debug_off" }

// SetHTTPDebug switches HTTP Debug on for an hour, or off.
func (s *Service) SetHTTPDebug(ctx context.Context, id postern.IntegrationID, version int64, on bool) (postern.Integration, error) {
	return s.change(ctx, id, version, func(ctx context.Context, i *postern.Integration) (postern.AuditEvent, error) {
		if !on {
			i.HTTPDebugUntil = nil
			return event(audit.IntegrationDebugOff, *i, "HTTP Debug was switched off.", nil), nil
		}
		until := s.Now().UTC().Add(httpDebugFor)
		i.HTTPDebugUntil = &until
		if err := s.Queue.Enqueue(ctx, DebugOffJob{id}, job.After(httpDebugFor)); err != nil {
			return postern.AuditEvent{}, err
		}
		return event(audit.IntegrationDebugOn, *i, "HTTP Debug was switched on; it ends by itself.",
			map[string]string{"until": until.Format("2006-01-02T15:04:05Z")}), nil
	})
}

// DebugOff handles [DebugOffJob]. The connector stops by the clock alone; this clears the mark and audits the end.
func (s *Service) DebugOff(ctx context.Context, args DebugOffJob) error {
	i, err := s.Store.Integration(ctx, args.Integration)
	if postern.IsCode(err, postern.CodeNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if i.HTTPDebugUntil == nil {
		return nil
	}
	if left := i.HTTPDebugUntil.Sub(s.Now()); left > 0 {
		return job.Snooze(left)
	}
	_, err = s.change(ctx, i.ID, i.Version, func(_ context.Context, i *postern.Integration) (postern.AuditEvent, error) {
		i.HTTPDebugUntil = nil
		return event(audit.IntegrationDebugOff, *i, "HTTP Debug switched itself off.", nil), nil
	})
	return err
}

// settings are what people change about an integration, as the audit trail tells it.
type settings struct {
	ApplicationName   string                  `json:"application_name"`
	Experience        postern.Experience      `json:"experience"`
	ClientID          string                  `json:"client_id"`
	PermissionSet     postern.PermissionSet   `json:"permission_set"`
	ChallengeTimeout  int                     `json:"challenge_timeout_minutes"`
	Attestation       postern.AttestationMode `json:"attestation"`
	AllowLowAssurance bool                    `json:"allow_low_assurance"`
	Credential        postern.Credential      `json:"credential"`
	State             postern.State           `json:"state"`
	Flags             postern.FlagSet         `json:"flags"`
	RestrictDomains   bool                    `json:"restrict_domains"`
	Domains           []string                `json:"domains"`
	HTTPDebugUntil    *time.Time              `json:"http_debug_until"`
}

func settingsOf(i postern.Integration) settings {
	return settings{
		ApplicationName: i.ApplicationName, Experience: i.Experience, ClientID: i.ClientID, PermissionSet: i.PermissionSet,
		ChallengeTimeout: i.ChallengeTimeout, Attestation: i.Attestation, AllowLowAssurance: i.AllowLowAssurance,
		Credential: i.Credential, State: i.State, Flags: i.Flags, RestrictDomains: i.RestrictDomains, Domains: i.Domains,
		HTTPDebugUntil: i.HTTPDebugUntil,
	}
}

func flagFields(set postern.FlagSet) map[string]string {
	fields := make(map[string]string, len(postern.Flags))
	for _, info := range postern.Flags {
		fields[string(info.Flag)] = yesNo(set[info.Flag])
	}
	return fields
}
