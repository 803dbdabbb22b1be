package lifecycle_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/backbone"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/integration"
	"github.com/postern/postern/center/job"
	"github.com/postern/postern/center/job/jobtest"
	"github.com/postern/postern/center/lifecycle"
	"github.com/postern/postern/center/seal"
	"github.com/postern/postern/center/store"
	"github.com/postern/postern/entrasim"
)

// world is users and groups on a real database against a real emulated tenant, with jobs that run when the test says so.
type world struct {
	t       testing.TB
	store   *store.Store
	sim     *entrasim.Running
	groups  *integration.Service
	users   *lifecycle.Service
	queue   *jobtest.Queue
	trail   *audit.Log
	revoked []postern.UserID
	id      postern.IntegrationID
	people  []postern.DirectoryUser
	now     time.Time
}

func newWorld(t testing.TB, configure func(*entrasim.Levers)) *world {
	t.Helper()
	w := &world{t: t, now: time.Now().Truncate(time.Second)}
	clock := func() time.Time { return w.now }
	levers := entrasim.DefaultLevers()
	levers.Throttle = false
	levers.TokenLifetime = entrasim.Duration(10000 * time.Hour)
	if configure != nil {
		configure(&levers)
	}
	sim, err := entrasim.Listen(t.Context(), entrasim.Config{Users: 60, Now: clock, Levers: &levers})
	w.must(err)
	w.sim = sim
	t.Cleanup(func() { _ = sim.Close() })
	w.store, err = store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "postern.db"), store.Options{Now: clock})
	w.must(err)
	t.Cleanup(func() { _ = w.store.Close() })
	w.must(w.store.Migrate(t.Context()))
	sealer, err := seal.NewKey(make([]byte, 32))
	w.must(err)
	log := slog.New(slog.DiscardHandler)
	w.trail = &audit.Log{Store: w.store, Sealer: sealer, Now: clock, Origin: "test"}
	var registry job.Registry
	w.queue = jobtest.New(t, w.store, &registry, clock)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(sim.CAPEM)
	notices := &backbone.InProcess{}
	w.groups = &integration.Service{
		Store: w.store, Sealer: sealer, Audit: w.trail, Queue: w.queue, Notices: notices, Logger: log, Now: clock,
		Cloud: entra.Cloud{Authority: sim.AuthorityURL, Graph: sim.GraphURL, CAs: pool},
		Sleep: func(_ context.Context, d time.Duration) error { w.now = w.now.Add(d); return nil },
	}
	w.users = &lifecycle.Service{
		Store: w.store, Tenants: w.groups, Audit: w.trail, Queue: w.queue, Notices: notices, Logger: log, Now: clock,
		RevokeUser: func(_ context.Context, id postern.UserID, _ postern.RevocationReason, _ string) error {
			w.revoked = append(w.revoked, id)
			return nil
		},
	}
	w.groups.Follow = w.users.FollowGroups
	w.groups.Handle(&registry)
	w.users.Handle(&registry)
	i, err := w.groups.Add(t.Context(), postern.IntegrationInput{
		ApplicationName: "Postern", TenantID: sim.TenantID, ClientID: sim.ClientID, ClientSecret: sim.ClientSecret,
	})
	w.must(err)
	w.id = i.ID
	tenant := w.tenant()
	for u, err := range tenant.AllUsers(t.Context()) {
		w.must(err)
		if u.Enabled && !u.Guest {
			w.people = append(w.people, u)
		}
	}
	w.run()
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) tenant() *entra.Tenant {
	t, _, err := w.groups.Tenant(w.t.Context(), w.id)
	w.must(err)
	return t
}

