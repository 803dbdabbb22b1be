package postern

import "time"

// ReconcileMode says how much a run looks at.
type ReconcileMode string

// The modes.
const (
	// ReconcileIncremental looks at what changed since the last run, and at a share of everything else.
	ReconcileIncremental ReconcileMode = "incremental"
	// ReconcileFull looks at everybody.
	ReconcileFull ReconcileMode = "full"
)

// ReconcileState is where a run stands.
type ReconcileState string

// The states of a run; all but the first are final.
const (
	ReconcileRunning ReconcileState = "running" // or waiting for its turn
	ReconcileDone    ReconcileState = "done"
	ReconcileStopped ReconcileState = "stopped" // Entra's answer was too far from the books; a person says whether it goes on
	ReconcileFailed  ReconcileState = "failed"
)

// ReconcileStep is what a run is at.
type ReconcileStep string

// The steps, in their order.
const (
	ReconcileDirectory ReconcileStep = "directory" // users of the tenant
	ReconcileGroups    ReconcileStep = "groups"    // the three groups themselves
	ReconcileMembers   ReconcileStep = "members"   // who is in them
	ReconcilePasskeys  ReconcileStep = "passkeys"  // what Entra lists of each user
	ReconcileConfirm   ReconcileStep = "confirm"   // a second look at passkeys that were not listed
)

// ReconcileRun is one comparison of Entra, Postern and the groups.
type ReconcileRun struct {
	ID            ReconcileRunID `json:"id"`
	IntegrationID IntegrationID  `json:"integration_id"`
	Version       int64          `json:"version"`
	Mode          ReconcileMode  `json:"mode" enum:"incremental,full"`
	State         ReconcileState `json:"state" enum:"running,done,stopped,failed"`
	Step          ReconcileStep  `json:"step" enum:"directory,groups,members,passkeys,confirm" doc:"What it is at, or was at last."`
	RequestedBy   string         `json:"requested_by,omitempty" doc:"Who asked for it; absent for a run of the schedule."`
	Users         int            `json:"users" doc:"Users whose passkeys were looked at so far."`
	UsersPlanned  int            `json:"users_planned" doc:"Users whose passkeys are to be looked at, as far as is known."`
	Unmanaged     int            `json:"unmanaged" doc:"Passkeys seen that are not Postern's. They are never touched."`
	Mended        int            `json:"mended"`
	Reported      int            `json:"reported"`
	Waiting       int            `json:"waiting"`
	Missing       int            `json:"missing" doc:"Managed passkeys that Entra did not list at the first look."`
	Open          int            `json:"open" doc:"Differences that were open at its end."`
	Code          Code           `json:"code,omitempty" doc:"Why it stopped or failed."`
	Message       string         `json:"message,omitempty"`
	Next          string         `json:"next,omitempty"`
	Approved      string         `json:"approved_by,omitempty" doc:"Who had a stopped run go on."`
	CreatedAt     time.Time      `json:"created_at"`
	UpdatedAt     time.Time      `json:"updated_at"`
	FinishedAt    *time.Time     `json:"finished_at,omitempty"`
}

// DifferenceKind says what differs.
type DifferenceKind string

// The kinds.
const (
	DifferencePasskeyRemoved     DifferenceKind = "passkey_removed" // Entra lists a managed passkey no longer
	DifferencePasskeyNotYet      DifferenceKind = "passkey_not_listed_yet"
	DifferencePasskeyListedAgain DifferenceKind = "passkey_listed_again" // Entra lists one that was revoked
	DifferencePasskeyAdopted     DifferenceKind = "passkey_adopted"      // Entra lists one of our authenticator that nobody told of
	DifferencePasskeyUnclaimed   DifferenceKind = "passkey_unclaimed"    // the same, and it is not clear on which phone it lies
	DifferenceRevocationStuck    DifferenceKind = "revocation_stuck"
	DifferenceProvisioningStuck  DifferenceKind = "provisioning_stuck"
	DifferenceUserGone           DifferenceKind = "user_gone"       // Entra knows the user no longer
	DifferenceMemberMissing      DifferenceKind = "member_missing"  // somebody is not in the group of the phase
	DifferenceMemberExtra        DifferenceKind = "member_extra"    // somebody is in the group of another phase
	DifferenceMemberStranger     DifferenceKind = "member_stranger" // somebody Postern does not know is in a group
	DifferenceGroup              DifferenceKind = "group"           // one of the three groups itself
)

// DifferenceOutcome is what was done about a difference.
type DifferenceOutcome string

// The outcomes.
const (
	OutcomeMended   DifferenceOutcome = "mended"
	OutcomeReported DifferenceOutcome = "reported" // it is not Postern's to mend
	OutcomeWaiting  DifferenceOutcome = "waiting"  // it is looked at again, or being mended
)

// Difference is one point at which Entra, Postern and the groups did not agree. The texts are sentences for people.
type Difference struct {
	ID            DifferenceID      `json:"id"`
	IntegrationID IntegrationID     `json:"integration_id"`
	RunID         ReconcileRunID    `json:"run_id" doc:"The run that saw it last."`
	Kind          DifferenceKind    `json:"kind" enum:"passkey_removed,passkey_not_listed_yet,passkey_listed_again,passkey_adopted,passkey_unclaimed,revocation_stuck,provisioning_stuck,user_gone,member_missing,member_extra,member_stranger,group"`
	UserID        UserID            `json:"user_id,omitempty" doc:"Absent for somebody whom Postern does not know."`
	UserName      string            `json:"user_name,omitempty"`
	Object        string            `json:"object" doc:"Identifier of what it is about: a passkey, a provisioning, a member, a group."`
	ObjectName    string            `json:"object_name,omitempty"`
	Entra         string            `json:"entra" doc:"What Entra says."`
	Postern       string            `json:"postern" doc:"What Postern's books say."`
	Why           string            `json:"why"`
	Outcome       DifferenceOutcome `json:"outcome" enum:"mended,reported,waiting"`
	Done          string            `json:"done" doc:"What was done about it."`
	Next          string            `json:"next,omitempty" doc:"What a person can do."`
	FoundAt       time.Time         `json:"found_at"`
	SeenAt        time.Time         `json:"seen_at"`
	ClosedAt      *time.Time        `json:"closed_at,omitempty" doc:"When it was mended or gone. Absent for one that is open."`
}

// ReconcileInput asks for a run.
type ReconcileInput struct {
	Mode ReconcileMode `json:"mode,omitempty" enum:"incremental,full" doc:"Incremental if absent."`
}

// ReconcileStatus is how an integration stands.
type ReconcileStatus struct {
	Last       *ReconcileRun  `json:"last,omitempty" doc:"The newest run, which may be under way."`
	AgreedAt   *time.Time     `json:"agreed_at,omitempty" doc:"When a run last found everything it looked at in order, or put it in order."`
	FullAt     *time.Time     `json:"full_at,omitempty" doc:"When everybody was last looked at."`
	Open       int            `json:"open" doc:"Differences that are not gone."`
	NextAt     *time.Time     `json:"next_at,omitempty" doc:"When the schedule runs next; absent while the integration is DISABLED."`
	NextFullAt *time.Time     `json:"next_full_at,omitempty"`
	Runs       []ReconcileRun `json:"runs" doc:"The last runs, newest first."`
}
