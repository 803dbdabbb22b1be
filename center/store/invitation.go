package store

import (
	"context"

	"github.com/postern/postern"
	"github.com/postern/postern/center/store/internal/query"
)

// Invitation returns one invitation.
func (s *Store) Invitation(ctx context.Context, id postern.InvitationID) (postern.Invitation, error) {
	row, err := s.read(ctx).GetInvitation(ctx, string(id))
	if err != nil {
		return postern.Invitation{}, failure(err, "invitation")
	}
	return invitationOf(row)
}

// InvitationByHandle finds the invitation that the first group of a one-time code names, with the hash of the code:
// the open one, or else the newest.
func (s *Store) InvitationByHandle(ctx context.Context, handle string) (postern.Invitation, []byte, error) {
	row, err := s.read(ctx).GetInvitationByHandle(ctx, handle)
	if err != nil {
		return postern.Invitation{}, nil, failure(err, "invitation")
	}
	i, err := invitationOf(row)
	return i, row.CodeHash, err
}

// Invitations returns the invitations of a user, oldest first.
func (s *Store) Invitations(ctx context.Context, user postern.UserID) ([]postern.Invitation, error) {
	rows, err := s.read(ctx).ListInvitations(ctx, string(user))
	return convert(rows, err, "invitation", invitationOf)
}

// CreateInvitation stores a new invitation. CodeConflict says that an open invitation has that handle.
func (s *Store) CreateInvitation(ctx context.Context, i postern.Invitation, handle string, codeHash []byte) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		rows, err := t.q.InsertInvitation(ctx, query.InsertInvitationParams{
			ID: string(i.ID), IntegrationID: string(i.IntegrationID), UserID: string(i.UserID), State: string(i.State),
			Failures: int64(i.Failures), InvitedBy: i.InvitedBy, Handle: handle, CodeHash: blob(codeHash),
			CreatedAt: millis(i.CreatedAt), ExpiresAt: millis(i.ExpiresAt), UsedAt: optionalMillis(i.UsedAt),
		})
		return inserted(rows, err, "invitation")
	})
}

// UpdateInvitation stores i if its state and failures are still those of was; otherwise it answers CodeStale.
func (s *Store) UpdateInvitation(ctx context.Context, was, i postern.Invitation) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		rows, err := t.q.UpdateInvitation(ctx, query.UpdateInvitationParams{
			ID: string(was.ID), WasState: string(was.State), WasFailures: int64(was.Failures),
			State: string(i.State), Failures: int64(i.Failures), InvitedBy: i.InvitedBy,
			CreatedAt: millis(i.CreatedAt), ExpiresAt: millis(i.ExpiresAt), UsedAt: optionalMillis(i.UsedAt),
		})
		return versioned(rows, err, "invitation", func() error { _, err := t.q.GetInvitation(ctx, string(was.ID)); return err })
	})
}

func invitationOf(row query.Invitation) (postern.Invitation, error) {
	return postern.Invitation{
		ID: postern.InvitationID(row.ID), IntegrationID: postern.IntegrationID(row.IntegrationID),
		UserID: postern.UserID(row.UserID), State: postern.InvitationState(row.State), Failures: int(row.Failures),
		InvitedBy: row.InvitedBy, CreatedAt: fromMillis(row.CreatedAt), ExpiresAt: fromMillis(row.ExpiresAt),
		UsedAt: fromOptionalMillis(row.UsedAt),
	}, nil
}
