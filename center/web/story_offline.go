package web

import (
	"fmt"
	"time"

	"github.com/a-h/templ"

	"github.com/postern/postern"
)

// fixtureOffline is the offline passkey of one of [fixturePairings], ready to be used.
func fixtureOffline(n byte) postern.OfflineSignIn {
	w := fixtureWorkstation(n)
	w.Name = fmt.Sprintf("LAPTOP-%04d", 7000+int(n))
	return postern.OfflineSignIn{
		Pairing: postern.PairingID(fmt.Sprintf("q83vASNFZ4mrze8BI0VniQ%d", n))[:22], IntegrationID: fixtureIntegration().ID, UserID: fixtureUser(0, postern.PhaseActive).ID,
		PhoneID: fixturePhone().ID, WorkstationID: w.ID, Version: 4, State: postern.OfflineActive, Workstation: w.Name,
		PasskeyID: fixtureID[postern.PasskeyID](postern.PrefixPasskey, 9), Seal: postern.SealTPM, Codes: 20, CodesLeft: 17, ExpiresAt: fixtureNow.AddDate(0, 0, 22),
		ReportedAt: pointer(ago(9 * time.Minute)), ProvenAt: pointer(ago(5 * 24 * time.Hour)), Recovery: true, RecoveryLeft: 5, CreatedAt: ago(6 * 24 * time.Hour),
	}
}

// fixtureOfflines is one in every state.
func fixtureOfflines() []postern.OfflineSignIn {
	states := []func(o *postern.OfflineSignIn){
		func(*postern.OfflineSignIn) {},
		func(o *postern.OfflineSignIn) { o.Locked, o.CodesLeft = true, 9 },
		func(o *postern.OfflineSignIn) { o.ClockSetBack = true },
		func(o *postern.OfflineSignIn) { o.ProvenAt, o.Seal = nil, postern.SealKeyFile },
		func(o *postern.OfflineSignIn) { o.CodesLeft, o.RecoveryLeft = 0, 1 },
		func(o *postern.OfflineSignIn) {
			o.ExpiresAt, o.ReportedAt, o.Recovery, o.RecoveryLeft = ago(24*time.Hour), nil, false, 0
		},
		func(o *postern.OfflineSignIn) { o.State, o.PasskeyID, o.Recovery = postern.OfflineAsked, "", false },
		func(o *postern.OfflineSignIn) { o.State, o.PasskeyID, o.Recovery = postern.OfflineConsented, "", false },
		func(o *postern.OfflineSignIn) {
			why := postern.Errorf(postern.CodeEntraThrottled, "")
			o.State, o.PasskeyID, o.Code, o.Message, o.Next = postern.OfflineRegistering, "", why.Code, why.Message, why.Next
		},
		func(o *postern.OfflineSignIn) {
			o.State, o.Reason = postern.OfflineEnding, postern.OfflineEndSettings
		},
		func(o *postern.OfflineSignIn) {
			o.State, o.Reason, o.EndedAt = postern.OfflineEnded, postern.OfflineEndPhone, pointer(ago(48*time.Hour))
		},
		func(o *postern.OfflineSignIn) {
			o.State, o.Reason, o.EndedAt = postern.OfflineEnded, string(postern.RevocationUser), pointer(ago(72*time.Hour))
		},
	}
	out := make([]postern.OfflineSignIn, len(states))
	for n, change := range states {
		out[n] = fixtureOffline(byte(n))
		change(&out[n])
	}
	return out
}

