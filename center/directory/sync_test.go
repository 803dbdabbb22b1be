package directory_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/postern/postern"
	"github.com/postern/postern/center/directory"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/entrasim"
)

func TestFirstReadingTakesEverybody(t *testing.T) {
	w := newWorld(t, 1500, postern.PermissionsStandard) // more than one page
	if s := w.status(); s.State != postern.DirectoryNever {
		t.Fatalf("before: %+v", s)
	}
	r := w.sync()
	w.agree()
	if !r.Full || r.Changed < 1500 || w.followed.told != r.Changed {
		t.Fatalf("%+v, told %d", r, w.followed.told)
	}
	s := w.status()
	if s.State != postern.DirectoryCurrent || s.Users != len(w.truth()) || !s.RolesRead || s.FullAt == nil {
		t.Fatalf("after: %+v", s)
	}
	// The second one costs no page of users that did not change, and tells nobody anything.
	if r := w.sync(); r.Full || r.Changed != 0 || r.Removed != 0 {
		t.Fatalf("nothing changed: %+v", r)
	}
}

// TestMirrorFollowsTheDirectory plays random changes, faults and ends of tokens, and readings in between.
func TestMirrorFollowsTheDirectory(t *testing.T) {
	w := newWorld(t, 60, postern.PermissionsStandard)
	w.sync()
	made := 0
	rapid.Check(t, func(rt *rapid.T) {
		w.t = t
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			var ids []string
			for id, u := range w.truth() {
				if u.UPN != w.sim.ServiceAccount.UPN {
					ids = append(ids, id)
				}
			}
			slices.Sort(ids)
			who := "tenants/first/users/" + rapid.SampledFrom(ids).Draw(rt, "who")
			switch rapid.SampledFrom([]string{"make", "rename", "disable", "enable", "role", "no role", "guest", "delete", "expire", "fault", "fall", "late", "sync", "full"}).Draw(rt, "step") {
			case "make":
				made++
				w.control("POST", "tenants/first/users", map[string]any{"upn": fmt.Sprintf("new%d@%s", made, w.sim.Domain)})
			case "rename":
				made++
				w.control("PATCH", who, map[string]any{"upn": fmt.Sprintf("renamed%d@%s", made, w.sim.Domain)})
			case "disable":
				w.control("PATCH", who, map[string]any{"enabled": false})
			case "enable":
				w.control("PATCH", who, map[string]any{"enabled": true})
			case "role":
				w.control("PATCH", who, map[string]any{"roles": []string{"62e90394-69f5-4237-9190-012177145e10"}})
			case "no role":
				w.control("PATCH", who, map[string]any{"roles": []string{}})
			case "guest":
				w.control("PATCH", who, map[string]any{"guest": true})
			case "delete":
				if len(ids) > 20 {
					w.control("DELETE", who, nil)
				}
			case "expire":
				w.pass(8 * 24 * time.Hour) // longer than a delta token lives
			case "fault":
				w.fault(entrasim.Fault{Path: "/v1.0/users/delta", Count: 1, Status: 500, Skip: rapid.IntRange(0, 1).Draw(rt, "skip")})
				_, _ = w.directory.Sync(t.Context(), w.integration.ID)
				w.sim.Server.RemoveFaults(0)
			case "fall":
				w.followed.fail = 1
				_, err := w.directory.Sync(t.Context(), w.integration.ID)
				if err != nil && !errors.Is(err, errFollower) {
					t.Fatal(err)
				}
				w.followed.fail = 0
			case "late":
				l := w.sim.Server.Levers()
				l.ReplicationDelay = entrasim.Duration(time.Minute)
				if err := w.sim.Server.SetLevers(l); err != nil {
					t.Fatal(err)
				}
			case "sync":
				w.sync()
			case "full":
				if _, err := w.directory.SyncFull(t.Context(), w.integration.ID); err != nil {
					t.Fatal(err)
				}
			}
		}
		w.pass(2 * time.Minute) // whatever replicates late has replicated
		if r := w.sync(); r.Held {
			t.Fatalf("held: %+v", r)
		}
		w.agree()
	})
}

func (w *world) fault(f entrasim.Fault) {
	w.t.Helper()
	if _, err := w.sim.Server.AddFault(f); err != nil {
		w.t.Fatal(err)
	}
}

// TestCutOffReadingGoesOn kills the reading after its first page.
func TestCutOffReadingGoesOn(t *testing.T) {
	w := newWorld(t, 1500, postern.PermissionsStandard)
	w.fault(entrasim.Fault{Path: "/v1.0/users/delta", Skip: 1, Status: 403}) // every page after the first
	if _, err := w.directory.Sync(t.Context(), w.integration.ID); err == nil {
		t.Fatal("the reading went through the fault")
	}
	s := w.status()
	if s.State != postern.DirectoryFailed || s.Message == "" || s.Users != 999 {
		t.Fatalf("after the first page: %+v", s)
	}
	w.sim.Server.RemoveFaults(0)
	before := w.deltaCalls()
	w.sync()
	w.agree()
	if pages := w.deltaCalls() - before; pages != 1 {
		t.Fatalf("%d pages were read; the first was read before", pages)
	}
	if w.followed.told != len(w.truth()) {
		t.Fatalf("told of %d changes, %d users", w.followed.told, len(w.truth()))
	}
}

func (w *world) deltaCalls() (n int) {
	calls, _ := w.sim.Server.Calls()
	for _, c := range calls {
		if c.Path == "/v1.0/users/delta" && c.Status == 200 {
			n++
		}
	}
	return n
}

