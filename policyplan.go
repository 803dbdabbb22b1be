package postern

import "time"

// PolicyPlanInput asks what a document would change.
type PolicyPlanInput struct {
	// Document is the YAML of a policy document, at most 256 KiB. docs/policy.md describes it.
	Document string `json:"document" maxLength:"262144"`
	Note     string `json:"note,omitempty" maxLength:"500" doc:"Why; it goes into the audit trail."`
}

// PolicyVerb is what a step does.
type PolicyVerb string

// The verbs.
const (
	PolicyAdd    PolicyVerb = "add"    // an element of a list: a model, a target
	PolicyRemove PolicyVerb = "remove" // an element of a list
	PolicySet    PolicyVerb = "set"    // a value
	PolicyCreate PolicyVerb = "create" // a profile, a strength, a Conditional Access policy
	PolicyDelete PolicyVerb = "delete" // the same
)

// PolicyObject is what a step is about.
type PolicyObject string

// The objects.
const (
	PolicyObjectPasskeys          PolicyObject = "passkeys"
	PolicyObjectProfile           PolicyObject = "profile"
	PolicyObjectStrength          PolicyObject = "strength"
	PolicyObjectConditionalAccess PolicyObject = "conditional_access"
)

// PolicyStepOutcome is what became of a step of a plan that was applied.
type PolicyStepOutcome string

// The outcomes.
const (
	PolicyStepLanded  PolicyStepOutcome = "landed"  // read back as it was written
	PolicyStepMissing PolicyStepOutcome = "missing" // Entra took the request, and does not show what it said
	PolicyStepRefused PolicyStepOutcome = "refused"
	PolicyStepSkipped PolicyStepOutcome = "skipped" // an earlier one failed
)

// PolicyStep is one difference between the tenant's policy and the document.
type PolicyStep struct {
	Verb   PolicyVerb   `json:"verb" enum:"add,remove,set,create,delete"`
	Object PolicyObject `json:"object" enum:"passkeys,profile,strength,conditional_access"`
	Name   string       `json:"name,omitempty" doc:"Of the profile, strength or Conditional Access policy."`
	Field  string       `json:"field" doc:"As the document names it, such as restrictions.models."`
	Old    string       `json:"old,omitempty"`
	New    string       `json:"new,omitempty"`
	// Sentence says the same for people: "Passkeys of the model YubiKey 5 NFC will no longer sign in."
	Sentence   string            `json:"sentence"`
	Reversible bool              `json:"reversible" doc:"Whether undoing brings back what was, for everybody."`
	AAGUID     string            `json:"aaguid,omitempty" doc:"The model that a step adds or removes."`
	Outcome    PolicyStepOutcome `json:"outcome,omitempty" enum:"landed,missing,refused,skipped" doc:"Once the plan was applied."`
	Message    string            `json:"message,omitempty" doc:"Why it did not land."`
}

// PolicyNoteLevel is how serious a note is.
type PolicyNoteLevel string

// The levels.
const (
	PolicyNoteInfo    PolicyNoteLevel = "info"
	PolicyNoteWarning PolicyNoteLevel = "warning"
	PolicyNoteDanger  PolicyNoteLevel = "danger"
)

// PolicyNote is something a person should know of a policy: an explanation, a warning, or a deviation from the settings
// under which Postern is known to work.
type PolicyNote struct {
	Key       string          `json:"key" doc:"Which note it is, for programs: attestation_unlisted, self_service_off and so on."`
	Level     PolicyNoteLevel `json:"level" enum:"info,warning,danger"`
	Field     string          `json:"field,omitempty" doc:"As the document names it."`
	Message   string          `json:"message"`
	Next      string          `json:"next,omitempty"`
	Deviation bool            `json:"deviation,omitempty" doc:"Differs from the supported configuration."`
	Link      string          `json:"link,omitempty"`
}

// PolicyPlanState is where a plan stands.
type PolicyPlanState string

// The states of a plan.
const (
	PolicyPlanning PolicyPlanState = "planning" // the steps are known; whom they concern is being worked out
	PolicyPlanned  PolicyPlanState = "planned"
	PolicyApplying PolicyPlanState = "applying" // written, or about to be; read back until it shows
	PolicyLanded   PolicyPlanState = "landed"   // read back as written
	PolicyPartly   PolicyPlanState = "partly"   // some steps are not there; they say so
	PolicyFailed   PolicyPlanState = "failed"   // nothing was changed
	PolicyOutdated PolicyPlanState = "outdated" // the tenant's policy was changed by somebody else since; plan again
)

