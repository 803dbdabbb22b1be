package doctor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postern/postern"
)

const (
	// directoryWarns and inventoryWarns are how old a reading may be. The mirror is read every 15 minutes, everybody's
	// passkeys once in a while.
	directoryWarns = 6 * time.Hour
	inventoryWarns = 8 * 24 * time.Hour
)

func domains(f Tenant) []postern.Finding {
	i := f.Integration
	if !i.RestrictDomains {
		return ok("Every domain of the tenant may register and authenticate.")
	}
	o := f.Organization
	if !o.Asked && len(o.Missing) == 0 {
		return nil
	}
	if !o.ok() {
		return missing(f, "Whether the listed domains are the tenant's", o.Missing, o.Problem, "compare Login Settings with Custom domain names.", f.domainNames())
	}
	var found []postern.Finding
	any := false
	for _, d := range i.Domains {
		if slices.Contains(o.Value.Domains, strings.ToLower(d)) {
			any = true
			continue
		}
		b := bad(postern.FindingWarning, "The domain "+d+" is listed under Login Settings, and the tenant has not verified it.", "Nobody in the tenant has a name in it, so the entry lets nobody in.",
			"Correct the entry under Login Settings, or verify the domain in Entra. Subdomains are domains of their own.", page(i, "login"))
		b.Subject = d
		found = append(found, b)
	}
	if !any {
		found = append(found, bad(postern.FindingFailure, "None of the listed domains belongs to the tenant.", "Nobody can register or authenticate.", "List a domain of the tenant under Login Settings, such as "+o.Value.Initial+".", page(i, "login")))
	}
	if found == nil {
		return ok("All listed domains are the tenant's: %s.", some(i.Domains))
	}
	return found
}

func directory(f Tenant) []postern.Finding {
	s := f.Directory.Value
	link := page(f.Integration, "directory/users")
	if !f.Directory.ok() {
		return unreadable("The copy of the directory")
	}
	why := "Who left, was disabled or renamed is noticed by it."
	switch s.State {
	case postern.DirectoryClosed:
		return []postern.Finding{bad(postern.FindingNote, "The application may not read the directory.", "Users are named by hand, and leavers are not noticed.", "Choose the permission set standard if Postern shall read users.", page(f.Integration, "settings"))}
	case postern.DirectoryFailed:
		return []postern.Finding{bad(postern.FindingFailure, "The directory could not be read: "+stop(s.Message), why, orElse(s.Next, "Have it read again under Directory."), link)}
	case postern.DirectoryHeld:
		return []postern.Finding{bad(postern.FindingWarning, fmt.Sprintf("%d users are missing in the directory at once.", s.Missing), "Nothing is done about so many until somebody confirms it.",
			"See under Directory whether they are really gone, and confirm.", link)}
	case postern.DirectoryNever:
		return []postern.Finding{bad(postern.FindingNote, "The directory has not been read yet.", why, "Wait some minutes, or have it read under Directory.", link)}
	case postern.DirectoryReading:
		if s.FinishedAt == nil {
			return ok("The directory is being read.")
		}
	case postern.DirectoryCurrent:
	}
	if s.FinishedAt != nil && f.Now.Sub(*s.FinishedAt) > directoryWarns {
		return []postern.Finding{bad(postern.FindingWarning, fmt.Sprintf("The directory was last read %s ago.", span(f.Now.Sub(*s.FinishedAt))), why, "Have it read under Directory, and see the server's check jobs.", link)}
	}
	return ok("The copy of the directory has %d users and is current.", s.Users)
}

func inventory(f Tenant) []postern.Finding {
	if !f.Inventory.ok() {
		return unreadable("The inventory")
	}
	s := f.Inventory.Value
	link := page(f.Integration, "inventory")
	why := "Whom a change of the policy would lock out is told by it."
	read := "Choose Read everybody under Inventory."
	switch {
	case s.State == postern.InventoryFailed:
		return []postern.Finding{bad(postern.FindingFailure, "The passkeys of the tenant could not be read: "+stop(s.Message), why, orElse(s.Next, read), link)}
	case s.State == postern.InventoryNever && s.FullAt == nil:
		return []postern.Finding{bad(postern.FindingNote, "The passkeys of the tenant have not been read yet.", why, read, link)}
	case s.FullAt != nil && f.Now.Sub(*s.FullAt) > inventoryWarns:
		return []postern.Finding{bad(postern.FindingWarning, fmt.Sprintf("Everybody's passkeys were last read %s ago.", span(f.Now.Sub(*s.FullAt))), why, read, link)}
	case s.State == postern.InventoryCurrent && !s.Complete:
		return []postern.Finding{bad(postern.FindingNote, fmt.Sprintf("The passkeys of %d users could not be read.", s.Failures), why, read, link)}
	}
	return ok("The inventory of passkeys is current.")
}

