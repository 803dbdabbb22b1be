package web_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/browser"
)

// TestFirstDay is what the first administrator does in a browser, with a real passkey: opens the one-time link, makes
// the passkey, connects the tenant, enables it, restricts domains, invites somebody by name, signs out and in again.
func TestFirstDay(t *testing.T) {
	w := newWorld(t)
	link, err := w.Auth.SetupLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b := browser.Open(t)
	b.Watch()
	b.AddAuthenticator()
	b.Look("light", 1280)

	b.Open(link)
	b.See("You are invited as Owner.")
	if hash := browser.Evaluate[string](b, `location.hash`); hash != "" {
		t.Errorf("the code stays in the address bar: %q", hash)
	}
	b.Type("name", "Ada Lovelace")
	b.Press("Make the passkey")
	b.See("No tenant is connected yet")

	// The way to the form, and a mistake in it: the cursor is where the mistake is, and what was typed is kept.
	b.Press("Add New Integrations")
	b.Press("Connect with an application you already have")
	b.Press("Next")
	b.Type("application_name", "Contoso: Keys")
	b.Type("tenant_id", w.tenant.TenantID)
	b.Type("client_id", w.tenant.ClientID)
	b.Type("client_secret", w.tenant.ClientSecret)
	b.Press("Add Integration")
	b.See("which is not accepted")
	settle(b)
	if focus := browser.Evaluate[string](b, `document.activeElement.id`); focus != "application_name" {
		t.Errorf("the cursor is in %q", focus)
	}
	if kept := browser.Evaluate[string](b, `document.getElementById("client_secret").value + document.getElementById("tenant_id").value`); kept != w.tenant.TenantID {
		t.Errorf("secret and tenant came back as %q", kept)
	}
	b.Do(chromedp.SetValue(`[name="application_name"]`, "Contoso Keys"))
	b.Type("client_secret", w.tenant.ClientSecret)

	// The check leaves the form as it is, the secret included.
	settle(b)
	b.Press("Test Connection")
	b.See("The connection works.")
	if browser.Evaluate[string](b, `document.getElementById("client_secret").value`) != w.tenant.ClientSecret {
		t.Error("the check emptied the form")
	}
	checkAxe(t, b, "form with the report")
	b.Press("Add Integration")
	b.See("Integration Added!")
	checkAxe(t, b, "popup")
	b.Press("Maybe Later")
	if browser.Evaluate[bool](b, `document.querySelector("dialog[open]") !== null || location.search !== ""`) {
		t.Error("the popup is still there, or comes back after a reload")
	}

	// Enable: the confirmation is a dialog, Escape closes it, and focus returns to where it came from.
	b.Press("Integration Settings")
	b.See("This integration is disabled.")
	settle(b)
	b.Press("Enable")
	b.See("Enable Contoso Keys?")
	checkAxe(t, b, "confirmation")
	b.Do(chromedp.KeyEvent("\x1b"))
	if focus := browser.Evaluate[string](b, `document.activeElement.textContent.trim()`); focus != "Enable" {
		t.Errorf("after Escape the focus is on %q", focus)
	}
	b.Press("Enable")
	b.Press("Enable the integration")
	b.See("Contoso Keys is enabled")
	if browser.Evaluate[bool](b, `document.querySelector("canvas") !== null`) {
		t.Error("confetti flies although reduced motion is asked for")
	}
	b.Press("Close")

	// Domains by the keyboard alone.
	b.Press("Login Settings")
	b.See("Additional")
	settle(b)
	b.Check("restrict_domains")
	b.Do(chromedp.SendKeys(`li:last-child > [name="domain"]`, w.tenant.Domain+"\r"))
	b.Do(chromedp.KeyEvent("fabrikam.com"), chromedp.KeyEvent("\t"))
	if n := browser.Evaluate[int](b, `document.querySelectorAll("[name=domain]").length`); n != 3 {
		t.Errorf("after Enter and Tab there are %d domain fields, not 3", n)
	}
	b.Press("Save")
	b.See("Restrict Domains saved successfully")
	checkAxe(t, b, "domains")

	// Invite by typing a part of the name.
	b.Press("User Management")
	b.See("Nobody is invited yet")
	settle(b)
	b.Press("Invite a user")
	someone := w.tenant.Users[1]
	b.Type("user", someone.UPN[:6])
	b.See(someone.UPN)
	checkAxe(t, b, "search in the dialog")
	browser.Evaluate[chromedp.Void](b, `document.querySelector('[name=pick][value="`+someone.ID+`"]').click()`)
	b.Press("Invite")
	b.See("One-time code")
	code := oneTimeCode.FindString(b.Text("dialog"))
	checkAxe(t, b, "one-time code")
	if _, err := w.Users.Verify(t.Context(), code); err != nil {
		t.Errorf("the code %q is not one: %v", code, err)
	}
	b.Press("Done")
	b.See("Waiting for the user to pair a phone")
	users, err := w.Users.Invitations(t.Context(), userOf(browser.Evaluate[string](b, `location.pathname`)))
	if err != nil || len(users) != 1 {
		t.Fatalf("invitations: %v, %v", users, err)
	}
	// The page follows by itself, whoever changes something.
	if err := w.Users.Withdraw(t.Context(), users[0].ID); err != nil {
		t.Fatal(err)
	}
	b.See("withdrawn")
	for _, wrong := range b.Wrong() {
		t.Error(wrong)
	}

	b.Press("Sign out")
	b.See("You are signed out.")
	b.Press("Sign in with a passkey")
	b.See("Contoso Keys")
	b.Press("About")
	b.See("Licences")
	settle(b)
	b.Press("Verify the audit trail")
	b.See("The audit trail is intact.")
	for _, wrong := range b.Wrong() {
		t.Error(wrong)
	}
}

// settle waits until the page is drawn and its scripts are at work; before that links and forms behave as without them.
func settle(b *browser.Tab) {
	browser.Evaluate[bool](b, `new Promise((done) => {
		const frames = () => requestAnimationFrame(() => requestAnimationFrame(() => done(true)));
		if (document.readyState === "complete") frames(); else addEventListener("load", frames);
	})`)
}

func userOf(path string) postern.UserID {
	return postern.UserID(strings.TrimPrefix(path, "/users/"))
}
