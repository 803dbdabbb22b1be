package reconcile_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/reconcile"
	"github.com/postern/postern/entrasim"
)

// wantQuiet holds that another look finds nothing more and says nothing more.
func (w *world) wantQuiet(t *testing.T) {
	t.Helper()
	before, err := w.Trail.Events(t.Context(), audit.Query{Limit: 500})
	must(t, err)
	found := len(w.differences(t))
	r := w.compare(t, postern.ReconcileIncremental)
	after, err := w.Trail.Events(t.Context(), audit.Query{Limit: 500})
	must(t, err)
	if r.State != postern.ReconcileDone || r.Open != 0 || len(after) != len(before) || len(w.differences(t)) != found {
		t.Errorf("another look is not quiet: %+v, %d entries more, %d differences more", r, len(after)-len(before), len(w.differences(t))-found)
	}
}

func TestAgreement(t *testing.T) {
	w := newWorld(t, full, 5)
	first := w.compare(t, postern.ReconcileFull)
	if first.State != postern.ReconcileDone || first.Open != 0 || first.Users != 5 || first.Mended+first.Reported+first.Waiting != 0 {
		t.Fatalf("%+v %+v", first, w.differences(t))
	}
	w.pass(reconcile.Every)
	requests := w.requests(func() { w.wantQuiet(t) })
	// Roles and users, two looks at each of the three groups, the delta link, the two services of the log, and one batch,
	// whose parts the emulator counts too.
	if requests > 12+5 {
		calls, _ := w.sim.Server.Calls()
		for _, c := range calls[len(calls)-int(requests):] {
			t.Log(c.Method, c.Path)
		}
		t.Errorf("a look that finds nothing takes %d requests", requests)
	}
	s, err := w.Reconcile.Status(t.Context(), w.integration.ID)
	must(t, err)
	if s.AgreedAt == nil || s.FullAt == nil || s.Open != 0 || s.NextAt == nil || s.Last.Mode != postern.ReconcileIncremental {
		t.Errorf("%+v", s)
	}
	if n := w.events(t, audit.ReconcileFound); n != 0 {
		t.Errorf("%d entries say that something differed", n)
	}
}

func TestPasskeyRemovedAtEntra(t *testing.T) {
	for name, k := range map[string]kind{"with the log": full, "without the log": noLog, "with nothing but passkeys": passkeys} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, k, 3)
			w.compare(t, postern.ReconcileFull)
			w.pass(reconcile.Every)
			victim := w.people[1]
			must(t, w.tenant.DeletePasskey(t.Context(), victim.user.ObjectID, victim.passkey.MethodID))
			w.pass(time.Minute)
			r := w.compare(t, postern.ReconcileIncremental)
			if k != full { // nothing but one listing says so
				if r.Mended != 0 || r.Waiting != 1 || r.Open != 1 || r.Missing != 1 || w.stored(t, victim).State != postern.PasskeyActive {
					t.Fatalf("after one listing: %+v", r)
				}
				w.pass(9 * time.Minute)
				if r = w.compare(t, postern.ReconcileIncremental); r.Mended != 0 || w.stored(t, victim).State != postern.PasskeyActive {
					t.Fatalf("after two within ten minutes: %+v", r)
				}
				w.pass(time.Minute)
				r = w.compare(t, postern.ReconcileIncremental)
			}
			if r.State != postern.ReconcileDone || r.Mended != 1 || r.Missing != 1 || r.Open != 0 {
				t.Fatalf("%+v", r)
			}
			if p := w.stored(t, victim); p.State != postern.PasskeyRevoked || p.Reason != postern.RevocationAtEntra || p.RevokedAt == nil {
				t.Errorf("%+v", p)
			}
			if p := w.stored(t, w.people[0]); p.State != postern.PasskeyActive {
				t.Errorf("another's passkey is %s", p.State)
			}
			u, err := w.Users.User(t.Context(), victim.user.ID)
			must(t, err)
			if u.Phase != postern.PhasePaired {
				t.Errorf("the phase is %s", u.Phase)
			}
			self, err := w.Passkeys.Self(t.Context(), victim.phone)
			must(t, err)
			if len(self.Passkeys) != 1 || self.Passkeys[0].State != postern.PasskeyRevoked || self.Passkeys[0].Reason != postern.RevocationAtEntra {
				t.Errorf("the phone is told %+v", self.Passkeys)
			}
			if n := w.events(t, audit.PasskeyGone); n != 1 {
				t.Errorf("%d entries", n)
			}
			d := w.differences(t)
			if len(d) != 1 || d[0].Kind != postern.DifferencePasskeyRemoved || d[0].Outcome != postern.OutcomeMended || d[0].ClosedAt == nil || d[0].UserName != victim.user.UPN {
				t.Errorf("%+v", d)
			}
			w.wantQuiet(t)
		})
	}
}

