package inventory_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/policy/inventory"
	"github.com/postern/postern/entrasim"
)

func TestFirstReadingAsksWhomTheReportNames(t *testing.T) {
	w := newWorld(t, 120, postern.PermissionsFull)
	if s := w.status(t); s.State != postern.InventoryNever || s.Complete {
		t.Errorf("before: %+v", s)
	}
	s := w.read(t, false)
	if s.State != postern.InventoryCurrent || !s.Full || s.Source != "report" || !s.Complete || !s.LastUseKnown || s.Users != 12 || s.UsersPlanned != 12 || s.Changed != 12 || s.Failures != 0 || s.Throttled != 0 {
		t.Errorf("%+v", s)
	}
	if asked := w.askedFor(); len(asked) != 12 {
		t.Errorf("%d users were asked for: %v", len(asked), asked)
	}
	// A request for each: both services of the log, the report, and a batch; the mirror's take a few.
	if s.Requests < 4 || s.Requests > 12 {
		t.Errorf("%d requests", s.Requests)
	}
	sum := w.summary(t)
	if sum.Users != 120 || sum.WithPasskey != 12 || sum.WithOne != 12 || sum.Passkeys != 12 || sum.Attested != 12 || sum.Stale != 2 || sum.NeverUsed != 0 {
		t.Errorf("%+v", sum)
	}
	if len(sum.Models) != 1 || sum.Models[0].AAGUID != yubikey || sum.Models[0].Passkeys != 12 || sum.Models[0].Allowed != postern.KnownYes || sum.Models[0].Name == "" {
		t.Errorf("%+v", sum.Models)
	}
	if n := w.events(t, audit.InventoryRead); n != 1 {
		t.Errorf("%d entries of the trail", n)
	}
	// What else they have is read apart.
	must(t, w.Inventory.DoMethods(t.Context(), inventory.MethodsJob{Integration: w.integration.ID}))
	n := 0
	for u, err := range w.Inventory.Each(t.Context(), w.integration.ID) {
		must(t, err)
		if !u.MethodsKnown || !slices.Equal(u.Methods, []string{"email"}) || u.LookedAt == nil {
			t.Fatalf("%+v", u)
		}
		n++
	}
	if n != 120 {
		t.Errorf("%d users in all", n)
	}
}

func TestTheLogNamesWhomTheReportDoesNotKnowYet(t *testing.T) {
	w := newWorld(t, 60, postern.PermissionsFull)
	w.hidden[object(10)], w.hidden[object(20)] = true, true
	tenant, _, err := w.Integrations.Tenant(t.Context(), w.integration.ID)
	must(t, err)
	// Somebody else does something to the tenth user's security info, which the log tells of; the twentieth's is older.
	w.give(t, 10, yubikey, apple)
	listed, err := tenant.Passkeys(t.Context(), object(10))
	must(t, err)
	must(t, tenant.DeletePasskey(t.Context(), object(10), listed[0].ID))
	w.read(t, true)
	if asked := w.askedFor(); !slices.Contains(asked, object(10)) || slices.Contains(asked, object(20)) || len(asked) != 5 {
		t.Errorf("asked for %v", asked)
	}
}

func TestWhoIsKnownToHaveOneIsAskedWhateverTheReportSays(t *testing.T) {
	w := newWorld(t, 60, postern.PermissionsFull)
	w.read(t, true)
	w.askedFor()
	w.hidden[object(10)] = true
	w.pass(time.Hour)
	w.read(t, true)
	if asked := w.askedFor(); !slices.Contains(asked, object(10)) {
		t.Errorf("asked for %v", asked)
	}
}

func TestWithoutReportEverybodyIsAsked(t *testing.T) {
	for name, refusal := range map[string]postern.Code{"permission": postern.CodeEntraPermission, "licence": postern.CodeEntraLicence} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 70, postern.PermissionsFull)
			w.fail["report"] = postern.Errorf(refusal, "")
			s := w.read(t, true)
			if asked := w.askedFor(); len(asked) != 70 || s.Source != "everybody" || !s.Complete || s.MethodsKnown || s.Users != 70 {
				t.Errorf("%d asked for, %+v", len(asked), s)
			}
		})
	}
	t.Run("log", func(t *testing.T) {
		w := newWorld(t, 70, postern.PermissionsFull)
		w.fail["events"] = postern.Errorf(postern.CodeEntraLicence, "")
		s := w.read(t, true)
		if asked := w.askedFor(); len(asked) != 70 || s.Source != "everybody" || !s.Complete {
			t.Errorf("%d asked for, %+v", len(asked), s)
		}
	})
}

