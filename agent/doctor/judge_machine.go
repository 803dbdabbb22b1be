package doctor

import (
	"fmt"
	"strings"

	"github.com/postern/postern/agent"
)

func virtualKey(f Facts) []Finding {
	var all []Finding
	switch d := f.Door; {
	case !d.Looked:
	case d.Missing && f.GOOS == "windows":
		all = one(Failure, "The driver for virtual USB devices, usbip-win2, is not installed.", "Install usbip-win2 0.9.7 or later.")
	case d.Missing:
		all = one(Failure, "This kernel makes no virtual HID devices: there is no "+d.Path+".",
			"Run modprobe uhid as root, and put the line uhid into /etc/modules-load.d/postern-agent.conf. On Debian the module is in the kernel package, not in the cloud kernel's.")
	case d.Denied && !f.Running:
		all = one(Failure, "This account may not make virtual HID devices: "+d.Path+" does not open.",
			`Run the service as root, or put KERNEL=="uhid", GROUP="postern", MODE="0660", OPTIONS+="static_node=uhid" into /etc/udev/rules.d/70-postern-uhid.rules and run udevadm control --reload && udevadm trigger /dev/uhid.`)
	default:
		all = one(OK, "Virtual security keys can be made here.", "")
	}
	for _, p := range f.View.Phones {
		if p.Key != agent.KeyIn && p.Key != agent.KeyAway {
			continue
		}
		all = append(all, visible(f, p)...)
	}
	return all
}

// visible looks for the key of a phone among those the system shows.
func visible(f Facts, p agent.Phone) []Finding {
	if f.GOOS != "linux" {
		return nil // Windows shows them to itself alone
	}
	for _, k := range f.Keys {
		switch {
		case k.Serial != p.Serial:
		case f.Inside:
			return one(OK, fmt.Sprintf("The security key of %s is plugged in as %s.", p.Name, k.Path), "")
		case !k.Readable:
			return one(Warning, fmt.Sprintf("The security key of %s is plugged in as %s, but this account may not open it, nor may its browsers.", p.Name, k.Path),
				"Sign in at the machine itself; systemd gives security keys to whoever sits there. Elsewhere a udev rule does: see 60-fido-id.rules.")
		default:
			return one(OK, fmt.Sprintf("The security key of %s is plugged in as %s and can be opened.", p.Name, k.Path), "")
		}
	}
	return one(Failure, fmt.Sprintf("The security key of %s was plugged in, but the system does not show it.", p.Name), "See dmesg for what the kernel says; in a container the devices are on the host.")
}

func phones(f Facts) []Finding {
	if !f.View.Enrolled {
		return nil
	}
	if len(f.View.Phones) == 0 {
		return one(Warning, "No phone is paired with this workstation.", "Run postern-agent pair, or press Start Pairing on the page.")
	}
	var all []Finding
	for _, p := range f.View.Phones {
		switch {
		case p.Problem != nil:
			all = append(all, Finding{Level: Failure, Message: fmt.Sprintf("%s (%s): %s", p.Name, p.UPN, p.Problem.Message), Next: p.Problem.Next})
		case p.Key != agent.KeyIn && p.Key != agent.KeyAway:
			all = append(all, Finding{
				Level: Note, Message: fmt.Sprintf("%s (%s) is not connected, so its security key is not plugged in.", p.Name, p.UPN),
				Next: "Open the app on the phone and look whether it says that it is connected.",
			})
		default:
			all = append(all, Finding{Level: OK, Message: fmt.Sprintf("%s (%s) is there.", p.Name, p.UPN)})
		}
		if p.Incomplete {
			all = append(all, Finding{
				Level: Warning, Message: fmt.Sprintf("%s (%s) is paired with Postern, but not yet registered with Microsoft.", p.Name, p.UPN),
				Next: "Open https://mysignins.microsoft.com/security-info and add the phone as a security key of type USB device.",
			})
		}
	}
	return all
}

func otherKeys(f Facts) []Finding {
	var names []string
	ours := 0
	for _, k := range f.Keys {
		if k.Virtual {
			ours++
			continue
		}
		names = append(names, strings.TrimSpace(k.Name+" "+k.Path))
	}
	switch {
	case len(names) > 0:
		return one(Warning, "Other security keys are plugged in: "+strings.Join(names, ", ")+". With several keys a program takes the one that is touched first, and Windows may ask the wrong one.",
			"Unplug them while you register the phone or sign in with it.")
	case ours > 1:
		return one(Note, "Several phones are here at once, and programs ask all of them.", "Accept on yours; the others are cancelled.")
	}
	return nil
}

func browser(f Facts) []Finding {
	switch {
	case len(f.Confined) > 0:
		return one(Warning, strings.Join(f.Confined, " and ")+" is packaged so that it may not reach security keys.",
			"For a snap run: sudo snap connect NAME:u2f-devices. For Flatpak give it --device=all, or use a browser from the distribution.")
	case f.GOOS == "linux" && !f.Inside && len(f.Browsers) == 0:
		return one(Note, "No browser was found that speaks to security keys.", "Install Chrome, Edge, Chromium or Firefox.")
	}
	return nil
}

func joinState(f Facts) []Finding {
	j := f.View.Join
	if f.GOOS != "windows" {
		return one(Note, "Signing in to this system itself is not for security keys of Entra; the web is.", "")
	}
	switch {
	case j.Problem != "":
		return one(Warning, j.Problem, "Run dsregcmd /status and look at Device State.")
	case j.Supported:
		return one(OK, j.Name+": "+j.Support, "")
	}
	return one(Note, j.Name+": "+j.Support, "Join the machine to Entra if people should sign in to Windows with the phone.")
}

func windowsSignIn(f Facts) []Finding {
	if f.GOOS != "windows" || !f.View.Join.Supported {
		return nil
	}
	w := f.Windows
	switch {
	case w.SignInKeys != nil && *w.SignInKeys == 0:
		return one(Failure, "A policy switches security keys off at the Windows sign-in screen.", "Have the policy Turn on security key sign-in enabled, or UseSecurityKeyForSignin set to 1 by MDM.")
	case w.SignInKeys == nil:
		return one(Warning, "No policy switches security keys on at the Windows sign-in screen, so Windows does not offer them.", "Have the policy Turn on security key sign-in enabled, or UseSecurityKeyForSignin set to 1 by MDM.")
	case w.Provider != nil && !*w.Provider:
		return one(Failure, "The credential provider for security keys is switched off on this machine.", "Have its value Disabled removed below Credential Providers in the registry.")
	}
	return one(OK, "Windows offers security keys at its sign-in screen.", "")
}

func remoteSession(f Facts) []Finding {
	if r := f.View.Remote; r != nil {
		return one(Note, r.Message, r.Next)
	}
	return nil
}
