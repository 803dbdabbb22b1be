//go:build !js

package postern

import (
	"context"
	"iter"
	"net/http"
	"net/url"
)

// MailSettings returns the mail settings, without the password.
func (c *Client) MailSettings(ctx context.Context) (MailSettings, error) {
	return get[MailSettings](ctx, c, http.MethodGet, under("mail"), nil)
}

// SetMailSettings changes the mail settings.
func (c *Client) SetMailSettings(ctx context.Context, in MailSettingsInput) (MailSettings, error) {
	return get[MailSettings](ctx, c, http.MethodPut, under("mail"), in)
}

// TestMail sends a test message and says what came of it.
func (c *Client) TestMail(ctx context.Context, in MailTestInput) (MailTest, error) {
	return get[MailTest](ctx, c, http.MethodPost, under("mail", "test"), in)
}

// Messages returns what an integration writes to its users, and its reminder campaign.
func (c *Client) Messages(ctx context.Context, id IntegrationID) (Messages, error) {
	return get[Messages](ctx, c, http.MethodGet, under("integrations", string(id), "messages"), nil)
}

// SetMessages changes what an integration writes to its users, and its reminder campaign.
func (c *Client) SetMessages(ctx context.Context, id IntegrationID, in Messages) (Messages, error) {
	return get[Messages](ctx, c, http.MethodPut, under("integrations", string(id), "messages"), in)
}

// PreviewMessage writes a message without sending it.
func (c *Client) PreviewMessage(ctx context.Context, id IntegrationID, in MessageText) (MessagePreview, error) {
	return get[MessagePreview](ctx, c, http.MethodPost, under("integrations", string(id), "messages", "preview"), in)
}

// PreviewCampaign counts whom a campaign would write to now.
func (c *Client) PreviewCampaign(ctx context.Context, id IntegrationID, in Campaign) (CampaignPreview, error) {
	return get[CampaignPreview](ctx, c, http.MethodPost, under("integrations", string(id), "messages", "campaign", "preview"), in)
}

// OutboxFilter chooses messages. Zero members do not restrict.
type OutboxFilter struct {
	IntegrationID IntegrationID
	UserID        UserID
	State         MessageState
}

// Outbox walks the messages to users, newest first, page by page.
func (c *Client) Outbox(ctx context.Context, f OutboxFilter) iter.Seq2[Message, error] {
	q := url.Values{}
	set(q, "integration_id", string(f.IntegrationID))
	set(q, "user_id", string(f.UserID))
	set(q, "state", string(f.State))
	return pages[Message](ctx, c, under("messages"), q)
}

// ResendMessage writes a message to a user again.
func (c *Client) ResendMessage(ctx context.Context, id MessageID) error {
	return c.call(ctx, http.MethodPost, under("messages", string(id), "resend"), nil, nil, nil)
}

// RemindUser reminds a user of the step that is left.
func (c *Client) RemindUser(ctx context.Context, id UserID) error {
	return c.call(ctx, http.MethodPost, under("users", string(id), "remind"), nil, nil, nil)
}
