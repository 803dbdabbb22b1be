package web

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/postern/postern"
)

// Policies is what the console needs of package policy.
type Policies interface {
	Tenant(ctx context.Context, id postern.IntegrationID) (postern.TenantPolicy, []postern.PolicyNote, error)
	Export(ctx context.Context, id postern.IntegrationID) (string, error)
	Plan(ctx context.Context, id postern.IntegrationID, in postern.PolicyPlanInput) (postern.PolicyPlan, error)
	PlanOf(ctx context.Context, id postern.PolicyPlanID) (postern.PolicyPlan, error)
	Plans(ctx context.Context, id postern.IntegrationID, limit int) ([]postern.PolicyPlan, error)
	Impact(ctx context.Context, id postern.PolicyPlanID, q postern.ImpactQuery) ([]postern.UserImpact, int, error)
	ImpactCSV(ctx context.Context, id postern.PolicyPlanID, w io.Writer) error
	Apply(ctx context.Context, id postern.PolicyPlanID, in postern.PolicyApplyInput) (postern.PolicyPlan, error)
	Undo(ctx context.Context, id postern.PolicyPlanID, note string) (postern.PolicyPlan, error)
	Drift(ctx context.Context, id postern.IntegrationID) (postern.PolicyDrift, error)
	SetDrift(ctx context.Context, id postern.IntegrationID, in postern.PolicyDriftInput) (postern.PolicyDrift, error)
	CheckDrift(ctx context.Context, id postern.IntegrationID) (postern.PolicyDrift, error)
	PlanBack(ctx context.Context, id postern.IntegrationID, note string) (postern.PolicyPlan, error)
	Accept(ctx context.Context, id postern.IntegrationID, note string) (postern.PolicyDrift, error)
}

// policyFrame is the frame of the pages of the Passkey policy tab.
type policyFrame struct {
	integrationFrame
	Part policyPart
}

// policyPart is one of the pages of the tab.
type policyPart string

const (
	partSettings  policyPart = "Settings"
	partPlans     policyPart = "Plans"
	partStrengths policyPart = "Strengths"
	partDrift     policyPart = "Drift"
)

func policyPath(id postern.IntegrationID) string { return integrationPath(id) + "/policy" }

// parts lists the pages of the tab.
func (f policyFrame) parts() []navItem {
	base := policyPath(f.Integration.ID)
	items := []navItem{
		{Name: string(partSettings), Path: base},
		{Name: string(partPlans), Path: base + "/plans"},
		{Name: string(partStrengths), Path: base + "/strengths"},
		{Name: string(partDrift), Path: base + "/drift"},
	}
	for n := range items {
		items[n].Here = items[n].Name == string(f.Part)
	}
	return items
}

// mayChange reports whether the person sees what changes a policy.
func (f policyFrame) mayChange() bool { return f.May(postern.PermPolicyWrite) }

func (c *console) policyFrame(r *http.Request, part policyPart) (policyFrame, error) {
	i, err := c.integration(r)
	if err != nil {
		return policyFrame{}, err
	}
	f := policyFrame{integrationFrame: c.integrationFrame(r, i, tabPolicy), Part: part}
	f.frame.Title = i.ApplicationName + ": Passkey policy, " + strings.ToLower(string(part))
	return f, nil
}

// policyPage is what the tenant has now.
type policyPage struct {
	policyFrame
	Policy   postern.TenantPolicy
	Notes    []postern.PolicyNote
	Use      inUse
	Models   modelNames
	Drift    postern.PolicyDrift
	Problems problems // why Entra does not tell the policy
}

// inUse is what the inventory knows of the models of a tenant's passkeys.
type inUse struct {
	Known   bool // somebody was looked at
	Summary postern.InventorySummary
	Models  map[string]postern.InventoryModel
}

