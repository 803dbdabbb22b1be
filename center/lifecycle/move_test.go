package lifecycle_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/postern/postern"
	"github.com/postern/postern/entrasim"
)

func TestMovesExactlyOnce(t *testing.T) {
	w := newWorld(t, nil)
	for n := range 45 {
		w.know(n, postern.PhaseEligible)
	}
	w.run()
	w.wantTrue()
	if n := w.count("user.group_moved"); n != 45 {
		t.Errorf("%d moves for 45 users", n)
	}
	for n := range 30 {
		w.know(n, []postern.Phase{postern.PhasePaired, postern.PhaseActive, postern.PhaseRevoked}[n%3])
	}
	w.run()
	w.wantTrue()
	if n := w.count("user.group_moved"); n != 75 {
		t.Errorf("%d moves, want 75", n)
	}
}

func TestVanishedUserHoldsUpNobody(t *testing.T) {
	w := newWorld(t, nil)
	var gone postern.User
	for n := range 25 {
		u := w.know(n, postern.PhaseEligible)
		if n == 7 {
			gone = u
		}
	}
	w.deleteUser(gone.ObjectID)
	w.run()
	w.wantTrue()
	u := w.user(gone.ID)
	if u.Account != postern.AccountDeleted || u.Problem == "" || u.AccountSince == nil {
		t.Errorf("%+v", u)
	}
	if len(w.members()[postern.PhaseEligible]) != 24 || !slices.Contains(w.revoked, gone.ID) {
		t.Errorf("%d members; revoked %v", len(w.members()[postern.PhaseEligible]), w.revoked)
	}
}

// TestDiesBetweenTwoPhases plays the death of the process after Entra put the user into a group and before that was
// stored, with the phase changing before the next attempt.
func TestDiesBetweenTwoPhases(t *testing.T) {
	w := newWorld(t, nil)
	u := w.know(0, postern.PhaseEligible)
	w.run()
	w.must(w.store.NoteGroupToward(t.Context(), u.ID, postern.PhasePaired))
	w.must(w.tenant().AddMembers(t.Context(), w.group(postern.PhasePaired).ID, []string{u.ObjectID}))
	w.know(0, postern.PhaseActive)
	w.run()
	w.wantTrue()
}

func TestGroupsMended(t *testing.T) {
	w := newWorld(t, nil)
	for n := range 6 {
		w.know(n, []postern.Phase{postern.PhaseEligible, postern.PhasePaired, postern.PhaseActive}[n%3])
	}
	w.run()
	check := func() []postern.GroupFinding {
		t.Helper()
		w.now = w.now.Add(time.Hour)
		found, err := w.groups.MendGroups(t.Context(), w.id)
		w.must(err)
		return found
	}
	if found := check(); len(found) != 0 {
		t.Errorf("%+v", found)
	}
	if g := w.group(postern.PhaseActive); g.Members == nil || *g.Members != 2 || g.LookedAt == nil {
		t.Errorf("%+v", g)
	}

	eligible := w.group(postern.PhaseEligible)
	w.graph("PATCH", "/v1.0/groups/"+eligible.ID, `{"displayName":"Passkey newcomers"}`)
	found := check()
	if len(found) != 1 || found[0].Kind != postern.GroupRenamed || w.group(postern.PhaseEligible).Name != "Passkey newcomers" {
		t.Errorf("%+v", found)
	}
	if found := check(); len(found) != 0 {
		t.Errorf("told twice: %+v", found)
	}

	w.graph("DELETE", "/v1.0/groups/"+eligible.ID, "")
	w.graph("POST", "/v1.0/groups", `{"displayName":"Passkey newcomers","mailEnabled":false,"mailNickname":"imposter","securityEnabled":true}`)
	found = check()
	if len(found) != 1 || found[0].Kind != postern.GroupDeleted {
		t.Errorf("%+v", found)
	}
	w.run()
	anew := w.group(postern.PhaseEligible)
	if anew.ID == eligible.ID || anew.ID == "" {
		t.Errorf("%+v", anew)
	}
	named, err := w.tenant().FindGroups(t.Context(), "Passkey newcomers")
	if err != nil || len(named) != 2 {
		t.Errorf("%d groups of that name, %v; want somebody else's and ours", len(named), err)
	}
	w.wantTrue()

	active := w.group(postern.PhaseActive)
	w.graph("PATCH", "/v1.0/groups/"+active.ID, `{"groupTypes":["DynamicMembership"],"membershipRule":"(user.department -eq \"none\")","membershipRuleProcessingState":"On"}`)
	found = check()
	if len(found) != 1 || found[0].Kind != postern.GroupDynamic || found[0].Mended || found[0].Next == "" {
		t.Fatalf("%+v", found)
	}
	w.know(0, postern.PhaseActive)
	w.know(1, postern.PhaseEligible)
	w.run()
	if u := w.know(1, postern.PhaseEligible); w.user(u.ID).GroupPhase != postern.PhaseEligible {
		t.Error("a group that cannot be changed holds up the others")
	}
	w.graph("PATCH", "/v1.0/groups/"+active.ID, `{"groupTypes":[]}`)
	found = check()
	if len(found) != 1 || found[0].Kind != postern.GroupRestored || w.group(postern.PhaseActive).Problem != "" {
		t.Errorf("%+v", found)
	}
	w.run()
	w.wantTrue()
	if problems := w.count("integration.group_stuck"); problems != 1 {
		t.Errorf("told %d times", problems)
	}
}