func TestWithoutDirectoryThoseWhomPosternKnowsAreAsked(t *testing.T) {
	w := newWorld(t, 60, postern.PermissionsPasskeys)
	at := w.clock()
	must(t, w.Center.Store.CreateUser(t.Context(), postern.User{
		ID: postern.NewID[postern.UserID](postern.PrefixUser), IntegrationID: w.integration.ID, Version: 1, ObjectID: object(10), UPN: name(10), DisplayName: "Ada",
		Phase: postern.PhaseActive, GroupPhase: postern.PhaseActive, CreatedAt: at, UpdatedAt: at,
	}))
	s := w.read(t, true)
	if asked := w.askedFor(); len(asked) != 1 || asked[0] != object(10) || s.Source != "known" || s.Complete || s.State != postern.InventoryCurrent {
		t.Errorf("asked for %v, %+v", asked, s)
	}
	found, total, err := w.Inventory.Passkeys(t.Context(), postern.InventoryQuery{IntegrationID: w.integration.ID})
	must(t, err)
	if total != 1 || found[0].DisplayName != "Ada" || found[0].AAGUID != yubikey {
		t.Errorf("%d: %+v", total, found)
	}
}

func TestAfterwardsOnlyWhatChangedIsRead(t *testing.T) {
	w := newWorld(t, 200, postern.PermissionsFull)
	w.read(t, true)
	w.askedFor()
	w.pass(3 * time.Hour)
	tenant, _, err := w.Integrations.Tenant(t.Context(), w.integration.ID)
	must(t, err)
	listed, err := tenant.Passkeys(t.Context(), object(190))
	must(t, err)
	must(t, tenant.DeletePasskey(t.Context(), object(190), listed[0].ID))
	w.populate(t, entrasim.Population{Users: []entrasim.UserSpec{{ID: object(555), UPN: name(555), Passkeys: []entrasim.PasskeySpec{{AAGUID: apple, Synced: true}}}}})
	s := w.read(t, false)
	asked := w.askedFor()
	if s.Full || !slices.Contains(asked, object(190)) || !slices.Contains(asked, object(555)) || len(asked) > 22 || s.Changed != 2 {
		t.Errorf("asked for %d: %v, %+v", len(asked), asked, s)
	}
	if sum := w.summary(t); sum.Users != 201 || sum.Passkeys != 20 || sum.Synced != 1 || len(sum.Models) != 2 {
		t.Errorf("%+v", sum)
	}
	// In turn everybody is looked at, whoever was looked at longest ago first.
	seen := make(map[string]bool)
	for range 12 {
		w.pass(20 * time.Minute)
		w.read(t, false)
		for _, id := range w.askedFor() {
			seen[id] = true
		}
	}
	if len(seen) < 200 {
		t.Errorf("%d of 201 were looked at in turn", len(seen))
	}
}

func TestUsersWhoGoOrAreRenamed(t *testing.T) {
	w := newWorld(t, 40, postern.PermissionsFull)
	w.read(t, true)
	tenant := entrasim.Population{Reset: true}
	for n := range 40 {
		if n != 10 {
			tenant.Users = append(tenant.Users, entrasim.UserSpec{ID: object(n), UPN: name(n), DisplayName: fmt.Sprint("Renamed ", n)})
		}
	}
	tenant.Users[0].Passkeys = []entrasim.PasskeySpec{{AAGUID: yubikey}}
	w.populate(t, tenant)
	w.pass(time.Hour)
	_, err := w.Directory.SyncFull(t.Context(), w.integration.ID)
	must(t, err)
	w.read(t, true)
	found, total, err := w.Inventory.Passkeys(t.Context(), postern.InventoryQuery{IntegrationID: w.integration.ID})
	must(t, err)
	if total != 1 || found[0].ObjectID != object(0) || found[0].DisplayName != "Renamed 0" {
		t.Errorf("%d: %+v", total, found)
	}
	if sum := w.summary(t); sum.Users != 39 {
		t.Errorf("%+v", sum)
	}
}

