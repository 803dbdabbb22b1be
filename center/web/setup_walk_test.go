package web_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/postern/postern"
	"github.com/postern/postern/entrasim"
	"github.com/postern/postern/internal/browser"
)

// TestSetupInTheBrowser takes a tenant that nobody set up to an integration that stands, as its administrator would: the
// form, the code typed at Microsoft's page, the plan, applying, enabling; and takes back what it made.
func TestSetupInTheBrowser(t *testing.T) {
	w := newWorldWith(t, entrasim.Config{Empty: true})
	server := httptest.NewServer(w.as(postern.RoleAdministrator).console)
	defer server.Close()
	b := browser.Open(t)
	b.Watch()
	b.Look("light", 1280)
	look := func(name string) {
		t.Helper()
		b.WholePage("setup-walk/" + name)
		for _, wrong := range b.Wrong() {
			t.Errorf("%s: %s", name, wrong)
		}
	}
	// typed has the tenant's administrator type the code that the page shows.
	typed := func() {
		t.Helper()
		b.Shown("#user-code")
		w.pull(http.MethodPost, "devices/"+b.Text("#user-code"), map[string]any{"upn": "admin@" + w.tenant.Domain, "mfa": true})
	}

	b.Open(server.URL + "/integrations")
	b.Press("Add New Integrations")
	b.Press("Set up a tenant")
	b.See("What it can do exactly")
	look("form")
	b.Fill("application_name", "Contoso: Keys")
	b.Press("Go on")
	b.See("which is not accepted")
	if focus := browser.Evaluate[string](b, `document.activeElement.id`); focus != "application_name" {
		t.Errorf("the cursor is in %q", focus)
	}
	b.Set(`[name="application_name"]`, "Contoso Keys")
	b.Press("Go on")
	b.See("Nobody has looked at the tenant yet.")
	look("draft")

	b.Press("Sign in to look and to apply")
	b.See("Type this code")
	look("code")
	typed()
	b.See("Apply this plan")
	b.See("would be done")
	look("plan")
	browser.Evaluate[bool](b, `document.querySelector(".set-up-steps details").open = true`)
	b.See("POST https://")

	// By hand: the same steps three times, to copy and to download.
	b.Press("Do it by hand")
	b.See("Connect-MgGraph")
	look("powershell")
	download := browser.Evaluate[string](b, `fetch(document.querySelector("a[download]").href).then((r) => r.text())`)
	if shown := b.Text("#script"); strings.Join(strings.Fields(download), " ") != strings.Join(strings.Fields(shown), " ") {
		t.Errorf("the file is not what the page shows:\n%s", download)
	}
	b.Press("curl")
	b.See("#!/")
	look("curl")
	b.Press("Admin centers")
	b.See("App registrations")
	look("portal")
	b.Press("Back to the set-up")

	b.Press("Apply")
	b.See("What comes next")
	b.See("every step was read back")
	look("ready")
	b.Press("Enable…")
	b.See("From then on")
	b.Press("Enable the integration")
	b.See("ENABLED")
	list, err := w.Integrations.List(t.Context())
	if err != nil || len(list) != 1 || list[0].State != postern.StateEnabled || list[0].ApplicationName != "Contoso Keys" {
		t.Fatalf("the integrations are %+v, %v", list, err)
	}

	// What people may be using is not taken back; disabled, it is.
	all, err := w.Setups.Setups(t.Context())
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	page := server.URL + "/setups/" + string(all[0].ID)
	b.Open(page)
	b.Press("Sign in again, to look or to undo") // the sign-in ended with the set-up
	b.See("Type this code")
	typed()
	b.Press("Undo…")
	b.See("takes them back, last first")
	b.Press("Undo the set-up")
	b.See("Disable the integration first")
	look("undo-refused")
	if _, err := w.Integrations.SetState(t.Context(), list[0].ID, list[0].Version, postern.StateDisabled); err != nil {
		t.Fatal(err)
	}
	b.Open(page)
	b.Press("Undo…")
	b.Press("Undo the set-up")
	b.See("This set-up was undone.")
	look("undone")
	if list, err := w.Integrations.List(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("after the undo there are %+v, %v", list, err)
	}
	b.Press("Forget…")
	b.Press("Forget it")
	b.See("The set-up was forgotten.")
	b.See("There is no set-up")
	b.Look("light", 390)
	b.WholePage("setup-walk/none-phone")
}

