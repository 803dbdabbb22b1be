package web

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"github.com/postern/postern"
	"github.com/postern/postern/center/directory"
)

// Directory is what the console needs of package directory.
type Directory interface {
	List(ctx context.Context, q directory.Query) ([]postern.DirectoryEntry, error)
	Status(ctx context.Context, integration postern.IntegrationID) (postern.DirectoryStatus, error)
	Ask(ctx context.Context, integration postern.IntegrationID, in postern.DirectorySyncInput) (postern.DirectoryStatus, error)
	Confirm(ctx context.Context, integration postern.IntegrationID) (postern.DirectoryStatus, error)
}

// peoplePerPage is how many people of the directory a page lists.
const peoplePerPage = 50

// peoplePage is the Directory tab.
type peoplePage struct {
	integrationFrame
	Status   postern.DirectoryStatus
	Search   string
	Show     string // one of shown
	Group    string // object id
	List     []postern.DirectoryEntry
	Offset   int
	More     bool
	Problems problems
	Asked    bool // somebody asked for a reading a moment ago
	Still    bool // do not ask again: the storybook has nobody to ask
}

// shown are the kinds of people that a list may be restricted to.
var shown = []struct{ Value, Name string }{
	{"", "Everybody"},
	{"uninvited", "Never invited"},
	{string(postern.PhaseEligible), phaseName(postern.PhaseEligible)},
	{string(postern.PhasePaired), phaseName(postern.PhasePaired)},
	{string(postern.PhaseActive), phaseName(postern.PhaseActive)},
	{string(postern.PhaseSuspended), phaseName(postern.PhaseSuspended)},
	{string(postern.PhaseRevoked), phaseName(postern.PhaseRevoked)},
	{"disabled", "Disabled accounts"},
	{"guests", "Guests"},
	{"privileged", "Holders of a privileged role"},
}

func (p peoplePage) query() directory.Query {
	q := directory.Query{IntegrationID: p.Integration.ID, Search: p.Search, Group: p.Group, Offset: p.Offset, Limit: peoplePerPage + 1}
	switch p.Show {
	case "":
	case "uninvited":
		q.Phase = postern.PhaseNone
	case "disabled":
		q.Account = postern.AccountDisabled
	case "guests":
		q.Guest = new(true)
	case "privileged":
		q.Privileged = new(true)
	default:
		q.Phase = postern.Phase(p.Show)
	}
	return q
}

func peoplePath(id postern.IntegrationID) string { return integrationPath(id) + "/directory/users" }

// path is the address of a page of this list.
func (p peoplePage) path(offset int) string {
	q := url.Values{}
	for name, value := range map[string]string{"q": p.Search, "show": p.Show, "group": p.Group} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if offset > 0 {
		q.Set("from", strconv.Itoa(offset))
	}
	if len(q) == 0 {
		return peoplePath(p.Integration.ID)
	}
	return peoplePath(p.Integration.ID) + "?" + q.Encode()
}

func (p peoplePage) filtered() bool { return p.Search != "" || p.Show != "" || p.Group != "" }

// poll has the state ask for itself while a reading is under way.
func (p peoplePage) poll() templ.Attributes {
	if p.Still || !p.Asked && p.Status.State != postern.DirectoryReading && p.Status.State != postern.DirectoryNever {
		return nil
	}
	return templ.Attributes{"hx-get": integrationPath(p.Integration.ID) + "/directory/state", "hx-trigger": "every 2s", "hx-swap": "outerHTML", "hx-target": "this"}
}

// mayInvite reports whether somebody of the directory can be invited.
func mayInvite(e postern.DirectoryEntry) bool {
	return e.Enabled && !e.Guest && !e.Missing && (e.Phase == "" || e.Phase == postern.PhaseRevoked)
}

// guestHome is the address under which a guest is known at home, read from a name like ada_fabrikam.com#EXT#@contoso.com;
// empty where the name does not tell.
func guestHome(upn string) string {
	at := strings.Index(strings.ToUpper(upn), "#EXT#")
	if at < 0 {
		return ""
	}
	name := upn[:at]
	// The sign that replaced the @ is the last underscore; domains have none.
	cut := strings.LastIndexByte(name, '_')
	if cut <= 0 || cut == len(name)-1 {
		return ""
	}
	return name[:cut] + "@" + name[cut+1:]
}

func (c *console) peoplePage(r *http.Request) (peoplePage, error) {
	i, err := c.integration(r)
	if err != nil {
		return peoplePage{}, err
	}
	q := r.URL.Query()
	p := peoplePage{
		integrationFrame: c.integrationFrame(r, i, tabDirectory), Search: strings.TrimSpace(q.Get("q")),
		Group: strings.TrimSpace(q.Get("group")), Asked: q.Get("done") == "directory-asked",
	}
	for _, s := range shown {
		if s.Value == q.Get("show") {
			p.Show = s.Value
		}
	}
	if from, err := strconv.Atoi(q.Get("from")); err == nil && from > 0 {
		p.Offset = from
	}
	p.Status, err = c.Directory.Status(r.Context(), i.ID)
	return p, err
}

func (c *console) people(w http.ResponseWriter, r *http.Request) error {
	p, err := c.peoplePage(r)
	if err != nil {
		return err
	}
	list, err := c.Directory.List(r.Context(), p.query())
	p.Problems = problemsOf(err) // a group that cannot be read is said beside the filter
	if p.More = len(list) > peoplePerPage; p.More {
		list = list[:peoplePerPage]
	}
	p.List = list
	if r.Header.Get("HX-Target") == "div#people" {
		return c.show(w, r, http.StatusOK, peopleList(p))
	}
	return c.show(w, r, statusOf(p.Problems), people(p))
}

// directoryState answers the state alone, which asks for itself while a reading is under way.
func (c *console) directoryState(w http.ResponseWriter, r *http.Request) error {
	p, err := c.peoplePage(r)
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, directoryState(p))
}

func (c *console) askDirectory(w http.ResponseWriter, r *http.Request) error {
	i, err := c.integration(r)
	if err != nil {
		return err
	}
	if _, err := c.Directory.Ask(r.Context(), i.ID, postern.DirectorySyncInput{Full: r.PostFormValue("full") != ""}); err != nil {
		return err
	}
	return c.away(w, r, peoplePath(i.ID)+"?done=directory-asked")
}

func (c *console) confirmRemovals(w http.ResponseWriter, r *http.Request) error {
	i, err := c.integration(r)
	if err != nil {
		return err
	}
	status, err := c.Directory.Status(r.Context(), i.ID)
	if err != nil {
		return err
	}
	p := actPage{
		frame: c.sheetFrame(r, i, "Take missing users for gone?"), Path: r.URL.Path, Back: peoplePath(i.ID),
		Text: strconv.Itoa(status.Missing) + " of " + strconv.Itoa(status.Users) + " users were not found in the directory. If you confirm, Postern treats them as deleted, " +
			"and what your policy says about leavers happens to their phones and passkeys. Look in Entra first whether they really are gone.",
		Button: "They are gone",
	}
	return c.actOn(w, r, p, "directory-confirmed", func(ctx context.Context) error {
		_, err := c.Directory.Confirm(ctx, i.ID)
		return err
	})
}
