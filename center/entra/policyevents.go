package entra

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/postern/postern"
)

var opPolicyEvents = operation{name: "directoryAudits.policies", doing: "see who changed policies", needs: readReports, lane: laneReports, repeatable: true}

// policyServices are the services that log changes of the policies Postern reads.
var policyServices = []string{"Authentication Methods", "Conditional Access"}

type policyAuditWire struct {
	Correlation string    `json:"correlationId"`
	At          time.Time `json:"activityDateTime"`
	Activity    string    `json:"activityDisplayName"`
	Result      string    `json:"result"`
	By          struct {
		User *struct {
			ID      string `json:"id"`
			Name    string `json:"displayName"`
			UPN     string `json:"userPrincipalName"`
			Address string `json:"ipAddress"`
		} `json:"user"`
		App *struct {
			ID   string `json:"appId"`
			SPID string `json:"servicePrincipalId"`
			Name string `json:"displayName"`
		} `json:"app"`
	} `json:"initiatedBy"`
}

// PolicyEvents lists from the tenant's audit log who changed the authentication methods policy, strengths and Conditional
// Access policies since a time, newest first. One act of several events is told once.
//
// Where the application may not read the log, or the tenant has no licence for it, the error is CodeEntraPermission or
// CodeEntraLicence.
func (t *Tenant) PolicyEvents(ctx context.Context, since time.Time) ([]postern.PolicyEditor, error) {
	if err := t.mayReadReports(ctx, opPolicyEvents); err != nil {
		return nil, err
	}
	var all []postern.PolicyEditor
	seen := make(map[string]bool)
	for _, service := range policyServices {
		c := call{op: opPolicyEvents, method: http.MethodGet, path: "/auditLogs/directoryAudits", on: object{kind: "audit log"}, query: query{
			{"$filter", "loggedByService eq " + literal(service) + " and activityDateTime ge " + since.UTC().Format(time.RFC3339)},
			{"$top", "1000"},
		}}
		for e, err := range each[policyAuditWire](ctx, t, c) {
			if err != nil {
				return nil, err
			}
			if !strings.EqualFold(e.Result, "success") || !aboutPolicies(e.Activity) || e.Correlation != "" && seen[e.Correlation] {
				continue
			}
			seen[e.Correlation] = true
			all = append(all, t.editor(e))
		}
	}
	slices.SortStableFunc(all, func(a, b postern.PolicyEditor) int { return b.At.Compare(a.At) })
	return all, nil
}

func (t *Tenant) editor(e policyAuditWire) postern.PolicyEditor {
	out := postern.PolicyEditor{At: e.At.UTC(), Activity: t.tidy(e.Activity)}
	switch {
	case e.By.User != nil && (e.By.User.ID != "" || e.By.User.UPN != ""):
		out.Name, out.ID, out.Address = t.tidy(e.By.User.UPN), lowerID(t.tidy(e.By.User.ID)), t.tidy(e.By.User.Address)
		if out.Name == "" {
			out.Name = t.tidy(e.By.User.Name)
		}
	case e.By.App != nil:
		out.App, out.Name, out.ID = true, t.tidy(e.By.App.Name), lowerID(t.tidy(e.By.App.ID))
		if out.ID == "" {
			out.ID = lowerID(t.tidy(e.By.App.SPID))
		}
	}
	return out
}

// aboutPolicies tells changes of policies from what else these services log: registrations, and named locations.
func aboutPolicies(activity string) bool {
	activity = strings.ToLower(activity)
	return strings.HasPrefix(activity, "authentication methods policy") || strings.HasPrefix(activity, "authentication strength") ||
		strings.Contains(activity, "conditional access policy")
}
