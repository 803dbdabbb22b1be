//go:build !js

package postern

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
)

// EnrolmentPolicy returns who of an integration may or must enrol.
func (c *Client) EnrolmentPolicy(ctx context.Context, id IntegrationID) (EnrolmentPolicy, error) {
	return get[EnrolmentPolicy](ctx, c, http.MethodGet, under("integrations", string(id), "enrolment"), nil)
}

// SetEnrolmentPolicy replaces the policy of an integration.
func (c *Client) SetEnrolmentPolicy(ctx context.Context, id IntegrationID, in EnrolmentPolicyInput) (EnrolmentPolicy, error) {
	return get[EnrolmentPolicy](ctx, c, http.MethodPut, under("integrations", string(id), "enrolment"), in)
}

// EnrolmentImpact says what a policy would mean today.
func (c *Client) EnrolmentImpact(ctx context.Context, id IntegrationID, p EnrolmentPolicy) (EnrolmentImpact, error) {
	return get[EnrolmentImpact](ctx, c, http.MethodPost, under("integrations", string(id), "enrolment", "impact"), p)
}

// SearchGroups finds groups of the tenant by the beginning of their name. A limit of 0 means 25.
func (c *Client) SearchGroups(ctx context.Context, id IntegrationID, query string, limit int) ([]GroupChoice, error) {
	q := url.Values{}
	set(q, "query", query)
	if limit > 0 {
		q.Set("limit", strconv.Itoa(limit))
	}
	return list[GroupChoice](ctx, c, under("integrations", string(id), "groups"), q)
}

// Approvals lists the phones of an integration that wait for approval.
func (c *Client) Approvals(ctx context.Context, id IntegrationID) ([]AwaitedApproval, error) {
	return list[AwaitedApproval](ctx, c, under("integrations", string(id), "approvals"), nil)
}

// Approval returns what proves who holds a phone.
func (c *Client) Approval(ctx context.Context, id PhoneID) (AwaitedApproval, error) {
	return get[AwaitedApproval](ctx, c, http.MethodGet, under("phones", string(id), "approval"), nil)
}

// ApprovePhone vouches for the user of a phone.
func (c *Client) ApprovePhone(ctx context.Context, id PhoneID, in ApprovalInput) (AwaitedApproval, error) {
	return get[AwaitedApproval](ctx, c, http.MethodPost, under("phones", string(id), "approve"), in)
}

// RejectPhone refuses to vouch for the user of a phone, which is revoked.
func (c *Client) RejectPhone(ctx context.Context, id PhoneID, in ApprovalInput) (Phone, error) {
	return get[Phone](ctx, c, http.MethodPost, under("phones", string(id), "reject"), in)
}
