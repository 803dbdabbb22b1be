package hand

import (
	"regexp"
	"testing"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/browser"
)

// TestHand tells the story from the administrator's one-time link to a passkey that was taken away.
func TestHand(t *testing.T) {
	w := newWorld(t)
	upn := w.demo.Users[0].UPN
	var invitation string

	w.step("console: the owner connects the tenant", w.connect)
	w.step("console: a user is invited", func() { invitation = w.invite(upn) })
	w.step("phone: the link of the invitation enrols it, behind its biometric", func() { w.enrol(w.phone, invitation, "Pixel 9") })
	w.step("phone: the organisation's offer becomes a passkey", func() { w.provision(upn) })
	w.step("workstation: the extension is connected", w.connectExtension)
	w.step("phone and workstation: paired by scanning, with the same digits", w.pairByScanning)

	w.step("sign-in at Microsoft's page with the phone", func() { w.signIn(upn) })
	w.step("a sign-in that is denied on the phone", w.deny)
	w.step("a sign-in that is cancelled at the workstation", w.cancel)
	w.step("a sign-in that nobody answers in time", w.timeOut)
	w.step("DISABLED: nothing is asked, both sides say why, and ENABLED mends it", w.disable)
	w.step("a domain that is not accepted", w.restrict)

	w.step("a second phone registers itself at Security info", w.selfService)
	w.step("the organisation removes the passkey: the phone says so", func() { w.remove(upn) })
	w.step("the app checks itself", w.diagnose)
	w.step("nothing was wrong in any page", func() {
		for _, p := range []*browser.Tab{w.console, w.phone.Tab, w.extension} {
			for _, wrong := range p.Wrong() {
				t.Error(wrong)
			}
		}
		if t.Failed() {
			t.FailNow()
		}
	})
}

// connect makes the first administrator and adds the tenant.
func (w *world) connect() {
	b := w.console
	b.Watch()
	b.Open(w.demo.SignInLink)
	b.Type("name", "Ada Lovelace")
	b.Press("Make the passkey")
	b.See("Add New Integrations")
	b.Open(w.demo.Console + "/integrations/new/settings")
	b.Type("application_name", "Contoso")
	b.Type("tenant_id", w.demo.TenantID)
	b.Type("client_id", w.demo.ClientID)
	b.Type("client_secret", w.demo.ClientSecret)
	b.Press("Add Integration")
	b.See("Integration Added!")
	b.Press("Maybe Later")
	b.Gone("Maybe Later") // what is under way would take the place of what is opened
	b.Open(w.page("/enable"))
	b.Press("Enable the integration")
	b.See("ENABLED")
}

// page is the address of a page of the integration in the console.
func (w *world) page(path string) string {
	w.Helper()
	return w.demo.Console + "/integrations/" + string(w.integration().ID) + path
}

// invite invites a user in the console and gives the link that the invitation shows.
func (w *world) invite(upn string) string {
	b := w.console
	b.Open(w.page("/invite"))
	b.Type("user", upn)
	b.Press("Invite")
	b.See("One-time code")
	b.Screenshot("hand/console-invitation")
	link := regexp.MustCompile(`http://localhost:\d+/app/#i=[0-9A-Z-]+`).FindString(b.Text("body"))
	if link == "" {
		w.Fatalf("no link to the app in %q", b.Text("body"))
	}
	return link
}

// enrol is the first start of a phone, from the link of an invitation.
func (w *world) enrol(p *phone, link, name string) {
	p.Open(link)
	p.See("Set up this phone")
	p.shot("01-first-start")
	p.Fill("name", name)
	p.shot("02-set-up")
	p.Press("Set up")
	p.Gone("Set up this phone")
}

// provision accepts the passkey that the organisation offers.
func (w *world) provision(upn string) {
	w.phone.See("A passkey for you")
	w.phone.shot("03-offer")
	w.phone.Press("Accept")
	w.phone.See("Passkey ready")
	w.phone.shot("04-passkey-ready")
	w.phone.Press("Done")
	w.phone.See("My Security Keys")
	w.phone.See(upn)
	w.phone.See("Ready")
	w.console.Press("Done")
	w.console.See("The user can sign in with Pixel 9.")
}

// connectExtension makes the workstation's browser known.
func (w *world) connectExtension() {
	w.extension.Watch()
	w.extension.Open("chrome-extension://" + extensionID + "/page.html")
	w.extension.Size("light", 560, 640)
	w.extension.See("Connect this browser")
	w.extension.Set("#server", w.demo.Console)
	w.extension.Screenshot("hand/extension-01-connect")
	w.extension.Press("Connect")
	w.extension.See("No phone is paired yet.")
}

// pairByScanning holds the phone's camera before the code that the extension shows.
func (w *world) pairByScanning() {
	w.extension.Press("Pair a phone")
	w.extension.Shown("#qr path")
	w.extension.Screenshot("hand/extension-02-code")
	w.extension.ShowCamera("#qr", w.phone.camera)
	w.phone.Press("Connect a computer")
	w.phone.See("Same digits?")
	w.phone.shot("05-digits")
	w.same(w.phone)
	w.phone.See("My Computers")
	w.phone.See("Connected")
	w.phone.shot("07-home")
}

// same compares the digits of a pairing, says that they are the same, and sees it through.
func (w *world) same(p *phone) {
	w.extension.Shown("#digits")
	here, there := digits(w.extension.Text("#digits")), p.digits()
	if here == "" || here != there {
		w.Fatalf("the workstation shows %q, the phone %q", here, there)
	}
	w.extension.Screenshot("hand/extension-03-digits")
	p.Press("They are the same")
	w.extension.Press("Same digits")
	p.See("Computer connected")
	p.shot("06-connected")
	p.Press("Done")
	w.extension.See("can be used in this browser now")
	w.extension.Press("Done")
	w.extension.See("Ready:")
}

// digits are the digits of a text, without what stands around them.
func digits(text string) string {
	var out []rune
	for _, c := range text {
		if '0' <= c && c <= '9' {
			out = append(out, c)
		}
	}
	return string(out)
}

// integration is the one of this story, as it stands.
func (w *world) integration() postern.Integration {
	w.Helper()
	all, err := w.admin.Integrations(w.Context())
	if err != nil || len(all) != 1 {
		w.Fatalf("%d integrations, %v", len(all), err)
	}
	return all[0]
}
