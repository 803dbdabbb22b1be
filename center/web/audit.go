package web

import (
	"context"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/audit/export"
)

// eventsPerPage is how many events a page shows.
const eventsPerPage = 50

// wholeTrail is how long an answer may take for which the whole trail is read.
const wholeTrail = 30 * time.Minute

// auditPage is the audit trail: of one integration on its tab, of everything on the page of its own.
type auditPage struct {
	integrationFrame // Integration is empty on the page of everything
	Filter           auditFilter
	Events           []postern.AuditEvent
	Newer, Older     bool // there may be more that way
	Saved            []postern.SavedAuditFilter
	Integrations     []postern.Integration
	Administrators   []postern.Administrator
	Verification     *postern.AuditVerification
}

func (p auditPage) ofIntegration() bool { return p.Integration.ID != "" }

func (p auditPage) base() string {
	if p.ofIntegration() {
		return integrationPath(p.Integration.ID) + "/audit"
	}
	return "/audit"
}

// path is the address of a page with the same filter.
func (p auditPage) path(name string, sequence int64) string {
	q := url.Values{}
	for key, values := range p.Filter.Given {
		if key != "integration" || !p.ofIntegration() {
			q[key] = values
		}
	}
	if name != "" {
		q.Set(name, strconv.FormatInt(sequence, 10))
	}
	if len(q) == 0 {
		return p.base()
	}
	return p.base() + "?" + q.Encode()
}

func (p auditPage) newer() string { return p.path("after", p.Events[0].Sequence) }
func (p auditPage) older() string { return p.path("before", p.Events[len(p.Events)-1].Sequence) }

func (c *console) auditOfIntegration(w http.ResponseWriter, r *http.Request) error {
	i, err := c.integration(r)
	if err != nil {
		return err
	}
	return c.showAudit(w, r, auditPage{integrationFrame: c.integrationFrame(r, i, tabAudit)})
}

func (c *console) auditOfAll(w http.ResponseWriter, r *http.Request) error {
	return c.showAudit(w, r, auditPage{integrationFrame: c.trailFrame(r)})
}

func (c *console) trailFrame(r *http.Request) integrationFrame {
	return integrationFrame{frame: c.frame(r, sectionAudit, "Audit trail")}
}

func (c *console) showAudit(w http.ResponseWriter, r *http.Request, p auditPage) error {
	ctx, q := r.Context(), r.URL.Query()
	p.Filter = c.readFilter(ctx, q, p.Integration.ID)
	var err error
	if p.Saved, err = c.Trail.Filters(ctx); err != nil {
		return err
	}
	if p.Integrations, err = c.Integrations.List(ctx); err != nil {
		return err
	}
	if p.Administrators, err = c.Door.Administrators(ctx); err != nil {
		return err
	}
	if len(p.Filter.Problems) == 0 {
		if err := c.readEvents(ctx, &p, sequenceOf(q.Get("before")), sequenceOf(q.Get("after"))); err != nil {
			return err
		}
	}
	return c.show(w, r, statusOf(p.Filter.Problems), trailPage(p))
}

// readEvents reads one page: the newest, those below a sequence or those above one.
func (c *console) readEvents(ctx context.Context, p *auditPage, before, after int64) error {
	query := audit.QueryOf(p.Filter.Selection)
	query.Before, query.AfterSequence, query.Limit = before, after, eventsPerPage+1
	query.Descending = after == 0
	events, err := c.Trail.Events(ctx, query)
	if err != nil {
		return err
	}
	more := len(events) > eventsPerPage
	if more {
		events = events[:eventsPerPage]
	}
	if after > 0 {
		slices.Reverse(events)
		p.Newer, p.Older = more, len(events) > 0
	} else {
		p.Newer, p.Older = before > 0 && len(events) > 0, more
	}
	p.Events = events
	return nil
}

// verifyTrail walks the whole chain. It is a POST because it costs as much as the trail is long.
func (c *console) verifyTrail(w http.ResponseWriter, r *http.Request) error {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(wholeTrail)) // otherwise the server's own holds
	v, err := c.Trail.Verify(r.Context())
	if err != nil {
		return err
	}
	if r.Header.Get("HX-Request") != "" {
		return c.show(w, r, http.StatusOK, verification(v))
	}
	return c.showAudit(w, r, auditPage{integrationFrame: c.trailFrame(r), Verification: &v})
}

// exportTrail answers a file with everything that the filter chooses. It is a POST because the trail tells of it.
func (c *console) exportTrail(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	values, err := formOfFilter(r)
	if err != nil {
		return err
	}
	form, err := export.FormOf(values.Get("format"))
	if err != nil {
		return err
	}
	f := c.readFilter(ctx, values, "")
	if len(f.Problems) > 0 {
		return f.Problems[0]
	}
	if err := c.Trail.NoteExport(ctx, form.Name, f.Selection, 0); err != nil {
		return err
	}
	x, err := export.Begin(ctx, c.Trail, form, c.exportSource(), audit.QueryOf(f.Selection))
	if err != nil {
		return err
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(wholeTrail)) // otherwise the server's own holds
	h := w.Header()
	h.Set("Content-Type", form.MediaType)
	h.Set("Content-Disposition", `attachment; filename="postern-audit.`+form.Extension+`"`)
	h.Set("Cache-Control", "no-store")
	last, err := x.Write(ctx, w)
	if err != nil {
		// The beginning is out already: only breaking off says that this is not all.
		c.Log.ErrorContext(ctx, "an export of the audit trail broke off", "after", last, "error", err)
		panic(http.ErrAbortHandler)
	}
	if !reflect.DeepEqual(f.Selection, postern.AuditSelection{}) {
		return nil
	}
	if err := c.Trail.Exported(ctx, 0, last); err != nil {
		c.Log.WarnContext(ctx, "an export could not be noted", "through", last, "error", err)
	}
	return nil
}

// exportSource names this installation in what leaves it.
func (c *console) exportSource() export.Source {
	s := export.Source{Version: c.Version}
	if u, err := url.Parse(c.PublicURL); err == nil {
		s.Host = u.Hostname()
	}
	return s
}
