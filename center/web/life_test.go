package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"testing"

	"github.com/postern/postern"
)

// TestEveryPage opens every page that needs no identifier of its own as an owner, and as an auditor, who may look and
// is offered nothing to change.
func TestEveryPage(t *testing.T) {
	w := newWorld(t)
	i := w.connected()
	base := "/integrations/" + string(i.ID)
	owner, auditor := w.as(postern.RoleOwner), w.as(postern.RoleAuditor)
	for path, says := range map[string]string{
		base + "/directory/users":                "Look again now",
		base + "/lifecycle":                      "Groups in Entra",
		base + "/enrolment":                      "Who may or must have a passkey",
		base + "/messages":                       "What users read",
		base + "/messages/invitation/en":         "Preview",
		base + "/messages/invitation/de/preview": "",
		base + "/drift":                          "Look now",
		base + "/audit":                          "What happened",
		base + "/jobs/new":                       "See what will happen",
		base + "/lifecycle/revoke":               "Type Postern Passkeys to confirm",
		"/jobs":                                  "Jobs",
		"/mail":                                  "Mail server",
		"/audit":                                 "Export as",
		"/audit/1":                               "",
		"/audit/codes":                           "",
		"/audit/filters":                         "",
		"/audit/streams":                         "There is no stream",
		"/audit/streams/new":                     "Add the stream",
		"/audit/retention":                       "",
		"/help/pairing":                          "Pair your phone",
		"/help/pairing/" + string(i.ID):          "Postern Passkeys",
	} {
		owner.get(path).is(200, says)
	}
	for _, path := range []string{base + "/directory/users", base + "/lifecycle", base + "/enrolment", base + "/drift", "/jobs", "/audit", "/audit/streams", "/audit/retention"} {
		auditor.get(path).is(200, "!Look again now", "!Look now", "!Add a stream", `!class="primary">Save`)
	}
	auditor.get("/audit/streams/new").is(403)
	auditor.get(base + "/lifecycle/revoke").is(403)
}

// TestHoldBack suspends a user, gives access back, and takes everything away, each with a reason.
func TestHoldBack(t *testing.T) {
	w := newWorld(t)
	i := w.connected()
	u, _, _ := w.paired(i)
	owner, auditor := w.as(postern.RoleOwner), w.as(postern.RoleAuditor)
	page := "/users/" + string(u.ID)
	auditor.get(page).is(200, "!/suspend", "!/revoke")
	auditor.post(page+"/suspend", url.Values{"note": {"x"}}).is(403)
	owner.get(page).is(200, page+"/suspend", "Revoke everything")

	owner.get(page+"/suspend").is(200, "Reason", "Suspend")
	owner.get(owner.post(page+"/suspend", url.Values{"note": {"Lost <laptop>"}}).leads(page+"?done=suspended")).
		is(200, "The user is suspended.", "Lost &lt;laptop&gt;", page+"/resume", "!"+page+"/suspend")
	owner.get("/integrations/"+string(i.ID)+"?phase=suspended").is(200, u.DisplayName)
	owner.get(owner.post(page+"/resume", url.Values{}).leads(page+"?done=resumed")).is(200, "The suspension has ended.", page+"/suspend")

	owner.get(page+"/revoke").is(200, "Reason", "1 phone")
	owner.post(page+"/revoke", url.Values{"note": {"Left the company"}}).leads(page + "?done=user-revoked")
	phones, err := w.Phones.Phones(t.Context(), u.ID)
	if err != nil || len(phones) != 1 || phones[0].State != postern.PhoneRevoked {
		t.Errorf("%+v, %v", phones, err)
	}
	owner.get("/audit?text=Left").is(200, u.UPN)
	owner.post("/audit/export", url.Values{"format": {"jsonl"}}).is(http.StatusOK, `"Left the company"`)
}

// TestUsersByAccount: who is in a phase can be narrowed to those whose account stands in one way.
func TestUsersByAccount(t *testing.T) {
	w := newWorld(t)
	i := w.connected()
	u, _, _ := w.paired(i)
	owner := w.as(postern.RoleOwner)
	list := "/integrations/" + string(i.ID) + "?phase=paired"
	owner.get(list).is(200, u.UPN, "Account in Entra")
	owner.get(list+"&account=deleted").is(200, "!"+u.UPN, "Show everybody in this phase")
	owner.get(list+"&account=nonsense").is(200, u.UPN)
}

// TestJobFromAList plans a job, has its number confirmed, and follows it to its page.
func TestJobFromAList(t *testing.T) {
	w := newWorld(t)
	i := w.connected()
	owner, auditor := w.as(postern.RoleOwner), w.as(postern.RoleAuditor)
	someone, err := w.Users.Search(t.Context(), i.ID, "a", 1)
	if err != nil {
		t.Fatal(err)
	}
	path := "/integrations/" + string(i.ID) + "/jobs/new"
	form := url.Values{"kind": {"invite"}, "by": {"csv"}, "csv": {"user\n" + someone[0].UPN + "\n"}, "valid_minutes": {"1440"}}
	plan := owner.post(path, form).is(200, "1 user", `name="confirmed" value="1"`)
	if regexp.MustCompile(`[0-9A-Z]{4}(-[0-9A-Z]{4}){3}`).MatchString(plan.main()) {
		t.Error("the plan shows a code")
	}
	form.Set("confirmed", "1")
	auditor.post(path, form).is(403)
	job := owner.post(path, form).leads("/jobs/")
	owner.get(job).is(200, someone[0].UPN, "Results as CSV")
	owner.get("/jobs").is(200, job)
}
