package postern

import "time"

// DirectoryChange is one user of the directory who appeared, changed or is gone. Of one who is gone, User is what was last
// known of them, or just the object id.
type DirectoryChange struct {
	User    DirectoryUser
	Removed bool
}

// DirectoryEntry is a user of the tenant as the mirror of its directory has them, and where they stand with Postern.
type DirectoryEntry struct {
	DirectoryUser
	IntegrationID IntegrationID `json:"integration_id"`
	UserID        UserID        `json:"user_id,omitempty" doc:"Absent for somebody whom Postern knows nothing else of."`
	Phase         Phase         `json:"phase,omitempty" enum:"eligible,paired,active,suspended,revoked" doc:"Absent for a user who was never invited."`
	Missing       bool          `json:"missing,omitempty" doc:"The last full reading did not find the user, and so many others that nobody was taken for gone."`
}

// DirectoryState is how the mirror of a directory stands.
type DirectoryState string

// The states of a mirror.
const (
	DirectoryNever   DirectoryState = "never"   // not read yet
	DirectoryReading DirectoryState = "reading" // a reading is under way, or was cut off and goes on
	DirectoryCurrent DirectoryState = "current" // the last reading went well
	DirectoryFailed  DirectoryState = "failed"  // the last reading failed; the mirror is as it was before
	DirectoryHeld    DirectoryState = "held"    // current, but so many users were missing that somebody has to confirm it
	DirectoryClosed  DirectoryState = "closed"  // the application may not read the directory
)

// DirectoryStatus says how current the mirror of an integration's directory is.
type DirectoryStatus struct {
	IntegrationID IntegrationID  `json:"integration_id"`
	State         DirectoryState `json:"state" enum:"never,reading,current,failed,held,closed"`
	Users         int            `json:"users" doc:"How many users the mirror holds."`
	Missing       int            `json:"missing" doc:"How many of them the last full reading did not find while somebody has to confirm that they are gone."`
	Full          bool           `json:"full" doc:"Whether the reading under way, or the last one, is of the whole directory."`
	Changed       int            `json:"changed" doc:"Users that appeared or changed in that reading."`
	Removed       int            `json:"removed" doc:"Users that were gone in that reading."`
	StartedAt     *time.Time     `json:"started_at,omitempty"`
	FinishedAt    *time.Time     `json:"finished_at,omitempty" doc:"When a reading last went well."`
	FullAt        *time.Time     `json:"full_at,omitempty" doc:"When a reading of the whole directory last went well."`
	RolesRead     bool           `json:"roles_read" doc:"Whether privileged roles could be read."`
	Notified      bool           `json:"notified" doc:"Whether Entra tells of changes at once; otherwise they are looked for every 15 minutes."`
	NotifiedUntil *time.Time     `json:"notified_until,omitempty" doc:"When that ends unless it is renewed, which happens by itself."`
	Code          Code           `json:"code,omitempty" doc:"What is wrong."`
	Message       string         `json:"message,omitempty"`
	Next          string         `json:"next,omitempty"`
}

// DirectorySyncInput asks for a reading of the directory.
type DirectorySyncInput struct {
	Full bool `json:"full,omitempty" doc:"Read the whole directory instead of what changed."`
}