func TestOneWhoCannotBeReadIsCounted(t *testing.T) {
	w := newWorld(t, 60, postern.PermissionsFull)
	w.broken[object(10)], w.broken[object(20)] = 2, 3
	s := w.read(t, true)
	if s.State != postern.InventoryCurrent || s.Failures != 1 || s.Complete || s.Users != 6 {
		t.Errorf("%+v", s)
	}
	if sum := w.summary(t); sum.Passkeys != 5 {
		t.Errorf("%+v", sum)
	}
	w.pass(time.Hour)
	s = w.read(t, false) // asks again by itself
	if s.Failures != 0 || !s.Complete {
		t.Errorf("afterwards: %+v", s)
	}
	if sum := w.summary(t); sum.Passkeys != 6 {
		t.Errorf("%+v", sum)
	}
}

func TestThrottlingIsWaitedFor(t *testing.T) {
	w := newWorld(t, 60, postern.PermissionsFull)
	if _, err := w.sim.Server.AddFault(entrasim.Fault{Path: "/beta/users/*/authentication/fido2Methods", Count: 3, Status: 429, Code: "TooManyRequests", RetryAfter: 7}); err != nil {
		t.Fatal(err)
	}
	before := w.clock()
	s := w.read(t, true)
	if !s.Complete || s.Throttled != 3 || s.Failures != 0 || w.clock().Sub(before) < 7*time.Second {
		t.Errorf("after %s: %+v", w.clock().Sub(before), s)
	}
}

// TestReadingGoesOnAfterItsProcessDied kills the process at every point of a reading, one point further each time.
func TestReadingGoesOnAfterItsProcessDied(t *testing.T) {
	w := newWorld(t, 450, postern.PermissionsFull)
	w.fail["report"] = postern.Errorf(postern.CodeEntraLicence, "")
	_, err := w.Inventory.Read(system(t), w.integration.ID, true)
	must(t, err)
	deaths := 0
	for n := 2; w.status(t).State == postern.InventoryReading; n++ {
		if w.crashAt(t, n) {
			deaths++
		}
		if n > 100 {
			t.Fatal("the reading never comes to its end")
		}
	}
	s := w.status(t)
	if asked := w.askedFor(); deaths < 3 || s.Users != 450 || !s.Complete || len(asked) > 450*(deaths+1) {
		t.Errorf("%d deaths, %d asked for: %+v", deaths, len(asked), s)
	}
	if sum := w.summary(t); sum.Passkeys != 45 {
		t.Errorf("%+v", sum)
	}
}

func TestAFailureLeavesWhatWasKnown(t *testing.T) {
	w := newWorld(t, 30, postern.PermissionsFull)
	w.read(t, true)
	_, err := w.Inventory.Read(system(t), w.integration.ID, true)
	must(t, err)
	cause := postern.Errorf(postern.CodeEntraUnreachable, "")
	for range 2 {
		must(t, w.Inventory.GivenUp(t.Context(), w.job(t), cause))
	}
	s := w.status(t)
	if s.State != postern.InventoryFailed || s.Code != postern.CodeEntraUnreachable || s.FinishedAt == nil || !s.Complete {
		t.Errorf("%+v", s)
	}
	if sum := w.summary(t); sum.Passkeys != 3 {
		t.Errorf("%+v", sum)
	}
	if n := w.events(t, audit.InventoryFailed); n != 1 {
		t.Errorf("%d entries of the trail", n)
	}
	// A job of a reading that is over does nothing.
	must(t, w.Inventory.Do(t.Context(), w.job(t)))
}