func usage(s postern.InventorySummary, state postern.InventoryState) inUse {
	u := inUse{Known: state != postern.InventoryNever, Summary: s, Models: make(map[string]postern.InventoryModel)}
	for _, m := range s.Models {
		u.Models[m.AAGUID] = m
	}
	return u
}

// most is the largest number of passkeys of one model, to draw bars by.
func (u inUse) most() int {
	most := 1
	for _, m := range u.Summary.Models {
		most = max(most, m.Passkeys)
	}
	return most
}

// modelNames finds what is known of a model.
type modelNames func(aaguid string) (postern.Model, bool)

func (f modelNames) name(aaguid string) string {
	if m, ok := f(aaguid); ok {
		return m.Name
	}
	return "Unknown model"
}

// on returns the notes about one of the fields, or about fields below them.
func (p policyPage) on(fields ...string) []postern.PolicyNote { return notesOn(p.Notes, fields...) }

func notesOn(notes []postern.PolicyNote, fields ...string) []postern.PolicyNote {
	var found []postern.PolicyNote
	for _, n := range notes {
		for _, f := range fields {
			if n.Field == f || f != "" && (strings.HasPrefix(n.Field, f+".") || strings.HasPrefix(n.Field, f+"[")) {
				found = append(found, n)
				break
			}
		}
	}
	return found
}

// notesExactly returns the notes about a field itself, without those about what is below it.
func notesExactly(notes []postern.PolicyNote, field string) []postern.PolicyNote {
	return slices.DeleteFunc(notesOn(notes, field), func(n postern.PolicyNote) bool { return n.Field != field })
}

// ofProfile returns the notes about a profile.
func (p policyPage) ofProfile(name string, fields ...string) []postern.PolicyNote {
	at := "profiles[" + name + "]"
	for n := range fields {
		fields[n] = at + "." + fields[n]
	}
	return notesOn(p.Notes, fields...)
}

// general are the notes that belong to no setting of the page. What is not urgent stands with the explanations below.
func (p policyPage) general(urgent bool) []postern.PolicyNote {
	var found []postern.PolicyNote
	for _, n := range p.Notes {
		if (n.Level != postern.PolicyNoteInfo) == urgent &&
			len(notesOn([]postern.PolicyNote{n}, "state", "self_service", "enforce_attestation", "restrictions", "profiles", "targets", "conditional_access", "strengths")) == 0 {
			found = append(found, n)
		}
	}
	return found
}

// deviations are the notes that say that a setting differs from the supported configuration.
func (p policyPage) deviations() []postern.PolicyNote {
	var found []postern.PolicyNote
	for _, n := range p.Notes {
		if n.Deviation {
			found = append(found, n)
		}
	}
	return found
}

// usageOf reads what the inventory counts; somebody who may not see users sees no counts.
func (c *console) usageOf(r *http.Request, f frame, id postern.IntegrationID) (inUse, error) {
	if !f.May(postern.PermUsersRead) {
		return usage(postern.InventorySummary{}, postern.InventoryNever), nil
	}
	status, err := c.Inventory.Status(r.Context(), id)
	if err != nil {
		return inUse{}, err
	}
	summary, err := c.Inventory.Summary(r.Context(), id)
	return usage(summary, status.State), err
}

func (c *console) tenantPolicy(w http.ResponseWriter, r *http.Request) error {
	f, err := c.policyFrame(r, partSettings)
	if err != nil {
		return err
	}
	p := policyPage{policyFrame: f}
	p.Policy, p.Notes, err = c.Policies.Tenant(r.Context(), f.Integration.ID)
	if p.Problems = problemsOf(err); err != nil {
		return c.show(w, r, statusOf(p.Problems), policySettings(p))
	}
	list, err := c.Models.List(r.Context())
	if err != nil {
		return err
	}
	p.Models = list.Model
	if p.Use, err = c.usageOf(r, f.frame, f.Integration.ID); err != nil {
		return err
	}
	if p.Drift, err = c.Policies.Drift(r.Context(), f.Integration.ID); err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, policySettings(p))
}
