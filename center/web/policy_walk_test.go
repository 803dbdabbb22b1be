package web_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/postern/postern"
	"github.com/postern/postern/entrasim"
	"github.com/postern/postern/internal/browser"
)

// Models of the walk. The last one is what somebody loses.
const (
	yubiKey  = "2fc0579f-8113-47ea-b116-bb5a8db9202a"
	iPhone   = "90a3ccdf-635c-4729-a248-9b709135078f"
	android  = "de1e552d-db1d-4423-a619-566b625cdc84"
	keychain = "fbfc3007-154e-4ecc-8c0b-6e020557d7bd"
)

// pull pulls levers of the emulated tenant.
func (w *world) pull(method, path string, in any) {
	w.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		w.Fatal(err)
	}
	r, err := http.NewRequestWithContext(w.Context(), method, w.tenant.GraphURL+"/_entrasim/tenants/first/"+path, bytes.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := w.tenant.Client().Do(r)
	if err != nil {
		w.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode >= 300 {
		var text bytes.Buffer
		_, _ = text.ReadFrom(answer.Body)
		w.Fatalf("%s %s: %d %s", method, path, answer.StatusCode, text.String())
	}
}

// populated is a tenant of people with passkeys and no restriction.
func (w *world) populated() {
	w.Helper()
	person := func(name string, roles []string, models ...string) entrasim.UserSpec {
		u := entrasim.UserSpec{UPN: strings.ToLower(strings.ReplaceAll(name, " ", ".")), DisplayName: name, Roles: roles}
		for _, m := range models {
			u.Passkeys = append(u.Passkeys, entrasim.PasskeySpec{AAGUID: m, Name: "Passkey of " + name, Synced: m == keychain})
		}
		return u
	}
	const globalAdministrator = "62e90394-69f5-4237-9190-012177145e10"
	w.pull(http.MethodPost, "population", entrasim.Population{Reset: true, Users: []entrasim.UserSpec{
		person("Ada Lovelace", nil, iPhone), person("Bo Diddley", nil, android), person("Cleo Laine", nil, yubiKey, keychain),
		person("Dana Scully", []string{globalAdministrator}, keychain), person("Eve Online", nil),
	}})
	w.pull(http.MethodPut, "schema", map[string]bool{"profiles": false})
	w.pull(http.MethodPatch, "apps/"+w.tenant.ClientID, map[string][]string{"grant": {
		"Policy.Read.All", "Policy.ReadWrite.AuthenticationMethod", "Policy.ReadWrite.ConditionalAccess", "Application.Read.All",
		"AuditLog.Read.All", "RoleManagement.Read.Directory", "User.Read.All", "GroupMember.Read.All",
	}})
}

// TestPolicyInTheBrowser goes the whole way in the console, as an administrator would: from no restriction to three models,
// with the impact seen, the one person named who is locked out, applied, and taken back.
func TestPolicyInTheBrowser(t *testing.T) {
	w := newWorld(t)
	w.populated()
	i := w.connected()
	server := httptest.NewServer(w.as(postern.RoleAdministrator).console)
	defer server.Close()
	b := browser.Open(t)
	b.Watch()
	b.Look("light", 1280)
	base := server.URL + "/integrations/" + string(i.ID)
	look := func(name string) {
		t.Helper()
		b.WholePage("policy-walk/" + name)
		for _, wrong := range b.Wrong() {
			t.Errorf("%s: %s", name, wrong)
		}
	}

	// listed waits until the list of the form holds a model.
	listed := func(model string) {
		t.Helper()
		b.Until("the model "+model+" on the list", `!!document.querySelector('[name="model-0"][value="`+model+`"]')`)
	}

	b.Open(base + "/inventory")
	b.Press("Read the passkeys")
	b.Shown("table.models-chart")
	b.See("YubiKey 5")
	b.Until("the reading to end", `!!document.querySelector("#inventory button[name=full]")`)
	look("inventory")

	b.Open(base + "/policy")
	b.See("No AAGUIDs have been added.")
	look("settings")
	b.Press("Change this policy")
	b.Set(`[name="bundle-0"]`, postern.BundleMicrosoftAuthenticator)
	b.Follow(`button[value="bundle:0"]`)
	listed(android)
	b.Fill("model_search-0", yubiKey)
	b.Shown(`#models-0 [name="pick_model-0"]`)
	b.Follow(`button[value="model:0"]`)
	listed(yubiKey)
	b.Check("enforced-0")
	b.Fill("note", "Three models only")
	look("form")
	b.Press("Write it as a document below")
	b.See("The document below says what the form above says.")
	look("document")
	b.Follow(`.buttons button[value="plan"]`)

	b.Shown("#impact-headline")
	b.See("1 person would be locked out")
	b.See("Dana Scully")
	look("plan")
	b.Press("Apply…")
	b.Shown("dialog[open] [name=lock_out]")
	b.Do(chromedp.KeyEvent("\x1b"))
	b.Until("Escape to close the sheet and give back the focus", `!document.querySelector("dialog[open]") && document.activeElement.textContent.trim() === "Apply…"`)
	b.Press("Apply…")
	b.Shown("dialog[open] [name=lock_out]")
	b.Follow("dialog[open] button.danger")
	b.See("Not everybody who would be locked out is ticked.")
	look("not-named")
	b.Check("lock_out")
	b.Follow("dialog[open] button.danger")
	b.See("Every step was read back as it was written.")
	look("applied")
	policy, _, err := w.Policies.Tenant(t.Context(), i.ID)
	if err != nil {
		t.Fatal(err)
	}
	if k := policy.Passkeys.KeyRestrictions; !k.Enforced || k.Block || len(k.AAGUIDs) != 3 {
		t.Errorf("the tenant's restrictions are %+v", k)
	}

	// Somebody else changes it in the portal; the console notices, says who, and plans it back.
	w.pull(http.MethodPost, "policy", map[string]any{"as": "bo.diddley@" + w.tenant.Domain, "address": "198.51.100.7", "passkeys": map[string]any{"isSelfServiceRegistrationAllowed": false}})
	b.Open(base + "/policy/drift")
	b.Press("Look now")
	b.See("Somebody changed one thing")
	b.See("bo.diddley@")
	look("drift")
	b.Press("Plan it back")
	b.Shown("#impact-headline")
	b.Press("Apply…")
	b.Follow("dialog[open] button.primary")
	b.See("Every step was read back as it was written.")

	b.Open(base + "/policy/plans")
	b.Follow(`.link-list li:last-child a`)
	b.Press("Undo…")
	b.Shown("dialog[open] [name=note]")
	b.Fill("note", "Too early")
	b.Press("Plan the way back")
	b.See("takes back this plan")
	b.Shown("#impact-headline")
	b.See("Nobody would be locked out")
	look("undo")
	b.Press("Apply…")
	b.Follow("dialog[open] button.primary")
	b.See("Every step was read back as it was written.")
	b.Open(base + "/policy")
	b.See("No AAGUIDs have been added.")
	look("undone")

	b.Open(base + "/policy/strengths/new")
	b.Fill("name", "Passkeys on phones")
	b.Set(`[name="bundle-0"]`, postern.BundleMicrosoftAuthenticator)
	b.Follow(`button[value="bundle:0"]`)
	listed(iPhone)
	b.Follow(`.buttons button[value="plan"]`)
	b.Shown("#impact-headline")
	look("strength")
	b.Press("Apply…")
	b.Follow("dialog[open] button.primary")
	b.See("Every step was read back as it was written.")
	b.Open(base + "/policy/strengths/enforce")
	b.Set(`[name="strength"]`, "Passkeys on phones")
	b.Fill("name", "Passkeys for everybody")
	b.Follow(`[name="whom"][value="everybody"]`)
	b.Fill("break_glass", "eve.online@"+w.tenant.Domain)
	look("enforce")
	b.Follow(`.buttons button[value="plan"]`)
	b.See("What Conditional Access would demand")
	b.See("Nobody would be locked out")
	look("enforcement")
	b.Press("Apply…")
	b.Follow("dialog[open] button.primary")
	b.See("Every step was read back as it was written.")

	// What was report-only is turned on: whoever has no phone is locked out, except the break-glass account.
	b.Open(base + "/policy/strengths")
	b.Press("Turn on…")
	b.Shown("#impact-headline")
	b.See("2 people would be locked out")
	b.Press("See who they are")
	b.See("Cleo Laine")
	look("turn-on")
	b.Press("Apply…")
	b.Shown("dialog[open] [name=lock_out]")
	browser.Evaluate[bool](b, `document.querySelectorAll("dialog[open] [name=lock_out]").forEach(e => e.click()) === undefined`)
	look("turn-on-named")
	b.Follow("dialog[open] button.danger")
	b.See("Every step was read back as it was written.")
	b.See("2 people were locked out")
	if policy, _, err = w.Policies.Tenant(t.Context(), i.ID); err != nil {
		t.Fatal(err)
	}
	if n := slices.IndexFunc(policy.ConditionalAccess, func(a postern.ConditionalAccessPolicy) bool { return a.Name == "Passkeys for everybody" }); n < 0 ||
		policy.ConditionalAccess[n].State != postern.ConditionalAccessOn {
		t.Errorf("the Conditional Access policies are %+v", policy.ConditionalAccess)
	}

	// The tenant takes passkey profiles, and gets a second one.
	w.pull(http.MethodPut, "schema", map[string]bool{"profiles": true})
	b.Open(base + "/policy")
	b.See("Passkey profiles")
	look("profiles")
	b.Press("Change this policy")
	b.Follow(`button[value="profile"]`)
	b.Until("a second profile", `document.querySelectorAll('[name="rules_name"]').length === 2`)
	b.Set("#rules_name-1", "Keys only")
	look("profiles-form")
	b.Follow(`.buttons button[value="plan"]`)
	b.Shown("#impact-headline")
	b.See("Keys only")
	look("profiles-plan")
	b.Press("Apply…")
	b.Follow("dialog[open] button.primary")
	b.See("Every step was read back as it was written.")
}
