package offline_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/offline"
	wire "github.com/postern/postern/link/offline"
)

// has reports as a workstation with that sheet.
func (w *world) has(s *wire.Sheet, events ...postern.OfflineEvent) postern.OfflineAnswer {
	w.t.Helper()
	out, err := w.Report(w.t.Context(), w.desk, w.pairing.ID, postern.OfflineReport{
		BatchID: w.batch, CodesLeft: 20, RecoveryID: s.ID, RecoveryNext: s.Next, Events: events,
	})
	w.must(err)
	return out
}

// recoverable brings a workstation to where it has recovery codes.
func recoverable(t *testing.T) (*world, *wire.Sheet) {
	t.Helper()
	w := newWorld(t)
	w.switched(func(s *postern.WorkstationSettings) { s.Recovery.Enabled = true })
	sheet := w.active()
	if sheet == nil || len(sheet.Hashes) != 5 || sheet.Length != 10 {
		t.Fatalf("the sheet is %+v", sheet)
	}
	return w, sheet
}

var because = postern.RecoveryInput{Note: "The phone fell into a lake."}

func TestRecover(t *testing.T) {
	w, sheet := recoverable(t)
	ctx := postern.WithActor(t.Context(), postern.Actor{Kind: postern.ActorAdministrator, ID: "adm_one", Name: "Ada"})
	_, err := w.Recover(ctx, w.pairing.ID, because)
	w.refused(err, postern.CodeRecoveryState) // the workstation has not said that it has the sheet
	if answer := w.has(sheet); answer.Recovery != nil {
		t.Errorf("a sheet it has is sent again: %s", answer.Recovery)
	}
	for range 2 { // two codes, of which the user types the second only
		asked, err := w.Recover(ctx, w.pairing.ID, because)
		if w.must(err); asked.State != postern.RecoveryReady || asked.Privileged || asked.RequestedBy != "Ada" || asked.Workstation != "DESK-1" {
			t.Fatalf("%+v", asked)
		}
		_, err = w.Recover(ctx, w.pairing.ID, because)
		w.refused(err, postern.CodeRecoveryState)
		w.who = "adm_two"
		_, err = w.Code(ctx, asked.ID)
		w.refused(err, postern.CodeForbidden)
		w.who = "adm_one"
		shown, err := w.Code(ctx, asked.ID)
		if w.must(err); shown.Recovery.State != postern.RecoveryShown || shown.Recovery.ShownAt == nil {
			t.Fatalf("%+v", shown)
		}
		if _, ok := sheet.Match(wire.Hash(shown.Code)); !ok {
			t.Fatal("the workstation does not know the code")
		}
		_, err = w.Code(ctx, asked.ID)
		w.refused(err, postern.CodeRecoveryState)
		w.nowhere(shown.Code)
	}
	sheet.Use(1)
	at := w.now.Add(-time.Hour)
	w.has(sheet, postern.OfflineEvent{Number: 1, At: at, Kind: postern.OfflineRecovered})
	all, err := w.Recoveries(ctx, offline.RecoveryQuery{Pairing: w.pairing.ID})
	w.must(err)
	if len(all) != 2 || all[0].State != postern.RecoveryUsed || all[0].UsedAt == nil || !all[0].UsedAt.Equal(at) || all[1].State != postern.RecoveryWithdrawn {
		t.Errorf("%+v", all)
	}
	if len(w.events(audit.RecoveryUsed)) != 1 || len(w.events(audit.OfflineRecovered)) != 1 || len(w.events(audit.RecoveryShown)) != 2 {
		t.Error("the trail does not tell it")
	}
}

// nowhere looks for a code wherever it must not be.
func (w *world) nowhere(code string) {
	w.t.Helper()
	var kept strings.Builder
	w.must(w.store.WriteBackup(w.t.Context(), &kept))
	if strings.Contains(kept.String(), code) {
		w.t.Error("the database holds the code")
	}
	all, err := w.trail.Events(w.t.Context(), audit.Query{Limit: 1000})
	w.must(err)
	if strings.Contains(fmt.Sprintf("%+v", all), code) {
		w.t.Error("the trail holds the code")
	}
}

