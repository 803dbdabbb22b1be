package test

import (
	"fmt"
	"strings"
	"time"

	"github.com/postern/postern/entrasim"
)

// The three models that are to stay.
var exampleKept = []string{
	"90a3ccdf-635c-4729-a248-9b709135078f", // Microsoft Authenticator for iOS
	"de1e552d-db1d-4423-a619-566b625cdc84", // Microsoft Authenticator for Android
	"8a208249-8aef-41b3-907f-776d51e6526f", // Postern
}

// exampleOthers are 37 more models, the most used first, as they gather in a tenant where everything is allowed.
var exampleOthers = []string{
	"2fc0579f-8113-47ea-b116-bb5a8db9202a", "fbfc3007-154e-4ecc-8c0b-6e020557d7bd", "ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4",
	"08987058-cadc-4b81-b6e1-30de50dcbe96", "bada5566-a7aa-401f-bd96-45619a55120d", "cb69481e-8ff7-4039-93ec-0a2729a154a8",
	"d548826e-79b4-db40-a3d8-11116f7e8349", "a4e9fc6d-4cbe-4758-b8ba-37598bb5bbaa", "ee882879-721c-4913-9775-3dfcce97072a",
	"adce0002-35bc-c60a-648b-0b25f1f05503", "53414d53-554e-4700-0000-000000000000", "dd4ec289-e01d-41c9-bb89-70fa845d4bf2",
	"ee041bce-25e5-4cdb-8f86-897fd6418464", "531126d6-e717-415c-9320-3d9aa6981239", "9ddd1817-af5a-4672-a2b9-3e3dd95000a9",
	"50726f74-6f6e-5061-7373-50726f746f6e", "fa2b99dc-9e39-4257-8f92-4a30d23c4118", "42b4fb4a-2866-43b2-9bf7-6c6669c2e5d3",
	"0ea242b4-43c4-4a1b-8b17-dd6d0b6baec6", "b78a0a55-6ef8-d246-a042-ba0f6d55050c", "c5ef55ff-ad9a-4b9f-b580-adebafe026d0",
	"d8522d9f-575b-4866-88a9-ba99fa02f35b", "f8a011f3-8c0a-4d15-8006-17111f9edc7d", "77010bd7-212a-4fc9-b236-d2ca5e9d4084",
	"b84e4048-15dc-4dd0-8640-f4f60813c8af", "fdb141b2-5d84-443e-8a35-4698c205a502", "771b48fd-d3d4-4f74-9232-fc157ab0507a",
	"8876631b-d4a0-427f-5773-0ec71c9e0279", "2cd2f727-f6ca-44da-8f48-5c2e5da000a2", "692db549-7ae5-44d5-a1e5-dd20a493b723",
	"7e3f3d30-3557-4442-bdae-139312178b39", "efb96b10-a9ee-4b6c-a4a9-d32125ccd4a4", "eabb46cc-e241-80bf-ae9e-96fa6d2975cf",
	"b92c3f9a-c014-4056-887f-140a2501163b", "664d9f67-84a2-412a-9ff7-b4f7d8ee6d05", "d3452668-01fd-4c12-926c-83a4204853aa",
	"c1f9a0bc-1dd2-404a-b27f-8e29047a43fd", // YubiKey 5 FIPS Series with NFC: the break-glass accounts
}

const (
	globalAdministrator = "62e90394-69f5-4237-9190-012177145e10"
	helpdeskRole        = "729827e3-9c14-49f7-bb1b-9608f156bbb8"

	examplePeople  = 238 // besides the two break-glass accounts
	exampleOnThree = 174 // have one of the three models
	exampleNone    = 26  // have no passkey
	transition     = "Passkey transition"
)

