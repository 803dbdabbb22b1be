package store

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/store/internal/query"
)

// Integrations returns all integrations, ordered by application name.
func (s *Store) Integrations(ctx context.Context) ([]postern.Integration, error) {
	rows, err := s.read(ctx).ListIntegrations(ctx)
	slices.SortFunc(rows, func(a, b query.Integration) int { return cmp.Compare(a.ApplicationKey, b.ApplicationKey) })
	return convert(rows, err, "integration", integrationOf)
}

// Integration returns one integration.
func (s *Store) Integration(ctx context.Context, id postern.IntegrationID) (postern.Integration, error) {
	row, err := s.read(ctx).GetIntegration(ctx, string(id))
	if err != nil {
		return postern.Integration{}, failure(err, "integration")
	}
	return integrationOf(row)
}

// CreateIntegration stores a new integration. CodeConflict on the field application_name says that an integration of
// that name exists; upper and lower case do not make two names different.
func (s *Store) CreateIntegration(ctx context.Context, i postern.Integration, sealedCredential []byte) error {
	row, err := integrationRow(i)
	if err != nil {
		return err
	}
	row.SealedCredential = blob(sealedCredential)
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		rows, err := t.q.InsertIntegration(ctx, query.InsertIntegrationParams(row))
		if err == nil && rows == 0 {
			return nameTaken(i.ApplicationName)
		}
		return failure(err, "integration")
	})
}

// UpdateIntegration stores i if i.Version is still the stored one, and increments it. What NoteGroup, NoteCheck and
// NoteEnd stored since i was read is kept: a stored group stays as it is, the later check stays, and so does the end of
// the same credential where i has none.
func (s *Store) UpdateIntegration(ctx context.Context, i *postern.Integration) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		stored, err := lockedIntegration(ctx, t, i.ID)
		if err != nil {
			return err
		}
		row, err := integrationRow(withNotes(*i, stored))
		if err != nil {
			return err
		}
		taken, err := t.q.ApplicationKeyTaken(ctx, query.ApplicationKeyTakenParams{ApplicationKey: row.ApplicationKey, ID: row.ID})
		if err != nil {
			return failure(err, "integration")
		}
		if taken {
			return nameTaken(i.ApplicationName)
		}
		rows, err := t.q.UpdateIntegration(ctx, query.UpdateIntegrationParams{
			ID: row.ID, Version: row.Version, ApplicationName: row.ApplicationName, ApplicationKey: row.ApplicationKey,
			Experience: row.Experience, State: row.State, TenantID: row.TenantID, TenantName: row.TenantName,
			ClientID: row.ClientID, Credential: row.Credential, PermissionSet: row.PermissionSet, Flags: row.Flags,
			ChallengeTimeout: row.ChallengeTimeout, Attestation: row.Attestation, LowAssurance: row.LowAssurance,
			RestrictDomains: row.RestrictDomains, Domains: row.Domains, HttpDebugUntil: row.HttpDebugUntil,
			PhaseGroups: row.PhaseGroups, LastCheck: row.LastCheck, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt,
		})
		err = versioned(rows, err, "integration", func() error { return nil })
		if postern.IsCode(err, postern.CodeConflict) { // another took the name since it was looked up
			return nameTaken(i.ApplicationName)
		}
		if err == nil {
			t.bump(&i.Version)
		}
		return err
	})
}

func lockedIntegration(ctx context.Context, t *transaction, id postern.IntegrationID) (postern.Integration, error) {
	if rows, err := t.q.LockIntegration(ctx, string(id)); err != nil || rows == 0 {
		return postern.Integration{}, found(rows, err, "integration")
	}
	row, err := t.q.GetIntegration(ctx, string(id))
	if err != nil {
		return postern.Integration{}, failure(err, "integration")
	}
	return integrationOf(row)
}

func withNotes(i, stored postern.Integration) postern.Integration {
	groups := slices.Clone(stored.Groups)
	for _, g := range i.Groups {
		if !slices.ContainsFunc(groups, func(s postern.PhaseGroup) bool { return s.Phase == g.Phase }) {
			groups = append(groups, g)
		}
	}
	i.Groups = groups
	if stored.Check != nil && (i.Check == nil || i.Check.At.Before(stored.Check.At)) {
		i.Check = stored.Check
	}
	if i.Credential.EndsAt == nil && i.Credential.SetAt.Equal(stored.Credential.SetAt) {
		i.Credential.EndsAt = stored.Credential.EndsAt
	}
	return i
}

// NoteCheck stores what a test of the connection found. It leaves the version alone.
func (s *Store) NoteCheck(ctx context.Context, id postern.IntegrationID, test postern.ConnectionTest) error {
	text, err := toJSON("integration", test)
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		rows, err := t.q.SetLastCheck(ctx, query.SetLastCheckParams{ID: string(id), LastCheck: text})
		return found(rows, err, "integration")
	})
}

