package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/postern/postern"
)

// stateOf is how bad a note is. One that informs matters here only if it tells of a deviation from what is supported.
func stateOf(n postern.PolicyNote) (postern.FindingState, bool) {
	switch n.Level {
	case postern.PolicyNoteDanger:
		return postern.FindingFailure, true
	case postern.PolicyNoteWarning:
		return postern.FindingWarning, true
	}
	return postern.FindingNote, n.Deviation
}

// ofAccess reports whether a note is about Conditional Access and what it demands.
func ofAccess(n postern.PolicyNote) bool {
	return strings.HasPrefix(n.Field, "conditional_access") || strings.HasPrefix(n.Field, "strengths")
}

func (f Tenant) notes(access bool) []postern.Finding {
	var found []postern.Finding
	for _, n := range f.Policy.Value.Notes {
		state, matters := stateOf(n)
		if !matters || ofAccess(n) != access {
			continue
		}
		why := "It differs from the settings under which Postern is known to work."
		if !n.Deviation {
			why = ""
		}
		b := bad(state, n.Message, why, orElse(n.Next, "Plan the change under Passkey policy; the impact is shown before anything is written."), page(f.Integration, "policy"))
		if access {
			b.Link = f.access()
		}
		b.Subject = n.Key
		if n.Field != "" && n.Field != n.Key {
			b.Subject += " " + n.Field
		}
		found = append(found, b)
	}
	return found
}

func policy(f Tenant) []postern.Finding {
	p := f.Policy
	if !p.Asked && len(p.Missing) == 0 {
		return nil
	}
	if !p.ok() {
		return missing(f, "The passkey policy", p.Missing, p.Problem,
			"under Authentication methods > Policies > Passkey (FIDO2) the method is on for all users, Registration is Optional, Allow self-service set up is Yes, Enforce attestation is No, and either key restrictions are off or Postern's AAGUID "+aaguid+" is allowed.", f.methods())
	}
	found := f.notes(false)
	if b, any := f.offlineModel(); any {
		found = append(found, b)
	}
	if found != nil {
		return found
	}
	return ok("The passkey policy is as Postern needs it.")
}

// offlineModel finds that workstations may sign in offline here and the tenant takes no passkey of theirs.
func (f Tenant) offlineModel() (postern.Finding, bool) {
	if !f.Offline {
		return postern.Finding{}, false
	}
	k := f.Policy.Value.Passkeys
	takes := allows(k.KeyRestrictions) && !k.AttestationEnforced
	if len(k.Profiles) > 0 {
		takes = slices.ContainsFunc(k.Profiles, func(p postern.PasskeyProfile) bool {
			return p.DeviceBound && !p.AttestationEnforced && allows(p.KeyRestrictions)
		})
	}
	if takes {
		return postern.Finding{}, false
	}
	b := bad(postern.FindingWarning, "Signing in offline is switched on, and the tenant takes no offline passkeys.",
		"The passkey policy does not allow the model "+postern.WorkstationAAGUID+", so Entra refuses what workstations register.",
		"Allow the model “Postern workstation (offline PIN)” under Passkey policy, or switch signing in offline off.", page(f.Integration, "policy"))
	b.Subject = "offline"
	return b, true
}

// allows reports whether restrictions let a workstation's offline passkey through.
func allows(r postern.KeyRestrictions) bool {
	return !r.Enforced || slices.Contains(r.AAGUIDs, postern.WorkstationAAGUID) != r.Block
}

// aaguid is that of Postern's phones.
const aaguid = "8a208249-8aef-41b3-907f-776d51e6526f"

func conditionalAccess(f Tenant) []postern.Finding {
	p := f.Policy
	if !p.Asked && len(p.Missing) == 0 {
		return nil
	}
	if !p.ok() || !p.Value.ConditionalAccessRead {
		lacks := p.Missing
		if p.ok() {
			lacks = []string{"Policy.Read.All"}
		}
		return missing(f, "Conditional Access", lacks, p.Problem,
			"no policy for the user action Register security information, nor for all resources, may demand what somebody without a passkey cannot meet.", f.access())
	}
	found := f.notes(true)
	for _, c := range p.Value.ConditionalAccess {
		found = append(found, f.judgeAccess(c)...)
	}
	if found == nil {
		return ok("No Conditional Access policy keeps people from registering or using passkeys.")
	}
	return found
}