func drift(f Tenant) []postern.Finding {
	if !f.Drift.Asked {
		return nil
	}
	link := page(f.Integration, "policy/drift")
	d := f.Drift.Value
	switch {
	case !f.Drift.ok():
		return unreadable("What others changed about the policy")
	case !d.Watched:
		return []postern.Finding{bad(postern.FindingNote, "Nobody watches the policy.", "A change that somebody else makes goes unnoticed.", "Apply a plan, or accept the policy as it is, under Passkey policy > Drift.", link)}
	case len(d.Steps) > 0:
		return []postern.Finding{bad(postern.FindingWarning, fmt.Sprintf("Somebody else changed the policy: %s", d.Steps[0].Sentence), "It is not what was last applied or accepted here.",
			"See under Passkey policy > Drift who it was; accept the change or take it back.", link)}
	case d.Code != "":
		return []postern.Finding{bad(postern.FindingUnknown, "The policy could not be compared with what was applied: "+stop(d.Message), "", orElse(d.Next, "Have it compared again under Passkey policy > Drift."), link)}
	}
	return ok("The policy is as it was last applied or accepted.")
}

func provisioning(f Tenant) []postern.Finding {
	if !f.Provisioning.ok() {
		return unreadable("Failed registrations")
	}
	var found []postern.Finding
	for _, p := range f.Provisioning.Value {
		b := bad(postern.FindingWarning, fmt.Sprintf("%d passkeys could not be registered since yesterday: %s", p.Count, stop(p.Message)), "Their users have no passkey, or not the new one.",
			orElse(p.Next, "See the users' pages for what was tried, mend the cause and register again."), page(f.Integration, "audit?event=passkey."))
		b.Subject = p.Code
		found = append(found, b)
	}
	if found == nil {
		return ok("No registration has failed since yesterday.")
	}
	return found
}

func privileged(f Tenant) []postern.Finding {
	if f.Directory.ok() && (f.Directory.Value.State == postern.DirectoryClosed || f.Directory.Value.FinishedAt == nil) {
		return nil
	}
	link := page(f.Integration, "inventory?view=privileged")
	if f.Directory.ok() && !f.Directory.Value.RolesRead {
		return []postern.Finding{bad(postern.FindingWarning, "Postern cannot see who holds a privileged role.", "Privileged accounts are not told apart, so nobody guards a passkey for them more than others.",
			"Grant RoleManagement.Read.Directory, which the permission set standard has.", f.registration("CallAnAPI"))}
	}
	if !f.Privileged.ok() {
		return unreadable("Privileged accounts")
	}
	var found []postern.Finding
	var synced []string
	for _, u := range f.Privileged.Value {
		if u.Synced && u.Enabled {
			synced = append(synced, u.UPN)
		}
	}
	if len(synced) > 0 {
		found = append(found, bad(postern.FindingNote, fmt.Sprintf("Privileged accounts come from Active Directory: %s.", some(synced)),
			"Whoever is in an administrative group on premises cannot sign in to hybrid-joined workstations with a security key: Entra Kerberos refuses such accounts. And whoever takes over Active Directory has the tenant.",
			"Give administrators accounts of their own that exist in Entra alone.", "https://learn.microsoft.com/entra/identity/authentication/howto-authentication-passwordless-security-key-on-premises"))
	}
	found = append(found, f.emergency()...)
	if s := f.Summary; s.ok() && s.Value.PrivilegedNo > 0 && f.Inventory.ok() && f.Inventory.Value.FullAt != nil {
		found = append(found, bad(postern.FindingNote, fmt.Sprintf("%d of %d privileged accounts have no passkey.", s.Value.PrivilegedNo, s.Value.PrivilegedAll), "They are what an attacker wants most.",
			"Invite them first. Somebody else has to vouch for a privileged account.", link))
	}
	if found == nil {
		return ok("%d privileged accounts are known.", len(f.Privileged.Value))
	}
	return found
}

// emergency looks for a Global Administrator whose name is in the tenant's own domain.
func (f Tenant) emergency() []postern.Finding {
	if !f.Organization.ok() || f.Organization.Value.Initial == "" || !f.Directory.ok() {
		return nil
	}
	own := f.Organization.Value.Initial
	if slices.ContainsFunc(f.Privileged.Value, func(u postern.DirectoryUser) bool {
		_, domain, _ := strings.Cut(u.UPN, "@")
		return u.Enabled && strings.EqualFold(domain, own) && slices.Contains(u.Roles, "Global Administrator")
	}) {
		return nil
	}
	b := bad(postern.FindingWarning, "No account in "+own+" is a Global Administrator for good.",
		"Setting a tenant up and mending it takes one, and accounts of other domains cannot sign in when those domains or what they are federated with fail.",
		"Keep an account for emergencies in "+own+", enabled, with the role Global Administrator assigned for good and a security key.",
		"https://learn.microsoft.com/entra/identity/role-based-access-control/security-emergency-access")
	b.Subject = own
	return []postern.Finding{b}
}
