//go:build !unix

package testnats

import (
	"errors"
	"testing"
)

// Server is a NATS server, which is only started on Unix.
type Server struct{}

// Start fails the test.
func Start(t testing.TB, _ string) *Server {
	t.Helper()
	t.Fatal("testnats: starting NATS for a test works on Unix only")
	return nil
}

// Address is empty.
func (s *Server) Address() string { return "" }

// URL is empty.
func (s *Server) URL() string { return "" }

// Run fails.
func (s *Server) Run() error {
	return errors.New("testnats: starting NATS for a test works on Unix only")
}

// Stop has nothing to do.
func (s *Server) Stop() error { return nil }
