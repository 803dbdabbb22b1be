package web

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"github.com/postern/postern"
	"github.com/postern/postern/center/bulk"
)

// Bulk is what the console needs of package bulk.
type Bulk interface {
	Plan(ctx context.Context, integration postern.IntegrationID, in postern.BulkInput) (postern.BulkPlan, error)
	Start(ctx context.Context, integration postern.IntegrationID, in postern.BulkInput) (postern.BulkJob, error)
	Jobs(ctx context.Context, q bulk.Query) ([]postern.BulkJob, error)
	Job(ctx context.Context, id postern.BulkJobID) (postern.BulkJob, error)
	Rows(ctx context.Context, id postern.BulkJobID, q bulk.RowQuery) ([]postern.BulkRow, error)
	Pause(ctx context.Context, id postern.BulkJobID, version int64) (postern.BulkJob, error)
	Resume(ctx context.Context, id postern.BulkJobID, version int64) (postern.BulkJob, error)
	Cancel(ctx context.Context, id postern.BulkJobID, version int64) (postern.BulkJob, error)
	RetryFailed(ctx context.Context, id postern.BulkJobID, version int64) (postern.BulkJob, error)
	Results(ctx context.Context, id postern.BulkJobID, w io.Writer) error
	Codes(ctx context.Context, id postern.BulkJobID, w io.Writer) error
}

const (
	jobsPerPage = 50
	rowsPerPage = 50
)

// jobsPage lists bulk jobs of all integrations.
type jobsPage struct {
	frame
	List   []postern.BulkJob
	Names  map[postern.IntegrationID]string
	Offset int
	More   bool
}

func (c *console) jobs(w http.ResponseWriter, r *http.Request) error {
	p := jobsPage{frame: c.frame(r, sectionJobs, "Jobs"), Names: make(map[postern.IntegrationID]string)}
	if from, err := strconv.Atoi(r.URL.Query().Get("from")); err == nil && from > 0 {
		p.Offset = from
	}
	list, err := c.Bulk.Jobs(r.Context(), bulk.Query{Offset: p.Offset, Limit: jobsPerPage + 1})
	if err != nil {
		return err
	}
	if p.More = len(list) > jobsPerPage; p.More {
		list = list[:jobsPerPage]
	}
	p.List = list
	integrations, err := c.Integrations.List(r.Context())
	if err != nil {
		return err
	}
	for _, i := range integrations {
		p.Names[i.ID] = i.ApplicationName
	}
	return c.show(w, r, http.StatusOK, jobs(p))
}

// jobPage is one bulk job with a page of its rows.
type jobPage struct {
	frame
	Job         postern.BulkJob
	Integration postern.Integration
	State       postern.BulkRowState // of the rows shown; all if empty
	After       int
	Rows        []postern.BulkRow
	More        bool
	Still       bool // do not ask again: the storybook has nobody to ask
}

func jobPath(id postern.BulkJobID) string { return "/jobs/" + string(id) }

func (c *console) loadJob(r *http.Request) (postern.BulkJob, error) {
	id := r.PathValue("job")
	if !postern.ValidID(id, postern.PrefixBulkJob) {
		return postern.BulkJob{}, postern.Errorf(postern.CodeNotFound, "There is no job with that identifier.")
	}
	return c.Bulk.Job(r.Context(), postern.BulkJobID(id))
}

func (c *console) jobPage(r *http.Request) (jobPage, error) {
	j, err := c.loadJob(r)
	if err != nil {
		return jobPage{}, err
	}
	p := jobPage{frame: c.frame(r, sectionJobs, jobTitle(j)), Job: j}
	p.Trail = []crumb{{"Jobs", "/jobs"}}
	if p.Integration, err = c.Integrations.Get(r.Context(), j.IntegrationID); err != nil {
		return p, err
	}
	q := r.URL.Query()
	for _, s := range postern.BulkRowStates {
		if q.Get("state") == string(s) {
			p.State = s
		}
	}
	if after, err := strconv.Atoi(q.Get("after")); err == nil && after > 0 {
		p.After = after
	}
	p.Rows, err = c.Bulk.Rows(r.Context(), j.ID, bulk.RowQuery{State: p.State, After: p.After, Limit: rowsPerPage + 1})
	if p.More = len(p.Rows) > rowsPerPage; p.More {
		p.Rows = p.Rows[:rowsPerPage]
	}
	return p, err
}

