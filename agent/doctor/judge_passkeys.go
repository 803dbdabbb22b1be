package doctor

import (
	"fmt"

	"github.com/postern/postern"
)

// Tunnels are the services that cross-device passkeys go through, such as those in Microsoft Authenticator: the first with
// Android phones, the second with iPhones (Microsoft, "Enable passkeys in Microsoft Authenticator"; CTAP 2.2, hybrid
// transports). Postern's own phones do not need them.
var Tunnels = []string{"cable.ua5v.com", "cable.auth.com"}

const tunnelWhy = "Passkeys in Microsoft Authenticator that are used on another device, by scanning a QR code, go through it. Postern's phones do not."

func tunnels(f Facts) []postern.Finding {
	var all []postern.Finding
	for _, t := range f.Tunnels {
		through := ""
		if t.Proxy != "" {
			through = " through the proxy " + t.Proxy
		}
		finding := ok("%s answers%s.", t.Host, through)
		switch {
		case t.DNS != "":
			finding = warning(fmt.Sprintf("The name %s is not known to this network: %s.", t.Host, t.DNS), "Have the name resolved, and port 443 of it opened, where people use passkeys in Microsoft Authenticator.")
		case t.TCP != "":
			finding = warning(fmt.Sprintf("%s cannot be reached%s: %s.", t.Host, through, t.TCP), "Have firewall and proxy let port 443 of "+t.Host+" through, where people use passkeys in Microsoft Authenticator.")
		case t.TLS != "":
			finding = warning(fmt.Sprintf("The certificate of %s is not trusted%s: %s.", t.Host, through, t.TLS), "Exempt "+t.Host+" from the opening of TLS: Microsoft asks that devices reach it without interception.")
		}
		all = append(all, because(tunnelWhy, linkPasskeys, about(t.Host, finding))...)
	}
	if len(all) > 0 {
		all = append(all, because("Passkeys in Microsoft Authenticator need them; a phone with Postern has a diagnosis of its own in the app.", linkPasskeys, about("phone",
			note("What the phone needs cannot be seen from here: Android 14 or iOS 17, or later, and the newest Microsoft Authenticator.", "Where such a passkey fails, look at the version in the phone's settings, and for an update in its store.")))...)
	}
	return all
}

func bluetooth(f Facts) []postern.Finding {
	no := func(b *bool) bool { return b != nil && !*b }
	const why = "Passkeys in Microsoft Authenticator that are used on another device need Bluetooth on both: it shows that they are close to each other. Postern's phones do not need it."
	switch b := f.Bluetooth; {
	case b.Present == nil:
		return nil
	case no(b.Present):
		return because(why, linkPasskeys, note("This machine has no Bluetooth, so a passkey in Microsoft Authenticator on a phone cannot be used on it.", "Add an adapter if people here use such passkeys; a phone with Postern needs none."))
	case no(b.Service):
		return because(why, linkPasskeys, note("The Bluetooth service does not run.", "Start it if people here use passkeys in Microsoft Authenticator: on Windows the service Bluetooth Support Service, on Linux systemctl start bluetooth."))
	case no(b.On):
		return because(why, linkPasskeys, note("Bluetooth seems to be switched off.", "Switch it on if people here use passkeys in Microsoft Authenticator."))
	}
	return because(why, linkPasskeys, ok("Bluetooth is there and on."))
}
