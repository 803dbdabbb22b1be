package test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/postern/postern/internal/browser"
)

// TestPolicyExample does what docs/policy-example.md says.
func TestPolicyExample(t *testing.T) {
	p := newPage(t, "../docs/policy-example.md")
	p.populate(examplePopulation())
	if err := os.WriteFile(filepath.Join(p.dir, "secret"), []byte(p.demo.ClientSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	p.must("postern entra add Contoso --tenant-id " + p.demo.TenantID + " --client-id " + p.demo.ClientID + " --client-secret-file secret")
	p.must("postern entra enable")
	id, err := pick([]byte(p.must("postern entra list --json")), "items.0.id")
	if err != nil {
		t.Fatal(err)
	}
	p.tab = browser.Open(t)
	p.tab.AddAuthenticator()
	p.tab.Open(p.demo.SignInLink)
	p.tab.Type("name", "Ada Lovelace")
	p.tab.Press("Make the passkey")
	p.tab.See("Contoso")
	base := p.demo.Console + "/integrations/" + id

	p.meanwhile = map[string]func(){"register": func() { p.populate(exampleMoved()) }}
	p.picture = func(name string) {
		b, last := p.tab, ""
		if plans := p.names["pol"]; len(plans) > 0 {
			last = base + "/policy/plans/" + plans[len(plans)-1]
		}
		switch name {
		case "policy-inventory":
			b.Open(base + "/inventory")
			b.See("40 models")
		case "policy-plan":
			b.Open(last)
			b.See("would be locked out")
		case "policy-applied":
			b.Open(last)
			b.See("Every step was read back as it was written.")
		case "policy-three":
			b.Open(base + "/policy")
			b.See("Microsoft Authenticator for iOS")
			browser.Evaluate[bool](b, `([...document.querySelectorAll("h3, h4")].find(e => e.textContent.trim() === "Passkey profiles").scrollIntoView(), true)`)
		default:
			t.Fatalf("nobody knows the picture %q", name)
		}
	}
	p.walk()
}
