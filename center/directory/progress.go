package directory

import (
	"time"

	"github.com/postern/postern"
)

// Progress is how far the directory of an integration was read, and how Entra tells of changes. It is stored with every
// page, so that a reading that was cut off goes on where it stood.
type Progress struct {
	Integration postern.IntegrationID `json:"-"`
	Version     int64                 `json:"-"`

	// Cursor is where to read on: within a round while Reading, else at the next round. Empty: from the beginning.
	Cursor  string `json:"cursor,omitempty"`
	Reading bool   `json:"reading,omitempty"`
	Full    bool   `json:"full,omitempty"` // the round under way, or else the last one, is of the whole directory
	// Generation counts rounds of the whole directory. Each user carries the one that saw them last.
	Generation int64 `json:"generation"`
	Seen       int   `json:"seen"`    // users that the round showed
	Changed    int   `json:"changed"` // of them, those that were not in the mirror like that
	Removed    int   `json:"removed"`

	StartedAt  time.Time `json:"started_at,omitzero"`
	FinishedAt time.Time `json:"finished_at,omitzero"`
	FullAt     time.Time `json:"full_at,omitzero"`
	RolesRead  bool      `json:"roles_read,omitempty"`

	// Sweeping: the whole directory was read, and those it did not show are being taken for gone.
	Sweeping bool `json:"sweeping,omitempty"`
	// Held: it did not show so many that nobody is taken for gone before somebody confirms it.
	Held bool `json:"held,omitempty"`

	Failure *Failure `json:"failure,omitempty"`

	Subscription Subscription `json:"subscription,omitzero"`
}

// Failure is why the last reading did not end well.
type Failure struct {
	Code    postern.Code `json:"code"`
	Message string       `json:"message"`
	Next    string       `json:"next,omitempty"`
	At      time.Time    `json:"at"`
}

// Subscription is Entra's promise to tell of changes.
type Subscription struct {
	ID        string    `json:"id,omitempty"`    // empty while it is being made
	Proof     []byte    `json:"proof,omitempty"` // SHA-256 of the client state, which is known to Entra alone
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	URL       string    `json:"url,omitempty"`
	Problem   string    `json:"problem,omitempty"`
	TriedAt   time.Time `json:"tried_at,omitzero"` // when subscribing was given up last
}

// status says it to people.
func (p Progress) status(id postern.IntegrationID, now time.Time) postern.DirectoryStatus {
	s := postern.DirectoryStatus{
		IntegrationID: id, State: postern.DirectoryNever, Full: p.Full, Changed: p.Changed, Removed: p.Removed,
		StartedAt: optional(p.StartedAt), FinishedAt: optional(p.FinishedAt), FullAt: optional(p.FullAt), RolesRead: p.RolesRead,
	}
	if sub := p.Subscription; sub.ID != "" && now.Before(sub.ExpiresAt) {
		s.Notified, s.NotifiedUntil = true, optional(sub.ExpiresAt)
	}
	switch {
	case p.Failure != nil:
		s.State, s.Code, s.Message, s.Next = postern.DirectoryFailed, p.Failure.Code, p.Failure.Message, p.Failure.Next
		if p.Failure.Code == postern.CodeEntraDirectoryClosed {
			s.State = postern.DirectoryClosed
		}
	case p.Reading || p.Sweeping:
		s.State = postern.DirectoryReading
	case p.Held:
		s.State = postern.DirectoryHeld
	case !p.FinishedAt.IsZero():
		s.State = postern.DirectoryCurrent
	}
	return s
}

func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
