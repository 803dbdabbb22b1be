package web

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/postern/postern"
)

// newSetupPage is the form with which a set-up begins.
type newSetupPage struct {
	frame
	Input    postern.SetupInput
	Days     string // as typed
	Flags    postern.FlagSet
	Problems problems
}

func newSetupInput() postern.SetupInput {
	return postern.SetupInput{
		RegistrationName: "Postern", PermissionSet: postern.PermissionsStandard, Credential: postern.CredentialCertificate,
		Policy: true, Windows: postern.SetupWindowsOff,
	}
}

// legacy reports whether the user name of the service account was typed, or was wrong.
func (p newSetupPage) legacy() bool { return p.Input.PermissionSet == postern.PermissionsLegacy }

// prerequisite is one thing that has to be there, and who sees whether it is.
type prerequisite struct {
	Name, Text, Checked string
	Link                string // Microsoft's documentation
}

var prerequisites = []prerequisite{
	{"An Entra tenant", "Postern connects one tenant at a time.", "checked by the sign-in", ""},
	{
		"An account on the tenant's onmicrosoft.com domain, Global Administrator",
		"It signs in once, for this set-up. Postern keeps no password, and its tokens for an hour at most.", "checked by the sign-in", "",
	},
	{"Passkeys (FIDO2) allowed in the tenant", "For all users, with self-service set-up. The set-up does it, if you let it.", "checked by the plan", ""},
	{
		"Intune and its licences", "For Windows workstations: an account on onmicrosoft.com with the role Intune Administrator or Global Administrator.", "checked by the plan",
		"https://learn.microsoft.com/en-us/mem/intune/fundamentals/licenses",
	},
	{
		"Security keys allowed at the Windows sign-in screen",
		"For workstations that are joined already, by a profile, which the set-up can make. For those that join from now on, Intune has one switch under Devices, Enrollment, Windows Hello for Business: Use security keys for sign-in.",
		"checked by the plan and by the doctor", "https://learn.microsoft.com/en-us/entra/identity/authentication/howto-authentication-passwordless-security-key-windows",
	},
	{
		"Windows workstations, Entra joined or Entra hybrid joined",
		"Physical or virtual. Microsoft does not support security keys on machines that know only Active Directory. macOS is not supported yet.", "checked by the workstation's doctor", "",
	},
	{"A patched Windows", "How far is checked per machine.", "checked by the workstation's doctor", ""},
	{"The client on every workstation", "The tab Workstations shows which have it.", "shown in the console", ""},
	{
		"For hybrid joined workstations: patched domain controllers", "All that people sign in at.", "listed by the workstation's doctor",
		"https://learn.microsoft.com/en-us/entra/identity/authentication/howto-authentication-passwordless-security-key-on-premises",
	},
	{"For hybrid joined workstations: AES256_HMAC_SHA1", "Required, wherever the network security of Kerberos is configured by policy.", "checked by the workstation's doctor", ""},
	{"For hybrid joined workstations: Entra Kerberos", "An Entra Kerberos object in the domain, which the documentation of Microsoft has you make.", "checked by the workstation's doctor", ""},
	{
		"For hybrid joined workstations: not with an administrator's account",
		"By default, administrative accounts cannot sign in to the domain with a security key. Try it with an ordinary account first.", "yours to know", "",
	},
}

func (c *console) newSetup(w http.ResponseWriter, r *http.Request) error {
	return c.showNewSetup(w, r, newSetupPage{Input: newSetupInput()})
}

func (c *console) showNewSetup(w http.ResponseWriter, r *http.Request, p newSetupPage) error {
	p.frame = c.newFrame(r, "Set up a tenant")
	p.Trail = append(p.Trail, crumb{"Add New Integrations", "/integrations/new"})
	var err error
	if p.Flags, err = c.Integrations.Offered(r.Context()); err != nil {
		return err
	}
	return c.show(w, r, statusOf(p.Problems), newSetup(p))
}

func (c *console) beginSetup(w http.ResponseWriter, r *http.Request) error {
	p := readSetup(r)
	if len(p.Problems) == 0 {
		s, err := c.Setups.Begin(r.Context(), p.Input)
		if err == nil {
			return c.away(w, r, setupPath(s.ID))
		}
		p.Problems = problemsOf(err)
	}
	return c.showNewSetup(w, r, p)
}

// readSetup reads the form. What cannot be read is a problem of its field.
func readSetup(r *http.Request) newSetupPage {
	v := func(name string) string { return strings.TrimSpace(r.PostFormValue(name)) }
	p := newSetupPage{Days: v("credential_days"), Input: postern.SetupInput{
		TenantID: v("tenant_id"), RegistrationName: v("registration_name"), ApplicationName: v("application_name"),
		PermissionSet: postern.PermissionSet(v("permission_set")), Credential: postern.CredentialKind(v("credential")),
		Policy: v("policy") == "true", Windows: postern.SetupWindows(v("windows")),
	}}
	// What belongs to another choice than the one that was made is not meant.
	if p.Input.Windows != postern.SetupWindowsOff {
		p.Input.WindowsGroup = v("windows_group")
	}
	if p.legacy() {
		p.Input.ServiceAccountUsername = v("service_account_username")
	}
	if p.Days != "" {
		days, err := strconv.Atoi(p.Days)
		if err != nil || days < 1 {
			p.Problems = problems{postern.FieldErrorf("credential_days", "The days of the credential are not a whole number above zero.").WithNext("Give a number of days up to 730, or nothing.")}
		}
		p.Input.CredentialDays = days
	}
	return p
}
