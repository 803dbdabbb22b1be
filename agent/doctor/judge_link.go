package doctor

import (
	"fmt"
	"time"

	"github.com/postern/postern"
)

const (
	// firstBuild is Windows 10 1903, the first that speaks WebAuthn to security keys for all browsers.
	firstBuild = 18362
	// clockNote is from where on a wrong clock is worth a word.
	clockNote = 30 * time.Second
)

func system(f Facts) []Finding {
	switch {
	case f.GOOS == "linux":
		return one(OK, "Linux: virtual security keys for the browsers of this machine.", "")
	case f.GOOS == "windows" && f.Windows.Build != 0 && f.Windows.Build < firstBuild:
		return one(Failure, fmt.Sprintf("This Windows (build %d) is older than 10 1903 and speaks to no security key.", f.Windows.Build), "Update Windows.")
	case f.GOOS == "windows":
		return one(OK, "This Windows speaks to security keys.", "")
	}
	return one(Failure, "On this system ("+f.GOOS+") no program may make a virtual security key.", "Use the Postern extension in Chrome or Edge: it needs none.")
}

func service(f Facts) []Finding {
	if f.Running {
		return one(OK, "The service runs.", "")
	}
	next := "Start it: systemctl start postern-agent, or postern-agent run."
	if f.GOOS == "windows" {
		next = `Start it: sc start postern-agent, as administrator.`
	}
	return one(Failure, "The service does not run, or this account may not speak to it, so no security key is plugged in.", next)
}

func state(f Facts) []Finding {
	switch f.View.Seal.Kind {
	case "tpm":
		return one(OK, "The state is "+f.View.Seal.Text+".", "")
	case "":
		return nil
	}
	return one(Note, "The state is "+f.View.Seal.Text+".", "Where there is a TPM, give the service's account access to it (group tss) and enrol again.")
}

func enrolment(f Facts) []Finding {
	if f.View.Enrolled {
		return one(OK, fmt.Sprintf("Known to %s as %s.", f.View.Server, f.View.Name), "")
	}
	return one(Failure, "This workstation is not known to a control center.", "Run postern-agent enroll --server with its address.")
}

func network(f Facts) []Finding {
	n := f.Net
	through := ""
	if n.Proxy != "" {
		through = " through the proxy " + n.Proxy
	}
	switch {
	case n.Host == "":
		return nil
	case n.DNS != "":
		return one(Failure, fmt.Sprintf("The name %s is not known to this network: %s.", n.Host, n.DNS), "Check the network, the VPN and the address; the name may be known inside your organisation only.")
	case n.TCP != "":
		return one(Failure, fmt.Sprintf("%s cannot be reached%s: %s.", n.Host, through, n.TCP), "Check firewall and VPN. Behind a proxy set HTTPS_PROXY for the service.")
	case n.TLS != "":
		return one(Failure, fmt.Sprintf("The certificate of %s is not trusted: %s.", n.Host, n.TLS), "Check the clock first. Then add your organisation's authority to this system; a proxy that opens TLS has one of its own.")
	case n.HTTP != "":
		return one(Failure, fmt.Sprintf("What answers at %s%s is not a control center: %s.", n.Host, through, n.HTTP), "Sign in to the network if it has a login page, and check the address.")
	}
	return one(OK, "The control center answers"+through+".", "")
}

func clock(f Facts) []Finding {
	if f.Net.Host == "" || f.Net.DNS != "" || f.Net.TCP != "" {
		return nil
	}
	off := f.Net.Ahead.Abs().Round(time.Second)
	which := "behind"
	if f.Net.Ahead < 0 {
		which = "ahead"
	}
	switch {
	case off > postern.PhoneProofWindow:
		return one(Failure, fmt.Sprintf("The clock of this machine is %s %s.", off, which), "Set it, best by having the system set it from the network (timedatectl set-ntp true; on Windows w32tm /resync).")
	case off > clockNote:
		return one(Warning, fmt.Sprintf("The clock of this machine is %s %s; from two minutes on nothing works.", off, which), "Have the system set it from the network.")
	}
	return one(OK, "The clock is right.", "")
}

func relay(f Facts) []Finding {
	n := f.Net
	switch {
	case n.Host == "" || n.DNS != "" || n.TCP != "" || n.TLS != "" || n.HTTP != "":
		return nil
	case n.Relay != "":
		return one(Failure, "The control center answers, but the connection to the relay, a WebSocket at /link/v1, is refused: "+n.Relay+".",
			"Have the proxy or firewall in between let WebSockets to this address through, without opening them.")
	case f.Running && f.View.Enrolled && !f.View.Connected:
		return one(Warning, "The relay can be reached, but the service is not connected to it now.", "Wait a minute; it connects by itself. Otherwise see its log.")
	}
	return one(OK, "The relay takes connections.", "")
}

func integration(f Facts) []Finding {
	switch v := f.View; {
	case !v.Enrolled:
		return nil
	case v.Problem != nil && v.Problem.Code != postern.CodeUnavailable:
		return ofCode(v.Problem)
	case v.Notice != nil:
		return ofCode(v.Notice)
	case v.Application != "":
		return one(OK, "The integration "+v.Application+" lets phones be used here.", "")
	}
	return nil
}
