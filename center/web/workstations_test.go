package web_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
)

// paired puts a user with a phone that is paired with a workstation into the database.
func (w *world) paired(i postern.Integration) (postern.User, postern.Workstation, postern.Pairing) {
	w.Helper()
	someone, err := w.Users.Search(w.Context(), i.ID, "a", 1)
	if err != nil {
		w.Fatal(err)
	}
	return w.pairedFor(i, someone[0])
}

// pairedFor is paired for somebody of the directory.
func (w *world) pairedFor(i postern.Integration, someone postern.DirectoryUser) (postern.User, postern.Workstation, postern.Pairing) {
	w.Helper()
	now := time.Now().UTC().Truncate(time.Millisecond)
	must := func(err error) {
		w.Helper()
		if err != nil {
			w.Fatal(err)
		}
	}
	u := postern.User{
		ID: postern.NewID[postern.UserID](postern.PrefixUser), IntegrationID: i.ID, Version: 1, ObjectID: someone.ObjectID,
		UPN: someone.UPN, DisplayName: someone.DisplayName, Phase: postern.PhasePaired, GroupPhase: postern.PhasePaired, CreatedAt: now, UpdatedAt: now,
	}
	must(w.Store.CreateUser(w.Context(), u))
	phoneID := postern.NewID[postern.PhoneID](postern.PrefixPhone)
	phone := postern.Phone{
		ID: phoneID, IntegrationID: i.ID, UserID: u.ID, Version: 1, Name: "Pixel 9",
		State: postern.PhoneActive, Assurance: postern.AssuranceGated, IdentityKey: []byte(phoneID), SealKey: make([]byte, 32), CreatedAt: now,
	}
	must(w.Store.CreatePhone(w.Context(), phone))
	s := postern.Workstation{
		ID: postern.NewID[postern.WorkstationID](postern.PrefixWorkstation), IntegrationID: i.ID, Version: 1, Kind: postern.WorkstationAgent,
		Name: "LAPTOP <7>", Software: "agent", OS: "Windows 11", JoinState: postern.JoinHybrid, State: postern.WorkstationActive,
		IdentityKey: []byte(phone.ID), LinkKey: make([]byte, 32), CreatedAt: now, LastSeenAt: &now, PairedAt: &now,
	}
	must(w.Store.CreateWorkstation(w.Context(), s))
	p := postern.Pairing{
		ID: postern.NewPairingID([16]byte([]byte(phone.ID)[4:20])), IntegrationID: i.ID, WorkstationID: s.ID, PhoneID: phone.ID, Version: 1,
		State: postern.PairingActive, CreatedAt: now, ExpiresAt: now, ConfirmedAt: &now,
	}
	must(w.Store.CreatePairing(w.Context(), p))
	return u, s, p
}

// address finds what a fragment asks for again.
func (a answer) address(pattern string) string {
	a.t.Helper()
	found := regexp.MustCompile(`hx-get="(` + pattern + `[^"]*)"`).FindStringSubmatch(a.body)
	if found == nil {
		a.t.Fatalf("nothing asks for %s:\n%s", pattern, a.main())
	}
	return html.UnescapeString(found[1])
}

func TestWorkstations(t *testing.T) {
	w := newWorld(t)
	i := w.connected()
	path := "/integrations/" + string(i.ID) + "/workstations"
	owner, auditor := w.as(postern.RoleOwner), w.as(postern.RoleAuditor)
	part := []string{"HX-Request", "true", "HX-Target", "div#workstations"}
	empty := owner.get(path).is(200, "No workstation yet", "Install the agent", w.url, `aria-current="page">Workstations<`)
	poll := empty.address(path + `\?seen=`)
	owner.get(poll, part...).is(http.StatusNoContent)

	u, s, p := w.paired(i)
	owner.get(poll, part...).is(200, "LAPTOP &lt;7&gt;", "!<main")
	owner.get(path).is(200, "LAPTOP &lt;7&gt;", "Agent", "Windows 11", "Hybrid Entra Domain-joined", "sign-in screen and browser", "1 phone", "Revoke")
	owner.get(path+"?q=hybrid").is(200, "LAPTOP")
	owner.get(path+"?q=zebra").is(200, "No workstation matches", "!LAPTOP")
	auditor.get(path).is(200, "LAPTOP", "!/revoke")
	owner.get("/users/"+string(u.ID)).is(200, "Pairing incomplete", "LAPTOP &lt;7&gt;", "Pixel 9", "End pairing")
	owner.get("/integrations/"+string(i.ID)+"?phase=paired").is(200, "Pairing incomplete")

	// End the pairing: confirmed, once, and the page notices by itself.
	end := "/users/" + string(u.ID) + "/pairings/" + string(p.ID) + "/end"
	progress := owner.get("/users/" + string(u.ID)).address("/users/" + string(u.ID) + `/progress\?`)
	owner.get(progress, "HX-Request", "true").is(http.StatusNoContent)
	auditor.post(end, url.Values{}).is(403)
	owner.get(end).is(200, "End the pairing with LAPTOP", "Keep it")
	to := owner.post(end, url.Values{}).leads("/users/" + string(u.ID) + "?done=pairing-ended")
	owner.get(to).is(200, "The pairing has ended.", "No phone is paired with a workstation")
	owner.get(progress, "HX-Request", "true").is(200, "No phone is paired with a workstation")
	owner.get(end).is(404)
	if ended, err := w.Store.Pairing(t.Context(), p.ID); err != nil || ended.State != postern.PairingEnded || ended.Reason != postern.PairingEndAdministrator {
		t.Errorf("%+v, %v", ended, err)
	}

	revoke := path + "/" + string(s.ID) + "/revoke"
	auditor.get(revoke).is(403)
	owner.get(revoke, "HX-Request", "true", "HX-Target", "dialog#dialog").is(200, "cut off at once", "!<main")
	owner.get(path + "/wks_none/revoke").is(404)
	other := w.as(postern.RoleHelpDesk)
	other.post(revoke, url.Values{}).leads(path + "?done=workstation-revoked")
	owner.get(path).is(200, "revoked", "none", "!"+revoke)
}

// TestInvitationLink: the code travels in the fragment of one link, on the page that is shown once.
func TestInvitationLink(t *testing.T) {
	w := newWorld(t)
	i := w.connected()
	path := "/integrations/" + string(i.ID) + "/invite"
	owner := w.as(postern.RoleOwner)
	someone, err := w.Users.Search(t.Context(), i.ID, "a", 1)
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{"user": {someone[0].UPN}, "pick": {someone[0].ObjectID}}
	a := owner.post(path, form).is(200, `<svg class="qr"`, "Send this to the user")
	code := regexp.MustCompile(`[0-9A-Z]{4}(-[0-9A-Z]{4}){3}`).FindString(a.body)
	if code == "" || !strings.Contains(a.body, w.url+"/app/#i="+code) {
		t.Errorf("the page has no link with the code %q", code)
	}
	if strings.Count(a.body, `href="`) == 0 || regexp.MustCompile(`(href|hx-get)="[^"#]*`+code).MatchString(a.body) {
		t.Error("the code stands in the path or query of an address")
	}
	owner.get(path+"?self").is(200, "Enroll yourself", `name="self"`, "Enroll Myself")
	form.Set("self", "1")
	mine := owner.post(path, form).is(200, "Open the app here", `href="`+w.url+"/app/#i=", `target="_blank"`, "!Send this to the user")
	if strings.Contains(mine.body, code) {
		t.Error("the second invitation has the code of the first")
	}
}
