package postern

import "time"

// BulkKind is what a bulk job does to each of its users.
type BulkKind string

// The kinds.
const (
	BulkInvite       BulkKind = "invite"
	BulkProvision    BulkKind = "provision"
	BulkRevokeUser   BulkKind = "revoke_user"
	BulkRevokePhones BulkKind = "revoke_phones"
	BulkSuspend      BulkKind = "suspend"
	BulkResume       BulkKind = "resume"
	BulkRemind       BulkKind = "remind"
)

// BulkKinds lists all kinds, in the order in which pages show them.
var BulkKinds = []BulkKind{
	BulkInvite, BulkProvision, BulkRemind, BulkSuspend, BulkResume, BulkRevokePhones, BulkRevokeUser,
}

// Destructive reports whether the kind takes something away that only its users can bring back.
func (k BulkKind) Destructive() bool { return k == BulkRevokeUser || k == BulkRevokePhones }

// BulkState is the state of a bulk job.
type BulkState string

// The states; the last two are final.
const (
	BulkRunning   BulkState = "running"
	BulkPaused    BulkState = "paused"
	BulkDone      BulkState = "done"      // no row is open any more; failed ones can be tried again
	BulkCancelled BulkState = "cancelled" // the rows that had not begun were left alone
)

// Final reports whether nothing more will happen to a job in this state by itself.
func (s BulkState) Final() bool { return s == BulkDone || s == BulkCancelled }

// BulkRowState is the state of one row of a bulk job.
type BulkRowState string

// The states of a row; the last three are final.
const (
	BulkRowPending BulkRowState = "pending" // not begun, or to be tried again
	BulkRowRunning BulkRowState = "running" // being done
	BulkRowWaiting BulkRowState = "waiting" // begun, and somebody else has to do their part: the phone's owner
	BulkRowDone    BulkRowState = "done"
	BulkRowSkipped BulkRowState = "skipped" // there was nothing to do, or the job was cancelled first
	BulkRowFailed  BulkRowState = "failed"
)

// BulkRowStates lists all states of a row, in the order in which a row goes through them.
var BulkRowStates = []BulkRowState{BulkRowPending, BulkRowRunning, BulkRowWaiting, BulkRowDone, BulkRowSkipped, BulkRowFailed}

// Final reports whether nothing more will happen to a row in this state by itself.
func (s BulkRowState) Final() bool {
	return s == BulkRowDone || s == BulkRowSkipped || s == BulkRowFailed
}

// The bounds of a bulk job.
const (
	MaxBulkRows = 50_000
	MaxBulkCSV  = 8 << 20 // bytes
)

// BulkInput asks for a bulk job over users that are named in one way: a list, a CSV file, a group or a phase.
type BulkInput struct {
	Kind         BulkKind       `json:"kind" enum:"invite,provision,revoke_user,revoke_phones,suspend,resume,remind"`
	Users        []string       `json:"users,omitempty" maxItems:"50000" doc:"User principal names or object ids."`
	CSV          string         `json:"csv,omitempty" maxLength:"8388608" doc:"A CSV file with a column user and, if wanted, valid_minutes; separated by commas, semicolons or tabs. Without a header the first column is the user."`
	GroupID      string         `json:"group_id,omitempty" maxLength:"100" doc:"Object id of a group of the tenant; its direct members that are users."`
	Phase        Phase          `json:"phase,omitempty" enum:"none,eligible,paired,active,suspended,revoked" doc:"Everybody whom Postern knows in this phase."`
	ValidMinutes int            `json:"valid_minutes,omitempty" minimum:"0" maximum:"43200" doc:"For invite: how long a code works; 0 means three days."`
	Mail         InvitationMail `json:"mail,omitempty" enum:"invitation,code" doc:"For invite: write to the users; code sends the one-time code as well, as a message of its own."`
	Note         string         `json:"note,omitempty" maxLength:"500" doc:"Why; kept in the audit trail."`
	Expect       int            `json:"expect,omitempty" minimum:"0" doc:"How many users whoever starts this expects to be acted on; refused if it is another number. Needed for kinds that take something away."`
}

// BulkCounts counts the rows of a job by state.
type BulkCounts struct {
	Total   int `json:"total"`
	Pending int `json:"pending"`
	Running int `json:"running"`
	Waiting int `json:"waiting"`
	Done    int `json:"done"`
	Skipped int `json:"skipped"`
	Failed  int `json:"failed"`
}