// TestVanishedUsersAreRemoved: deletions that no token tells of any more are found by reading everything.
func TestVanishedUsersAreRemoved(t *testing.T) {
	w := newWorld(t, 80, postern.PermissionsStandard)
	w.sync()
	gone := w.sim.Users[:3]
	for _, u := range gone {
		w.control("DELETE", "tenants/first/users/"+u.ID, nil)
	}
	w.pass(8 * 24 * time.Hour)
	if r := w.sync(); !r.Full || r.Removed != 3 || r.Held {
		t.Fatalf("%+v", r)
	}
	w.agree()
	for _, u := range gone {
		if w.followed.removed[u.ID] != 1 {
			t.Errorf("%s was removed %d times", u.UPN, w.followed.removed[u.ID])
		}
	}
}

// TestMassDeletionIsHeld: a reading that misses a tenth is believed, one that misses half is not, until somebody says so
// or the users are there again.
func TestMassDeletionIsHeld(t *testing.T) {
	w := newWorld(t, 200, postern.PermissionsStandard)
	w.sync()
	before := len(w.mirror())
	var deleted int
	for id, u := range w.truth() {
		if deleted < 100 && u.UPN != w.sim.ServiceAccount.UPN {
			w.control("DELETE", "tenants/first/users/"+id, nil)
			deleted++
		}
	}
	w.pass(8 * 24 * time.Hour)
	if r := w.sync(); !r.Held || r.Removed != 0 || len(w.followed.removed) != 0 || len(w.mirror()) != before {
		t.Fatalf("%+v, followers told of %d", r, len(w.followed.removed))
	}
	s := w.status()
	if s.State != postern.DirectoryHeld || s.Missing != 100 {
		t.Fatalf("%+v", s)
	}
	page, err := w.directory.List(t.Context(), directory.Query{IntegrationID: w.integration.ID, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	marked := 0
	for _, e := range page {
		if e.Missing {
			marked++
		}
	}
	if marked != 100 {
		t.Fatalf("%d are marked as missing", marked)
	}
	// What changes meanwhile is followed, and nobody is taken for gone.
	w.control("PATCH", "tenants/first/users/"+w.sim.ServiceAccount.ID, map[string]any{"enabled": false})
	if r := w.sync(); r.Changed != 1 || r.Removed != 0 || !r.Held {
		t.Fatalf("in between: %+v", r)
	}
	if _, err := w.directory.Confirm(t.Context(), w.integration.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.queue.RunAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.agree()
	if len(w.followed.removed) != 100 {
		t.Fatalf("%d removed", len(w.followed.removed))
	}
	if _, err := w.directory.Confirm(t.Context(), w.integration.ID); !postern.IsCode(err, postern.CodeConflict) {
		t.Fatalf("a second confirmation: %v", err)
	}
}

// TestClosedDirectory: with the least permission set nothing is read, and the status says why.
func TestClosedDirectory(t *testing.T) {
	w := newWorld(t, 20, postern.PermissionsPasskeys)
	if _, err := w.directory.Sync(t.Context(), w.integration.ID); !postern.IsCode(err, postern.CodeEntraDirectoryClosed) {
		t.Fatalf("%v", err)
	}
	s := w.status()
	if s.State != postern.DirectoryClosed || s.Message == "" || s.Next == "" {
		t.Fatalf("%+v", s)
	}
}

// TestSchedule: a directory is read when it is due, and not before.
func TestSchedule(t *testing.T) {
	w := newWorld(t, 20, postern.PermissionsStandard)
	readings := func() int {
		t.Helper()
		before := w.deltaCalls()
		if err := w.directory.Schedule(t.Context(), directory.ScheduleJob{}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.queue.RunAll(t.Context()); err != nil {
			t.Fatal(err)
		}
		return w.deltaCalls() - before
	}
	if n := readings(); n != 1 {
		t.Fatalf("%d readings at first", n)
	}
	w.pass(14 * time.Minute)
	if n := readings(); n != 0 {
		t.Fatalf("%d readings before the time", n)
	}
	w.pass(2 * time.Minute)
	if n := readings(); n != 1 {
		t.Fatalf("%d readings when due", n)
	}
}

// TestGroupFilter: the members come from Entra, what is shown of them from the mirror.
func TestGroupFilter(t *testing.T) {
	w := newWorld(t, 60, postern.PermissionsStandard)
	w.sync()
	made, err := w.tenant.CreateGroup(t.Context(), entra.NewGroup{DisplayName: "Pilot", MailNickname: "pilot"})
	if err != nil {
		t.Fatal(err)
	}
	group := made.ID
	if err := w.tenant.AddMembers(t.Context(), group, []string{w.sim.Users[0].ID, w.sim.Users[1].ID}); err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	for m, err := range w.tenant.Members(t.Context(), group) {
		if err != nil {
			t.Fatal(err)
		}
		want[m.ObjectID] = true
	}
	got, err := w.directory.List(t.Context(), directory.Query{IntegrationID: w.integration.ID, Group: group, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range got {
		if !want[e.ObjectID] {
			t.Errorf("%s is no member", e.UPN)
		}
	}
	if len(got) != 2 || len(want) != 2 {
		t.Errorf("%d of %d members", len(got), len(want))
	}
	_, err = w.directory.List(t.Context(), directory.Query{IntegrationID: w.integration.ID, Group: "11111111-2222-3333-4444-555555555555"})
	if !postern.IsCode(err, postern.CodeEntraNotFound) {
		t.Errorf("a group that is not there: %v", err)
	}
}
