package web_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/entra"
)

func (w *world) form(more ...string) url.Values {
	f := url.Values{
		"application_name": {"Contoso Keys"}, "experience": {"native_entra"}, "tenant_id": {w.tenant.TenantID}, "client_id": {w.tenant.ClientID},
		"client_secret": {w.tenant.ClientSecret}, "permission_set": {"standard"}, "challenge_timeout_minutes": {"10"}, "attestation": {"none"},
	}
	for i := 0; i < len(more); i += 2 {
		f.Set(more[i], more[i+1])
	}
	return f
}

func version(i postern.Integration) string { return strconv.FormatInt(i.Version, 10) }

func TestAddIntegration(t *testing.T) {
	w := newWorld(t)
	owner := w.as(postern.RoleOwner)
	owner.get("/integrations").is(200, "No tenant is connected yet", "/integrations/new")
	owner.get("/integrations/new").is(200, "Microsoft Entra ID", "Set up a tenant", "AZURE_PROVISION_API")
	owner.get("/integrations/new/experience").is(200, "Native Microsoft Entra Login Experience", "Next")
	owner.get("/integrations/new/settings?experience=native_entra").is(200, "Integration Settings", "Add Integration")

	for name, c := range map[string]struct {
		change []string
		wants  []string
	}{
		"name too long":    {[]string{"application_name", strings.Repeat("a", 24)}, []string{"24 characters", `id="application_name-wrong"`, strings.Repeat("a", 24)}},
		"name empty":       {[]string{"application_name", ""}, []string{"application name is empty"}},
		"tenant no GUID":   {[]string{"tenant_id", "contoso"}, []string{"Tenant ID is not a GUID", `value="contoso"`}},
		"half a pair":      {[]string{"client_secret", "", "client_private_key", "-----BEGIN PRIVATE KEY-----"}, []string{"A private key is given without its certificate."}},
		"secret wrong":     {[]string{"client_secret", "nonsense-secret"}, []string{"client secret is wrong", `id="client_secret-wrong"`, "!nonsense-secret", `value="Contoso Keys"`}},
		"timeout no digit": {[]string{"challenge_timeout_minutes", "soon"}, []string{"not a whole number"}},
		"timeout zero":     {[]string{"challenge_timeout_minutes", "0"}, []string{"between 5 and 43200"}},
	} {
		t.Run(name, func(t *testing.T) {
			a := owner.post("/integrations", w.form(c.change...))
			a.t = t
			a.is(422, append(c.wants, `role="alert"`, `aria-invalid="true"`, "autofocus", "!"+w.tenant.ClientSecret)...)
		})
	}
	owner.get("/integrations").is(200, "No tenant is connected yet")

	to := owner.post("/integrations", w.form()).leads("/integrations/int_")
	owner.get(to).is(200, "Integration Added!", "🎉", "You can now enroll your organization for Postern passwordless authentication.",
		"Get started by enrolling yourself and registering a device for authentication (Link will open a new tab)",
		"Maybe Later", "Enroll Myself", `target="_blank"`, "DISABLED")
	settings := strings.TrimSuffix(to, "?added=1") + "/settings"
	owner.get(settings).is(200, "Update Integration", "Leave empty to keep it", "!"+w.tenant.ClientSecret, "!Integration Added!")
	owner.post("/integrations", w.form()).is(409, `id="application_name-wrong"`)
}

func TestFlagsDecideWhatIsOffered(t *testing.T) {
	w := newWorld(t)
	owner := w.as(postern.RoleOwner)
	turn := func(flag postern.Flag, on string) {
		owner.post("/integrations/new/flags", url.Values{"flag": {string(flag)}, "on": {on}}).leads("/integrations/new/flags")
	}
	turn(postern.FlagAzureIDP, "false")
	owner.get("/integrations/new").is(200, "!Set up a tenant", "Microsoft Entra ID is not offered")
	owner.get("/integrations/new/experience").leads("/integrations/new")
	turn(postern.FlagAzureIDP, "true")
	turn(postern.FlagAzureNativeLogin, "false")
	owner.get("/integrations/new/experience").is(200, "native login experience is not offered", "!Next")
	owner.get("/integrations/new/settings").leads("/integrations/new")
}

