package postern

import "fmt"

// MaxApplicationName is the longest application name, in characters.
const MaxApplicationName = 23

// CheckApplicationName holds the one rule for the application name of an integration, which is also the account name
// that people see on the phone: 1 to [MaxApplicationName] characters; ASCII letters, digits, space, dash and
// underscore; it starts with a letter or digit and does not end with a space.
//
// Letters outside ASCII are refused: the name travels into Entra as part of the passkey's display name and into group
// descriptions, where some clients fold or strip such letters, and two names must never fold into one.
//
// The error is an [*Error] on the field application_name and names the first character at fault.
func CheckApplicationName(name string) error {
	refuse := func(format string, args ...any) error {
		return FieldErrorf("application_name", format, args...).
			WithNext("Use letters A-Z, digits, spaces, dashes and underscores, at most 23 of them.")
	}
	if name == "" {
		return refuse("The application name is empty.")
	}
	count := 0
	for i, r := range name {
		count++
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		case r == ' ' || r == '-' || r == '_':
			if i == 0 {
				return refuse("The application name must start with a letter or digit, not with %q.", r)
			}
		case r > 0x7f:
			return refuse("The application name holds %q; only the letters A-Z and a-z are accepted.", r)
		default:
			return refuse("The application name holds %q, which is not accepted.", r)
		}
	}
	if count > MaxApplicationName {
		return refuse("The application name has %d characters; %d is the most.", count, MaxApplicationName)
	}
	if name[len(name)-1] == ' ' {
		return refuse("The application name ends with a space.")
	}
	return nil
}

// passkeyNameLimit is what clients of Graph hold to for the display name of a passkey, in characters.
const passkeyNameLimit = 30

// PasskeyDisplayName is the name under which Entra lists a passkey: the application name and a short mark that tells
// two passkeys of one user apart and lets an interrupted registration find its own again. The mark is taken from the
// end of the provisioning's id, its random part.
func PasskeyDisplayName(applicationName string, id ProvisioningID) string {
	const mark = 6
	s := string(id)
	if len(s) > mark {
		s = s[len(s)-mark:]
	}
	name := fmt.Sprintf("%s %s", applicationName, s)
	if len(name) > passkeyNameLimit {
		name = name[len(name)-passkeyNameLimit:]
	}
	return name
}