func TestRecoverPrivileged(t *testing.T) {
	w, sheet := recoverable(t)
	w.has(sheet)
	ctx := t.Context()
	privileged, err := w.tenant.PrivilegedUsers(ctx)
	w.must(err)
	for id := range privileged {
		u, err := w.store.User(ctx, w.user.ID)
		w.must(err)
		u.ObjectID = id // the directory says so only now
		w.must(w.store.UpdateUser(ctx, &u))
		break
	}
	asked, err := w.Recover(ctx, w.pairing.ID, because)
	if w.must(err); asked.State != postern.RecoveryWaiting || !asked.Privileged {
		t.Fatalf("%+v", asked)
	}
	_, err = w.Code(ctx, asked.ID)
	w.refused(err, postern.CodeRecoverySelf)
	_, err = w.Approve(ctx, asked.ID, because)
	w.refused(err, postern.CodeRecoverySelf)
	if all := w.events(audit.RecoveryRefused); len(all) != 1 || all[0].Success {
		t.Errorf("%+v", all)
	}
	w.who = "adm_two"
	_, err = w.Approve(ctx, asked.ID, postern.RecoveryInput{})
	w.refused(err, postern.CodeInvalid)
	approved, err := w.Approve(ctx, asked.ID, because)
	if w.must(err); approved.State != postern.RecoveryReady {
		t.Fatalf("%+v", approved)
	}
	_, err = w.Code(ctx, asked.ID)
	w.refused(err, postern.CodeForbidden)
	w.who = ""
	_, err = w.Code(ctx, asked.ID)
	w.refused(err, postern.CodeForbidden)
	w.who = "adm_one"
	_, err = w.Code(ctx, asked.ID)
	w.must(err)

	second, err := w.Recover(ctx, w.pairing.ID, because)
	w.must(err)
	w.who = "adm_two"
	rejected, err := w.Reject(ctx, second.ID, because)
	if w.must(err); rejected.State != postern.RecoveryRejected {
		t.Errorf("%+v", rejected)
	}
}

// TestRecoveryRunsOut: unseen after an hour it is withdrawn, by the job or by whoever comes first.
func TestRecoveryRunsOut(t *testing.T) {
	w, sheet := recoverable(t)
	w.has(sheet)
	ctx := t.Context()
	first, err := w.Recover(ctx, w.pairing.ID, because)
	w.must(err)
	w.runJobs(2 * time.Hour)
	got, err := w.Recovery(ctx, first.ID)
	if w.must(err); got.State != postern.RecoveryWithdrawn {
		t.Errorf("%+v", got)
	}
	second, err := w.Recover(ctx, w.pairing.ID, because)
	w.must(err)
	w.now = second.ExpiresAt
	if got, err = w.Recovery(ctx, second.ID); err != nil || got.State != postern.RecoveryWithdrawn {
		t.Errorf("%+v, %v", got, err)
	}
	_, err = w.Code(ctx, second.ID)
	w.refused(err, postern.CodeRecoveryState)
	if n := len(w.events(audit.RecoveryWithdrawn)); n != 2 {
		t.Errorf("%d entries", n)
	}
	third, err := w.Recover(ctx, w.pairing.ID, because)
	w.must(err)
	if got, err = w.Withdraw(ctx, third.ID, because); err != nil || got.State != postern.RecoveryWithdrawn {
		t.Errorf("%+v, %v", got, err)
	}
	// Nothing that was taken away can be recovered, and what is open goes with it.
	fourth, err := w.Recover(ctx, w.pairing.ID, because)
	w.must(err)
	_, err = w.End(ctx, "", w.pairing.ID, "")
	w.must(err)
	if got, err = w.Recovery(ctx, fourth.ID); err != nil || got.State != postern.RecoveryWithdrawn {
		t.Errorf("%+v, %v", got, err)
	}
	_, err = w.Recover(ctx, w.pairing.ID, because)
	w.refused(err, postern.CodeRecoveryState)
}

// TestRecoverySheets: five codes, then new ones when the workstation is online, and none while somebody has one in hand.
func TestRecoverySheets(t *testing.T) {
	w, sheet := recoverable(t)
	w.has(sheet)
	ctx := context.WithoutCancel(t.Context())
	for n := range 5 {
		w.now = w.now.Add(2 * time.Hour)
		asked, err := w.Recover(ctx, w.pairing.ID, because)
		w.must(err)
		_, err = w.Code(ctx, asked.ID)
		w.must(err)
		if answer := w.has(sheet); answer.Recovery != nil {
			t.Fatalf("the sheet is replaced while code %d is out", n)
		}
	}
	w.now = w.now.Add(2 * time.Hour)
	_, err := w.Recover(ctx, w.pairing.ID, because)
	w.refused(err, postern.CodeRecoveryState)
	w.now = w.now.Add(24 * time.Hour)
	answer := w.has(sheet)
	if answer.Recovery == nil {
		t.Fatal("no new sheet")
	}
	fresh := w.sheet(answer.Recovery)
	if again := w.has(sheet); string(again.Recovery) != string(answer.Recovery) {
		t.Error("a sheet whose answer was lost is not sent again")
	}
	w.has(fresh)
	asked, err := w.Recover(ctx, w.pairing.ID, because)
	w.must(err)
	shown, err := w.Code(ctx, asked.ID)
	w.must(err)
	if index, ok := fresh.Match(wire.Hash(shown.Code)); !ok || index != 0 {
		t.Errorf("index %d, %t", index, ok)
	}
	// Switched off, the codes are forgotten.
	w.switched(func(s *postern.WorkstationSettings) { s.Recovery.Enabled = false })
	if r := w.record(); r.Sheets != (offline.Sheets{}) {
		t.Errorf("%+v", r.Sheets)
	}
	_, err = w.Recover(ctx, w.pairing.ID, because)
	w.refused(err, postern.CodeRecoveryOff)
}

