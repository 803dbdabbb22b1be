package doctor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/agent"
)

// check is a name and what it makes of the facts. One that does not apply finds nothing.
type check struct {
	name string
	look func(Facts) []postern.Finding
}

// checks stand in the order in which one thing rests on another.
var checks = []check{
	{"system", system},
	{"windows version", windowsVersion},
	{"windows edition", windowsEdition},
	{"service", service},
	{"software version", softwareVersion},
	{"state", state},
	{"tpm", tpm},
	{"enrolment", enrolment},
	{"network", network},
	{"clock", clock},
	{"relay", relay},
	{"integration", integration},
	{"driver", driver},
	{"virtual key", virtualKey},
	{"phones", phones},
	{"signing in offline", offlineSignIn},
	{"other keys", otherKeys},
	{"browser", browser},
	{"browser extension", browserExtension},
	{"join state", joinState},
	{"device registration", deviceRegistration},
	{"sign-in token", signInToken},
	{"domain ticket", domainTicket},
	{"domain controller", domainController},
	{"windows sign-in", windowsSignIn},
	{"credential provider", credentialProvider},
	{"windows hello", windowsHello},
	{"remote session", remoteSession},
	{"cross-device passkeys", tunnels},
	{"bluetooth", bluetooth},
}

// Checks are the names of all checks, in their order.
func Checks() []string {
	names := make([]string, 0, len(checks))
	for _, c := range checks {
		names = append(names, c.name)
	}
	return names
}

// Judge decides what the facts mean.
func Judge(f Facts) postern.DoctorReport {
	var all []postern.Finding
	for _, c := range checks {
		for _, finding := range c.look(f) {
			finding.Check = c.name
			all = append(all, finding)
		}
	}
	return postern.NewDoctorReport(f.Now, f.View.Name, all)
}

// Only keeps the findings of some checks; no names keep all. The worst state is that of what is kept.
func Only(r postern.DoctorReport, known, names []string) (postern.DoctorReport, error) {
	if len(names) == 0 {
		return r, nil
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return r, postern.FieldErrorf("check", "There is no check %q.", name).WithNext("The checks are: " + strings.Join(known, ", ") + ".")
		}
	}
	kept := slices.DeleteFunc(slices.Clone(r.Findings), func(f postern.Finding) bool { return !slices.Contains(names, f.Check) })
	return postern.NewDoctorReport(r.At, r.Subject, kept), nil
}

func one(s postern.FindingState, message, next string) []postern.Finding {
	return []postern.Finding{{State: s, Message: message, Next: next}}
}

func ok(format string, args ...any) []postern.Finding {
	return one(postern.FindingOK, fmt.Sprintf(format, args...), "")
}

func note(message, next string) []postern.Finding {
	return one(postern.FindingNote, message, next)
}

func warning(message, next string) []postern.Finding {
	return one(postern.FindingWarning, message, next)
}

func failure(message, next string) []postern.Finding {
	return one(postern.FindingFailure, message, next)
}

// unknown says that something could not be looked at, and why.
func unknown(message, why, next string) []postern.Finding {
	return []postern.Finding{{State: postern.FindingUnknown, Message: message, Why: why, Next: next}}
}

// about gives all findings their subject.
func about(subject string, findings []postern.Finding) []postern.Finding {
	for i := range findings {
		findings[i].Subject = subject
	}
	return findings
}

// because gives all findings a reason, and where more is to be read.
func because(why, link string, findings []postern.Finding) []postern.Finding {
	for i := range findings {
		findings[i].Why, findings[i].Link = why, link
	}
	return findings
}

// ofCode is a finding about something the control center said.
func ofCode(p *agent.Problem) []postern.Finding {
	next := p.Next
	switch p.Code {
	case postern.CodeIntegrationDisabled:
		next = "Ask an administrator to enable the integration in the console."
	case postern.CodeFlagOff:
		next = "Ask an administrator to switch the flag on under Integration Settings."
	}
	return failure(p.Message, next)
}

// day is a date as people read it.
func day(t time.Time) string { return t.Format("2 January 2006") }