func TestYoungPasskeyIsNotJudged(t *testing.T) {
	w := newWorld(t, full, 2)
	w.compare(t, postern.ReconcileFull)
	p := w.stored(t, w.people[0])
	p.CreatedAt = w.clock().Add(-time.Minute)
	listedAs := p.MethodID
	p.MethodID = "bm90LWxpc3RlZC15ZXQ"
	must(t, w.Store.UpdatePasskey(t.Context(), &p))
	r := w.compare(t, postern.ReconcileIncremental)
	d := w.differences(t)
	if r.Waiting != 1 || r.Mended != 0 || len(d) != 1 || d[0].Kind != postern.DifferencePasskeyNotYet || d[0].ClosedAt != nil {
		t.Fatalf("%+v %+v", r, d)
	}
	p = w.stored(t, w.people[0])
	if p.State != postern.PasskeyActive {
		t.Fatalf("it is %s", p.State)
	}
	p.MethodID = listedAs // Entra's servers have caught up
	must(t, w.Store.UpdatePasskey(t.Context(), &p))
	w.pass(reconcile.Every)
	if r = w.compare(t, postern.ReconcileIncremental); r.Open != 0 || w.stored(t, w.people[0]).State != postern.PasskeyActive {
		t.Errorf("%+v", r)
	}
	w.wantQuiet(t)
}

// TestReplicationHidesADeletion has Entra list a passkey for a while after it was deleted there: nothing is done before
// the listing says so, and it is done then.
func TestReplicationHidesADeletion(t *testing.T) {
	w := newWorld(t, full, 2)
	w.compare(t, postern.ReconcileFull)
	l := w.sim.Server.Levers()
	l.MethodDelay = entrasim.Duration(5 * time.Minute)
	must(t, w.sim.Server.SetLevers(l))
	victim := w.people[0]
	must(t, w.tenant.DeletePasskey(t.Context(), victim.user.ObjectID, victim.passkey.MethodID))
	if r := w.compare(t, postern.ReconcileIncremental); r.Mended != 0 || w.stored(t, victim).State != postern.PasskeyActive {
		t.Errorf("%+v", r)
	}
	w.pass(reconcile.Every)
	if r := w.compare(t, postern.ReconcileIncremental); r.Mended != 1 || w.stored(t, victim).State != postern.PasskeyRevoked {
		t.Errorf("%+v", r)
	}
	w.wantQuiet(t)
}

func TestRevokedPasskeyListedAgain(t *testing.T) {
	w := newWorld(t, full, 2)
	p := w.stored(t, w.people[0])
	at := w.clock().Add(-time.Hour)
	p.State, p.RevokedAt, p.Reason = postern.PasskeyRevoked, &at, postern.RevocationRequested
	must(t, w.Store.UpdatePasskey(t.Context(), &p))
	r := w.compare(t, postern.ReconcileFull)
	if r.Waiting != 1 || w.stored(t, w.people[0]).State != postern.PasskeyRevocation || w.events(t, audit.PasskeyListedAgain) != 1 {
		t.Fatalf("%+v %+v", r, w.differences(t))
	}
	must(t, w.tenant.DeletePasskey(t.Context(), w.people[0].user.ObjectID, p.MethodID)) // what the job does
	p = w.stored(t, w.people[0])
	p.State, p.RevokedAt = postern.PasskeyRevoked, &at
	must(t, w.Store.UpdatePasskey(t.Context(), &p))
	w.pass(reconcile.Every)
	if r := w.compare(t, postern.ReconcileIncremental); r.Open != 0 {
		t.Errorf("%+v", r)
	}
}

