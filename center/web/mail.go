package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/center/mail"
)

// mailPage is the page of the mail settings.
type mailPage struct {
	frame
	Form     postern.MailSettingsInput
	Problems problems
	Test     *postern.MailTest
	To       string
}

func (c *console) mailSettings(w http.ResponseWriter, r *http.Request) error {
	set, err := c.Mail.Settings(r.Context())
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, mailSettings(mailPage{frame: c.frame(r, sectionMail, "Mail"), Form: postern.MailSettingsInput{MailSettings: set}}))
}

func (c *console) setMailSettings(w http.ResponseWriter, r *http.Request) error {
	number := func(name string) int {
		n, err := strconv.Atoi(strings.TrimSpace(r.PostFormValue(name)))
		if err != nil && r.PostFormValue(name) != "" {
			return -1
		}
		return n
	}
	in := postern.MailSettingsInput{
		MailSettings: postern.MailSettings{
			Version: readVersion(r), Host: r.PostFormValue("host"), Port: number("port"), Security: postern.MailSecurity(r.PostFormValue("security")),
			Username: r.PostFormValue("username"), From: r.PostFormValue("from"), ReplyTo: r.PostFormValue("reply_to"),
			Organisation: r.PostFormValue("organisation"), Help: r.PostFormValue("help"), PerMinute: number("per_minute"),
		},
		Password: r.PostFormValue("password"), RemovePassword: r.PostFormValue("remove_password") != "",
	}
	for _, kind := range postern.AlarmKinds {
		if r.PostFormValue("tell_"+string(kind)) == "" {
			in.Silent = append(in.Silent, kind)
		}
	}
	in.Language = postern.Language(r.PostFormValue("language"))
	if _, err := c.Mail.SetSettings(r.Context(), in); err != nil {
		p := mailPage{frame: c.frame(r, sectionMail, "Mail"), Form: in, Problems: problemsOf(err)}
		p.Form.Password = ""
		if was, err := c.Mail.Settings(r.Context()); err == nil {
			p.Form.PasswordSet = was.PasswordSet
		}
		return c.show(w, r, statusOf(p.Problems), mailSettings(p))
	}
	return c.away(w, r, "/mail?done=mail")
}

func (c *console) testMail(w http.ResponseWriter, r *http.Request) error {
	set, err := c.Mail.Settings(r.Context())
	if err != nil {
		return err
	}
	p := mailPage{frame: c.frame(r, sectionMail, "Mail"), Form: postern.MailSettingsInput{MailSettings: set}, To: r.PostFormValue("to")}
	test, err := c.Mail.Test(r.Context(), postern.MailTestInput{To: p.To})
	if err != nil {
		p.Problems = problemsOf(err)
		return c.show(w, r, statusOf(p.Problems), mailSettings(p))
	}
	p.Test = &test
	return c.show(w, r, http.StatusOK, mailSettings(p))
}

var securityChoices = []option{
	{Name: "security", Value: string(postern.MailSTARTTLS), Label: "STARTTLS", Help: "Most often on port 587. Without a trusted certificate nothing is sent."},
	{Name: "security", Value: string(postern.MailTLS), Label: "TLS from the start", Help: "Most often on port 465."},
	{Name: "security", Value: string(postern.MailPlain), Label: "None", Help: "Only for a mail server on this very machine."},
}

// alarmLabels says what administrators are written to about.
var alarmLabels = map[postern.AlarmKind]string{
	postern.AlarmCredential: "The credential of an integration ends, or could not be renewed",
	postern.AlarmDrift:      "Somebody else changed the passkey policy",
}

func (p mailPage) tells(kind postern.AlarmKind) bool { return !slices.Contains(p.Form.Silent, kind) }

// choice marks the option that is chosen.
func chosen(o option, value string) option {
	o.Checked = o.Value == value
	return o
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return itoa(n) + " times"
}

func sampleText(p postern.CampaignPreview) string {
	text := strings.Join(p.Sample, ", ")
	if more := p.Due - len(p.Sample); more > 0 {
		text += " and " + itoa(more) + " more"
	}
	return text
}

// messagesTo lists what was written to a user, newest first.
func (c *console) messagesTo(r *http.Request, id postern.UserID) ([]postern.Message, error) {
	const most = 20
	return c.Mail.Outbox(r.Context(), mail.Query{UserID: id, Limit: most})
}

// helpPage explains to users how to pair. Anybody may read it.
type helpPage struct {
	Application string // empty where the address names no integration
	AppAddress  string
	Language    postern.Language
	Path        string
}

func helpPath(id postern.IntegrationID) string { return mail.HelpPath + "/" + string(id) }

// help answers whoever follows the link of an invitation. An integration that is not there gets the same page without
// a name, so that the page tells nobody which ones there are.
func (c *console) help(w http.ResponseWriter, r *http.Request) error {
	p := helpPage{AppAddress: strings.TrimSuffix(c.PublicURL, "/") + postern.AppPath, Language: postern.English, Path: r.URL.Path}
	if l := postern.Language(r.URL.Query().Get("lang")); slices.Contains(postern.Languages, l) {
		p.Language = l
	} else if strings.HasPrefix(strings.ToLower(r.Header.Get("Accept-Language")), "de") {
		p.Language = postern.German
	}
	if id, err := integrationID(r); err == nil {
		i, err := c.Integrations.Get(r.Context(), id)
		if err != nil && !postern.IsCode(err, postern.CodeNotFound) {
			return err
		}
		p.Application = i.ApplicationName
	}
	if p.Application == "" {
		p.Application = "Postern"
	}
	return c.show(w, r, http.StatusOK, help(p))
}

// title is the heading of the help page.
func (p helpPage) title() string {
	if p.Language == postern.German {
		return "Koppeln mit " + p.Application
	}
	return "Pairing with " + p.Application
}

func (p helpPage) other() postern.Language {
	if p.Language == postern.German {
		return postern.English
	}
	return postern.German
}

func passwordHelp(stored bool) string {
	if stored {
		return "One is stored and never shown. Leave this empty to keep it; it has to be entered again when server, protection or user name change."
	}
	return ""
}