func (c *console) job(w http.ResponseWriter, r *http.Request) error {
	p, err := c.jobPage(r)
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, jobWhole(p))
}

// jobProgress answers the page that asks again and again: with the whole when something happened, and with nothing when
// not.
func (c *console) jobProgress(w http.ResponseWriter, r *http.Request) error {
	j, err := c.loadJob(r)
	if err != nil {
		return err
	}
	if r.URL.Query().Get("seen") == strconv.FormatInt(j.Change, 10) {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	p, err := c.jobPage(r)
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, jobBody(p))
}

// poll makes the page ask for itself while something may happen.
func (p jobPage) poll() templ.Attributes {
	if p.Still || p.Job.EndedAt != nil {
		return nil
	}
	q := url.Values{"seen": {strconv.FormatInt(p.Job.Change, 10)}}
	if p.State != "" {
		q.Set("state", string(p.State))
	}
	if p.After > 0 {
		q.Set("after", itoa(p.After))
	}
	return templ.Attributes{"hx-get": jobPath(p.Job.ID) + "/progress?" + q.Encode(), "hx-trigger": "every 2s", "hx-swap": "outerMorph", "hx-target": "this"}
}

// path is the address of a page of the rows.
func (p jobPage) path(state postern.BulkRowState, after int) string {
	q := url.Values{}
	if state != "" {
		q.Set("state", string(state))
	}
	if after > 0 {
		q.Set("after", itoa(after))
	}
	if len(q) == 0 {
		return jobPath(p.Job.ID)
	}
	return jobPath(p.Job.ID) + "?" + q.Encode()
}

// maySteer reports whether the person may do what the job does.
func (p jobPage) maySteer() bool { return p.May(kindNeeds(p.Job.Kind)) }

// steerJob pauses a job, has it go on, or tries its failed rows again.
func (c *console) steerJob(done string, act func(ctx context.Context, id postern.BulkJobID, version int64) (postern.BulkJob, error)) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		j, err := c.loadJob(r)
		if err != nil {
			return err
		}
		if _, err := act(r.Context(), j.ID, readVersion(r)); err != nil {
			return err
		}
		return c.away(w, r, jobPath(j.ID)+"?done="+done)
	}
}

func (c *console) cancelJob(w http.ResponseWriter, r *http.Request) error {
	j, err := c.loadJob(r)
	if err != nil {
		return err
	}
	p := actPage{
		frame: c.frame(r, sectionJobs, "Cancel the job?"), Path: r.URL.Path, Back: jobPath(j.ID), Button: "Cancel the job",
		Text: fmt.Sprintf("What was done stays done. The %s that had no turn yet are left alone, and the list says so.", usersText(j.Counts.Pending)),
	}
	p.Trail = []crumb{{"Jobs", "/jobs"}, {jobTitle(j), jobPath(j.ID)}}
	return c.actOn(w, r, p, "job-cancelled", func(ctx context.Context) error {
		_, err := c.Bulk.Cancel(ctx, j.ID, j.Version)
		return err
	})
}

// jobFile answers a CSV file.
func (c *console) jobFile(name string, write func(ctx context.Context, id postern.BulkJobID, w io.Writer) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		j, err := c.loadJob(r)
		if err != nil {
			return err
		}
		var body bytes.Buffer
		if err := write(r.Context(), j.ID, &body); err != nil {
			return err
		}
		h := w.Header()
		h.Set("Content-Type", "text/csv; charset=utf-8")
		h.Set("Content-Disposition", `attachment; filename="`+name+"-"+string(j.ID)+`.csv"`)
		h.Set("Cache-Control", "no-store")
		_, err = w.Write(body.Bytes())
		if err != nil {
			c.Log.DebugContext(r.Context(), "the file could not be sent", "error", err)
		}
		return nil
	}
}

func readLines(text string) []string {
	var lines []string
	for _, line := range strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' || r == ',' || r == ';' }) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}
