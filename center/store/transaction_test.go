package store_test

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/postern/postern"
	"github.com/postern/postern/center/store"
)

func TestOpenRefusesWhatItDoesNotKnow(t *testing.T) {
	for _, bad := range []string{"", "mysql://root:hunter2@host/db", "sqlite:", "sqlite::memory:", "/tmp/x.db"} {
		s, err := store.Open(t.Context(), bad, store.Options{})
		if err == nil {
			_ = s.Close()
			t.Errorf("%q was opened", bad)
			continue
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
}

func TestSQLitePathsWithSpecialLetters(t *testing.T) {
	for _, name := range []string{"with space.db", "per%cent.db", "question?.db", "hash#.db", "sub/folder/ü.db"} {
		path := filepath.Join(t.TempDir(), name)
		for _, form := range []string{"sqlite:" + path, "sqlite://" + path} {
			s := open(t, form)
			if err := s.SetSetting(t.Context(), "a", []byte(form)); err != nil {
				t.Fatal(err)
			}
			var file string
			if err := s.DB().QueryRow("SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&file); err != nil || file != path {
				t.Errorf("%s lies in %q, %v", form, file, err)
			}
		}
	}
}

func TestSQLiteIsSetUpAsDocumented(t *testing.T) {
	s := open(t, sqliteURL(t))
	for pragma, want := range map[string]string{"journal_mode": "wal", "foreign_keys": "1", "synchronous": "2", "busy_timeout": "10000"} {
		var got string
		if err := s.DB().QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %s, %v; want %s", pragma, got, err, want)
		}
	}
}

// TestMigrateTogether has several programs start on one PostgreSQL at once.
func TestMigrateTogether(t *testing.T) {
	url := dialects["postgres"](t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			s, err := store.Open(t.Context(), url, store.Options{Connections: 4})
			if err != nil {
				t.Error(err)
				return
			}
			if err := errors.Join(s.Migrate(t.Context()), s.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	s := open(t, url) // which migrates once more
	if err := s.SetSetting(t.Context(), "a", nil); err != nil {
		t.Fatal(err)
	}
}

// TestABusyDatabaseSaysSo holds SQLite's file by a connection of another program.
func TestABusyDatabaseSaysSo(t *testing.T) {
	address := sqliteURL(t)
	s := open(t, address)
	other, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: strings.TrimPrefix(address, "sqlite:")}).String())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	conn, err := other.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.DB().Exec("PRAGMA busy_timeout = 1"); err != nil { // the one connection of the writer
		t.Fatal(err)
	}
	err = s.SetSetting(t.Context(), "a", []byte("x"))
	if !postern.IsCode(err, postern.CodeUnavailable) {
		t.Fatalf("answer %v", err)
	}
	if _, err := s.Setting(t.Context(), "a"); err != nil {
		t.Errorf("a reader is held up by a writer: %v", err)
	}
	if _, err := conn.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := s.SetSetting(t.Context(), "a", []byte("x")); err != nil {
		t.Fatal(err)
	}
}

// TestTransactionsEndWithTheirContext cancels in the middle; nothing is left, and the database is free.
func TestTransactionsEndWithTheirContext(t *testing.T) {
	for dialect, url := range dialects {
		t.Run(dialect, func(t *testing.T) {
			s := open(t, url(t))
			ctx, cancel := context.WithCancel(t.Context())
			err := s.Atomically(ctx, func(ctx context.Context) error {
				if err := s.SetSetting(ctx, "a", []byte("x")); err != nil {
					return err
				}
				cancel()
				return s.SetSetting(ctx, "b", []byte("x"))
			})
			if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			for _, name := range []string{"a", "b"} {
				if v, err := s.Setting(t.Context(), name); v != nil || err != nil {
					t.Errorf("%s is %q, %v", name, v, err)
				}
			}
			if err := s.SetSetting(t.Context(), "a", []byte("y")); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func BenchmarkAtomically(b *testing.B) {
	for dialect, url := range dialects {
		s := open(b, url(b))
		one := func(ctx context.Context) error { return s.SetSetting(ctx, "a", []byte("x")) }
		b.Run(dialect+"/empty", func(b *testing.B) {
			for b.Loop() {
				if err := s.Atomically(b.Context(), func(context.Context) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(dialect+"/one write", func(b *testing.B) {
			for b.Loop() {
				if err := s.Atomically(b.Context(), one); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(dialect+"/one write nested", func(b *testing.B) {
			for b.Loop() {
				if err := s.Atomically(b.Context(), func(ctx context.Context) error { return s.Atomically(ctx, one) }); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(dialect+"/one read", func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Setting(b.Context(), "a"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
