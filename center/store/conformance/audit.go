package conformance

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

func testAuditEvents(t *testing.T, w *world) {
	ctx := w.ctx()
	e := filled[postern.AuditEvent]()
	e.Sequence = 1
	w.must(w.InsertAuditEvent(ctx, e))
	got, err := w.AuditEvents(ctx, audit.Query{})
	same(w, got, err)([]postern.AuditEvent{e})

	names := []string{"integration.created", "integration.updated", "integrationx", "user.invited"}
	for n := int64(2); n <= 10; n++ {
		w.must(w.InsertAuditEvent(ctx, postern.AuditEvent{
			Sequence: n, At: kept(noon), Name: names[n%4], IntegrationID: postern.IntegrationID(fmt.Sprint("int_", n%2)),
			Target: fmt.Sprint("t", n%3), Actor: postern.Actor{ID: fmt.Sprint("a", n%5)}, Success: n%4 != 0, Hash: fmt.Sprint(n),
		}))
	}
	for name, c := range map[string]struct {
		q    audit.Query
		want []int64
	}{
		"all":          {audit.Query{}, []int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}},
		"integration":  {audit.Query{IntegrationID: "int_1"}, []int64{3, 5, 7, 9}},
		"target":       {audit.Query{Target: "t2"}, []int64{2, 5, 8}},
		"name":         {audit.Query{Name: "integration.created"}, []int64{4, 8}},
		"family":       {audit.Query{Name: "integration."}, []int64{4, 5, 8, 9}},
		"no wildcard":  {audit.Query{Name: "%."}, nil},
		"actor":        {audit.Query{ActorID: "a3"}, []int64{3, 8}},
		"failures":     {audit.Query{FailuresOnly: true}, []int64{4, 8}},
		"after":        {audit.Query{AfterSequence: 8}, []int64{9, 10}},
		"before":       {audit.Query{Before: 3}, []int64{1, 2}},
		"newest":       {audit.Query{Descending: true, Limit: 2}, []int64{10, 9}},
		"next page":    {audit.Query{Descending: true, Limit: 2, Before: 9}, []int64{8, 7}},
		"together":     {audit.Query{IntegrationID: "int_0", Target: "t2", FailuresOnly: true}, []int64{8}},
		"limit":        {audit.Query{Limit: 4}, []int64{1, 2, 3, 4}},
		"far too many": {audit.Query{Limit: 1 << 30, AfterSequence: 9}, []int64{10}},
	} {
		events, err := w.AuditEvents(ctx, c.q)
		w.must(err)
		var got []int64
		for _, e := range events {
			got = append(got, e.Sequence)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func testAuditHead(t *testing.T, w *world) {
	ctx := w.ctx()
	head := func(ctx context.Context) string {
		t.Helper()
		sequence, hash, err := w.AuditHead(ctx)
		w.must(err)
		return fmt.Sprint(sequence, " ", hash)
	}
	if got := head(ctx); got != "0 " {
		t.Fatalf("the head of an empty trail is %q", got)
	}
	w.must(w.InsertAuditEvent(ctx, postern.AuditEvent{Sequence: 1, Hash: "one"}))
	w.refused(w.InsertAuditEvent(ctx, postern.AuditEvent{Sequence: 1, Hash: "again"}), postern.CodeConflict)
	w.refused(w.InsertAuditEvent(ctx, postern.AuditEvent{Sequence: 3, Hash: "gap"}), postern.CodeConflict)
	if got := head(ctx); got != "1 one" {
		t.Fatalf("the head is %q", got)
	}
	// Within transactions the head is locked, so the chain has no gap and no fork.
	const writers, each = 6, 5
	for _, err := range race(writers, func(int) error {
		for range each {
			err := w.Atomically(ctx, func(ctx context.Context) error {
				sequence, hash, err := w.AuditHead(ctx)
				if err != nil {
					return err
				}
				return w.InsertAuditEvent(ctx, postern.AuditEvent{Sequence: sequence + 1, Previous: hash, Hash: fmt.Sprint("h", sequence+1)})
			})
			if err != nil {
				return err
			}
		}
		return nil
	}) {
		w.must(err)
	}
	events, err := w.AuditEvents(ctx, audit.Query{})
	w.must(err)
	if len(events) != 1+writers*each {
		t.Fatalf("%d entries", len(events))
	}
	for n, e := range events {
		if e.Sequence != int64(n+1) || n > 0 && e.Previous != events[n-1].Hash {
			t.Fatalf("entry %d: %+v", n+1, e)
		}
	}
}