func TestStaleForms(t *testing.T) {
	w := newWorld(t)
	i := w.connected()
	owner := w.as(postern.RoleOwner)
	path := "/integrations/" + string(i.ID)
	mine := w.form("version", version(i), "client_secret", "")

	theirs, err := w.Integrations.SetFlags(t.Context(), i.ID, i.Version, postern.AllFlags())
	if err != nil {
		t.Fatal(err)
	}
	page := owner.post(path+"/settings", mine).is(409, "Somebody else changed this integration", "Contoso Keys", "Postern Passkeys")
	if !strings.Contains(page.body, `name="version" value="`+version(theirs)+`"`) {
		t.Error("the form does not carry the version that is stored now")
	}
	mine.Set("version", version(theirs))
	owner.post(path+"/settings", mine).leads(path + "/settings?done=updated")
	if now, err := w.Integrations.Get(t.Context(), i.ID); err != nil || now.ApplicationName != "Contoso Keys" || now.ChallengeTimeout != 10 {
		t.Errorf("stored: %+v, %v", now, err)
	}

	old := url.Values{"version": {version(i)}, "on": {"true"}, "flag": {string(postern.FlagWorkstation)}}
	owner.post(path+"/flags", old).is(409, "the switch was not thrown")
	owner.post(path+"/http-debug", old).is(409, "the switch was not thrown")
	owner.post(path+"/disable", old).is(409, "Somebody else changed this")
	owner.post(path+"/login", url.Values{"version": {version(i)}, "restrict_domains": {"true"}, "domain": {"contoso.com"}}).
		is(409, "Stored now: Restrict domains is off.", `value="contoso.com"`)
}

func TestEnableAndDisable(t *testing.T) {
	w := newWorld(t)
	i := w.connected()
	owner := w.as(postern.RoleOwner)
	path := "/integrations/" + string(i.ID)
	owner.get(path+"/settings").is(200, "This integration is enabled. If disabled, all users with a Microsoft Entra ID account in your organization will not be able to authenticate with Postern.", "ENABLED")
	owner.get(path+"/disable", "HX-Request", "true", "HX-Target", "dialog#dialog").is(200, "!<html", "dialog-title", `hx-post="`+path+`/disable"`)
	owner.get(path+"/disable").is(200, "<html", "!hx-post")
	owner.post(path+"/disable", url.Values{"version": {version(i)}}).leads(path + "/settings?done=disabled")
	i, _ = w.Integrations.Get(t.Context(), i.ID)
	owner.post(path+"/flags", url.Values{"version": {version(i)}, "on": {"false"}, "flag": {string(postern.FlagProvisionAPI)}}).leads(path + "/settings")
	i, _ = w.Integrations.Get(t.Context(), i.ID)
	owner.post(path+"/enable", url.Values{"version": {version(i)}}).is(409, "Mandatory feature flags are off", "AZURE_PROVISION_API")
	owner.post(path+"/flags", url.Values{"version": {version(i)}, "on": {"true"}, "flag": {string(postern.FlagProvisionAPI)}}).leads(path + "/settings")
	i, _ = w.Integrations.Get(t.Context(), i.ID)
	a := owner.post(path+"/enable", url.Values{"version": {version(i)}}, "HX-Request", "true", "HX-Target", "dialog#dialog").is(204)
	if to := a.Header().Get("HX-Redirect"); to != path+"/settings?enabled=1" {
		t.Errorf("the dialog leads to %q", to)
	}
	owner.get(path+"/settings?enabled=1").is(200, "data-confetti", "Close")

	i, _ = w.Integrations.Get(t.Context(), i.ID)
	owner.post(path+"/http-debug", url.Values{"version": {version(i)}, "on": {"true"}}).leads(path + "/settings?done=debug-on")
	owner.get(path+"/settings").is(200, "It switches itself off at")
	i, _ = w.Integrations.Get(t.Context(), i.ID)
	owner.post(path+"/remove", url.Values{"version": {version(i)}, "name": {"postern passkeys"}}).is(422, "That is not the application name.")
	owner.post(path+"/remove", url.Values{"version": {version(i)}, "name": {"Postern Passkeys"}}).is(409, "Disable it first")
	owner.get(path+"/settings").is(200, "Disable it first", "!/remove")
	owner.post(path+"/disable", url.Values{"version": {version(i)}}).leads(path)
	i, _ = w.Integrations.Get(t.Context(), i.ID)
	owner.post(path+"/remove", url.Values{"version": {version(i)}, "name": {"Postern Passkeys"}}).leads("/integrations?done=removed")
	owner.get(path).is(404)
}

