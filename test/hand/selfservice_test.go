package hand

import (
	"github.com/postern/postern"
	"github.com/postern/postern/internal/browser"
)

// selfService takes provisioning away, enrols another user's phone, pairs it by a typed code, and has the user make the passkey at
// Security info with the phone as the security key.
func (w *world) selfService() {
	i := w.integration()
	flags := postern.FlagSet{}
	for flag, on := range i.Flags {
		flags[flag] = on
	}
	flags[postern.FlagProvisionAPI] = false
	if _, err := w.admin.SetIntegrationFlags(w.Context(), i.ID, postern.FlagsInput{Version: i.Version, Flags: flags}); err != nil {
		w.Fatal(err)
	}
	upn := w.demo.Users[1].UPN
	second := w.newPhone("second")
	w.enrol(second, w.invite(upn), "Galaxy S25")
	second.See("Pairing incomplete")
	second.shot("12-incomplete")
	second.Click(".unfinished")
	second.See("Finish the pairing")
	second.shot("12-finish")

	w.extension.Press("Pair a phone")
	w.extension.Press("Show a code to type")
	w.extension.Shown("#code")
	second.Click(`[data-do="back"]`)
	second.Press("Connect a computer")
	second.Press("Type the code instead")
	second.Fill("text", w.extension.Text("#code"))
	second.shot("13-typed")
	second.Press("Continue")
	second.See("Same digits?")
	w.same(second)
	w.extension.See("Pairing incomplete")
	w.extension.Screenshot("hand/extension-07-incomplete")

	b := w.site
	b.Open(rpOrigin + "/mysecurityinfo")
	b.Set("#login_hint", upn)
	b.Click("button.primary")
	b.See(upn)
	b.Set("#passwd", w.password(upn))
	b.Click("#password button")
	b.See("Stay signed in?")
	b.Click("button[value='3']")
	b.See("You have no passkey yet")
	b.Click("a[href='/mysecurityinfo/add']")
	b.Set("#name", "My phone")
	b.Click("#add button.primary")
	// Two phones are there, so the window asks which.
	window := w.extension.Find("request.html")
	window.Until("choosing the second phone", `(() => {
		const choice = [...document.querySelectorAll("#choices button")].find((e) => e.innerText.startsWith("Galaxy S25"));
		choice?.click();
		return Boolean(choice);
	})()`)
	w.approval(second, "Make a passkey?")
	second.shot("14-make-a-passkey")
	second.Press("Accept")
	b.See("was added")
	b.Screenshot("hand/site-03-registered")

	// All three agree, and nobody restarted anything.
	second.See("Ready")
	second.Gone("Pairing incomplete")
	second.shot("15-complete")
	w.extension.Gone("Pairing incomplete")
	w.console.Open(w.page(""))
	w.console.Press("Paired with Entra")
	w.console.See(upn)
	w.console.Screenshot("hand/console-paired-with-entra")
}

// remove revokes the first user's passkey in the console.
func (w *world) remove(upn string) {
	i := w.integration()
	var user postern.UserID
	for u, err := range w.admin.Users(w.Context(), postern.UserFilter{IntegrationID: i.ID}) {
		if err != nil {
			w.Fatal(err)
		}
		if u.UPN == upn {
			user = u.ID
		}
	}
	w.console.Open(w.demo.Console + "/users/" + string(user))
	w.console.Click(`a[href*="/passkeys/"]`)
	w.console.Press("Revoke passkey")
	w.phone.See("was removed by your organisation")
	w.phone.shot("16-removed")
}

func (w *world) diagnose() {
	w.phone.Click(`[data-to="settings"]`)
	w.phone.shot("17-settings")
	w.phone.Click(`[data-to="diagnosis"]`)
	w.phone.Press("Check now")
	w.phone.See("Check again")
	w.phone.shot("18-diagnosis")
	if text := browser.Evaluate[string](w.phone.Tab, `document.body.innerText`); text == "" {
		w.Fatal("the diagnosis is empty")
	}
}
