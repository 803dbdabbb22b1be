package domain

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postern/postern"
)

// Where Microsoft says what a domain needs.
const link = "https://learn.microsoft.com/entra/identity/authentication/howto-authentication-passwordless-security-key-on-premises"

// patches are the updates that Microsoft asks for on domain controllers ("Enable passwordless security key sign-in to
// on-premises resources", prerequisites). All later cumulative updates contain them, so the revision tells; for servers newer
// than these it names none.
var patches = map[int]struct {
	name, update string
	revision     int
}{
	14393: {"Windows Server 2016", "KB4534307", 3474},
	17763: {"Windows Server 2019", "KB4534321", 1012},
}

// firstServer is Windows Server 2016.
const firstServer = 14393

// aes256 is the bit of AES256_HMAC_SHA1 ([MS-KILE] 2.2.7).
const aes256 = 0x10

const (
	// reportOld is from when on a report says little of today.
	reportOld = 14 * 24 * time.Hour
	// keyOld is from when on the key should be rotated, as that of the account krbtgt.
	keyOld = 180 * 24 * time.Hour
)

// check is a name and what it makes of a report.
type check struct {
	name string
	look func(Report, time.Time) []postern.Finding
}

var checks = []check{
	{"domain report", age},
	{"domain controllers", controllers},
	{"kerberos encryption", encryption},
	{"entra kerberos", server},
	{"entra kerberos key", key},
	{"administrators", administrators},
	{"domain accounts", accounts},
}

// Checks are the names of all checks, in their order.
func Checks() []string {
	names := make([]string, 0, len(checks))
	for _, c := range checks {
		names = append(names, c.name)
	}
	return names
}

// Judge decides what a report means.
func Judge(r Report, now time.Time) postern.DoctorReport {
	var all []postern.Finding
	for _, c := range checks {
		for _, finding := range c.look(r, now) {
			finding.Check = c.name
			all = append(all, finding)
		}
	}
	return postern.NewDoctorReport(now, r.Domain, all)
}

func find(s postern.FindingState, subject, message, why, next string) postern.Finding {
	f := postern.Finding{State: s, Subject: subject, Message: message, Why: why, Next: next}
	if s != postern.FindingOK {
		f.Link = link
	}
	return f
}

func age(r Report, now time.Time) []postern.Finding {
	switch {
	case r.Written.IsZero():
		return nil
	case now.Sub(r.Written) > reportOld:
		return []postern.Finding{find(postern.FindingWarning, "", "The report was written on "+r.Written.Format("2 January 2006")+"; much may be different now.", "", "Run the script again.")}
	}
	return []postern.Finding{find(postern.FindingOK, "", "The report is of "+r.Written.Format("2 January 2006, 15:04 MST")+".", "", "")}
}

func controllers(r Report, _ time.Time) []postern.Finding {
	var all []postern.Finding
	writable := 0
	for _, c := range r.Controllers {
		if !c.ReadOnly {
			writable++
		}
		all = append(all, patched(c))
	}
	if len(r.Controllers) > 0 && writable == 0 {
		all = append(all, find(postern.FindingFailure, "", "All domain controllers of the report are read-only.", "Windows exchanges the ticket of Entra Kerberos at a writable one.", "Have a writable domain controller in each site where people sign in with security keys."))
	}
	return all
}

func patched(c Controller) postern.Finding {
	p, listed := patches[c.Build]
	switch {
	case c.Error != "":
		return find(postern.FindingUnknown, c.Name, c.Name+" did not answer.", c.Error, "Run the script on "+c.Name+" itself, or let this machine manage it remotely (winrm quickconfig there).")
	case c.Build < firstServer:
		return find(postern.FindingFailure, c.Name, c.Name+" runs "+c.OperatingSystem+", which is too old for Entra Kerberos.", "Microsoft asks for Windows Server 2016 or later.", "Replace it with Windows Server 2016 or later, or have enough others in its site.")
	case listed && c.Revision < p.revision && !slices.Contains(c.Hotfixes, p.update):
		return find(postern.FindingFailure, c.Name, fmt.Sprintf("%s (%s, build %d.%d) lacks %s, without which Microsoft does not support tickets of Entra Kerberos.", c.Name, p.name, c.Build, c.Revision, p.update), "",
			"Install the newest cumulative update of "+p.name+", which contains "+p.update+".")
	}
	return find(postern.FindingOK, c.Name, fmt.Sprintf("%s (build %d.%d) is new enough for Entra Kerberos.", c.Name, c.Build, c.Revision), "", "")
}

