package crash_test

import (
	"context"

	"github.com/postern/postern/center/rotate"
)

func (p points) CreateRotation(ctx context.Context, r rotate.Record) error {
	p.write(ctx, "CreateRotation")
	return p.Store.CreateRotation(ctx, r)
}

// UpdateRotation is a point for each state.
func (p points) UpdateRotation(ctx context.Context, r *rotate.Record) error {
	p.write(ctx, "UpdateRotation "+string(r.State))
	return p.Store.UpdateRotation(ctx, r)
}
