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
	d, err := startDemo(dir, filepath.Join(dir, "demo"))
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
	b.See("Add New Integrations")
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
	b.Check("allow_low_assurance")
	b.Press("Add Integration")
	b.See("Integration Added!")
	b.Screenshot("story/04-integration-added")
	b.Press("Maybe Later")
	b.Press("Integration Settings")
	b.See("DISABLED")
	b.Press("Enable")
	b.See("From then on")
	b.Screenshot("story/05-enable")
	b.Press("Enable the integration")
	b.See("ENABLED")
	b.Press("Close")
	b.Screenshot("story/06-settings")

	// Invite somebody, and let a phone take the code.
	upn := d.Users[0].UPN
	b.Press("User Management")
	b.Press("Invite a user")
	b.Type("user", upn)
	b.Screenshot("story/07-invite")
	b.Press("Invite")
	b.See("One-time code")
	b.Screenshot("story/08-code")
	code := regexp.MustCompile(`[0-9A-Z]{4}(-[0-9A-Z]{4}){3}`).FindString(b.Text("body"))
	if code == "" {
		t.Fatalf("no code in %q", b.Text("body"))
	}
	b.Press("Done")
	runPhone := func(args ...string) ([]byte, error) {
		cmd := exec.Command(filepath.Join(programs, "postern-phone"), args...)
		cmd.Env = append(os.Environ(), "HOME="+dir, "POSTERN_PHONE_FILE="+filepath.Join(dir, "phone"))
		return cmd.CombinedOutput()
	}
	phone := func(args ...string) {
		t.Helper()
		if out, err := runPhone(args...); err != nil {
			t.Fatalf("postern-phone %v: %v\n%s", args, err, out)
		}
	}
	phone("enroll", "--server", d.Console, "--code", code, "--name", "Pixel 9")
	phone("provision", "--wait", "60s")

	// The page the invitation led to follows by itself.
	b.See("Pixel 9")
	b.See("8a208249-8aef-41b3-907f-776d51e6526f")
	b.See("The user can sign in with Pixel 9.")
	b.Screenshot("console-user")
	b.Look("dark", 1280)
	b.Screenshot("story/09-user-dark")
	b.Look("light", 390)
	b.Screenshot("story/10-user-phone")
	b.Look("light", 1280)

	// Entra accepts it at sign-in.
	signIn := []string{
		"sign-in", "--authority", d.Authority, "--tenant", d.TenantID, "--client-id", d.SignInClient, "--upn", upn, "--ca-file", d.CAFile,
	}
	phone(signIn...)

	// The trail tells of it.
	b.Open(d.Console + "/integrations")
	b.Press("Postern Passkeys")
	b.Press("Audit Trail")
	b.See("PRV005I")
	b.Screenshot("story/11-audit")

	// Take the passkey away: the page follows until Entra lists it no more, and sign-in is refused.
	b.Press("User Management")
	b.Press("Paired with Entra")
	b.See(upn)
	b.Follow(`a[href*="/users/"]`)
	b.See("Passkeys in Entra")
	b.Follow(`a[href*="/passkeys/"][href$="/revoke"]`)
	b.Press("Revoke passkey")
	b.See("Paired with Postern")
	b.Gone("8a208249-8aef-41b3-907f-776d51e6526f")
	b.See("has been revoked since")
	b.Screenshot("story/12-revoked")
	if out, err := runPhone(signIn...); err == nil {
		t.Errorf("a revoked passkey signs in:\n%s", out)
	}
}
