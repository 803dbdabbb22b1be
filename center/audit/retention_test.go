package audit_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/store"
)

// aging makes entries a day apart each, the last one on the day of now.
func aging(t *testing.T, l *audit.Log, days int) {
	t.Helper()
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	at := now.AddDate(0, 0, -days)
	l.Now = func() time.Time { return at }
	err := l.Store.Atomically(t.Context(), func(ctx context.Context) error {
		at = now.AddDate(0, 0, -days)
		for n := range days {
			at = at.AddDate(0, 0, 1)
			if err := l.Record(ctx, sample(n+1)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func keepFor(t *testing.T, l *audit.Log, days int, exported bool) postern.AuditRetention {
	t.Helper()
	was, err := l.Retention(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r, err := l.SetRetention(t.Context(), postern.AuditRetentionInput{Version: was.Version, Days: days, NeedExport: exported})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func retain(t *testing.T, l *audit.Log) int64 {
	t.Helper()
	n, err := l.Retain(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestRetention(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, l *audit.Log) {
		ctx := t.Context()
		aging(t, l, 100)
		early, err := l.Checkpoint(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if n := retain(t, l); n != 0 {
			t.Fatalf("%d entries went although everything is kept", n)
		}
		for _, bad := range []int{-1, 1, 29} {
			if _, err := l.SetRetention(ctx, postern.AuditRetentionInput{Days: bad}); !postern.IsCode(err, postern.CodeInvalid) {
				t.Fatalf("%d days: %v", bad, err)
			}
		}
		keepFor(t, l, 40, false) // entry 101
		if _, err := l.SetRetention(ctx, postern.AuditRetentionInput{Days: 50}); !postern.IsCode(err, postern.CodeStale) {
			t.Fatal(err)
		}
		// Entry 60 is 40 days old to the minute and stays; those before are older.
		if n := retain(t, l); n != 59 {
			t.Fatalf("%d entries went", n)
		}
		if n := retain(t, l); n != 0 {
			t.Fatalf("%d entries went at once again", n)
		}
		v := verify(t, l)
		if !v.OK || v.Floor != 59 || v.Entries != 102 || !strings.Contains(v.Message, "Entries 60 to 102 fit") {
			t.Fatalf("%+v", v)
		}
		if v, err := l.VerifyAgainst(ctx, early); err != nil || !v.OK {
			t.Fatalf("%+v %v", v, err)
		}
		left, err := l.Events(ctx, audit.Query{Limit: 1000})
		if err != nil || len(left) != 43 || left[0].Sequence != 60 {
			t.Fatalf("%d entries are left: %v", len(left), err)
		}
		last := left[len(left)-1]
		if last.Name != "audit.removed" || last.Fields["from"] != "1" || last.Fields["through"] != "59" {
			t.Fatalf("%+v", last)
		}
		changed := left[len(left)-2]
		if changed.Fields["before.days"] != "0" || changed.Fields["after.days"] != "40" {
			t.Fatalf("%+v", changed)
		}
		if _, err := l.Details(ctx, 3); !postern.IsCode(err, postern.CodeNotFound) || !strings.Contains(err.Error(), "retention") {
			t.Fatal(err)
		}
		// Twice more, so that there is a chain of floors.
		l.Now = func() time.Time { return time.Date(2026, 6, 11, 12, 0, 0, 0, time.UTC) }
		if n := retain(t, l); n != 10 {
			t.Fatalf("%d entries went", n)
		}
		if v := verify(t, l); !v.OK || v.Floor != 69 {
			t.Fatalf("%+v", v)
		}
		// Everything but the last entry may go.
		l.Now = func() time.Time { return time.Date(2027, 6, 11, 12, 0, 0, 0, time.UTC) }
		retain(t, l)
		if v := verify(t, l); !v.OK || v.Entries-v.Floor != 2 {
			t.Fatalf("%+v", v)
		}
	})
}

func TestRetentionWaitsForStreamsAndExports(t *testing.T) {
	s := open(t, urls["sqlite"](t))
	l := newLog(t, s)
	aging(t, l, 100)
	through := int64(20)
	l.Sent = func(context.Context) (int64, string, bool, error) { return through, "siem", true, nil }
	r := keepFor(t, l, 30, true)
	if !strings.Contains(r.HeldBy, "exported") || retain(t, l) != 0 {
		t.Fatalf("%+v", r)
	}
	for _, export := range []struct{ after, through, known int64 }{{0, 10, 10}, {15, 40, 10}, {5, 30, 30}, {0, 20, 30}, {30, 90, 90}} {
		if err := l.Exported(t.Context(), export.after, export.through); err != nil {
			t.Fatal(err)
		}
		if r, err := l.Retention(t.Context()); err != nil || r.ExportedThrough != export.known {
			t.Fatalf("after %+v: %+v %v", export, r, err)
		}
	}
	if n := retain(t, l); n != 20 {
		t.Fatalf("%d entries went, the stream has 20", n)
	}
	if r, err := l.Retention(t.Context()); err != nil || !strings.Contains(r.HeldBy, "siem") || r.RemovedThrough != 20 {
		t.Fatalf("%+v %v", r, err)
	}
	through = 1000
	if n := retain(t, l); n != 49 {
		t.Fatalf("%d entries went", n)
	}
}

// TestTamperingAfterRetention plays somebody who owns the database after entries were removed rightly.
func TestTamperingAfterRetention(t *testing.T) {
	set := func(column, value string) string {
		return fmt.Sprintf("UPDATE audit_floors SET %s = %s WHERE sequence = 59", column, value)
	}
	cases := map[string]struct {
		statements []string
		brokenAt   int64
	}{
		"one more removed":        {[]string{"DELETE FROM audit_events WHERE sequence = 60"}, 60},
		"removed with the floor":  {[]string{"DELETE FROM audit_events WHERE sequence <= 62", set("sequence", "62"), "UPDATE audit_floors SET hash = (SELECT previous FROM audit_events WHERE sequence = 63)"}, 62},
		"floor's hash":            {[]string{set("hash", "'beef'")}, 59},
		"floor's note":            {[]string{set("note", "'something else'")}, 59},
		"floor gone":              {[]string{"DELETE FROM audit_floors"}, 1},
		"middle removed":          {[]string{"DELETE FROM audit_events WHERE sequence = 80"}, 80},
		"changed":                 {[]string{"UPDATE audit_events SET message = 'x' WHERE sequence = 60"}, 60},
		"first after the floor":   {[]string{"UPDATE audit_events SET previous = '' WHERE sequence = 60"}, 60},
		"put in below the floor":  {[]string{insertCopyOf(60, 30)}, 30},
		"cut off with the head":   {[]string{"DELETE FROM audit_events WHERE sequence > 90", "UPDATE audit_head SET sequence = 90, hash = (SELECT hash FROM audit_events WHERE sequence = 90)"}, 91},
		"two exchanged":           {[]string{"UPDATE audit_events SET sequence = 999 WHERE sequence = 70", "UPDATE audit_events SET sequence = 70 WHERE sequence = 71", "UPDATE audit_events SET sequence = 71 WHERE sequence = 999"}, 70},
		"everything below is new": {[]string{"DELETE FROM audit_events"}, 60},
	}
	for name, c := range cases {
		onBothNamed(t, name, func(t *testing.T, s *store.Store, l *audit.Log) {
			aging(t, l, 100)
			if _, err := l.Checkpoint(t.Context()); err != nil {
				t.Fatal(err)
			}
			keepFor(t, l, 40, false)
			retain(t, l)
			if v := verify(t, l); !v.OK {
				t.Fatalf("%+v", v)
			}
			unguard(t, s)
			for _, statement := range c.statements {
				if _, err := s.DB().Exec(statement); err != nil {
					t.Fatal(err)
				}
			}
			if v := verify(t, l); v.OK || v.BrokenAt != c.brokenAt || v.Message == "" {
				t.Fatalf("%+v, want it broken at %d", v, c.brokenAt)
			}
		})
	}
}

func insertCopyOf(from, to int) string {
	return strings.Replace(insertCopy(to), "WHERE sequence = 1", fmt.Sprintf("WHERE sequence = %d", from), 1)
}

// TestAnOlderCheckpointAfterRetention says what can still be said.
func TestAnOlderCheckpointAfterRetention(t *testing.T) {
	s := open(t, urls["sqlite"](t))
	l := newLog(t, s)
	fill(t, l, 1)
	old, err := l.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	aging(t, l, 100)
	keepFor(t, l, 40, false)
	retain(t, l)
	// The clock of the first entry was later than that of the others, so nothing could go before it.
	if v := verify(t, l); v.Floor != 0 {
		t.Fatalf("%+v", v)
	}
	l.Now = func() time.Time { return time.Now().AddDate(1, 0, 0) }
	retain(t, l)
	v, err := l.VerifyAgainst(t.Context(), old)
	if err != nil || !v.OK || !strings.Contains(v.Message, "nothing left to compare") {
		t.Fatalf("%+v %v", v, err)
	}
}

func TestSavedFilters(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, l *audit.Log) {
		l.Kept = s
		as := func(id string) context.Context {
			return postern.WithActor(t.Context(), postern.Actor{Kind: postern.ActorAdministrator, ID: id})
		}
		in := postern.SavedAuditFilterInput{Name: "Failures", Filter: postern.AuditSelection{Outcome: "failure", Events: []string{"passkey.", "KEY003E"}}}
		f, err := l.SaveFilter(as("adm_a"), in)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Filter(as("adm_b"), f.ID); !postern.IsCode(err, postern.CodeNotFound) {
			t.Fatal(err)
		}
		in.Shared, in.Version = true, f.Version
		if f, err = l.UpdateFilter(as("adm_a"), f.ID, in); err != nil || f.Version != 2 {
			t.Fatal(f, err)
		}
		if _, err := l.UpdateFilter(as("adm_a"), f.ID, in); !postern.IsCode(err, postern.CodeStale) {
			t.Fatal(err)
		}
		in.Version = 2
		if _, err := l.UpdateFilter(as("adm_b"), f.ID, in); !postern.IsCode(err, postern.CodeForbidden) {
			t.Fatal(err)
		}
		if err := l.RemoveFilter(as("adm_b"), f.ID, 2); !postern.IsCode(err, postern.CodeForbidden) {
			t.Fatal(err)
		}
		if all, err := l.Filters(as("adm_b")); err != nil || len(all) != 1 || all[0].Filter.Events[1] != "KEY003E" {
			t.Fatal(all, err)
		}
		for name, bad := range map[string]postern.AuditSelection{
			"outcome": {Outcome: "maybe"}, "event": {Events: []string{"nothing."}}, "words": {Text: strings.Repeat("a ", 9)},
			"time": {From: &f.CreatedAt, To: &f.CreatedAt},
		} {
			if _, err := l.SaveFilter(as("adm_a"), postern.SavedAuditFilterInput{Name: "x", Filter: bad}); !postern.IsCode(err, postern.CodeInvalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := l.RemoveFilter(as("adm_a"), f.ID, 2); err != nil {
			t.Fatal(err)
		}
		if all, err := l.Filters(as("adm_a")); err != nil || len(all) != 0 {
			t.Fatal(all, err)
		}
	})
}

func TestDetails(t *testing.T) {
	s := open(t, urls["sqlite"](t))
	l := newLog(t, s)
	fill(t, l, 2)
	e := sample(3)
	e.Fields = audit.Changes(map[string]any{"a": 1, "gone": "x"}, map[string]any{"a": 2, "new": true})
	ctx := postern.WithGraphRequests(t.Context())
	postern.NoteGraphRequest(ctx, "req-1")
	if err := l.Record(ctx, e); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	fill(t, l, 1)
	d, err := l.Details(t.Context(), 3)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(d.Changes); got != "[{a 1 2} {gone x } {new  true}]" {
		t.Error(got)
	}
	if *d.Older != 2 || *d.Newer != 4 || d.Checkpoint != 3 || !d.Verifies || d.GraphRequests[0] != "req-1" || d.Text != audit.PhaseChanged.Text {
		t.Errorf("%+v", d)
	}
	if d, err := l.Details(t.Context(), 4); err != nil || d.Checkpoint != 0 || d.Newer != nil {
		t.Errorf("%+v %v", d, err)
	}
	if _, err := l.Details(t.Context(), 5); !postern.IsCode(err, postern.CodeNotFound) {
		t.Error(err)
	}
}
