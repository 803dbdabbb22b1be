package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/center/mail"
)

// Mail is what the console needs of package mail.
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

// outboxLimit is how many messages a page shows.
const outboxLimit = 50

// messagesPage is the Messages tab.
type messagesPage struct {
	integrationFrame
	MailOn   bool
	Messages postern.Messages
	Due      postern.CampaignPreview
	Problems problems
	Outbox   []postern.Message
	State    postern.MessageState // only messages in this state
	Page     int
	More     bool
}

func messagesPath(id postern.IntegrationID) string { return integrationPath(id) + "/messages" }

func (c *console) messages(w http.ResponseWriter, r *http.Request) error {
	i, err := c.integration(r)
	if err != nil {
		return err
	}
	p, err := c.messagesPage(r, i)
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, messages(p))
}

func (c *console) messagesPage(r *http.Request, i postern.Integration) (messagesPage, error) {
	p := messagesPage{integrationFrame: c.integrationFrame(r, i, tabMessages), State: postern.MessageState(r.URL.Query().Get("state"))}
	settings, err := c.Mail.Settings(r.Context())
	if err != nil {
		return p, err
	}
	p.MailOn = settings.Configured()
	if p.Messages, err = c.Mail.Messages(r.Context(), i.ID); err != nil {
		return p, err
	}
	if p.Due, err = c.Mail.PreviewCampaign(r.Context(), i.ID, p.Messages.Campaign); err != nil {
		return p, err
	}
	if !p.May(postern.PermUsersRead) {
		return p, nil
	}
	if !slices.Contains(messageStates, p.State) {
		p.State = ""
	}
	if n, err := strconv.Atoi(r.URL.Query().Get("page")); err == nil && n > 0 && n < 1_000_000 {
		p.Page = n
	}
	p.Outbox, err = c.Mail.Outbox(r.Context(), mail.Query{IntegrationID: i.ID, State: p.State, Offset: p.Page * outboxLimit, Limit: outboxLimit + 1})
	if p.More = len(p.Outbox) > outboxLimit; p.More {
		p.Outbox = p.Outbox[:outboxLimit]
	}
	return p, err
}

var messageStates = []postern.MessageState{postern.MessageQueued, postern.MessageSent, postern.MessageFailed, postern.MessageWithdrawn}

// outboxAt is another page of the outbox.
func (p messagesPage) outboxAt(page int) string {
	q := url.Values{"page": {itoa(page)}}
	if p.State != "" {
		q.Set("state", string(p.State))
	}
	return messagesPath(p.Integration.ID) + "?" + q.Encode() + "#outbox"
}

// setMessages stores the campaign and the switches beside it; texts are stored on their own page.
func (c *console) setMessages(w http.ResponseWriter, r *http.Request) error {
	i, err := c.integration(r)
	if err != nil {
		return err
	}
	if err := r.ParseForm(); err != nil {
		return postern.Errorf(postern.CodeTooLarge, "The form is larger than Postern accepts.").Because(err)
	}
	number := func(name string) int {
		n, err := strconv.Atoi(r.PostForm.Get(name))
		if err != nil {
			return -1 // the service says what it takes
		}
		return n
	}
	in := postern.Messages{
		Version: readVersion(r), Language: postern.Language(r.PostForm.Get("language")), RevokeNotice: r.PostForm.Get("revoke_notice") != "",
		Campaign: postern.Campaign{
			On: r.PostForm.Get("on") != "", FirstDays: number("first_days"), EveryDays: number("every_days"), AtMost: number("at_most"),
			Invited: r.PostForm.Get("invited") != "", Weekdays: r.PostForm["weekdays"], FromHour: number("from_hour"), UntilHour: number("until_hour"),
			TimeZone: strings.TrimSpace(r.PostForm.Get("time_zone")),
		},
	}
	if r.PostForm.Has("count") {
		return c.countCampaign(w, r, i, in)
	}
	if _, err := c.Mail.SetMessages(r.Context(), i.ID, in); err != nil {
		return c.messagesAgain(w, r, i, in, problemsOf(err))
	}
	return c.away(w, r, messagesPath(i.ID)+"?done=messages")
}

