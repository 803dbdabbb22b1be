package web

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/center/bulk"
)

// newJobPage is the form that names the users of a job, and then the confirmation that says what will happen.
type newJobPage struct {
	frame
	Integration postern.Integration
	Kinds       []postern.BulkKind // that the person may start
	Input       postern.BulkInput
	By          string // how the users are named: phase, csv, group, list
	List        string
	Counts      map[postern.Phase]int
	Groups      groupResults
	Problems    problems
	Plan        *postern.BulkPlan // to be confirmed
	Typed       string
}

// groupResults are the groups of the tenant under the words that were typed.
type groupResults struct {
	Query, Chosen string
	Found         []postern.GroupChoice
	Problems      problems
}

func newJobPath(id postern.IntegrationID) string { return integrationPath(id) + "/jobs/new" }

const groupLimit = 10

func (c *console) newJobPage(r *http.Request) (newJobPage, error) {
	i, err := c.integration(r)
	if err != nil {
		return newJobPage{}, err
	}
	p := newJobPage{frame: c.frame(r, sectionIntegrations, "Start a job for many users"), Integration: i, By: "phase"}
	p.Trail = []crumb{{"Integrations", "/integrations"}, {i.ApplicationName, integrationPath(i.ID)}}
	for _, k := range postern.BulkKinds {
		if p.May(kindNeeds(k)) {
			p.Kinds = append(p.Kinds, k)
		}
	}
	if len(p.Kinds) == 0 {
		return p, postern.Errorf(postern.CodeForbidden, "")
	}
	p.Counts, err = c.Users.Counts(r.Context(), i.ID)
	return p, err
}

func (c *console) newJob(w http.ResponseWriter, r *http.Request) error {
	p, err := c.newJobPage(r)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	p.Input = postern.BulkInput{Kind: postern.BulkKind(q.Get("kind")), Phase: postern.Phase(q.Get("phase")), ValidMinutes: 3 * 24 * 60}
	if _, known := kindNames[p.Input.Kind]; !known {
		p.Input.Kind = p.Kinds[0]
	}
	if by := q.Get("by"); by == "csv" || by == "group" || by == "list" {
		p.By = by
	}
	return c.show(w, r, http.StatusOK, newJobForm(p))
}

// jobGroups answers the search for a group while somebody types.
func (c *console) jobGroups(w http.ResponseWriter, r *http.Request) error {
	i, err := c.integration(r)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	return c.show(w, r, http.StatusOK, jobGroupList(c.findGroups(r, i.ID, q.Get("group"), q.Get("group_id"))))
}

func (c *console) findGroups(r *http.Request, id postern.IntegrationID, query, chosen string) groupResults {
	g := groupResults{Query: strings.TrimSpace(query), Chosen: chosen}
	if len([]rune(g.Query)) < 2 {
		return g
	}
	found, err := c.Groups.Groups(r.Context(), id, g.Query, groupLimit)
	g.Found, g.Problems = found, problemsOf(err)
	return g
}

// startJob shows what a job would do, and starts it once that was confirmed.
func (c *console) startJob(w http.ResponseWriter, r *http.Request) error {
	p, err := c.newJobPage(r)
	if err != nil {
		return err
	}
	v := func(name string) string { return strings.TrimSpace(r.PostFormValue(name)) }
	p.By, p.List, p.Typed = v("by"), r.PostFormValue("list"), v("count")
	p.Input = postern.BulkInput{Kind: postern.BulkKind(v("kind")), Note: v("note")}
	if p.Input.Kind == postern.BulkInvite {
		p.Input.Mail = postern.InvitationMail(v("mail"))
		if minutes, err := strconv.Atoi(v("valid_minutes")); err == nil {
			p.Input.ValidMinutes = minutes
		}
	}
	switch p.By {
	case "csv":
		p.Input.CSV = r.PostFormValue("csv")
	case "group":
		p.Input.GroupID = v("group_id")
		p.Groups = c.findGroups(r, p.Integration.ID, v("group"), p.Input.GroupID)
	case "list":
		p.Input.Users = readLines(p.List)
	default:
		p.By, p.Input.Phase = "phase", postern.Phase(v("phase"))
	}
	plan, err := c.Bulk.Plan(r.Context(), p.Integration.ID, p.Input)
	if err != nil {
		p.Problems = problemsOf(err)
		return c.show(w, r, statusOf(p.Problems), newJobForm(p))
	}
	p.Plan = &plan
	p.Title = kindNames[p.Input.Kind].name + ": " + usersText(plan.Acts) + "?"
	if v("confirmed") != "" {
		if p.Input.Expect, err = p.expect(v("confirmed")); err == nil {
			var j postern.BulkJob
			if j, err = c.Bulk.Start(r.Context(), p.Integration.ID, p.Input); err == nil {
				return c.away(w, r, jobPath(j.ID))
			}
		}
		p.Problems = problemsOf(err)
	}
	return c.show(w, r, statusOf(p.Problems), confirmJob(p))
}

// expect is the number of users that the person has confirmed: the one they typed where something is taken away, or else
// the one that the page showed.
func (p newJobPage) expect(shown string) (int, error) {
	if !p.Plan.Destructive {
		n, err := strconv.Atoi(shown)
		if err != nil {
			return 0, postern.Errorf(postern.CodeBulkCount, "")
		}
		return n, nil
	}
	n, err := strconv.Atoi(strings.NewReplacer(",", "", ".", "", " ", "").Replace(p.Typed))
	if err != nil || n != p.Plan.Acts {
		return 0, postern.FieldErrorf("count", "That is not the number of users.").WithNext("Type " + strconv.Itoa(p.Plan.Acts) + " to confirm.")
	}
	return n, nil
}

// mayNameMany reports whether a request names the users of a job, and so may be large.
func mayNameMany(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, "/integrations/") && strings.HasSuffix(r.URL.Path, "/jobs/new") &&
		r.Header.Get("Cookie") != ""
}

// maxManyForm bounds such a form: a file, with each byte escaped.
const maxManyForm = 3*postern.MaxBulkCSV + maxForm

var _ Bulk = (*bulk.Service)(nil)
