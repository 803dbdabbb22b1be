package hand

import (
	"fmt"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/browser"
)

// toPasskey goes to where Microsoft's pages ask for a passkey of that user, or with "" of whoever has one.
func (w *world) toPasskey(upn string) {
	w.site.Open(rpOrigin + "/mysecurityinfo")
	if upn != "" {
		w.site.Set("#login_hint", upn)
		w.site.Click("button.primary")
		w.site.See(upn) // the page before has the same button
	}
	w.site.Click("#fido button")
	w.site.See("Your browser will ask for your passkey.")
}

// ask has the page that asked for a passkey before ask again, in its own time, and leaves what comes of it in window.outcome: the
// name of an error, or "signed".
func (w *world) ask(milliseconds int) {
	browser.Evaluate[bool](w.site, fmt.Sprintf(`(() => {
		window.outcome = "";
		navigator.credentials.get({ publicKey: {
			challenge: crypto.getRandomValues(new Uint8Array(32)), rpId: "login.microsoft.com", userVerification: "required", timeout: %d,
		} }).then(() => { outcome = "signed"; }, (e) => { outcome = e.name; });
		return true;
	})()`, milliseconds))
}

// answered waits for what came of it.
func (w *world) answered(want string) {
	w.Helper()
	w.site.Until("an answer for the page", `window.outcome !== ""`)
	if got := browser.Evaluate[string](w.site, "window.outcome"); got != want {
		w.Fatalf("the page was told %q, want %q", got, want)
	}
}

// approval waits until the phone asks and gives the window of the extension, whose digits are the phone's.
func (w *world) approval(p *phone, asks string) *browser.Tab {
	w.Helper()
	p.on(asks)
	window := w.extension.Find("request.html")
	window.See("Look at your phone")
	window.Shown("#digits")
	here := digits(window.Text("#digits"))
	there := p.digits()
	if here == "" || here != there {
		w.Fatalf("the workstation shows %q, the phone %q: %q", here, there, p.Text("body"))
	}
	return window
}

// signIn walks through Microsoft's pages as a person does.
func (w *world) signIn(upn string) {
	b := w.site
	w.toPasskey(upn)
	window := w.approval(w.phone, "Sign in?")
	w.phone.shot("08-approve")
	window.Size("light", 380, 520) // as it opens where there is a screen
	window.Screenshot("hand/extension-04-look-at-your-phone")
	w.phone.Look("dark", 390)
	w.phone.shot("09-approve-dark")
	w.phone.Look("light", 390)
	w.phone.stopwatch()
	w.phone.Press("Accept")
	b.See("Stay signed in?")
	w.tellTimes()
	b.Click("button[value='3']")
	b.See("Security info")
	b.Screenshot("hand/site-01-signed-in")
	b.Click(".bar button")
	b.See("You signed out")
}

// over is what Microsoft's page says where no passkey came.
const over = "The request was cancelled or took too long."

// deny asks without a name, so that the phone says who signs in.
func (w *world) deny() {
	w.toPasskey("")
	w.approval(w.phone, "Sign in?")
	w.phone.Press("Deny")
	w.site.See(over)
	w.site.Screenshot("hand/site-02-denied")
	w.phone.on("Contoso")
}

func (w *world) cancel() {
	w.site.Click("#retry")
	window := w.approval(w.phone, "Sign in?")
	window.Press("Cancel")
	w.site.See(over)
	w.phone.on("Contoso")
}

func (w *world) timeOut() {
	w.ask(hasty)
	w.approval(w.phone, "Sign in?")
	w.phone.shot("09-countdown")
	w.answered("NotAllowedError")
	w.phone.on("Contoso")
}

// setState enables or disables the integration in the console.
func (w *world) setState(path, confirm, state string) {
	w.console.Open(w.page(path))
	w.console.Press(confirm)
	w.console.See(state)
}

// barred shows that the phone is not used any more, that both ends say why, and that the browser's own keys have their turn.
func (w *world) barred(why, shot string) {
	w.phone.See(why)
	w.phone.shot(shot)
	w.extension.See(why)
	w.extension.See("Phones are not used; the browser's own keys are.")
	w.extension.Screenshot("hand/extension-" + shot)
}

// mended shows that it is used again, without anybody having done anything at either end.
func (w *world) mended(why string) {
	w.phone.Gone(why)
	w.phone.See("Connected")
	w.extension.See("Ready:")
	w.ask(120_000)
	w.approval(w.phone, "Sign in?")
	w.phone.Press("Accept")
	w.answered("signed")
	w.phone.on("Contoso")
}

func (w *world) disable() {
	w.setState("/disable", "Disable the integration", "DISABLED")
	w.barred("DISABLED", "10-disabled")
	w.setState("/enable", "Enable the integration", "ENABLED")
	w.mended("DISABLED")
}

func (w *world) restrict() {
	set := func(restrict bool, domains ...string) {
		i := w.integration()
		if _, err := w.admin.SetLoginSettings(w.Context(), i.ID, postern.LoginSettings{Version: i.Version, RestrictDomains: restrict, Domains: domains}); err != nil {
			w.Fatal(err)
		}
	}
	set(true, "fabrikam.example")
	w.barred("domain", "11-domain")
	set(false)
	w.mended("domain")
}
