package test

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/postern/postern"
	"github.com/postern/postern/entrasim"
	"github.com/postern/postern/internal/browser"
)

// guides is somebody who goes through the console in the order of the guides and takes the pictures that they show.
type guides struct {
	*page
	at    string // the integration in the console
	taken []string
}

const (
	guidesPassword         = "correct horse battery staple"
	aaguidAuthenticatorIOS = "90a3ccdf-635c-4729-a248-9b709135078f"
)

// guidesPeople have passkeys that others made, and one has none but a security key in a drawer.
func guidesPeople() entrasim.Population {
	made := time.Now().AddDate(0, -2, 0)
	key := func(aaguid, name string) []entrasim.PasskeySpec {
		return []entrasim.PasskeySpec{{AAGUID: aaguid, Name: name, Created: made, LastUsed: made.AddDate(0, 1, 0)}}
	}
	const android, yubikey = "de1e552d-db1d-4423-a619-566b625cdc84", "2fc0579f-8113-47ea-b116-bb5a8db9202a"
	return entrasim.Population{Users: []entrasim.UserSpec{
		{UPN: "grace.hopper", DisplayName: "Grace Hopper", Password: guidesPassword},
		{UPN: "alan.turing", DisplayName: "Alan Turing", Passkeys: key(android, "Authenticator on Galaxy S25")},
		{UPN: "katherine.johnson", DisplayName: "Katherine Johnson", Passkeys: key(aaguidAuthenticatorIOS, "Authenticator on iPhone")},
		{UPN: "edsger.dijkstra", DisplayName: "Edsger Dijkstra", Passkeys: key(yubikey, "Blue key")},
		{UPN: "barbara.liskov", DisplayName: "Barbara Liskov", Passkeys: key(aaguidAuthenticatorIOS, "Authenticator on iPhone 16")},
	}}
}

// TestGuides walks through the pages that the guides describe, and holds the guides to the pictures that it takes of them.
func TestGuides(t *testing.T) {
	g := &guides{page: newPage(t, "")}
	g.populate(guidesPeople())
	emulator, err := url.Parse(g.demo.Graph)
	if err != nil {
		t.Fatal(err)
	}
	// The emulated sign-in has a certificate of its own, and the pages of security info are part of the relying party.
	g.tab = browser.Open(t, chromedp.Flag("ignore-certificate-errors", true), chromedp.Flag("lang", "en-US"),
		chromedp.Flag("host-resolver-rules", "MAP login.microsoft.com:443 "+emulator.Host))
	g.tab.AddAuthenticator()
	g.tab.Look("light", 1280)
	g.administrator()
	g.helpDesk()
	g.otherPasskeys()
	g.securityKey()
	g.compare()
}

// shot takes the picture of that name, which a guide shows.
func (g *guides) shot(b *browser.Tab, name string) {
	g.t.Helper()
	b.Look("light", 1280)
	b.Screenshot("guides/" + name)
	g.taken = append(g.taken, name)
}

// to brings the part of the page below a heading into sight.
func (g *guides) to(b *browser.Tab, heading string) {
	g.t.Helper()
	b.Until("the heading "+heading, fmt.Sprintf(`(() => {
		const e = [...document.querySelectorAll("h1, h2, h3")].find((e) => e.innerText.trim().startsWith(%q));
		e?.scrollIntoView();
		return !!e;
	})()`, heading))
}

// administrator sets the tenant up with the wizard.
func (g *guides) administrator() {
	b := g.tab
	b.Open(g.demo.SignInLink)
	b.Type("name", "Ada Lovelace")
	b.Press("Make the passkey")
	b.Press("Add New Integrations")
	b.Press("Set up a tenant")
	b.See("What it can do exactly")
	b.Set(`[name="application_name"]`, "Contoso")
	b.Click(`[name="permission_set"][value="full"]`)
	b.Click(`[name="windows"][value="settings_catalog"]`)
	b.Press("Go on")
	b.Press("Sign in to look and to apply")
	b.Shown("#user-code")
	microsoft := b.Beside()
	microsoft.Open(browser.Evaluate[string](b, `document.querySelector(".sign-in-way a").href`))
	g.signIn(microsoft, g.demo.Administrator.UPN, g.demo.Administrator.Password)
	microsoft.Type("code", b.Text("#user-code"))
	microsoft.Press("Allow")
	b.See("would be done")
	g.to(b, "Apply this plan")
	g.shot(b, "administrator-plan")
	b.Press("Apply")
	b.See("every step was read back")
	g.shot(b, "administrator-ready")
	b.Press("Enable…")
	b.Press("Enable the integration")
	b.See("ENABLED")
	g.must("postern entra update --allow-low-assurance") // the phones below have no screen
	id, err := pick([]byte(g.must("postern entra list --json")), "items.0.id")
	if err != nil {
		g.t.Fatal(err)
	}
	g.at = g.demo.Console + "/integrations/" + id

	b.Open(g.at + "/enrolment")
	b.Click(`[name="proof"][value="approval"]`)
	b.Set("#default", string(postern.EnrolmentOptional))
	b.Press("Show the impact")
	b.See("What this would mean today")
	g.to(b, "What this would mean today")
	g.shot(b, "administrator-enrolment")
	b.Set("#default", string(postern.EnrolmentOff))
	b.Press("Save")
	b.See("The enrolment policy was saved.")
	b.Open(g.at + "/login")
	g.to(b, "Where it works")
	g.shot(b, "administrator-desktop")
	b.Open(g.at + "/workstation-settings")
	b.Click(`[name="offline.enabled"]`)
	g.to(b, "Offline Mode")
	g.shot(b, "administrator-workstation-settings")
}