func encryption(r Report, _ time.Time) []postern.Finding {
	var all []postern.Finding
	for _, c := range r.Controllers {
		switch {
		case c.Error != "":
			continue // told above
		case c.EncryptionTypes != nil && *c.EncryptionTypes&aes256 == 0:
			all = append(all, find(postern.FindingFailure, c.Name, c.Name+" may not use AES256_HMAC_SHA1 for Kerberos.", "The tickets of Entra Kerberos are encrypted with it.",
				"Tick AES256_HMAC_SHA1 in the policy Network security: Configure encryption types allowed for Kerberos of the domain controllers, or have it not defined."))
		default:
			all = append(all, find(postern.FindingOK, c.Name, c.Name+" may use AES256_HMAC_SHA1 for Kerberos.", "", ""))
		}
	}
	return all
}

const create = "Run Set-AzureADKerberosServer (module AzureADHybridAuthenticationManagement) as a Domain Admin and a Hybrid Identity Administrator"

func server(r Report, _ time.Time) []postern.Finding {
	s := r.Server
	switch {
	case r.Object == nil && r.ObjectError != "" && s == nil && missing(r.ObjectError):
		return []postern.Finding{find(postern.FindingFailure, "", "The domain "+r.Domain+" has no Entra Kerberos server object.", "Entra cannot give out tickets for the domain without it.", create+".")}
	case r.Object == nil && s == nil:
		return []postern.Finding{find(postern.FindingUnknown, "", "Whether there is an Entra Kerberos server object is not known.", r.ObjectError, "Run the script as an account that may read the domain.")}
	case s == nil:
		return []postern.Finding{find(postern.FindingUnknown, "", "The domain has its half of the Entra Kerberos server object; the half of Entra is not known.", r.ServerError,
			"Run the script again with -UserPrincipalName of a Hybrid Identity Administrator, where the module AzureADHybridAuthenticationManagement is installed.")}
	case s.CloudID == "" || s.CloudKeyVersion == "":
		return []postern.Finding{find(postern.FindingFailure, "", "The Entra Kerberos server object is in the domain only; Entra does not know it.", "", create+" again, which publishes it.")}
	case s.CloudID != s.ID || !strings.EqualFold(s.CloudDomainDNSName, s.DomainDNSName):
		return []postern.Finding{find(postern.FindingFailure, "", "The two halves of the Entra Kerberos server object are not of the same object: "+s.ID+" of "+s.DomainDNSName+" here, "+s.CloudID+" of "+s.CloudDomainDNSName+" in Entra.", "",
			"Run Remove-AzureADKerberosServer, then Set-AzureADKerberosServer.")}
	case s.CloudKeyVersion != s.KeyVersion:
		return []postern.Finding{find(postern.FindingFailure, "", "The domain has version "+s.KeyVersion+" of the key of Entra Kerberos, Entra has "+s.CloudKeyVersion+".",
			"Tickets of Entra do not open in the domain. That happens where the password of krbtgt_AzureAD was reset by something else.", create+" with -RotateServerKey.")}
	}
	return []postern.Finding{find(postern.FindingOK, "", "Domain and Entra have the same key of Entra Kerberos, version "+s.KeyVersion+".", "", "")}
}

// missing tells the error of Get-ADComputer for an object that is not there.
func missing(message string) bool {
	return strings.Contains(message, "AzureADKerberos") && strings.Contains(message, "Cannot find an object")
}

