package audit_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/seal"
	"github.com/postern/postern/center/store"
	"github.com/postern/postern/internal/testpg"
)

var urls = map[string]func(t testing.TB) string{
	"sqlite":   func(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "postern.db") },
	"postgres": testpg.URL,
}

func onBoth(t *testing.T, do func(t *testing.T, s *store.Store, l *audit.Log)) {
	for dialect, url := range urls {
		t.Run(dialect, func(t *testing.T) {
			s := open(t, url(t))
			do(t, s, newLog(t, s))
		})
	}
}

func open(t testing.TB, url string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func newLog(t testing.TB, s audit.Store) *audit.Log {
	t.Helper()
	key, err := seal.NewKey([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	return &audit.Log{Store: s, Sealer: key, Origin: "postern.test/audit"}
}

func sample(n int) postern.AuditEvent {
	return postern.AuditEvent{
		Code: audit.PhaseChanged.Code, Name: audit.PhaseChanged.Name, IntegrationID: "int_1", Target: fmt.Sprintf("usr_%d", n),
		TargetName: "Ada", Success: n%2 == 0, ErrorCode: postern.CodeConflict, Message: "The phase changed.",
		Fields: map[string]string{"from": "paired", "to": "active"},
	}
}

func fill(t testing.TB, l *audit.Log, n int) {
	t.Helper()
	ctx := postern.WithActor(t.Context(), postern.Actor{Kind: postern.ActorAdministrator, ID: "adm_1", Name: "Grace", Addr: "192.0.2.1"})
	for i := range n {
		if err := l.Record(ctx, sample(i+1)); err != nil {
			t.Fatal(err)
		}
	}
}

func verify(t testing.TB, l *audit.Log) postern.AuditVerification {
	t.Helper()
	v, err := l.Verify(context.WithoutCancel(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestRecordAndVerify(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, l *audit.Log) {
		if v := verify(t, l); !v.OK || v.Entries != 0 || v.Head != "" {
			t.Fatalf("empty: %+v", v)
		}
		fill(t, l, 3)
		events, err := l.Events(t.Context(), audit.Query{})
		if err != nil || len(events) != 3 {
			t.Fatal(events, err)
		}
		for i, e := range events {
			want := sample(i + 1)
			want.Actor = postern.Actor{Kind: postern.ActorAdministrator, ID: "adm_1", Name: "Grace", Addr: "192.0.2.1"}
			want.Sequence, want.ID, want.At, want.Previous, want.Hash = int64(i+1), e.ID, e.At, e.Previous, e.Hash
			if diff := cmp.Diff(want, e); diff != "" {
				t.Error(diff)
			}
			if !postern.ValidID(string(e.ID), postern.PrefixEvent) || time.Since(e.At) > time.Hour || e.Hash != audit.Hash(e) {
				t.Errorf("%+v", e)
			}
			if i > 0 && e.Previous != events[i-1].Hash || i == 0 && e.Previous != "" {
				t.Errorf("entry %d follows %q", e.Sequence, e.Previous)
			}
		}
		v := verify(t, l)
		if !v.OK || v.Entries != 3 || v.Head != events[2].Hash || v.Checkpoint == "" {
			t.Fatalf("%+v", v)
		}
		// The checkpoint that verification gives covers what was verified.
		fill(t, l, 1)
		if v, err := l.VerifyAgainst(t.Context(), v.Checkpoint); err != nil || !v.OK || v.Entries != 4 {
			t.Fatalf("%+v %v", v, err)
		}
	})
}

func TestRecordFallsWithItsTransaction(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, l *audit.Log) {
		boom := errors.New("boom")
		err := s.Atomically(t.Context(), func(ctx context.Context) error { return errors.Join(l.Record(ctx, sample(1)), boom) })
		if !errors.Is(err, boom) {
			t.Fatal(err)
		}
		if v := verify(t, l); !v.OK || v.Entries != 0 {
			t.Fatalf("%+v", v)
		}
	})
}

func TestParallelRecordsMakeOneChain(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, l *audit.Log) {
		const writers, each = 8, 10
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for n := range each {
					err := s.Atomically(t.Context(), func(ctx context.Context) error {
						if err := s.SetSetting(ctx, fmt.Sprintf("w%d", w), []byte{byte(n)}); err != nil {
							return err
						}
						return l.Record(ctx, sample(n))
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		// Verification beside the writers sees a trail that fits at any moment.
		for range 5 {
			if v := verify(t, l); !v.OK {
				t.Errorf("%+v", v)
			}
		}
		wg.Wait()
		if v := verify(t, l); !v.OK || v.Entries != writers*each {
			t.Fatalf("%+v", v)
		}
	})
}

func TestRecordBoundsAndWithholds(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, l *audit.Log) {
		e := sample(1)
		e.TargetName = strings.Repeat("é", 1000)
		e.Message = "zero \x00, broken \xff and a token eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJncmFwaCJ9.c2ln"
		e.Fields = map[string]string{
			"pem":    "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----",
			"header": "Authorization: Bearer abcdefghijklmnopqrstuvwxyz",
			"secret": "xyz8Q~abcdefghijklmnopqrstuvwxyz0123456789",
			"plain":  "8a208249-8aef-41b3-907f-776d51e6526f",
		}
		for i := range 100 {
			e.Fields[fmt.Sprintf("z%03d", i)] = strings.Repeat("v", 5000)
		}
		if err := l.Record(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		events, err := l.Events(t.Context(), audit.Query{})
		if err != nil || len(events) != 1 {
			t.Fatal(err)
		}
		got := events[0]
		if len(got.TargetName) > 256 || !strings.HasSuffix(got.TargetName, "…") || len(got.Fields) != 32 || len(got.Fields["z001"]) > 512 {
			t.Errorf("not bounded: %d, %d, %d", len(got.TargetName), len(got.Fields), len(got.Fields["z001"]))
		}
		if got.Message != "zero \uFFFD, broken \uFFFD and a token [withheld]" {
			t.Errorf("message %q", got.Message)
		}
		for key, want := range map[string]string{
			"pem": "[withheld]", "header": "Authorization: [withheld]", "secret": "[withheld]", "plain": "8a208249-8aef-41b3-907f-776d51e6526f",
		} {
			if got.Fields[key] != want {
				t.Errorf("%s is %q, want %q", key, got.Fields[key], want)
			}
		}
		if v := verify(t, l); !v.OK {
			t.Fatalf("%+v", v)
		}
	})
}

// TestCodesAreUnique reads the source, so that a code added by anybody is covered.
func TestCodesAreUnique(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "codes.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	form := regexp.MustCompile(`^"[A-Z]{3}\d{3}[IWE]"$`)
	seen := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		lit, ok := n.(*ast.CompositeLit)
		if !ok || len(lit.Elts) != 3 {
			return true
		}
		for i, what := range []string{"code", "name"} {
			value := lit.Elts[i].(*ast.BasicLit).Value
			if seen[value] {
				t.Errorf("%s %s is used twice", what, value)
			}
			seen[value] = true
		}
		if code := lit.Elts[0].(*ast.BasicLit).Value; !form.MatchString(code) {
			t.Errorf("%s does not have the form of a code", code)
		}
		return true
	})
	if len(seen) < 20 {
		t.Fatalf("only %d codes and names were found", len(seen))
	}
}
