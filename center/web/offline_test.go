package web_test

import (
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/auth"
	"github.com/postern/postern/center/offline"
	"github.com/postern/postern/internal/browser"
)

// settingsForm is what the Workstation Settings tab sends.
func settingsForm(version string, on bool, more ...string) url.Values {
	v := url.Values{
		"version": {version}, "offline.length": {"8"}, "offline.codes": {"20"}, "offline.display_seconds": {"30"}, "offline.days": {"30"},
		"offline.warn_at": {"5"}, "recovery.length": {"10"},
	}
	if on {
		v.Set("offline.enabled", "true")
		v.Set("recovery.enabled", "true")
	}
	for n := 0; n < len(more); n += 2 {
		v.Set(more[n], more[n+1])
	}
	return v
}

// offlineAt gives the workstation of a pairing what it has after its user agreed, and so many recovery codes.
func (w *world) offlineAt(u postern.User, s postern.Workstation, p postern.Pairing) {
	w.Helper()
	now := time.Now().UTC().Truncate(time.Second)
	r := offline.Record{
		OfflineSignIn: postern.OfflineSignIn{
			Pairing: p.ID, IntegrationID: p.IntegrationID, UserID: u.ID, PhoneID: p.PhoneID, WorkstationID: s.ID, Version: 1, State: postern.OfflineActive,
			PasskeyID: postern.NewID[postern.PasskeyID](postern.PrefixPasskey), Seal: postern.SealKeyFile, Codes: 20, CodesLeft: 17, ExpiresAt: now.AddDate(0, 0, 30),
			CreatedAt: now.Add(-time.Hour), Recovery: true, RecoveryLeft: 5,
		},
		Batch: offline.Batch{ID: make([]byte, 16), Length: 8, Codes: 20, ExpiresAt: now.AddDate(0, 0, 30)},
	}
	if err := w.Store.CreateOfflineSignIn(w.Context(), r); err != nil {
		w.Fatal(err)
	}
}

// takesSheet has the workstation report in, take a sheet of recovery codes and say that it has it.
func (w *world) takesSheet(s postern.Workstation, p postern.Pairing) {
	w.Helper()
	report := postern.OfflineReport{BatchID: make([]byte, 16), CodesLeft: 17, ExpiresAt: time.Now().AddDate(0, 0, 30)}
	for range 2 {
		if _, err := w.Offline.Report(w.Context(), s, p.ID, report); err != nil {
			w.Fatal(err)
		}
		r, err := w.Store.OfflineSignIn(w.Context(), p.ID)
		if err != nil {
			w.Fatal(err)
		}
		if r.Sheets.Fresh != nil {
			report.RecoveryID = r.Sheets.Fresh.ID
		}
	}
}

// person is a visitor whom no other is.
func (w *world) person(role postern.Role) visitor {
	w.Helper()
	id := postern.NewID[postern.AdministratorID](postern.PrefixAdministrator)
	who := auth.Identity{
		Actor:       postern.Actor{Kind: postern.ActorAdministrator, ID: string(id), Name: "The " + string(role)},
		Permissions: role.Permissions(), Administrator: id, Role: role,
	}
	return w.before(who)
}

// desk is somebody with a phone that is paired with a workstation.
type desk struct {
	user    postern.User
	station postern.Workstation
	pairing postern.Pairing
}

// desks are that of an ordinary user, and that of one with a privileged role.
func (w *world) desks(i postern.Integration) (found [2]desk) {
	w.Helper()
	everybody, err := w.Users.Search(w.Context(), i.ID, "a", 60)
	if err != nil {
		w.Fatal(err)
	}
	for _, d := range everybody {
		if !d.Enabled || d.Guest || found[0].user.ID != "" && found[1].user.ID != "" {
			continue
		}
		u, s, p := w.pairedFor(i, d)
		if u, err = w.Passkeys.Roles(w.Context(), u.ID); err != nil {
			w.Fatal(err)
		}
		n := 0
		if u.Privileged {
			n = 1
		}
		if found[n].user.ID == "" {
			found[n] = desk{u, s, p}
		}
	}
	if found[0].user.ID == "" || found[1].user.ID == "" {
		w.Fatal("the tenant lacks one of the two")
	}
	return found
}

