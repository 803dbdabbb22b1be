package integration

import (
	"context"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/entra"
)

// hintLength is how much of a client secret Entra shows.
const hintLength = 3

// SecretHint is the beginning of the client secret in use, by which Entra shows it; empty if there is none.
func (s *Service) SecretHint(ctx context.Context, id postern.IntegrationID) (string, error) {
	c, err := s.openCredential(ctx, id)
	if err != nil || len(c.ClientSecret) < 2*hintLength {
		return "", err
	}
	return c.ClientSecret[:hintLength], nil
}

// SwitchCredential has the integration use another credential from the end of the transaction on. Whoever calls has proved
// it, and audits. CodeStale says that the one in use is not the one that was set at that time.
func (s *Service) SwitchCredential(ctx context.Context, id postern.IntegrationID, setAt time.Time, c entra.Credential, info postern.Credential) error {
	sealed, err := s.sealCredential(ctx, id, c)
	if err != nil {
		return err
	}
	return s.credential(ctx, id, setAt, func(ctx context.Context, i *postern.Integration) error {
		i.Credential = info
		return s.Store.SetSealedCredential(ctx, id, sealed)
	})
}

// NoteEnd keeps when the credential that was set at that time ends, as Entra tells it. Nobody decided it, so a form that
// somebody has open stays good.
func (s *Service) NoteEnd(ctx context.Context, id postern.IntegrationID, setAt, ends time.Time) error {
	return s.Store.Atomically(ctx, func(ctx context.Context) error {
		if err := s.Store.NoteEnd(ctx, id, setAt, ends); err != nil {
			return err
		}
		s.Store.AfterCommit(ctx, func() { s.Notices.Publish(Topic(id)) })
		return nil
	})
}

// credential changes the credential that was set at that time.
func (s *Service) credential(ctx context.Context, id postern.IntegrationID, setAt time.Time, edit func(ctx context.Context, i *postern.Integration) error) error {
	return s.Store.Atomically(ctx, func(ctx context.Context) error {
		i, err := s.Store.Integration(ctx, id)
		if err != nil {
			return err
		}
		if !i.Credential.SetAt.Equal(setAt) {
			return postern.Errorf(postern.CodeStale, "")
		}
		if err := edit(ctx, &i); err != nil {
			return err
		}
		i.UpdatedAt = s.Now().UTC()
		if err := s.Store.UpdateIntegration(ctx, &i); err != nil {
			return err
		}
		s.Store.AfterCommit(ctx, func() { s.Notices.Publish(Topic(id)) })
		return nil
	})
}
