package web

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

const retentionPath = "/audit/retention"

// retentionPage says how long entries are kept.
type retentionPage struct {
	frame
	Now      postern.AuditRetention
	Input    postern.AuditRetentionInput
	Days     string // as typed
	Keep     bool   // for ever
	Would    *audit.Removal
	Problems problems
}

func (c *console) retentionPage(r *http.Request) (retentionPage, error) {
	p := retentionPage{frame: c.frame(r, sectionAudit, "Retention of the audit trail")}
	now, err := c.Trail.Retention(r.Context())
	if err != nil {
		return p, err
	}
	p.Now, p.Keep, p.Days = now, now.Days == 0, "365"
	p.Input = postern.AuditRetentionInput{Version: now.Version, Days: now.Days, NeedExport: now.NeedExport}
	if now.Days > 0 {
		p.Days = strconv.Itoa(now.Days)
	}
	return p, nil
}

func (c *console) retention(w http.ResponseWriter, r *http.Request) error {
	p, err := c.retentionPage(r)
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, retention(p))
}

// setRetention saves the form, or, with the button beside it, only counts what would go.
func (c *console) setRetention(w http.ResponseWriter, r *http.Request) error {
	p, err := c.retentionPage(r)
	if err != nil {
		return err
	}
	p.Keep, p.Days = r.PostFormValue("keep") == "all", strings.TrimSpace(r.PostFormValue("days"))
	p.Input = postern.AuditRetentionInput{Version: readVersion(r), NeedExport: r.PostFormValue("need_export") != ""}
	if !p.Keep {
		if p.Input.Days, err = strconv.Atoi(p.Days); err != nil || p.Input.Days <= 0 {
			p.Problems = problems{postern.FieldErrorf("days", "The number of days is not a whole number above 0.").WithNext("Give at least 30, or keep everything.")}
			return c.show(w, r, statusOf(p.Problems), retention(p))
		}
	}
	if r.PostFormValue("count") != "" {
		would, err := c.Trail.WouldRemove(r.Context(), p.Input)
		if err != nil {
			p.Problems = problemsOf(err)
			return c.show(w, r, statusOf(p.Problems), retention(p))
		}
		p.Would = &would
		return c.show(w, r, http.StatusOK, retention(p))
	}
	if _, err := c.Trail.SetRetention(r.Context(), p.Input); err != nil {
		p.Problems = problemsOf(err)
		if p.Problems[0].Code == postern.CodeStale {
			p.Input.Version = p.Now.Version // sent once more, it is meant
			p.Problems = problems{staleForm("retention", keptText(p.Now))}
		}
		return c.show(w, r, statusOf(p.Problems), retention(p))
	}
	return c.away(w, r, retentionPath+"?done=retention")
}

// keptText says how long entries are kept.
func keptText(r postern.AuditRetention) string {
	switch {
	case r.Days == 0:
		return "Entries are kept for ever."
	case r.NeedExport:
		return "Entries are kept for " + strconv.Itoa(r.Days) + " days, and longer until they were exported."
	}
	return "Entries are kept for " + strconv.Itoa(r.Days) + " days."
}

// wouldText says what a setting would remove.
func (p retentionPage) wouldText() string {
	if p.Would.Entries == 0 {
		return "Not saved yet. With this setting nothing would be removed now."
	}
	return "Not saved yet. With this setting " + entriesText(p.Would.Entries) + ", up to number " + strconv.FormatInt(p.Would.Through, 10) + ", would be removed within the hour. They cannot be brought back."
}
