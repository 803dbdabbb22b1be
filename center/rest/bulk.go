package rest

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/postern/postern"
	"github.com/postern/postern/center/bulk"
)

const tagBulk = "Bulk jobs"

// Bulk is what the API needs of package bulk.
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

// maxBulkBody bounds a request that names the users of a job: the list or the file, as JSON.
const maxBulkBody = 2*postern.MaxBulkCSV + 64<<10

// namesUsers reports whether a request names the users of a bulk job, and so may be large.
func namesUsers(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, postern.APIPath+"/integrations/") &&
		(strings.HasSuffix(r.URL.Path, "/bulk-jobs") || strings.HasSuffix(r.URL.Path, "/bulk-jobs/plan")) &&
		(r.Header.Get("Authorization") != "" || r.Header.Get("Cookie") != "")
}

// BulkPath is the path parameter of everything about one bulk job.
type BulkPath struct {
	ID postern.BulkJobID `path:"id" doc:"Identifier of the job." example:"blk_01jd…"`
}

// versionedBulkJob is a job with its version as ETag.
type versionedBulkJob struct {
	ETag string `header:"ETag"`
	Body postern.BulkJob
}

func answerBulk(j postern.BulkJob, err error) (*versionedBulkJob, error) {
	return &versionedBulkJob{etag(j.Version), j}, err
}

const csvType = "text/csv"

