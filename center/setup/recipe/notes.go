package recipe

import (
	"fmt"
	"slices"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/center/entra"
)

// Service plans, by the names in "Product names and service plan identifiers for licensing".
const (
	planIntune  = "INTUNE_A"
	planPremium = "AAD_PREMIUM"
)

// mySignIns is the application behind Security info.
const mySignIns = "19db86c3-b2b9-44cc-b339-36da233a3be2"

const (
	linkLicences   = "https://learn.microsoft.com/entra/fundamentals/licensing"
	linkIntune     = "https://learn.microsoft.com/mem/intune/fundamentals/licenses"
	linkLoop       = "https://learn.microsoft.com/entra/identity/conditional-access/policy-all-users-security-info-registration"
	linkAttest     = "https://learn.microsoft.com/entra/identity/authentication/concept-fido2-hardware-vendor"
	linkDefaults   = "https://learn.microsoft.com/entra/fundamentals/security-defaults"
	linkSecurityID = "https://learn.microsoft.com/entra/identity/authentication/howto-authentication-passwordless-security-key"
)

// Notes are what a person should know about a tenant before or after a set-up.
func Notes(w Want, s Seen) []postern.PolicyNote {
	notes := []postern.PolicyNote{}
	note := func(key string, level postern.PolicyNoteLevel, link, next, format string, args ...any) {
		notes = append(notes, postern.PolicyNote{Key: key, Level: level, Message: fmt.Sprintf(format, args...), Next: next, Link: link})
	}
	if w.Input.PermissionSet == postern.PermissionsDirectory || w.Input.PermissionSet == postern.PermissionsLegacy {
		note("set_wide", postern.PolicyNoteWarning, "", "Choose the set standard unless something else demands this one.",
			"The permission set %s lets the application change nearly everything in the directory. Postern does not need that.", w.Input.PermissionSet)
	}
	if !s.looked() {
		return notes
	}
	w.licenceNotes(s, note)
	w.accessNotes(s, note)
	w.policyNotes(s, note)
	if n := len(s.SameName); n > 0 {
		note("name_taken", postern.PolicyNoteInfo, "", "Tell them apart by the client id, or choose another name.",
			"The tenant has %s named %s besides, with the client id %s. Entra allows that.", plural(n, "app registration", "app registrations"), w.Input.RegistrationName, and(s.SameName))
	}
	return notes
}

type noter func(key string, level postern.PolicyNoteLevel, link, next, format string, args ...any)

func (w Want) licenceNotes(s Seen, note noter) {
	if s.Plans == nil {
		note("licences_unread", postern.PolicyNoteInfo, linkLicences, "", "The tenant's licences could not be read, so nothing is said about them.")
		return
	}
	if w.Input.Windows != postern.SetupWindowsOff && !slices.Contains(s.Plans, planIntune) {
		note("licence_intune", postern.PolicyNoteDanger, linkIntune, "Buy or assign Intune, or turn security keys on in Windows by a group policy.",
			"The tenant has no licence for Intune, so the setting for Windows cannot be made.")
	}
	if !slices.Contains(s.Plans, planPremium) {
		note("licence_premium", postern.PolicyNoteInfo, linkLicences, "",
			"The tenant has no Microsoft Entra ID P1. Passkeys work without; Conditional Access and the reports on sign-ins and registrations do not.")
	}
}

func (w Want) accessNotes(s Seen, note noter) {
	if !s.AccessRead {
		note("access_unread", postern.PolicyNoteInfo, linkLoop, "", "Conditional Access policies could not be read. One that asks for a compliant device or a phishing-resistant sign-in before security info is registered sends people round in circles.")
	}
	for _, p := range s.Access {
		if demand := p.loops(); demand != "" {
			level, would := postern.PolicyNoteWarning, "goes"
			if p.State != string(postern.ConditionalAccessOn) {
				level, would = postern.PolicyNoteInfo, "would go"
			}
			note("access_loop", level, linkLoop, "Let the policy accept a Temporary Access Pass, or exclude who registers their first passkey.",
				"The Conditional Access policy %s asks for %s before security info may be registered. Who has neither %s round in circles. Passkeys that Postern registers for people are not affected.", p.Name, demand, would)
		}
	}
	if !w.legacy() {
		return
	}
	account := ""
	if s.Account != nil {
		account = s.Account.ID
	}
	if s.SecurityDefaults {
		note("account_defaults", postern.PolicyNoteDanger, linkDefaults, "Choose another permission set, or replace security defaults by Conditional Access policies that exclude the service account.",
			"Security defaults are on. They ask everybody for multifactor authentication, the service account too, and exclude nobody.")
	}
	for _, p := range s.Access {
		if p.State == string(postern.ConditionalAccessOn) && p.stops(account) {
			note("account_mfa", postern.PolicyNoteDanger, "", "Exclude the service account from the policy.",
				"The Conditional Access policy %s concerns all users, so the service account too, which can prove nothing but its password.", p.Name)
		}
	}
}