func TestMembers(t *testing.T) {
	w := newWorld(t, full, 4)
	ctx := t.Context()
	if r := w.compare(t, postern.ReconcileFull); r.Open != 0 {
		t.Fatalf("%+v %+v", r, w.differences(t))
	}
	for _, whole := range []bool{false, true} {
		w.pass(reconcile.Every)
		active, eligible, paired := w.group(postern.PhaseActive), w.group(postern.PhaseEligible), w.group(postern.PhasePaired)
		taken, doubled, moved := w.people[0].user.ObjectID, w.people[1].user.ObjectID, w.people[2].user.ObjectID
		var stranger string
		for u, err := range w.tenant.AllUsers(ctx) {
			must(t, err)
			if _, err := w.Store.UserByObjectID(ctx, w.integration.ID, u.ObjectID); postern.IsCode(err, postern.CodeNotFound) {
				stranger = u.ObjectID
			}
		}
		must(t,
			w.tenant.RemoveMember(ctx, active, taken),
			w.tenant.AddMembers(ctx, eligible, []string{doubled}),
			w.tenant.RemoveMember(ctx, active, moved), w.tenant.AddMembers(ctx, paired, []string{moved}),
			w.tenant.AddMembers(ctx, paired, []string{stranger}))
		back, out := w.events(t, audit.MemberPutBack), w.events(t, audit.MemberTakenOut)
		mode := postern.ReconcileIncremental
		if whole {
			mode = postern.ReconcileFull
		}
		r := w.compare(t, mode)
		if r.State != postern.ReconcileDone || r.Mended != 4 || r.Reported != 1 || r.Open != 1 {
			t.Fatalf("%+v %+v", r, w.differences(t))
		}
		if b, o := w.events(t, audit.MemberPutBack)-back, w.events(t, audit.MemberTakenOut)-out; b != 2 || o != 2 {
			t.Errorf("%d put back, %d taken out", b, o)
		}
		for who, want := range map[string]string{taken: active, doubled: active, moved: active, stranger: paired} {
			in, err := w.tenant.MemberOf(ctx, who, []string{active, eligible, paired})
			if err != nil || len(in) != 1 || in[0] != want {
				t.Errorf("%s is in %v, want %s: %v", who, in, want, err)
			}
		}
		reported := w.events(t, audit.DifferenceReported)
		if r := w.compare(t, mode); r.Mended != 0 || r.Open != 1 || w.events(t, audit.DifferenceReported) != reported {
			t.Errorf("%+v", r)
		}
		must(t, w.tenant.RemoveMember(ctx, paired, stranger))
		if r := w.compare(t, mode); r.Open != 0 {
			t.Errorf("%+v %+v", r, w.differences(t))
		}
		w.wantQuiet(t)
	}
}

func TestTooManyMissing(t *testing.T) {
	w := newWorld(t, full, 12)
	w.compare(t, postern.ReconcileFull)
	w.pass(time.Hour)
	for _, p := range w.people[:11] {
		must(t, w.tenant.DeletePasskey(t.Context(), p.user.ObjectID, p.passkey.MethodID))
	}
	w.pass(time.Minute)
	for range 2 { // the schedule looks again, and tells of it once
		r := w.compare(t, postern.ReconcileIncremental)
		if r.State != postern.ReconcileStopped || r.Missing != 11 || r.Next == "" {
			t.Fatalf("%+v", r)
		}
	}
	if n := w.events(t, audit.ReconcileStopped); n != 1 {
		t.Errorf("%d entries", n)
	}
	for _, p := range w.people {
		if k := w.stored(t, p); k.State != postern.PasskeyActive {
			t.Fatalf("a passkey is %s", k.State)
		}
	}
	s, err := w.Reconcile.Status(t.Context(), w.integration.ID)
	must(t, err)
	if _, err := w.Reconcile.Approve(t.Context(), s.Runs[1].ID); !postern.IsCode(err, postern.CodeConflict) {
		t.Errorf("an older run goes on: %v", err)
	}
	person := postern.WithActor(t.Context(), postern.Actor{Kind: postern.ActorAdministrator, Name: "Ada"})
	approved, err := w.Reconcile.Approve(person, s.Last.ID)
	must(t, err)
	if r := w.goOn(t, approved.ID); r.State != postern.ReconcileDone || r.Mended != 11 || r.Approved != "Ada" || r.Open != 0 {
		t.Errorf("%+v", r)
	}
	if n := w.events(t, audit.PasskeyGone); n != 11 {
		t.Errorf("%d entries", n)
	}
	if k := w.stored(t, w.people[11]); k.State != postern.PasskeyActive {
		t.Errorf("the one that Entra lists is %s", k.State)
	}
}