func TestSuspendAndResume(t *testing.T) {
	w := newWorld(t, nil)
	in := postern.InvitationInput{User: w.people[0].UPN}
	made, err := w.users.Invite(t.Context(), w.id, in)
	w.must(err)
	w.run()
	id := made.User.ID
	ctx := postern.WithActor(t.Context(), postern.Actor{Kind: postern.ActorAdministrator, Name: "Ada"})
	if _, err := w.users.Suspend(ctx, id, strings.Repeat("x", 501)); !postern.IsCode(err, postern.CodeInvalid) {
		t.Errorf("a reason of 501 characters: %v", err)
	}
	for range 2 {
		u, err := w.users.Suspend(ctx, id, "On leave.")
		if err != nil || u.Phase != postern.PhaseSuspended || u.Suspension == nil || u.Suspension.By != "Ada" || u.Suspension.Was != postern.PhaseEligible {
			t.Fatalf("%+v, %v", u, err)
		}
	}
	w.run()
	w.wantTrue()
	if n := w.count("user.suspended"); n != 1 {
		t.Errorf("audited %d times", n)
	}
	if w.count("user.sessions_ended") != 1 {
		t.Error("the sessions at Entra were not ended")
	}
	invitations, err := w.users.Invitations(t.Context(), id)
	if err != nil || len(invitations) != 1 || invitations[0].State != postern.InvitationWithdrawn {
		t.Errorf("%+v, %v", invitations, err)
	}
	if _, err := w.users.Invite(t.Context(), w.id, in); !postern.IsCode(err, postern.CodeUserSuspended) {
		t.Errorf("a suspended user is invited: %v", err)
	}
	u, err := w.users.Resume(ctx, id, "Back.")
	if err != nil || u.Phase != postern.PhaseEligible || u.Suspension != nil {
		t.Errorf("%+v, %v", u, err)
	}
	w.run()
	w.wantTrue()
}

