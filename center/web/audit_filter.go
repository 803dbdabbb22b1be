package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/lifecycle"
)

// auditFilter is a selection as an address or form gives it, and what it means.
type auditFilter struct {
	Given     url.Values // the members of the form, as they were given
	Selection postern.AuditSelection
	UserName  string // who the user is, where the address names an identifier
	ActorName string
	Problems  problems
}

// filterNames are the members of the form.
var filterNames = []string{"text", "event", "outcome", "actor", "user", "target", "from", "to", "integration"}

func (f auditFilter) get(name string) string { return f.Given.Get(name) }

// set reports whether anything is chosen beside the integration of the tab.
func (f auditFilter) set() bool {
	return len(f.Given) > 1 || len(f.Given) == 1 && !f.Given.Has("integration")
}

// wide reports whether something is chosen that the form keeps folded.
func (f auditFilter) wide() bool {
	for _, name := range []string{"actor", "user", "target", "from", "to"} {
		if f.Given.Has(name) {
			return true
		}
	}
	return len(f.Problems) > 0
}

// moreEvents are those beyond the first, which saved filters may hold.
func (f auditFilter) moreEvents() []string {
	if all := f.Given["event"]; len(all) > 1 {
		return all[1:]
	}
	return nil
}

// readFilter understands the members of a form. Names of users and administrators are looked up; what cannot be
// understood is told and left out.
func (c *console) readFilter(ctx context.Context, form url.Values, tab postern.IntegrationID) auditFilter {
	f := auditFilter{Given: url.Values{}}
	for _, name := range filterNames {
		for _, value := range form[name] {
			if value = strings.TrimSpace(value); value != "" {
				f.Given.Add(name, value)
			}
		}
	}
	if tab != "" {
		f.Given.Set("integration", string(tab))
	}
	s := &f.Selection
	s.Text, s.Target, s.Outcome = f.get("text"), f.get("target"), f.get("outcome")
	s.Events, s.Integration = f.Given["event"], postern.IntegrationID(f.get("integration"))
	s.From = f.day("from", 0)
	s.To = f.day("to", 1)
	c.readUser(ctx, &f)
	c.readActor(ctx, &f)
	if err := audit.CheckSelection(*s); err != nil {
		f.Problems = append(f.Problems, problemsOf(err)...)
	}
	for _, p := range f.Problems {
		if p.Field == "events" {
			p.Field = "event"
		}
	}
	return f
}

const dayForm = "2006-01-02"

// day reads a day, which begins and ends in UTC, or a moment. A day's end is the beginning of the next.
func (f *auditFilter) day(name string, plus int) *time.Time {
	given := f.get(name)
	if given == "" {
		return nil
	}
	if at, err := time.Parse(dayForm, given); err == nil {
		at = at.AddDate(0, 0, plus)
		return &at
	}
	at, err := time.Parse(time.RFC3339, given)
	if err != nil {
		f.Problems = append(f.Problems, postern.FieldErrorf(name, "%q is no day.", given).WithNext("Write it as 2026-11-20."))
		return nil
	}
	at = at.UTC()
	return &at
}

func (c *console) readUser(ctx context.Context, f *auditFilter) {
	given := f.get("user")
	if given == "" {
		return
	}
	if postern.ValidID(given, postern.PrefixUser) {
		f.Selection.User = postern.UserID(given)
		if u, err := c.Users.User(ctx, f.Selection.User); err == nil {
			f.UserName = u.DisplayName
		}
		return
	}
	const enough = 20
	found, err := c.Users.Users(ctx, lifecycle.UserQuery{IntegrationID: f.Selection.Integration, Search: given, Limit: enough})
	if err != nil {
		f.Problems = append(f.Problems, problemsOf(err)...)
		return
	}
	if exact := slices.IndexFunc(found, func(u postern.User) bool { return strings.EqualFold(u.UPN, given) }); exact >= 0 {
		found = found[exact : exact+1]
	}
	switch len(found) {
	case 0:
		f.Problems = append(f.Problems, postern.FieldErrorf("user", "Postern knows no user %q.", given).WithNext("Give the whole sign-in name, or the identifier from the user's page."))
	case 1:
		f.Selection.User, f.UserName = found[0].ID, found[0].DisplayName
	default:
		f.Problems = append(f.Problems, postern.FieldErrorf("user", "Several users are called %q.", given).WithNext("Give the whole sign-in name."))
	}
}