// NoteEnd stores when the credential that was set at that time ends. It leaves the version alone. Of a credential that
// was replaced since it is CodeStale.
func (s *Store) NoteEnd(ctx context.Context, id postern.IntegrationID, setAt, ends time.Time) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		stored, err := lockedIntegration(ctx, t, id)
		if err != nil {
			return err
		}
		if !stored.Credential.SetAt.Equal(setAt) {
			return postern.Errorf(postern.CodeStale, "")
		}
		stored.Credential.EndsAt = &ends
		text, err := toJSON("integration", stored.Credential)
		if err != nil {
			return err
		}
		rows, err := t.q.SetCredential(ctx, query.SetCredentialParams{ID: string(id), Credential: text})
		return found(rows, err, "integration")
	})
}

// NoteGroup stores g in place of the group of the same phase, or adds it. It leaves the version alone.
func (s *Store) NoteGroup(ctx context.Context, id postern.IntegrationID, g postern.PhaseGroup) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		stored, err := lockedIntegration(ctx, t, id)
		if err != nil {
			return err
		}
		if k := slices.IndexFunc(stored.Groups, func(s postern.PhaseGroup) bool { return s.Phase == g.Phase }); k >= 0 {
			stored.Groups[k] = g
		} else {
			stored.Groups = append(stored.Groups, g)
		}
		text, err := toJSON("integration", stored.Groups)
		if err != nil {
			return err
		}
		rows, err := t.q.SetPhaseGroups(ctx, query.SetPhaseGroupsParams{ID: string(id), PhaseGroups: text})
		return found(rows, err, "integration")
	})
}

func nameTaken(name string) error {
	return postern.Errorf(postern.CodeConflict, "An integration named %q exists already.", name).
		OnField("application_name").WithNext("Choose another application name.")
}

// SealedCredential returns the sealed credential of an integration.
func (s *Store) SealedCredential(ctx context.Context, id postern.IntegrationID) ([]byte, error) {
	sealed, err := s.read(ctx).GetSealedCredential(ctx, string(id))
	return fromBlob(sealed), failure(err, "integration")
}

// SetSealedCredential replaces the sealed credential of an integration.
func (s *Store) SetSealedCredential(ctx context.Context, id postern.IntegrationID, sealed []byte) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		rows, err := t.q.SetSealedCredential(ctx, query.SetSealedCredentialParams{ID: string(id), SealedCredential: blob(sealed)})
		return found(rows, err, "integration")
	})
}

// DeleteIntegration removes an integration with its users, invitations, phones, provisionings, passkeys and attestation
// CA. Its audit trail stays.
func (s *Store) DeleteIntegration(ctx context.Context, id postern.IntegrationID, version int64) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		rows, err := t.q.DeleteIntegration(ctx, query.DeleteIntegrationParams{ID: string(id), Version: version})
		return versioned(rows, err, "integration", func() error { _, err := t.q.GetIntegration(ctx, string(id)); return err })
	})
}

func integrationRow(i postern.Integration) (query.Integration, error) {
	row := query.Integration{
		ID: string(i.ID), Version: i.Version, ApplicationName: i.ApplicationName,
		ApplicationKey: strings.ToLower(i.ApplicationName), Experience: string(i.Experience), State: string(i.State),
		TenantID: i.TenantID, TenantName: i.TenantName, ClientID: i.ClientID, PermissionSet: string(i.PermissionSet),
		ChallengeTimeout: int64(i.ChallengeTimeout), Attestation: string(i.Attestation), LowAssurance: i.AllowLowAssurance,
		RestrictDomains: i.RestrictDomains, HttpDebugUntil: optionalMillis(i.HTTPDebugUntil),
		CreatedAt: millis(i.CreatedAt), UpdatedAt: millis(i.UpdatedAt),
	}
	for _, field := range []struct {
		to   *string
		from any
	}{{&row.Credential, i.Credential}, {&row.Flags, i.Flags}, {&row.Domains, i.Domains}, {&row.PhaseGroups, i.Groups}, {&row.LastCheck, i.Check}} {
		text, err := toJSON("integration", field.from)
		if err != nil {
			return query.Integration{}, err
		}
		*field.to = text
	}
	return row, nil
}

func integrationOf(row query.Integration) (postern.Integration, error) {
	i := postern.Integration{
		ID: postern.IntegrationID(row.ID), Version: row.Version, ApplicationName: row.ApplicationName,
		Experience: postern.Experience(row.Experience), State: postern.State(row.State), TenantID: row.TenantID,
		TenantName: row.TenantName, ClientID: row.ClientID, PermissionSet: postern.PermissionSet(row.PermissionSet),
		ChallengeTimeout: int(row.ChallengeTimeout), Attestation: postern.AttestationMode(row.Attestation),
		AllowLowAssurance: row.LowAssurance, RestrictDomains: row.RestrictDomains,
		HTTPDebugUntil: fromOptionalMillis(row.HttpDebugUntil),
		CreatedAt:      fromMillis(row.CreatedAt), UpdatedAt: fromMillis(row.UpdatedAt),
	}
	for _, field := range []struct {
		from string
		to   any
	}{{row.Credential, &i.Credential}, {row.Flags, &i.Flags}, {row.Domains, &i.Domains}, {row.PhaseGroups, &i.Groups}, {row.LastCheck, &i.Check}} {
		if err := fromJSON("integration", field.from, field.to); err != nil {
			return postern.Integration{}, err
		}
	}
	return i, nil
}
