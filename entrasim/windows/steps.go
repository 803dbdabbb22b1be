package windows

import "fmt"

// Mode is how somebody was signed in.
type Mode string

// The modes.
const (
	Online Mode = "online"
	Cached Mode = "cached" // without Entra, by what an earlier sign-in left on the computer
)

// names are the steps of a sign-in with a FIDO2 key, by Microsoft's documentation of passwordless sign-in.
var names = [...]string{
	"the user inserts the FIDO2 key",
	"Windows recognises the key",
	"Windows sends an authentication request to Entra",
	"Entra answers with a nonce",
	"the user's gesture unlocks the private key",
	"the key signs the nonce",
	"Windows sends the PRT request with the signed nonce to Entra",
	"Entra verifies the signature with the public key",
	"Entra returns the PRT, which opens local resources",
}

// The steps, by number.
const (
	stepInsert = iota + 1
	stepRecognise
	stepRequest
	stepNonce
	stepGesture
	stepSign
	stepPRTRequest
	stepVerify
	stepPRT
)

// StepState is what became of a step.
type StepState string

// The states.
const (
	Passed  StepState = "passed"
	Skipped StepState = "skipped" // of a cached logon, which needs no Entra
	Failed  StepState = "failed"
)

// Step is one of the nine.
type Step struct {
	Number int       `json:"number"`
	Name   string    `json:"name"`
	State  StepState `json:"state"`
	Detail string    `json:"detail,omitempty"`
}

// String is the step in a line.
func (s Step) String() string {
	line := fmt.Sprintf("%d  %-7s  %s", s.Number, s.State, s.Name)
	if s.Detail != "" {
		line += ": " + s.Detail
	}
	return line
}

// Refusal is why somebody was not signed in.
type Refusal struct {
	Step    int    `json:"step"`
	Reason  string `json:"reason"`
	Code    string `json:"code,omitempty"`    // AADSTS… of Entra, or CTAP and a status
	Status  string `json:"status,omitempty"`  // NTSTATUS, in hexadecimal
	Windows string `json:"windows,omitempty"` // what the sign-in screen says
}

func (r *Refusal) Error() string {
	text := fmt.Sprintf("step %d: %s", r.Step, r.Reason)
	if r.Code != "" {
		text += " (" + r.Code + ")"
	}
	return text
}

// Result is a sign-in.
type Result struct {
	SignedIn   bool     `json:"signed_in"`
	Unlocked   bool     `json:"unlocked,omitempty"` // the session that was locked
	Mode       Mode     `json:"mode,omitempty"`
	User       string   `json:"user,omitempty"`
	Credential string   `json:"credential,omitempty"` // base64url
	Model      string   `json:"model,omitempty"`      // AAGUID
	Resource   string   `json:"resource,omitempty"`   // what the local resource says
	Notes      []string `json:"notes,omitempty"`
	Steps      []Step   `json:"steps"`
	Refusal    *Refusal `json:"refusal,omitempty"`
}