func TestRecoveryIsBounded(t *testing.T) {
	w, sheet := recoverable(t)
	w.has(sheet)
	for range 5 {
		asked, err := w.Recover(t.Context(), w.pairing.ID, because)
		w.must(err)
		_, err = w.Withdraw(t.Context(), asked.ID, because)
		w.must(err)
	}
	_, err := w.Recover(t.Context(), w.pairing.ID, because)
	w.refused(err, postern.CodeTooMany)
}

// TestReport: what happened is written down once, at both times, also when the pairing is over.
func TestReport(t *testing.T) {
	w := newWorld(t)
	w.switched(nil)
	w.active()
	at := w.now.Add(-3 * time.Hour)
	in := postern.OfflineReport{
		BatchID: w.batch, CodesLeft: 17, ProvenAt: &at, Locked: true, ClockSetBack: true, Events: []postern.OfflineEvent{
			{Number: 2, At: at.Add(time.Minute), Kind: postern.OfflineWrongCode},
			{Number: 1, At: at, Kind: postern.OfflineSignedIn},
			{Number: 3, At: at.Add(2 * time.Minute), Kind: postern.OfflineLocked},
			{Number: 4, At: at, Kind: postern.OfflineClockSetBack},
		},
	}
	w.told = nil
	for range 2 {
		_, err := w.Report(t.Context(), w.desk, w.pairing.ID, in)
		w.must(err)
	}
	if len(w.told) != 0 {
		t.Errorf("a report is told to %v, who report again", w.told)
	}
	r := w.record()
	if r.CodesLeft != 17 || !r.Locked || !r.ClockSetBack || r.ProvenAt == nil || !r.ProvenAt.Equal(at) || r.EventsThrough != 4 {
		t.Errorf("%+v", r)
	}
	for _, want := range []struct {
		code    audit.Code
		number  string
		success bool
	}{{audit.OfflineSignedIn, "1", true}, {audit.OfflineWrongCode, "2", false}, {audit.OfflineLocked, "3", false}, {audit.OfflineClockSetBack, "4", false}} {
		all := w.events(want.code)
		if len(all) != 1 || all[0].Fields["number"] != want.number || all[0].Success != want.success || all[0].Fields["user"] != string(w.user.ID) {
			t.Errorf("%s: %+v", want.code.Name, all)
		}
		if len(all) == 1 && (all[0].Fields["at_workstation"] == "" || !all[0].At.Equal(w.now)) {
			t.Errorf("%s is not at both times: %+v", want.code.Name, all[0])
		}
	}
	_, err := w.devices.EndPairing(t.Context(), "", w.pairing.ID)
	w.must(err)
	in.Events = append(in.Events, postern.OfflineEvent{Number: 5, At: at, Kind: postern.OfflineSignedIn})
	answer, err := w.Report(t.Context(), w.desk, w.pairing.ID, in)
	w.must(err)
	if answer.State != postern.OfflineEnding || len(w.events(audit.OfflineSignedIn)) != 2 {
		t.Errorf("%+v", answer)
	}
	for _, bad := range []postern.OfflineEvent{{Number: 6, At: at, Kind: "slept"}, {Number: 0, At: at, Kind: postern.OfflineLocked}, {Number: 6, Kind: postern.OfflineLocked}} {
		_, err := w.Report(t.Context(), w.desk, w.pairing.ID, postern.OfflineReport{Events: []postern.OfflineEvent{bad}})
		w.refused(err, postern.CodeInvalid)
	}
	_, err = w.Report(t.Context(), w.desk, w.pairing.ID, postern.OfflineReport{Events: make([]postern.OfflineEvent, 201)})
	w.refused(err, postern.CodeInvalid)
}
