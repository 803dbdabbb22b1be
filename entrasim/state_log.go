package entrasim

import (
	"encoding/json"
	"time"
)

// maxEvents bounds each event log; the oldest go first.
const maxEvents = 20000

// eventLog is a bounded list of events in the order they happened. Each has a number of its own for paging.
type eventLog[T any] struct {
	First  uint64 // number of Events[0]
	Events []T
}

func (l *eventLog[T]) add(e T) {
	if len(l.Events) >= maxEvents {
		drop := maxEvents / 10
		l.Events = append([]T(nil), l.Events[drop:]...)
		l.First += uint64(drop)
	}
	l.Events = append(l.Events, e)
}

// end is the number the next event gets, counted as First is.
func (l *eventLog[T]) end() uint64 { return l.First + uint64(len(l.Events)) }

// Audit is one directoryAudit record.
type Audit struct {
	ID          string
	Time        time.Time
	Correlation string
	Service     string // "Authentication Methods", "Conditional Access", "Device Registration Service", "Core Directory"
	Category    string // "UserManagement", "GroupManagement", "ApplicationManagement", "Policy"
	Activity    string
	Operation   string
	Failed      bool   `json:",omitempty"`
	Reason      string `json:",omitempty"`
	By          Actor
	TargetType  string `json:",omitempty"` // "User", "Group", "Policy"
	TargetID    string `json:",omitempty"`
	TargetName  string `json:",omitempty"`
	TargetUPN   string `json:",omitempty"`
	Details     map[string]string
	Changes     []AuditChange `json:",omitempty"`
}

// AuditChange is one modifiedProperty of an audit record. Values are JSON text; an empty one is null.
type AuditChange struct {
	Name, Old, New string
}

// Actor is who did something: a user, an application, or an application for a user.
type Actor struct {
	UserID, UPN, UserName                    string
	AppID, AppName, ServicePrincipalID, Addr string
}

// SignIn is one interactive sign-in.
type SignIn struct {
	ID          string
	Time        time.Time
	Correlation string
	UserID      string
	UPN         string
	UserName    string
	AppID       string
	AppName     string
	Address     string
	UserAgent   string
	ErrorCode   int    // 0 is success
	Failure     string `json:",omitempty"`
	// Method is the display text of the beta property authenticationMethod, such as "Passkey (device-bound)".
	Method string
	Detail string `json:",omitempty"` // authenticationMethodDetail
	// Device is the computer signed in to.
	Device SignInDevice `json:",omitzero"`
	// Client is clientAppUsed, "Browser" if empty.
	Client string `json:",omitempty"`
	// Access is conditionalAccessStatus, "notApplied" if empty, and Applied what every policy that applied made of it.
	Access  string          `json:",omitempty"`
	Applied []AppliedPolicy `json:",omitempty"`
}

// SignInDevice is the device of a sign-in as the log shows it.
type SignInDevice struct {
	ID, Name, Trust string
	Compliant       bool
}

// recordSignIn adds a sign-in to the log. The caller holds no lock; ID and Time are filled in.
func (t *Tenant) recordSignIn(e SignIn) {
	e.ID, e.Time = t.srv.newID(), t.now()
	if e.Correlation == "" {
		e.Correlation = t.srv.newID()
	}
	t.update(func() { t.SignIns.add(e) })
}

// MarshalJSON and UnmarshalJSON keep the page numbers across a restart.
func (l eventLog[T]) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		First  uint64
		Events []T
	}{l.First, l.Events})
}

// UnmarshalJSON is the reverse of MarshalJSON.
func (l *eventLog[T]) UnmarshalJSON(b []byte) error {
	var v struct {
		First  uint64
		Events []T
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	l.First, l.Events = v.First, v.Events
	return nil
}
