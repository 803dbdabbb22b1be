package rest

import (
	"context"
	"net/http"
	"strconv"

	"github.com/postern/postern"
	"github.com/postern/postern/center/mail"
)

const tagMessages = "Messages"

// Mail is what the API needs of package mail.
type Mail interface {
	Settings(ctx context.Context) (postern.MailSettings, error)
	SetSettings(ctx context.Context, in postern.MailSettingsInput) (postern.MailSettings, error)
	Test(ctx context.Context, in postern.MailTestInput) (postern.MailTest, error)
	Messages(ctx context.Context, id postern.IntegrationID) (postern.Messages, error)
	SetMessages(ctx context.Context, id postern.IntegrationID, in postern.Messages) (postern.Messages, error)
	Preview(ctx context.Context, id postern.IntegrationID, in postern.MessageText) (postern.MessagePreview, error)
	PreviewCampaign(ctx context.Context, id postern.IntegrationID, c postern.Campaign) (postern.CampaignPreview, error)
	Outbox(ctx context.Context, q mail.Query) ([]postern.Message, error)
	Resend(ctx context.Context, id postern.MessageID) error
	Remind(ctx context.Context, id postern.UserID) error
}

func (a *API) mailRoutes() {
	s := a.services.Mail
	const settings, integration = postern.APIPath + "/mail", postern.APIPath + "/integrations/{id}/messages"
	add(a, route{
		method: http.MethodGet, path: settings, id: "get-mail-settings", tag: tagMessages,
		summary: "Look at the mail settings", needs: postern.PermMessagesWrite,
		notes: "The answer never holds the password.",
	}, func(ctx context.Context, _ *struct{}) (*object[postern.MailSettings], error) {
		return answer(s.Settings(ctx))
	})
	add(a, route{
		method: http.MethodPut, path: settings, id: "set-mail-settings", tag: tagMessages,
		summary: "Change the mail settings", needs: postern.PermMessagesWrite,
		notes: "An empty password keeps the stored one, unless server, protection or user name change. What waits in the outbox is tried with the new settings at once.",
		codes: []postern.Code{postern.CodeStale},
	}, func(ctx context.Context, in *struct{ Body postern.MailSettingsInput }) (*object[postern.MailSettings], error) {
		return answer(s.SetSettings(ctx, in.Body))
	})
	add(a, route{
		method: http.MethodPost, path: settings + "/test", id: "test-mail", tag: tagMessages,
		summary: "Send a test message", needs: postern.PermMessagesWrite, takes: entraTime,
		notes: "What the mail server has against it is told in the answer, not as an error.",
	}, func(ctx context.Context, in *struct{ Body postern.MailTestInput }) (*object[postern.MailTest], error) {
		return answer(s.Test(ctx, in.Body))
	})
	add(a, route{
		method: http.MethodGet, path: integration, id: "get-messages", tag: tagMessages,
		summary: "Look at what an integration writes to its users", needs: postern.PermIntegrationsRead,
	}, func(ctx context.Context, in *IntegrationPath) (*object[postern.Messages], error) {
		return answer(s.Messages(ctx, in.ID))
	})
	add(a, route{
		method: http.MethodPut, path: integration, id: "set-messages", tag: tagMessages,
		summary: "Change what an integration writes to its users", needs: postern.PermMessagesWrite,
		notes: "Texts that are not named stay. An empty subject, introduction or signature goes back to Postern's own.",
		codes: []postern.Code{postern.CodeStale, postern.CodeMailOff},
	}, func(ctx context.Context, in *struct {
		IntegrationPath
		Body postern.Messages
	},
	) (*object[postern.Messages], error) {
		return answer(s.SetMessages(ctx, in.ID, in.Body))
	})
	add(a, route{
		method: http.MethodPost, path: integration + "/preview", id: "preview-message", tag: tagMessages,
		summary: "Write a message without sending it", needs: postern.PermIntegrationsRead,
		notes: "The user is invented and the one-time code is none. A subject, introduction or signature in the request stands in the place of the stored one.",
	}, func(ctx context.Context, in *struct {
		IntegrationPath
		Body postern.MessageText
	},
	) (*object[postern.MessagePreview], error) {
		return answer(s.Preview(ctx, in.ID, in.Body))
	})
	add(a, route{
		method: http.MethodPost, path: integration + "/campaign/preview", id: "preview-campaign", tag: tagMessages,
		summary: "Count whom a reminder campaign would write to", needs: postern.PermIntegrationsRead, takes: entraTime,
		notes: "As if it ran now, whatever the hour. Nothing is sent.",
	}, func(ctx context.Context, in *struct {
		IntegrationPath
		Body postern.Campaign
	},
	) (*object[postern.CampaignPreview], error) {
		return answer(s.PreviewCampaign(ctx, in.ID, in.Body))
	})
	add(a, route{
		method: http.MethodGet, path: postern.APIPath + "/messages", id: "list-messages", tag: tagMessages,
		summary: "List the messages to users", needs: postern.PermUsersRead,
		notes: "Newest first, without what they say.",
	}, func(ctx context.Context, in *struct {
		Integration postern.IntegrationID `query:"integration_id" doc:"Only messages of this integration."`
		User        postern.UserID        `query:"user_id" doc:"Only messages to this user."`
		State       string                `query:"state" enum:"queued,sent,failed,withdrawn" doc:"Only messages in this state."`
		Page        int                   `query:"page" minimum:"0" maximum:"10000000" doc:"The member next of the page before."`
		Limit       int                   `query:"limit" minimum:"1" maximum:"500" default:"100"`
	},
	) (*list[postern.Message], error) {
		all, err := s.Outbox(ctx, mail.Query{
			IntegrationID: in.Integration, UserID: in.User, State: postern.MessageState(in.State), Offset: in.Page, Limit: in.Limit + 1,
		})
		return answerPage(all, in.Limit, func(postern.Message) string { return strconv.Itoa(in.Page + in.Limit) }, err)
	})
	add(a, route{
		method: http.MethodPost, path: postern.APIPath + "/messages/{id}/resend", id: "resend-message", tag: tagMessages, status: http.StatusNoContent,
		summary: "Write a message to a user again", needs: postern.PermUsersInvite,
		notes: "As a new message. A one-time code is not there any more to be sent again: that takes a new invitation.",
		codes: []postern.Code{postern.CodeConflict, postern.CodeMailOff, postern.CodeMailAddress},
	}, func(ctx context.Context, in *struct {
		ID postern.MessageID `path:"id" doc:"Identifier of the message."`
	},
	) (*none, error) {
		return nil, s.Resend(ctx, in.ID)
	})
	add(a, route{
		method: http.MethodPost, path: postern.APIPath + "/users/{id}/remind", id: "remind-user", tag: tagMessages, status: http.StatusNoContent,
		summary: "Remind a user", needs: postern.PermUsersInvite,
		notes: "Of the step that is left after a phone was paired, or of an invitation that is open.",
		codes: []postern.Code{postern.CodeConflict, postern.CodeMailOff, postern.CodeMailAddress},
	}, func(ctx context.Context, in *UserPath) (*none, error) {
		return nil, s.Remind(ctx, in.ID)
	})
}
