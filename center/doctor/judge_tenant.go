package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/postern/postern"
)

func integration(f Tenant) []postern.Finding {
	i := f.Integration
	if i.State == postern.StateDisabled {
		return []postern.Finding{bad(postern.FindingWarning, "The integration is DISABLED.", "Nobody can register or authenticate with it. Phones and workstations may be paired all the same.",
			"Enable it under Integration Settings when the checks below are well.", page(i, "enable"))}
	}
	return ok("The integration is ENABLED.")
}

func flags(f Tenant) []postern.Finding {
	var found []postern.Finding
	for _, info := range postern.Flags {
		if f.Integration.Flags[info.Flag] {
			continue
		}
		b := bad(postern.FindingWarning, fmt.Sprintf("The flag %s is off.", info.Flag), info.Off, "Switch it on under Integration Settings, unless that is meant.", page(f.Integration, "settings"))
		b.Subject = string(info.Flag)
		found = append(found, b)
	}
	if found == nil {
		return ok("All feature flags are on.")
	}
	return found
}

func httpDebug(f Tenant) []postern.Finding {
	if until := f.Integration.HTTPDebugUntil; until != nil && until.After(f.Now) {
		return []postern.Finding{bad(postern.FindingWarning, fmt.Sprintf("HTTP Debug is on until %s.", clockTime(*until)), "Every exchange with Microsoft is written to the log; no secret is, but a lot about people.",
			"Switch HTTP Debug off under Integration Settings.", page(f.Integration, "settings"))}
	}
	return ok("HTTP Debug is off.")
}

// ofAccount reports whether a refusal is about the service account rather than the application.
func ofAccount(f Tenant) bool {
	return f.Integration.Credential.Kind == postern.CredentialServiceAccount &&
		(f.Token.Code == postern.CodeEntraMFADemanded || f.Token.Code == postern.CodeEntraPasswordWrong)
}

func token(f Tenant) []postern.Finding {
	t := f.Token
	why := "Without a token nothing can be registered, listed or deleted in the tenant."
	link := f.registration("Credentials")
	state := postern.FindingFailure
	switch t.Code {
	case "":
		return ok("Entra takes the credential.")
	case postern.CodeEntraThrottled, postern.CodeEntraUnavailable:
		state, why, link = postern.FindingWarning, "Work goes on by itself when it is over.", "https://status.cloud.microsoft"
	case postern.CodeEntraUnreachable, postern.CodeEntraAuthorityRejected:
		link = "/doctor"
	case postern.CodeEntraTenantUnknown, postern.CodeEntraClientUnknown:
		link = f.registration("Overview")
	case postern.CodeEntraConsentMissing:
		link = f.registration("CallAnAPI")
	case postern.CodeEntraRefused:
		link = f.access()
	default:
		if ofAccount(f) {
			return nil // see service_account
		}
	}
	return []postern.Finding{bad(state, t.Message, why, orElse(t.Next, "Correct the credential under Integration Settings, and test the connection."), link)}
}

// accountRoles are what a service account needs, by name.
var accountRoles = []string{"Privileged Authentication Administrator", "Directory Writers"}

func serviceAccount(f Tenant) []postern.Finding {
	c := f.Integration.Credential
	if c.Kind != postern.CredentialServiceAccount {
		return nil
	}
	var found []postern.Finding
	if ofAccount(f) {
		b := bad(postern.FindingFailure, f.Token.Message, "Postern acts as this account, and cannot sign in as it.", f.Token.Next, f.people())
		if f.Token.Code == postern.CodeEntraMFADemanded {
			b.Next = "Exclude the service account from the Conditional Access policy that demands multifactor authentication, or give the integration a certificate, which needs no account."
			b.Link = f.access()
		}
		found = append(found, b)
	}
	if f.Account != nil && f.Account.ok() {
		held := f.Account.Value.Roles
		for _, role := range accountRoles {
			if slices.Contains(held, role) || slices.Contains(held, "Global Administrator") {
				continue
			}
			b := bad(postern.FindingFailure, fmt.Sprintf("The service account %s does not hold the role %s.", c.Username, role), "With delegated permissions Postern may do only what the account may.",
				"Assign the role "+role+" to the account under Roles and administrators. It can take some minutes until it counts everywhere.", f.people())
			b.Subject = role
			found = append(found, b)
		}
	}
	return append(found, bad(postern.FindingNote, "The integration works through the service account "+c.Username+".", "Its password is one more secret, and a demand for multifactor authentication stops Postern.",
		"Give the integration a certificate and application permissions instead.", page(f.Integration, "settings")))
}

