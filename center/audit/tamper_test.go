package audit_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"pgregory.net/rapid"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/store"
)

// columns are all that an entry consists of in the database.
var columns = []string{
	"sequence", "id", "at", "code", "name", "actor_kind", "actor_id", "actor_name", "actor_addr", "integration_id", "target",
	"target_name", "success", "error_code", "message", "fields", "previous", "hash",
}

// TestAnyChangeIsFoundWhereItIs changes one field of one entry, whichever it may be, and expects to be told which entry.
func TestAnyChangeIsFoundWhereItIs(t *testing.T) {
	const entries = 9
	onBoth(t, func(t *testing.T, s *store.Store, l *audit.Log) {
		fill(t, l, entries)
		unguard(t, s)
		db, ctx := s.DB(), context.WithoutCancel(t.Context())
		ids := make(map[int64]postern.EventID)
		events, err := l.Events(ctx, audit.Query{})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			ids[e.Sequence] = e.ID
		}
		rapid.Check(t, func(rt *rapid.T) {
			sequence := rapid.Int64Range(1, entries).Draw(rt, "sequence")
			column := rapid.SampledFrom(columns).Draw(rt, "column")
			var was any
			row := db.QueryRowContext(ctx, "SELECT "+column+" FROM audit_events WHERE sequence = $1", sequence)
			if err := row.Scan(&was); err != nil {
				rt.Fatal(err)
			}
			var now any
			at := sequence // where the row is found again
			switch column {
			case "sequence":
				at = entries + rapid.Int64Range(1, 1000).Draw(rt, "moved to")
				now = at
			case "at":
				now = was.(int64) + rapid.SampledFrom([]int64{-1, 1, 1000}).Draw(rt, "later by")
			case "success":
				was = sample(int(sequence)).Success // SQLite gives a number
				now = !was.(bool)
			case "fields":
				fields := map[string]string{"from": "paired", "to": "active"}
				rapid.SampledFrom([]func(){
					func() { fields["to"] = "revoked" },
					func() { delete(fields, "from") },
					func() { fields["more"] = "" },
					func() { fields = map[string]string{"from": "active", "to": "paired"} },
				}).Draw(rt, "change")()
				text, err := json.Marshal(fields)
				if err != nil {
					rt.Fatal(err)
				}
				now = string(text)
			default:
				text := rapid.StringMatching(`[ -~]{0,80}`).Draw(rt, "text")
				if text == was {
					text += "x"
				}
				now = text
			}
			set := func(value any, where int64) {
				if _, err := db.ExecContext(ctx, "UPDATE audit_events SET "+column+" = $1 WHERE sequence = $2", value, where); err != nil {
					rt.Fatal(err)
				}
			}
			set(now, sequence)
			v, err := l.Verify(ctx)
			set(was, at)
			if err != nil {
				rt.Fatal(err)
			}
			if column != "id" && column != "sequence" && v.BrokenID != ids[sequence] {
				rt.Fatalf("entry %d is %s; verification names %q", sequence, ids[sequence], v.BrokenID)
			}
			if v.OK || v.BrokenAt != sequence || v.Entries != sequence-1 || v.Message == "" {
				rt.Fatalf("%s of entry %d was changed from %v to %v; verification says %+v", column, sequence, was, now, v)
			}
		})
		if v := verify(t, l); !v.OK {
			t.Fatalf("after all was put back: %+v", v)
		}
	})
}

