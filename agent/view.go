package agent

import (
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/agent/seal"
)

// View is everything a page or a command shows. It goes out as JSON; texts are for people.
type View struct {
	Software string `json:"software"`
	System   string `json:"system"`
	// Enrolled tells that a control center knows this workstation; what follows is empty before.
	Enrolled    bool     `json:"enrolled"`
	Server      string   `json:"server,omitempty"`
	ID          string   `json:"id,omitempty"`
	Name        string   `json:"name"`
	Application string   `json:"application,omitempty"`
	Connected   bool     `json:"connected"`         // to the relay
	Problem     *Problem `json:"problem,omitempty"` // with the control center
	Notice      *Problem `json:"notice,omitempty"`  // why no phone can be used here now

	Join    Join      `json:"join"`
	Seal    Seal      `json:"seal"`
	Socket  string    `json:"socket"`           // uhid, vhci, usbip, udp, none
	Remote  *Problem  `json:"remote,omitempty"` // somebody works here from another machine
	Phones  []Phone   `json:"phones"`
	Pairing *Pairing  `json:"pairing,omitempty"` // the last one since it was begun, until it is put away
	Asked   []Request `json:"asked"`             // open requests, and the last failure of each phone
}

// Problem is an error for people.
type Problem struct {
	Code    postern.Code `json:"code"`
	Message string       `json:"message"`
	Next    string       `json:"next"`
}

// Join is how this machine belongs to a directory.
type Join struct {
	State     postern.JoinState `json:"state"`
	Name      string            `json:"name"`
	SignIn    string            `json:"sign_in"`   // which account opens the machine
	Supported bool              `json:"supported"` // security keys at the sign-in screen
	Support   string            `json:"support"`
	Problem   string            `json:"problem,omitempty"` // why the state is not known
}

// Seal is how the state file is kept.
type Seal = seal.Seal

// KeyState is the state of a virtual security key.
type KeyState string

// The states of a key. docs/agent.md has them as a picture.
const (
	KeyOut    KeyState = "out"     // the phone is not there, or may not be used
	KeyAsking KeyState = "asking"  // the phone is asked what it can do
	KeyIn     KeyState = "in"      // programs of this machine see it
	KeyAway   KeyState = "away"    // as in, while the phone's connection is broken and may come back
	KeyFailed KeyState = "failing" // the phone is there, but the key could not be plugged in; tried again
)

// Phone is a paired phone.
type Phone struct {
	Pairing    postern.PairingID `json:"pairing"`
	ID         postern.PhoneID   `json:"id"`
	Name       string            `json:"name"`
	UPN        string            `json:"user_principal_name"`
	User       string            `json:"user"`
	Phase      postern.Phase     `json:"phase"`
	Incomplete bool              `json:"incomplete"` // paired with Postern, not yet with Entra
	Presence   string            `json:"presence"`   // gone, away, present
	Key        KeyState          `json:"key"`
	Serial     string            `json:"serial"`            // of the key
	Problem    *Problem          `json:"problem,omitempty"` // why the key is not there
	Paired     time.Time         `json:"paired"`
	Offline    *Offline          `json:"offline,omitempty"` // signing in offline; nil: not here
}

// Request is what people see of a request.
type Request struct {
	Phone   postern.PhoneID `json:"phone"`
	Name    string          `json:"name"`
	Number  string          `json:"number,omitempty"`  // the two digits the phone shows too; empty: no longer open
	Waiting bool            `json:"waiting,omitempty"` // for the phone's user
	Message string          `json:"message,omitempty"` // why it failed
	Next    string          `json:"next,omitempty"`
}

// PairingStep is where a pairing stands.
type PairingStep string

// The steps of a pairing.
const (
	PairingOpen       PairingStep = "open"       // waits for the phone
	PairingCompare    PairingStep = "compare"    // waits for somebody to compare the digits
	PairingConfirming PairingStep = "confirming" // waits for the phone to confirm too
	PairingDone       PairingStep = "done"
	PairingFailed     PairingStep = "failed"
)

// Pairing is the pairing under way.
type Pairing struct {
	Step    PairingStep       `json:"step"`
	Typed   bool              `json:"typed"`          // with a code to type
	URL     string            `json:"url,omitempty"`  // of the QR code, while open
	Code    string            `json:"code,omitempty"` // to type, while open
	Expires time.Time         `json:"expires"`
	Digits  string            `json:"digits,omitempty"`
	Name    string            `json:"name,omitempty"` // of the phone
	Pairing postern.PairingID `json:"pairing,omitempty"`
	Problem *Problem          `json:"problem,omitempty"`
}

func problemOf(err error) *Problem {
	if err == nil {
		return nil
	}
	e := postern.AsError(err)
	return &Problem{Code: e.Code, Message: e.Message, Next: e.Next}
}

func problemOfNotice(n *postern.PhoneNotice) *Problem {
	if n == nil {
		return nil
	}
	return &Problem{Code: n.Code, Message: n.Message, Next: n.Next}
}
