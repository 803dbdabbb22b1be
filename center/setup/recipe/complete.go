package recipe

import (
	"strings"
	"unicode"

	"github.com/google/uuid"

	"github.com/postern/postern"
)

// What stands where a person chose nothing.
const (
	defaultName        = "Postern"
	defaultAccount     = "postern-service"
	certificateDays    = 365
	secretDays         = 180
	maxCredentialDays  = 730
	maxRegistration    = 120 // characters of a display name in Entra
	maxAccount         = 64
	notInUserPrincipal = `@/\[]":;|=,+*?<>#%&{}` + "`" // a local part of a user principal name has none of these
)

// Complete checks what a person chose and fills in what they left open. The legacy set works through a service account,
// beside which a client secret proves the application, so it never has a certificate.
func Complete(in postern.SetupInput) (postern.SetupInput, error) {
	in.TenantID = strings.ToLower(strings.TrimSpace(in.TenantID))
	in.RegistrationName = orElse(strings.TrimSpace(in.RegistrationName), defaultName)
	in.WindowsGroup = strings.TrimSpace(in.WindowsGroup)
	in.ServiceAccountUsername = strings.TrimSpace(in.ServiceAccountUsername)
	if in.TenantID != "" && uuid.Validate(in.TenantID) != nil && !isDomain(in.TenantID) {
		return in, postern.FieldErrorf("tenant_id", "%q is neither a tenant id nor a domain.", in.TenantID)
	}
	for field, text := range map[string]string{"registration_name": in.RegistrationName, "windows_group": in.WindowsGroup} {
		if strings.ContainsFunc(text, func(r rune) bool { return r == '{' || r == '}' || unicode.IsControl(r) }) {
			return in, postern.FieldErrorf(field, "Braces and control characters cannot stand here.")
		}
	}
	if len([]rune(in.RegistrationName)) > maxRegistration {
		return in, postern.FieldErrorf("registration_name", "Entra takes at most %d characters.", maxRegistration)
	}
	if in.PermissionSet == "" {
		in.PermissionSet = postern.PermissionsStandard
	}
	if !in.PermissionSet.Valid() {
		return in, postern.FieldErrorf("permission_set", "There is no permission set %q.", in.PermissionSet)
	}
	switch {
	case in.PermissionSet == postern.PermissionsLegacy:
		in.Credential = postern.CredentialSecret
		in.ServiceAccountUsername = orElse(in.ServiceAccountUsername, defaultAccount)
	case in.ServiceAccountUsername != "":
		return in, postern.FieldErrorf("service_account_username", "Only the legacy permission set works through a service account.")
	}
	if len(in.ServiceAccountUsername) > maxAccount || strings.ContainsFunc(in.ServiceAccountUsername, func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsGraphic(r) || unicode.IsSpace(r) || strings.ContainsRune(notInUserPrincipal, r)
	}) || strings.HasSuffix(in.ServiceAccountUsername, ".") {
		return in, postern.FieldErrorf("service_account_username", "A user name, without the domain, has letters, digits, dots, dashes and underscores, and at most %d of them.", maxAccount)
	}
	switch in.Credential {
	case "":
		in.Credential = postern.CredentialCertificate
	case postern.CredentialCertificate, postern.CredentialSecret:
	default:
		return in, postern.FieldErrorf("credential", "Set-up makes a certificate or a client_secret.")
	}
	if in.CredentialDays == 0 {
		in.CredentialDays = map[postern.CredentialKind]int{postern.CredentialCertificate: certificateDays, postern.CredentialSecret: secretDays}[in.Credential]
	}
	if in.CredentialDays < 1 || in.CredentialDays > maxCredentialDays {
		return in, postern.FieldErrorf("credential_days", "Choose between a day and %d days.", maxCredentialDays)
	}
	switch in.Windows {
	case "":
		in.Windows = postern.SetupWindowsOff
	case postern.SetupWindowsOff, postern.SetupWindowsCatalog, postern.SetupWindowsOMAURI:
	default:
		return in, postern.FieldErrorf("windows", "There is no way %q to allow security keys in Windows.", in.Windows)
	}
	if in.WindowsGroup != "" && in.Windows == postern.SetupWindowsOff {
		return in, postern.FieldErrorf("windows_group", "A group is for the Intune setting, and none was chosen.")
	}
	return in, nil
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func isDomain(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || strings.ContainsFunc(label, func(r rune) bool {
			return r != '-' && !(r >= 'a' && r <= 'z') && !(r >= '0' && r <= '9')
		}) {
			return false
		}
	}
	return strings.Contains(s, ".")
}
