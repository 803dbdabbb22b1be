package web

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/postern/postern"
)

const filtersPath = "/audit/filters"

// savedPage lists the filters that the person keeps, and those that others share.
type savedPage struct {
	frame
	List         []postern.SavedAuditFilter
	Users        map[string]string // names of users and administrators by identifier
	Integrations map[string]string
}

// savePage keeps a filter under a name, or changes one.
type savePage struct {
	frame
	ID       postern.SavedFilterID // empty for a new one
	Input    postern.SavedAuditFilterInput
	Values   url.Values // the filter as the address says it
	Text     string     // and in words
	Problems problems
}

func (p savePage) path() string {
	if p.ID == "" {
		return filtersPath
	}
	return filtersPath + "/" + string(p.ID)
}

// own reports whether the person may change the filter.
func (p savedPage) own(f postern.SavedAuditFilter) bool { return f.Owner == p.Who.Actor.ID }

// ownerName is who keeps a filter.
func (p savedPage) ownerName(f postern.SavedAuditFilter) string {
	if name := p.Users[f.Owner]; name != "" {
		return name
	}
	return "somebody who is gone"
}

func (c *console) savedFilters(w http.ResponseWriter, r *http.Request) error {
	p := savedPage{frame: c.frame(r, sectionAudit, "Saved filters")}
	p.Trail = []crumb{{"Audit trail", "/audit"}}
	var err error
	if p.List, err = c.Trail.Filters(r.Context()); err != nil {
		return err
	}
	if p.Users, p.Integrations, err = c.namesIn(r.Context(), p.List); err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, savedFilters(p))
}

// namesIn finds the names of whom and what filters choose.
func (c *console) namesIn(ctx context.Context, list []postern.SavedAuditFilter) (users, integrations map[string]string, err error) {
	users, integrations = make(map[string]string), make(map[string]string)
	administrators, err := c.Door.Administrators(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, a := range administrators {
		users[string(a.ID)] = a.Name
	}
	all, err := c.Integrations.List(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, i := range all {
		integrations[string(i.ID)] = i.ApplicationName
	}
	for _, f := range list {
		if f.Filter.User == "" {
			continue
		}
		if u, err := c.Users.User(ctx, f.Filter.User); err == nil { // a user who is gone has no name
			users[string(u.ID)] = u.DisplayName
		}
	}
	return users, integrations, nil
}

func (c *console) saveFrame(r *http.Request, title string) frame {
	f := c.frame(r, sectionAudit, title)
	f.Trail = []crumb{{"Audit trail", "/audit"}, {"Saved filters", filtersPath}}
	return f
}

// newFilter asks for a name; the address holds the filter.
func (c *console) newFilter(w http.ResponseWriter, r *http.Request) error {
	p, err := c.savePage(r, r.URL.Query())
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, saveFilter(p))
}

func (c *console) savePage(r *http.Request, form url.Values) (savePage, error) {
	p := savePage{frame: c.saveFrame(r, "Save this filter")}
	f := c.readFilter(r.Context(), form, "")
	if len(f.Problems) > 0 {
		return p, f.Problems[0]
	}
	p.Input.Filter, p.Values = f.Selection, f.Given
	return p, c.inWords(r.Context(), &p)
}

func (c *console) inWords(ctx context.Context, p *savePage) error {
	users, integrations, err := c.namesIn(ctx, []postern.SavedAuditFilter{{Filter: p.Input.Filter}})
	p.Text = filterText(p.Input.Filter, users, integrations)
	return err
}

func (c *console) keepFilter(w http.ResponseWriter, r *http.Request) error {
	form, err := formOfFilter(r)
	if err != nil {
		return err
	}
	p, err := c.savePage(r, form)
	if err != nil {
		return err
	}
	p.Input.Name, p.Input.Shared = form.Get("name"), form.Get("shared") != ""
	kept, err := c.Trail.SaveFilter(r.Context(), p.Input)
	if err != nil {
		p.Problems = problemsOf(err)
		return c.show(w, r, statusOf(p.Problems), saveFilter(p))
	}
	q := valuesOf(kept.Filter)
	q.Set("done", "filter-saved")
	return c.away(w, r, auditPath(q))
}

func (c *console) filterOf(r *http.Request) (postern.SavedAuditFilter, error) {
	all, err := c.Trail.Filters(r.Context())
	if err != nil {
		return postern.SavedAuditFilter{}, err
	}
	for _, f := range all {
		if string(f.ID) == r.PathValue("filter") {
			return f, nil
		}
	}
	return postern.SavedAuditFilter{}, postern.Errorf(postern.CodeNotFound, "There is no such filter. It may have been removed, or is no longer shared.")
}

// editFilter renames, shares or takes back a filter.
func (c *console) editFilter(w http.ResponseWriter, r *http.Request) error {
	f, err := c.filterOf(r)
	if err != nil {
		return err
	}
	p := savePage{frame: c.saveFrame(r, "Change "+f.Name), ID: f.ID, Values: valuesOf(f.Filter)}
	p.Input = postern.SavedAuditFilterInput{Version: f.Version, Name: f.Name, Shared: f.Shared, Filter: f.Filter}
	if err := c.inWords(r.Context(), &p); err != nil {
		return err
	}
	if r.Method == http.MethodPost {
		p.Input.Version, p.Input.Name, p.Input.Shared = readVersion(r), r.PostFormValue("name"), r.PostFormValue("shared") != ""
		_, err := c.Trail.UpdateFilter(r.Context(), f.ID, p.Input)
		if err == nil {
			return c.away(w, r, filtersPath+"?done=filter-changed")
		}
		p.Problems = problemsOf(err)
		if p.Problems[0].Code == postern.CodeStale {
			p.Input.Version = f.Version // sent once more, it is meant
			p.Problems = problems{staleForm("filter", "It is called "+f.Name+sharedText(f.Shared)+" now.")}
		}
	}
	return c.show(w, r, statusOf(p.Problems), saveFilter(p))
}

func sharedText(shared bool) string {
	if shared {
		return ", and is shared,"
	}
	return ", and is not shared,"
}

// staleForm says that somebody was faster, and that sending the form again is meant.
func staleForm(what, now string) *postern.Error {
	return postern.Errorf(postern.CodeStale, "Somebody changed the %s while this form was open. %s", what, now).
		WithNext("Nothing was saved. Look at what stands here and save again if it is still wanted.")
}

func (c *console) removeFilter(w http.ResponseWriter, r *http.Request) error {
	f, err := c.filterOf(r)
	if err != nil {
		return err
	}
	text := "The filter is gone then; the entries stay."
	if f.Shared {
		text = "It is shared: nobody has the filter any more then. The entries stay."
	}
	p := actPage{frame: c.saveFrame(r, "Remove the filter "+f.Name+"?"), Path: seenPath(r, f.Version), Back: filtersPath, Text: text, Button: "Remove filter"}
	return c.actOn(w, r, p, "filter-removed", func(ctx context.Context) error {
		return c.Trail.RemoveFilter(ctx, f.ID, sequenceOf(r.FormValue("version")))
	})
}

// seenPath is where a confirmation is sent: with the version that the person saw.
func seenPath(r *http.Request, version int64) string {
	return r.URL.Path + "?version=" + strconv.FormatInt(version, 10)
}
