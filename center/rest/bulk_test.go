package rest_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/postern/postern"
	"github.com/postern/postern/center/bulk"
)

type bulkJobs struct{ *domain }

var aBulkJob = postern.BulkJob{
	ID: "blk_1", IntegrationID: "int_1", Version: 3, Kind: postern.BulkInvite, State: postern.BulkRunning, Source: "a list",
	Counts: postern.BulkCounts{Total: 2, Pending: 1, Done: 1},
}

func (d bulkJobs) Plan(_ context.Context, _ postern.IntegrationID, in postern.BulkInput) (postern.BulkPlan, error) {
	return postern.BulkPlan{Kind: in.Kind, Total: len(in.Users), Skips: []postern.BulkSkip{}}, d.call("Plan", in)
}

func (d bulkJobs) Start(_ context.Context, _ postern.IntegrationID, in postern.BulkInput) (postern.BulkJob, error) {
	return aBulkJob, d.call("Start", in)
}

func (d bulkJobs) Jobs(_ context.Context, q bulk.Query) ([]postern.BulkJob, error) {
	return []postern.BulkJob{aBulkJob}, d.call("Jobs", q)
}

func (d bulkJobs) Job(_ context.Context, id postern.BulkJobID) (postern.BulkJob, error) {
	return aBulkJob, d.call("Job", id)
}

func (d bulkJobs) Rows(_ context.Context, _ postern.BulkJobID, q bulk.RowQuery) ([]postern.BulkRow, error) {
	return []postern.BulkRow{{JobID: "blk_1", Number: 1, Given: "ada@contoso.com", State: postern.BulkRowDone}}, d.call("Rows", q)
}

func (d bulkJobs) Pause(_ context.Context, _ postern.BulkJobID, version int64) (postern.BulkJob, error) {
	return aBulkJob, d.call("Pause", version)
}

func (d bulkJobs) Resume(_ context.Context, _ postern.BulkJobID, version int64) (postern.BulkJob, error) {
	return aBulkJob, d.call("Resume", version)
}

func (d bulkJobs) Cancel(_ context.Context, _ postern.BulkJobID, version int64) (postern.BulkJob, error) {
	return aBulkJob, d.call("Cancel", version)
}

func (d bulkJobs) RetryFailed(_ context.Context, _ postern.BulkJobID, version int64) (postern.BulkJob, error) {
	return aBulkJob, d.call("RetryFailed", version)
}

func (d bulkJobs) Results(_ context.Context, id postern.BulkJobID, w io.Writer) error {
	_, _ = io.WriteString(w, "number,user\r\n1,ada@contoso.com\r\n")
	return d.call("Results", id)
}

func (d bulkJobs) Codes(_ context.Context, id postern.BulkJobID, w io.Writer) error {
	_, _ = io.WriteString(w, "user,code,link\r\n")
	return d.call("Codes", id)
}

func TestBulkJobsTakeManyUsers(t *testing.T) {
	h := newHouse(t)
	token := bearer(h.token(postern.Permissions...))
	users := `"` + strings.Repeat("a", 100) + `@contoso.com"` + strings.Repeat(`,"`+strings.Repeat("a", 100)+`@contoso.com"`, 9999)
	body := `{"kind":"invite","users":[` + users + `]}`
	if answer := h.send(http.MethodPost, postern.APIPath+"/integrations/int_1/bulk-jobs/plan", body, token); answer.StatusCode != http.StatusOK {
		t.Fatalf("%d", answer.StatusCode)
	}
	in, ok := h.domain.last.(postern.BulkInput)
	if !ok || len(in.Users) != 10000 {
		t.Fatalf("%T", h.domain.last)
	}
	// Elsewhere, and for strangers, the ordinary bound holds.
	wantProblem(t, h.send(http.MethodPost, postern.APIPath+"/integrations/int_1/invitations", body, token), postern.CodeTooLarge, "")
	wantProblem(t, h.send(http.MethodPost, postern.APIPath+"/integrations/int_1/bulk-jobs", body), postern.CodeTooLarge, "")
}

func TestBulkFilesAreWholeOrErrors(t *testing.T) {
	h := newHouse(t)
	c := h.client(postern.Permissions...)
	h.domain.fail = postern.Errorf(postern.CodeNotFound, "")
	var out strings.Builder
	if err := c.TakeBulkCodes(t.Context(), "blk_1", &out); !postern.IsCode(err, postern.CodeNotFound) || out.Len() > 0 {
		t.Fatalf("%v %q", err, out.String())
	}
	h.domain.fail = nil
	if err := c.ExportBulkRows(t.Context(), "blk_1", &out); err != nil || out.String() != "number,user\r\n1,ada@contoso.com\r\n" {
		t.Fatalf("%v %q", err, out.String())
	}
}
