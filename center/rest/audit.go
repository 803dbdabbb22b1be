package rest

import (
	"context"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/audit/export"
)

const tagAudit = "Audit"

// AuditFilter chooses entries of the trail.
type AuditFilter struct {
	Integration postern.IntegrationID `query:"integration_id" maxLength:"64" doc:"Only entries of this integration."`
	Text        string                `query:"text" maxLength:"120" doc:"Words in the message, in names, identifiers, codes or fields; all of them must be there."`
	Events      []string              `query:"event" maxItems:"50" doc:"Any of these codes (KEY002I), names (passkey.revoked) or families (passkey.), with commas between them."`
	User        postern.UserID        `query:"user_id" maxLength:"64" doc:"Everything about this user: phones, passkeys and pairings too."`
	Target      string                `query:"target" maxLength:"120" doc:"Only entries about this identifier."`
	Name        string                `query:"name" maxLength:"80" doc:"Only this event, or a family: passkey.revoked or passkey." example:"passkey."`
	Actor       string                `query:"actor" maxLength:"120" doc:"Only what this administrator, token or phone did."`
	Outcome     string                `query:"outcome" enum:",success,failure" doc:"Only what worked, or only what did not."`
	Failures    bool                  `query:"failures" doc:"Only what failed."`
	From        time.Time             `query:"from" doc:"Not before this time."`
	To          time.Time             `query:"to" doc:"Before this time."`
	After       int64                 `query:"after" minimum:"0" doc:"Only entries with a higher sequence."`
}

// selection is the filter in the form in which it is saved and told.
func (f AuditFilter) selection() (postern.AuditSelection, error) {
	s := postern.AuditSelection{
		Integration: f.Integration, Text: f.Text, Events: f.Events, User: f.User, Target: f.Target, Actor: f.Actor, Outcome: f.Outcome,
	}
	if f.Failures {
		s.Outcome = postern.OutcomeFailure
	}
	if !f.From.IsZero() {
		s.From = &f.From
	}
	if !f.To.IsZero() {
		s.To = &f.To
	}
	return s, audit.CheckSelection(s)
}

func (f AuditFilter) query() (audit.Query, error) {
	s, err := f.selection()
	q := audit.QueryOf(s)
	q.Name, q.AfterSequence = f.Name, f.After
	return q, err
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
		q, err := in.query()
		if err != nil {
			return nil, err
		}
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
		method: http.MethodGet, path: path + "/events/{sequence}", id: "get-audit-event", tag: tagAudit,
		summary: "Look at one entry and its place in the chain", needs: postern.PermAuditRead,
	}, func(ctx context.Context, in *struct {
		Sequence int64 `path:"sequence" minimum:"1"`
	},
	) (*object[postern.AuditEventDetails], error) {
		return answer(s.Details(ctx, in.Sequence))
	})
	add(a, route{
		method: http.MethodGet, path: path + "/export", id: "export-audit-events", tag: tagAudit, produces: exported, takes: longTime,
		summary: "Export the audit trail", needs: postern.PermAuditRead,
		notes: "Oldest first: JSON Lines (the default), CSV, OCSF events one a line, or CEF. To go on later, send the sequence of the last line as after. An export that fails midway breaks the connection off. Exports are entries of the trail themselves.",
	}, func(ctx context.Context, in *struct {
		AuditFilter
		Format string `query:"format" enum:"jsonl,csv,ocsf,cef" default:"jsonl"`
	},
	) (*huma.StreamResponse, error) {
		return a.export(ctx, in.AuditFilter, in.Format)
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

// exported are the media types of the formats.
const exported = "application/x-ndjson, text/csv, text/plain"

// export begins an export and gives what writes it. Once the first byte is out there is no way to say that something
// failed but to break off, so that no client takes half a trail for the whole.
func (a *API) export(ctx context.Context, f AuditFilter, format string) (*huma.StreamResponse, error) {
	form, err := export.FormOf(format)
	if err != nil {
		return nil, err
	}
	q, err := f.query()
	if err != nil {
		return nil, err
	}
	chosen, err := f.selection()
	if err != nil {
		return nil, err
	}
	told := chosen
	if f.Name != "" {
		told.Events = append(slices.Clone(chosen.Events), f.Name)
	}
	if err := a.services.Trail.NoteExport(ctx, format, told, f.After); err != nil {
		return nil, err
	}
	x, err := export.Begin(ctx, a.services.Trail, form, a.from(), q)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		ctx := hc.Context()
		_, w := humago.Unwrap(hc)
		hc.SetHeader("Content-Type", form.MediaType)
		hc.SetHeader("Content-Disposition", `attachment; filename="postern-audit.`+form.Extension+`"`)
		hc.SetStatus(http.StatusOK)
		last, err := x.Write(ctx, w)
		if err != nil {
			logger(ctx).ErrorContext(ctx, "an export of the audit trail broke off", "after", last, "error", err)
			panic(http.ErrAbortHandler)
		}
		if len(told.Events) > 0 || !reflect.DeepEqual(chosen, postern.AuditSelection{}) {
			return
		}
		if err := a.services.Trail.Exported(ctx, f.After, last); err != nil {
			logger(ctx).WarnContext(ctx, "an export could not be noted", "through", last, "error", err)
		}
	}}, nil
}

// from names this installation in what leaves it.
func (a *API) from() export.Source {
	s := export.Source{Version: a.version}
	if u, err := url.Parse(a.publicURL); err == nil {
		s.Host = u.Hostname()
	}
	return s
}
