package entrasim

import (
	"path/filepath"
	"testing"
)

// BenchmarkSeed makes a tenant of 100,000 users.
func BenchmarkSeed(b *testing.B) {
	s := &Server{Users: -1}
	s.init()
	for b.Loop() {
		seedTenant(s, "big.example", 100_000, false)
	}
}

// BenchmarkSave writes the state of 100,000 users.
func BenchmarkSave(b *testing.B) {
	s := &Server{Users: 100_000}
	s.init()
	a := &certificateAuthority{}
	if err := a.make(); err != nil {
		b.Fatal(err)
	}
	name := filepath.Join(b.TempDir(), "state.json")
	for b.Loop() {
		if err := s.save(name, a); err != nil {
			b.Fatal(err)
		}
	}
}
