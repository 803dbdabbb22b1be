package store_test

import (
	"path/filepath"
	"testing"

	"github.com/postern/postern/center/store"
	"github.com/postern/postern/center/store/conformance"
	"github.com/postern/postern/internal/testpg"
)

func sqliteURL(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "postern.db") }

// dialects make the URL of a fresh database of each kind.
var dialects = map[string]func(t testing.TB) string{"sqlite": sqliteURL, "postgres": testpg.URL}

func open(t testing.TB, url string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	for dialect, url := range dialects {
		t.Run(dialect, func(t *testing.T) {
			conformance.Run(t, func(t *testing.T) *store.Store { return open(t, url(t)) })
		})
	}
}