// unguard plays somebody who owns the database and takes its guards down.
func unguard(t testing.TB, s *store.Store) {
	t.Helper()
	statements := []string{
		"DROP TRIGGER audit_events_unchanged", "DROP TRIGGER audit_events_kept", "DROP TRIGGER audit_floors_unchanged", "DROP TRIGGER audit_floors_kept",
	}
	if s.Dialect() == store.PostgreSQL {
		statements = []string{"ALTER TABLE audit_events DISABLE TRIGGER ALL", "ALTER TABLE audit_floors DISABLE TRIGGER ALL"}
	}
	for _, statement := range statements {
		if _, err := s.DB().Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTheDatabaseRefusesToForget asks with Postern's own rights.
func TestTheDatabaseRefusesToForget(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, l *audit.Log) {
		fill(t, l, 3)
		statements := []string{
			"UPDATE audit_events SET message = 'nothing happened' WHERE sequence = 2", "UPDATE audit_events SET subject = '' WHERE sequence = 2",
			"DELETE FROM audit_events WHERE sequence = 1", "DELETE FROM audit_events",
		}
		if s.Dialect() == store.PostgreSQL {
			statements = append(statements, "TRUNCATE audit_events", "TRUNCATE audit_floors")
		}
		for _, statement := range statements {
			if _, err := s.DB().Exec(statement); err == nil {
				t.Errorf("the database did %q", statement)
			}
		}
		if v := verify(t, l); !v.OK || v.Entries != 3 {
			t.Fatalf("%+v", v)
		}
	})
}

