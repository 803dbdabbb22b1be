package doctor

import (
	"fmt"

	"github.com/postern/postern"
)

// Problems of devices, as Windows counts them (cfg.h, CM_PROB_…).
const (
	problemDisabled = 22
	problemUnsigned = 52
)

// driverSince is the first release of usbip-win2 under a licence that lets it be passed on, and with a signature Windows
// takes.
const driverSince = "0.9.7"

// driver looks at what makes virtual security keys: a module of the kernel on Linux, a driver on Windows.
func driver(f Facts) []postern.Finding {
	if f.Windows != nil {
		return windowsDriver(f)
	}
	switch d := f.Door; {
	case !d.Looked:
		return nil
	case d.Missing:
		return failure("This kernel makes no virtual HID devices: there is no "+d.Path+".",
			"Run modprobe uhid as root, and put the line uhid into /etc/modules-load.d/postern-agent.conf. On Debian the module is in the kernel package, not in the cloud kernel's.")
	case d.Denied && !f.Running && d.Rule:
		return failure("This account may not make virtual HID devices: "+d.Path+" does not open, though a rule of udev names it.",
			"Run udevadm control --reload && udevadm trigger /dev/uhid as root, and see that the account is in the rule's group; it counts from the next sign-in on.")
	case d.Denied && !f.Running:
		return failure("This account may not make virtual HID devices: "+d.Path+" does not open.",
			`Run the service as root, or put KERNEL=="uhid", GROUP="postern", MODE="0660", OPTIONS+="static_node=uhid" into /etc/udev/rules.d/70-postern-uhid.rules and run udevadm control --reload && udevadm trigger /dev/uhid.`)
	}
	return ok("Virtual security keys can be made here.")
}

func windowsDriver(f Facts) []postern.Finding {
	w, d := f.Windows, f.Windows.Driver
	install := "Install usbip-win2 " + driverSince + " or later, and restart the machine. In a browser with the Postern extension phones work without it."
	switch {
	case w.Build == 0 || f.Running && f.View.Socket == "none":
		return nil
	case !d.Service:
		return failure("The driver for virtual USB devices, usbip-win2, is not installed.", install)
	case d.Problem == problemUnsigned:
		return failure("Windows does not start the driver usbip-win2, because nobody it trusts has signed it.",
			"Install a release of usbip-win2 from "+driverSince+" on, which Microsoft has signed. Do not switch test signing on for it.")
	case d.Problem == problemDisabled:
		return failure("The driver usbip-win2 is disabled.", "Enable USBip Virtual Host Controller below Universal Serial Bus controllers in the Device Manager.")
	case d.Problem != 0:
		return failure(fmt.Sprintf("The driver usbip-win2 does not work: Windows says problem %d.", d.Problem), "Restart the machine; if that does not help, install usbip-win2 anew.")
	case w.Untold != "":
		return unknown("The driver usbip-win2 is installed; whether it works is not known.", w.Untold, "Look at USBip Virtual Host Controller in the Device Manager.")
	case !d.Device:
		return failure("The driver usbip-win2 is installed, but its host controller is not there.", "Restart the machine; if that does not help, install usbip-win2 anew.")
	case older(d.Version, driverSince):
		return warning("The driver usbip-win2 is "+d.Version+", which is older than Postern was made for.", install)
	case !d.Running:
		return failure("The driver usbip-win2 is installed, but not running.", "Restart the machine.")
	case !d.Signed && d.TestSigning:
		return warning("The driver usbip-win2 runs only because Windows takes drivers that are signed for tests.", "Install a release that Microsoft has signed, and run bcdedit /set testsigning off as administrator.")
	}
	return ok("The driver usbip-win2 %s works.", d.Version)
}

// older compares versions of numbers and points. One that is not told is not older.
func older(version, than string) bool {
	var a, b [4]int
	n, _ := fmt.Sscanf(version, "%d.%d.%d.%d", &a[0], &a[1], &a[2], &a[3]) // what is missing is 0
	if n == 0 {
		return false
	}
	_, _ = fmt.Sscanf(than, "%d.%d.%d.%d", &b[0], &b[1], &b[2], &b[3])
	for i := range a {
		if a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return false
}