// TestSetupWithoutScripts goes through the forms as a browser without scripts sends them.
func TestSetupWithoutScripts(t *testing.T) {
	w := newWorldWith(t, entrasim.Config{Empty: true})
	v := w.as(postern.RoleAdministrator)
	form := url.Values{"application_name": {"Contoso Keys"}, "permission_set": {"passkeys"}, "credential": {"client_secret"}, "credential_days": {"soon"}}
	v.post("/setups", form).is(http.StatusUnprocessableEntity, "not a whole number above zero", "Contoso Keys")
	form.Set("credential_days", "90")
	at := v.post("/setups", form).leads("/setups/sup_")
	v.get(at).is(http.StatusOK, "Nobody has looked at the tenant yet.", "Sign in to look only", "!hx-trigger")
	v.get("/integrations/new").is(http.StatusOK, "Set-ups that were begun", at)
	v.get("/setups").is(http.StatusOK, at)

	// Nobody signed in: applying says so, on the page.
	setup := func() postern.Setup {
		s, err := w.Setups.Setup(t.Context(), postern.SetupID(strings.TrimPrefix(at, "/setups/")))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	version := func() url.Values {
		return url.Values{"version": {strconv.FormatInt(setup().Version, 10)}, "write": {"false"}}
	}
	v.post(at+"/apply", version()).is(http.StatusConflict, "Set-up of Contoso Keys")
	v.post(at+"/sign-in", url.Values{"version": {"0"}}).is(http.StatusConflict, "Set-up of Contoso Keys")
	v.post(at+"/sign-in", version()).leads(at)
	s := setup()
	v.get(at).is(http.StatusOK, s.SignIn.UserCode, `hx-trigger="every 2s"`, "<noscript>", "write nothing")
	v.get(at+"/progress?seen=nothing").is(http.StatusOK, s.SignIn.UserCode, "!<html")
	// An auditor sees that somebody is asked, and not the code.
	w.as(postern.RoleAuditor).get(at).is(http.StatusOK, "!"+s.SignIn.UserCode, "The code is shown to them alone.", "!Forget…")
	w.as(postern.RoleAuditor).post(at+"/sign-in", version()).is(http.StatusForbidden)

	// By hand, with a wrong client ID.
	v.get(at+"/by-hand?form=curl").is(http.StatusOK, "Client secret", "curl")
	file := v.get(at + "/by-hand/curl").is(http.StatusOK)
	if d := file.Header().Get("Content-Disposition"); !strings.HasPrefix(d, "attachment; filename=") {
		t.Errorf("the file comes as %q", d)
	}
	v.get(at + "/by-hand/cobol").is(http.StatusNotFound)
	told := version()
	told.Set("tenant_id", w.tenant.TenantID)
	told.Set("client_id", "nonsense")
	told.Set("client_secret", "a secret that was typed")
	told.Set("form", "portal")
	if a := v.post(at+"/finish", told); a.Code < 400 || strings.Contains(a.body, "a secret that was typed") || !strings.Contains(a.body, "Tell Postern what you made") {
		t.Errorf("status %d:\n%s", a.Code, a.main())
	}
	v.get(at+"/forget").is(http.StatusOK, "Forget this set-up?")
	v.post(at+"/forget", url.Values{"version": {"0"}}).is(http.StatusConflict)
	v.post(at+"/forget", version()).leads("/setups?done=setup-forgotten")
	v.get(at).is(http.StatusNotFound)
	v.get("/setups/nonsense").is(http.StatusNotFound)
}
