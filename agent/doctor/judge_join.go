package doctor

import (
	"fmt"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/agent/join"
)

// joinState tells how the machine belongs to a directory, and what Microsoft supports there.
func joinState(f Facts) []postern.Finding {
	w := f.Windows
	if w == nil {
		return note("Signing in to this system itself is not for security keys of Entra; the web is.", "Sign in to the machine as before, and on the web with the phone.")
	}
	if w.JoinError != "" {
		return unknown("Windows did not tell how this machine is joined.", w.JoinError, "Run dsregcmd /status and look at Device State.")
	}
	supported, support := w.Join.State.Support()
	name := w.Join.State.Name()
	switch t := w.Join.Joining; {
	case supported:
		return because(support, linkWindows, ok("%s: signing in to Windows with a security key is supported by Microsoft.", name))
	case w.Join.State == postern.JoinAD && t.Tried():
		finding := warning(fmt.Sprintf("This machine is of a domain and on its way to a hybrid join; the last attempt ended in the phase %s with %s.", orNone(t.Phase), orNone(t.ClientError)), joinNext(t))
		return because(t.ServerMessage, linkStatus, finding)
	case w.Join.State == postern.JoinAD:
		return because(support, linkWindows, warning("This machine is joined to Active Directory alone, and for that Microsoft does not support security keys. In the browser the phone works.",
			"Have the machine hybrid joined (Microsoft Entra Connect, device options), or use the phone in the browser only."))
	case w.Join.Registered == join.Yes:
		return because(support, linkWindows, note("This machine is registered with Entra by an account that was added to Windows, but not joined, so nobody signs in to it with the phone. In the browser the phone works.",
			"Join it under Settings, Accounts, Access work or school, Connect, Join this device to Microsoft Entra ID, if people should sign in to Windows with the phone."))
	}
	return because(support, linkWindows, note(name+": nobody signs in to this Windows with the phone. In the browser the phone works.", "Join the machine to Entra if people should sign in to Windows with the phone."))
}

// joinNext is what helps a hybrid join on, by where it stopped.
func joinNext(t join.Joining) string {
	switch {
	case strings.EqualFold(t.ClientError, "0x801c03f2"):
		return "Wait until Microsoft Entra Connect has synchronised the computer (30 minutes as a rule) and see that its organisational unit is synchronised; then sign out and in."
	case strings.HasPrefix(t.ADTest, "FAIL"):
		return "Bring the machine to where it reaches a domain controller: the office network or a VPN that connects before sign-in."
	case strings.HasPrefix(t.SCPTest, "FAIL"):
		return "Have the service connection point set: Microsoft Entra Connect, device options, Configure Hybrid Microsoft Entra join."
	case strings.HasPrefix(t.DRSTest, "FAIL"), t.Phase == "discover":
		return "Let the machine's account reach enterpriseregistration.windows.net and login.microsoftonline.com, through the proxy too."
	}
	return "Look the code up in Microsoft's guide to hybrid joins, and run dsregcmd /status as administrator again after the next attempt."
}

func orNone(s string) string {
	if s == "" {
		return "(not told)"
	}
	return s
}

// joined gives Windows where it is joined to Entra.
func joined(f Facts) (*Windows, bool) {
	if f.Windows == nil || f.Windows.JoinError != "" {
		return nil, false
	}
	supported, _ := f.Windows.Join.State.Support()
	return f.Windows, supported
}

// deviceRegistration is what Entra thinks of the machine, and whether its key works.
func deviceRegistration(f Facts) []postern.Finding {
	w, is := joined(f)
	if !is {
		return nil
	}
	r := w.Join
	switch {
	case strings.Contains(r.DeviceAuth, "disabled or deleted"):
		return because("Entra gives no token to a machine it does not take.", linkStatus,
			failure("Entra does not take this machine: it is disabled or deleted there.", "Ask an administrator to enable the device in the Entra admin center under Devices. If it was deleted, run dsregcmd /leave as administrator and join anew."))
	case strings.HasPrefix(r.DeviceAuth, "FAILED"):
		return unknown("Whether Entra still takes this machine is not known.", r.DeviceAuth, "Run dsregcmd /status where the machine reaches login.microsoftonline.com; the system's account needs the proxy too.")
	case strings.HasPrefix(r.KeySign, "FAIL"):
		return because(r.KeySign, linkStatus, failure("The key by which Entra knows this machine does not sign.", "Sign out and in, which registers the machine anew; if that does not help, clear the TPM after a look at BitLocker, and join anew."))
	case r.Recovery == join.Yes:
		return warning("Windows has marked the machine's key as broken and registers the machine anew at the next sign-in.", "Sign out and in with the password, where the machine is online.")
	case !r.CertificateUntil.IsZero() && f.Now.After(r.CertificateUntil):
		return failure("The certificate of this machine's join ended on "+day(r.CertificateUntil)+".", "Run dsregcmd /leave as administrator and join anew.")
	}
	return ok("Entra knows this machine.")
}

