package web

import (
	"time"

	"github.com/a-h/templ"

	"github.com/postern/postern"
)

func addUserStories(add, part func(string, templ.Component)) {
	on, off := fixtureIntegration(), fixtureDisabled()
	nobody := usersPage{integrationFrame: shell(off, tabUsers), Phase: postern.PhaseEligible}
	add("users/none", users(nobody))
	justAdded := nobody
	justAdded.Added = true
	add("users/just-added", users(justAdded))
	counts := map[postern.Phase]int{postern.PhaseEligible: 12, postern.PhasePaired: 3, postern.PhaseActive: 481}
	several := usersPage{integrationFrame: shell(on, tabUsers), Phase: postern.PhaseActive, Counts: counts, More: true}
	for n := range fixturePeople {
		several.List = append(several.List, fixtureUser(n, postern.PhaseActive))
	}
	several.List[2].Problem = "Entra does not answer for this user."
	add("users/several", users(several))
	beside := several
	beside.Counts = map[postern.Phase]int{postern.PhaseEligible: 1, postern.PhaseActive: 481, postern.PhaseSuspended: 2, postern.PhaseRevoked: 4, postern.PhaseNone: 3}
	beside.Phase, beside.List, beside.More = postern.PhaseSuspended, several.List[:2], false
	add("users/suspended", users(beside))
	missed := several
	missed.Search, missed.List, missed.More = "zebra", nil, false
	add("users/no-match", users(missed))
	incomplete := several
	incomplete.Phase, incomplete.More, incomplete.List = postern.PhasePaired, false, []postern.User{fixtureUser(0, postern.PhasePaired), fixtureUser(1, postern.PhasePaired)}
	incomplete.List[1].Problem = "Entra does not answer for this user."
	add("users/incomplete", users(incomplete))
	auditor := several
	auditor.frame = as(fixtureAuditor, auditor.frame)
	add("users/auditor", users(auditor))

	addInviteStories(add, part, on)

	page := func(phase postern.Phase, provisionings ...postern.Provisioning) userPage {
		u := fixtureUser(0, phase)
		f := fixtureFrame(sectionIntegrations, u.DisplayName)
		f.Trail = []crumb{{"Integrations", "/integrations"}, {on.ApplicationName, integrationPath(on.ID)}}
		return userPage{
			frame: f, User: u, Integration: on, Phones: []postern.Phone{fixturePhone()},
			Invitations:   []postern.Invitation{fixtureInvitation(postern.InvitationUsed)},
			Provisionings: provisionings, Still: true,
		}
	}
	invited := page(postern.PhaseEligible)
	invited.Phones, invited.Invitations = nil, []postern.Invitation{fixtureInvitation(postern.InvitationOpen), fixtureInvitation(postern.InvitationLocked), fixtureInvitation(postern.InvitationWithdrawn)}
	add("user/invited", user(invited))
	add("user/requested", user(page(postern.PhasePaired, fixtureProvisioning(postern.ProvisioningRequested))))
	toApprove := page(postern.PhasePaired, fixtureProvisioning(postern.ProvisioningRequested))
	toApprove.Waiting = []postern.PhoneID{fixturePhone().ID}
	add("user/waiting-for-approval", user(toApprove))
	add("user/offered", user(page(postern.PhasePaired, fixtureProvisioning(postern.ProvisioningOffered))))
	add("user/submitted", user(page(postern.PhasePaired, fixtureProvisioning(postern.ProvisioningSubmitted))))
	add("user/registered", user(page(postern.PhasePaired, fixtureProvisioning(postern.ProvisioningRegistered))))
	earlier := fixtureProvisioning(postern.ProvisioningDeclined)
	earlier.ID, earlier.CreatedAt = fixtureID[postern.ProvisioningID](postern.PrefixProvisioning, 2), ago(30*time.Hour)
	active := page(postern.PhaseActive, fixtureProvisioning(postern.ProvisioningActive), earlier)
	active.Passkeys, active.Pairings = fixturePasskeys(), fixturePairings()
	add("user/active", user(active))
	addIncompleteStories(add, page(postern.PhasePaired))
	add("user/declined", user(page(postern.PhasePaired, fixtureProvisioning(postern.ProvisioningDeclined))))
	failed := page(postern.PhasePaired, fixtureProvisioning(postern.ProvisioningFailed))
	failed.User.Problem = "The passkey method is not enabled for this user in the tenant's policy."
	add("user/failed", user(failed))
	add("user/cancelled", user(page(postern.PhasePaired, fixtureProvisioning(postern.ProvisioningCancelled))))
	gone := page(postern.PhaseRevoked, fixtureProvisioning(postern.ProvisioningActive))
	gone.Phones[0].State, gone.Phones[0].RevokedAt = postern.PhoneRevoked, pointer(ago(time.Hour))
	gone.KeyProblems = problems{postern.Errorf(postern.CodeEntraUnreachable, "")}
	add("user/revoked-entra-unreachable", user(gone))
	waiting := page(postern.PhasePaired, fixtureKeyProvisioning(postern.ProvisioningOffered))
	add("user/security-key-touch", user(waiting))
	keyOnly := page("", fixtureKeyProvisioning(postern.ProvisioningActive))
	keyOnly.Phones, keyOnly.Invitations, keyOnly.Passkeys = nil, nil, []postern.Passkey{fixtureSecurityKey()}
	add("user/security-key", user(keyOnly))
	halted := page("", fixtureKeyProvisioning(postern.ProvisioningFailed))
	halted.Phones, halted.Invitations = nil, nil
	add("user/security-key-refused", user(halted))
	help := active
	help.frame = as(fixtureHelpDesk, help.frame)
	add("user/help-desk", user(help))

	confirm := actPage{
		frame: inDialog(fixtureFrame(sectionIntegrations, "Revoke Elena's Pixel?")), Back: "/users/x", Path: "/users/x", Button: "Revoke phone",
		Text: "The phone is cut off at once, and every passkey it holds is removed from Entra. It cannot be undone; a new invitation pairs it again.",
	}
	part("user/revoke-phone", confirmAct(confirm))
	refused := confirm
	refused.Problems = problems{postern.Errorf(postern.CodeUnavailable, "")}
	part("user/revoke-phone-refused", confirmAct(refused))
	whole := confirm
	whole.InDialog = false
	add("user/revoke-phone-page", confirmAct(whole))
}

