package test

import (
	"regexp"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/postern/postern/internal/browser"
)

var (
	signInAt   = regexp.MustCompile(`opens (https://\S+)\nand types the code ([A-Z0-9]+)`)
	invitation = regexp.MustCompile(`(?m)^[0-9A-Z]{4}(-[0-9A-Z]{4}){3}$`)
)

// TestQuickstart does what docs/quickstart.md says, from nothing to a first passkey.
func TestQuickstart(t *testing.T) {
	p := newPage(t, "../docs/quickstart.md")
	// The emulated tenant's sign-in page has a certificate of its own.
	p.tab = browser.Open(t, chromedp.Flag("ignore-certificate-errors", true))
	p.tab.AddAuthenticator()
	p.tab.Open(p.demo.SignInLink)
	p.tab.Type("name", "Ada Lovelace")
	p.tab.Press("Make the passkey")
	p.tab.See("Integrations")

	p.beside = map[string]func(string) bool{"the administrator signs in": func(printed string) bool {
		at := signInAt.FindStringSubmatch(printed)
		if at == nil {
			return false
		}
		b := p.tab.Beside()
		b.Open(at[1])
		b.Type("login_hint", p.demo.Administrator.UPN)
		b.Press("Next")
		b.Type("passwd", p.demo.Administrator.Password)
		b.Press("Sign in")
		b.See("Stay signed in?")
		b.Press("No")
		b.Type("code", at[2])
		b.Press("Allow")
		return true
	}}
	p.typed = map[string]func() string{"the code is typed": func() string { return invitation.FindString(p.printed) + "\n" }}
	id := func() string {
		t.Helper()
		id, err := pick([]byte(p.must("postern entra list --json")), "items.0.id")
		if err != nil {
			t.Fatal(err)
		}
		return p.demo.Console + "/integrations/" + id
	}
	p.picture = func(name string) {
		switch b := p.tab; name {
		case "quickstart-doctor":
			b.Open(id() + "/doctor")
			b.See("Good to know")
		case "quickstart-invited":
			b.Open(id())
			b.See(p.demo.Users[0].UPN)
		case "quickstart-active":
			b.Open(id())
			b.Follow(`a[href^="/users/"]`)
			b.See("Postern Passkeys")
		default:
			t.Fatalf("nobody knows the picture %q", name)
		}
	}
	p.walk()
	if p.done < 10 {
		t.Errorf("the page has %d commands", p.done)
	}
}
