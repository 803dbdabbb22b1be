package plan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern/postern"
	"github.com/postern/postern/center/policy/plan"
)

// keys lists the notes that are more than information, as level, key and field, with a star for deviations.
func keys(notes []postern.PolicyNote) []string {
	all := []string{}
	for _, n := range notes {
		if n.Level != postern.PolicyNoteInfo {
			star := ""
			if n.Deviation {
				star = "*"
			}
			all = append(all, string(n.Level)+" "+n.Key+star+" "+n.Field)
		}
	}
	return all
}

func TestNotes(t *testing.T) {
	for name, c := range map[string]struct {
		before func() postern.TenantPolicy
		change func(p *postern.TenantPolicy)
		want   []string
	}{
		"as it should be": {tenant, func(*postern.TenantPolicy) {}, []string{}},
		"off": {tenant, func(p *postern.TenantPolicy) { p.Passkeys.Enabled, p.Passkeys.SelfService = false, false }, []string{
			"danger method_off* state", "danger self_service_off* self_service",
		}},
		"few": {tenant, func(p *postern.TenantPolicy) { p.Passkeys.Include[0].ID = pilot }, []string{"warning not_all_users* targets.include"}},
		"nobody": {tenant, func(p *postern.TenantPolicy) { p.Passkeys.Include = nil }, []string{
			"danger nobody_targeted* targets.include",
		}},
		"all excluded": {tenant, func(p *postern.TenantPolicy) { p.Passkeys.Exclude = p.Passkeys.Include }, []string{
			"danger excluded targets.exclude", "warning target_excluded targets.include[all users]",
		}},
		"attestation": {tenant, func(p *postern.TenantPolicy) { p.Passkeys.AttestationEnforced = true }, []string{
			"danger attestation_postern* enforce_attestation", "warning attestation_synced enforce_attestation",
		}},
		"attestation where another profile does without": {profiled, func(p *postern.TenantPolicy) {}, []string{
			"warning restrictions_off* profiles[Default passkey profile].restrictions.enforce",
			"warning attestation_synced profiles[Keys only].enforce_attestation",
		}},
		"restrictions off with a list": {tenant, func(p *postern.TenantPolicy) { p.Passkeys.KeyRestrictions.Enforced = false }, []string{
			"warning restrictions_off* restrictions.enforce", "warning restrictions_off_leftover restrictions.models",
		}},
		"nothing allowed": {tenant, func(p *postern.TenantPolicy) { p.Passkeys.KeyRestrictions.AAGUIDs = nil }, []string{"danger nothing_allowed* restrictions.models"}},
		"without Postern": {tenant, func(p *postern.TenantPolicy) { p.Passkeys.KeyRestrictions.AAGUIDs = []string{android, ios} }, []string{"danger postern_not_allowed* restrictions.models"}},
		"half": {tenant, func(p *postern.TenantPolicy) {
			p.Passkeys.KeyRestrictions.AAGUIDs = []string{posternModel, strings.ToUpper(android)}
		}, []string{"warning authenticator_half* restrictions.models"}},
		"Postern blocked": {tenant, func(p *postern.TenantPolicy) {
			p.Passkeys.KeyRestrictions = postern.KeyRestrictions{Enforced: true, Block: true, AAGUIDs: []string{posternModel}}
		}, []string{"danger postern_blocked* restrictions.models", "warning restrictions_block* restrictions.type"}},
		"synced only": {profiled, func(p *postern.TenantPolicy) {
			p.Passkeys.Profiles[0].DeviceBound, p.Passkeys.Profiles[0].KeyRestrictions.Enforced = false, true
			p.Passkeys.Profiles[0].KeyRestrictions.AAGUIDs = []string{posternModel, android, ios}
		}, []string{
			"danger device_bound_off* profiles[Default passkey profile].types", "danger attestation_postern* profiles[Keys only].enforce_attestation",
			"danger postern_not_allowed* profiles[Keys only].restrictions.models", "warning attestation_synced profiles[Keys only].enforce_attestation",
		}},
		"everybody everywhere, in a loop": {tenant, func(p *postern.TenantPolicy) {
			c := &p.ConditionalAccess[0]
			c.State, c.Users, c.Applications.Include = postern.ConditionalAccessOn, postern.ConditionalAccessUsers{IncludeUsers: []string{"All"}}, []string{"All"}
		}, []string{"danger no_emergency_access conditional_access[Pilot].users.exclude", "warning registration_loop conditional_access[Pilot].strength"}},
		"a loop with a way out": {tenant, func(p *postern.TenantPolicy) {
			p.ConditionalAccess[0].Applications = postern.ConditionalAccessTargets{UserActions: []string{postern.UserActionRegister}}
			p.Strengths[1].Combinations = append(p.Strengths[1].Combinations, "temporaryAccessPassOneTime")
		}, []string{}},
		"a loop at registration": {tenant, func(p *postern.TenantPolicy) {
			p.ConditionalAccess[0].Applications = postern.ConditionalAccessTargets{UserActions: []string{postern.UserActionRegister}}
		}, []string{"warning registration_loop conditional_access[Pilot].strength"}},
		"strength without Postern": {tenant, func(p *postern.TenantPolicy) { p.Strengths[1].AAGUIDs = []string{ios} }, []string{
			"warning strength_without_postern strengths[Phones].models", "warning authenticator_half* strengths[Phones].models",
		}},
		"a policy that is off is nobody's concern": {tenant, func(p *postern.TenantPolicy) {
			p.ConditionalAccess[0].State, p.Strengths[1].AAGUIDs = postern.ConditionalAccessOff, []string{ios}
		}, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			p := c.before()
			c.change(&p)
			notes := plan.Notes(p, models)
			if diff := cmp.Diff(c.want, keys(notes)); diff != "" {
				t.Error(diff)
			}
			for _, n := range notes {
				if n.Message == "" || n.Level != postern.PolicyNoteInfo && n.Next == "" && n.Key != "excluded" {
					t.Errorf("%s has no message or next step", n.Key)
				}
				if n.Link != "" && !strings.HasPrefix(n.Link, "https://learn.microsoft.com/entra/identity/") {
					t.Errorf("%s points to %s", n.Key, n.Link)
				}
			}
		})
	}
}

// The longer explanations stand where they belong.
func TestNotesExplain(t *testing.T) {
	p := tenant()
	p.Passkeys.AttestationEnforced = true
	p.Passkeys.KeyRestrictions.AAGUIDs = append(p.Passkeys.KeyRestrictions.AAGUIDs, strange, "bada5566-a7aa-401f-bd96-45619a55120d")
	var all strings.Builder
	for _, n := range plan.Notes(p, models) {
		all.WriteString(string(n.Level) + " " + n.Key + " " + n.Field + "\n  " + n.Message + "\n  " + n.Next + "\n")
	}
	golden(t, "notes.txt", all.String())
}

// Turning a policy on without report-only is possible, and said.
func TestSkippingReportOnlyIsNoted(t *testing.T) {
	r := must(t, tenant(), "conditional_access: [{name: New, state: on, skip_report_only: true, strength: Phones, users: {include: {groups: [Pilot users]}}, applications: {include: [Payroll]}}]")
	if !slices.ContainsFunc(r.Notes, func(n postern.PolicyNote) bool { return n.Key == "report_only_skipped" }) || r.After.ConditionalAccess[1].State != postern.ConditionalAccessOn {
		t.Errorf("%+v", r.Notes)
	}
}
