package doctor

import (
	"slices"
	"strings"

	"github.com/postern/postern"
)

// extensionID is the extension's identifier while it is installed unpacked or by policy with the key of its manifest.
const extensionID = "eaiabablbilcpegihlomhlbcehmbdodf"

// extensionSince is the first version of Chromium the extension runs in (its manifest says so).
const extensionSince = "116"

// linkMatrix is where Microsoft says which browser does what.
const linkMatrix = "https://learn.microsoft.com/entra/identity/authentication/concept-fido2-compatibility"

func browser(f Facts) []postern.Finding {
	if f.Inside {
		return nil
	}
	if len(f.Browsers) == 0 {
		if f.GOOS == "darwin" || f.Windows != nil && f.Windows.Build == 0 {
			return nil
		}
		return note("No browser was found that speaks to security keys.", "Install Edge, Chrome or Chromium.")
	}
	var all []postern.Finding
	for _, b := range f.Browsers {
		switch {
		case b.Confined:
			all = append(all, about(b.Name, warning(b.Name+" is packaged so that it may not reach security keys.",
				"For a snap run: sudo snap connect "+b.Name+":u2f-devices. For Flatpak give it --device=all, or use a browser from the distribution."))...)
		case b.Name == "firefox" && len(f.Browsers) == 1:
			all = append(all, about(b.Name, because("At Security info adding a security key in Firefox ended in an error.", linkMatrix,
				warning("Firefox is the only browser here, and adding a security key at Microsoft's Security info fails in it. Signing in works.", "Register the phone in Edge or Chrome; install one of them, or register at another machine.")))...)
		case b.Name == "firefox":
			all = append(all, about(b.Name, because("At Security info adding a security key in Firefox ended in an error.", linkMatrix,
				note("Firefox signs in with the phone, but adding a security key at Microsoft's Security info fails in it.", "Register the phone in one of the other browsers here.")))...)
		case older(b.Version, extensionSince):
			all = append(all, about(b.Name, warning(b.Name+" is version "+b.Version+", which is too old for the Postern extension and has known holes.", "Update it."))...)
		default:
			all = append(all, about(b.Name, ok("%s reaches security keys.", strings.TrimSpace(b.Name+" "+b.Version)))...)
		}
	}
	return all
}

// browserExtension judges policies. The extension is another way to the phone, so what bars it is no failure here.
func browserExtension(f Facts) []postern.Finding {
	var all []postern.Finding
	for _, b := range f.Browsers {
		switch b.Policy {
		case ExtensionFree:
		case ExtensionBlocked:
			all = append(all, about(b.Name, warning("A policy keeps people from installing the Postern extension in "+b.Name+".",
				"Where the extension is wanted, have "+extensionID+" added to ExtensionInstallAllowlist, or installed by ExtensionInstallForcelist. The agent's own security key needs no extension."))...)
		case ExtensionForced:
			all = append(all, about(b.Name, note("A policy installs the Postern extension in "+b.Name+", which then takes every request of a web page before a security key is asked.",
				"Pair the phone in the extension too, or do without one of the two on this machine."))...)
		}
	}
	return slices.Clip(all)
}
