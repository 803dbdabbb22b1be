package rest

import (
	"context"
	"net/http"

	"github.com/postern/postern"
)

// StreamPath names a stream.
type StreamPath struct {
	ID postern.AuditStreamID `path:"id" maxLength:"64" example:"aus_01jd…"`
}

func (a *API) auditStreamRoutes() {
	s := a.services.Streams
	const path = postern.APIPath + "/audit/streams"
	add(a, route{
		method: http.MethodGet, path: path, id: "list-audit-streams", tag: tagAudit,
		summary: "List where the audit trail is sent", needs: postern.PermAuditRead,
	}, func(ctx context.Context, _ *struct{}) (*list[postern.AuditStream], error) {
		return answerList(s.List(ctx))
	})
	add(a, route{
		method: http.MethodPost, path: path, id: "create-audit-stream", tag: tagAudit, status: http.StatusCreated,
		summary: "Send the audit trail somewhere while it grows", needs: postern.PermAuditManage,
		notes: "To a syslog receiver (tls://HOST:PORT; udp:// and tcp:// to this machine only) or a webhook (https://…), each entry at least once and in order. The answer holds the secret that signs a webhook's messages, which cannot be shown again.",
		codes: []postern.Code{postern.CodeConflict},
	}, func(ctx context.Context, in *struct{ Body postern.AuditStreamInput }) (*object[postern.AuditStreamSecret], error) {
		return answer(s.Create(ctx, in.Body))
	})
	add(a, route{
		method: http.MethodGet, path: path + "/{id}", id: "get-audit-stream", tag: tagAudit,
		summary: "Look at a stream", needs: postern.PermAuditRead,
	}, func(ctx context.Context, in *StreamPath) (*object[postern.AuditStream], error) {
		return answer(s.Get(ctx, in.ID))
	})
	add(a, route{
		method: http.MethodPut, path: path + "/{id}", id: "update-audit-stream", tag: tagAudit,
		summary: "Change a stream", needs: postern.PermAuditManage,
		codes: []postern.Code{postern.CodeConflict, postern.CodeStale},
	}, func(ctx context.Context, in *struct {
		StreamPath
		Body postern.AuditStreamInput
	},
	) (*object[postern.AuditStream], error) {
		return answer(s.Update(ctx, in.ID, in.Body))
	})
	add(a, route{
		method: http.MethodDelete, path: path + "/{id}", id: "remove-audit-stream", tag: tagAudit, status: http.StatusNoContent,
		summary: "Remove a stream", needs: postern.PermAuditManage,
		notes: "What it had not sent is not sent any more.",
		codes: []postern.Code{postern.CodeStale},
	}, func(ctx context.Context, in *struct {
		StreamPath
		Versioned
	},
	) (*none, error) {
		version, err := in.version(0)
		if err != nil {
			return nil, err
		}
		return nil, s.Remove(ctx, in.ID, version)
	})
	for _, paused := range []bool{true, false} {
		r := route{
			method: http.MethodPost, path: path + "/{id}/resume", id: "resume-audit-stream", tag: tagAudit,
			summary: "Let a stream go on", needs: postern.PermAuditManage, codes: []postern.Code{postern.CodeStale},
		}
		if paused {
			r.path, r.id, r.summary = path+"/{id}/pause", "pause-audit-stream", "Pause a stream"
			r.notes = "Nothing is lost: it goes on where it stood, and retention keeps what was not sent."
		}
		add(a, r, func(ctx context.Context, in *struct {
			StreamPath
			Versioned
		},
		) (*object[postern.AuditStream], error) {
			version, err := in.version(0)
			if err != nil {
				return nil, err
			}
			return answer(s.Pause(ctx, in.ID, version, paused))
		})
	}
	add(a, route{
		method: http.MethodPost, path: path + "/{id}/secret", id: "rotate-audit-stream-secret", tag: tagAudit,
		summary: "Give a webhook a new signing secret", needs: postern.PermAuditManage,
		notes: "For a day messages carry a signature of the secret before as well. The answer holds the new one, which cannot be shown again.",
		codes: []postern.Code{postern.CodeConflict, postern.CodeStale},
	}, func(ctx context.Context, in *struct {
		StreamPath
		Versioned
	},
	) (*object[postern.AuditStreamSecret], error) {
		version, err := in.version(0)
		if err != nil {
			return nil, err
		}
		return answer(s.Rotate(ctx, in.ID, version))
	})
	add(a, route{
		method: http.MethodPost, path: path + "/{id}/test", id: "test-audit-stream", tag: tagAudit, takes: entraTime,
		summary: "Send a test message to a sink", needs: postern.PermAuditManage,
		notes: "It is no entry of the trail. That the sink does not take it is a result, not an error.",
	}, func(ctx context.Context, in *StreamPath) (*object[postern.AuditStreamTest], error) {
		return answer(s.Test(ctx, in.ID))
	})
}