// run runs jobs, moving the clock to each in turn, until none waits. It ends early when jobs only fail or wait.
func (w *world) run() {
	w.t.Helper()
	for range 400 {
		due, any, err := w.queue.NextDue(w.t.Context())
		w.must(err)
		if !any {
			return
		}
		if due.After(w.now) {
			w.now = due
		}
		if _, err := w.queue.RunOne(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
	}
	waiting, _ := w.queue.Waiting(w.t.Context())
	w.t.Fatalf("the jobs never come to an end: %+v", waiting)
}

// know makes somebody of the directory known, in a phase.
func (w *world) know(n int, phase postern.Phase) postern.User {
	w.t.Helper()
	var u postern.User
	w.must(w.store.Atomically(w.t.Context(), func(ctx context.Context) (err error) {
		if u, err = w.users.Know(ctx, w.id, w.people[n]); err != nil {
			return err
		}
		u.Phase, u.UpdatedAt = phase, w.now
		if err := w.store.UpdateUser(ctx, &u); err != nil {
			return err
		}
		return w.users.FollowGroups(ctx, w.id)
	}))
	return u
}

func (w *world) user(id postern.UserID) postern.User {
	u, err := w.store.User(w.t.Context(), id)
	w.must(err)
	return u
}

// members lists who is in the group of each phase.
func (w *world) members() map[postern.Phase][]string {
	w.t.Helper()
	out := make(map[postern.Phase][]string)
	i, err := w.groups.Get(w.t.Context(), w.id)
	w.must(err)
	for _, g := range i.Groups {
		for m, err := range w.tenant().Members(w.t.Context(), g.ID) {
			w.must(err)
			out[g.Phase] = append(out[g.Phase], m.ObjectID)
		}
		slices.Sort(out[g.Phase])
	}
	return out
}

// wantTrue holds that everybody is in the group of their phase and in no other.
func (w *world) wantTrue() {
	w.t.Helper()
	want := make(map[postern.Phase][]string)
	all, err := w.store.Users(w.t.Context(), lifecycle.UserQuery{IntegrationID: w.id, Limit: 1000})
	w.must(err)
	for _, u := range all {
		if u.Account == postern.AccountDeleted {
			continue
		}
		switch u.Phase {
		case postern.PhaseEligible, postern.PhasePaired, postern.PhaseActive:
			want[u.Phase] = append(want[u.Phase], u.ObjectID)
		}
		if u.GroupPhase != u.Phase {
			w.t.Errorf("%s is %q, and was put into %q", u.UPN, u.Phase, u.GroupPhase)
		}
	}
	got := w.members()
	for _, phase := range []postern.Phase{postern.PhaseEligible, postern.PhasePaired, postern.PhaseActive} {
		slices.Sort(want[phase])
		if !slices.Equal(got[phase], want[phase]) {
			w.t.Errorf("the group %s has %d members, want %d", phase, len(got[phase]), len(want[phase]))
		}
	}
}

func (w *world) count(name string) (n int) {
	w.t.Helper()
	all, err := w.trail.Events(w.t.Context(), audit.Query{Limit: 1000})
	w.must(err)
	for _, e := range all {
		if e.Name == name {
			n++
		}
	}
	return n
}

func (w *world) group(phase postern.Phase) postern.PhaseGroup {
	w.t.Helper()
	i, err := w.groups.Get(w.t.Context(), w.id)
	w.must(err)
	for _, g := range i.Groups {
		if g.Phase == phase {
			return g
		}
	}
	w.t.Fatalf("no group of %s", phase)
	return postern.PhaseGroup{}
}

// call sends a request to the emulated tenant and decodes the answer into out, if there is one.
func (w *world) call(req *http.Request, out any) {
	w.t.Helper()
	resp, err := w.sim.Client().Do(req)
	w.must(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	w.must(err)
	if resp.StatusCode > 299 {
		w.t.Fatalf("%s %s: %d %s", req.Method, req.URL.Path, resp.StatusCode, body)
	}
	if out != nil {
		w.must(json.Unmarshal(body, out))
	}
}

// graph does with groups at Graph what an administrator of the tenant does there.
func (w *world) graph(method, path, body string) {
	w.t.Helper()
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {w.sim.ClientID}, "client_secret": {w.sim.ClientSecret},
		"scope": {"https://graph.microsoft.com/.default"},
	}
	ask, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.sim.AuthorityURL+"/"+w.sim.TenantID+"/oauth2/v2.0/token", strings.NewReader(form.Encode()))
	w.must(err)
	ask.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	var token struct {
		Access string `json:"access_token"`
	}
	w.call(ask, &token)
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.sim.GraphURL+path, strings.NewReader(body))
	w.must(err)
	req.Header.Set("Authorization", "Bearer "+token.Access)
	req.Header.Set("Content-Type", "application/json")
	w.call(req, nil)
}

// deleteUser deletes somebody's account.
func (w *world) deleteUser(objectID string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodDelete, w.sim.GraphURL+"/_entrasim/tenants/first/users/"+objectID, http.NoBody)
	w.must(err)
	w.call(req, nil)
}

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
