package desktop

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

// The value of an install token is pti_ and the base64url of 32 random bytes. With so many, a plain hash of it is enough.
const (
	valuePrefix = "pti_"
	valueLength = len(valuePrefix) + 43
)

func hashOf(value string) []byte {
	hash := sha256.Sum256([]byte(value))
	return hash[:]
}

// Tokens lists the install tokens of an integration, newest first, never with their values.
func (s *Service) Tokens(ctx context.Context, integration postern.IntegrationID) ([]postern.InstallToken, error) {
	if _, err := s.Integrations.Get(ctx, integration); err != nil {
		return nil, err
	}
	all, err := s.Store.InstallTokens(ctx, integration)
	now := s.Now()
	for n := range all {
		all[n].State = all[n].StateAt(now)
	}
	return all, err
}

// CreateToken makes an install token for a roll-out that brings its own installer.
func (s *Service) CreateToken(ctx context.Context, integration postern.IntegrationID, in postern.InstallTokenInput) (postern.InstallTokenCreated, error) {
	i, err := s.Integrations.Get(ctx, integration)
	if err != nil {
		return postern.InstallTokenCreated{}, err
	}
	return s.create(ctx, i, in, nil)
}

// create makes a token; also is done in the same transaction.
func (s *Service) create(ctx context.Context, i postern.Integration, in postern.InstallTokenInput, also func(ctx context.Context, t postern.InstallToken) error) (postern.InstallTokenCreated, error) {
	now := s.Now().UTC()
	if err := complete(&in, now); err != nil {
		return postern.InstallTokenCreated{}, err
	}
	var random [32]byte
	rand.Read(random[:])
	value := valuePrefix + base64.RawURLEncoding.EncodeToString(random[:])
	t := postern.InstallToken{
		ID: postern.NewID[postern.InstallTokenID](postern.PrefixInstallToken), IntegrationID: i.ID, Name: in.Name, State: postern.InstallTokenLive,
		MaxUses: in.MaxUses, CreatedAt: now, CreatedBy: postern.ActorFrom(ctx).Name, ExpiresAt: now.AddDate(0, 0, in.ValidDays),
	}
	err := s.Store.Atomically(ctx, func(ctx context.Context) error {
		live, err := s.Store.CountLiveInstallTokens(ctx, i.ID, now)
		if err != nil {
			return err
		}
		if live >= postern.MaxInstallTokens {
			return postern.Errorf(postern.CodeConflict, "%s has %d live install tokens; that is the most.", i.ApplicationName, live).
				WithNext("Revoke those that no roll-out uses any more.")
		}
		if err := s.Store.CreateInstallToken(ctx, t, hashOf(value)); err != nil {
			return err
		}
		if also != nil {
			if err := also(ctx, t); err != nil {
				return err
			}
		}
		return s.Audit.Record(ctx, event(audit.InstallTokenMade, i, string(t.ID), t.Name, "The install token "+t.Name+" was made.", map[string]string{
			"expires_at": t.ExpiresAt.Format(time.RFC3339), "max_uses": strconv.Itoa(t.MaxUses),
		}))
	})
	if err != nil {
		return postern.InstallTokenCreated{}, err
	}
	return postern.InstallTokenCreated{Token: t, Value: value}, nil
}

func complete(in *postern.InstallTokenInput, now time.Time) error {
	if in.Name = strings.TrimSpace(in.Name); in.Name == "" {
		in.Name = "Download of " + now.Format(time.DateOnly)
	}
	if in.ValidDays == 0 {
		in.ValidDays = postern.DefaultInstallDays
	}
	if in.MaxUses == 0 {
		in.MaxUses = postern.MaxInstallUses
	}
	switch {
	case len(in.Name) > 80:
		return postern.FieldErrorf("name", "The name is longer than 80 bytes.").WithNext("Shorten the name.")
	case !postern.Showable(in.Name):
		return postern.FieldErrorf("name", "The name holds signs that cannot be shown.").WithNext("Use letters, digits and punctuation.")
	case in.ValidDays < 1 || in.ValidDays > postern.MaxInstallDays:
		return postern.FieldErrorf("valid_days", "An install token is valid for 1 to %d days.", postern.MaxInstallDays)
	case in.MaxUses < 1 || in.MaxUses > postern.MaxInstallUses:
		return postern.FieldErrorf("max_uses", "An install token enrols 1 to %d workstations.", postern.MaxInstallUses)
	}
	return nil
}

// RevokeToken ends an install token. Workstations that it enrolled stay.
func (s *Service) RevokeToken(ctx context.Context, integration postern.IntegrationID, id postern.InstallTokenID) (postern.InstallToken, error) {
	var out postern.InstallToken
	i, err := s.Integrations.Get(ctx, integration)
	if err != nil {
		return out, err
	}
	now := s.Now().UTC()
	err = s.Store.Atomically(ctx, func(ctx context.Context) error {
		if out, err = s.Store.InstallToken(ctx, id); err != nil {
			return err
		}
		if out.IntegrationID != i.ID {
			return postern.Errorf(postern.CodeNotFound, "%s has no such install token.", i.ApplicationName)
		}
		revoked, err := s.Store.RevokeInstallToken(ctx, id, now)
		if err != nil || !revoked {
			return err
		}
		out.RevokedAt = &now
		return s.Audit.Record(ctx, event(audit.InstallTokenRevoked, i, string(id), out.Name, "The install token "+out.Name+" was revoked.",
			map[string]string{"uses": strconv.Itoa(out.Uses)}))
	})
	out.State = out.StateAt(now)
	return out, err
}

// Bearer finds the install token that a value is of, whatever its state: [Service.Spend] judges that.
func (s *Service) Bearer(ctx context.Context, value string) (postern.InstallToken, error) {
	if len(value) != valueLength || !strings.HasPrefix(value, valuePrefix) {
		return postern.InstallToken{}, postern.Errorf(postern.CodeInstallToken, "")
	}
	t, err := s.Store.InstallTokenByHash(ctx, hashOf(value))
	if postern.IsCode(err, postern.CodeNotFound) {
		err = postern.Errorf(postern.CodeInstallToken, "")
	}
	return t, err
}

// Spend counts a use of an install token, in the transaction of ctx, and fails where it may not be used any more.
func (s *Service) Spend(ctx context.Context, id postern.InstallTokenID) error {
	now := s.Now().UTC()
	live, err := s.Store.UseInstallToken(ctx, id, now)
	if err != nil || live {
		return err
	}
	t, err := s.Store.InstallToken(ctx, id)
	if err != nil {
		return err
	}
	switch t.StateAt(now) {
	case postern.InstallTokenRevoked:
		return postern.Errorf(postern.CodeInstallRevoked, "")
	case postern.InstallTokenExpired:
		return postern.Errorf(postern.CodeInstallExpired, "The install token expired on %s.", t.ExpiresAt.Format(time.DateOnly))
	}
	return postern.Errorf(postern.CodeInstallUsedUp, "The install token has enrolled %d workstations, which is all it may.", t.Uses)
}