func (a *API) bulkRoutes() {
	s := a.services.Bulk
	const (
		path  = postern.APIPath + "/bulk-jobs"
		under = postern.APIPath + "/integrations/{id}/bulk-jobs"
		needs = " Whoever does this needs the permission of the job's kind as well: `users.invite` to invite and remind, " +
			"`passkeys.provision` to provision, `passkeys.revoke` for all else."
	)
	add(a, route{
		method: http.MethodPost, path: under + "/plan", id: "plan-bulk-job", tag: tagBulk, needs: postern.PermUsersRead, takes: entraTime,
		summary: "Say what a job over many users would do", notes: "Nothing is done or stored." + needs,
		codes: with(entraCodes, postern.CodeEntraNotFound),
	}, func(ctx context.Context, in *struct {
		IntegrationPath
		Body postern.BulkInput
	},
	) (*object[postern.BulkPlan], error) {
		return answer(s.Plan(ctx, in.ID, in.Body))
	})
	add(a, route{
		method: http.MethodPost, path: under, id: "start-bulk-job", tag: tagBulk, needs: postern.PermUsersRead, takes: entraTime,
		status: http.StatusCreated, summary: "Start a job over many users",
		notes: "Kinds that take something away need expect, the number of users that the plan named." + needs,
		codes: with(entraCodes, postern.CodeEntraNotFound, postern.CodeBulkCount, postern.CodeBulkRunning),
	}, func(ctx context.Context, in *struct {
		IntegrationPath
		Body postern.BulkInput
	},
	) (*versionedBulkJob, error) {
		return answerBulk(s.Start(ctx, in.ID, in.Body))
	})
	add(a, route{
		method: http.MethodGet, path: path, id: "list-bulk-jobs", tag: tagBulk, needs: postern.PermUsersRead,
		summary: "List bulk jobs, newest first",
	}, func(ctx context.Context, in *struct {
		Integration postern.IntegrationID `query:"integration_id" doc:"Only jobs of this integration."`
		State       string                `query:"state" enum:"running,paused,done,cancelled" doc:"Only jobs in this state."`
		Page        int                   `query:"page" minimum:"0" maximum:"10000000" doc:"The member next of the page before."`
		Limit       int                   `query:"limit" minimum:"1" maximum:"500" default:"100"`
	},
	) (*list[postern.BulkJob], error) {
		jobs, err := s.Jobs(ctx, bulk.Query{
			IntegrationID: in.Integration, State: postern.BulkState(in.State), Offset: in.Page, Limit: in.Limit + 1,
		})
		return answerPage(jobs, in.Limit, func(postern.BulkJob) string { return strconv.Itoa(in.Page + in.Limit) }, err)
	})
	add(a, route{
		method: http.MethodGet, path: path + "/{id}", id: "get-bulk-job", tag: tagBulk, needs: postern.PermUsersRead,
		summary: "Look at a bulk job",
	}, func(ctx context.Context, in *BulkPath) (*versionedBulkJob, error) {
		return answerBulk(s.Job(ctx, in.ID))
	})
	add(a, route{
		method: http.MethodGet, path: path + "/{id}/rows", id: "list-bulk-rows", tag: tagBulk, needs: postern.PermUsersRead,
		summary: "List the users of a bulk job, with what became of each",
	}, func(ctx context.Context, in *struct {
		BulkPath
		State string `query:"state" enum:"pending,running,waiting,done,skipped,failed" doc:"Only rows in this state."`
		Page  int    `query:"page" minimum:"0" maximum:"10000000" doc:"The member next of the page before."`
		Limit int    `query:"limit" minimum:"1" maximum:"999" default:"100"`
	},
	) (*list[postern.BulkRow], error) {
		rows, err := s.Rows(ctx, in.ID, bulk.RowQuery{State: postern.BulkRowState(in.State), After: in.Page, Limit: in.Limit + 1})
		return answerPage(rows, in.Limit, func(last postern.BulkRow) string { return strconv.Itoa(last.Number) }, err)
	})
	for _, act := range []struct {
		verb, id, summary, notes string
		do                       func(ctx context.Context, id postern.BulkJobID, version int64) (postern.BulkJob, error)
	}{
		{"pause", "pause-bulk-job", "Pause a bulk job", "Users who are being acted on are finished; nobody else is begun.", func(ctx context.Context, id postern.BulkJobID, v int64) (postern.BulkJob, error) {
			return s.Pause(ctx, id, v)
		}},
		{"resume", "resume-bulk-job", "Have a paused bulk job go on", "", func(ctx context.Context, id postern.BulkJobID, v int64) (postern.BulkJob, error) {
			return s.Resume(ctx, id, v)
		}},
		{"cancel", "cancel-bulk-job", "Cancel a bulk job", "What was done stays done; users who were not begun are left alone.", func(ctx context.Context, id postern.BulkJobID, v int64) (postern.BulkJob, error) {
			return s.Cancel(ctx, id, v)
		}},
		{"retry", "retry-bulk-job", "Try the failed users of a bulk job again", "", func(ctx context.Context, id postern.BulkJobID, v int64) (postern.BulkJob, error) {
			return s.RetryFailed(ctx, id, v)
		}},
	} {
		add(a, route{
			method: http.MethodPost, path: path + "/{id}/" + act.verb, id: act.id, tag: tagBulk, needs: postern.PermUsersRead,
			summary: act.summary, notes: strings.TrimSpace(act.notes + needs), codes: []postern.Code{postern.CodeStale, postern.CodeBulkState, postern.CodeConflict},
		}, func(ctx context.Context, in *struct {
			BulkPath
			Body postern.BulkChange
		},
		) (*versionedBulkJob, error) {
			return answerBulk(act.do(ctx, in.ID, in.Body.Version))
		})
	}
	add(a, route{
		method: http.MethodGet, path: path + "/{id}/results", id: "export-bulk-rows", tag: tagBulk, needs: postern.PermUsersRead,
		summary: "Export the users of a bulk job as CSV", produces: csvType, takes: longTime,
	}, func(_ context.Context, in *BulkPath) (*huma.StreamResponse, error) {
		return csvAnswer(func(ctx context.Context, w io.Writer) error { return s.Results(ctx, in.ID, w) }), nil
	})
	add(a, route{
		method: http.MethodPost, path: path + "/{id}/codes", id: "take-bulk-codes", tag: tagBulk, needs: postern.PermUsersInvite,
		summary: "Take the one-time codes of a bulk job, once", produces: csvType, takes: longTime,
		notes: "CSV with user, code and link. The codes are wiped as they are read, and after 24 hours in any case. Reading them is an event of the audit trail.",
	}, func(_ context.Context, in *BulkPath) (*huma.StreamResponse, error) {
		return csvAnswer(func(ctx context.Context, w io.Writer) error { return s.Codes(ctx, in.ID, w) }), nil
	})
}

// csvAnswer is made as a whole before it is sent, so that what fails is an error and not half a file. The largest is some
// ten million bytes.
func csvAnswer(write func(ctx context.Context, w io.Writer) error) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		r, w := humago.Unwrap(hc)
		var body bytes.Buffer
		if err := write(hc.Context(), &body); err != nil {
			writeProblem(w, r, err)
			return
		}
		hc.SetHeader("Content-Type", csvType+"; charset=utf-8")
		hc.SetStatus(http.StatusOK)
		_, _ = w.Write(body.Bytes()) // the client may be gone; there is nobody else to tell
	}}
}
