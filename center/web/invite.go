package web

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"github.com/postern/postern"
)

// directoryLimit is how many people of the directory a search shows.
const directoryLimit = 12

// invitePage invites a user: first who, then the one-time code.
type invitePage struct {
	frame
	Integration postern.Integration
	Query       string
	Chosen      string
	ValidFor    int // minutes
	Mail        postern.InvitationMail
	MailOn      bool // mail can be sent
	Results     *directoryResults
	Problems    problems
	Created     *postern.InvitationCreated
	PublicURL   string
	Self        bool // an administrator enrols themselves
}

// directoryResults is what the tenant's directory knows under the words that were typed.
type directoryResults struct {
	Query    string
	Chosen   string
	People   []postern.DirectoryUser
	Problems problems
	// ByHand tells that the integration may not read the directory, so the name is typed in full.
	ByHand bool
}

func (c *console) inviteFrame(r *http.Request, i postern.Integration) invitePage {
	p := invitePage{
		frame: c.sheetFrame(r, i, "Invite a user"), Integration: i, ValidFor: 3 * 24 * 60,
		PublicURL: strings.TrimSuffix(c.PublicURL, "/"), Self: r.URL.Query().Has("self") || r.PostFormValue("self") != "",
	}
	if set, err := c.Mail.Settings(r.Context()); err == nil {
		p.MailOn = set.Configured()
	}
	if p.Self {
		p.Title, p.ValidFor = "Enroll yourself", 60
	}
	return p
}

// findsPeople reports whether the integration's permissions are meant to include reading users.
func findsPeople(i postern.Integration) bool { return i.PermissionSet != postern.PermissionsPasskeys }

func (c *console) invite(w http.ResponseWriter, r *http.Request) error {
	i, err := c.integration(r)
	if err != nil {
		return err
	}
	p := c.inviteFrame(r, i)
	p.Query = strings.TrimSpace(r.URL.Query().Get("user"))
	if p.Query != "" {
		results := c.search(r, i, p.Query)
		p.Results = &results
	}
	return c.show(w, r, http.StatusOK, invite(p))
}

// directory answers the search while somebody types.
func (c *console) directory(w http.ResponseWriter, r *http.Request) error {
	i, err := c.integration(r)
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, results(c.search(r, i, strings.TrimSpace(r.URL.Query().Get("user")))))
}

func (c *console) search(r *http.Request, i postern.Integration, query string) directoryResults {
	out := directoryResults{Query: query, Chosen: r.URL.Query().Get("pick"), ByHand: !findsPeople(i)}
	if out.ByHand || len([]rune(query)) < 2 {
		return out
	}
	people, err := c.Users.Search(r.Context(), i.ID, query, directoryLimit)
	out.People, out.Problems = people, problemsOf(err)
	return out
}

func (c *console) sendInvitation(w http.ResponseWriter, r *http.Request) error {
	i, err := c.integration(r)
	if err != nil {
		return err
	}
	p := c.inviteFrame(r, i)
	p.Query, p.Chosen = strings.TrimSpace(r.PostFormValue("user")), r.PostFormValue("pick")
	if minutes, err := strconv.Atoi(r.PostFormValue("valid_minutes")); err == nil {
		p.ValidFor = minutes
	}
	p.Mail = postern.InvitationMail(r.PostFormValue("mail"))
	who := p.Query
	if p.Chosen != "" {
		who = p.Chosen
	}
	if who == "" {
		p.Problems = problems{postern.FieldErrorf("user", "Nobody is chosen.").WithNext("Type a name and choose the person, or type the whole user name.")}
		return c.show(w, r, http.StatusUnprocessableEntity, invite(p))
	}
	created, err := c.Users.Invite(r.Context(), i.ID, postern.InvitationInput{User: who, ValidMinutes: p.ValidFor, Mail: p.Mail})
	if err != nil {
		p.Problems = problemsOf(err)
		for _, e := range p.Problems {
			if e.Field == "" {
				e.Field = "user"
			}
		}
		return c.show(w, r, statusOf(p.Problems), invite(p))
	}
	p.Created = &created
	if !p.Self {
		p.Title = "Invitation for " + created.User.DisplayName
	}
	return c.show(w, r, http.StatusOK, invited(p))
}

// validity is a choice of how long a code works.
type validity struct {
	Minutes int
	Name    string
}

var validities = []validity{{60, "1 hour"}, {24 * 60, "1 day"}, {3 * 24 * 60, "3 days"}, {7 * 24 * 60, "7 days"}, {30 * 24 * 60, "30 days"}}

// again makes the link to the next invitation stay in the dialog.
func (p invitePage) again() templ.Attributes {
	if !p.InDialog {
		return nil
	}
	return templ.Attributes{"hx-get": integrationPath(p.Integration.ID) + "/invite", "hx-target": "#dialog"}
}

func privilegedText(u postern.DirectoryUser) string {
	if len(u.Roles) == 0 {
		return "privileged"
	}
	return "privileged: " + strings.Join(u.Roles, ", ")
}

// appAddress is where the phone app is.
func (p invitePage) appAddress() string { return p.PublicURL + postern.AppPath }

// appLink opens the app with the code filled in. It is as secret as the code, and stands in this page alone.
func (p invitePage) appLink() string { return postern.AppLink(p.PublicURL, p.Created.Code) }

// enrolLine is the command with which postern-phone uses the code. It asks for the code, which so stays out of the
// shell's history.
func (p invitePage) enrolLine() string {
	return "postern-phone enroll --server " + p.PublicURL
}
