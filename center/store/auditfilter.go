package store

import (
	"context"

	"github.com/postern/postern"
	"github.com/postern/postern/center/store/internal/query"
)

// AuditFilters lists the filters of an owner and those that are shared, by name.
func (s *Store) AuditFilters(ctx context.Context, owner string) ([]postern.SavedAuditFilter, error) {
	rows, err := s.read(ctx).ListAuditFilters(ctx, owner)
	return convert(rows, err, "filter", auditFilterOf)
}

// AuditFilter returns one filter.
func (s *Store) AuditFilter(ctx context.Context, id postern.SavedFilterID) (postern.SavedAuditFilter, error) {
	row, err := s.read(ctx).GetAuditFilter(ctx, string(id))
	if err != nil {
		return postern.SavedAuditFilter{}, failure(err, "filter")
	}
	return auditFilterOf(row)
}

// CreateAuditFilter stores a new filter.
func (s *Store) CreateAuditFilter(ctx context.Context, f postern.SavedAuditFilter) error {
	chosen, err := toJSON("filter", f.Filter)
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		rows, err := t.q.InsertAuditFilter(ctx, query.InsertAuditFilterParams{
			ID: string(f.ID), Version: f.Version, Name: f.Name, Owner: f.Owner, Shared: f.Shared, Filter: chosen,
			CreatedAt: millis(f.CreatedAt), UpdatedAt: millis(f.UpdatedAt),
		})
		return inserted(rows, err, "filter")
	})
}

// UpdateAuditFilter stores f if f.Version is still the stored one, and increments it. The owner never changes.
func (s *Store) UpdateAuditFilter(ctx context.Context, f *postern.SavedAuditFilter) error {
	chosen, err := toJSON("filter", f.Filter)
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		rows, err := t.q.UpdateAuditFilter(ctx, query.UpdateAuditFilterParams{
			ID: string(f.ID), Version: f.Version, Name: f.Name, Shared: f.Shared, Filter: chosen, UpdatedAt: millis(f.UpdatedAt),
		})
		if err := versioned(rows, err, "filter", s.filterExists(ctx, t, f.ID)); err != nil {
			return err
		}
		t.bump(&f.Version)
		return nil
	})
}

// DeleteAuditFilter removes a filter if version is still the stored one.
func (s *Store) DeleteAuditFilter(ctx context.Context, id postern.SavedFilterID, version int64) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		rows, err := t.q.DeleteAuditFilter(ctx, query.DeleteAuditFilterParams{ID: string(id), Version: version})
		return versioned(rows, err, "filter", s.filterExists(ctx, t, id))
	})
}

func (s *Store) filterExists(ctx context.Context, t *transaction, id postern.SavedFilterID) func() error {
	return func() error {
		_, err := t.q.GetAuditFilter(ctx, string(id))
		return err
	}
}

func auditFilterOf(row query.AuditFilter) (postern.SavedAuditFilter, error) {
	f := postern.SavedAuditFilter{
		ID: postern.SavedFilterID(row.ID), Version: row.Version, Name: row.Name, Owner: row.Owner, Shared: row.Shared,
		CreatedAt: fromMillis(row.CreatedAt), UpdatedAt: fromMillis(row.UpdatedAt),
	}
	return f, fromJSON("filter", row.Filter, &f.Filter)
}
