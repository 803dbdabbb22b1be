package web

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/a-h/templ"

	"github.com/postern/postern"
)

// expiryWarning is how long before its end a certificate begins to warn.
const expiryWarning = 30 * 24 * time.Hour

var guidAttributes = templ.Attributes{
	"placeholder": "00000000-0000-0000-0000-000000000000", "autocomplete": "off", "spellcheck": "false", "autocapitalize": "off", "maxlength": "64",
}

func pemAttributes(placeholder string) templ.Attributes {
	return templ.Attributes{"placeholder": placeholder, "autocomplete": "off", "spellcheck": "false", "autocapitalize": "off"}
}

func timeoutText(minutes int) string {
	if minutes <= 0 {
		return ""
	}
	return strconv.Itoa(minutes)
}

// legacy reports whether the folded section of the service account has to stand open.
func (f integrationForm) legacy() bool {
	return f.Input.ServiceAccountUsername != "" || f.Problems.on("service_account_username") != nil || f.Problems.on("service_account_password") != nil
}

func permissionOptions(chosen postern.PermissionSet) []option {
	options := []option{
		{
			Value: string(postern.PermissionsPasskeys), Label: "Passkeys only",
			Help: "Register and remove passkeys: UserAuthMethod-Passkey.ReadWrite.All. Users are named by hand, and Postern keeps no groups.",
		},
		{
			Value: string(postern.PermissionsStandard), Label: "Standard",
			Help: "And find users, see who is privileged, keep the three groups that follow the phases, and end sessions: User.Read.All, RoleManagement.Read.Directory, Group.Create, GroupMember.ReadWrite.All, User.RevokeSessions.All.",
		},
		{
			Value: string(postern.PermissionsFull), Label: "Full",
			Help: "And read and write the passkey policy of the tenant, and read its reports: Policy.ReadWrite.AuthenticationMethod, AuditLog.Read.All.",
		},
		{
			Value: string(postern.PermissionsDirectory), Label: "Directory",
			Help: "The four permissions of other products' guides, far more than Postern needs. As application: Directory.ReadWrite.All, UserAuthenticationMethod.ReadWrite.All. Delegated: Directory.AccessAsUser.All, UserAuthenticationMethod.ReadWrite.All.",
		},
		{
			Value: string(postern.PermissionsLegacy), Label: "Legacy",
			Help: "The two of older guides, both delegated to a service account: Directory.AccessAsUser.All, UserAuthenticationMethod.ReadWrite.All.",
		},
	}
	for i := range options {
		options[i].Name = "permission_set"
		options[i].Checked = options[i].Value == string(chosen)
	}
	return options
}

func permissionSetName(p postern.PermissionSet) string {
	for _, o := range permissionOptions(p) {
		if o.Checked {
			return o.Label
		}
	}
	return string(p)
}

func testKind(t postern.ConnectionTest) string {
	switch {
	case !t.OK:
		return "bad"
	case !t.Permissions.OK():
		return "warn"
	}
	return "ok"
}

func testHeadline(t postern.ConnectionTest) string {
	switch testKind(t) {
	case "bad":
		return "The connection does not work."
	case "warn":
		return "Connected, but permissions are not as they should be."
	}
	return "The connection works."
}

// reportLine is one permission of the report.
type reportLine struct{ Name, Text, Class, Icon string }

// reportLines puts what needs attention first.
func reportLines(r postern.PermissionReport) []reportLine {
	var lines []reportLine
	for _, name := range r.Missing {
		lines = append(lines, reportLine{name, "missing: grant it in the app registration and give admin consent", "missing", "bad"})
	}
	for _, name := range r.WrongType {
		lines = append(lines, reportLine{name, "wrong type: granted, but not as the type that is needed (application or delegated)", "wrong-type", "warn"})
	}
	for _, name := range r.Unproven {
		lines = append(lines, reportLine{name, "granted by the token, but a harmless test call was refused", "wrong-type", "warn"})
	}
	for _, g := range r.Granted {
		if slices.Contains(r.Surplus, g.Name) || slices.Contains(r.WrongType, g.Name) {
			continue
		}
		lines = append(lines, reportLine{g.Name, "granted, " + g.Type, "granted", "ok"})
	}
	for _, name := range r.Surplus {
		lines = append(lines, reportLine{name, "surplus: granted and not needed; remove it for least privilege", "surplus", "warn"})
	}
	return lines
}

func daysLeft(end, now time.Time) string {
	days := int(end.Sub(now).Hours() / 24)
	switch days {
	case 0:
		return "expires within a day"
	case 1:
		return "expires in 1 day"
	}
	return fmt.Sprintf("expires in %d days", days)
}
