package doctor

import (
	"fmt"
	"time"

	"github.com/postern/postern"
)

// Builds of Windows from which on something works (Microsoft, "Enable passwordless security key sign-in to Windows devices",
// requirements).
const (
	build1903 = 18362 // WebAuthn
	build1909 = 18363 // sign-in to machines that are joined to Entra
	build2004 = 19041 // sign-in to machines that are hybrid joined
	build11   = 22000 // the first Windows 11
)

// Where Microsoft says what is supported.
const (
	linkWindows  = "https://learn.microsoft.com/entra/identity/authentication/howto-authentication-passwordless-security-key-windows"
	linkOnPrem   = "https://learn.microsoft.com/entra/identity/authentication/howto-authentication-passwordless-security-key-on-premises"
	linkStatus   = "https://learn.microsoft.com/entra/identity/devices/troubleshoot-device-dsregcmd"
	linkPasskeys = "https://learn.microsoft.com/entra/identity/authentication/how-to-register-passkey-authenticator"
)

// servicing is until when a version of Windows is serviced: home and professional editions, enterprise and education ones,
// and where there are any those for the long term, of Enterprise and of IoT Enterprise (Microsoft, "Windows release
// information" and the lifecycle of each product). A version that is not listed counts as serviced.
var servicing = map[uint64]struct{ name, home, enterprise, long, things string }{
	18362: {"Windows 10 1903", "2020-12-08", "2020-12-08", "", ""},
	18363: {"Windows 10 1909", "2021-05-11", "2022-05-10", "", ""},
	19041: {"Windows 10 2004", "2021-12-14", "2021-12-14", "", ""},
	19042: {"Windows 10 20H2", "2022-05-10", "2023-05-09", "", ""},
	19043: {"Windows 10 21H1", "2022-12-13", "2022-12-13", "", ""},
	19044: {"Windows 10 21H2", "2023-06-13", "2024-06-11", "2027-01-12", "2032-01-13"},
	19045: {"Windows 10 22H2", "2025-10-14", "2025-10-14", "", ""},
	22000: {"Windows 11 21H2", "2023-10-10", "2024-10-08", "", ""},
	22621: {"Windows 11 22H2", "2024-10-08", "2025-10-14", "", ""},
	22631: {"Windows 11 23H2", "2025-11-11", "2026-11-10", "", ""},
	26100: {"Windows 11 24H2", "2026-10-13", "2027-10-12", "2029-10-09", "2034-10-10"},
	26200: {"Windows 11 25H2", "2027-10-12", "2028-10-10", "", ""},
	28000: {"Windows 11 26H1", "2028-03-14", "2029-03-13", "", ""},
}

// updatesLate is after how long without an update a machine is behind: Windows gets one each month.
const updatesLate = 75 * 24 * time.Hour

// windowsVersion judges version and patches. What is too old for any security key is the check system's.
func windowsVersion(f Facts) []postern.Finding {
	w := f.Windows
	if w == nil || w.Build < build1903 || w.Server {
		return nil
	}
	name := fmt.Sprintf("Windows build %d.%d", w.Build, w.Revision)
	if s, known := servicing[w.Build]; known {
		name = s.name + fmt.Sprintf(" (build %d.%d)", w.Build, w.Revision)
	}
	switch s := f.View.Join.State; {
	case s == postern.JoinEntra && w.Build < build1909:
		return because("Microsoft asks for Windows 10 version 1909 there.", linkWindows,
			failure(name+" is too old for signing in with a security key to a machine that is joined to Entra.", "Update Windows to a version that is serviced."))
	case s == postern.JoinHybrid && w.Build < build2004:
		return because("Microsoft asks for Windows 10 version 2004 there.", linkWindows,
			failure(name+" is too old for signing in with a security key to a hybrid joined machine.", "Update Windows to a version that is serviced."))
	}
	if ends := w.end(); !ends.IsZero() && f.Now.After(ends) {
		return warning(fmt.Sprintf("%s has had no security updates since %s, unless your organisation has bought extended ones.", name, day(ends)), "Update Windows to a version that is serviced.")
	}
	if !w.LastUpdate.IsZero() && f.Now.Sub(w.LastUpdate) > updatesLate {
		return warning(fmt.Sprintf("%s was last updated on %s.", name, day(w.LastUpdate)), "Have Windows Update install what is missing: Settings, Windows Update.")
	}
	return ok("%s is new enough.", name)
}

// end is when the servicing of this version and edition ends; zero is not known.
func (w *Windows) end() time.Time {
	s := servicing[w.Build]
	date := s.home
	switch w.Edition {
	case "Enterprise", "EnterpriseN", "Education", "EducationN", "IoTEnterprise", "ServerRdsh":
		date = s.enterprise
	case "EnterpriseS", "EnterpriseSN":
		date = s.long
	case "IoTEnterpriseS", "IoTEnterpriseSK":
		date = s.things
	}
	end, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return time.Time{}
	}
	return end.AddDate(0, 0, 1)
}

func windowsEdition(f Facts) []postern.Finding {
	w := f.Windows
	switch {
	case w == nil || w.Server || w.Edition == "":
		return nil
	case w.SMode:
		return failure("This Windows is in S mode, which takes neither the driver nor the service: it runs what comes from its Store alone.",
			"Switch out of S mode (Settings, System, Activation; it cannot be undone), or use the Postern extension in Edge.")
	case w.ARM && w.Build < build11:
		return failure("This is Windows 10 for ARM, for which there is no driver for virtual USB devices.", "Update to Windows 11, or use the Postern extension in Chrome or Edge.")
	case home(w.Edition):
		return note("This is a Home edition, which cannot be joined to Entra, so nobody signs in to it with the phone. In the browser the phone works.", "For signing in to Windows with the phone a Pro, Enterprise or Education edition is needed.")
	}
	return ok("Edition %s.", w.Edition)
}

func home(edition string) bool {
	return edition == "Core" || edition == "CoreN" || edition == "CoreSingleLanguage" || edition == "CoreCountrySpecific"
}
