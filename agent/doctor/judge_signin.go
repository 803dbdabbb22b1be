package doctor

import (
	"fmt"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/agent/join"
)

// windowsSignIn judges the two policies that have Windows offer security keys. Which of them counts where they contradict
// each other is not documented: Microsoft says that Group Policy goes before MDM for Windows Hello for Business, whose
// provider of settings (PassportForWork) has this one too, and others report that MDM goes first for security keys.
func windowsSignIn(f Facts) []postern.Finding {
	w, is := joined(f)
	if !is || w.Server {
		return nil
	}
	const next = "Have UseSecurityKeyForSignin set to 1 by MDM (in Intune the setting Use Security Key For Signin, or the profile Postern makes)"
	hybrid := ""
	if w.Join.State == postern.JoinHybrid {
		hybrid = ", or the Group Policy Turn on security key sign-in enabled (System, Logon)"
	}
	gpo, mdm := w.GPO, w.MDM
	switch {
	case gpo == nil && mdm == nil:
		return because("Windows does not offer security keys unless it is told to.", linkWindows,
			warning("No policy switches security keys on at the Windows sign-in screen.", next+hybrid+"; then lock Windows and look for the picture of a key."))
	case gpo == nil && *mdm == 0:
		return failure("MDM switches security keys off at the Windows sign-in screen (UseSecurityKeyForSignin is 0).", next+".")
	case gpo == nil:
		return ok("Windows offers security keys at its sign-in screen, by MDM.")
	case mdm != nil && (*gpo == 0) != (*mdm == 0):
		by, other := "Group Policy", "MDM"
		if *gpo == 0 {
			by, other = other, by
		}
		return because("Microsoft does not document which of them counts for security keys.", linkWindows,
			warning("Two policies contradict each other about security keys at the Windows sign-in screen: "+by+" switches them on, "+other+" switches them off.",
				"Have both say the same, or one say nothing: the Group Policy Turn on security key sign-in (EnableFIDODeviceLogon), and UseSecurityKeyForSignin of MDM. Then run gpupdate /force, synchronise the device, and lock Windows to look for the picture of a key."))
	case *gpo == 0:
		return failure("Group Policy switches security keys off at the Windows sign-in screen (EnableFIDODeviceLogon is 0).", "Have the Group Policy Turn on security key sign-in enabled (System, Logon), then run gpupdate /force.")
	}
	return ok("Windows offers security keys at its sign-in screen, by Group Policy.")
}

// Credential providers of Windows, by their identifiers.
const fidoProvider = "{F8A1793B-7873-4046-B2A7-1F318747F427}"

var providers = map[string]string{
	"{60b78e88-ead8-445c-9cfd-0b87f74ea6cd}": "password", "{d6886603-9d2f-4eb2-b667-1971041fa96b}": "PIN of Windows Hello",
	"{cb82ea12-9f71-446d-89e1-8d0924e1256e}": "PIN", "{8fd7e19c-3bf7-489b-a72c-846ab3678c96}": "smart card",
	"{c5d7540a-cd51-453b-b22b-05305ba03f07}": "web sign-in", "{8af662bf-65a0-4d0a-a540-a338a999d36f}": "face", "{bec09223-b018-416d-a0ac-523971b639f5}": "fingerprint",
}

// credentialProvider is the part of Windows that shows security keys at the sign-in screen.
func credentialProvider(f Facts) []postern.Finding {
	w, is := joined(f)
	if !is || w.Server {
		return nil
	}
	switch {
	case w.Provider == nil:
		return unknown("Whether the credential provider for security keys is there is not known.", "The registry was not read.", "Run the command again as administrator.")
	case !*w.Provider:
		return failure("The credential provider for security keys is not registered on this machine.", "Repair Windows: run DISM /Online /Cleanup-Image /RestoreHealth, then sfc /scannow, as administrator.")
	case w.ProviderDisabled:
		return failure("The credential provider for security keys is switched off on this machine.", "Have the value Disabled removed from its key "+fidoProvider+" below Authentication\\Credential Providers in the registry.")
	case w.Excluded:
		return failure("The policy Exclude credential providers names the one for security keys, so the sign-in screen does not show it.", "Have "+fidoProvider+" taken out of that policy (System, Logon; by MDM ADMX_CredentialProviders/ExcludedCredentialProviders).")
	case w.DefaultProvider != "" && !strings.EqualFold(w.DefaultProvider, fidoProvider):
		other := providers[strings.ToLower(w.DefaultProvider)]
		if other == "" {
			other = w.DefaultProvider
		}
		return note(fmt.Sprintf("By policy the sign-in screen begins with another way: %s.", other), "Choose Sign-in options and the key there; or have the policy Assign a default credential provider name "+fidoProvider+".")
	}
	return ok("The credential provider for security keys is there.")
}

// windowsHello: a face that Windows knows opens it before anybody has chosen the key.
func windowsHello(f Facts) []postern.Finding {
	w, is := joined(f)
	if !is || !w.User || w.Join.Hello != join.Yes {
		return nil
	}
	return note("You also have Windows Hello on this machine. Where it knows your face it signs you in before you choose the key.", "To use the phone choose Sign-in options and the key; face recognition can be removed under Settings, Accounts, Sign-in options.")
}

func remoteSession(f Facts) []postern.Finding {
	var all []postern.Finding
	if r := f.View.Remote; r != nil {
		all = append(all, note(r.Message, r.Next)...)
		if f.Windows != nil && f.Windows.NoRedirection {
			all = append(all, about("redirection", warning("A policy keeps WebAuthn from being redirected into this session, so a phone that is paired with the machine you sit at is not seen by programs here.",
				"Have the policy Do not allow WebAuthn redirection set to Disabled or Not configured (Remote Desktop Session Host, Device and Resource Redirection)."))...)
		}
	}
	if f.Windows != nil && strings.HasPrefix(f.Windows.Desktop, "YES") {
		all = append(all, about("virtual desktop", because("Microsoft supports WebAuthn redirection into virtual desktops, and nothing else with a security key.", linkWindows,
			warning("This machine is a virtual desktop"+provider(f.Windows)+": nobody signs in to it with the phone, and keys plugged in here do not reach the machine people sit at.",
				"Pair the phone with the machine you sit at, and use web sign-in or WebAuthn redirection.")))...)
	}
	return all
}

func provider(w *Windows) string {
	if p := w.Join.DesktopProvider; p != "" {
		return " of " + p
	}
	return ""
}