// loops says what a policy asks of people before they may register security info, if it is something they can only have
// after.
func (p AccessPolicy) loops() string {
	if !slices.Contains(p.Conditions.Applications.Actions, postern.UserActionRegister) && !slices.Contains(p.Conditions.Applications.Include, mySignIns) || p.Grant == nil {
		return ""
	}
	var demands []string
	for control, what := range map[string]string{"compliantDevice": "a compliant device", "domainJoinedDevice": "a hybrid joined device"} {
		if slices.Contains(p.Grant.Controls, control) {
			demands = append(demands, what)
		}
	}
	if strength := p.Grant.Strength; strength != nil && !slices.ContainsFunc(strength.Combinations, reachable) {
		demands = append(demands, "the authentication strength "+strength.Name)
	}
	slices.Sort(demands)
	return strings.Join(demands, " or ")
}

// reachable reports whether somebody without a passkey can come by a combination of a strength.
func reachable(combination string) bool {
	for _, mode := range []string{"temporaryAccessPass", "password", "sms", "voice", "email", "microsoftAuthenticatorPush", "softwareOath", "hardwareOath", "deviceBasedPush"} {
		if strings.Contains(combination, mode) {
			return true
		}
	}
	return false
}

// stops reports whether a policy asks of an account what it cannot give.
func (p AccessPolicy) stops(account string) bool {
	users := p.Conditions.Users
	concerned := slices.Contains(users.Include, "All") || account != "" && slices.Contains(users.Include, account)
	return concerned && (account == "" || !slices.Contains(users.Exclude, account)) && p.Grant != nil && len(p.Conditions.Applications.Actions) == 0 &&
		(len(p.Grant.Controls) > 0 || p.Grant.Strength != nil)
}

func (w Want) policyNotes(s Seen, note noter) {
	if s.Policy == nil {
		return
	}
	p, err := entra.DecodePasskeyPolicy(s.Policy)
	if err != nil {
		return
	}
	to, lacks := widen(p, profileID(s.TenantID))
	if !w.Input.Policy {
		if len(lacks) > 0 {
			note("policy_left", postern.PolicyNoteWarning, linkSecurityID, "Have the set-up change the policy too, or change it under Authentication methods.",
				"Postern cannot register a passkey for everybody under the passkey policy as it is: %s.", and(lacks))
		}
		return
	}
	loosened := p.Schema != postern.PolicySchemaProfiles && p.AttestationEnforced
	for _, f := range p.Profiles {
		if n := slices.IndexFunc(to.Profiles, func(t postern.PasskeyProfile) bool { return t.ID == f.ID }); n >= 0 && f.AttestationEnforced && !to.Profiles[n].AttestationEnforced {
			loosened = true
		}
	}
	if loosened {
		note("attestation_off", postern.PolicyNoteWarning, linkAttest, "If other models must prove what they are, go over to passkey profiles in Entra first: the set-up then makes a profile of its own and leaves yours alone.",
			"Enforce attestation is turned off, for other models too. Entra attests only models that are listed in the FIDO Metadata Service; Postern's is not.")
	}
	if n := len(p.Exclude); n > 0 {
		note("excluded", postern.PolicyNoteInfo, "", "Take them off the list by hand if they are to have passkeys.",
			"%s excluded from the method stay so.", plural(n, "target that is", "targets that are"))
	}
}