func TestConnectionChecks(t *testing.T) {
	w := newWorld(t)
	i := w.connected()
	owner := w.as(postern.RoleOwner)
	path := "/integrations/" + string(i.ID)
	owner.post("/integrations/new/test", w.form(), "HX-Request", "true").is(200, "The connection works.", "UserAuthMethod-Passkey.ReadWrite.All", "!<html", "!"+w.tenant.ClientSecret)
	owner.post("/integrations/new/test", w.form()).is(200, "The connection works.", "<html", `value="Contoso Keys"`, "!"+w.tenant.ClientSecret)
	owner.post("/integrations/new/test", w.form("client_secret", "wrong"), "HX-Request", "true").is(200, "client secret is wrong")
	owner.post("/integrations/new/test", w.form("client_secret", ""), "HX-Request", "true").is(200, "is required")
	owner.post("/integrations/new/certificate", w.form("client_certificate", "no", "client_private_key", "no"), "HX-Request", "true").is(200, "notice bad")
	owner.post(path+"/test", w.form("client_secret", ""), "HX-Request", "true").is(200, "The connection works.")
	owner.post(path+"/test", w.form("client_id", w.tenant.Minimal.ClientID, "client_secret", w.tenant.Minimal.ClientSecret), "HX-Request", "true").is(200, "missing: grant it")
	owner.get("/integrations").is(200, "connection tested")
}

func TestLoginSettings(t *testing.T) {
	w := newWorld(t)
	i := w.connected()
	owner := w.as(postern.RoleOwner)
	path := "/integrations/" + string(i.ID) + "/login"
	owner.get(path).is(200, "When enabled, only the domains provided below will be allowed to register or authenticate.", "+Add Domain", `name="restrict_domains" value="true" aria-describedby="restrict-help">`,
		"Desktop Client", "Download our desktop client application to try out Passwordless Desktop MFA on your workstation.", "Windows Desktop Client",
		"Download client for Microsoft Entra joined or Microsoft Entra hybrid joined workstations which are running Windows OS", "Installation Guides",
		"Access Control", "Additional", "FIDO2 security key sign-in to Windows", "Three ways of enabling security key sign-in on Windows 10 and 11",
		"!Gateway", "!Bluetooth", "!Wi-Fi")
	send := func(domains ...string) answer {
		return owner.post(path, url.Values{"version": {version(i)}, "restrict_domains": {"true"}, "domain": domains})
	}
	send("contoso..com").is(422, "is not a domain name", `value="contoso..com"`)
	send("192.0.2.7").is(422, "is not a domain name")
	send("https://contoso.com").is(422, "is not a domain", `value="https://contoso.com"`)
	send("a@contoso.com").is(422, "is not a domain")
	send("contoso.com", "contoso.com").is(422, "listed twice")
	send("", "").is(422, "would lock everybody out")
	to := send("contoso.com", "", "fabrikam.com, tailspin.com").leads(path)
	owner.get(to).is(200, "Restrict Domains saved successfully", `value="fabrikam.com"`, `value="tailspin.com"`, `name="restrict_domains" value="true" checked`)
	i, _ = w.Integrations.Get(t.Context(), i.ID)
	owner.post(path, url.Values{"version": {version(i)}, "restrict_domains": {"true"}, "domain": {"contoso.com"}, "another": {"1"}}).
		is(200, `aria-label="Domain 2"`)
}

