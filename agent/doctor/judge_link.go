package doctor

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/agent/join"
)

// clockNote is from where on a wrong clock is worth a word.
const clockNote = 30 * time.Second

func service(f Facts) []postern.Finding {
	if f.Running {
		return ok("The service runs.")
	}
	next := "Start it: systemctl start postern-agent, or postern-agent run."
	if f.GOOS == "windows" {
		next = `Start it: sc start postern-agent, as administrator.`
	}
	return failure("The service does not run, or this account may not speak to it, so no security key is plugged in.", next)
}

func state(f Facts) []postern.Finding {
	switch f.View.Seal.Kind {
	case postern.SealTPM:
		return ok("The state is %s.", f.View.Seal.Text)
	case "":
		return nil
	}
	return note("The state is "+f.View.Seal.Text+".", "Where there is a TPM, give the service's account access to it (group tss) and enrol again.")
}

// tpm says whether what keeps keys best is there. Windows keeps the key of its join in it as well.
func tpm(f Facts) []postern.Finding {
	switch {
	case f.TPM == nil:
		return nil
	case !*f.TPM:
		return note("This machine has no TPM that works, so the keys kept here are kept by a file alone.", "Switch the TPM on in the firmware (PTT, fTPM) if the machine has one; on a virtual machine add a virtual TPM.")
	case f.Windows != nil && f.Windows.Join.TPM == join.No:
		return note("There is a TPM, but the key by which Entra knows this machine is not in it.", "Nothing has to be done for the phone. A machine that is joined anew has its key in the TPM.")
	}
	return ok("There is a TPM.")
}

// softwareVersion compares releases. A development build compares with nothing.
func softwareVersion(f Facts) []postern.Finding {
	own, _ := strings.CutPrefix(f.View.Software, "postern-agent ")
	mine, known := release(own)
	theirs, told := release(f.Net.Version)
	switch {
	case !known || !told:
		return nil
	case mine[0] != theirs[0] || mine[0] == 0 && mine[1] < theirs[1]:
		return warning(fmt.Sprintf("This agent is %s, the control center %s: they may not understand each other.", own, f.Net.Version), "Install the agent of the control center's release.")
	case mine[1] < theirs[1]:
		return note(fmt.Sprintf("This agent is %s, the control center %s.", own, f.Net.Version), "Update the agent when it is convenient.")
	}
	return ok("This agent, %s, fits the control center, %s.", own, f.Net.Version)
}

// release reads the first two numbers of a version (semver.org).
func release(version string) ([2]int, bool) {
	parts := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	if len(parts) < 3 {
		return [2]int{}, false
	}
	var numbers [2]int
	for i := range numbers {
		n, err := strconv.Atoi(parts[i])
		if err != nil || n < 0 {
			return [2]int{}, false
		}
		numbers[i] = n
	}
	return numbers, true
}

func enrolment(f Facts) []postern.Finding {
	if f.View.Enrolled {
		return ok("Known to %s as %s.", f.View.Server, f.View.Name)
	}
	return failure("This workstation is not known to a control center.", "Run postern-agent enroll --server with its address.")
}

func network(f Facts) []postern.Finding {
	n := f.Net
	through := ""
	if n.Proxy != "" {
		through = " through the proxy " + n.Proxy
	}
	switch {
	case n.Host == "":
		return nil
	case n.DNS != "":
		return failure(fmt.Sprintf("The name %s is not known to this network: %s.", n.Host, n.DNS), "Check the network, the VPN and the address; the name may be known inside your organisation only.")
	case n.TCP != "":
		return failure(fmt.Sprintf("%s cannot be reached%s: %s.", n.Host, through, n.TCP), "Check firewall and VPN. Behind a proxy set HTTPS_PROXY for the service.")
	case n.TLS != "":
		return failure(fmt.Sprintf("The certificate of %s is not trusted: %s.", n.Host, n.TLS), "Check the clock first. Then add your organisation's authority to this system; a proxy that opens TLS has one of its own.")
	case n.HTTP != "":
		return failure(fmt.Sprintf("What answers at %s%s is not a control center: %s.", n.Host, through, n.HTTP), "Sign in to the network if it has a login page, and check the address.")
	}
	return ok("The control center answers%s.", through)
}

func clock(f Facts) []postern.Finding {
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
		return failure(fmt.Sprintf("The clock of this machine is %s %s.", off, which), "Set it, best by having the system set it from the network (timedatectl set-ntp true; on Windows w32tm /resync).")
	case off > clockNote:
		return warning(fmt.Sprintf("The clock of this machine is %s %s; from two minutes on nothing works.", off, which), "Have the system set it from the network.")
	}
	return ok("The clock is right.")
}

func relay(f Facts) []postern.Finding {
	n := f.Net
	switch {
	case n.Host == "" || n.DNS != "" || n.TCP != "" || n.TLS != "" || n.HTTP != "":
		return nil
	case n.Relay != "":
		return failure("The control center answers, but the connection to the relay, a WebSocket at /link/v1, is refused: "+n.Relay+".",
			"Have the proxy or firewall in between let WebSockets to this address through, without opening them.")
	case f.Running && f.View.Enrolled && !f.View.Connected:
		return warning("The relay can be reached, but the service is not connected to it now.", "Wait a minute; it connects by itself. Otherwise see its log.")
	}
	return ok("The relay takes connections.")
}

func integration(f Facts) []postern.Finding {
	switch v := f.View; {
	case !v.Enrolled:
		return nil
	case v.Problem != nil && v.Problem.Code != postern.CodeUnavailable:
		return ofCode(v.Problem)
	case v.Notice != nil:
		return ofCode(v.Notice)
	case v.Application != "":
		return ok("The integration %s lets phones be used here.", v.Application)
	}
	return nil
}
