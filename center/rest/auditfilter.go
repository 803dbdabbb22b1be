package rest

import (
	"context"
	"net/http"

	"github.com/postern/postern"
)

// SavedFilterPath names a saved filter.
type SavedFilterPath struct {
	ID postern.SavedFilterID `path:"id" maxLength:"64" example:"afl_01jd…"`
}

func (a *API) auditFilterRoutes() {
	s := a.services.Trail
	const path = postern.APIPath + "/audit/filters"
	add(a, route{
		method: http.MethodGet, path: path, id: "list-audit-filters", tag: tagAudit,
		summary: "List the filters that you keep, and those that are shared", needs: postern.PermAuditRead,
	}, func(ctx context.Context, _ *struct{}) (*list[postern.SavedAuditFilter], error) {
		return answerList(s.Filters(ctx))
	})
	add(a, route{
		method: http.MethodPost, path: path, id: "save-audit-filter", tag: tagAudit, status: http.StatusCreated,
		summary: "Keep a filter under a name", needs: postern.PermAuditRead, codes: []postern.Code{postern.CodeConflict},
	}, func(ctx context.Context, in *struct {
		Body postern.SavedAuditFilterInput
	},
	) (*object[postern.SavedAuditFilter], error) {
		return answer(s.SaveFilter(ctx, in.Body))
	})
	add(a, route{
		method: http.MethodPut, path: path + "/{id}", id: "update-audit-filter", tag: tagAudit,
		summary: "Change a filter that you keep", needs: postern.PermAuditRead, codes: []postern.Code{postern.CodeStale},
	}, func(ctx context.Context, in *struct {
		SavedFilterPath
		Body postern.SavedAuditFilterInput
	},
	) (*object[postern.SavedAuditFilter], error) {
		return answer(s.UpdateFilter(ctx, in.ID, in.Body))
	})
	add(a, route{
		method: http.MethodDelete, path: path + "/{id}", id: "remove-audit-filter", tag: tagAudit, status: http.StatusNoContent,
		summary: "Remove a filter that you keep", needs: postern.PermAuditRead, codes: []postern.Code{postern.CodeStale},
	}, func(ctx context.Context, in *struct {
		SavedFilterPath
		Versioned
	},
	) (*none, error) {
		version, err := in.version(0)
		if err != nil {
			return nil, err
		}
		return nil, s.RemoveFilter(ctx, in.ID, version)
	})
	add(a, route{
		method: http.MethodGet, path: postern.APIPath + "/audit/retention", id: "get-audit-retention", tag: tagAudit,
		summary: "How long entries are kept", needs: postern.PermAuditRead,
	}, func(ctx context.Context, _ *struct{}) (*object[postern.AuditRetention], error) {
		return answer(s.Retention(ctx))
	})
	add(a, route{
		method: http.MethodPut, path: postern.APIPath + "/audit/retention", id: "set-audit-retention", tag: tagAudit,
		summary: "Change how long entries are kept", needs: postern.PermAuditManage,
		notes: "At least 30 days, or 0 for ever. Entries go from the oldest on, and only after every stream has them and, where asked for, after they were exported.",
		codes: []postern.Code{postern.CodeStale},
	}, func(ctx context.Context, in *struct {
		Body postern.AuditRetentionInput
	},
	) (*object[postern.AuditRetention], error) {
		return answer(s.SetRetention(ctx, in.Body))
	})
}
