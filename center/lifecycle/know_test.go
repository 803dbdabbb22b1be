package lifecycle_test

import (
	"testing"

	"github.com/postern/postern"
)

// TestInvitationLearnsRoles invites somebody who holds a privileged role, new and known already: approvals go by what is
// stored of it.
func TestInvitationLearnsRoles(t *testing.T) {
	w := newWorld(t, nil)
	holders, err := w.tenant().PrivilegedUsers(t.Context())
	w.must(err)
	tried := 0
	for n, who := range w.people {
		if len(holders[who.ObjectID]) == 0 {
			continue
		}
		if tried++; tried == 2 { // known since before there were roles
			if u := w.know(n, postern.PhaseEligible); u.Privileged {
				t.Fatalf("%+v", u)
			}
		}
		created, err := w.users.Invite(t.Context(), w.id, postern.InvitationInput{User: who.UPN})
		w.must(err)
		u, err := w.store.User(t.Context(), created.User.ID)
		w.must(err)
		if !u.Privileged || len(u.Roles) == 0 || !created.User.Privileged || u.Account != postern.AccountEnabled {
			t.Errorf("%+v", u)
		}
	}
	if tried < 2 {
		t.Fatalf("the tenant has %d people with privileged roles", tried)
	}
}