// TestKilledAnywhere kills a run at each of its points in turn, with one passkey and one member wrong each time.
func TestKilledAnywhere(t *testing.T) {
	const people = 70
	w := newWorld(t, full, people)
	ctx := postern.WithActor(t.Context(), postern.Actor{Kind: postern.ActorSystem, Name: "Postern"})
	w.compare(t, postern.ReconcileFull)
	for n := 1; ; n++ {
		if n > people-1 {
			t.Fatal("the tenant has too few people for so many points")
		}
		w.pass(time.Hour)
		gone, taken := w.people[n], w.people[0]
		must(t, w.tenant.DeletePasskey(ctx, gone.user.ObjectID, gone.passkey.MethodID))
		must(t, w.tenant.RemoveMember(ctx, w.group(postern.PhaseActive), taken.user.ObjectID))
		w.pass(time.Minute)
		before := w.counts(t)
		run, _, err := w.Reconcile.Run(ctx, w.integration.ID, postern.ReconcileIncremental)
		must(t, err)
		died := w.crashAt(t, run.ID, n)
		r := w.goOn(t, run.ID)
		if r.State != postern.ReconcileDone || r.Mended != 2 || r.Open != 0 {
			t.Errorf("killed at point %d: %+v %+v", n, r, w.differences(t))
		}
		for code, was := range before {
			if is := w.events(t, code); is != was+1 {
				t.Errorf("killed at point %d: %s was written %d times", n, code.Name, is-was)
			}
		}
		// The jobs that move the user who has lost the passkey.
		must(t, w.Store.NoteGroupPhase(ctx, gone.user.ID, postern.PhasePaired))
		must(t, w.tenant.AddMembers(ctx, w.group(postern.PhasePaired), []string{gone.user.ObjectID}))
		must(t, w.tenant.RemoveMember(ctx, w.group(postern.PhaseActive), gone.user.ObjectID))
		if !died {
			if n < 20 {
				t.Errorf("a run has only %d points", n)
			}
			break
		}
	}
	w.pass(time.Hour)
	w.wantQuiet(t)
}

func (w *world) counts(t *testing.T) map[audit.Code]int {
	t.Helper()
	counts := make(map[audit.Code]int)
	for _, code := range []audit.Code{audit.PasskeyGone, audit.MemberPutBack, audit.ReconcileFound} {
		counts[code] = w.events(t, code)
	}
	return counts
}

func TestFaults(t *testing.T) {
	w := newWorld(t, full, 3)
	w.compare(t, postern.ReconcileFull)
	w.pass(time.Hour)
	victim := w.people[0]
	must(t, w.tenant.DeletePasskey(t.Context(), victim.user.ObjectID, victim.passkey.MethodID))
	must(t, w.tenant.RemoveMember(t.Context(), w.group(postern.PhaseActive), w.people[1].user.ObjectID))
	for _, f := range []entrasim.Fault{
		{Path: "/v1.0/users/*/authentication/fido2Methods", Count: 2, Status: http.StatusTooManyRequests, RetryAfter: 3},
		{Path: "/v1.0/groups/delta", Count: 2, Status: http.StatusServiceUnavailable},
		{Path: "/v1.0/auditLogs/directoryAudits", Count: 1, Status: http.StatusTooManyRequests, RetryAfter: 5},
		{Path: "/v1.0/groups/**", Method: http.MethodPatch, Count: 1, Drop: "after"},
		{Path: "/v1.0/groups/*/members/$ref", Method: http.MethodPost, Count: 1, Drop: "after"},
	} {
		_, err := w.sim.Server.AddFault(f)
		must(t, err)
	}
	w.pass(time.Minute)
	if r := w.compare(t, postern.ReconcileIncremental); r.State != postern.ReconcileDone || r.Mended != 2 || r.Open != 0 {
		t.Fatalf("%+v %+v", r, w.differences(t))
	}
	w.wantQuiet(t)
}

