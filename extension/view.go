package extension

import (
	"time"

	"github.com/postern/postern"
)

// View is everything a page of the extension may show. It goes to the pages as JSON. Texts are for people and in English;
// where a code stands beside one, a page may have a translation.
type View struct {
	Revision uint64     `json:"revision"` // counts up
	Version  string     `json:"version"`  // of the extension
	Policy   ViewPolicy `json:"policy"`
	// Setup is there until the browser is enrolled. Then Browser is.
	Setup   *Setup   `json:"setup,omitempty"`
	Browser *Browser `json:"browser,omitempty"`
	Link    Link     `json:"link"`
	Proxy   Proxy    `json:"proxy"`
	Phones  []Phone  `json:"phones"`
	Pairing *Pairing `json:"pairing,omitempty"`
	// Request is the one that a phone is asked now, Waiting how many stand behind it.
	Request *Request `json:"request,omitempty"`
	Waiting int      `json:"waiting"`
	// Leaving are the servers that could not be told yet that this browser was disconnected.
	Leaving   []string    `json:"leaving,omitempty"`
	Diagnosis []Diagnosis `json:"diagnosis,omitempty"` // of the last time it was asked for
}

// ViewPolicy is what of the policy concerns the pages.
type ViewPolicy struct {
	Server   bool `json:"server"`   // the address is set and cannot be changed
	Attach   bool `json:"attach"`   // whether phones are used is set
	Fallback bool `json:"fallback"` // people may use another way
}

// Problem is an error for people.
type Problem struct {
	Code    postern.Code `json:"code"`
	Field   string       `json:"field,omitempty"`
	Message string       `json:"message"` // what happened and why
	Next    string       `json:"next"`    // what to do
}

// Setup is what the enrolment starts from.
type Setup struct {
	Server      string   `json:"server"`
	Integration string   `json:"integration"`
	Busy        bool     `json:"busy"`
	Problem     *Problem `json:"problem,omitempty"`
}

// Browser is this browser, as the control center knows it.
type Browser struct {
	ID          postern.WorkstationID `json:"id"`
	Name        string                `json:"name"`
	Server      string                `json:"server"`
	Application string                `json:"application_name"`
	Notice      *postern.PhoneNotice  `json:"notice,omitempty"`
}

// The states of a [Link].
const (
	LinkNone    = "none" // nothing is paired with yet
	LinkOnline  = "online"
	LinkOffline = "offline"
	LinkRefused = "refused" // the control center does not take this browser; Problem says why
)

// Link is the connection to the control center.
type Link struct {
	State   string   `json:"state"`
	Problem *Problem `json:"problem,omitempty"`
}

// The states of a [Proxy].
const (
	ProxyOff      = "off"      // no phone, or the person does not want it
	ProxyAttached = "attached" // pages' requests come here
	ProxyPaused   = "paused"   // the browser's own keys are used until Until
	ProxyHeld     = "held"     // another extension takes the requests
	ProxyMissing  = "missing"  // this browser has no such interface: too old, or not allowed
)

// Proxy says who answers the pages' requests.
type Proxy struct {
	State  string    `json:"state"`
	Wanted bool      `json:"wanted"` // the switch
	Until  time.Time `json:"until,omitzero"`
}

// Phone is a paired phone.
type Phone struct {
	Pairing    postern.PairingID    `json:"pairing"`
	ID         postern.PhoneID      `json:"id"`
	Name       string               `json:"name"`
	User       string               `json:"user"`
	UPN        string               `json:"user_principal_name"`
	Presence   string               `json:"presence"` // "present", "away", "gone"
	Incomplete bool                 `json:"incomplete"`
	Notice     *postern.PhoneNotice `json:"notice,omitempty"`
	Paired     time.Time            `json:"paired"`
}

// The steps of a [Pairing].
const (
	PairingOpening    = "opening"
	PairingWaiting    = "waiting"    // for a phone to scan, or for the code to be typed
	PairingCompare    = "compare"    // both show digits
	PairingConfirming = "confirming" // same was said here; the phone's word is waited for
	PairingDone       = "done"
	PairingFailed     = "failed"
)

// Pairing is the pairing under way.
type Pairing struct {
	Step     string    `json:"step"`
	QR       []string  `json:"qr,omitempty"` // rows of 0 and 1, with the quiet zone
	Code     string    `json:"code,omitempty"`
	Expires  time.Time `json:"expires,omitzero"`
	Phone    string    `json:"phone,omitempty"` // the name it gives itself
	Software string    `json:"software,omitempty"`
	Digits   string    `json:"digits,omitempty"`
	Problem  *Problem  `json:"problem,omitempty"`
}

// The steps of a [Request].
const (
	RequestChoose   = "choose"   // which phone, of several
	RequestWaking   = "waking"   // the phone is not there yet
	RequestChecking = "checking" // the phone is there and at it
	RequestWaiting  = "waiting"  // the phone waits for its user
	RequestFailed   = "failed"   // can be tried again: the page still waits
	RequestOver     = "over"     // the page has its answer; Problem says what it was
)

// Request is a page's request.
type Request struct {
	ID      int    `json:"id"`
	Kind    string `json:"kind"` // "create" or "get"
	Site    string `json:"site"` // the origin of the page
	RPID    string `json:"rp_id"`
	Account string `json:"account,omitempty"` // where a passkey is made
	Step    string `json:"step"`
	// Phone is the one that is asked; while Step is "choose" there is none.
	Phone    postern.PhoneID `json:"phone,omitempty"`
	Digits   string          `json:"digits,omitempty"` // the phone shows them too
	Deadline time.Time       `json:"deadline"`
	Silent   bool            `json:"silent"` // nothing was heard of the phone for a while
	// Paused says that the browser's own keys take the next request, until Proxy.Until.
	Paused  bool     `json:"paused"`
	Problem *Problem `json:"problem,omitempty"`
}

// Diagnosis is the outcome of one check.
type Diagnosis struct {
	Code    string `json:"code"` // "browser", "proxy", "network", "clock", "relay", "integration", "phones"
	OK      bool   `json:"ok"`
	Message string `json:"message"` // one sentence
	Next    string `json:"next,omitempty"`
}
