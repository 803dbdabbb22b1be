package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

const tagAudit = "Audit"

// exportPage is how many entries an export reads at once.
const exportPage = 500

// AuditFilter chooses entries of the trail.
type AuditFilter struct {
	Integration postern.IntegrationID `query:"integration_id" doc:"Only entries of this integration."`
	Target      string                `query:"target" maxLength:"120" doc:"Only entries about this identifier."`
	Name        string                `query:"name" maxLength:"80" doc:"Only this event, or a family: passkey.revoked or passkey." example:"passkey."`
	Actor       string                `query:"actor" maxLength:"120" doc:"Only what this administrator, token or phone did."`
	Failures    bool                  `query:"failures" doc:"Only what failed."`
	After       int64                 `query:"after" minimum:"0" doc:"Only entries with a higher sequence."`
}

func (f AuditFilter) query() audit.Query {
	return audit.Query{
		IntegrationID: f.Integration, Target: f.Target, Name: f.Name, ActorID: f.Actor, FailuresOnly: f.Failures, AfterSequence: f.After,
	}
}

func (a *API) auditRoutes() {
	s := a.services.Trail
	const path = postern.APIPath + "/audit"
	add(a, route{
		method: http.MethodGet, path: path + "/events", id: "list-audit-events", tag: tagAudit,
		summary: "Read the audit trail", needs: postern.PermAuditRead,
	}, func(ctx context.Context, in *struct {
		AuditFilter
		Order string `query:"order" enum:"newest,oldest" default:"newest"`
		Page  int64  `query:"page" minimum:"1" doc:"The member next of the page before."`
		Limit int    `query:"limit" minimum:"1" maximum:"999" default:"100"`
	},
	) (*list[postern.AuditEvent], error) {
		q := in.query()
		q.Descending, q.Limit = in.Order == "newest", in.Limit+1
		switch {
		case in.Page == 0:
		case q.Descending:
			q.Before = in.Page
		default:
			q.AfterSequence = max(q.AfterSequence, in.Page)
		}
		events, err := s.Events(ctx, q)
		return answerPage(events, in.Limit, func(last postern.AuditEvent) string { return strconv.FormatInt(last.Sequence, 10) }, err)
	})
	add(a, route{
		method: http.MethodGet, path: path + "/export", id: "export-audit-events", tag: tagAudit, produces: ndjson, takes: longTime,
		summary: "Export the audit trail as JSON lines", needs: postern.PermAuditRead,
		notes: "Oldest first, one entry a line. To go on later, send the sequence of the last line as after. An export that fails midway breaks the connection off.",
	}, func(_ context.Context, in *AuditFilter) (*huma.StreamResponse, error) {
		return &huma.StreamResponse{Body: func(hc huma.Context) { export(hc, s, in.query()) }}, nil
	})
	add(a, route{
		method: http.MethodGet, path: path + "/verification", id: "verify-audit", tag: tagAudit, takes: longTime,
		summary: "Verify the audit trail", needs: postern.PermAuditRead,
		notes: "Recomputes the whole chain. A chain that does not fit is a result, not an error.",
	}, func(ctx context.Context, _ *struct{}) (*object[postern.AuditVerification], error) {
		return answer(s.Verify(ctx))
	})
	codes := make([]postern.AuditCode, 0, 64)
	for _, c := range audit.Codes() {
		codes = append(codes, postern.AuditCode{Code: c.Code, Name: c.Name, Text: c.Text})
	}
	add(a, route{
		method: http.MethodGet, path: path + "/codes", id: "list-audit-codes", tag: tagAudit,
		summary: "List every event the trail may tell of", access: open,
	}, func(context.Context, *struct{}) (*list[postern.AuditCode], error) {
		return answerList(codes, nil)
	})
	add(a, route{
		method: http.MethodGet, path: path + "/checkpoint", id: "get-audit-checkpoint", tag: tagAudit,
		summary: "Sign the head of the audit trail", needs: postern.PermAuditRead,
	}, func(ctx context.Context, _ *struct{}) (*object[postern.AuditCheckpoint], error) {
		note, err := s.Checkpoint(ctx)
		return answer(postern.AuditCheckpoint{Checkpoint: note}, err)
	})
}

const ndjson = "application/x-ndjson"

// export writes page after page. Once the first byte is out there is no way to say that something failed but to break
// off, so that no client takes half a trail for the whole.
func export(hc huma.Context, s Trail, q audit.Query) {
	ctx := hc.Context()
	r, w := humago.Unwrap(hc)
	q.Limit = exportPage
	events, err := s.Events(ctx, q)
	if err != nil {
		writeProblem(w, r, err)
		return
	}
	hc.SetHeader("Content-Type", ndjson)
	hc.SetStatus(http.StatusOK)
	out := json.NewEncoder(w)
	for len(events) > 0 {
		for _, e := range events {
			if err := out.Encode(e); err != nil {
				return // the client is gone
			}
		}
		if len(events) < exportPage {
			return
		}
		q.AfterSequence = events[len(events)-1].Sequence
		if events, err = s.Events(ctx, q); err != nil {
			logger(ctx).ErrorContext(ctx, "an export of the audit trail broke off", "after", q.AfterSequence, "error", err)
			panic(http.ErrAbortHandler)
		}
	}
}
