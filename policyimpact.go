package postern

import "time"

// PolicyEffect is what a change of the policy does to one user.
type PolicyEffect string

// The effects, the worst first.
const (
	// EffectLockedOut: some passkey of the user signs in today, and none will.
	EffectLockedOut PolicyEffect = "locked_out"
	// EffectLockedOutSomewhere: the same, of some applications only.
	EffectLockedOutSomewhere PolicyEffect = "locked_out_somewhere"
	// EffectPasskeyLost: one passkey stops to sign in, another goes on.
	EffectPasskeyLost PolicyEffect = "passkey_lost"
	// EffectRegistrationLost: the user can register passkeys today, and will not be able to register any.
	EffectRegistrationLost PolicyEffect = "registration_lost"
	// EffectPosternLost: the user can register a passkey on a phone with Postern today, and will not.
	EffectPosternLost PolicyEffect = "postern_lost"
	// EffectStrengthUnmet: a Conditional Access policy will demand a strength that no passkey of the user meets, and none
	// signs in there today either.
	EffectStrengthUnmet PolicyEffect = "strength_unmet"
	// EffectSignInGained and EffectRegistrationGained are the reverse of the losses.
	EffectSignInGained       PolicyEffect = "sign_in_gained"
	EffectRegistrationGained PolicyEffect = "registration_gained"
)

// PolicyEffects lists all effects, the worst first.
var PolicyEffects = []PolicyEffect{
	EffectLockedOut, EffectLockedOutSomewhere, EffectPasskeyLost, EffectRegistrationLost, EffectPosternLost, EffectStrengthUnmet,
	EffectSignInGained, EffectRegistrationGained,
}

// PolicyImpact counts whom a change of the policy concerns. Who they are is listed by page.
type PolicyImpact struct {
	Basis   ImpactBasis          `json:"basis"`
	Effects map[PolicyEffect]int `json:"effects" doc:"Users by effect; a user may have several."`
	// Privileged and OnlyMethod count, of those who are locked out, wholly or of some applications, privileged users and
	// users who have no other method registered.
	Privileged int `json:"privileged"`
	OnlyMethod int `json:"only_method"`
	// Possible counts users who may be locked out, depending on conditions Postern does not judge.
	Possible int           `json:"possible"`
	Models   []ModelImpact `json:"models" doc:"Models in use whose passkeys stop to sign in, most passkeys first."`
	// Demands says of each Conditional Access policy that the change turns on, edits or gives another strength what it
	// would demand of whom; report-only ones included, as if they were on.
	Demands []StrengthDemand `json:"demands"`
}

// ImpactBasis is what an impact was computed from.
type ImpactBasis struct {
	Users       int        `json:"users"`
	Passkeys    int        `json:"passkeys"`
	InventoryAt *time.Time `json:"inventory_at,omitempty" doc:"When the inventory was last brought up to date."`
	Complete    bool       `json:"complete" doc:"Whether every user of the tenant was looked at at least once."`
	Unknown     int        `json:"unknown" doc:"Users of whose passkeys nothing is known."`
	Methods     bool       `json:"methods" doc:"Whether other methods are known, which needs Entra ID P1 and AuditLog.Read.All."`
	Roles       bool       `json:"roles" doc:"Whether privileged users are known."`
}

// ModelImpact counts the passkeys of one model that stop to sign in.
type ModelImpact struct {
	AAGUID   string `json:"aaguid"`
	Name     string `json:"name"`
	Passkeys int    `json:"passkeys"`
	Users    int    `json:"users"`
}

// StrengthDemand is what a Conditional Access policy would demand of whom.
type StrengthDemand struct {
	PolicyID string                 `json:"policy_id,omitempty"`
	Policy   string                 `json:"policy"`
	State    ConditionalAccessState `json:"state" enum:"enabled,disabled,enabledForReportingButNotEnforced"`
	Strength string                 `json:"strength"`
	Users    int                    `json:"users" doc:"Users it concerns."`
	Met      int                    `json:"met" doc:"Of them, those with a passkey that meets it."`
	Unmet    int                    `json:"unmet" doc:"Those with passkeys of which none meets it."`
	Without  int                    `json:"without" doc:"Those without a passkey."`
}

// UserImpact is what a change does to one user.
type UserImpact struct {
	ObjectID     string          `json:"object_id"`
	UPN          string          `json:"upn"`
	DisplayName  string          `json:"display_name"`
	Privileged   bool            `json:"privileged,omitempty"`
	Effects      []PolicyEffect  `json:"effects"`
	Possible     bool            `json:"possible,omitempty" doc:"May be locked out, depending on conditions that Postern does not judge."`
	OnlyMethod   Known           `json:"only_method" enum:"yes,no,unknown" doc:"Whether passkeys are the only registered method that is left to sign in with."`
	Methods      []string        `json:"methods,omitempty" doc:"Other registered methods."`
	Applications []string        `json:"applications,omitempty" doc:"Of somebody who is locked out of some applications: which."`
	Passkeys     []PasskeyImpact `json:"passkeys"`
}

// Known is an answer that may be missing.
type Known string

// The answers.
const (
	KnownYes Known = "yes"
	KnownNo  Known = "no"
	Unknown  Known = "unknown"
)

// PasskeyImpact is what a change does to one passkey.
type PasskeyImpact struct {
	MethodID string `json:"method_id"`
	Name     string `json:"name"`
	AAGUID   string `json:"aaguid"`
	Model    string `json:"model"`
	Managed  bool   `json:"managed,omitempty"`
	Before   bool   `json:"before" doc:"Signs in today."`
	After    bool   `json:"after" doc:"Will sign in."`
	Why      string `json:"why,omitempty" doc:"What refuses it, in words."`
}

// ImpactQuery chooses users of an impact, the worst effects first.
type ImpactQuery struct {
	Effect     PolicyEffect // "" for all
	Privileged bool
	OnlyMethod bool
	Offset     int
	Limit      int // at most 1000; 0 means 100
}
