package doctor

import (
	"fmt"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/agent"
)

func system(f Facts) []postern.Finding {
	switch {
	case f.GOOS == "linux":
		return ok("Linux: virtual security keys for the browsers of this machine.")
	case f.GOOS == "darwin":
		return failure("macOS is not supported yet: no program may make a virtual security key there without a grant of Apple's.",
			"Use the Postern extension in Chrome or Edge: it needs none. Signing in to the Mac itself with the phone is not possible.")
	case f.Windows == nil:
		return failure("On this system ("+f.GOOS+") no program may make a virtual security key.", "Use the Postern extension in Chrome or Edge: it needs none.")
	case f.Windows.Build == 0:
		return unknown("The version of Windows is not known.", "The registry was not read.", "Run the command again as administrator.")
	case f.Windows.Build < build1903:
		return failure(fmt.Sprintf("This Windows (build %d) is older than Windows 10 version 1903, which is the first with WebAuthn.", f.Windows.Build), "Update Windows.")
	case f.Windows.Server:
		return because("Microsoft does not support signing in to a server with a security key.", linkWindows,
			warning("This is Windows Server: its browsers use the phone, but nobody signs in to it with the phone.", "Sign in to a workstation with the phone, and from there to the server with its own means."))
	}
	return ok("This Windows speaks to security keys.")
}

func virtualKey(f Facts) []postern.Finding {
	var all []postern.Finding
	for _, p := range f.View.Phones {
		if p.Key == agent.KeyIn || p.Key == agent.KeyAway {
			all = append(all, visible(f, p)...)
		}
	}
	return all
}

// visible looks for the key of a phone among those the system shows.
func visible(f Facts, p agent.Phone) []postern.Finding {
	if f.GOOS != "linux" {
		return nil // Windows shows them to itself alone
	}
	for _, k := range f.Keys {
		switch {
		case k.Serial != p.Serial:
		case f.Inside:
			return ok("The security key of %s is plugged in as %s.", p.Name, k.Path)
		case !k.Readable:
			return warning(fmt.Sprintf("The security key of %s is plugged in as %s, but this account may not open it, nor may its browsers.", p.Name, k.Path),
				"Sign in at the machine itself; systemd gives security keys to whoever sits there. Elsewhere a udev rule does: see 60-fido-id.rules.")
		default:
			return ok("The security key of %s is plugged in as %s and can be opened.", p.Name, k.Path)
		}
	}
	return failure(fmt.Sprintf("The security key of %s was plugged in, but the system does not show it.", p.Name), "See dmesg for what the kernel says; in a container the devices are on the host.")
}

func phones(f Facts) []postern.Finding {
	if !f.View.Enrolled {
		return nil
	}
	if len(f.View.Phones) == 0 {
		return warning("No phone is paired with this workstation.", "Run postern-agent pair, or press Start Pairing on the page.")
	}
	var all []postern.Finding
	for _, p := range f.View.Phones {
		switch {
		case p.Problem != nil:
			all = append(all, postern.Finding{State: postern.FindingFailure, Message: fmt.Sprintf("%s (%s): %s", p.Name, p.UPN, p.Problem.Message), Next: p.Problem.Next})
		case p.Key != agent.KeyIn && p.Key != agent.KeyAway:
			all = append(all, postern.Finding{
				State: postern.FindingNote, Message: fmt.Sprintf("%s (%s) is not connected, so its security key is not plugged in.", p.Name, p.UPN),
				Next: "Open the app on the phone and look whether it says that it is connected.",
			})
		default:
			all = append(all, postern.Finding{State: postern.FindingOK, Message: fmt.Sprintf("%s (%s) is there.", p.Name, p.UPN)})
		}
		if p.Incomplete {
			all = append(all, postern.Finding{
				State: postern.FindingWarning, Message: fmt.Sprintf("%s (%s) is paired with Postern, but not yet registered with Microsoft.", p.Name, p.UPN),
				Next: "Open https://mysignins.microsoft.com/security-info and add the phone as a security key of type USB device.",
			})
		}
	}
	return all
}

func otherKeys(f Facts) []postern.Finding {
	var names, readers []string
	ours := 0
	for _, k := range f.Keys {
		switch {
		case k.Virtual:
			ours++
		case k.Reader:
			readers = append(readers, k.Name)
		default:
			names = append(names, strings.TrimSpace(k.Name+" "+k.Path))
		}
	}
	switch {
	case len(names) > 0:
		return warning("Other security keys are plugged in: "+strings.Join(names, ", ")+". With several keys a program takes the one that is touched first, and Windows may ask the wrong one.",
			"Unplug them while you register the phone or sign in with it.")
	case ours > 1:
		return note("Several phones are here at once, and programs ask all of them.", "Accept on yours; the others are cancelled.")
	case len(readers) > 0:
		return note("A reader for smart cards is here: "+strings.Join(readers, ", ")+". A security key that lies on it is asked as well.", "Take cards and keys off it while you sign in with the phone.")
	}
	return nil
}
