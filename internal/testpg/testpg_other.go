//go:build !unix

package testpg

import "testing"

// URL fails the test: PostgreSQL is only started on Unix.
func URL(t testing.TB) string {
	t.Helper()
	t.Fatal("testpg: starting PostgreSQL for a test works on Unix only")
	return ""
}
