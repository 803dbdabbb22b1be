package rest_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/postern/postern"
	"github.com/postern/postern/center/mail"
)

type mails struct{ *domain }

func (d mails) Settings(context.Context) (postern.MailSettings, error) {
	return postern.MailSettings{Security: postern.MailSTARTTLS}, d.call("MailSettings", nil)
}

func (d mails) SetSettings(_ context.Context, in postern.MailSettingsInput) (postern.MailSettings, error) {
	return in.MailSettings, d.call("SetMailSettings", in)
}

func (d mails) Test(_ context.Context, in postern.MailTestInput) (postern.MailTest, error) {
	return postern.MailTest{OK: true}, d.call("TestMail", in)
}

func (d mails) Messages(_ context.Context, id postern.IntegrationID) (postern.Messages, error) {
	return postern.Messages{Language: postern.German, Texts: []postern.MessageText{}}, d.call("Messages", id)
}

func (d mails) SetMessages(_ context.Context, _ postern.IntegrationID, in postern.Messages) (postern.Messages, error) {
	return in, d.call("SetMessages", in)
}

func (d mails) Preview(_ context.Context, _ postern.IntegrationID, in postern.MessageText) (postern.MessagePreview, error) {
	return postern.MessagePreview{Subject: "s"}, d.call("PreviewMessage", in)
}

func (d mails) PreviewCampaign(_ context.Context, _ postern.IntegrationID, in postern.Campaign) (postern.CampaignPreview, error) {
	return postern.CampaignPreview{Due: 37}, d.call("PreviewCampaign", in)
}

func (d mails) Outbox(_ context.Context, q mail.Query) ([]postern.Message, error) {
	all := make([]postern.Message, min(3, q.Limit))
	for n := range all {
		all[n] = postern.Message{Kind: postern.MessageCode, Language: postern.English, State: postern.MessageSent}
	}
	return all, d.call("Outbox", q)
}

func (d mails) Resend(_ context.Context, id postern.MessageID) error { return d.call("Resend", id) }
func (d mails) Remind(_ context.Context, id postern.UserID) error    { return d.call("Remind", id) }

var someCampaign = postern.Campaign{FirstDays: 1, EveryDays: 1, AtMost: 1, Weekdays: []string{}, UntilHour: 24, TimeZone: "UTC"}

// TestMailPasswordStaysInside sends a password and looks for it in what is answered.
func TestMailPasswordStaysInside(t *testing.T) {
	h := newHouse(t)
	answer := h.send("PUT", "/api/v1/mail", `{"version":0,"host":"mail.contoso.com","port":587,"security":"starttls","from":"a@contoso.com","organisation":"","help":"","per_minute":60,"password_set":false,"password":"hunter2"}`,
		bearer(h.token(postern.PermMessagesWrite)))
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%d: %s, %v", answer.StatusCode, text, err)
	}
	if bytes.Contains(text, []byte("hunter2")) {
		t.Errorf("the answer holds the password: %s", text)
	}
}