func (c *console) readActor(ctx context.Context, f *auditFilter) {
	given := f.get("actor")
	if given == "" {
		return
	}
	all, err := c.Door.Administrators(ctx)
	if err != nil {
		f.Problems = append(f.Problems, problemsOf(err)...)
		return
	}
	f.Selection.Actor = given
	for _, a := range all {
		if string(a.ID) == given || strings.EqualFold(a.Name, given) {
			f.Selection.Actor, f.ActorName = string(a.ID), a.Name
			return
		}
	}
	if !strings.Contains(given, "_") {
		f.Problems = append(f.Problems, postern.FieldErrorf("actor", "There is no administrator %q.", given).
			WithNext("Give the whole name, or an identifier, such as that of an API token or phone; each entry shows it."))
	}
}

// valuesOf is a selection as an address says it.
func valuesOf(s postern.AuditSelection) url.Values {
	q := url.Values{}
	for name, value := range map[string]string{
		"text": s.Text, "outcome": s.Outcome, "actor": s.Actor, "user": string(s.User), "target": s.Target,
		"integration": string(s.Integration), "from": dayText(s.From, 0), "to": dayText(s.To, -1),
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if len(s.Events) > 0 {
		q["event"] = s.Events
	}
	return q
}

// dayText writes a moment as a day where it is the edge of one.
func dayText(at *time.Time, plus int) string {
	switch {
	case at == nil:
		return ""
	case at.UTC().Equal(at.UTC().Truncate(24 * time.Hour)):
		return at.UTC().AddDate(0, 0, plus).Format(dayForm)
	}
	return at.UTC().Format(time.RFC3339)
}

// dayType is the kind of field that can show a value.
func dayType(value string) string {
	if _, err := time.Parse(dayForm, value); err == nil || value == "" {
		return "date"
	}
	return "text"
}

// auditPath is the address of the trail with a filter.
func auditPath(q url.Values) string {
	if len(q) == 0 {
		return "/audit"
	}
	return "/audit?" + q.Encode()
}

// trailOf is the trail of one user.
func trailOf(u postern.UserID) string { return auditPath(url.Values{"user": {string(u)}}) }

// sequenceOf reads a place in the trail from an address.
func sequenceOf(value string) int64 {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// filterText says in words what a selection chooses.
func filterText(s postern.AuditSelection, users, integrations map[string]string) string {
	var parts []string
	say := func(prefix, value string) {
		if value != "" {
			parts = append(parts, prefix+value)
		}
	}
	named := func(names map[string]string, id string) string {
		if name := names[id]; name != "" {
			return name
		}
		return id
	}
	events := make([]string, len(s.Events))
	for n, e := range s.Events {
		events[n] = eventText(e)
	}
	say("", strings.Join(events, ", "))
	say("only ", map[string]string{postern.OutcomeFailure: "failures", postern.OutcomeSuccess: "what worked"}[s.Outcome])
	say("with the words ", s.Text)
	say("about ", named(users, string(s.User)))
	say("about ", s.Target)
	say("by ", named(users, s.Actor))
	say("in ", named(integrations, string(s.Integration)))
	say("from ", dayText(s.From, 0))
	say("until ", dayText(s.To, -1))
	if len(parts) == 0 {
		return "everything"
	}
	return strings.Join(parts, ", ")
}

// formOfFilter is what the form says that r brought, as an address or as a form that was sent.
func formOfFilter(r *http.Request) (url.Values, error) {
	if err := r.ParseForm(); err != nil {
		return nil, postern.Errorf(postern.CodeTooLarge, "The form is larger than Postern accepts.").Because(err)
	}
	return r.Form, nil
}
