package web

import (
	"time"

	"github.com/a-h/templ"

	"github.com/postern/postern"
)

func addLifecycleStories(add, part func(string, templ.Component)) {
	i := fixtureIntegration()
	members, looked := 481, ago(20*time.Minute)
	for n := range i.Groups {
		i.Groups[n].Members, i.Groups[n].LookedAt = &members, &looked
	}
	well := lifecyclePage{integrationFrame: shell(i, tabLifecycle), Policy: postern.DefaultLeaverPolicy()}
	add("lifecycle/well", lifecycleTab(well))
	looking := well
	looking.Looked = true
	add("lifecycle/checked", lifecycleTab(looking))
	auditor := well
	auditor.frame = as(fixtureAuditor, auditor.frame)
	add("lifecycle/auditor", lifecycleTab(auditor))
	broken := fixtureIntegration()
	broken.Groups[0].Problem = "Somebody made the group dynamic: its members follow a rule, and nobody else can change them."
	broken.Groups[0].Next = "In the Entra admin center, open the group's properties and set the membership type back to Assigned."
	broken.Groups[1].ID = ""
	troubled := lifecyclePage{integrationFrame: shell(broken, tabLifecycle), Policy: postern.DefaultLeaverPolicy(), Looked: true, Found: []postern.GroupFinding{
		{Phase: postern.PhasePaired, Name: broken.Groups[1].Name, Kind: postern.GroupDeleted, Message: "Somebody deleted the group. It is made again, and everybody of its phase is put into it.", Mended: true},
	}}
	add("lifecycle/groups-in-trouble", lifecycleTab(troubled))
	stale := well
	theirs := postern.LeaverPolicy{Version: 4, Disabled: postern.LeaverReport, Deleted: postern.LeaverSuspend, GraceMinutes: 60}
	stale.Theirs = &theirs
	add("lifecycle/changed-by-another", lifecycleTab(stale))
	wrong := well
	wrong.Policy.GraceMinutes = 50000
	wrong.Problems = problemsOf(wrong.Policy.Check())
	add("lifecycle/wrong", lifecycleTab(wrong))
	none := fixtureIntegration()
	none.Groups = nil
	add("lifecycle/no-groups", lifecycleTab(lifecyclePage{integrationFrame: shell(none, tabLifecycle), Policy: postern.DefaultLeaverPolicy()}))
	everything := statePage{frame: fixtureFrame(sectionIntegrations, "Revoke everything of "+i.ApplicationName+"?"), Integration: i}
	add("lifecycle/revoke-everything", confirmRevokeEverything(everything))

	u := fixtureUser(0, postern.PhaseSuspended)
	since := ago(26 * time.Hour)
	u.Account, u.AccountSince, u.Privileged, u.Roles = postern.AccountDisabled, &since, true, []string{"Global Administrator"}
	u.Suspension = &postern.Suspension{Cause: postern.SuspendedAccountDisabled, By: "Postern", Note: "The account was disabled.", At: ago(25 * time.Hour), Was: postern.PhaseActive}
	f := fixtureFrame(sectionIntegrations, u.DisplayName)
	f.Trail = []crumb{{"Integrations", "/integrations"}, {i.ApplicationName, integrationPath(i.ID)}}
	held := userPage{frame: f, User: u, Integration: i, Phones: []postern.Phone{fixturePhone()}, Passkeys: fixturePasskeys(), Still: true}
	add("user/suspended-leaver", user(held))
	renamed := held
	renamed.User = fixtureUser(0, postern.PhaseActive)
	renamed.User.Account = postern.AccountEnabled
	renamed.Passkeys = fixturePasskeys()
	renamed.Passkeys[0].UPN = "maiden." + renamed.User.UPN
	renamed.Passkeys[0].Outdated = true
	renamed.Passkeys[0].Problem = "The user's name was " + renamed.Passkeys[0].UPN + " when this passkey was registered. Microsoft documents that a passkey does not work after the name changed: provision it again."
	add("user/renamed", user(renamed))
	ask := actPage{
		frame: inDialog(fixtureFrame(sectionIntegrations, "Suspend "+u.DisplayName+"?")), Path: userPath(u.ID) + "/suspend", Back: userPath(u.ID),
		Text: "None of the phones is let talk to a workstation.", Button: "Suspend", Asks: true,
	}
	part("user/suspend", confirmAct(ask))
	all := ask
	all.frame = inDialog(fixtureFrame(sectionIntegrations, "Revoke everything of "+u.DisplayName+"?"))
	all.Text, all.Button = revocationText([]postern.Phone{fixturePhone()}, fixturePasskeys()), "Revoke everything"
	part("user/revoke-everything", confirmAct(all))
}