var (
	exampleFirst = strings.Fields("Ada Bruno Cleo Dmitri Elif Femi Greta Hugo Ines Jonas Katja Liam Mina Noor Oskar Priya Quentin Rosa Sven Tomasz")
	exampleLast  = strings.Fields("Adler Becker Castro Dubois Eriksen Fischer Garcia Horvat Ivanov Jansen Keller Lindqvist")
)

// exampleDay is when the first passkeys of the tenant were made.
var exampleDay = time.Date(2024, time.February, 5, 8, 0, 0, 0, time.UTC)

// synced are the models of providers that copy passkeys between devices.
func synced(aaguid string) bool {
	return strings.Contains("fbfc3007 ea9b8d66 bada5566 d548826e 53414d53 dd4ec289 531126d6 50726f74 0ea242b4 b78a0a55 b84e4048 fdb141b2 d3452668", aaguid[:8])
}

func examplePasskey(n int, aaguid string) entrasim.PasskeySpec {
	used := time.Now().AddDate(0, 0, -n%40)
	if n%9 == 5 {
		used = used.AddDate(0, -5, 0)
	}
	return entrasim.PasskeySpec{AAGUID: aaguid, Name: fmt.Sprintf("Passkey %d", n+1), Synced: synced(aaguid), Created: exampleDay.AddDate(0, 0, n), LastUsed: used}
}

// examplePopulation is Contoso: 240 people with passkeys of 40 models, most of them of three.
func examplePopulation() entrasim.Population {
	p := entrasim.Population{Reset: true, Groups: []entrasim.GroupSpec{{Name: "Break glass"}, {Name: transition}}}
	others := 0
	other := func() string { // the first thirteen twice as often as the rest
		at := others
		others++
		if at >= 36 {
			at = (at - 36) % 13
		}
		return exampleOthers[at]
	}
	for n := range examplePeople {
		u := examplePerson(n)
		switch {
		case n < exampleOnThree:
			u.Passkeys = append(u.Passkeys, examplePasskey(n, exampleKept[min(n*3/exampleOnThree, (n+1)%2+n/150)]))
			if n%8 == 3 {
				u.Passkeys = append(u.Passkeys, examplePasskey(n+1, other()))
			}
		case n < examplePeople-exampleNone:
			u.Passkeys = append(u.Passkeys, examplePasskey(n, other()))
			u.Groups = []string{transition}
		}
		p.Users = append(p.Users, u)
	}
	for n := range 2 {
		p.Users = append(p.Users, entrasim.UserSpec{
			UPN: fmt.Sprintf("break.glass.%d", n+1), DisplayName: fmt.Sprintf("Break glass %d", n+1), Roles: []string{globalAdministrator},
			Groups: []string{"Break glass"}, Passkeys: []entrasim.PasskeySpec{examplePasskey(n, exampleOthers[len(exampleOthers)-1])},
		})
	}
	return p
}

func examplePerson(n int) entrasim.UserSpec {
	first, last := exampleFirst[n%len(exampleFirst)], exampleLast[n/len(exampleFirst)]
	u := entrasim.UserSpec{
		UPN: strings.ToLower(first + "." + last), DisplayName: first + " " + last, Methods: []string{"microsoftAuthenticatorPush"},
	}
	switch n {
	case 12, 47:
		u.Roles = []string{globalAdministrator}
	case 181, 190:
		u.Roles = []string{helpdeskRole}
	}
	if n%5 == 4 {
		u.Methods = nil
	}
	return u
}

// exampleMoved are the people of the transition group after they set up Microsoft Authenticator: all but two, who are away.
func exampleMoved() entrasim.Population {
	var p entrasim.Population
	for n := exampleOnThree; n < examplePeople-exampleNone-2; n++ {
		u := examplePerson(n)
		u.Passkeys = []entrasim.PasskeySpec{examplePasskey(n, exampleOthers[(n-exampleOnThree)%36]), examplePasskey(n+200, exampleKept[n%2])}
		u.Groups = []string{transition}
		p.Users = append(p.Users, u)
	}
	return p
}
