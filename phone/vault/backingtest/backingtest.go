// Package backingtest is the suite every [vault.Backing] has to pass.
package backingtest

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern/postern/phone/vault"
)

// Run runs the suite. Open gives an empty backing; reopen gives what is left of one after its process ended, or is nil
// for a backing that keeps nothing.
func Run(t *testing.T, open func(*testing.T) vault.Backing, reopen func(*testing.T, vault.Backing) vault.Backing) {
	t.Run("versions", func(t *testing.T) { testVersions(t, open(t)) })
	t.Run("all or none", func(t *testing.T) { testAllOrNone(t, open(t)) })
	t.Run("deleted", func(t *testing.T) { testDeleted(t, open(t)) })
	t.Run("copies", func(t *testing.T) { testCopies(t, open(t)) })
	if reopen != nil {
		t.Run("durable", func(t *testing.T) { testDurable(t, open(t), reopen) })
	}
}

func replace(t *testing.T, b vault.Backing, changes ...vault.Change) {
	t.Helper()
	if err := b.Replace(t.Context(), changes...); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, b vault.Backing, names ...string) map[string]vault.Record {
	t.Helper()
	records, err := b.Read(t.Context(), names...)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

func want(t *testing.T, b vault.Backing, content map[string]string) map[string]vault.Record {
	t.Helper()
	records := read(t, b)
	got := map[string]string{}
	for name, r := range records {
		got[name] = string(r.Data)
		if r.Version == 0 {
			t.Errorf("%s has version 0", name)
		}
	}
	if diff := cmp.Diff(content, got); diff != "" {
		t.Errorf("content: %s", diff)
	}
	return records
}

func conflict(t *testing.T, b vault.Backing, changes ...vault.Change) {
	t.Helper()
	if err := b.Replace(t.Context(), changes...); !errors.Is(err, vault.ErrConflict) {
		t.Errorf("Replace = %v, want ErrConflict", err)
	}
}

func testVersions(t *testing.T, b vault.Backing) {
	want(t, b, map[string]string{})
	replace(t, b, vault.Change{Name: "a", Data: []byte("1")}, vault.Change{Name: "b", Data: []byte("2")})
	first := want(t, b, map[string]string{"a": "1", "b": "2"})
	if got := read(t, b, "b", "none"); len(got) != 1 || string(got["b"].Data) != "2" {
		t.Errorf("Read of two names = %v", got)
	}
	replace(t, b, vault.Change{Name: "a", From: first["a"].Version, Data: []byte("3")})
	second := want(t, b, map[string]string{"a": "3", "b": "2"})
	if second["a"].Version == first["a"].Version || second["b"].Version != first["b"].Version {
		t.Errorf("versions went from %v to %v", first, second)
	}
	conflict(t, b, vault.Change{Name: "a", From: first["a"].Version, Data: []byte("4")})
	conflict(t, b, vault.Change{Name: "a", Data: []byte("4")})
	conflict(t, b, vault.Change{Name: "none", From: first["a"].Version, Data: []byte("4")})
	want(t, b, map[string]string{"a": "3", "b": "2"})
}

func testAllOrNone(t *testing.T, b vault.Backing) {
	replace(t, b, vault.Change{Name: "a", Data: []byte("1")})
	v := read(t, b)["a"].Version
	conflict(t, b, vault.Change{Name: "c", Data: []byte("2")}, vault.Change{Name: "a", From: v + 1, Data: []byte("2")})
	conflict(t, b, vault.Change{Name: "a", From: v}, vault.Change{Name: "b", From: v})
	want(t, b, map[string]string{"a": "1"})
}

// testDeleted: whoever still holds a version of a deleted record must not overwrite the next one.
func testDeleted(t *testing.T, b vault.Backing) {
	replace(t, b, vault.Change{Name: "a", Data: []byte("1")})
	old := read(t, b)["a"].Version
	replace(t, b, vault.Change{Name: "a", From: old})
	want(t, b, map[string]string{})
	replace(t, b, vault.Change{Name: "a", Data: []byte("2")})
	conflict(t, b, vault.Change{Name: "a", From: old, Data: []byte("3")})
	want(t, b, map[string]string{"a": "2"})
}

func testCopies(t *testing.T, b vault.Backing) {
	data := []byte("1")
	replace(t, b, vault.Change{Name: "a", Data: data})
	data[0] = 'x'
	read(t, b)["a"].Data[0] = 'y'
	read(t, b, "a")["a"].Data[0] = 'z'
	want(t, b, map[string]string{"a": "1"})
}

func testDurable(t *testing.T, b vault.Backing, reopen func(*testing.T, vault.Backing) vault.Backing) {
	replace(t, b, vault.Change{Name: "a", Data: []byte("1")}, vault.Change{Name: "b", Data: []byte("2")})
	before := read(t, b)
	replace(t, b, vault.Change{Name: "b", From: before["b"].Version})
	b = reopen(t, b)
	after := want(t, b, map[string]string{"a": "1"})
	if after["a"].Version != before["a"].Version {
		t.Errorf("version %d became %d", before["a"].Version, after["a"].Version)
	}
	replace(t, b, vault.Change{Name: "b", Data: []byte("3")})
	conflict(t, b, vault.Change{Name: "b", From: before["b"].Version, Data: []byte("4")})
}