// countCampaign shows whom a campaign would write to before it is stored.
func (c *console) countCampaign(w http.ResponseWriter, r *http.Request, i postern.Integration, in postern.Messages) error {
	due, err := c.Mail.PreviewCampaign(r.Context(), i.ID, in.Campaign)
	if err != nil {
		return c.messagesAgain(w, r, i, in, problemsOf(err))
	}
	p, err := c.messagesPage(r, i)
	if err != nil {
		return err
	}
	in.Texts = p.Messages.Texts
	p.Messages, p.Due = in, due
	p.Note = "Not saved yet. With these settings the campaign would write to " + headCount(due.Due) + " now."
	return c.show(w, r, http.StatusOK, messages(p))
}

func (c *console) messagesAgain(w http.ResponseWriter, r *http.Request, i postern.Integration, in postern.Messages, wrong problems) error {
	p, err := c.messagesPage(r, i)
	if err != nil {
		return err
	}
	if !(len(wrong) == 1 && wrong[0].Code == postern.CodeStale) {
		in.Texts = p.Messages.Texts
		p.Messages = in
	}
	p.Problems = wrong
	return c.show(w, r, statusOf(wrong), messages(p))
}

func headCount(n int) string {
	if n == 1 {
		return "1 person"
	}
	return itoa(n) + " people"
}

func (c *console) resendMessage(w http.ResponseWriter, r *http.Request) error {
	i, err := c.integration(r)
	if err != nil {
		return err
	}
	if err := c.Mail.Resend(r.Context(), postern.MessageID(r.PathValue("message"))); err != nil {
		return err
	}
	return c.away(w, r, messagesPath(i.ID)+"?done=resent#outbox")
}

func (c *console) remind(w http.ResponseWriter, r *http.Request) error {
	id := postern.UserID(r.PathValue("user"))
	if err := c.Mail.Remind(r.Context(), id); err != nil {
		return err
	}
	return c.away(w, r, userPath(id)+"?done=reminded")
}

// textPage edits one text, with the message as users get it beside it.
type textPage struct {
	frame
	Integration postern.Integration
	Version     int64
	Text        postern.MessageText
	Problems    problems
	Preview     postern.MessagePreview
	Source      string // address of the preview in HTML
}

func textPath(id postern.IntegrationID, t postern.MessageText) string {
	return messagesPath(id) + "/" + string(t.Kind) + "/" + string(t.Language)
}

// textOf finds the text of the address.
func (c *console) textOf(r *http.Request) (postern.Integration, postern.Messages, postern.MessageText, error) {
	i, err := c.integration(r)
	if err != nil {
		return i, postern.Messages{}, postern.MessageText{}, err
	}
	m, err := c.Mail.Messages(r.Context(), i.ID)
	if err != nil {
		return i, m, postern.MessageText{}, err
	}
	n := slices.IndexFunc(m.Texts, func(t postern.MessageText) bool {
		return string(t.Kind) == r.PathValue("kind") && string(t.Language) == r.PathValue("language")
	})
	if n < 0 {
		return i, m, postern.MessageText{}, postern.Errorf(postern.CodeNotFound, "There is no such text.")
	}
	return i, m, m.Texts[n], nil
}

func (c *console) text(w http.ResponseWriter, r *http.Request) error {
	i, m, t, err := c.textOf(r)
	if err != nil {
		return err
	}
	return c.showText(w, r, textPage{Integration: i, Version: m.Version, Text: t})
}

func (c *console) showText(w http.ResponseWriter, r *http.Request, p textPage) error {
	p.frame = c.sheetFrame(r, p.Integration, messageName(p.Text.Kind)+" ("+languageName(p.Text.Language)+")")
	p.frame.Trail = append(p.frame.Trail, crumb{"Messages", messagesPath(p.Integration.ID)})
	p.InDialog = false
	status := http.StatusOK
	preview, err := c.Mail.Preview(r.Context(), p.Integration.ID, p.Text)
	switch {
	case len(p.Problems) > 0:
		status = statusOf(p.Problems)
	case err != nil:
		p.Problems = problemsOf(err)
		status = statusOf(p.Problems)
	}
	if err == nil {
		p.Preview = preview
		q := url.Values{"subject": {p.Text.Subject}, "intro": {p.Text.Intro}, "signature": {p.Text.Signature}}
		p.Source = textPath(p.Integration.ID, p.Text) + "/preview?" + q.Encode()
	}
	return c.show(w, r, status, messageText(p))
}

