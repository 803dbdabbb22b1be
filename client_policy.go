//go:build !js

package postern

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
)

// Policy reads the passkey policy of a tenant, as Entra tells it now.
func (c *Client) Policy(ctx context.Context, id IntegrationID) (PolicyReading, error) {
	return get[PolicyReading](ctx, c, http.MethodGet, under("integrations", string(id), "policy"), nil)
}

// ExportPolicy writes the policy of a tenant as a document.
func (c *Client) ExportPolicy(ctx context.Context, id IntegrationID) (PolicyDocument, error) {
	return get[PolicyDocument](ctx, c, http.MethodGet, under("integrations", string(id), "policy", "document"), nil)
}

// Strengths lists the authentication strengths of a tenant with the Conditional Access policies that demand them.
func (c *Client) Strengths(ctx context.Context, id IntegrationID) ([]StrengthUse, error) {
	p, err := get[Page[StrengthUse]](ctx, c, http.MethodGet, under("integrations", string(id), "policy", "strengths"), nil)
	return p.Items, err
}

// PlanPolicy says what a document would change. The plan is [PolicyPlanning] until whom it concerns is worked out.
func (c *Client) PlanPolicy(ctx context.Context, id IntegrationID, in PolicyPlanInput) (PolicyPlan, error) {
	return get[PolicyPlan](ctx, c, http.MethodPost, under("integrations", string(id), "policy", "plans"), in)
}

// PolicyPlans lists the newest plans, newest first, without the policies before and after.
func (c *Client) PolicyPlans(ctx context.Context, id IntegrationID) ([]PolicyPlan, error) {
	p, err := get[Page[PolicyPlan]](ctx, c, http.MethodGet, under("integrations", string(id), "policy", "plans"), nil)
	return p.Items, err
}

// PolicyPlan returns one plan.
func (c *Client) PolicyPlan(ctx context.Context, id PolicyPlanID) (PolicyPlan, error) {
	return get[PolicyPlan](ctx, c, http.MethodGet, under("policy-plans", string(id)), nil)
}

// PolicyImpact lists one page of the users whom a plan concerns, at most 500, the worst effects first.
func (c *Client) PolicyImpact(ctx context.Context, id PolicyPlanID, q ImpactQuery) (InventoryPage[UserImpact], error) {
	v := url.Values{}
	if q.Effect != "" {
		v.Set("effect", string(q.Effect))
	}
	if q.Privileged {
		v.Set("privileged", "true")
	}
	if q.OnlyMethod {
		v.Set("only_method", "true")
	}
	if q.Offset > 0 {
		v.Set("page", strconv.Itoa(q.Offset))
	}
	if q.Limit > 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	var page InventoryPage[UserImpact]
	err := c.call(ctx, http.MethodGet, under("policy-plans", string(id), "impact"), v, nil, &page)
	return page, err
}

// WritePolicyImpact streams everybody whom a plan concerns to w as CSV.
func (c *Client) WritePolicyImpact(ctx context.Context, id PolicyPlanID, w io.Writer) error {
	answer, err := c.send(ctx, http.MethodGet, under("policy-plans", string(id), "impact", "export"), nil, nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(w, answer.Body); err != nil {
		return Errorf(CodeUnavailable, "The export broke off before its end.").WithNext("Export again.").Because(err)
	}
	return nil
}

// ApplyPolicyPlan has a plan applied. Watch it with [Client.PolicyPlan].
func (c *Client) ApplyPolicyPlan(ctx context.Context, id PolicyPlanID, in PolicyApplyInput) (PolicyPlan, error) {
	return get[PolicyPlan](ctx, c, http.MethodPost, under("policy-plans", string(id), "apply"), in)
}

// UndoPolicyPlan makes a plan that takes back what another one changed.
func (c *Client) UndoPolicyPlan(ctx context.Context, id PolicyPlanID, in PolicyNoteInput) (PolicyPlan, error) {
	return get[PolicyPlan](ctx, c, http.MethodPost, under("policy-plans", string(id), "undo"), in)
}

// PolicyDrift says what others changed in a tenant's policy, as found at the last look.
func (c *Client) PolicyDrift(ctx context.Context, id IntegrationID) (PolicyDrift, error) {
	return get[PolicyDrift](ctx, c, http.MethodGet, under("integrations", string(id), "policy", "drift"), nil)
}

// SetPolicyDrift changes how often a tenant's policy is looked at.
func (c *Client) SetPolicyDrift(ctx context.Context, id IntegrationID, in PolicyDriftInput) (PolicyDrift, error) {
	return get[PolicyDrift](ctx, c, http.MethodPut, under("integrations", string(id), "policy", "drift"), in)
}

// CheckPolicyDrift looks now whether others changed a tenant's policy.
func (c *Client) CheckPolicyDrift(ctx context.Context, id IntegrationID) (PolicyDrift, error) {
	return get[PolicyDrift](ctx, c, http.MethodPost, under("integrations", string(id), "policy", "drift", "check"), nil)
}

// AcceptPolicyDrift accepts a tenant's policy as it is.
func (c *Client) AcceptPolicyDrift(ctx context.Context, id IntegrationID, in PolicyNoteInput) (PolicyDrift, error) {
	return get[PolicyDrift](ctx, c, http.MethodPost, under("integrations", string(id), "policy", "drift", "accept"), in)
}

// PlanPolicyBack makes a plan that takes back what others changed.
func (c *Client) PlanPolicyBack(ctx context.Context, id IntegrationID, in PolicyNoteInput) (PolicyPlan, error) {
	return get[PolicyPlan](ctx, c, http.MethodPost, under("integrations", string(id), "policy", "drift", "plan"), in)
}
