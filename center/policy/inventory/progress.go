package inventory

import (
	"time"

	"github.com/postern/postern"
)

// Progress is how far the inventory of an integration was read. It is stored with every step, so that a reading that was
// cut off goes on where it stood.
type Progress struct {
	Integration postern.IntegrationID `json:"-"`
	Version     int64                 `json:"-"`

	Number  int64  `json:"number"` // counts readings
	Reading bool   `json:"reading,omitempty"`
	Full    bool   `json:"full,omitempty"`  // the reading under way, or the last one
	Again   bool   `json:"again,omitempty"` // a full reading was asked for while another one was under way
	Step    Step   `json:"step,omitempty"`
	Source  Source `json:"source,omitempty"`
	// Place is how far the step has come, in its own terms.
	Place string `json:"place,omitempty"`

	Users     int `json:"users"`
	Planned   int `json:"planned"`
	Changed   int `json:"changed"`
	Failures  int `json:"failures"`
	Requests  int `json:"requests"`
	Throttled int `json:"throttled"`

	BegunAt    time.Time `json:"begun_at,omitzero"`
	FinishedAt time.Time `json:"finished_at,omitzero"`
	FullAt     time.Time `json:"full_at,omitzero"`
	// Since is from when on the tenant's log is read in the reading under way; EventsAt until when it was read.
	Since    time.Time `json:"since,omitzero"`
	EventsAt time.Time `json:"events_at,omitzero"`
	// ReportAt is when the registration report was last read whole.
	ReportAt time.Time `json:"report_at,omitzero"`

	Closed       bool `json:"closed,omitempty"` // the directory may not be read: only those whom Postern knows are there
	EventsRead   bool `json:"events_read,omitempty"`
	MethodsKnown bool `json:"methods_known,omitempty"`
	LastUseKnown bool `json:"last_use_known,omitempty"`

	Failure *Failure `json:"failure,omitempty"`
}

// Step is what a reading is at.
type Step string

// The steps, in their order.
const (
	StepDirectory Step = "directory"
	StepReport    Step = "report"
	StepEvents    Step = "events"
	StepPasskeys  Step = "passkeys"
)

// Source is who a reading looks at.
type Source string

// The sources.
const (
	SourceReport    Source = "report"
	SourceEverybody Source = "everybody"
	SourceKnown     Source = "known"
)

// Failure is why the last reading did not end well.
type Failure struct {
	Code    postern.Code `json:"code"`
	Message string       `json:"message"`
	Next    string       `json:"next,omitempty"`
	At      time.Time    `json:"at"`
}

// status says it to people.
func (p Progress) status(unread int) postern.InventoryStatus {
	s := postern.InventoryStatus{
		IntegrationID: p.Integration, State: postern.InventoryNever, Full: p.Full, Source: string(p.Source),
		Users: p.Users, UsersPlanned: p.Planned, Changed: p.Changed, Failures: p.Failures,
		StartedAt: optional(p.BegunAt), FinishedAt: optional(p.FinishedAt), FullAt: optional(p.FullAt),
		MethodsKnown: p.MethodsKnown, LastUseKnown: p.LastUseKnown, Requests: p.Requests, Throttled: p.Throttled,
		Complete: !p.FullAt.IsZero() && !p.Closed && unread == 0,
	}
	switch {
	case p.Reading:
		s.State, s.Step = postern.InventoryReading, string(p.Step)
	case p.Failure != nil:
		s.State = postern.InventoryFailed
	case !p.FinishedAt.IsZero():
		s.State = postern.InventoryCurrent
	}
	if p.Failure != nil {
		s.Code, s.Message, s.Next = p.Failure.Code, p.Failure.Message, p.Failure.Next
	}
	return s
}

func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