// signInToken judges the user's primary refresh token, which every sign-in to Windows with Entra ends in.
func signInToken(f Facts) []postern.Finding {
	w, is := joined(f)
	if !is || !w.User {
		return nil
	}
	r := w.Join
	switch {
	case r.PRT == "":
		return unknown("Whether you have a sign-in token of Entra is not known.", "Windows told nothing of it.", "Run dsregcmd /status and look at SSO State.")
	case r.PRT == join.No:
		finding := warning("You have no sign-in token of Entra in this session"+attempt(r.Attempt)+".", tokenNext(r))
		return because(r.Attempt.Server, linkStatus, finding)
	case !r.PRTExpires.IsZero() && f.Now.After(r.PRTExpires):
		return warning("Your sign-in token of Entra ended on "+day(r.PRTExpires)+" and was not renewed.", "Lock Windows and unlock it while the machine is online.")
	}
	return ok("You have a sign-in token of Entra.")
}

func attempt(a join.PRTAttempt) string {
	if a.Status == "" {
		return ""
	}
	return fmt.Sprintf("; the last attempt, by %s, ended with %s", strings.ToLower(orNone(a.Credential)), a.Status)
}

func tokenNext(r join.Report) string {
	if strings.Contains(r.Attempt.Server, "AADSTS") {
		return "Look the number that begins with AADSTS up at https://login.microsoftonline.com/error, then sign out and in."
	}
	if r.State == postern.JoinHybrid {
		return "Sign out and in while the machine is online, with an account that is synchronised to Entra; a local account or one of another directory gets none."
	}
	return "Sign out and in while the machine is online, with the Entra account; a local account gets none."
}

// domainTicket: after a sign-in with a security key the ticket of Entra Kerberos opens what is on premises.
func domainTicket(f Facts) []postern.Finding {
	w, is := joined(f)
	if !is || !w.User || w.Join.State != postern.JoinHybrid || w.Join.PRT != join.Yes {
		return nil
	}
	switch w.Join.OnPremTGT {
	case "":
		return unknown("Whether Entra gave you a Kerberos ticket for the domain is not known.", "Windows tells it from version 11 on.", "Run klist cloud_debug in a prompt of yours.")
	case join.No:
		return because("With a security key Windows gets the ticket for the domain from Entra; without it the sign-in ends at the domain.", linkOnPrem,
			failure("Entra gave you no Kerberos ticket for the domain "+w.Join.DomainName+": after a sign-in with the phone nothing of the domain opens.",
				"Have an administrator set up Entra Kerberos (postern-agent doctor --domain-script looks at it), and see that your account is no member of Domain Admins or another denied group."))
	}
	return ok("Entra gave you a Kerberos ticket for the domain.")
}

// domainController: the ticket of Entra is exchanged at a domain controller that can do so.
func domainController(f Facts) []postern.Finding {
	w, is := joined(f)
	if !is || w.Join.State != postern.JoinHybrid {
		return nil
	}
	c := w.Controller
	switch {
	case !w.ControllerAsked:
		return unknown("Whether a domain controller is in reach is not known.", "nltest did not run.", "Run nltest /dsgetdc:"+w.Join.DomainName+" /keylist /kdc.")
	case c.Name == "":
		return because(fmt.Sprintf("%d %s", c.Status, c.Error), linkOnPrem, warning("No domain controller that takes tickets of Entra Kerberos is in reach of this machine now.",
			"Connect to the office network or VPN. If others are reached (nltest /dsgetdc:"+w.Join.DomainName+"), have the domain controllers updated: KB4534307 on Server 2016, KB4534321 on Server 2019, or a later cumulative update."))
	case !c.KeyList():
		return warning("The domain controller "+c.Name+" does not take tickets of Entra Kerberos.", "Have it updated: KB4534307 on Server 2016, KB4534321 on Server 2019, or a later cumulative update.")
	}
	return ok("The domain controller %s takes tickets of Entra Kerberos.", c.Name)
}