func TestWorkstationSettings(t *testing.T) {
	w := newWorld(t)
	i := w.connected()
	path := "/integrations/" + string(i.ID) + "/workstation-settings"
	owner, auditor := w.as(postern.RoleOwner), w.as(postern.RoleAuditor)
	fresh := owner.get(path).is(200, `aria-current="page">Workstation Settings<`, "always on", "There is nothing to switch", postern.WorkstationAAGUID, `name="version" value="0"`, "In the tenant")
	for _, before := range [][2]string{{`id="security-key"`, `id="offline-mode"`}, {`id="offline-mode"`, `id="recovery-mode"`}, {`id="recovery-mode"`, ">Save<"}, {`id="workstation-model"`, ">Save<"}} {
		if a, b := strings.Index(fresh.body, before[0]), strings.Index(fresh.body, before[1]); a < 0 || b < a {
			t.Errorf("%s should stand before %s", before[0], before[1])
		}
	}
	auditor.get(path).is(200, "Offline Mode", "!>Save<", "!<form method=\"post\" action=\""+path)
	auditor.post(path, settingsForm("0", true)).is(403)

	owner.post(path, settingsForm("0", true, "offline.warn_at", "40")).is(422, `id="offline.warn_at-wrong"`, "Warn at fewer codes", `value="40"`)
	owner.post(path, settingsForm("0", true, "offline.days", "a month", "offline.codes", "")).is(422, `id="offline.days-wrong"`, `id="offline.codes-wrong"`, `value="a month"`, "such as 30")
	owner.get(owner.post(path, settingsForm("0", true)).leads(path+"?done=workstation-settings")).is(200, "The workstation settings were saved.", `name="version" value="1"`, "!nobody sign in")
	owner.post(path, settingsForm("0", false)).is(409, "Somebody else changed this", "Stored now: Offline Mode is on: codes of 8 digits", `name="version" value="1"`)
	auditor.get(path).is(200, "Shown on the phone for", "30 seconds", "A recovery PIN has 10 digits.")

	// What is taken away is named, and nothing happens before somebody agrees to just that.
	u, s, p := w.paired(i)
	w.offlineAt(u, s, p)
	owner.post(path, settingsForm("1", true, "offline.require_tpm", "true")).is(200, "1 offline passkey will be taken away.", "No TPM seals them.")
	owner.post(path, settingsForm("1", true, "recovery.enabled", "")).is(200, "1 workstation will forget the recovery PINs.")
	owner.post(path, settingsForm("1", false)).is(200, "1 offline passkey will be taken away.", `name="agreed" value="1 0"`, "!>Save<")
	owner.post(path, settingsForm("1", false, "agreed", "0 7")).is(200, "1 offline passkey will be taken away.")
	if now, err := w.Offline.Settings(t.Context(), i.ID); err != nil || !now.Offline.Enabled || now.Version != 1 {
		t.Errorf("it was switched off before anybody agreed: %+v, %v", now, err)
	}
	owner.post(path, settingsForm("1", false, "agreed", "1 0")).leads(path + "?done=workstation-settings")
	if now, err := w.Offline.Settings(t.Context(), i.ID); err != nil || now.Offline.Enabled {
		t.Errorf("%+v, %v", now, err)
	}
}

