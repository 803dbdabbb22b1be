package crash_test

import (
	"context"
	"fmt"
	"maps"
	"testing"

	"github.com/postern/postern"
)

// TestOvertaken has somebody else change the policy after a plan was accepted and before the first of its writes, which never
// comes: the control center is dead meanwhile.
func TestOvertaken(t *testing.T) {
	w := empty(t, "").play(t, 0)
	granted(w)
	w.start()
	planned(methodAndAccess)(w)
	w.die("policy.Apply has committed")
	if err := applyPlan.do(w.ctx, w); err == nil {
		t.Fatal("the plan was applied")
	}
	<-w.gone
	if !w.died() {
		t.Fatal("the control center lives")
	}
	w.portal(map[string]any{"passkeys": map[string]any{"isSelfServiceRegistrationAllowed": false}})
	others, err := policies(t.Context(), w)
	must(t, err)
	w.start()
	w.until("the end of the plan", func(ctx context.Context) error {
		p, err := w.admin.PolicyPlan(ctx, w.plan)
		if err == nil && (p.State != postern.PolicyOutdated || p.Code != postern.CodePolicyChanged || p.AppliedAt != nil) {
			err = fmt.Errorf("the plan is %s: %s %s", p.State, p.Code, p.Message)
		}
		return err
	})
	w.until("the end of the jobs", w.quiet)
	told := make(map[string]int)
	for e, err := range w.admin.AuditEvents(w.ctx, postern.AuditFilter{Target: string(w.plan)}) {
		must(t, err)
		told[e.Name]++
	}
	if want := map[string]int{"policy.planned": 1, "policy.applying": 1, "policy.refused": 1}; !maps.Equal(told, want) {
		t.Errorf("the audit trail tells %v of the plan", told)
	}
	if now, err := policies(t.Context(), w); err != nil || now != others {
		t.Errorf("the other's policy became %s, %v", now, err)
	}
}
