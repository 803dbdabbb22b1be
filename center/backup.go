package center

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/store"
)

// Backup writes an archive of the database to path, while everything goes on, and audits it. The seal key is not in
// it: kept elsewhere, it makes the archive alone worthless to a thief.
func (s *Center) Backup(ctx context.Context, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := s.Store.Backup(ctx, path); err != nil {
		return err
	}
	s.note(ctx, audit.BackupTaken, "A backup was taken.")
	return nil
}

// Restore fills the configured database, which must be empty, from an archive of either kind of database.
func Restore(ctx context.Context, c Config, path string) error {
	db, err := store.Open(ctx, c.Database, store.Options{})
	if err != nil {
		return err
	}
	return errors.Join(db.Restore(ctx, path), db.Close())
}
