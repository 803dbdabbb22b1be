package rest

import (
	"context"
	"net/http"
	"strconv"

	"github.com/postern/postern"
	"github.com/postern/postern/center/reconcile"
)

const tagReconcile = "Reconciling"

// Reconciler is what the API needs of package reconcile.
type Reconciler interface {
	Run(ctx context.Context, id postern.IntegrationID, mode postern.ReconcileMode) (postern.ReconcileRun, bool, error)
	Approve(ctx context.Context, id postern.ReconcileRunID) (postern.ReconcileRun, error)
	ReconcileRun(ctx context.Context, id postern.ReconcileRunID) (postern.ReconcileRun, error)
	Status(ctx context.Context, id postern.IntegrationID) (postern.ReconcileStatus, error)
	Differences(ctx context.Context, q reconcile.DifferenceQuery) ([]postern.Difference, error)
}

// ReconcileRunPath is the path parameter of everything about one run.
type ReconcileRunPath struct {
	ID postern.ReconcileRunID `path:"id" doc:"Identifier of the run." example:"rec_01jd…"`
}

func (a *API) reconcileRoutes() {
	s := a.services.Reconciler
	add(a, route{
		method: http.MethodPost, path: postern.APIPath + "/integrations/{id}/reconcile", id: "begin-reconcile", tag: tagReconcile, status: http.StatusCreated, again: true,
		summary: "Compare Entra, Postern and the groups now", needs: postern.PermPasskeysRevoke,
		notes: "Answers 201, or 200 with the run that is already under way. What is Postern's is mended, the rest is told; watch the run with get-reconcile-run.",
		codes: []postern.Code{postern.CodeConflict},
	}, func(ctx context.Context, in *struct {
		IntegrationPath
		Body postern.ReconcileInput
	},
	) (*begun[postern.ReconcileRun], error) {
		r, created, err := s.Run(ctx, in.ID, in.Body.Mode)
		return &begun[postern.ReconcileRun]{begunStatus(created), r}, err
	})
	add(a, route{
		method: http.MethodGet, path: postern.APIPath + "/integrations/{id}/reconcile", id: "get-reconcile-status", tag: tagReconcile,
		summary: "See when Entra and Postern last agreed", needs: postern.PermUsersRead,
		notes: "With the last runs, newest first.",
	}, func(ctx context.Context, in *IntegrationPath) (*object[postern.ReconcileStatus], error) {
		return answer(s.Status(ctx, in.ID))
	})
	add(a, route{
		method: http.MethodGet, path: postern.APIPath + "/integrations/{id}/differences", id: "list-differences", tag: tagReconcile,
		summary: "List what did not agree", needs: postern.PermUsersRead,
		notes: "Newest first. Those that are gone are kept for 30 days.",
	}, func(ctx context.Context, in *struct {
		IntegrationPath
		Open  bool                   `query:"open" doc:"Only those that are not gone."`
		Run   postern.ReconcileRunID `query:"run" doc:"Only those that this run saw last."`
		Page  int                    `query:"page" minimum:"0" maximum:"10000000" doc:"The member next of the page before."`
		Limit int                    `query:"limit" minimum:"1" maximum:"500" default:"100"`
	},
	) (*list[postern.Difference], error) {
		found, err := s.Differences(ctx, reconcile.DifferenceQuery{
			IntegrationID: in.ID, Open: in.Open, RunID: in.Run, Offset: in.Page, Limit: in.Limit + 1,
		})
		return answerPage(found, in.Limit, func(postern.Difference) string { return strconv.Itoa(in.Page + in.Limit) }, err)
	})
	add(a, route{
		method: http.MethodGet, path: postern.APIPath + "/reconcile-runs/{id}", id: "get-reconcile-run", tag: tagReconcile,
		summary: "Look at a run", needs: postern.PermUsersRead,
	}, func(ctx context.Context, in *ReconcileRunPath) (*object[postern.ReconcileRun], error) {
		return answer(s.ReconcileRun(ctx, in.ID))
	})
	add(a, route{
		method: http.MethodPost, path: postern.APIPath + "/reconcile-runs/{id}/approval", id: "approve-reconcile-run", tag: tagReconcile, status: http.StatusAccepted,
		summary: "Have a stopped run go on", needs: postern.PermIntegrationsWrite,
		notes: "A run stops when Entra lists far fewer passkeys than the books. Going on takes a second look, and then marks as revoked what is missing still.",
		codes: []postern.Code{postern.CodeConflict},
	}, func(ctx context.Context, in *ReconcileRunPath) (*object[postern.ReconcileRun], error) {
		return answer(s.Approve(ctx, in.ID))
	})
}