func credential(f Tenant) []postern.Finding {
	c := f.Integration.Credential
	what := map[postern.CredentialKind]string{
		postern.CredentialSecret: "client secret", postern.CredentialCertificate: "certificate", postern.CredentialServiceAccount: "client secret",
	}[c.Kind]
	ends := c.EndOf()
	if f.Own.ok() && !f.Own.Value.Ends.IsZero() {
		ends = &f.Own.Value.Ends
	}
	next := "Make a new one with postern entra rotate, while this one is good: both count for a time."
	link := f.registration("Credentials")
	var found []postern.Finding
	switch level, days := postern.LevelOf(ends, f.Now); level {
	case postern.CredentialEnded:
		found = append(found, bad(postern.FindingFailure, fmt.Sprintf("The %s ended on %s.", what, day(*ends)), "Entra does not take it any more.",
			"Register a new certificate for the application, and enter it under Integration Settings.", link))
	case postern.CredentialUrgent:
		found = append(found, bad(postern.FindingWarning, fmt.Sprintf("The %s ends on %s, in %s.", what, day(*ends), span(ends.Sub(f.Now))), "When it has ended Postern cannot act in the tenant.", next, page(f.Integration, "settings")))
	case postern.CredentialSoon:
		found = append(found, bad(postern.FindingNote, fmt.Sprintf("The %s ends on %s, in %d days.", what, day(*ends), days), "When it has ended Postern cannot act in the tenant.", next, page(f.Integration, "settings")))
	case postern.CredentialUnknown:
		if f.Token.Code != "" {
			return nil // the registration was not looked at
		}
		found = append(found, bad(postern.FindingUnknown, "Nobody knows when the "+what+" ends.", "Entra does not say it to an application that may not read its registration, so nobody can be warned.",
			"Look under Certificates & secrets and note the end under Integration Settings, or grant Application.Read.All.", link))
	case postern.CredentialFine:
		found = ok("The %s is good until %s.", what, day(*ends))
	}
	if f.Own.ok() && f.Own.Value.Ended > 0 {
		found = append(found, bad(postern.FindingNote, fmt.Sprintf("%d credentials of the application have ended and are still registered.", f.Own.Value.Ended), "They do no harm, and hide what counts.",
			"Remove them under Certificates & secrets.", link))
	}
	if c.Certificate != nil && len(c.Certificate.Warnings) > 0 {
		found = append(found, bad(postern.FindingNote, strings.Join(c.Certificate.Warnings, " "), "", "Have the next certificate made by postern entra rotate.", page(f.Integration, "settings")))
	}
	return found
}

func tenant(f Tenant) []postern.Finding {
	o := f.Organization
	if !o.Asked && len(o.Missing) == 0 {
		return nil
	}
	if !o.ok() {
		return missing(f, "Who the tenant is", o.Missing, o.Problem, "See Overview in the Microsoft Entra admin center.", f.AdminCenter)
	}
	i := f.Integration
	if !strings.EqualFold(o.Value.ID, i.TenantID) && !slices.Contains(o.Value.Domains, strings.ToLower(i.TenantID)) {
		return []postern.Finding{bad(postern.FindingFailure, fmt.Sprintf("The token is of the tenant %s, and the integration is of %s.", o.Value.ID, i.TenantID), "Everything would be done in the wrong tenant.",
			"Disable the integration, and add one for the right tenant.", page(i, "disable"))}
	}
	if i.TenantName != "" && i.TenantName != o.Value.Name {
		return []postern.Finding{bad(postern.FindingNote, fmt.Sprintf("The tenant is called %s now; Postern knows it as %s.", o.Value.Name, i.TenantName), "", "Test the connection under Integration Settings and save; the new name is kept.", page(i, "settings"))}
	}
	return ok("The tenant is %s.", o.Value.Name)
}

// missing is for what could not be read: for want of a permission, or because Graph refused.
func missing(f Tenant, what string, permissions []string, p Problem, byHand, link string) []postern.Finding {
	if len(permissions) > 0 {
		return []postern.Finding{bad(postern.FindingUnknown, what+" could not be looked at.", "The application has none of the permissions that allow it.",
			fmt.Sprintf("Grant %s (%s) under API permissions. Or look by hand: %s", permissions[0], orElse(f.Kind, "application"), byHand), f.registration("CallAnAPI"))}
	}
	return []postern.Finding{bad(postern.FindingUnknown, what+" could not be looked at: "+stop(p.Message), "", orElse(p.Next, byHand), link)}
}