func key(r Report, now time.Time) []postern.Finding {
	if r.Server == nil || r.Server.KeyUpdatedOn == nil {
		return nil
	}
	on := *r.Server.KeyUpdatedOn
	if now.Sub(on) > keyOld {
		return []postern.Finding{find(postern.FindingWarning, "", "The key of Entra Kerberos is from "+on.Format("2 January 2006")+".", "It should be rotated as often as that of krbtgt: who has it makes tickets.", create+" with -RotateServerKey. Reset krbtgt_AzureAD by nothing else.")}
	}
	return []postern.Finding{find(postern.FindingOK, "", "The key of Entra Kerberos is from "+on.Format("2 January 2006")+".", "", "")}
}

// privileged are groups which the object refuses unless somebody has changed that, by the first part of their names.
var privileged = []string{"Domain Admins", "Enterprise Admins", "Schema Admins", "Administrators"}

func administrators(r Report, _ time.Time) []postern.Finding {
	if r.Object == nil {
		return nil
	}
	var denied []string
	for _, dn := range r.Object.NeverReveal {
		denied = append(denied, name(dn))
	}
	for _, group := range privileged {
		if slices.Contains(denied, group) || group != "Administrators" && slices.Contains(denied, "Denied RODC Password Replication Group") {
			return []postern.Finding{find(postern.FindingNote, "", "Administrative accounts cannot sign in to machines of the domain with a security key, as Microsoft has it by default: "+strings.Join(denied, ", ")+" are refused.",
				"Who made tickets with the key of Entra Kerberos could otherwise be an administrator.", "Try the phone with an ordinary account. To let administrators in nonetheless take their group out of msDS-NeverRevealGroup of AzureADKerberos; better give them ordinary accounts.")}
		}
	}
	return []postern.Finding{find(postern.FindingWarning, "", "The Entra Kerberos server object refuses no administrative group, so whoever rules Entra can be an administrator of the domain.", "",
		"Add Domain Admins and the other privileged groups to msDS-NeverRevealGroup of AzureADKerberos, unless that was meant so.")}
}

// name is the first part of a distinguished name without its type.
func name(dn string) string {
	first, _, _ := strings.Cut(dn, ",")
	_, value, _ := strings.Cut(first, "=")
	return value
}

func accounts(r Report, _ time.Time) []postern.Finding {
	var all []postern.Finding
	for _, a := range r.Accounts {
		refused := ""
		for _, group := range a.Groups {
			if r.Object != nil && slices.ContainsFunc(r.Object.NeverReveal, func(dn string) bool { return strings.EqualFold(dn, group) }) {
				refused = name(group)
			}
		}
		switch {
		case a.Error != "":
			all = append(all, find(postern.FindingUnknown, a.Name, "The account "+a.Name+" was not read.", a.Error, "Check the name; it is the sAMAccountName."))
		case !a.Enabled:
			all = append(all, find(postern.FindingFailure, a.Name, "The account "+a.Name+" is disabled in the domain.", "", "Enable it in Active Directory Users and Computers."))
		case a.PasswordExpired:
			all = append(all, find(postern.FindingFailure, a.Name, "The password of "+a.Name+" has expired, which also bars the security key.", "", "Have the password set anew, or not expire for accounts without one."))
		case refused != "":
			all = append(all, find(postern.FindingFailure, a.Name, a.Name+" is a member of "+refused+", which the Entra Kerberos server object refuses.", "", "Use an ordinary account, or take the account out of "+refused+"."))
		case !allowed(r.Object, a):
			all = append(all, find(postern.FindingWarning, a.Name, a.Name+" is in no group that the Entra Kerberos server object lets in.", "The rules of read-only domain controllers apply to it.",
				"Make the account a member of a group in msDS-RevealOnDemandGroup of AzureADKerberos, or add a group of its to that."))
		default:
			all = append(all, find(postern.FindingOK, a.Name, a.Name+" may sign in with a security key.", "", ""))
		}
	}
	return all
}

// allowed reports whether the object lets the account in. Where the object does not tell, it counts as allowed.
func allowed(o *Object, a Account) bool {
	return o == nil || len(o.RevealOnDemand) == 0 || slices.ContainsFunc(a.Groups, func(group string) bool {
		return slices.ContainsFunc(o.RevealOnDemand, func(dn string) bool { return strings.EqualFold(dn, group) })
	})
}