func TestAFullReadingFollowsASmallOne(t *testing.T) {
	w := newWorld(t, 30, postern.PermissionsFull)
	w.read(t, true)
	w.pass(time.Hour)
	for _, full := range []bool{false, false, true} {
		s, err := w.Inventory.Read(system(t), w.integration.ID, full)
		must(t, err)
		if s.State != postern.InventoryReading || s.Full {
			t.Errorf("%+v", s)
		}
	}
	if s := w.goOn(t); s.State != postern.InventoryReading || !s.Full {
		t.Errorf("after the small one: %+v", s)
	}
	if s := w.goOn(t); s.State != postern.InventoryCurrent || !s.Full {
		t.Errorf("after the whole one: %+v", s)
	}
}

func TestTickReadsByItself(t *testing.T) {
	w := newWorld(t, 30, postern.PermissionsFull)
	tick := func(wait time.Duration) postern.InventoryStatus {
		t.Helper()
		w.pass(wait)
		must(t, w.Inventory.Tick(t.Context(), inventory.TickJob{}))
		return w.status(t)
	}
	if s := tick(time.Minute); s.State != postern.InventoryNever {
		t.Errorf("at once: %+v", s)
	}
	if s := tick(inventory.Every); s.State != postern.InventoryReading || !s.Full {
		t.Errorf("the first: %+v", s)
	}
	w.goOn(t)
	if s := tick(time.Minute); s.State != postern.InventoryCurrent {
		t.Errorf("too soon: %+v", s)
	}
	if s := tick(inventory.Every); s.State != postern.InventoryReading || s.Full {
		t.Errorf("the second: %+v", s)
	}
	w.goOn(t)
	if s := tick(8 * 24 * time.Hour); s.State != postern.InventoryReading || !s.Full {
		t.Errorf("after a week: %+v", s)
	}
	w.goOn(t)
	i, err := w.Integrations.Get(t.Context(), w.integration.ID)
	must(t, err)
	_, err = w.Integrations.SetState(t.Context(), i.ID, i.Version, postern.StateDisabled)
	must(t, err)
	if s := tick(8 * 24 * time.Hour); s.State != postern.InventoryCurrent {
		t.Errorf("while it is disabled: %+v", s)
	}
}

func TestRefreshLearnsInTheCall(t *testing.T) {
	w := newWorld(t, 60, postern.PermissionsFull)
	if err := w.Inventory.Refresh(t.Context(), w.integration.ID); !postern.IsCode(err, postern.CodeInventoryIncomplete) {
		t.Errorf("before the first reading: %v", err)
	}
	w.read(t, true)
	w.askedFor()
	w.pass(3 * time.Hour)
	tenant, _, err := w.Integrations.Tenant(t.Context(), w.integration.ID)
	must(t, err)
	listed, err := tenant.Passkeys(t.Context(), object(10))
	must(t, err)
	must(t, tenant.DeletePasskey(t.Context(), object(10), listed[0].ID))
	w.populate(t, entrasim.Population{Users: []entrasim.UserSpec{{ID: object(555), UPN: name(555), Passkeys: []entrasim.PasskeySpec{{AAGUID: apple, Synced: true}}}}})
	must(t, w.Inventory.Refresh(t.Context(), w.integration.ID))
	if asked := w.askedFor(); !slices.Equal(asked, []string{object(10), object(555)}) {
		t.Errorf("asked for %v", asked)
	}
	if sum := w.summary(t); sum.Passkeys != 6 || sum.Users != 61 {
		t.Errorf("%+v", sum)
	}
	if s := w.status(t); !s.Complete || !s.FinishedAt.Equal(w.clock()) {
		t.Errorf("%+v", s)
	}
	w.broken[object(10)] = 1000
	w.fail["events"] = errors.New("the log broke")
	p, err := w.Center.Store.InventoryProgress(t.Context(), w.integration.ID)
	must(t, err)
	p.EventsAt = w.clock() // the connector's waiting moves the clock
	must(t, w.Center.Store.SetInventoryProgress(t.Context(), &p))
	must(t, w.Inventory.Refresh(t.Context(), w.integration.ID)) // a moment later the log is not asked again
	w.pass(time.Minute)
	if err := w.Inventory.Refresh(t.Context(), w.integration.ID); err == nil {
		t.Error("a log that broke was taken for one that tells of nothing")
	}
}