func permissions(f Tenant) []postern.Finding {
	if f.Token.Code != "" {
		return nil
	}
	r := f.Test.Permissions
	kind, other := orElse(f.Kind, "application"), "delegated"
	if kind == other {
		other = "application"
	}
	link := f.registration("CallAnAPI")
	why := "The permission set of the integration needs it."
	var found []postern.Finding
	add := func(state postern.FindingState, name, message, why, next string) {
		b := bad(state, message, why, next, link)
		b.Subject = name
		found = append(found, b)
	}
	for _, name := range r.Missing {
		add(postern.FindingFailure, name, fmt.Sprintf("The %s permission %s is not granted.", kind, name), why,
			fmt.Sprintf("Under API permissions choose Add a permission > Microsoft Graph > %s permissions, add %s, then Grant admin consent. A new token shows it after some minutes.", upper(kind), name))
	}
	for _, name := range r.WrongType {
		add(postern.FindingFailure, name, fmt.Sprintf("%s is granted as %s permission, and is needed as %s.", name, other, kind), why+" A permission of the other type does not count.",
			fmt.Sprintf("Add %s of the type %s, grant admin consent, and remove the %s one. Entra does not always ask for the type.", name, upper(kind), other))
	}
	for _, name := range r.Unproven {
		add(postern.FindingFailure, name, fmt.Sprintf("The token grants %s, and Graph refused a test call all the same.", name), "Something in the tenant holds the application back.",
			"If it was granted a moment ago, wait some minutes. Otherwise look for a Conditional Access policy for workload identities, or a role the account lacks.")
	}
	for _, name := range r.Surplus {
		add(postern.FindingWarning, name, fmt.Sprintf("The %s permission %s is granted and not needed.", kind, name), "Whoever gets hold of the credential may do that, too.",
			"Under API permissions choose Remove permission for "+name+", confirm with Yes, remove, and grant admin consent again.")
	}
	if found == nil {
		return ok("All %d permissions that are needed are granted as %s permissions, work, and none is too much.", len(r.Granted), kind)
	}
	return found
}

func groups(f Tenant) []postern.Finding {
	i := f.Integration
	if len(i.Groups) == 0 || f.Token.Code != "" {
		return nil
	}
	var found []postern.Finding
	for _, g := range f.Groups {
		b, wrong := group(f, g)
		if !wrong {
			b = postern.Finding{State: postern.FindingOK, Message: "The group “" + g.Name + "” is there."}
		}
		b.Subject = string(g.Phase)
		found = append(found, b)
	}
	return found
}

func group(f Tenant, g GroupState) (postern.Finding, bool) {
	why := "Members of the group follow the phase of users; what else is assigned to it follows with them."
	here := page(f.Integration, "lifecycle")
	switch {
	case g.ID == "":
		return bad(postern.FindingFailure, stop("The group “"+g.Name+"” does not exist: "+orElse(g.PhaseGroup.Problem, "it was not made yet")), why,
			orElse(g.Next, "Choose Check groups under Lifecycle; it is made then."), here), true
	case g.Gone:
		return bad(postern.FindingFailure, "The group “"+g.Name+"” was deleted in Entra.", why, "Choose Check groups under Lifecycle; it is made again, and its members with it.", here), true
	case g.Dynamic:
		return bad(postern.FindingFailure, "The members of the group “"+g.Name+"” follow a rule.", "Nobody else can change members then.",
			"Change its membership type to Assigned in Entra, or delete it: Postern makes it again.", f.group(g.ID)), true
	case g.Synced:
		return bad(postern.FindingFailure, "The group “"+g.Name+"” comes from on premises.", "Graph cannot change its members.", "Delete it; Postern makes one in Entra.", f.group(g.ID)), true
	case g.Refused.Code != "":
		return bad(postern.FindingUnknown, "The group “"+g.Name+"” could not be looked at: "+stop(g.Refused.Message), why, orElse(g.Refused.Next, "Look at it in Entra."), f.group(g.ID)), true
	case g.PhaseGroup.Problem != "":
		return bad(postern.FindingWarning, stop("The group “"+g.Name+"”: "+g.PhaseGroup.Problem), why, orElse(g.Next, "Choose Check groups under Lifecycle."), here), true
	case g.Now != "" && g.Now != g.Name:
		return bad(postern.FindingNote, fmt.Sprintf("The group “%s” is called “%s” in Entra now.", g.Name, g.Now), "It is found by its id, so nothing breaks.", "Choose Check groups under Lifecycle to keep the new name.", here), true
	}
	return postern.Finding{}, false
}