func fixtureRecovery(state postern.RecoveryState) postern.Recovery {
	o := fixtureOffline(1)
	q := postern.Recovery{
		ID: fixtureID[postern.RecoveryID](postern.PrefixRecovery, 1), IntegrationID: o.IntegrationID, Pairing: o.Pairing, UserID: o.UserID, WorkstationID: o.WorkstationID,
		Version: 1, State: state, User: fixtureUser(0, postern.PhaseActive).UPN, Workstation: o.Workstation, Note: "Phone left at home. Called back on the number in the directory, knows the badge number.",
		RequestedBy: fixtureHelpDesk.Actor.Name, RequestedByID: fixtureHelpDesk.Administrator, CreatedAt: ago(6 * time.Minute), ExpiresAt: fixtureNow.Add(54 * time.Minute),
	}
	switch state {
	case postern.RecoveryWaiting:
		q.Privileged = true
	case postern.RecoveryReady:
		q.Privileged, q.DecidedBy = true, fixtureOwner.Actor.Name
	case postern.RecoveryShown:
		q.ShownAt = pointer(ago(5 * time.Minute))
	case postern.RecoveryUsed:
		q.CreatedAt, q.ShownAt, q.UsedAt = ago(50*time.Hour), pointer(ago(50*time.Hour)), pointer(ago(49*time.Hour))
	case postern.RecoveryRejected:
		q.Privileged, q.DecidedBy, q.CreatedAt = true, fixtureOwner.Actor.Name, ago(30*time.Hour)
	case postern.RecoveryWithdrawn:
		q.CreatedAt, q.Note = ago(100*time.Hour), "Wrong workstation."
	}
	return q
}

func addOfflineStories(add, part func(string, templ.Component)) {
	addOfflineSettingsStories(add)

	u := fixtureUser(0, postern.PhaseActive)
	i := fixtureIntegration()
	f := fixtureFrame(sectionIntegrations, u.DisplayName)
	f.Trail = []crumb{{"Integrations", "/integrations"}, {i.ApplicationName, integrationPath(i.ID)}}
	page := userPage{
		frame: f, User: u, Integration: i, Phones: []postern.Phone{fixturePhone()}, Pairings: fixturePairings(), Still: true,
		Passkeys: fixturePasskeys(), Offline: fixtureOfflines(), Recoveries: []postern.Recovery{fixtureRecovery(postern.RecoveryUsed), fixtureRecovery(postern.RecoveryRejected), fixtureRecovery(postern.RecoveryWithdrawn)},
	}
	page.Passkeys[0].Carrier, page.Passkeys[0].WorkstationID, page.Passkeys[0].AAGUID, page.Passkeys[0].Model = postern.CarrierWorkstation, page.Offline[0].WorkstationID, postern.WorkstationAAGUID, ""
	add("offline/user-every-state", user(page))
	helpdesk := page
	helpdesk.frame, helpdesk.Offline = as(fixtureHelpDesk, f), fixtureOfflines()[:1]
	waiting, ready, given := helpdesk, helpdesk, helpdesk
	waiting.Recoveries = []postern.Recovery{fixtureRecovery(postern.RecoveryWaiting)}
	waiting.frame.Note = notes["recovery-asked"]
	add("offline/user-waiting-for-second", user(waiting))
	second := waiting
	second.frame = f
	add("offline/user-second-person", user(second))
	ready.Recoveries = []postern.Recovery{fixtureRecovery(postern.RecoveryReady)}
	add("offline/user-agreed", user(ready))
	given.Recoveries = []postern.Recovery{fixtureRecovery(postern.RecoveryShown)}
	add("offline/user-given-out", user(given))
	off := helpdesk
	off.RecoveryOff, off.Recoveries = true, nil
	add("offline/user-recovery-off", user(off))
	auditor := page
	auditor.frame = as(fixtureAuditor, f)
	add("offline/user-auditor", user(auditor))

	addRecoveryStories(add, part, f)
	addWorkstationPageStories(add)
}

