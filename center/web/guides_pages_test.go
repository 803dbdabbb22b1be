package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/postern/postern"
	"github.com/postern/postern/center/web"
)

// TestGuidesAreServed: whoever signed in reads every guide, and anybody reads those for employees and no other.
func TestGuidesAreServed(t *testing.T) {
	w := newWorld(t)
	in := w.as(postern.RoleHelpDesk)
	in.get("/guides").is(http.StatusOK, "Administrators", "Help desk guide", "Glossary", `href="/guides/employee"`)
	in.get("/guides?q=Azure+Active+Directory").is(http.StatusOK, "Microsoft Entra ID", "Also called Azure AD", `href="/guides/administrator#before-you-start"`)
	in.get("/guides?q="+strings.Repeat("%C3%A4", 4000)).is(http.StatusOK, "Nothing says")
	in.get("/guides/policy").is(http.StatusOK, "The policy document", `id="`)
	in.get("/guides/nowhere").is(http.StatusNotFound, "There is no guide of that name.")
	in.get("/guides/images/nothing.png").is(http.StatusNotFound)
	in.get("/integrations").is(http.StatusOK, `href="/guides/administrator#set-up-a-tenant"`)

	// Nobody signed in here: the real door.
	stranger := visitor{w, web.New(web.Deps{Door: w.Auth, Setups: w.Setups, Bulk: w.Bulk, Version: "test"})}
	stranger.get("/guides").leads("/sign-in?next=%2Fguides")
	stranger.get("/guides/employee").leads("/sign-in")
	stranger.get("/help").is(http.StatusOK, `href="/help/employee"`, `href="/help/hardware-keys"`, "!/help/administrator", "!Help desk guide", "!Sign out")
	stranger.get("/help?q=tenant").is(http.StatusOK, "!/help/administrator", "!/guides")
	stranger.get("/help/employee").is(http.StatusOK, "Set up your phone", `src="/help/images/app-home.png"`, "!/guides/")
	stranger.get("/help/administrator").is(http.StatusNotFound)
	picture := stranger.get("/help/images/app-home.png").is(http.StatusOK)
	if got := picture.Header().Get("Content-Type"); got != "image/png" {
		t.Errorf("the picture is %s", got)
	}
	stranger.get("/guides/images/app-home.png").leads("/sign-in")
}
