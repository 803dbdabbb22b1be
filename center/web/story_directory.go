package web

import (
	"time"

	"github.com/a-h/templ"

	"github.com/postern/postern"
)

func addDirectoryStories(add, part func(string, templ.Component)) {
	on := fixtureIntegration()
	status := postern.DirectoryStatus{
		IntegrationID: on.ID, State: postern.DirectoryCurrent, Users: 512, RolesRead: true, Notified: true,
		FinishedAt: pointer(ago(4 * time.Minute)), FullAt: pointer(ago(80 * time.Hour)), StartedAt: pointer(ago(4 * time.Minute)),
	}
	known := fixtureUser(0, postern.PhaseActive)
	several := peoplePage{integrationFrame: shell(on, tabDirectory), Status: status, More: true, Still: true, List: []postern.DirectoryEntry{
		{DirectoryUser: postern.DirectoryUser{ObjectID: "1", DisplayName: "Aditi Rao", UPN: "aditi.rao@contoso.example", Enabled: true}},
		{DirectoryUser: postern.DirectoryUser{ObjectID: "2", DisplayName: known.DisplayName, UPN: known.UPN, Enabled: true, Synced: true}, UserID: known.ID, Phase: postern.PhaseActive},
		{DirectoryUser: postern.DirectoryUser{ObjectID: "3", DisplayName: "Elias Guest", UPN: "elias.guest_fabrikam.example#EXT#@contoso.example", Enabled: true, Guest: true}},
		{DirectoryUser: postern.DirectoryUser{ObjectID: "4", DisplayName: "Eleanor Vance", UPN: "eleanor.vance@contoso.example"}, UserID: known.ID, Phase: postern.PhaseSuspended},
		{DirectoryUser: postern.DirectoryUser{
			ObjectID: "5", DisplayName: "Elvira Admin", UPN: "elvira.admin@contoso.example", Enabled: true, Privileged: true,
			Roles: []string{"Authentication Administrator", "Global Administrator"},
		}},
		{DirectoryUser: postern.DirectoryUser{ObjectID: "6", DisplayName: "Maximilian-Alexander Featherstonehaugh-Cholmondeley", UPN: "maximilian-alexander.featherstonehaugh-cholmondeley@subsidiary.contoso.example", Enabled: true}},
	}}
	add("directory/several", people(several))
	auditor := several
	auditor.frame = as(fixtureAuditor, auditor.frame)
	add("directory/auditor", people(auditor))
	help := several
	help.frame = as(fixtureHelpDesk, help.frame)
	help.Status.Notified, help.Status.RolesRead = false, false
	add("directory/help-desk-without-roles", people(help))
	asked := several
	asked.Asked, asked.Note = true, notes["directory-asked"]
	asked.Status.State, asked.Status.Full, asked.Status.Changed = postern.DirectoryReading, true, 1998
	add("directory/reading", people(asked))
	none := several
	none.Search, none.Show, none.List, none.More, none.Offset = "zebra", "guests", nil, false, 0
	add("directory/no-match", people(none))
	later := several
	later.Offset, later.List = 50, several.List[:2]
	add("directory/second-page", people(later))
	badGroup := none
	badGroup.Group, badGroup.Problems = "11111111-2222-3333-4444-555555555555", problems{postern.Errorf(postern.CodeEntraNotFound, "Entra knows no group with that object ID.").OnField("group")}
	add("directory/no-such-group", people(badGroup))

	with := func(name string, change func(*peoplePage)) {
		p := several
		change(&p)
		add("directory/"+name, people(p))
	}
	with("never", func(p *peoplePage) {
		p.Status, p.List, p.More = postern.DirectoryStatus{State: postern.DirectoryNever}, nil, false
	})
	with("failed", func(p *peoplePage) {
		e := postern.Errorf(postern.CodeEntraUnreachable, "")
		p.Status.State, p.Status.Code, p.Status.Message, p.Status.Next = postern.DirectoryFailed, e.Code, e.Message, e.Next
	})
	with("held", func(p *peoplePage) {
		p.Status.State, p.Status.Missing = postern.DirectoryHeld, 204
		p.List = append([]postern.DirectoryEntry{}, p.List...)
		p.List[1].Missing, p.List[4].Missing = true, true
	})
	with("closed", func(p *peoplePage) {
		e := postern.Errorf(postern.CodeEntraDirectoryClosed, "The application may not read the directory.")
		p.Status = postern.DirectoryStatus{State: postern.DirectoryClosed, Code: e.Code, Message: e.Message, Next: e.Next}
		p.List, p.More = nil, false
	})
	part("directory/confirm-removals", confirmAct(actPage{
		frame: inDialog(fixtureFrame(sectionIntegrations, "Take missing users for gone?")), Back: peoplePath(on.ID), Path: peoplePath(on.ID), Button: "They are gone",
		Text: "204 of 512 users were not found in the directory.",
	}))
}
