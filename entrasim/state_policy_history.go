package entrasim

import (
	"maps"
	"time"
)

// policyVersion is what all policies were until a write.
type policyVersion struct {
	until   time.Time
	methods MethodsPolicy
	access  ConditionalAccess
}

// maxPolicyVersions bounds what is kept for the lever that delays reads; beyond it the oldest reads catch up early.
const maxPolicyVersions = 1000

// keepShown remembers the policies as they are, for reads that must not see the change that follows. The caller holds the
// lock for writing.
func (t *Tenant) keepShown() {
	delay := time.Duration(t.srv.Levers().PolicyDelay)
	if delay <= 0 {
		t.shownBefore = nil
		return
	}
	now, old := t.now(), 0
	for old < len(t.shownBefore) && (!now.Before(t.shownBefore[old].until.Add(delay)) || len(t.shownBefore)-old >= maxPolicyVersions) {
		old++
	}
	t.shownBefore = append(t.shownBefore[old:len(t.shownBefore):len(t.shownBefore)], policyVersion{
		until: now, methods: t.Policy, access: ConditionalAccess{Strengths: maps.Clone(t.CA.Strengths), Policies: maps.Clone(t.CA.Policies)},
	})
}

// shownPolicies are the policies as reads show them; sign-in and registration go by t.Policy and t.CA. The caller holds the
// lock and changes nothing of the answer.
func (t *Tenant) shownPolicies() (*MethodsPolicy, *ConditionalAccess) {
	delay, now := time.Duration(t.srv.Levers().PolicyDelay), t.now()
	for i := range t.shownBefore {
		if v := &t.shownBefore[i]; now.Before(v.until.Add(delay)) {
			return &v.methods, &v.access
		}
	}
	return &t.Policy, &t.CA
}
