package web

import (
	"time"

	"github.com/a-h/templ"

	"github.com/postern/postern"
)

func fixtureInventoryPasskeys() []postern.InventoryPasskey {
	on := fixtureIntegration().ID
	key := func(n int, name, upn, passkey string) postern.InventoryPasskey {
		return postern.InventoryPasskey{
			IntegrationID: on, ObjectID: fixtureConcerned(6)[n].ObjectID, DisplayName: name, UPN: upn, Enabled: true, MethodID: passkey, Name: passkey,
			AAGUID: fixtureModels[n].AAGUID, ModelName: fixtureModels[n].Name, CreatedAt: ago(time.Duration(n+2) * 30 * 24 * time.Hour), SeenAt: ago(4 * time.Minute),
		}
	}
	all := []postern.InventoryPasskey{
		key(0, "Aditi Rao", "aditi.rao@contoso.example", "Authenticator, iPhone"),
		key(2, "Elvira Admin", "elvira.admin@contoso.example", "Blue key"),
		key(3, "Maximilian-Alexander Featherstonehaugh-Cholmondeley", "maximilian-alexander.featherstonehaugh-cholmondeley@subsidiary.contoso.example", "Surface"),
		key(4, "Eleanor Vance", "eleanor.vance@contoso.example", "iPhone von Eleanor"),
	}
	all[0].PasskeyID, all[0].PhoneName, all[0].UsedWithPosternAt, all[0].Attested = fixtureID[postern.PasskeyID](postern.PrefixPasskey, 1), "Aditi's phone", pointer(ago(time.Hour)), true
	all[0].LastUsedAt, all[0].LastUsedReadAt = pointer(ago(26*time.Hour)), pointer(ago(4*time.Minute))
	all[1].Privileged, all[1].Attested = true, true
	all[2].PasskeyID, all[2].AAGUID, all[2].ModelName = fixtureID[postern.PasskeyID](postern.PrefixPasskey, 2), postern.WorkstationAAGUID, "Postern workstation (offline PIN)"
	all[2].PhoneName, all[2].WorkstationID, all[2].WorkstationName = "Max's phone", fixtureWorkstation(1).ID, "LAPTOP-7001"
	all[3].Synced, all[3].Enabled = true, false
	return all
}

func fixtureInventoryUsers() []postern.InventoryUser {
	var all []postern.InventoryUser
	for _, k := range fixtureInventoryPasskeys() {
		all = append(all, postern.InventoryUser{
			ObjectID: k.ObjectID, UPN: k.UPN, DisplayName: k.DisplayName, Enabled: k.Enabled, Privileged: k.Privileged, MethodsKnown: true,
			Methods: []string{"microsoftAuthenticatorPush", "mobilePhone"}, Passkeys: []postern.InventoryPasskey{k}, LookedAt: pointer(ago(4 * time.Minute)),
		})
	}
	all[2].Methods = nil
	all[3].MethodsKnown = false
	return all
}

func addInventoryStories(add, part func(string, templ.Component)) {
	on := fixtureIntegration()
	page := func() inventoryPage {
		return inventoryPage{
			integrationFrame: shell(on, tabInventory), Still: true, Summary: fixtureSummary(), List: fixtureInventoryPasskeys(), Total: 2480,
			Query: postern.InventoryQuery{IntegrationID: on.ID, View: postern.InventoryAll, Limit: passkeysPerPage},
			Status: postern.InventoryStatus{
				IntegrationID: on.ID, State: postern.InventoryCurrent, Source: "report", Complete: true, MethodsKnown: true, LastUseKnown: true, Requests: 124,
				FinishedAt: pointer(ago(4 * time.Minute)), FullAt: pointer(ago(9 * time.Hour)), Users: 3120, UsersPlanned: 3120,
			},
		}
	}
	add("inventory/current", inventoryView(page()))
	with := func(name string, edit func(*inventoryPage)) {
		p := page()
		edit(&p)
		add("inventory/"+name, inventoryView(p))
	}
	with("never", func(p *inventoryPage) {
		p.Status, p.Summary, p.List, p.Total = postern.InventoryStatus{State: postern.InventoryNever}, postern.InventorySummary{}, nil, 0
	})
	with("reading", func(p *inventoryPage) {
		p.Status.State, p.Status.Step, p.Status.Users, p.Status.Complete = postern.InventoryReading, "passkeys", 1260, false
	})
	with("reading-report", func(p *inventoryPage) {
		p.Status.State, p.Status.Step, p.Status.UsersPlanned = postern.InventoryReading, "report", 0
		p.frame = as(fixtureHelpDesk, p.frame)
	})
	with("failed", func(p *inventoryPage) {
		e := postern.Errorf(postern.CodeEntraUnreachable, "")
		p.Status.State, p.Status.Code, p.Status.Message, p.Status.Next = postern.InventoryFailed, e.Code, e.Message, e.Next
	})
	with("incomplete", func(p *inventoryPage) {
		p.Status.Complete, p.Status.MethodsKnown, p.Status.LastUseKnown, p.Status.Source = false, false, false, "everybody"
		p.Status.Failures, p.Status.Requests, p.Status.Throttled = 12, 20480, 3
	})
	with("known-only", func(p *inventoryPage) { p.Status.Source = "known" })
	with("auditor", func(p *inventoryPage) { p.frame = as(fixtureAuditor, p.frame) })
	with("no-match", func(p *inventoryPage) { p.List, p.Total, p.Query.Text = nil, 0, "zebra" })
	with("none-stale", func(p *inventoryPage) { p.List, p.Total, p.Query.View = nil, 0, postern.InventoryStale })
	with("second-page", func(p *inventoryPage) { p.Query.Offset, p.Query.View = 50, postern.InventoryUnmanaged })
	with("only-one", func(p *inventoryPage) {
		p.Query.View, p.List, p.Users, p.Total = postern.InventoryOnlyOne, nil, fixtureInventoryUsers(), 4
	})
	with("privileged-without", func(p *inventoryPage) {
		p.Query.View, p.List, p.Users, p.Total = postern.InventoryPrivilegedWithout, nil, fixtureInventoryUsers()[1:2], 1
		p.Users[0].Passkeys = nil
	})
	with("forty-models", func(p *inventoryPage) {
		for n := range 33 {
			m := p.Summary.Models[n%6]
			m.Passkeys, m.Users, m.Allowed = 40-n, 30-n/2, []postern.Known{postern.KnownYes, postern.KnownNo, postern.Unknown}[n%3]
			p.Summary.Models = append(p.Summary.Models, m)
		}
	})
	user := inventoryUserPage{frame: fixtureFrame(sectionIntegrations, "Aditi Rao"), Integration: on, Entry: fixtureInventoryUsers()[0], Known: fixtureID[postern.UserID](postern.PrefixUser, 0)}
	user.frame.Trail = []crumb{{"Integrations", "/integrations"}, {on.ApplicationName, integrationPath(on.ID)}, {"Inventory", inventoryPath(on.ID)}}
	user.Entry.Passkeys = append(user.Entry.Passkeys, fixtureInventoryPasskeys()[3])
	add("inventory/user", inventoryUserView(user))
	stranger := user
	stranger.Known, stranger.Entry = "", fixtureInventoryUsers()[1]
	stranger.Entry.Roles, stranger.Entry.Passkeys, stranger.Entry.LookedAt = []string{"Global Administrator"}, nil, nil
	add("inventory/user-without", inventoryUserView(stranger))
	p := page()
	part("inventory/list", inventoryList(p))
}