func TestLeavers(t *testing.T) {
	disabled := func(u postern.DirectoryUser, yes bool) []postern.DirectoryChange {
		u.Enabled = !yes
		return []postern.DirectoryChange{{User: u}}
	}
	for name, c := range map[string]struct {
		policy  postern.LeaverPolicy
		happens func(w *world, who postern.DirectoryUser)
		phase   postern.Phase
		revoked bool
	}{
		"disabled": {postern.DefaultLeaverPolicy(), func(w *world, who postern.DirectoryUser) {
			w.must(w.users.DirectoryChanged(w.t.Context(), w.id, disabled(who, true)))
		}, postern.PhaseSuspended, false},
		"disabled, and enabled again": {postern.DefaultLeaverPolicy(), func(w *world, who postern.DirectoryUser) {
			w.must(w.users.DirectoryChanged(w.t.Context(), w.id, disabled(who, true)))
			w.run()
			w.must(w.users.DirectoryChanged(w.t.Context(), w.id, disabled(who, false)))
		}, postern.PhaseEligible, false},
		"enabled again within the time to wait": {postern.LeaverPolicy{Disabled: postern.LeaverRevoke, Deleted: postern.LeaverRevoke, GraceMinutes: 60}, func(w *world, who postern.DirectoryUser) {
			w.must(w.users.DirectoryChanged(w.t.Context(), w.id, disabled(who, true)))
			w.now = w.now.Add(30 * time.Minute)
			w.must(w.users.DirectoryChanged(w.t.Context(), w.id, disabled(who, false)))
		}, postern.PhaseEligible, false},
		"disabled longer than that": {postern.LeaverPolicy{Disabled: postern.LeaverRevoke, Deleted: postern.LeaverRevoke, GraceMinutes: 60}, func(w *world, who postern.DirectoryUser) {
			w.must(w.users.DirectoryChanged(w.t.Context(), w.id, disabled(who, true)))
		}, postern.PhaseEligible, true},
		"deleted": {postern.DefaultLeaverPolicy(), func(w *world, who postern.DirectoryUser) {
			w.must(w.users.DirectoryChanged(w.t.Context(), w.id, []postern.DirectoryChange{{User: who, Removed: true}}))
		}, postern.PhaseEligible, true},
		"reported": {postern.LeaverPolicy{Disabled: postern.LeaverReport, Deleted: postern.LeaverReport}, func(w *world, who postern.DirectoryUser) {
			w.must(w.users.DirectoryChanged(w.t.Context(), w.id, disabled(who, true)))
		}, postern.PhaseEligible, false},
		"suspended by a person stays so": {postern.DefaultLeaverPolicy(), func(w *world, who postern.DirectoryUser) {
			u, err := w.store.UserByObjectID(w.t.Context(), w.id, who.ObjectID)
			w.must(err)
			_, err = w.users.Suspend(w.t.Context(), u.ID, "")
			w.must(err)
			w.must(w.users.DirectoryChanged(w.t.Context(), w.id, disabled(who, true)))
			w.run()
			w.must(w.users.DirectoryChanged(w.t.Context(), w.id, disabled(who, false)))
		}, postern.PhaseSuspended, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			_, err := w.users.SetLeaverPolicy(t.Context(), w.id, c.policy)
			w.must(err)
			if _, err := w.users.SetLeaverPolicy(t.Context(), w.id, c.policy); !postern.IsCode(err, postern.CodeStale) {
				t.Errorf("an outdated policy: %v", err)
			}
			u := w.know(0, postern.PhaseEligible)
			w.run()
			c.happens(w, w.people[0])
			w.run()
			if got := w.user(u.ID); got.Phase != c.phase || slices.Contains(w.revoked, u.ID) != c.revoked {
				t.Errorf("phase %s, revoked %v, %+v", got.Phase, w.revoked, got.Suspension)
			}
		})
	}
}

// TestGroupsFollowWhateverHappens changes phases while groups are renamed and deleted and users vanish.
func TestGroupsFollowWhateverHappens(t *testing.T) {
	phases := []postern.Phase{postern.PhaseEligible, postern.PhasePaired, postern.PhaseActive, postern.PhaseSuspended, postern.PhaseRevoked}
	w := newWorld(t, func(l *entrasim.Levers) { l.MembershipDelay = entrasim.Duration(5 * time.Second) })
	vanished, deleted := make(map[int]bool), make(map[string]bool)
	rapid.Check(t, func(t *rapid.T) {
		for range rapid.IntRange(1, 12).Draw(t, "changes") {
			n := rapid.IntRange(0, 11).Draw(t, "user")
			if vanished[n] {
				continue
			}
			w.know(n, rapid.SampledFrom(phases).Draw(t, "phase"))
			switch rapid.IntRange(0, 20).Draw(t, "what else") {
			case 0:
				g := w.group(rapid.SampledFrom(phases[:3]).Draw(t, "group"))
				if g.ID != "" && !deleted[g.ID] {
					deleted[g.ID] = true
					w.graph("DELETE", "/v1.0/groups/"+g.ID, "")
					w.now = w.now.Add(time.Hour)
				}
			case 1:
				if len(vanished) < 4 {
					vanished[n] = true
					w.deleteUser(w.people[n].ObjectID)
				}
			case 2, 3, 4:
				w.run()
			}
		}
		w.now = w.now.Add(time.Hour)
		for n := range vanished {
			w.must(w.users.DirectoryChanged(context.Background(), w.id, []postern.DirectoryChange{{User: w.people[n], Removed: true}}))
		}
		for range 2 { // one look finds what is gone, and the next that all is well
			if _, err := w.groups.MendGroups(context.Background(), w.id); err != nil {
				t.Fatal(err)
			}
			w.run()
			w.now = w.now.Add(time.Hour)
		}
		w.wantTrue()
	})
}
