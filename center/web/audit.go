package web

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

// eventsPerPage is how many events a page shows.
const eventsPerPage = 50

// auditPage is the audit trail: of one integration on its tab, of everything on the page of its own.
type auditPage struct {
	integrationFrame // Integration is empty on the page of everything
	Filter           auditFilter
	Events           []postern.AuditEvent
	More             bool
	Verification     *postern.AuditVerification
}

// auditFilter is what the reader chose.
type auditFilter struct {
	Family   string // "integration.", or "" for all
	Failures bool
	Target   string
	Before   int64 // only events below this sequence
}

// families are the kinds of event to choose from.
var families = []struct{ Prefix, Name string }{
	{"", "Everything"},
	{"integration.", "Integrations"},
	{"user.", "Users and invitations"},
	{"phone.", "Phones"},
	{"provisioning.", "Provisioning"},
	{"passkey.", "Passkeys"},
	{"administrator.", "Administrators"},
	{"token.", "API tokens"},
	{"system.", "System"},
}

func (p auditPage) ofIntegration() bool { return p.Integration.ID != "" }

func (p auditPage) base() string {
	if p.ofIntegration() {
		return integrationPath(p.Integration.ID) + "/audit"
	}
	return "/audit"
}

// older is the address of the next page.
func (p auditPage) older() string {
	q := p.Filter.query()
	q.Set("before", strconv.FormatInt(p.Events[len(p.Events)-1].Sequence, 10))
	return p.base() + "?" + q.Encode()
}

// newest is the address of the first page with the same filter.
func (p auditPage) newest() string { return p.base() + "?" + p.Filter.query().Encode() }

func (f auditFilter) query() url.Values {
	q := url.Values{}
	if f.Family != "" {
		q.Set("family", f.Family)
	}
	if f.Failures {
		q.Set("failures", "true")
	}
	if f.Target != "" {
		q.Set("target", f.Target)
	}
	return q
}

func readFilter(q url.Values) auditFilter {
	f := auditFilter{Failures: q.Get("failures") == "true", Target: strings.TrimSpace(q.Get("target"))}
	for _, known := range families {
		if q.Get("family") == known.Prefix {
			f.Family = known.Prefix
		}
	}
	if before, err := strconv.ParseInt(q.Get("before"), 10, 64); err == nil && before > 0 {
		f.Before = before
	}
	return f
}

func (c *console) auditOfIntegration(w http.ResponseWriter, r *http.Request) error {
	i, err := c.integration(r)
	if err != nil {
		return err
	}
	p := auditPage{integrationFrame: c.integrationFrame(r, i, tabAudit)}
	return c.showAudit(w, r, p)
}

func (c *console) auditOfAll(w http.ResponseWriter, r *http.Request) error {
	return c.showAudit(w, r, auditPage{integrationFrame: integrationFrame{frame: c.frame(r, sectionAudit, "Audit trail")}})
}

func (c *console) showAudit(w http.ResponseWriter, r *http.Request, p auditPage) error {
	p.Filter = readFilter(r.URL.Query())
	events, err := c.Trail.Events(r.Context(), audit.Query{
		IntegrationID: p.Integration.ID, Name: p.Filter.Family, FailuresOnly: p.Filter.Failures, Target: p.Filter.Target,
		Before: p.Filter.Before, Descending: true, Limit: eventsPerPage + 1,
	})
	if err != nil {
		return err
	}
	if p.More = len(events) > eventsPerPage; p.More {
		events = events[:eventsPerPage]
	}
	p.Events = events
	return c.show(w, r, http.StatusOK, trailPage(p))
}

// verifyTrail walks the whole chain. It is a POST because it costs as much as the trail is long.
func (c *console) verifyTrail(w http.ResponseWriter, r *http.Request) error {
	v, err := c.Trail.Verify(r.Context())
	if err != nil {
		return err
	}
	if r.Header.Get("HX-Request") != "" {
		return c.show(w, r, http.StatusOK, verification(v))
	}
	p := auditPage{integrationFrame: integrationFrame{frame: c.frame(r, sectionAudit, "Audit trail")}, Verification: &v}
	return c.showAudit(w, r, p)
}

func actorText(a postern.Actor) string {
	switch {
	case a.Name != "":
		return a.Name
	case a.ID != "":
		return a.ID
	case a.Kind == postern.ActorAnonymous:
		return "nobody signed in"
	}
	return a.Kind
}

func targetText(e postern.AuditEvent) string {
	if e.TargetName != "" {
		return e.TargetName
	}
	return e.Target
}

func fieldNames(e postern.AuditEvent) []string { return slices.Sorted(maps.Keys(e.Fields)) }

func rowClass(e postern.AuditEvent) string {
	if !e.Success {
		return "failed"
	}
	return ""
}