// judgeAccess looks at what a policy demands where people register.
func (f Tenant) judgeAccess(c postern.ConditionalAccessPolicy) []postern.Finding {
	registering := slices.Contains(c.Applications.UserActions, postern.UserActionRegister)
	everywhere := slices.Contains(c.Applications.Include, "All")
	if c.State == postern.ConditionalAccessOff || !registering && !everywhere {
		return nil
	}
	state, would := postern.FindingWarning, ""
	if c.State == postern.ConditionalAccessReportOnly {
		state, would = postern.FindingNote, " It is in report-only; turned on, it would."
	}
	has := func(control string) bool {
		return slices.ContainsFunc(c.Grant.Controls, func(s string) bool { return strings.EqualFold(s, control) })
	}
	add := func(state postern.FindingState, message, why, next string) []postern.Finding {
		b := bad(state, message, why+would, next, f.access())
		b.Subject = c.Name
		return []postern.Finding{b}
	}
	everybody := slices.Contains(c.Users.IncludeUsers, "All")
	switch {
	case has("block") && everybody && len(c.Other) == 0 && everywhere && would == "":
		return add(postern.FindingFailure, "The Conditional Access policy “"+c.Name+"” blocks all users everywhere.", "Nobody it concerns signs in, with a passkey or without.",
			"Turn it off, or limit it by users, applications or conditions.")
	case has("block") && registering:
		return add(state, "The Conditional Access policy “"+c.Name+"” blocks registering security information.", "Those it concerns cannot register a passkey by themselves.",
			"Have Postern register passkeys on behalf of users, which it does not stop, or exclude newcomers from the policy.")
	case registering && (has("compliantDevice") || has("domainJoinedDevice")) && f.only(c, "compliantDevice", "domainJoinedDevice"):
		return add(state, "The Conditional Access policy “"+c.Name+"” demands a managed device for registering security information.", "On a phone or computer that is not managed nobody can register a passkey by themselves; Security info sends them round in circles.",
			"Have Postern register passkeys on behalf of users, let a Temporary Access Pass count instead, or exclude newcomers from the policy.")
	case everywhere && (has("approvedApplication") || has("compliantApplication")) && f.only(c, "approvedApplication", "compliantApplication"):
		return add(postern.FindingNote, "The Conditional Access policy “"+c.Name+"” demands an approved or protected app everywhere.", "Microsoft Authenticator is none, so those it concerns cannot register a passkey in it. Passkeys of Postern are not affected.",
			"If people shall use Microsoft Authenticator, let a compliant device count instead, or exclude the resource Microsoft Authenticator Credential Registration.")
	}
	return nil
}

// only reports whether one of these controls has to be met: with OR, no other control is enough.
func (f Tenant) only(c postern.ConditionalAccessPolicy, controls ...string) bool {
	if c.Grant.All {
		return true
	}
	if c.Grant.Strength != "" {
		return false
	}
	return !slices.ContainsFunc(c.Grant.Controls, func(s string) bool {
		return !slices.ContainsFunc(controls, func(control string) bool { return strings.EqualFold(s, control) })
	})
}

// plans of licences, by the names of their service plans.
var (
	planPremium = []string{"AAD_PREMIUM", "AAD_PREMIUM_P2"}
	planIntune  = []string{"INTUNE_A", "INTUNE_A_VL", "INTUNE_EDU", "INTUNE_SMBIZ", "INTUNE_O365"}
)

