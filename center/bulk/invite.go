package bulk

import (
	"context"

	"github.com/postern/postern"
)

// Inviter is what inviting needs of package lifecycle.
type Inviter interface {
	Invite(ctx context.Context, integration postern.IntegrationID, in postern.InvitationInput) (postern.InvitationCreated, error)
	Invitations(ctx context.Context, user postern.UserID) ([]postern.Invitation, error)
}

// Invite is the act of [postern.BulkInvite]. Without codes by mail they are kept sealed, to be fetched once.
type Invite struct {
	Users Inviter
	// PublicURL is what links begin with.
	PublicURL string
}

// Do implements [Act]. When it is not known whether an earlier try invited the user, a code that went by mail is let
// stand; one that nobody has seen is replaced, which withdraws it.
func (a Invite) Do(ctx context.Context, j postern.BulkJob, row Row) (Outcome, error) {
	if row.Again && j.Mail == postern.MailCode && row.UserID != "" {
		made, err := a.earlier(ctx, row)
		if err != nil || made != "" {
			return Outcome{Made: made}, err
		}
	}
	who := row.ObjectID
	if who == "" {
		who = row.Given
	}
	minutes := row.ValidMinutes
	if minutes == 0 {
		minutes = j.ValidMinutes
	}
	created, err := a.Users.Invite(ctx, j.IntegrationID, postern.InvitationInput{User: who, ValidMinutes: minutes, Mail: j.Mail})
	if err != nil {
		return Outcome{}, err
	}
	out := Outcome{Made: string(created.Invitation.ID), User: created.User.ID, UPN: created.User.UPN}
	if j.Mail != postern.MailCode {
		out.Secret = &Secret{Code: created.Code, Link: postern.AppLink(a.PublicURL, created.Code)}
	}
	return out, nil
}

// earlier finds the open invitation that this row made.
func (a Invite) earlier(ctx context.Context, row Row) (string, error) {
	all, err := a.Users.Invitations(ctx, row.UserID)
	if err != nil {
		return "", err
	}
	by := postern.ActorFrom(ctx).Name
	for _, inv := range all {
		if inv.State == postern.InvitationOpen && inv.InvitedBy == by && !inv.CreatedAt.Before(row.Begun) {
			return string(inv.ID), nil
		}
	}
	return "", nil
}