func addInviteStories(add, part func(string, templ.Component), i postern.Integration) {
	p := invitePage{frame: inDialog(fixtureFrame(sectionIntegrations, "Invite a user")), Integration: i, ValidFor: 3 * 24 * 60, PublicURL: "https://postern.contoso.example"}
	part("invite/empty", invite(p))
	found := p
	found.Query = "el"
	found.Results = &directoryResults{Query: "el", People: []postern.DirectoryUser{
		{ObjectID: "1", DisplayName: "Elena Petrova", UPN: "elena.petrova@contoso.example", Enabled: true},
		{ObjectID: "2", DisplayName: "Elias Guest", UPN: "elias_fabrikam.example#EXT#@contoso.example", Enabled: true, Guest: true},
		{ObjectID: "3", DisplayName: "Eleanor Vance", UPN: "eleanor.vance@contoso.example"},
		{ObjectID: "4", DisplayName: "Elvira Admin", UPN: "elvira.admin@contoso.example", Enabled: true, Privileged: true, Roles: []string{"Global Administrator"}},
	}}
	part("invite/found", invite(found))
	whole := found
	whole.InDialog = false
	add("invite/page", invite(whole))
	none := p
	none.Query, none.Results = "zebra", &directoryResults{Query: "zebra"}
	part("invite/nobody", invite(none))
	wrongUser := p
	wrongUser.Query = "elvira.admin@contoso.example"
	wrongUser.Problems = problems{postern.Errorf(postern.CodePrivilegedUser, "").OnField("user")}
	part("invite/refused", invite(wrongUser))
	byHand := p
	byHand.Integration.PermissionSet = postern.PermissionsPasskeys
	part("invite/by-hand", invite(byHand))
	made := p
	made.Title = "Invitation for Elena Petrova"
	made.Created = &postern.InvitationCreated{Invitation: fixtureInvitation(postern.InvitationOpen), User: fixtureUser(0, postern.PhaseEligible), Code: "7F3K-0000-0000-0000"}
	part("invite/code", invited(made))
	mine := p
	mine.Title, mine.Self, mine.ValidFor = "Enroll yourself", true, 60
	part("invite/self", invite(mine))
	mine.InDialog, mine.Created = false, made.Created
	add("invite/self-code", invited(mine))
}

