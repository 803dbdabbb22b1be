//go:build !js

package postern

import (
	"context"
	"iter"
	"net/http"
	"net/url"
)

// Reconcile has Entra, Postern and the groups compared now, or returns the run that is already under way.
func (c *Client) Reconcile(ctx context.Context, id IntegrationID, in ReconcileInput) (ReconcileRun, error) {
	return get[ReconcileRun](ctx, c, http.MethodPost, under("integrations", string(id), "reconcile"), in)
}

// ReconcileStatus says when Entra and Postern last agreed, with the last runs.
func (c *Client) ReconcileStatus(ctx context.Context, id IntegrationID) (ReconcileStatus, error) {
	return get[ReconcileStatus](ctx, c, http.MethodGet, under("integrations", string(id), "reconcile"), nil)
}

// ReconcileRun returns one run.
func (c *Client) ReconcileRun(ctx context.Context, id ReconcileRunID) (ReconcileRun, error) {
	return get[ReconcileRun](ctx, c, http.MethodGet, under("reconcile-runs", string(id)), nil)
}

// ApproveReconcile has a stopped run go on.
func (c *Client) ApproveReconcile(ctx context.Context, id ReconcileRunID) (ReconcileRun, error) {
	return get[ReconcileRun](ctx, c, http.MethodPost, under("reconcile-runs", string(id), "approval"), nil)
}

// Differences lists what did not agree, newest first; with open only what is not gone.
func (c *Client) Differences(ctx context.Context, id IntegrationID, open bool) iter.Seq2[Difference, error] {
	q := url.Values{}
	if open {
		q.Set("open", "true")
	}
	return pages[Difference](ctx, c, under("integrations", string(id), "differences"), q)
}