// TestEndOfTheSecret: the day that the form takes is stored and shown, a form without it keeps it, and what is no day is
// refused in its place without storing anything.
func TestEndOfTheSecret(t *testing.T) {
	w := newWorld(t)
	owner := w.as(postern.RoleOwner)
	stored := func() string {
		t.Helper()
		all, err := w.Integrations.List(t.Context())
		if err != nil || len(all) != 1 {
			t.Fatalf("%d integrations, %v", len(all), err)
		}
		if all[0].Credential.EndsAt == nil {
			return ""
		}
		return all[0].Credential.EndsAt.UTC().Format(time.RFC3339)
	}
	owner.get("/integrations/new/settings?experience=native_entra").is(200, "Secret ends on", `name="credential_ends_at"`)
	owner.post("/integrations", w.form("credential_ends_at", "soon")).is(422, "soon&#34; is no day", "Give it as 2026-12-31.", `id="credential_ends_at-wrong"`)
	if all, err := w.Integrations.List(t.Context()); err != nil || len(all) != 0 {
		t.Fatalf("%d integrations, %v", len(all), err)
	}
	owner.post("/integrations", w.form("credential_ends_at", "2032-02-29")).leads("/integrations/int_")
	if got := stored(); got != "2032-02-29T00:00:00Z" {
		t.Errorf("stored: %q", got)
	}
	all, err := w.Integrations.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	path := "/integrations/" + string(all[0].ID) + "/settings"
	owner.get(path).is(200, "Known: 29 February 2032. Leave empty to keep it.")
	change := func(more ...string) url.Values {
		i, err := w.Integrations.Get(t.Context(), all[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		return w.form(append([]string{"version", version(i), "client_secret", ""}, more...)...)
	}
	owner.post(path, change()).leads(path + "?done=updated")
	if got := stored(); got != "2032-02-29T00:00:00Z" {
		t.Errorf("a form without a day: %q", got)
	}
	for _, bad := range []string{"2032-02-30", "29.2.2032", "0001-01-01", "9999-01-01"} {
		owner.post(path, change("credential_ends_at", bad)).is(422, `credential_ends_at`, `aria-invalid="true"`)
	}
	if got := stored(); got != "2032-02-29T00:00:00Z" {
		t.Errorf("after what is no day: %q", got)
	}
	owner.post(path, change("credential_ends_at", "2033-03-31")).leads(path + "?done=updated")
	if got := stored(); got != "2033-03-31T00:00:00Z" {
		t.Errorf("a later day: %q", got)
	}
}

var oneTimeCode = regexp.MustCompile(`[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){3}`)

func TestInviteAndFollow(t *testing.T) {
	w := newWorld(t)
	i := w.connected()
	help := w.as(postern.RoleHelpDesk)
	path := "/integrations/" + string(i.ID)
	help.get(path).is(200, "Nobody is invited yet")
	someone := w.tenant.Users[0]
	help.get(path+"/directory?user="+url.QueryEscape(someone.UPN), "HX-Request", "true").is(200, someone.UPN, someone.ID, "!<html")
	help.get(path+"/directory?user=x", "HX-Request", "true").is(200, "!nobody")
	help.post(path+"/invite", url.Values{"user": {""}}).is(422, "Nobody is chosen.")
	help.post(path+"/invite", url.Values{"user": {"nobody@nowhere.example"}}).is(404, `id="user-wrong"`, `value="nobody@nowhere.example"`)
	a := help.post(path+"/invite", url.Values{"user": {someone.UPN}, "pick": {someone.ID}, "valid_minutes": {"60"}}, "HX-Request", "true", "HX-Target", "dialog#dialog").
		is(200, "One-time code", "postern-phone enroll --server "+w.url+"<", "asks for the code")
	if !oneTimeCode.MatchString(a.body) || a.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("no code, or it may be cached: %v", a.Header())
	}
	user := regexp.MustCompile(`/users/usr_\w+`).FindString(a.body)
	page := help.get(user).is(200, "Eligible for Pairing", "withdraw", "every 2s", "!Register a passkey")
	if oneTimeCode.MatchString(page.body) {
		t.Error("the code is shown a second time")
	}
	help.get(path).is(200, someone.UPN)
	help.get(path+"?q=nobodyatall&phase=eligible", "HX-Request", "true", "HX-Target", "div#users").is(200, "matches", "!<html")

	poll := strings.ReplaceAll(regexp.MustCompile(`/users/usr_\w+/progress\?[^"]+`).FindString(page.body), "&amp;", "&")
	help.get(poll, "HX-Request", "true").is(204)
	withdraw := regexp.MustCompile(user + `/invitations/inv_\w+/withdraw`).FindString(page.body)
	help.get(withdraw).is(200, "stops working")
	help.post(withdraw, url.Values{}).leads(user + "?done=withdrawn")
	help.get(poll, "HX-Request", "true").is(200, "withdrawn", "!<html", "!every 2s")
	help.post(strings.Replace(withdraw, "withdraw", "nothing", 1), url.Values{}).is(404)
	help.get(path+"/audit").is(200, "USR001I", "USR002I", someone.UPN)
	help.get("/audit?family=user.&failures=true").is(200, "USR008E", "failed")
	help.post("/audit/verify", url.Values{}, "HX-Request", "true").is(200, "The audit trail is intact.")
}

func TestRoles(t *testing.T) {
	w := newWorld(t)
	i := w.connected()
	i, err := w.Integrations.SetState(t.Context(), i.ID, i.Version, postern.StateDisabled)
	if err != nil {
		t.Fatal(err)
	}
	path := "/integrations/" + string(i.ID)
	yes := map[string][]postern.Role{
		"/integrations":          postern.Roles,
		path:                     postern.Roles,
		path + "/settings":       postern.Roles,
		path + "/login":          postern.Roles,
		path + "/audit":          postern.Roles,
		"/audit":                 postern.Roles,
		"/about":                 postern.Roles,
		path + "/invite":         {postern.RoleOwner, postern.RoleAdministrator, postern.RoleHelpDesk},
		"/integrations/new":      {postern.RoleOwner, postern.RoleAdministrator},
		path + "/disable":        {postern.RoleOwner, postern.RoleAdministrator},
		path + "/remove":         {postern.RoleOwner, postern.RoleAdministrator},
		"/tokens":                {postern.RoleOwner, postern.RoleAdministrator},
		"/administrators":        {postern.RoleOwner, postern.RoleAdministrator, postern.RoleAuditor},
		"/administrators/invite": {postern.RoleOwner},
	}
	for _, role := range postern.Roles {
		v := w.as(role)
		for address, roles := range yes {
			want := http.StatusForbidden
			for _, allowed := range roles {
				if allowed == role {
					want = http.StatusOK
				}
			}
			if a := v.get(address); a.Code != want {
				t.Errorf("%s at %s: %d, not %d", role, address, a.Code, want)
			}
		}
		// What the role may not do is not offered, and is refused when it is asked for anyway.
		may := role == postern.RoleOwner || role == postern.RoleAdministrator
		page := v.get(path + "/settings").body
		for _, offer := range []string{"/enable", "/remove", `action="` + path + `/flags"`, "Update Integration"} {
			if strings.Contains(page, offer) != may {
				t.Errorf("%s: the settings offer %s: %v", role, offer, !may)
			}
		}
		if !may {
			v.post(path+"/disable", url.Values{"version": {version(i)}}).is(403)
			v.post(path+"/flags", url.Values{"version": {version(i)}, "flag": {string(postern.FlagWorkstation)}, "on": {"false"}}).is(403)
		}
	}
	if now, err := w.Integrations.Get(t.Context(), i.ID); err != nil || now.Version != i.Version {
		t.Errorf("something changed: %+v, %v", now, err)
	}
}

func TestRequestsFromElsewhere(t *testing.T) {
	w := newWorld(t)
	i := w.connected()
	owner := w.as(postern.RoleOwner)
	form := url.Values{"version": {version(i)}}
	owner.post("/integrations/"+string(i.ID)+"/disable", form, "Sec-Fetch-Site", "cross-site").is(403, "came from another site")
	owner.post("/integrations/"+string(i.ID)+"/disable", form, "Origin", "https://evil.example").is(403)
	if now, _ := w.Integrations.Get(t.Context(), i.ID); now.State != postern.StateEnabled {
		t.Error("another site disabled the integration")
	}
}

func TestEveryAnswerIsGuarded(t *testing.T) {
	w := newWorld(t)
	owner := w.as(postern.RoleOwner)
	for _, path := range []string{"/integrations", "/nowhere", "/static/app.css", "/sign-in", "/welcome", "/integrations/int_nonsense", "/users/usr_nonsense", "/administrators/adm_nonsense"} {
		a := owner.get(path)
		if csp := a.Header().Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'self';") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: content security policy %q", path, csp)
		}
		if a.Header().Get("X-Content-Type-Options") != "nosniff" || a.Header().Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s: headers %v", path, a.Header())
		}
	}
	owner.get("/nowhere").is(404, "Nothing here", "/integrations")
	owner.get("/static/").is(404)
	owner.post("/integrations", url.Values{"application_name": {strings.Repeat("a", 300<<10)}}).is(413)
}