func TestExpiredLink(t *testing.T) {
	w := newWorld(t, full, 3)
	w.compare(t, postern.ReconcileFull)
	must(t, w.tenant.RemoveMember(t.Context(), w.group(postern.PhaseActive), w.people[1].user.ObjectID))
	w.pass(8 * 24 * time.Hour) // a delta link is good for a week
	if r := w.compare(t, postern.ReconcileIncremental); r.State != postern.ReconcileDone || r.Mended != 1 {
		t.Fatalf("%+v %+v", r, w.differences(t))
	}
	w.wantQuiet(t)
}

func TestSchedule(t *testing.T) {
	w := newWorld(t, full, 1)
	ctx := context.Background()
	id := w.integration.ID
	runs := func() int {
		all, err := w.Reconcile.Runs(ctx, id, 100)
		must(t, err)
		return len(all)
	}
	fulls := 0
	for range 25 * 60 { // a day, minute by minute
		must(t, w.Reconcile.Tick(ctx, reconcile.TickJob{}))
		if all, err := w.Reconcile.Runs(ctx, id, 1); err == nil && len(all) > 0 && all[0].State == postern.ReconcileRunning {
			if all[0].Mode == postern.ReconcileFull {
				fulls++
			}
			r := w.goOn(t, all[0].ID)
			if r.State != postern.ReconcileDone || r.RequestedBy != "" {
				t.Fatalf("%+v", r)
			}
		}
		w.pass(time.Minute)
	}
	if n := runs(); n < 45 || fulls != 1 {
		t.Errorf("%d runs, %d of them whole", n, fulls)
	}
	i, err := w.Integrations.Get(ctx, id)
	must(t, err)
	_, err = w.Integrations.SetState(ctx, id, i.Version, postern.StateDisabled)
	must(t, err)
	before := runs()
	w.pass(time.Hour)
	must(t, w.Reconcile.Tick(ctx, reconcile.TickJob{}))
	if runs() != before {
		t.Error("a DISABLED integration is compared by the schedule")
	}
}

func TestOneRunAtATime(t *testing.T) {
	w := newWorld(t, full, 1)
	person := postern.WithActor(t.Context(), postern.Actor{Kind: postern.ActorAdministrator, Name: "Ada"})
	first, created, err := w.Reconcile.Run(person, w.integration.ID, "")
	if err != nil || !created || first.RequestedBy != "Ada" || w.events(t, audit.ReconcileAsked) != 1 {
		t.Fatal(first, created, err)
	}
	again, created, err := w.Reconcile.Run(person, w.integration.ID, postern.ReconcileIncremental)
	if err != nil || created || again.ID != first.ID {
		t.Error(again, created, err)
	}
	if _, _, err := w.Reconcile.Run(person, w.integration.ID, postern.ReconcileFull); !postern.IsCode(err, postern.CodeConflict) {
		t.Error(err)
	}
	w.goOn(t, first.ID)
	must(t, w.Reconcile.GivenUp(t.Context(), reconcile.RunJob{Run: first.ID}, postern.Errorf(postern.CodeEntraUnreachable, "")))
	if r, err := w.Reconcile.ReconcileRun(t.Context(), first.ID); err != nil || r.State != postern.ReconcileDone {
		t.Error(r, err)
	}
	second, _, err := w.Reconcile.Run(person, w.integration.ID, postern.ReconcileFull)
	must(t, err)
	must(t, w.Reconcile.GivenUp(t.Context(), reconcile.RunJob{Run: second.ID}, postern.Errorf(postern.CodeEntraUnreachable, "")))
	if r, err := w.Reconcile.ReconcileRun(t.Context(), second.ID); err != nil || r.State != postern.ReconcileFailed || r.Code != postern.CodeEntraUnreachable {
		t.Error(r, err)
	}
}