func (c *console) setText(w http.ResponseWriter, r *http.Request) error {
	i, m, t, err := c.textOf(r)
	if err != nil {
		return err
	}
	if err := r.ParseForm(); err != nil {
		return postern.Errorf(postern.CodeTooLarge, "The form is larger than Postern accepts.").Because(err)
	}
	t.Subject, t.Intro, t.Signature = r.PostForm.Get("subject"), r.PostForm.Get("intro"), r.PostForm.Get("signature")
	p := textPage{Integration: i, Version: readVersion(r), Text: t}
	if r.PostForm.Has("preview") || !c.may(r, postern.PermMessagesWrite) {
		return c.showText(w, r, p)
	}
	m.Version, m.Texts = p.Version, []postern.MessageText{t}
	if _, err := c.Mail.SetMessages(r.Context(), i.ID, m); err != nil {
		p.Problems = problemsOf(err)
		return c.showText(w, r, p)
	}
	return c.away(w, r, textPath(i.ID, t)+"?done=text")
}

// previewPolicy lets a message show its own styles and nothing else: no script, no address, no form, and an origin of
// its own.
const previewPolicy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox"

// previewText answers with a message in HTML, for the frame in the page that edits it.
func (c *console) previewText(w http.ResponseWriter, r *http.Request) error {
	i, _, t, err := c.textOf(r)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	t.Subject, t.Intro, t.Signature = q.Get("subject"), q.Get("intro"), q.Get("signature")
	preview, err := c.Mail.Preview(r.Context(), i.ID, t)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Security-Policy", previewPolicy)
	h.Set("X-Frame-Options", "SAMEORIGIN")
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	_, err = w.Write([]byte(preview.HTML))
	return err
}

// may reports whether the one who asks has a permission.
func (c *console) may(r *http.Request, p postern.Permission) bool {
	return c.frame(r, "", "").May(p)
}

func messageName(k postern.MessageKind) string {
	switch k {
	case postern.MessageInvitation:
		return "Invitation"
	case postern.MessageCode:
		return "One-time code"
	case postern.MessageEnding:
		return "Invitation ends soon"
	case postern.MessageReminder:
		return "Pairing incomplete"
	case postern.MessagePhoneRevoked:
		return "Phone removed"
	}
	return string(k)
}

func messagePurpose(k postern.MessageKind) string {
	switch k {
	case postern.MessageInvitation:
		return "Informs only: it holds no code and no link that pairs, and leads to the help page."
	case postern.MessageCode:
		return "A message of its own, where the inviter chose to send the code by mail."
	case postern.MessageEnding:
		return "Before an open invitation runs out."
	case postern.MessageReminder:
		return "To users whose phone is paired and whose passkey Entra does not know yet."
	case postern.MessagePhoneRevoked:
		return "When the organisation removes a phone, if that is switched on below."
	}
	return ""
}

func languageName(l postern.Language) string {
	if l == postern.German {
		return "Deutsch"
	}
	return "English"
}

func messageBadge(s postern.MessageState) string {
	switch s {
	case postern.MessageSent:
		return "ok"
	case postern.MessageFailed:
		return "bad"
	case postern.MessageQueued:
		return "info"
	}
	return "warn"
}

// weekdayChoices are the days of a campaign in the order of a week.
var weekdayChoices = []struct{ Value, Name string }{
	{"mon", "Mon"}, {"tue", "Tue"}, {"wed", "Wed"}, {"thu", "Thu"}, {"fri", "Fri"}, {"sat", "Sat"}, {"sun", "Sun"},
}

// again reports whether a message can be written again.
func again(m postern.Message) bool {
	switch m.Kind {
	case postern.MessageInvitation, postern.MessageReminder, postern.MessageEnding:
		return m.State == postern.MessageFailed || m.State == postern.MessageSent
	}
	return false
}
