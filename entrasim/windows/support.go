package windows

import (
	"fmt"
	"strconv"
	"strings"
)

// Build is the third number of a version of Windows, which tells its release.
type Build int

// DefaultBuild is Windows 11, 24H2.
const DefaultBuild Build = 26100

// Builds from which Windows takes security keys.
const (
	buildWebAuthn Build = 18362 // 1903
	buildEntra    Build = 18363 // 1909
	buildHybrid   Build = 19041 // 2004
)

var releases = map[string]Build{
	"1809": 17763, "1903": 18362, "1909": 18363, "2004": 19041, "20H2": 19042, "21H1": 19043, "21H2": 19044, "22H2": 19045, "23H2": 22631, "24H2": 26100, "25H2": 26200,
}

// ParseBuild reads a release like 1909 or 24H2, a build like 19045 or a version like 10.0.19045.1.
func ParseBuild(text string) (Build, error) {
	if b, ok := releases[strings.ToUpper(text)]; ok {
		return b, nil
	}
	parts := strings.Split(text, ".")
	number := parts[0]
	if len(parts) >= 3 && parts[0] == "10" && parts[1] == "0" {
		number = parts[2]
	}
	n, err := strconv.ParseUint(number, 10, 16)
	if err != nil || n < 10240 {
		return 0, fmt.Errorf("%q is neither a release of Windows like 1909 or 24H2 nor a build like 19045", text)
	}
	return Build(n), nil
}

// version is what Windows calls itself.
func (b Build) version() string { return fmt.Sprintf("10.0.%d.1", b) }

// keyAtScreen says whether the sign-in screen takes security keys, by Microsoft's prerequisites. The refusal has no step yet.
func (m *Machine) keyAtScreen() (note string, refused *Refusal) {
	no := func(reason string) (string, *Refusal) {
		return "", &Refusal{Reason: reason, Windows: "The sign-in screen has no security key among its sign-in options."}
	}
	switch {
	case m.Kind == None:
		return no("This computer is joined to nothing: its users sign in with a Microsoft account or a local account, and a passkey of Entra signs in to web pages and apps only.")
	case m.Kind == Registered:
		return no("This computer is registered with Entra, which joins it to nothing: the account of the organisation is one that apps use, and nobody signs in to Windows with it.")
	case m.Kind == AD:
		return no("Microsoft does not support security keys for signing in to a computer that is joined to Active Directory alone. Join it to Entra too (hybrid), or to Entra.")
	case m.Server:
		return no("Microsoft does not support security keys for signing in to Windows Server.")
	case m.Build < buildWebAuthn:
		return no(fmt.Sprintf("Build %d of Windows knows no security keys; they came with 1903.", m.Build))
	case m.Kind == Hybrid && m.Build < buildHybrid:
		return no(fmt.Sprintf("On a hybrid joined computer security keys need Windows 10 2004; this is build %d.", m.Build))
	case m.NoKeys:
		return no("No policy switches security keys on at the sign-in screen (UseSecurityKeyForSignin, or Turn on security key sign-in).")
	case m.Build < buildEntra:
		note = "1903 works, and Microsoft recommends 1909 or later"
	}
	return note, nil
}