// signIn signs in at the emulated tenant by name and password.
func (g *guides) signIn(b *browser.Tab, upn, password string) {
	b.Type("login_hint", upn)
	b.Press("Next")
	b.Type("passwd", password)
	b.Press("Sign in")
	b.See("Stay signed in?")
	b.Press("No")
}

// helpDesk sees somebody wait, vouches for the phone, and revokes it.
func (g *guides) helpDesk() {
	b, upn := g.tab, "alan.turing"+g.demo.Users[0].UPN[strings.Index(g.demo.Users[0].UPN, "@"):]
	phone := "POSTERN_PHONE_FILE=phone postern-phone "
	code := invitation.FindString(g.must("postern users invite " + upn))
	g.must(phone + "enroll --server " + g.demo.Console + " --name 'Pixel 9' --code " + code)
	g.person(upn)
	b.See("Pairing incomplete.")
	g.shot(b, "helpdesk-stuck")
	b.Open(g.at + "/enrolment")
	b.See("Waiting for approval")
	b.Follow(`a[href$="/approve"]`)
	b.See("How do you know?")
	g.shot(b, "helpdesk-approve")
	b.Type("reason", "Called back at the number on file")
	b.Press("Approve")
	b.See("The phone was approved.")
	g.must(phone + "provision --wait 60s")
	g.person(upn)
	b.See("The user can sign in with Pixel 9.")
	b.Follow(`a[href*="/phones/"][href$="/revoke"]`)
	b.See("Revoke Pixel 9?")
	g.shot(b, "helpdesk-revoke")
}

// person opens the page of the one person who was invited.
func (g *guides) person(upn string) {
	g.tab.Open(g.at)
	g.tab.See(upn)
	g.tab.Follow(`a[href*="/users/"]`)
}

// otherPasskeys shows what Microsoft's own app keeps.
func (g *guides) otherPasskeys() {
	b := g.tab
	b.Open(g.at + "/inventory")
	b.Until("a reading of the passkeys", `(() => { // it may have begun by itself
		document.querySelector('#inventory button[name="full"].primary')?.click();
		return document.body.innerText.includes("Passkeys and whose they are");
	})()`)
	b.See("Microsoft Authenticator for iOS")
	b.Open(g.at + "/inventory?aaguid=" + aaguidAuthenticatorIOS)
	g.to(b, "Passkeys and whose they are")
	g.shot(b, "authenticator-inventory")
	b.Open(g.at + "/policy/strengths/new")
	b.Type("name", "Passkey in Authenticator")
	b.Until("choosing the bundle", `(() => {
		const list = document.querySelector("#bundle-0");
		const app = [...list?.options ?? []].find((e) => e.text.startsWith("Microsoft Authenticator"));
		if (app) list.value = app.value;
		return Boolean(app);
	})()`)
	b.Click(`button[value="bundle:0"]`)
	b.See("Microsoft Authenticator for iOS")
	g.shot(b, "authenticator-strength")
}

// securityKey registers a key at the emulator's page of security info.
func (g *guides) securityKey() {
	b := g.tab.Beside()
	b.AddSecurityKey()
	b.Look("light", 1280)
	b.Open("https://login.microsoft.com/mysecurityinfo")
	g.signIn(b, "grace.hopper"+g.demo.Users[0].UPN[strings.Index(g.demo.Users[0].UPN, "@"):], guidesPassword)
	b.Press("Add a passkey")
	b.Type("name", "Blue key, in my drawer")
	g.shot(b, "hardware-keys-name")
	b.Press("Continue")
	b.See("was added")
	g.shot(b, "hardware-keys-added")
}

// compare holds the guides to the pictures: each that was taken is kept and shown, and each of these that is shown was taken.
func (g *guides) compare() {
	shown := map[string]bool{}
	pages, err := filepath.Glob("../docs/*.md")
	if err != nil {
		g.t.Fatal(err)
	}
	picture := regexp.MustCompile(`\(images/((?:administrator|helpdesk|authenticator|hardware-keys)-[a-z-]+)\.png\)`)
	for _, name := range pages {
		text, err := os.ReadFile(name)
		if err != nil {
			g.t.Fatal(err)
		}
		for _, m := range picture.FindAllSubmatch(text, -1) {
			shown[string(m[1])] = true
			if !slices.Contains(g.taken, string(m[1])) {
				g.t.Errorf("%s shows %s.png, which nobody took", name, m[1])
			}
		}
	}
	for _, name := range g.taken {
		if !shown[name] {
			g.t.Errorf("no guide shows %s.png", name)
		}
		if _, err := os.Stat("../docs/images/" + name + ".png"); err != nil {
			g.t.Error(err)
		}
	}
}
