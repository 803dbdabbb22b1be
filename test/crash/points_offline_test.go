package crash_test

import (
	"context"

	"github.com/postern/postern/center/offline"
)

func (p points) CreateOfflineSignIn(ctx context.Context, r offline.Record) error {
	p.write(ctx, "CreateOfflineSignIn")
	return p.Store.CreateOfflineSignIn(ctx, r)
}

// UpdateOfflineSignIn is a point for each state.
func (p points) UpdateOfflineSignIn(ctx context.Context, r *offline.Record) error {
	p.write(ctx, "UpdateOfflineSignIn "+string(r.State))
	return p.Store.UpdateOfflineSignIn(ctx, r)
}

func (p points) CreateRecovery(ctx context.Context, r offline.Request) error {
	p.write(ctx, "CreateRecovery")
	return p.Store.CreateRecovery(ctx, r)
}

// UpdateRecovery is a point for each state.
func (p points) UpdateRecovery(ctx context.Context, r *offline.Request) error {
	p.write(ctx, "UpdateRecovery "+string(r.State))
	return p.Store.UpdateRecovery(ctx, r)
}
