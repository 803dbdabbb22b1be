package store_test

import (
	"path/filepath"
	"testing"

	"github.com/postern/postern/center/store"
)

func openSQLite(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "postern.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestMigrateTwice(t *testing.T) {
	s := openSQLite(t)
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.SetSetting(t.Context(), "a", []byte("b")); err != nil {
		t.Fatal(err)
	}
	v, err := s.Setting(t.Context(), "a")
	if err != nil || string(v) != "b" {
		t.Fatalf("%q %v", v, err)
	}
}