func addOtherStories(add, part func(string, templ.Component)) {
	admins := []postern.Administrator{
		{ID: fixtureOwner.Administrator, Version: 1, Name: "Ada Lindqvist", Role: postern.RoleOwner, Passkeys: 2, LastSignIn: pointer(ago(time.Hour))},
		{ID: fixtureHelpDesk.Administrator, Version: 4, Name: "Bo Marchetti", Role: postern.RoleHelpDesk, Passkeys: 1, LastSignIn: pointer(ago(49 * time.Hour))},
		{ID: fixtureAuditor.Administrator, Version: 2, Name: "Chidi Okafor", Role: postern.RoleAuditor, Passkeys: 1, DisabledAt: pointer(ago(72 * time.Hour))},
	}
	list := administratorsPage{frame: fixtureFrame(sectionAdministrators, "Administrators"), List: admins}
	add("administrators/list", administrators(list))
	list.frame = as(fixtureAuditor, list.frame)
	add("administrators/auditor", administrators(list))
	one := administratorPage{frame: inDialog(fixtureFrame(sectionAdministrators, "Invite an administrator")), Role: postern.RoleHelpDesk}
	part("administrators/invite", inviteAdministrator(one))
	wrongName := one
	wrongName.Problems = problems{postern.FieldErrorf("name", "The name is empty.")}
	part("administrators/invite-wrong", inviteAdministrator(wrongName))
	made := one
	made.Title, made.Invitation = "Link for Dana Ortiz", &postern.AdministratorInvitation{Name: "Dana Ortiz", Role: postern.RoleHelpDesk, Link: "https://postern.contoso.example/welcome#AAAAAAAAAAAAAAAAAAAAAAAAAA", ExpiresAt: fixtureNow.Add(72 * time.Hour)}
	part("administrators/link", administratorInvited(made))
	edit := one
	edit.Title, edit.Administrator, edit.Name, edit.Role = "Change Ada Lindqvist", admins[0], admins[0].Name, postern.RoleOwner
	part("administrators/edit-self", editAdministrator(edit))
	gone := edit
	gone.Title, gone.Administrator = "Remove Ada Lindqvist?", admins[0]
	gone.Problems = problems{postern.Errorf(postern.CodeConflict, "Ada Lindqvist is the last owner.").WithNext("Make somebody else an owner first.")}
	part("administrators/remove-last-owner", removeAdministrator(gone))

	keys := []postern.AdministratorPasskey{{ID: "AA", Name: "First passkey", CreatedAt: ago(90 * 24 * time.Hour), LastUsed: pointer(ago(time.Hour))}}
	mine := accountPage{frame: fixtureFrame("", "Your passkeys"), Passkeys: keys}
	add("account/one-passkey", account(mine))
	mine.Passkeys = append(keys, postern.AdministratorPasskey{ID: "AB", Name: "Blue security key", CreatedAt: ago(24 * time.Hour)})
	mine.Note = notes["passkey-added"]
	add("account/two-passkeys", account(mine))

	f := fixtureFrame(sectionTokens, "API tokens")
	add("tokens/none", tokens(tokensPage{frame: f}))
	made30 := postern.APIToken{ID: fixtureID[postern.TokenID](postern.PrefixToken, 1), Name: "SIEM export", Scopes: []postern.Permission{postern.PermAuditRead}, CreatedAt: ago(30 * 24 * time.Hour), ExpiresAt: fixtureNow.AddDate(0, 2, 0), LastUsed: pointer(ago(3 * time.Minute))}
	revoked, expired := made30, made30
	revoked.Name, revoked.RevokedAt = "Old pipeline", pointer(ago(24*time.Hour))
	expired.Name, expired.ExpiresAt = "Trial", ago(time.Hour)
	add("tokens/list", tokens(tokensPage{frame: f, List: []postern.APIToken{made30, revoked, expired}}))
	token := tokenPage{frame: inDialog(fixtureFrame(sectionTokens, "Create an API token")), Input: postern.APITokenInput{ValidDays: 90}}
	part("tokens/create", newToken(token))
	noScope := token
	noScope.Input.Name = "SIEM export"
	noScope.Problems = problems{postern.FieldErrorf("scopes", "A token without scopes could do nothing.")}
	part("tokens/create-wrong", newToken(noScope))
	shown := token
	shown.Title, shown.Created = "API token SIEM export", &postern.APITokenCreated{Token: made30, Value: "ptn_0000000000000000000000000000000000000000000000"}
	part("tokens/created", tokenCreated(shown))
	revoke := token
	revoke.Title, revoke.Token = "Revoke SIEM export?", made30
	part("tokens/revoke", revokeToken(revoke))

	info := aboutPage{frame: fixtureFrame(sectionAbout, "About Postern"), Version: "0.1.0", Go: "go1.26", Licences: readLicences()}
	info.Checks = []Check{{"Database", true, "SQLite answers."}, {"Jobs", true, "3 waiting, none stuck."}, {"Entra", false, "Contoso has not answered for 4 minutes."}}
	add("about/health", about(info))
}
