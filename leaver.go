package postern

import "time"

// LeaverAct is what becomes of a user whose account in the tenant is disabled or deleted.
type LeaverAct string

// The acts, mildest first.
const (
	LeaverReport  LeaverAct = "report"  // note it in the audit trail, change nothing
	LeaverSuspend LeaverAct = "suspend" // hold the user back; an account that is enabled again ends that
	LeaverRevoke  LeaverAct = "revoke"  // take every phone and passkey away
)

// MaxGraceMinutes bounds the time between a change of the account and what follows from it.
const MaxGraceMinutes = 43200

// LeaverPolicy says what becomes of users of an integration whose account is disabled or deleted.
type LeaverPolicy struct {
	Version      int64     `json:"version" doc:"Send it back with an update; 0 while nobody changed the policy."`
	Disabled     LeaverAct `json:"disabled" enum:"report,suspend,revoke" doc:"When the account is disabled."`
	Deleted      LeaverAct `json:"deleted" enum:"report,suspend,revoke" doc:"When the account is deleted."`
	GraceMinutes int       `json:"grace_minutes" minimum:"0" maximum:"43200" doc:"How long to wait; an account that is enabled again within it changes nothing."`
}

// DefaultLeaverPolicy is in force until somebody changes it.
func DefaultLeaverPolicy() LeaverPolicy {
	return LeaverPolicy{Disabled: LeaverSuspend, Deleted: LeaverRevoke}
}

// Check reports what is wrong with a policy.
func (p LeaverPolicy) Check() error {
	for field, act := range map[string]LeaverAct{"disabled": p.Disabled, "deleted": p.Deleted} {
		switch act {
		case LeaverReport, LeaverSuspend, LeaverRevoke:
		default:
			return FieldErrorf(field, "There is no act %q.", act).WithNext("Choose report, suspend or revoke.")
		}
	}
	if p.GraceMinutes < 0 || p.GraceMinutes > MaxGraceMinutes {
		return FieldErrorf("grace_minutes", "The time to wait is 0 to %d minutes.", MaxGraceMinutes)
	}
	return nil
}

// Act is what the policy asks for in a state of the account; empty for an account that is enabled or was not looked at.
func (p LeaverPolicy) Act(account AccountState) LeaverAct {
	switch account {
	case AccountDisabled:
		return p.Disabled
	case AccountDeleted:
		return p.Deleted
	}
	return ""
}

// Grace is GraceMinutes as a duration.
func (p LeaverPolicy) Grace() time.Duration { return time.Duration(p.GraceMinutes) * time.Minute }

// GroupFindingKind is what was found of a group.
type GroupFindingKind string

// The kinds.
const (
	GroupRenamed  GroupFindingKind = "renamed"  // its new name is kept
	GroupDeleted  GroupFindingKind = "deleted"  // it is made again, and its members are moved into it again
	GroupDynamic  GroupFindingKind = "dynamic"  // its members follow a rule: only a person can change that
	GroupSynced   GroupFindingKind = "synced"   // it is mastered on premises: only a person can change that
	GroupRestored GroupFindingKind = "restored" // what stood in the way is over; its members are moved into it again
	GroupMissing  GroupFindingKind = "missing"  // it was never made; it is being made
)

// GroupFinding is one thing that a look at the three groups found.
type GroupFinding struct {
	Phase   Phase            `json:"phase"`
	GroupID string           `json:"group_id,omitempty" doc:"Entra's object id."`
	Name    string           `json:"name"`
	Kind    GroupFindingKind `json:"kind" enum:"renamed,deleted,dynamic,synced,restored,missing"`
	Message string           `json:"message"`
	Next    string           `json:"next,omitempty" doc:"What a person has to do, where only a person can."`
	Mended  bool             `json:"mended" doc:"Postern set it right, or is about to."`
}

// UserActInput suspends or revokes a user.
type UserActInput struct {
	Note string `json:"note,omitempty" maxLength:"500" doc:"Why. It is kept with the user and in the audit trail."`
}

// IntegrationRevocation takes away every phone and passkey of an integration.
type IntegrationRevocation struct {
	ApplicationName string `json:"application_name" doc:"The application name of the integration, typed out as a confirmation."`
	Note            string `json:"note,omitempty" maxLength:"500" doc:"Why."`
}
