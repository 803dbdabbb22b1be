package rest_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/postern/postern"
)

type policies struct{ *domain }

func somePlan(id postern.PolicyPlanID) postern.PolicyPlan {
	return postern.PolicyPlan{
		ID: id, Version: 3, State: postern.PolicyPlanned, Steps: []postern.PolicyStep{}, Notes: []postern.PolicyNote{}, Before: somePolicyRead, After: somePolicyRead,
		Impact: postern.PolicyImpact{Effects: map[postern.PolicyEffect]int{}, Models: []postern.ModelImpact{}, Demands: []postern.StrengthDemand{}},
	}
}

var somePolicyRead = postern.TenantPolicy{
	Passkeys: postern.PasskeyPolicy{
		Schema: postern.PolicySchemaTenant, KeyRestrictions: postern.KeyRestrictions{AAGUIDs: []string{}}, Include: []postern.PolicyTarget{}, Exclude: []postern.PolicyTarget{},
	},
	Strengths: []postern.AuthenticationStrength{}, ConditionalAccess: []postern.ConditionalAccessPolicy{},
}

func someDrift(id postern.IntegrationID) postern.PolicyDrift {
	return postern.PolicyDrift{IntegrationID: id, Steps: []postern.PolicyStep{}, IntervalS: 900}
}

func (d policies) Tenant(_ context.Context, id postern.IntegrationID) (postern.TenantPolicy, []postern.PolicyNote, error) {
	return somePolicyRead, nil, d.call("Tenant", id)
}

func (d policies) Export(_ context.Context, id postern.IntegrationID) (string, error) {
	return "version: 1\n", d.call("Export", id)
}

func (d policies) Strengths(_ context.Context, id postern.IntegrationID) ([]postern.StrengthUse, error) {
	return []postern.StrengthUse{{Strength: postern.AuthenticationStrength{ID: "s", Combinations: []string{"fido2"}}, Policies: []postern.StrengthUser{}}}, d.call("Strengths", id)
}

func (d policies) Plan(_ context.Context, id postern.IntegrationID, in postern.PolicyPlanInput) (postern.PolicyPlan, error) {
	return somePlan("pol_1"), d.call("Plan", in)
}

func (d policies) PlanOf(_ context.Context, id postern.PolicyPlanID) (postern.PolicyPlan, error) {
	return somePlan(id), d.call("PlanOf", id)
}

func (d policies) Plans(_ context.Context, id postern.IntegrationID, limit int) ([]postern.PolicyPlan, error) {
	return []postern.PolicyPlan{somePlan("pol_1")}, d.call("Plans", limit)
}

func (d policies) Impact(_ context.Context, _ postern.PolicyPlanID, q postern.ImpactQuery) ([]postern.UserImpact, int, error) {
	return []postern.UserImpact{{ObjectID: "o", Effects: []postern.PolicyEffect{postern.EffectLockedOut}, OnlyMethod: postern.Unknown, Passkeys: []postern.PasskeyImpact{}}}, 3, d.call("Impact", q)
}

func (d policies) ImpactCSV(_ context.Context, id postern.PolicyPlanID, w io.Writer) error {
	if _, err := io.WriteString(w, "user_principal_name\r\n"); err != nil {
		return err
	}
	return d.call("ImpactCSV", id)
}

func (d policies) Apply(_ context.Context, id postern.PolicyPlanID, in postern.PolicyApplyInput) (postern.PolicyPlan, error) {
	return somePlan(id), d.call("Apply", in)
}

func (d policies) Undo(_ context.Context, id postern.PolicyPlanID, note string) (postern.PolicyPlan, error) {
	return somePlan("pol_2"), d.call("Undo", note)
}

func (d policies) Drift(_ context.Context, id postern.IntegrationID) (postern.PolicyDrift, error) {
	return someDrift(id), d.call("Drift", id)
}

func (d policies) SetDrift(_ context.Context, id postern.IntegrationID, in postern.PolicyDriftInput) (postern.PolicyDrift, error) {
	return someDrift(id), d.call("SetDrift", in)
}

func (d policies) CheckDrift(_ context.Context, id postern.IntegrationID) (postern.PolicyDrift, error) {
	return someDrift(id), d.call("CheckDrift", id)
}

func (d policies) Accept(_ context.Context, id postern.IntegrationID, note string) (postern.PolicyDrift, error) {
	return someDrift(id), d.call("Accept", note)
}

func (d policies) PlanBack(_ context.Context, _ postern.IntegrationID, note string) (postern.PolicyPlan, error) {
	return somePlan("pol_3"), d.call("PlanBack", note)
}

func TestPolicyImpactPages(t *testing.T) {
	h := newHouse(t)
	c := h.client(postern.PermUsersRead)
	for offset, next := range map[int]string{0: "1", 1: "2", 2: ""} {
		page, err := c.PolicyImpact(t.Context(), "pol_1", postern.ImpactQuery{Effect: postern.EffectLockedOut, Privileged: true, OnlyMethod: true, Offset: offset, Limit: 1})
		if err != nil || page.Total != 3 || page.Next != next || len(page.Items) != 1 {
			t.Errorf("from %d: %+v %v", offset, page, err)
		}
	}
	var csv strings.Builder
	if err := c.WritePolicyImpact(t.Context(), "pol_1", &csv); err != nil || csv.String() != "user_principal_name\r\n" {
		t.Errorf("%q %v", csv.String(), err)
	}
	h.domain.fail = postern.Errorf(postern.CodeNotFound, "")
	if err := c.WritePolicyImpact(t.Context(), "pol_9", &csv); !postern.IsCode(err, postern.CodeNotFound) {
		t.Errorf("of a plan that is not there: %v", err)
	}
}

// TestPolicyBodies: thousands of names and a whole document get through, and nobody sends as much without saying who they are.
func TestPolicyBodies(t *testing.T) {
	h := newHouse(t)
	c := h.client(postern.PermPolicyWrite)
	names := make([]string, 20000)
	for n := range names {
		names[n] = strings.Repeat("n", 40) + "@contoso.com"
	}
	if _, err := c.ApplyPolicyPlan(t.Context(), "pol_1", postern.PolicyApplyInput{Version: 3, LockOut: names, Unknown: true}); err != nil {
		t.Error(err)
	}
	if in := h.domain.last.(postern.PolicyApplyInput); in.Version != 3 || !in.Unknown || len(in.LockOut) != len(names) {
		t.Errorf("%d names, version %d", len(in.LockOut), in.Version)
	}
	if _, err := c.PlanPolicy(t.Context(), "int_1", postern.PolicyPlanInput{Document: strings.Repeat("#\n", 128<<10)}); err != nil {
		t.Error(err)
	}
	if _, err := c.ApplyPolicyPlan(t.Context(), "pol_1", postern.PolicyApplyInput{}); !postern.IsCode(err, postern.CodeInvalid) {
		t.Errorf("without a version: %v", err)
	}
	reader := h.client(postern.PermPolicyRead)
	if _, err := reader.ApplyPolicyPlan(t.Context(), "pol_1", postern.PolicyApplyInput{Version: 3}); !postern.IsCode(err, postern.CodeForbidden) {
		t.Errorf("a reader: %v", err)
	}
	r, err := http.Post(c.BaseURL+postern.APIPath+"/policy-plans/pol_1/apply", "application/json", strings.NewReader(strings.Repeat(" ", 1<<20)))
	if err != nil {
		t.Fatal(err)
	}
	if r.Body.Close(); r.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a stranger with a large body: %s", r.Status)
	}
}