func TestStrangersAreLedToTheDoor(t *testing.T) {
	w := newWorld(t)
	console := w.Handler()
	ask := func(path string, headers ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		rec := httptest.NewRecorder()
		console.ServeHTTP(rec, r)
		return rec
	}
	if to := ask("/audit?family=user.").Header().Get("Location"); to != "/sign-in?next=%2Faudit%3Ffamily%3Duser." {
		t.Errorf("led to %q", to)
	}
	if to := ask("/users/x/progress", "HX-Request", "true").Header().Get("HX-Redirect"); to != "/sign-in" {
		t.Errorf("a fragment leads to %q", to)
	}
	for next, want := range map[string]string{
		"/audit?family=user.": "/audit?family=user.", "https://evil.example/": "/integrations", "//evil.example": "/integrations",
		`/\evil.example`: "/integrations", "javascript:alert(1)": "/integrations", "": "/integrations", "/%5Cevil.example": "/%5Cevil.example",
		"/\tevil": "/integrations",
	} {
		body := ask("/sign-in?next=" + url.QueryEscape(next)).Body.String()
		if !strings.Contains(body, `data-next="`+want+`"`) {
			t.Errorf("next=%q does not lead to %q", next, want)
		}
	}
}

func TestTokensAndAdministrators(t *testing.T) {
	w := newWorld(t)
	owner := w.as(postern.RoleOwner)
	owner.get("/tokens").is(200, "There is no API token")
	owner.post("/tokens", url.Values{"name": {"SIEM"}, "valid_days": {"ninety"}, "scopes": {"audit.read"}}).is(422, "not a whole number", `value="SIEM"`)
	owner.post("/tokens", url.Values{"name": {"SIEM"}, "valid_days": {"90"}}).is(422, "could do nothing")
	value := regexp.MustCompile(`ptn_\w+`).FindString(owner.post("/tokens", url.Values{"name": {"SIEM"}, "valid_days": {"90"}, "scopes": {"audit.read"}}).is(200, "cannot be shown again").body)
	if value == "" {
		t.Fatal("the value is not shown")
	}
	list := owner.get("/tokens").is(200, "SIEM", "audit.read", "!"+value)
	revoke := regexp.MustCompile(`/tokens/tok_\w+/revoke`).FindString(list.body)
	owner.get(revoke).is(200, "Revoke SIEM?")
	owner.post(revoke, url.Values{}).leads("/tokens?done=token-revoked")
	owner.get("/tokens").is(200, "revoked", "!"+revoke)

	owner.post("/administrators/invite", url.Values{"name": {" "}, "role": {"helpdesk"}}).is(422, "The name is empty.")
	a := owner.post("/administrators/invite", url.Values{"name": {"Dana"}, "role": {"helpdesk"}}).is(200, w.url+"/welcome#", "Help desk")
	if a.Header().Get("Cache-Control") != "no-store" {
		t.Error("the link may be cached")
	}
}

// TestPermissionSetsAreNamedRightly keeps what the form says of a permission set with what the connector asks for.
func TestPermissionSetsAreNamedRightly(t *testing.T) {
	page := newWorld(t).as(postern.RoleOwner).get("/integrations/new/settings").is(200)
	for _, need := range entra.Needs(postern.PermissionsFull) {
		if !strings.Contains(page.body, need.Any[0]) {
			t.Errorf("the form does not name %s, which is needed to %s", need.Any[0], need.For)
		}
	}
}
