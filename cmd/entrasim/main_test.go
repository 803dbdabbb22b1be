package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRun starts the program, reads its line, and stops it as a signal would.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	ca, state := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "state.json")
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := run(ctx, []string{"--json", "--users", "20", "--ca-file", ca, "--state", state, "--replication-delay", "2s"}, w, io.Discard)
		_ = w.Close() // a pipe's Close does not fail
		done <- err
	}()
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Graph, Authority string
		TenantID         string `json:"tenant_id"`
		ClientID         string `json:"client_id"`
		ClientSecret     string `json:"client_secret"`
		CAFile           string `json:"ca_file"`
		Users            []struct{ ID, UPN string }
	}
	if err := json.Unmarshal([]byte(line), &got); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(got.Graph, "https://localhost:") || got.Authority != got.Graph+"/" || got.TenantID == "" || got.ClientID == "" || got.ClientSecret == "" || got.CAFile != ca || len(got.Users) == 0 {
		t.Errorf("%s", line)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("stopping: %v", err)
	}
	for _, name := range []string{ca, state} {
		if info, err := os.Stat(name); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestHelpAndMistakes(t *testing.T) {
	var out strings.Builder
	if err := run(t.Context(), []string{"--help"}, &out, io.Discard); err != nil || !strings.Contains(out.String(), "--throttle-scale") {
		t.Errorf("%v %s", err, out.String())
	}
	if err := run(t.Context(), []string{"--no-such-flag"}, io.Discard, io.Discard); err == nil {
		t.Error("an unknown flag passes")
	}
	if err := run(t.Context(), []string{"--error-rate", "3"}, io.Discard, io.Discard); err == nil {
		t.Error("an impossible lever passes")
	}
}
