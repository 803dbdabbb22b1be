package bulk

import (
	"context"

	"github.com/postern/postern"
)

// Inviter is what inviting needs of package lifecycle.
type Inviter interface {
	// InviteThen invites, and calls then in the inviting transaction; its error undoes the invitation.
	InviteThen(ctx context.Context, integration postern.IntegrationID, in postern.InvitationInput,
		then func(ctx context.Context, created postern.InvitationCreated) error) (postern.InvitationCreated, error)
}

// Invite is the act of [postern.BulkInvite]. Without codes by mail they are kept sealed, to be fetched once.
type Invite struct {
	Users Inviter
	// PublicURL is what links begin with.
	PublicURL string
}

// Do implements [Act]. The row knows of the invitation as soon as there is one, so that a row is invited once, whatever
// becomes of the process.
func (a Invite) Do(ctx context.Context, j postern.BulkJob, row Row) (Outcome, error) {
	who := row.ObjectID
	if who == "" {
		who = row.Given
	}
	minutes := row.ValidMinutes
	if minutes == 0 {
		minutes = j.ValidMinutes
	}
	var out Outcome
	_, err := a.Users.InviteThen(ctx, j.IntegrationID, postern.InvitationInput{User: who, ValidMinutes: minutes, Mail: j.Mail},
		func(ctx context.Context, created postern.InvitationCreated) error {
			out = Outcome{Made: string(created.Invitation.ID), User: created.User.ID, UPN: created.User.UPN}
			if j.Mail != postern.MailCode {
				out.Secret = &Secret{Code: created.Code, Link: postern.AppLink(a.PublicURL, created.Code)}
			}
			return row.Keep(ctx, out)
		})
	return out, err
}