func TestTampering(t *testing.T) {
	const entries = 6
	cases := map[string]struct {
		statements []string
		brokenAt   int64
	}{
		"first removed":  {[]string{"DELETE FROM audit_events WHERE sequence = 1"}, 1},
		"middle removed": {[]string{"DELETE FROM audit_events WHERE sequence = 3"}, 3},
		"removed and closed up": {[]string{
			"DELETE FROM audit_events WHERE sequence = 3",
			"UPDATE audit_events SET sequence = 3 WHERE sequence = 4", "UPDATE audit_events SET sequence = 4 WHERE sequence = 5",
			"UPDATE audit_events SET sequence = 5 WHERE sequence = 6", "UPDATE audit_head SET sequence = 5",
		}, 3},
		"last removed": {[]string{"DELETE FROM audit_events WHERE sequence = 6"}, 6},
		"all removed":  {[]string{"DELETE FROM audit_events"}, 1},
		"two exchanged": {[]string{
			"UPDATE audit_events SET sequence = 99 WHERE sequence = 2", "UPDATE audit_events SET sequence = 2 WHERE sequence = 4",
			"UPDATE audit_events SET sequence = 4 WHERE sequence = 99",
		}, 2},
		"put in before the first": {[]string{insertCopy(0)}, 0},
		"put in behind the last":  {[]string{insertCopy(entries + 1)}, entries + 1},
		"head changed":            {[]string{"UPDATE audit_head SET hash = 'beef'"}, entries},
		"cut off with the head": {[]string{
			"DELETE FROM audit_events WHERE sequence > 4",
			"UPDATE audit_head SET sequence = 4, hash = (SELECT hash FROM audit_events WHERE sequence = 4)",
		}, 5},
	}
	for name, c := range cases {
		onBothNamed(t, name, func(t *testing.T, s *store.Store, l *audit.Log) {
			fill(t, l, entries)
			if _, err := l.Checkpoint(t.Context()); err != nil {
				t.Fatal(err)
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

func onBothNamed(t *testing.T, name string, do func(t *testing.T, s *store.Store, l *audit.Log)) {
	t.Run(name, func(t *testing.T) { onBoth(t, do) })
}

func insertCopy(sequence int) string {
	rest := strings.Join(columns[1:], ", ")
	return fmt.Sprintf("INSERT INTO audit_events (sequence, %s) SELECT %d, %s FROM audit_events WHERE sequence = 1", rest, sequence, rest)
}

// TestANewChainIsFoundByACheckpoint plays somebody with all rights on the database and no key, who writes the whole trail
// anew so that it fits in itself.
func TestANewChainIsFoundByACheckpoint(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, l *audit.Log) {
		fill(t, l, 5)
		unguard(t, s)
		kept, err := l.Checkpoint(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		fill(t, l, 2)
		events, err := l.Events(t.Context(), audit.Query{})
		if err != nil {
			t.Fatal(err)
		}
		previous := ""
		for _, e := range events {
			if e.Sequence == 3 {
				e.Actor.Name = "Somebody else"
			}
			e.Previous = previous
			e.Hash = audit.Hash(e)
			previous = e.Hash
			if _, err := s.DB().Exec("UPDATE audit_events SET actor_name = $1, previous = $2, hash = $3 WHERE sequence = $4",
				e.Actor.Name, e.Previous, e.Hash, e.Sequence); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.DB().Exec("UPDATE audit_head SET hash = $1", previous); err != nil {
			t.Fatal(err)
		}
		if v := verify(t, l); v.OK || v.BrokenAt != 5 {
			t.Fatalf("with the checkpoint in the database: %+v", v)
		}
		if _, err := s.DB().Exec("DELETE FROM settings WHERE name = 'audit/checkpoint'"); err != nil {
			t.Fatal(err)
		}
		if v, err := l.VerifyAgainst(t.Context(), kept); err != nil || v.OK || v.BrokenAt != 5 {
			t.Fatalf("with the checkpoint that was kept: %+v %v", v, err)
		}
	})
}

func TestCheckpoint(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, l *audit.Log) {
		ctx := t.Context()
		empty, err := l.Checkpoint(ctx)
		if err != nil {
			t.Fatal(err)
		}
		fill(t, l, 4)
		text, err := l.Checkpoint(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(text, "postern.test/audit\n4\n") {
			t.Fatal(text)
		}
		for _, good := range []string{empty, text} {
			if v, err := l.VerifyAgainst(ctx, good); err != nil || !v.OK {
				t.Fatalf("%+v %v", v, err)
			}
		}
		key, err := l.VerifierKey(ctx)
		if err != nil {
			t.Fatal(err)
		}
		events, err := l.Events(ctx, audit.Query{Descending: true, Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		if c, err := audit.ParseCheckpoint(key, text); err != nil || c.Size != 4 || c.Head != events[0].Hash {
			t.Fatalf("%+v %v", c, err)
		}
		if c, err := audit.ParseCheckpoint(key, empty); err != nil || c.Size != 0 || c.Head != "" {
			t.Fatalf("%+v %v", c, err)
		}
		other := open(t, urls["sqlite"](t))
		foreign, err := newLog(t, other).Checkpoint(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for name, bad := range map[string]string{
			"changed size": strings.Replace(text, "\n4\n", "\n5\n", 1), "other signer": foreign, "nothing": "",
			"no signature": strings.SplitAfter(text, "\n\n")[0], "too long": text + strings.Repeat("— x AAAA\n", 1000),
		} {
			if _, err := l.VerifyAgainst(ctx, bad); !postern.IsCode(err, postern.CodeInvalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
		// A checkpoint in the database that was not signed here is a finding.
		if err := s.SetSetting(ctx, "audit/checkpoint", []byte(foreign)); err != nil {
			t.Fatal(err)
		}
		if v := verify(t, l); v.OK || v.Message == "" {
			t.Fatalf("%+v", v)
		}
	})
}

func TestTheSigningKeyIsSealedAndStays(t *testing.T) {
	s := open(t, urls["sqlite"](t))
	first, err := newLog(t, s).VerifierKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	second, err := newLog(t, s).VerifierKey(t.Context())
	if err != nil || first != second {
		t.Fatalf("%q, then %q, %v", first, second, err)
	}
	stored, err := s.Setting(t.Context(), "audit/key")
	if err != nil || strings.Contains(string(stored), "PRIVATE") || len(stored) == 0 {
		t.Fatalf("%q %v", stored, err)
	}
}

func FuzzParseCheckpoint(f *testing.F) {
	signer, verifier, err := note.GenerateKey(rand.Reader, "postern.test/audit")
	if err != nil {
		f.Fatal(err)
	}
	sign, err := note.NewSigner(signer)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("postern.test/audit\n4\n" + strings.Repeat("A", 43) + "=\n")
	f.Add("postern.test/audit\n-0\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		if c, err := audit.ParseCheckpoint(verifier, text); err == nil {
			t.Fatalf("a checkpoint was accepted that nobody signed: %+v", c)
		}
		signed, err := note.Sign(&note.Note{Text: text}, sign)
		if err != nil {
			return // not a note at all
		}
		c, err := audit.ParseCheckpoint(verifier, string(signed))
		if err == nil && !strings.HasPrefix(text, fmt.Sprintf("postern.test/audit\n%d\n", c.Size)) {
			t.Fatalf("%q was read as %+v", text, c)
		}
	})
}