// PolicyPlan is what a document would change in a tenant, whom it would concern, and what became of it.
type PolicyPlan struct {
	ID            PolicyPlanID    `json:"id"`
	IntegrationID IntegrationID   `json:"integration_id"`
	Version       int64           `json:"version"`
	State         PolicyPlanState `json:"state" enum:"planning,planned,applying,landed,partly,failed,outdated"`
	Document      string          `json:"document"`
	Note          string          `json:"note,omitempty"`
	Undoes        PolicyPlanID    `json:"undoes,omitempty" doc:"The plan whose changes this one takes back."`
	Steps         []PolicyStep    `json:"steps" doc:"Empty if the tenant is as the document says."`
	Notes         []PolicyNote    `json:"notes"`
	Impact        PolicyImpact    `json:"impact"`
	Before        TenantPolicy    `json:"before" doc:"As it was read when the plan was made."`
	After         TenantPolicy    `json:"after" doc:"As the document would have it."`
	Size          PolicySize      `json:"size"`
	CreatedAt     time.Time       `json:"created_at"`
	CreatedBy     string          `json:"created_by,omitempty"`
	AppliedAt     *time.Time      `json:"applied_at,omitempty"`
	AppliedBy     string          `json:"applied_by,omitempty"`
	FinishedAt    *time.Time      `json:"finished_at,omitempty"`
	LockOut       []string        `json:"lock_out,omitempty" doc:"Who was named as to be locked out."`
	Code          Code            `json:"code,omitempty" doc:"Why it failed, or is not there in full."`
	Message       string          `json:"message,omitempty"`
	Next          string          `json:"next,omitempty"`
}

// PolicySize estimates how large the authentication methods policy will be, by the figures Microsoft publishes.
type PolicySize struct {
	Bytes int `json:"bytes"`
	Limit int `json:"limit"`
}

// PolicyApplyInput has a plan applied.
type PolicyApplyInput struct {
	Version int64 `json:"version"`
	// LockOut names everybody who may be locked out, by user principal name or object id. A plan that would lock out
	// anybody else is refused.
	LockOut []string `json:"lock_out,omitempty" maxItems:"20000"`
	// Unknown applies although the inventory is not complete, so that the impact may be larger than what is known.
	Unknown bool   `json:"unknown,omitempty"`
	Note    string `json:"note,omitempty" maxLength:"500"`
}

// PolicyDrift is how a tenant differs from what was last applied or accepted.
type PolicyDrift struct {
	IntegrationID IntegrationID `json:"integration_id"`
	Version       int64         `json:"version" doc:"Of the interval, for changing it."`
	Watched       bool          `json:"watched" doc:"Whether there is anything to compare with: a plan was applied, or the policy as it is was accepted."`
	BaselineAt    *time.Time    `json:"baseline_at,omitempty"`
	CheckedAt     *time.Time    `json:"checked_at,omitempty"`
	Steps         []PolicyStep  `json:"steps" doc:"What somebody else changed, from the baseline to what is there now."`
	FoundAt       *time.Time    `json:"found_at,omitempty"`
	// Who are the changes that Entra's directory audit lists since the policy was last as it should be, newest first.
	Who       []PolicyEditor `json:"who,omitempty"`
	WhoKnown  bool           `json:"who_known" doc:"Whether the application may read Entra's directory audit, and the licence has it."`
	Impact    *PolicyImpact  `json:"impact,omitempty" doc:"Whom the change concerns."`
	Code      Code           `json:"code,omitempty"`
	Message   string         `json:"message,omitempty"`
	Next      string         `json:"next,omitempty"`
	IntervalS int            `json:"interval_seconds"`
}

// PolicyDriftInput changes how often a tenant is compared with what was last applied or accepted.
type PolicyDriftInput struct {
	Version   int64 `json:"version"`
	IntervalS int   `json:"interval_seconds" minimum:"60" maximum:"86400"`
}

// PolicyReading is a tenant's policy as it is now.
type PolicyReading struct {
	Policy TenantPolicy `json:"policy"`
	Notes  []PolicyNote `json:"notes" doc:"Explanations, warnings, and deviations from the supported configuration."`
}

// PolicyDocument is a policy document by itself.
type PolicyDocument struct {
	Document string `json:"document" doc:"YAML."`
}

// PolicyNoteInput says why somebody does something.
type PolicyNoteInput struct {
	Note string `json:"note,omitempty" maxLength:"500" doc:"Why; it goes into the audit trail."`
}

// StrengthUse is an authentication strength with the Conditional Access policies that demand it.
type StrengthUse struct {
	Strength AuthenticationStrength `json:"strength"`
	Policies []StrengthUser         `json:"policies" doc:"That demand it, in whatever state they are."`
	Known    bool                   `json:"known" doc:"Whether the application may read Conditional Access policies; otherwise only ids are listed."`
}

// StrengthUser is a Conditional Access policy that demands a strength.
type StrengthUser struct {
	ID    string                 `json:"id"`
	Name  string                 `json:"name,omitempty"`
	State ConditionalAccessState `json:"state,omitempty" enum:"enabled,disabled,enabledForReportingButNotEnforced"`
}

// PolicyEditor is a change of a policy as Entra's directory audit tells it.
type PolicyEditor struct {
	At       time.Time `json:"at"`
	Activity string    `json:"activity"`
	Name     string    `json:"name" doc:"User principal name or display name of the application."`
	ID       string    `json:"id,omitempty"`
	Address  string    `json:"address,omitempty"`
	App      bool      `json:"app,omitempty"`
}
