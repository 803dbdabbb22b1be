package doctor

import (
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/agent"
)

// Level is how bad a finding is.
type Level string

// The levels.
const (
	OK      Level = "ok"
	Note    Level = "note"    // something to know; nothing is wrong
	Warning Level = "warning" // something will not work, or not always
	Failure Level = "failure" // phones cannot be used here
)

// Finding is one thing that was looked at.
type Finding struct {
	Check   string `json:"check"`
	Level   Level  `json:"level"`
	Message string `json:"message"`        // one sentence
	Next    string `json:"next,omitempty"` // what to do
}

// Report is all of them.
type Report struct {
	Findings []Finding `json:"findings"`
}

// Worst is the level of the worst finding.
func (r Report) Worst() Level {
	worst := OK
	rank := map[Level]int{OK: 0, Note: 1, Warning: 2, Failure: 3}
	for _, f := range r.Findings {
		if rank[f.Level] > rank[worst] {
			worst = f.Level
		}
	}
	return worst
}

// Facts are what was seen.
type Facts struct {
	GOOS    string
	Running bool       // a service runs here
	Inside  bool       // it is the service that looked
	View    agent.View // of it, or of what is kept
	Net     Net
	Door    Door
	Keys    []Key // security keys that are plugged in, ours among them
	Windows Windows
	// Browsers are those that were found, by name; Confined those among them that are packaged so that they reach no security key.
	Browsers, Confined []string
}

// Net is the way to the control center. An error is a text; "" is none.
type Net struct {
	Host     string
	Proxy    string // by which the system wants to go, without its password
	DNS, TCP string
	TLS      string
	HTTP     string // reached, but what answered is no control center
	Relay    string // the WebSocket was not taken
	// Ahead is how far the control center's clock is ahead of ours.
	Ahead time.Duration
}

// Door is how virtual keys are made on this machine.
type Door struct {
	Looked  bool
	Missing bool // there is none: no module, no driver
	Denied  bool // this account may not use it
	Path    string
}

// Key is a security key in this machine.
type Key struct {
	Path, Name, Serial string
	Virtual            bool // Postern's
	Readable           bool // by this account
}

// Windows is what its registry says; nil is not told.
type Windows struct {
	Build       uint64
	SignInKeys  *uint64 // policy: security keys at the sign-in screen
	PolicyHello *uint64 // policy: Windows Hello for Business
	Provider    *bool   // the credential provider for security keys is not switched off
}

// Judge decides what the facts mean.
func Judge(f Facts) Report {
	var r Report
	for _, check := range checks {
		for _, finding := range check.look(f) {
			finding.Check = check.name
			r.Findings = append(r.Findings, finding)
		}
	}
	return r
}

// checks stand in the order in which one thing rests on another.
var checks = []struct {
	name string
	look func(Facts) []Finding
}{
	{"system", system},
	{"service", service},
	{"state", state},
	{"enrolment", enrolment},
	{"network", network},
	{"clock", clock},
	{"relay", relay},
	{"integration", integration},
	{"virtual key", virtualKey},
	{"phones", phones},
	{"other keys", otherKeys},
	{"browser", browser},
	{"join state", joinState},
	{"windows sign-in", windowsSignIn},
	{"remote session", remoteSession},
}

func one(l Level, message, next string) []Finding {
	return []Finding{{Level: l, Message: message, Next: next}}
}

// ofCode is a finding about something the control center said.
func ofCode(p *agent.Problem) []Finding {
	next := p.Next
	switch p.Code {
	case postern.CodeIntegrationDisabled:
		next = "Ask an administrator to enable the integration in the console."
	case postern.CodeFlagOff:
		next = "Ask an administrator to switch the flag on under Integration Settings."
	}
	return one(Failure, p.Message, next)
}