func TestRecoveryPIN(t *testing.T) {
	w := newWorld(t)
	i := w.connected()
	desks := w.desks(i)
	u, s, p := desks[0].user, desks[0].station, desks[0].pairing
	owner := w.as(postern.RoleOwner)
	page, desk := "/users/"+string(u.ID), "/integrations/"+string(i.ID)+"/workstations/"+string(s.ID)
	owner.get(desk).is(200, "LAPTOP &lt;7&gt;", "It is switched off for this integration.")
	owner.post("/integrations/"+string(i.ID)+"/workstation-settings", settingsForm("0", true)).leads("/")
	owner.get(desk).is(200, "The workstation has none yet.")
	poll := owner.get(page).is(200, "!Signing in without a network").address(page + `/progress\?`)
	w.offlineAt(u, s, p)
	owner.get(poll, "HX-Request", "true").is(200, "Signing in without a network", "17 of 20 codes left", "kept in a file, with no TPM", "not tried yet")
	owner.get(desk).is(200, u.DisplayName, "17 of 20 codes left", page+"#offline")
	owner.get("/integrations/"+string(i.ID)+"/workstations").is(200, "offline: not tried yet", desk)
	w.takesSheet(s, p)

	helpdesk, auditor := w.person(postern.RoleHelpDesk), w.person(postern.RoleAuditor)
	ask := page + "/pairings/" + string(p.ID) + "/recovery"
	auditor.get(page).is(200, "5 recovery PINs left", "!Give a recovery PIN")
	auditor.post(ask, url.Values{"note": {"x"}}).is(403)
	helpdesk.get(page).is(200, ask)
	helpdesk.get(ask, "HX-Request", "true", "HX-Target", "dialog#dialog").is(200, "Call back at a number", "Windows lets nobody in offline before that", "!<main")
	helpdesk.post(ask, url.Values{"note": {" "}}).is(422, `id="note-wrong"`)
	shown := helpdesk.post(ask, url.Values{"note": {"Phone left <at> home."}}).is(200, "cannot be shown again", "Take the network away")
	element := regexp.MustCompile(`(?s)id="recovery-pin"[^>]*>(.*?)</code>`).FindStringSubmatch(shown.body)
	if element == nil {
		t.Fatalf("there is no code:\n%s", shown.main())
	}
	code := regexp.MustCompile(`<[^>]*>`).ReplaceAllString(element[1], "")
	if !regexp.MustCompile(`^\d{10}$`).MatchString(code) {
		t.Errorf("copied would be %d characters, which are not ten digits", len(code))
	}
	if got := shown.Header().Get("Cache-Control"); got != "no-store" {
		t.Errorf("a page with a code is kept: %q", got)
	}
	helpdesk.get(page).is(200, "Phone left &lt;at&gt; home.", "given out", "4 recovery PINs left", "!"+code)
	owner.get("/audit?event=recovery.").is(200, "A recovery code was shown to who asked for it.", "!"+code)
	owner.get("/audit/codes").is(200, "Signing in without a network", "Recovery PINs")

	// For holders of a privileged role a second person agrees, and never the one who asked.
	privileged, theirs, pairing := desks[1].user, desks[1].station, desks[1].pairing
	w.offlineAt(privileged, theirs, pairing)
	w.takesSheet(theirs, pairing)
	page = "/users/" + string(privileged.ID)
	ask = page + "/pairings/" + string(pairing.ID) + "/recovery"
	helpdesk.post(ask, url.Values{"note": {"Locked out."}}).leads(page + "?done=recovery-asked")
	helpdesk.get(page).is(200, "waiting for a second person", "You asked for it, so somebody else has to agree.", "/withdraw", "!/approve")
	approvals := "/integrations/" + string(i.ID) + "/enrolment"
	helpdesk.get(approvals).is(200, "Recovery PINs waiting for a second person", privileged.UPN, "You asked for it", "!/approve")
	second := w.person(postern.RoleAdministrator)
	found := regexp.MustCompile(`href="(/integrations/\w+/recoveries/(rcv_\w+)/approve)"`).FindStringSubmatch(second.get(approvals).is(200, "Locked out.").body)
	if found == nil {
		t.Fatal("nobody can agree")
	}
	approve, id := found[1], found[2]
	helpdesk.post(approve, url.Values{"note": {"I am sure."}}).is(403, "a second person has to agree")
	auditor.get(approve).is(403)
	second.post(page+"/recoveries/"+id+"/code", url.Values{}).is(403, "shown to the person who asked for it")
	helpdesk.post(page+"/recoveries/"+id+"/code", url.Values{}).is(403)
	second.get(approve).is(200, "with a call of your own")
	second.post(approve, url.Values{"note": {""}}).is(422, `id="note-wrong"`)
	second.post(approve, url.Values{"note": {"Known by voice."}}).leads(approvals + "?done=recovery-approved")
	second.get(approvals).is(200, "!Recovery PINs waiting")
	second.get(page).is(200, "can show it now", "!Show the PIN")
	helpdesk.get(page).is(200, "Show the PIN…")
	helpdesk.get(page+"/recoveries/"+id+"/code").is(200, "It is shown once, to you.", "Show it", "!digit by digit")
	helpdesk.post("/users/"+string(u.ID)+"/recoveries/"+id+"/code", url.Values{}).is(404)
	helpdesk.post(page+"/recoveries/"+id+"/code", url.Values{}).is(200, `id="recovery-pin"`)
	helpdesk.post(page+"/recoveries/"+id+"/code", url.Values{}).is(409, "shown already")

	// Asked for again, and withdrawn; then the passkey is taken away, with what goes with it.
	helpdesk.post(ask, url.Values{"note": {"Once more."}}).leads(page)
	withdraw := regexp.MustCompile(`href="(` + page + `/recoveries/rcv_\w+/withdraw)"`).FindStringSubmatch(helpdesk.get(page).body)[1]
	helpdesk.post(withdraw, url.Values{}).is(422, "Say why")
	helpdesk.post(withdraw, url.Values{"note": {"Phone found."}}).leads(page + "?done=recovery-withdrawn")
	end := strings.TrimSuffix(ask, "/recovery") + "/offline"
	auditor.post(end, url.Values{}).is(403)
	helpdesk.get(end).is(200, "It is deleted from Entra", "Phone and pairing stay.")
	helpdesk.get(strings.Replace(end, string(privileged.ID), string(u.ID), 1)).is(404)
}

