package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"

	"github.com/postern/postern/internal/browser"
)

// TestConsole walks the whole way as an identity administrator does: from the one-time link to a user whose passkey
// Entra lists, and takes it away again.
func TestConsole(t *testing.T) {
	dir := t.TempDir()
	d, err := startDemo(filepath.Join(dir, "demo"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.end(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
	})
	b := browser.Open(t)
	b.AddAuthenticator()

	// The first administrator.
	b.Open(d.SignInLink)
	b.Type("name", "Ada Lovelace")
	b.Screenshot("story/01-welcome")
	b.Press("Make the passkey")
	b.See("No integration yet")
	b.Screenshot("story/02-integrations-empty")

	// A wrong secret is refused at its field, and what was typed stays.
	b.Open(d.Console + "/integrations/new/settings")
	b.Type("application_name", "Postern Passkeys")
	b.Type("tenant_id", d.TenantID)
	b.Type("client_id", d.ClientID)
	b.Type("client_secret", "not the secret")
	b.Press("Add Integration")
	b.See("client secret is wrong")
	b.Screenshot("story/03-wrong-secret")

	// The right one connects the tenant.
	b.Type("client_secret", d.ClientSecret)
	b.Press("Add Integration")
	b.See("Integration Added!")
	b.Screenshot("story/04-integration-added")
	b.Press("Maybe Later")
	b.Press("Integration Settings")
	b.See("DISABLED")
	b.Screenshot("story/05-settings")
}
