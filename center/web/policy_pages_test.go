package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/postern/postern"
)

// hidden is the value of a hidden field of a page.
func hidden(t *testing.T, page, name string) string {
	t.Helper()
	found := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(page)
	if found == nil {
		t.Fatalf("the page has no field %q", name)
	}
	return found[1]
}

// TestPolicyFormNoticesChanges sends a form that was made from a policy that somebody changed meanwhile.
func TestPolicyFormNoticesChanges(t *testing.T) {
	w := newWorld(t)
	w.populated()
	i := w.connected()
	path := "/integrations/" + string(i.ID) + "/policy"
	admin := w.as(postern.RoleAdministrator)
	opened := admin.get(path+"/change").is(http.StatusOK, "Enforce key restrictions")
	form := url.Values{
		"from": {hidden(t, opened.body, "from")}, "rules": {""}, "enabled": {"yes"}, "self_service": {"yes"}, "mode-0": {"allow"}, "model-0": {yubiKey},
		"include": {postern.TargetAllUsers}, "include_name": {"All users"}, "include_type": {"group"}, "do": {"plan"},
	}
	w.pull(http.MethodPost, "policy", map[string]any{"as": "bo.diddley@" + w.tenant.Domain, "passkeys": map[string]any{"isSelfServiceRegistrationAllowed": false}})

	// The form begins again from what is there, and what was sent is kept as a document.
	again := admin.post(path+"/change", form).is(http.StatusConflict, "The tenant's policy changed after you opened this form.", "YubiKey 5", "self_service: true")
	if strings.Contains(again.body, `name="model-0"`) || regexp.MustCompile(`name="self_service"[^>]*checked`).MatchString(again.body) {
		t.Error("the form does not show what is there today")
	}
	if plans, err := w.Policies.Plans(t.Context(), i.ID, 10); err != nil || len(plans) > 0 {
		t.Errorf("%d plans were made all the same: %v", len(plans), err)
	}
	form.Set("from", hidden(t, again.body, "from"))
	admin.post(path+"/change", form).is(http.StatusSeeOther)
}

// TestPolicyPages holds the smaller forms to what they say.
func TestPolicyPages(t *testing.T) {
	w := newWorld(t)
	w.populated()
	i := w.connected()
	path := "/integrations/" + string(i.ID) + "/policy"
	admin, help := w.as(postern.RoleAdministrator), w.as(postern.RoleHelpDesk)

	admin.get(path+"/drift").is(http.StatusOK, "Watch it as it is", "!Look every")
	admin.post(path+"/drift/accept", url.Values{"note": {"As agreed"}}).is(http.StatusSeeOther)
	drift := admin.get(path+"/drift").is(http.StatusOK, "Look every", `value="900" selected`)
	interval := url.Values{"do": {"interval"}, "version": {hidden(t, drift.body, "version")}, "interval_seconds": {"3600"}}
	admin.post(path+"/drift", interval).is(http.StatusSeeOther)
	admin.get(path+"/drift").is(http.StatusOK, `value="3600" selected`)
	admin.post(path+"/drift", interval).is(http.StatusConflict)

	// Whoever may only look sees what is set, and nothing to change it with.
	help.get(path+"/drift").is(http.StatusOK, "every 1 hour", "!Look every", "!Look now")
	help.get(path).is(http.StatusOK, "Enforce key restrictions", "!Change this policy")
	help.get(path + "/change").is(http.StatusForbidden)
	help.post(path+"/drift", interval).is(http.StatusForbidden)

	// What the document of a form gets wrong is said at the field, without lines of a document that nobody saw.
	admin.post(path+"/strengths/enforce", url.Values{
		"strength": {"Phishing resistant MFA"}, "name": {"Demand it"}, "whom": {"everybody"}, "no_break_glass": {"yes"}, "where": {"some"},
		"applications": {"No such application"}, "do": {"plan"},
	}).is(http.StatusUnprocessableEntity, `href="#applications"`, "The tenant has no application called", "!conditional_access[")
}