// Of is how many rows are in a state.
func (c BulkCounts) Of(s BulkRowState) int {
	if n := c.Field(s); n != nil {
		return *n
	}
	return 0
}

// Field is where the rows of a state are counted; nil when there is no such state.
func (c *BulkCounts) Field(s BulkRowState) *int {
	switch s {
	case BulkRowPending:
		return &c.Pending
	case BulkRowRunning:
		return &c.Running
	case BulkRowWaiting:
		return &c.Waiting
	case BulkRowDone:
		return &c.Done
	case BulkRowSkipped:
		return &c.Skipped
	case BulkRowFailed:
		return &c.Failed
	}
	return nil
}

// Finished is how many rows are in a final state.
func (c BulkCounts) Finished() int { return c.Done + c.Skipped + c.Failed }

// BulkJob is one act over many users.
type BulkJob struct {
	ID            BulkJobID      `json:"id"`
	IntegrationID IntegrationID  `json:"integration_id"`
	Version       int64          `json:"version"`
	Kind          BulkKind       `json:"kind" enum:"invite,provision,revoke_user,revoke_phones,suspend,resume,remind"`
	State         BulkState      `json:"state" enum:"running,paused,done,cancelled"`
	Source        string         `json:"source" doc:"Where its users came from, in words."`
	ValidMinutes  int            `json:"valid_minutes,omitempty"`
	Mail          InvitationMail `json:"mail,omitempty"`
	Note          string         `json:"note,omitempty"`
	Counts        BulkCounts     `json:"counts"`
	Change        int64          `json:"change" doc:"Counts up with everything that happens to the job or its rows."`
	StartedBy     string         `json:"started_by"`
	Code          Code           `json:"code,omitempty" doc:"Why it stands still."`
	Message       string         `json:"message,omitempty"`
	Next          string         `json:"next,omitempty"`
	PerMinute     float64        `json:"per_minute,omitempty" doc:"How many rows a minute were finished of late."`
	SecondsLeft   int            `json:"seconds_left,omitempty" doc:"How long the rows that wait for nobody will take at that pace; absent when there is nothing to tell it by."`
	CodesUntil    *time.Time     `json:"codes_until,omitempty" doc:"Until when the one-time codes can be fetched, once."`
	CreatedAt     time.Time      `json:"created_at"`
	UpdatedAt     time.Time      `json:"updated_at"`
	EndedAt       *time.Time     `json:"ended_at,omitempty"`
}

// BulkRow is one user of a bulk job.
type BulkRow struct {
	JobID        BulkJobID    `json:"job_id"`
	Number       int          `json:"number" doc:"From 1, in the order of the input."`
	Given        string       `json:"given" doc:"The user as the input named them."`
	Times        int          `json:"times,omitempty" doc:"How often the input named the user, when more than once."`
	ValidMinutes int          `json:"valid_minutes,omitempty"`
	UserID       UserID       `json:"user_id,omitempty"`
	UPN          string       `json:"user_principal_name,omitempty"`
	State        BulkRowState `json:"state" enum:"pending,running,waiting,done,skipped,failed"`
	Code         Code         `json:"code,omitempty"`
	Message      string       `json:"message,omitempty"`
	Next         string       `json:"next,omitempty"`
	Made         string       `json:"made,omitempty" doc:"Identifier of what the row made, such as an invitation."`
	Tries        int          `json:"tries"`
	Due          *time.Time   `json:"due,omitempty" doc:"When it is looked at again."`
	UpdatedAt    time.Time    `json:"updated_at"`
}

// BulkPlan is what a bulk job would do, before it is started.
type BulkPlan struct {
	Kind        BulkKind   `json:"kind"`
	Source      string     `json:"source"`
	Sentence    string     `json:"sentence" doc:"What will happen, in words."`
	Total       int        `json:"total"`
	Acts        int        `json:"acts" doc:"How many users will be acted on, as far as can be told."`
	Skips       []BulkSkip `json:"skips" doc:"Who will be left out, and why."`
	Duplicates  int        `json:"duplicates" doc:"How many further times users were named; each is done once."`
	Destructive bool       `json:"destructive"`
}

// BulkSkip is a reason to leave users out, with how many it concerns.
type BulkSkip struct {
	Code    Code     `json:"code"`
	Message string   `json:"message"`
	Rows    int      `json:"rows"`
	Users   []string `json:"users" doc:"The first of them."`
}

// BulkChange is an act on a bulk job.
type BulkChange struct {
	Version int64 `json:"version" doc:"The version you saw."`
}