func addOfflineSettingsStories(add func(string, templ.Component)) {
	shown := func(s postern.WorkstationSettings) offlineSettingsPage {
		return offlineSettingsPage{integrationFrame: shell(fixtureIntegration(), tabWorkstationSettings), Form: s, Stored: s, Model: postern.KnownYes}
	}
	fresh := shown(postern.DefaultWorkstationSettings())
	add("offline/settings-fresh", offlineSettingsView(fresh))
	s := postern.DefaultWorkstationSettings()
	s.Version, s.Offline.Enabled, s.Recovery.Enabled, s.Offline.RequireTPM = 3, true, true, true
	on := shown(s)
	on.Open, on.frame.Note = fixtureOfflines(), notes["workstation-settings"]
	add("offline/settings-on", offlineSettingsView(on))
	refused := shown(s)
	refused.Model = postern.KnownNo
	add("offline/settings-not-allowed", offlineSettingsView(refused))
	unread := fresh
	unread.Model = postern.Unknown
	add("offline/settings-not-known", offlineSettingsView(unread))
	alone := fresh
	alone.Form.Recovery.Enabled, alone.Stored.Recovery.Enabled = true, true
	add("offline/settings-recovery-alone", offlineSettingsView(alone))
	wrong := shown(s)
	wrong.Form.Offline.WarnAt, wrong.Typed = 40, map[string]string{"offline.days": "a month"}
	wrong.Problems = problems{
		postern.FieldErrorf("offline.days", "%s: type a whole number, such as 30.", offlineLabels["offline.days"]),
		postern.FieldErrorf("offline.warn_at", "A warning at 40 codes left would stand from the beginning: a workstation takes 20.").WithNext("Warn at fewer codes, or let a workstation take more."),
	}
	add("offline/settings-wrong", offlineSettingsView(wrong))
	ask := on
	ask.frame.Note = ""
	ask.Form.Offline.Enabled, ask.Loss = false, &offlineLoss{Passkeys: 12}
	add("offline/settings-question", offlineSettingsView(ask))
	tpm := ask
	tpm.Form.Offline.Enabled, tpm.Form.Recovery.Enabled, tpm.Loss = true, false, &offlineLoss{Passkeys: 1, Recovery: 11, TPM: true}
	add("offline/settings-question-tpm", offlineSettingsView(tpm))
	late := on
	late.frame.Note = ""
	late.Stored, late.Stale = postern.DefaultWorkstationSettings(), true
	late.Stored.Version = 4
	add("offline/settings-stale", offlineSettingsView(late))
	auditor := on
	auditor.frame = as(fixtureAuditor, late.frame)
	add("offline/settings-auditor", offlineSettingsView(auditor))
}

func addRecoveryStories(add, part func(string, templ.Component), f frame) {
	u := fixtureUser(0, postern.PhaseActive)
	ask := recoveryPage{frame: inDialog(as(fixtureHelpDesk, f)), User: u, One: fixtureOffline(1), Path: "/users/x/pairings/y/recovery"}
	ask.frame.Title = "Give a recovery PIN for " + ask.One.Workstation
	part("offline/recovery-ask", askRecovery(ask))
	privileged := ask
	privileged.User.Privileged, privileged.One.Locked, privileged.One.ProvenAt = true, true, nil
	part("offline/recovery-ask-privileged", askRecovery(privileged))
	many := ask
	many.Note, many.Problems = "Forgot the phone again.", problems{postern.Errorf(postern.CodeTooMany, "So many recovery codes were asked for within the last hour that no more are given.").
		WithNext("Wait for an hour, or have a colleague ask. For one workstation only so many are given to all of you.")}
	part("offline/recovery-too-many", askRecovery(many))
	empty := ask
	empty.Problems = problems{postern.FieldErrorf("note", "Say why, in up to 500 bytes.")}
	part("offline/recovery-no-reason", askRecovery(empty))
	shown := ask
	shown.frame.Title = "Recovery PIN for " + ask.One.Workstation
	shown.Shown = &postern.RecoveryCode{Recovery: fixtureRecovery(postern.RecoveryShown), Code: "4711081523"}
	part("offline/recovery-shown", shownPIN(shown))
	whole := shown
	whole.frame.InDialog, whole.Shown = false, &postern.RecoveryCode{Recovery: shown.Shown.Recovery, Code: "4711081523420"}
	add("offline/recovery-shown-page", shownPIN(whole))
	part("offline/recovery-show", confirmAct(actPage{
		frame: inDialog(fixtureFrame(sectionIntegrations, "Show the recovery PIN?")), Path: "/x", Back: "/y", Text: readyText(fixtureRecovery(postern.RecoveryReady)), Button: "Show it", Plain: true,
	}))

	decide := recoveryDecision{frame: inDialog(fixtureFrame(sectionIntegrations, "Agree to a recovery PIN for "+u.UPN+"?")), Request: fixtureRecovery(postern.RecoveryWaiting), Path: "/x"}
	part("offline/recovery-agree", recoveryDecisionView(decide))
	self := decide
	self.Note, self.Problems = "Known by voice.", problems{postern.Errorf(postern.CodeRecoverySelf, "")}
	part("offline/recovery-agree-self", recoveryDecisionView(self))
	refuse := decide
	refuse.frame.Title, refuse.Reject = "Refuse the recovery PIN for "+u.UPN+"?", true
	part("offline/recovery-refuse", recoveryDecisionView(refuse))
	end := actPage{
		frame: inDialog(fixtureFrame(sectionIntegrations, "Take the offline passkey of LAPTOP-7001 away?")), Path: "/x", Back: "/y", Text: endOfflineText(u, fixtureOffline(1)), Button: "Take it away", Asks: true,
	}
	part("offline/take-away", confirmAct(end))

	waiting := enrolmentPage{integrationFrame: shell(fixtureIntegration(), tabEnrolment), Policy: fixturePolicy(), Redirect: "https://postern.contoso.example/proof/callback"}
	own := fixtureRecovery(postern.RecoveryWaiting)
	own.RequestedBy, own.RequestedByID, own.ID = fixtureOwner.Actor.Name, fixtureOwner.Administrator, fixtureID[postern.RecoveryID](postern.PrefixRecovery, 2)
	own.User, own.Workstation = fixtureUser(5, postern.PhaseActive).UPN, fixtureWorkstation(3).Name
	waiting.Recoveries, waiting.Waiting = []postern.Recovery{fixtureRecovery(postern.RecoveryWaiting), own}, []postern.AwaitedApproval{fixtureApproval(true)}
	add("offline/enrolment-waiting", enrolmentView(waiting))
	watching := waiting
	watching.frame = as(fixtureAuditor, waiting.frame)
	add("offline/enrolment-auditor", enrolmentView(watching))
}

