package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/postern/postern/center"
	"github.com/postern/postern/internal/cli"
)

// BackupCmd writes an archive of the database.
type BackupCmd struct {
	localConfig
	Path string `arg:"" optional:"" help:"File to write; a name with the time below the data directory unless given."`
}

// Run writes the archive, also while a server works on the same database.
func (c *BackupCmd) Run(ctx context.Context, io cli.Streams) (err error) {
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	path := c.Path
	if path == "" {
		path = s.BackupPath(time.Now())
	}
	if err := s.Backup(ctx, path); err != nil {
		return err
	}
	fmt.Fprintln(io.Out, path)
	fmt.Fprintf(io.Err, "The archive opens no secret without the key file %s; keep that in another place.\n", s.Config.KeyFile)
	return nil
}

// RestoreCmd fills an empty database from an archive.
type RestoreCmd struct {
	localConfig
	Path string `arg:"" help:"Archive to read." type:"existingfile"`
}

// Run restores, also from SQLite into PostgreSQL and the other way.
func (c *RestoreCmd) Run(ctx context.Context, io cli.Streams) error {
	config, err := center.ReadConfig(c.Config)
	if err != nil {
		return err
	}
	if err := center.Restore(ctx, config, c.Path); err != nil {
		return err
	}
	fmt.Fprintln(io.Err, "Restored. Start Postern with the key file that belongs to this archive.")
	return nil
}
