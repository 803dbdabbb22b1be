package test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/postern/postern/internal/testport"
)

// demonstration is a running `postern demo` and what it printed.
type demonstration struct {
	*process
	Console, API, Token string
	SignInLink          string      `json:"sign_in_link"`
	Minimal             application `json:"minimal_app"`
	Administrator       struct{ UPN, Password string }
	Emulator            struct {
		Legacy         application
		ServiceAccount struct{ UPN, Password string } `json:"service_account"`
	}
	emulated
}

// emulated is what `entrasim --json` prints, and `postern demo --json` among other things.
type emulated struct {
	Graph, Authority string
	TenantID         string `json:"tenant_id"`
	ClientID         string `json:"client_id"`
	ClientSecret     string `json:"client_secret"`
	CAFile           string `json:"ca_file"`
	SignInClient     string `json:"sign_in_client_id"`
	Users            []struct{ ID, UPN string }
}

type application struct {
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
}

// startDemo starts the program as built and waits until it is ready.
func startDemo(dir, data string, args ...string) (*demonstration, error) {
	all := append([]string{"demo", "--json", "--data", data}, args...)
	if _, err := os.Stat(data); err != nil {
		for _, flag := range []string{"--listen", "--tenant"} { // addresses that nobody takes while it is between two starts
			address, err := testport.Reserve(context.Background(), "tcp")
			if err != nil {
				return nil, err
			}
			all = append(all, flag, address)
		}
	}
	p, err := startProcess(dir, nil, "postern", all...)
	if err != nil {
		return nil, err
	}
	d := &demonstration{process: p}
	text, err := p.line()
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(text), d); err != nil {
		return nil, errors.Join(fmt.Errorf("postern demo printed %q: %w", text, err), p.end(syscall.SIGTERM))
	}
	return d, nil
}
