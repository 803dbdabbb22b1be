package rest_test

import (
	"context"

	"github.com/postern/postern"
	"github.com/postern/postern/center/reconcile"
)

// reconciler is package reconcile for the API's tests.
type reconciler struct{ *domain }

func aRun(id postern.ReconcileRunID) postern.ReconcileRun {
	return postern.ReconcileRun{ID: id, Mode: postern.ReconcileFull, State: postern.ReconcileRunning, Step: postern.ReconcileDirectory}
}

func (d reconciler) Run(_ context.Context, _ postern.IntegrationID, mode postern.ReconcileMode) (postern.ReconcileRun, bool, error) {
	return aRun("rec_1"), true, d.call("Run", mode)
}

func (d reconciler) Approve(_ context.Context, id postern.ReconcileRunID) (postern.ReconcileRun, error) {
	return aRun(id), d.call("Approve", id)
}

func (d reconciler) ReconcileRun(_ context.Context, id postern.ReconcileRunID) (postern.ReconcileRun, error) {
	return aRun(id), d.call("ReconcileRun", id)
}

func (d reconciler) Status(_ context.Context, id postern.IntegrationID) (postern.ReconcileStatus, error) {
	return postern.ReconcileStatus{Runs: []postern.ReconcileRun{}}, d.call("Status", id)
}

func (d reconciler) Differences(_ context.Context, q reconcile.DifferenceQuery) ([]postern.Difference, error) {
	return []postern.Difference{{ID: "dif_1", Kind: postern.DifferenceGroup, Outcome: postern.OutcomeReported}}, d.call("Differences", q)
}