func addWorkstationPageStories(add func(string, templ.Component)) {
	i := fixtureIntegration()
	one := func(n byte) workstationPage {
		w := fixtureWorkstation(n)
		p := workstationPage{frame: fixtureFrame(sectionIntegrations, w.Name), Integration: i, One: w, Settings: postern.DefaultWorkstationSettings(), Phones: 1}
		p.Trail = []crumb{{"Integrations", "/integrations"}, {i.ApplicationName, integrationPath(i.ID)}, {string(tabWorkstations), workstationsPath(i.ID)}}
		return p
	}
	off := one(1)
	add("offline/workstation-off", workstationView(off))
	none := one(0)
	none.Settings.Offline.Enabled = true
	add("offline/workstation-none", workstationView(none))
	browser := one(2)
	browser.Settings.Offline.Enabled = true
	add("offline/workstation-browser", workstationView(browser))
	revoked := one(5)
	revoked.Settings.Offline.Enabled = true
	add("offline/workstation-revoked", workstationView(revoked))
	shared := one(1)
	shared.Settings.Offline.Enabled, shared.Settings.Recovery.Enabled, shared.Phones = true, true, 2
	for n, o := range fixtureOfflines() {
		u := fixtureUser(n, postern.PhaseActive)
		o.UserID, o.Workstation = u.ID, shared.One.Name
		if n == 0 || n == 3 || n == 10 {
			shared.Rows = append(shared.Rows, offlineRow{frame: shared.frame, One: o, Title: u.DisplayName, Path: userPath(u.ID) + "#offline"})
		}
	}
	add("offline/workstation-shared", workstationView(shared))

	list := workstationsPage{integrationFrame: shell(i, tabWorkstations), Still: true, Open: make(map[postern.WorkstationID][]postern.OfflineSignIn)}
	for n, o := range fixtureOfflines()[:6] {
		w := fixtureWorkstation(byte(n))
		w.Kind, w.Name, w.Software = postern.WorkstationAgent, o.Workstation, fixtureWorkstation(0).Software
		list.List, list.Open[w.ID] = append(list.List, w), []postern.OfflineSignIn{o}
	}
	list.Total = len(list.List)
	add("offline/workstations", workstations(list))
}