// TestOfflineInTheBrowser switches offline sign-in on, sees it saved, and switches it off with the question.
func TestOfflineInTheBrowser(t *testing.T) {
	w := newWorld(t)
	i := w.connected()
	one := w.desks(i)[0]
	server := httptest.NewServer(w.as(postern.RoleOwner).console)
	defer server.Close()
	b := browser.Open(t)
	b.Watch()
	b.Look("light", 1280)
	look := func(name string) {
		t.Helper()
		b.WholePage("life/" + name)
		for _, wrong := range b.Wrong() {
			t.Errorf("%s: %s", name, wrong)
		}
	}
	b.Open(server.URL + "/integrations/" + string(i.ID) + "/workstation-settings")
	b.Until("the fields to be away", `!document.getElementById("offline.length").checkVisibility()`)
	b.Follow(`[name="offline.enabled"]`)
	b.Until("the fields to be there", `document.getElementById("offline.length").checkVisibility()`)
	b.Fill("offline.length", "7")
	b.Press("Save")
	b.See("The workstation settings were saved.")
	if got := browser.Evaluate[string](b, `document.getElementById("offline.length").value`); got != "7" {
		t.Errorf("the length is %q after saving", got)
	}
	look("offline-saved")
	b.Follow(`[name="recovery.enabled"]`)
	b.Press("Save")
	b.Until("the change to be saved", `document.querySelector("[name=version]").value === "2"`)
	w.offlineAt(one.user, one.station, one.pairing)
	w.takesSheet(one.station, one.pairing)

	// A recovery PIN is asked for and shown in the dialog.
	b.Open(server.URL + "/users/" + string(one.user.ID))
	b.Press("Give a recovery PIN…")
	b.Shown("dialog[open] [name=note]")
	look("recovery-ask")
	b.Press("Show the recovery PIN")
	b.Shown("dialog[open] #note-wrong")
	b.Fill("note", "Phone left at home.")
	b.Press("Show the recovery PIN")
	b.Shown("dialog[open] #recovery-pin") // and no picture: it would hold the digits
	for _, wrong := range b.Wrong() {
		t.Errorf("recovery-shown: %s", wrong)
	}
	b.Until("the digits to be there to copy", `/^\d{10}$/.test(document.getElementById("recovery-pin").textContent.trim())`)
	b.Follow("dialog[open] a.primary")
	b.See("given out")

	b.Open(server.URL + "/integrations/" + string(i.ID) + "/workstation-settings")
	b.Follow(`[name="offline.enabled"]`)
	b.Press("Save")
	b.See("1 offline passkey will be taken away.")
	look("offline-question")
	b.Press("Save and take 1 offline passkey away")
	b.Until("the change to be saved", `document.querySelector("[name=version]").value === "3"`)
	if now, err := w.Offline.Settings(t.Context(), i.ID); err != nil || now.Offline.Enabled {
		t.Errorf("%+v, %v", now, err)
	}
}
