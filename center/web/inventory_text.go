package web

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/postern/postern"
)

// inventoryStep says what a reading is at.
func inventoryStep(s postern.InventoryStatus) string {
	switch s.Step {
	case "directory":
		return "Reading the users of the tenant."
	case "report":
		return "Reading the registration report, which says who has a passkey."
	case "events":
		return "Reading what changed since the last time."
	}
	return fmt.Sprintf("Looking at passkeys: %s of %s users.", thousands(s.Users), thousands(max(s.Users, s.UsersPlanned)))
}

// inventorySource says who is looked at.
func inventorySource(s postern.InventoryStatus) string {
	switch s.Source {
	case "report":
		return "Looked at are those who have a passkey by Entra's registration report."
	case "everybody":
		return "Everybody in the directory is looked at, because the application may not read the registration report. With it, which takes Entra ID P1 and the permission AuditLog.Read.All, reading is much quicker."
	case "known":
		return "Only those whom Postern knows are looked at, because the application may not read the tenant's users. Grant it User.Read.All."
	}
	return ""
}

// requestsText says what the last reading cost.
func requestsText(s postern.InventoryStatus) string {
	if s.Requests == 0 {
		return ""
	}
	text := count(s.Requests, "request")
	if s.Requests >= 1000 {
		text = thousands(s.Requests) + " requests"
	}
	if s.Throttled > 0 {
		text += ", of which Graph had " + thousands(s.Throttled) + " repeated"
	}
	return text
}

// missing says what the inventory does not know, and the next step.
func missing(s postern.InventoryStatus) [][2]string {
	var all [][2]string
	if s.State == postern.InventoryNever {
		return nil
	}
	if !s.MethodsKnown {
		all = append(all, [2]string{"Other methods are not known.", "Whose only method a passkey is cannot be told. It needs Entra ID P1 and the permission AuditLog.Read.All."})
	}
	if !s.LastUseKnown {
		all = append(all, [2]string{"When passkeys were last used is not known from Entra.", "Only passkeys on phones with Postern tell it themselves. Entra's word needs Entra ID P1."})
	}
	if s.Failures > 0 {
		all = append(all, [2]string{"The passkeys of " + peopleText(s.Failures) + " could not be read.", "They are tried again with the next reading."})
	}
	return all
}

// lastUses says when a passkey was last used, by whose word. Nothing at all is known of some.
func lastUses(k postern.InventoryPasskey) []string {
	const form = "2 Jan 2006"
	var all []string
	if k.LastUsedAt != nil {
		all = append(all, k.LastUsedAt.UTC().Format(form)+", says Entra")
	}
	if k.UsedWithPosternAt != nil {
		all = append(all, k.UsedWithPosternAt.UTC().Format(form)+", says the phone")
	}
	if len(all) == 0 {
		all = []string{"unknown"}
	}
	return all
}

// placeText says where a managed passkey lies; nothing of others.
func placeText(k postern.InventoryPasskey) string {
	if k.WorkstationID == "" && k.PhoneName != "" {
		return "on the phone " + k.PhoneName
	}
	return k.Place()
}

// shareText is n of all in percent.
func shareText(n, all int) string {
	if all == 0 {
		return ""
	}
	switch share := 100 * float64(n) / float64(all); {
	case share == 0 || share == 100:
		return strconv.Itoa(int(share)) + " %"
	case share < 1:
		return "< 1 %"
	default:
		return strconv.FormatFloat(share, 'f', 0, 64) + " %"
	}
}

// methodText names a method as the registration report does, for people.
func methodText(m string) string {
	if name, ok := reportNames[m]; ok {
		return name
	}
	return m
}

func methodsText(methods []string) string {
	names := make([]string, len(methods))
	for n, m := range methods {
		names[n] = methodText(m)
	}
	return strings.Join(names, ", ")
}

// reportNames are what Microsoft's pages call the methods of the registration report.
var reportNames = map[string]string{
	"mobilePhone": "Mobile phone", "alternateMobilePhone": "Alternate mobile phone", "officePhone": "Office phone", "email": "Email",
	"microsoftAuthenticatorPush": "Microsoft Authenticator", "microsoftAuthenticatorPasswordless": "Authenticator phone sign-in",
	"softwareOneTimePasscode": "Software OATH token", "hardwareOneTimePasscode": "Hardware OATH token",
	"windowsHelloForBusiness": "Windows Hello for Business", "temporaryAccessPass": "Temporary Access Pass", "securityQuestion": "Security questions",
	"macOsSecureEnclaveKey": "Platform credential for macOS",
}