func licences(f Tenant) []postern.Finding {
	l := f.Licences
	if !l.Asked && len(l.Missing) == 0 {
		return nil
	}
	if !l.ok() {
		return missing(f, "The licences", l.Missing, l.Problem, "under Billing > Licenses the tenant has Entra ID P1 for Conditional Access and reports, and Intune if it shall configure workstations.", f.products())
	}
	var found []postern.Finding
	premium, full := f.licensed(planPremium)
	intune, _ := f.licensed(planIntune)
	if !premium {
		found = append(found, bad(postern.FindingWarning, "The tenant has no Entra ID P1.", "Passkeys work without it. Conditional Access, authentication strengths, when passkeys were last used and who registered what need it.",
			"Get Entra ID P1 or a product with it, if you want to demand passkeys rather than offer them.", f.products()))
	} else if full != "" {
		found = append(found, bad(postern.FindingWarning, full, "Whom Conditional Access concerns needs a licence.", "Get more seats, or take licences from accounts that are not used.", f.products()))
	}
	if !intune {
		found = append(found, bad(postern.FindingNote, "The tenant has no Intune.", "Security keys at the Windows sign-in screen can then be allowed by group policy or a provisioning package.",
			"On workstations set the policy Turn on security key sign-in (System > Logon).", "https://learn.microsoft.com/entra/identity/authentication/howto-authentication-passwordless-security-key-windows"))
	}
	if found == nil {
		return ok("The tenant has Entra ID P1 and Intune.")
	}
	return found
}

// licensed reports whether an active product has one of the plans, and says if all its seats are taken and more.
func (f Tenant) licensed(plans []string) (has bool, full string) {
	seats, assigned := 0, 0
	for _, l := range f.Licences.Value {
		if l.Active && l.Seats > 0 && slices.ContainsFunc(l.Plans, func(p string) bool { return slices.Contains(plans, p) }) {
			has = true
			seats, assigned = seats+l.Seats, assigned+l.Assigned
		}
	}
	if has && assigned > seats {
		full = fmt.Sprintf("%d licences with Entra ID P1 are assigned, and %d were bought.", assigned, seats)
	}
	return has, full
}

func windows(f Tenant) []postern.Finding {
	d := f.Devices
	if !d.Asked && len(d.Missing) == 0 {
		return nil
	}
	byHand := "in the Intune admin center, Devices > Configuration has a policy with “Use Security Key For Signin” (settings catalog, Windows Hello for Business) set to Enabled and assigned; postern-agent doctor says whether it reached a workstation."
	if !d.ok() {
		return missing(f, "Intune's setting for security keys at the Windows sign-in screen", d.Missing, d.Problem, byHand, f.profiles())
	}
	var on, off, idle []string
	for _, s := range d.Value {
		switch {
		case s.Targets == 0:
			idle = append(idle, s.String())
		case s.On:
			on = append(on, s.String())
		default:
			off = append(off, s.String())
		}
	}
	why := "Windows offers security keys at the sign-in screen only where this setting is on."
	switch {
	case len(on) > 0 && len(off) > 0:
		return []postern.Finding{bad(postern.FindingFailure, fmt.Sprintf("Intune has the setting both ways: on in %s, off in %s.", some(on), some(off)), why+" On devices that get both Intune reports a conflict and sets neither.",
			"Keep one, and remove the assignments of the other.", f.profiles())}
	case len(off) > 0:
		return []postern.Finding{bad(postern.FindingFailure, fmt.Sprintf("Intune switches security keys off at the Windows sign-in screen, in %s.", some(off)), why, "Set “Use Security Key For Signin” to Enabled there.", f.profiles())}
	case len(on) > 0:
		return ok("Intune switches security keys on at the Windows sign-in screen, in %s.", some(on))
	case len(idle) > 0:
		return []postern.Finding{bad(postern.FindingWarning, fmt.Sprintf("Intune has the setting in %s, and it is assigned to nobody.", some(idle)), why, "Assign it to a group of devices or to all devices.", f.profiles())}
	}
	if has, _ := f.licensed(planIntune); f.Licences.ok() && !has {
		return nil // see licences
	}
	return []postern.Finding{bad(postern.FindingWarning, "Intune does not switch security keys on at the Windows sign-in screen.", why+" Sign-in at websites works without it.",
		"Have postern entra setup make the setting, or make a settings catalog policy with “Use Security Key For Signin” set to Enabled and assign it. Workstations may get it by group policy instead.", f.profiles())}
}
