//go:build !js

package postern

import (
	"context"
	"io"
	"iter"
	"net/http"
	"net/url"
)

// PlanBulkJob says what a job over many users would do, without doing it.
func (c *Client) PlanBulkJob(ctx context.Context, id IntegrationID, in BulkInput) (BulkPlan, error) {
	return get[BulkPlan](ctx, c, http.MethodPost, under("integrations", string(id), "bulk-jobs", "plan"), in)
}

// StartBulkJob starts a job over many users.
func (c *Client) StartBulkJob(ctx context.Context, id IntegrationID, in BulkInput) (BulkJob, error) {
	return get[BulkJob](ctx, c, http.MethodPost, under("integrations", string(id), "bulk-jobs"), in)
}

// BulkFilter chooses bulk jobs. Zero members do not restrict.
type BulkFilter struct {
	IntegrationID IntegrationID
	State         BulkState
}

// BulkJobs walks the bulk jobs, newest first.
func (c *Client) BulkJobs(ctx context.Context, f BulkFilter) iter.Seq2[BulkJob, error] {
	q := url.Values{}
	set(q, "integration_id", string(f.IntegrationID))
	set(q, "state", string(f.State))
	return pages[BulkJob](ctx, c, under("bulk-jobs"), q)
}

// BulkJob returns one bulk job.
func (c *Client) BulkJob(ctx context.Context, id BulkJobID) (BulkJob, error) {
	return get[BulkJob](ctx, c, http.MethodGet, under("bulk-jobs", string(id)), nil)
}

// BulkRows walks the rows of a bulk job, by number; all states if state is empty.
func (c *Client) BulkRows(ctx context.Context, id BulkJobID, state BulkRowState) iter.Seq2[BulkRow, error] {
	q := url.Values{}
	set(q, "state", string(state))
	return pages[BulkRow](ctx, c, under("bulk-jobs", string(id), "rows"), q)
}

// PauseBulkJob has a job begin nobody else.
func (c *Client) PauseBulkJob(ctx context.Context, id BulkJobID, version int64) (BulkJob, error) {
	return c.steerBulk(ctx, id, "pause", version)
}

// ResumeBulkJob has a paused job go on.
func (c *Client) ResumeBulkJob(ctx context.Context, id BulkJobID, version int64) (BulkJob, error) {
	return c.steerBulk(ctx, id, "resume", version)
}

// CancelBulkJob ends a job; users who were not begun are left alone.
func (c *Client) CancelBulkJob(ctx context.Context, id BulkJobID, version int64) (BulkJob, error) {
	return c.steerBulk(ctx, id, "cancel", version)
}

// RetryBulkJob tries the failed users of a job again, and no others.
func (c *Client) RetryBulkJob(ctx context.Context, id BulkJobID, version int64) (BulkJob, error) {
	return c.steerBulk(ctx, id, "retry", version)
}

func (c *Client) steerBulk(ctx context.Context, id BulkJobID, verb string, version int64) (BulkJob, error) {
	return get[BulkJob](ctx, c, http.MethodPost, under("bulk-jobs", string(id), verb), BulkChange{Version: version})
}

// ExportBulkRows writes all rows of a bulk job as CSV.
func (c *Client) ExportBulkRows(ctx context.Context, id BulkJobID, w io.Writer) error {
	return c.copyTo(ctx, http.MethodGet, under("bulk-jobs", string(id), "results"), w)
}

// TakeBulkCodes writes the one-time codes of a bulk job as CSV. They can be had once: the control center wipes them.
func (c *Client) TakeBulkCodes(ctx context.Context, id BulkJobID, w io.Writer) error {
	return c.copyTo(ctx, http.MethodPost, under("bulk-jobs", string(id), "codes"), w)
}

func (c *Client) copyTo(ctx context.Context, method, path string, w io.Writer) error {
	answer, err := c.send(ctx, method, path, nil, nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(w, answer.Body); err != nil {
		return Errorf(CodeUnavailable, "The file broke off before its end.").WithNext("Look at the job before trying again.").Because(err)
	}
	return nil
}
