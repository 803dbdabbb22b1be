package rest_test

import (
	"context"
	"net/http"
	"slices"
	"testing"

	"github.com/postern/postern"
)

type enrolments struct{ *domain }

var somePolicy = postern.EnrolmentPolicy{
	Version: 4, Rules: []postern.EnrolmentRule{{GroupID: "b6f1a2f0-0000-4000-8000-000000000001", Mode: postern.EnrolmentMandatory}},
	Default: postern.EnrolmentOff, Proofs: []postern.Proof{postern.ProofCode, postern.ProofSignIn},
}

func (d enrolments) Policy(_ context.Context, id postern.IntegrationID) (postern.EnrolmentPolicy, error) {
	return somePolicy, d.call("Policy", id)
}

func (d enrolments) SetPolicy(_ context.Context, _ postern.IntegrationID, in postern.EnrolmentPolicyInput) (postern.EnrolmentPolicy, error) {
	return in.EnrolmentPolicy, d.call("SetPolicy", in)
}

func (d enrolments) Impact(_ context.Context, _ postern.IntegrationID, p postern.EnrolmentPolicy) (postern.EnrolmentImpact, error) {
	return postern.EnrolmentImpact{Rules: []postern.RuleImpact{}}, d.call("Impact", p)
}

func (d enrolments) Groups(_ context.Context, _ postern.IntegrationID, query string, _ int) ([]postern.GroupChoice, error) {
	return []postern.GroupChoice{{ID: "g", Name: "Sales"}}, d.call("Groups", query)
}

func (d enrolments) Approvals(_ context.Context, id postern.IntegrationID) ([]postern.AwaitedApproval, error) {
	return nil, d.call("Approvals", id)
}

func (d enrolments) Approval(_ context.Context, id postern.PhoneID) (postern.AwaitedApproval, error) {
	return postern.AwaitedApproval{}, d.call("Approval", id)
}

func (d enrolments) SignInOffer(_ context.Context, id postern.IntegrationID) (postern.SignInOffer, error) {
	return postern.SignInOffer{IntegrationID: id, ApplicationName: "Postern"}, d.call("SignInOffer", id)
}

func (d enrolments) BeginEnrolment(_ context.Context, in postern.SignInInput) (postern.SignInStart, error) {
	return postern.SignInStart{URL: "https://login.example.com/", Number: "417"}, d.call("BeginEnrolment", in)
}

func (d enrolments) Approve(_ context.Context, _ postern.PhoneID, in postern.ApprovalInput) (postern.AwaitedApproval, error) {
	return postern.AwaitedApproval{}, d.call("Approve", in.Reason)
}

func (d enrolments) Reject(_ context.Context, _ postern.PhoneID, in postern.ApprovalInput) (postern.Phone, error) {
	return postern.Phone{}, d.call("Reject", in.Reason)
}

func (d enrolments) SignIn(_ context.Context, p postern.Phone, language string) (postern.SignInStart, error) {
	return postern.SignInStart{URL: "https://login.example.com/"}, d.call("SignIn", string(p.ID)+" "+language)
}

func (d passkeys) BeginOwn(_ context.Context, p postern.Phone) (postern.Provisioning, bool, error) {
	return postern.Provisioning{ID: "prv_1"}, d.created, d.call("BeginOwn", p.ID)
}

func TestEnrolmentRoutes(t *testing.T) {
	h := newHouse(t)
	c := h.client(postern.PermIntegrationsRead, postern.PermIntegrationsWrite, postern.PermUsersApprove)
	in := postern.EnrolmentPolicyInput{EnrolmentPolicy: somePolicy, AcknowledgedHit: 3}
	if _, err := c.SetEnrolmentPolicy(t.Context(), "int_1", in); err != nil {
		t.Fatal(err)
	}
	if got, ok := h.domain.last.(postern.EnrolmentPolicyInput); !ok || got.AcknowledgedHit != 3 || got.Version != 4 || !slices.Equal(got.Rules, somePolicy.Rules) || !slices.Equal(got.Proofs, somePolicy.Proofs) {
		t.Fatalf("the service was told %+v", h.domain.last)
	}
	if _, err := c.RejectPhone(t.Context(), "phn_1", postern.ApprovalInput{}); !postern.IsCode(err, postern.CodeInvalid) {
		t.Fatalf("a rejection without a reason: %v", err)
	}
	if _, err := c.ApprovePhone(t.Context(), "phn_1", postern.ApprovalInput{Reason: "Known by voice."}); err != nil || h.domain.last != "Known by voice." {
		t.Fatalf("told %v, %v", h.domain.last, err)
	}
	if _, err := h.client(postern.PermUsersRead, postern.PermUsersInvite).ApprovePhone(t.Context(), "phn_1", postern.ApprovalInput{Reason: "x"}); !postern.IsCode(err, postern.CodeForbidden) {
		t.Fatalf("approved without the permission: %v", err)
	}
}

func TestBeginOwnSignIn(t *testing.T) {
	h := newHouse(t)
	wantStatus(t, h.send(http.MethodPost, "/phone/v1/proofs/sign-in?language=de", "", signed()), http.StatusOK)
	if h.domain.last != "phn_1 de" {
		t.Fatalf("the service was told %q", h.domain.last)
	}
}
