package postern

import "time"

// FindingState is how bad a [Finding] is.
type FindingState string

// The states, best first. Unknown ranks below a warning: something could not be looked at, and nothing says that it is
// wrong.
const (
	FindingOK      FindingState = "ok"
	FindingNote    FindingState = "note"    // something to know; nothing is wrong
	FindingUnknown FindingState = "unknown" // it could not be looked at; Why says what is missing for that
	FindingWarning FindingState = "warning" // something will not work, or not always, or not for long
	FindingFailure FindingState = "failure" // it does not work
)

// FindingStates lists all states, worst first.
var FindingStates = []FindingState{FindingFailure, FindingWarning, FindingUnknown, FindingNote, FindingOK}

// Rank orders states: the higher, the worse. A state that is not one ranks as the worst, lest it hide something.
func (s FindingState) Rank() int {
	switch s {
	case FindingOK:
		return 0
	case FindingNote:
		return 1
	case FindingUnknown:
		return 2
	case FindingWarning:
		return 3
	case FindingFailure:
		return 4
	}
	return 4
}

// Finding is the answer of one check of a doctor about one thing. Its JSON form is stable: scripts read it.
type Finding struct {
	Check   string       `json:"check" doc:"The name of the check. docs/doctor.md has them all."`
	State   FindingState `json:"state" enum:"ok,note,unknown,warning,failure"`
	Subject string       `json:"subject,omitempty" doc:"What it is about, where a check looks at several things: a group, a permission, a policy."`
	Message string       `json:"message" doc:"What was seen, in one sentence."`
	Why     string       `json:"why,omitempty" doc:"Why it matters, or why it could not be seen."`
	Next    string       `json:"next,omitempty" doc:"What a person does next."`
	Link    string       `json:"link,omitempty" doc:"Where that is done: a page of this console, beginning with a slash, or an https address."`
}

// DoctorReport is what a doctor found: at least one finding for each check that applies, in the order in which one thing
// rests on another.
type DoctorReport struct {
	At       time.Time    `json:"at"`
	Subject  string       `json:"subject,omitempty" doc:"What was examined: the server, an integration's application name, a workstation's name."`
	Worst    FindingState `json:"worst" enum:"ok,note,unknown,warning,failure"`
	Findings []Finding    `json:"findings"`
}

// NewDoctorReport makes a report and says what is worst in it.
func NewDoctorReport(at time.Time, subject string, findings []Finding) DoctorReport {
	r := DoctorReport{At: at, Subject: subject, Worst: FindingOK, Findings: findings}
	if r.Findings == nil {
		r.Findings = []Finding{}
	}
	for _, f := range findings {
		if f.State.Rank() > r.Worst.Rank() {
			r.Worst = f.State
		}
	}
	return r
}

// ExitCode is what a command that printed the report exits with: 0 when nothing is known to be wrong, 1 with a warning and
// 2 with a failure. What could not be looked at is no reason to fail: it may need a permission that nobody wants to grant.
func (r DoctorReport) ExitCode() int {
	switch r.Worst {
	case FindingOK, FindingNote, FindingUnknown:
		return 0
	case FindingWarning:
		return 1
	case FindingFailure:
	}
	return 2
}

// DoctorServerChecks names the checks of a control center, in the order in which one thing rests on another.
var DoctorServerChecks = []string{
	"version", "database", "disk", "key_file", "backups", "clock", "authority", "graph", "public_url", "certificate", "relay",
	"backbone", "jobs", "mail", "push", "audit", "streams", "administrators", "debug",
}

// DoctorTenantChecks names the checks of an integration and its tenant, in that order.
var DoctorTenantChecks = []string{
	"integration", "flags", "http_debug", "token", "service_account", "credential", "tenant", "permissions", "licences", "domains",
	"policy", "conditional_access", "windows", "groups", "directory", "inventory", "drift", "provisioning", "privileged",
}
