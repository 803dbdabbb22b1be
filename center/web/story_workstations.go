package web

import (
	"fmt"
	"time"

	"github.com/a-h/templ"

	"github.com/postern/postern"
)

func fixtureWorkstation(n byte) postern.Workstation {
	w := postern.Workstation{
		ID: fixtureID[postern.WorkstationID](postern.PrefixWorkstation, n), IntegrationID: fixtureIntegration().ID, Version: 2,
		Kind: postern.WorkstationAgent, Name: fmt.Sprintf("LAPTOP-%04d", 7000+int(n)), Software: "postern-agent 0.1.0", OS: "Windows 11 25H2",
		JoinState: postern.JoinEntra, State: postern.WorkstationActive, CreatedAt: ago(30 * 24 * time.Hour),
		LastSeenAt: pointer(ago(time.Duration(n) * time.Minute)), PairedAt: pointer(ago(30 * 24 * time.Hour)),
	}
	switch n % 6 {
	case 1:
		w.JoinState = postern.JoinHybrid
	case 2:
		w.Kind, w.Name, w.Software, w.OS, w.JoinState = postern.WorkstationExtension, "Edge on Elena's desk", "Postern for Edge 0.1.0", "Windows 11", postern.JoinNone
	case 3:
		w.Name, w.OS, w.JoinState = "build-host-with-a-name-that-nobody-would-ever-want-to-type-twice", "Debian 13", postern.JoinNone
	case 4:
		w.JoinState, w.LastSeenAt = postern.JoinAD, nil
	case 5:
		w.State, w.RevokedAt = postern.WorkstationRevoked, pointer(ago(time.Hour))
	}
	return w
}

func fixturePairings() []postern.UserPairing {
	var out []postern.UserPairing
	for n := byte(1); n < 4; n++ {
		out = append(out, postern.UserPairing{
			Pairing: postern.Pairing{ID: postern.PairingID(fmt.Sprintf("q83vASNFZ4mrze8BI0VniQ%d", n))[:22], Version: 3, State: postern.PairingActive, ConfirmedAt: pointer(ago(6 * 24 * time.Hour))},
			Phone:   fixturePhone().Name, Workstation: fixtureWorkstation(n),
		})
	}
	return out
}

func addWorkstationStories(add, part func(string, templ.Component)) {
	on, off := fixtureIntegration(), fixtureDisabled()
	page := func(i postern.Integration) workstationsPage {
		return workstationsPage{integrationFrame: shell(i, tabWorkstations), Server: "https://postern.contoso.example", Still: true}
	}
	none := page(on)
	add("workstations/none", workstations(none))
	add("workstations/flag-off", workstations(page(off)))
	several := page(on)
	for n := range byte(6) {
		several.List = append(several.List, fixtureWorkstation(n))
	}
	several.Total, several.More = 214, 14
	several.Phones = map[postern.WorkstationID]int{several.List[0].ID: 1, several.List[1].ID: 3, several.List[2].ID: 1}
	add("workstations/several", workstations(several))
	auditor := several
	auditor.frame = as(fixtureAuditor, auditor.frame)
	add("workstations/auditor", workstations(auditor))
	missed := several
	missed.Search, missed.List, missed.More = "zebra", nil, 0
	add("workstations/no-match", workstations(missed))
	confirm := actPage{
		frame: inDialog(fixtureFrame(sectionIntegrations, "Revoke LAPTOP-7000?")), Back: "/integrations/x/workstations", Path: "/integrations/x/workstations/y/revoke", Button: "Revoke workstation",
		Text: "The workstation is cut off at once and its pairings end. Its offline passkeys are deleted from Entra; phones and their passkeys stay as they are. It cannot be undone: to be used again, the workstation is set up anew.",
	}
	part("workstations/revoke", confirmAct(confirm))
	confirm.Title, confirm.Button = "End the pairing with LAPTOP-7000?", "End pairing"
	confirm.Text = "Elena's Pixel can no longer be used at LAPTOP-7000 until they are paired again there. Phone, workstation and passkeys stay as they are."
	part("user/end-pairing", confirmAct(confirm))
}

// addIncompleteStories are users who are paired with Postern and not with Entra.
func addIncompleteStories(add func(string, templ.Component), page userPage) {
	byThemselves := page
	byThemselves.Provisionings = nil
	byThemselves.Integration.Flags = postern.AllFlags()
	byThemselves.Integration.Flags[postern.FlagProvisionAPI] = false
	byThemselves.Pairings = fixturePairings()[:1]
	add("user/incomplete-self-service", user(byThemselves))
	looking := byThemselves
	looking.Claims = []postern.PasskeyClaim{{CredentialID: []byte("a"), State: postern.ClaimLooking, CreatedAt: ago(time.Minute), ExpiresAt: fixtureNow.Add(29 * time.Minute)}}
	add("user/incomplete-checking", user(looking))
	missing := byThemselves
	why := postern.Errorf(postern.CodePasskeyNotListed, "")
	missing.Claims = []postern.PasskeyClaim{{CredentialID: []byte("a"), State: postern.ClaimGivenUp, Code: why.Code, Message: why.Message, Next: why.Next}}
	add("user/incomplete-not-listed", user(missing))
	done := byThemselves
	done.User.Phase, done.User.GroupPhase = postern.PhaseActive, postern.PhaseActive
	done.Passkeys = fixturePasskeys()[:1]
	done.Passkeys[0].PhoneID, done.Passkeys[0].ProvisioningID, done.Passkeys[0].DisplayName = fixturePhone().ID, "", "My phone"
	add("user/active-self-service", user(done))
	ready := page
	ready.Provisionings = nil
	add("user/incomplete-provision", user(ready))
	disabled := ready
	disabled.Integration.State = postern.StateDisabled
	add("user/incomplete-disabled", user(disabled))
}
