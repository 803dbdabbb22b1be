package policy

import (
	"context"
	"iter"
	"time"

	"github.com/postern/postern"
)

// Store keeps plans, whom they concern, and what drift is measured from. Methods join the transaction of ctx; what is not
// there is CodeNotFound, an outdated version CodeStale, a duplicate CodeConflict.
type Store interface {
	Atomically(ctx context.Context, do func(ctx context.Context) error) error
	AfterCommit(ctx context.Context, f func())

	PolicyPlan(ctx context.Context, id postern.PolicyPlanID) (Record, error)
	// PolicyPlans lists the newest plans, newest first.
	PolicyPlans(ctx context.Context, integration postern.IntegrationID, limit int) ([]postern.PolicyPlan, error)
	// ApplyingPolicyPlan returns the one plan of the integration that is being applied.
	ApplyingPolicyPlan(ctx context.Context, integration postern.IntegrationID) (Record, error)
	CreatePolicyPlan(ctx context.Context, r Record) error
	// UpdatePolicyPlan stores r if r.Version is still the stored one, and increments it. CodeConflict when it is to be
	// applied while another one is.
	UpdatePolicyPlan(ctx context.Context, r *Record) error
	// ForgetPolicyPlans removes the plans of an integration that were never applied, but for the newest.
	ForgetPolicyPlans(ctx context.Context, integration postern.IntegrationID, keep int) error

	// SetPolicyImpact replaces the list of users a plan concerns, which comes with the worst first.
	SetPolicyImpact(ctx context.Context, id postern.PolicyPlanID, users []postern.UserImpact) error
	// PolicyImpact returns a page of that list, and how many users the query chooses.
	PolicyImpact(ctx context.Context, id postern.PolicyPlanID, q postern.ImpactQuery) ([]postern.UserImpact, int, error)
	// EachPolicyImpact goes through the whole list.
	EachPolicyImpact(ctx context.Context, id postern.PolicyPlanID) iter.Seq2[postern.UserImpact, error]

	// PolicyWatch returns how an integration is watched; version 0 if nothing is kept yet.
	PolicyWatch(ctx context.Context, integration postern.IntegrationID) (Watch, error)
	SetPolicyWatch(ctx context.Context, w *Watch) error // increments w.Version

	// Document and SetDocument keep settings with a version.
	Document(ctx context.Context, integration postern.IntegrationID, name string) (version int64, body []byte, err error)
	SetDocument(ctx context.Context, integration postern.IntegrationID, name string, version int64, body []byte) (int64, error)
}

// Record is a plan with how far applying it has come, so that another process goes on where one died.
type Record struct {
	postern.PolicyPlan
	Progress Progress
}

// Progress is what is kept of a plan beside what people see.
type Progress struct {
	// Scope is what the plan's document manages.
	Scope Scope `json:"scope"`
	// Input is how applying was asked for; Checked says that nothing spoke against it.
	Input   postern.PolicyApplyInput `json:"input,omitzero"`
	Checked bool                     `json:"checked,omitempty"`
	// Writes are the changes at Entra, in the order in which they are made.
	Writes []Write `json:"writes,omitempty"`
	// Shown is how many of the writes were seen at Entra; Since is when the first of the others was accepted.
	Shown int       `json:"shown,omitempty"`
	Since time.Time `json:"since,omitzero"`
}

// Scope is what of a tenant's policy is managed by a document, or by all that were applied.
type Scope struct {
	// Everything: all of the passkey method, every strength, and every Conditional Access policy that demands one.
	Everything bool `json:"everything,omitempty"`
	// Method: all of the passkey method.
	Method bool `json:"method,omitempty"`
	// Fields are those of the passkey method, as documents name them.
	Fields []string `json:"fields,omitempty"`
	// Profiles, Strengths and ConditionalAccess hold ids, and names in lower case of what has no id yet.
	Profiles          []string `json:"profiles,omitempty"`
	Strengths         []string `json:"strengths,omitempty"`
	ConditionalAccess []string `json:"conditional_access,omitempty"`
}

// Watch is what drift is measured from, and what was found at the last look.
type Watch struct {
	IntegrationID postern.IntegrationID `json:"integration_id"`
	Version       int64                 `json:"-"`
	// Baseline is what the tenant should be, of what Scope manages. A zero BaselineAt says that there is none.
	BaselineAt time.Time            `json:"baseline_at,omitzero"`
	Baseline   postern.TenantPolicy `json:"baseline"`
	Scope      Scope                `json:"scope"`
	// AgreedAt is when the tenant was last as it should be.
	AgreedAt time.Time `json:"agreed_at,omitzero"`
	// Found is the tenant's policy as it is, while it differs.
	Found *postern.TenantPolicy `json:"found,omitempty"`
	Drift postern.PolicyDrift   `json:"drift"`
}
