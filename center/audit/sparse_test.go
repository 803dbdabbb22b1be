package audit_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

func TestSparseTellsOfAFloodOnce(t *testing.T) {
	now := time.Unix(0, 0)
	s := audit.NewSparse(func() time.Time { return now }, nil)
	var told []int
	note := func(key string) {
		s.Note(t.Context(), key, func(_ context.Context, more int) error { told = append(told, more); return nil })
	}
	for range 100 {
		note("a")
	}
	note("b")
	now = now.Add(time.Hour)
	note("a")
	if got := fmt.Sprint(told); got != "[0 0 99]" {
		t.Fatal(got)
	}
	told = nil
	for n := range 5000 {
		note(fmt.Sprint("address ", n))
	}
	if len(told) > 1002 {
		t.Fatalf("%d were told of at once", len(told))
	}
}

// heard is a trail that only listens.
type heard []string

func (h *heard) Record(ctx context.Context, e postern.AuditEvent) error {
	*h = append(*h, fmt.Sprint(e.Code, " ", e.ErrorCode, " ", postern.ActorFrom(ctx).Addr, " ", e.Fields["more"]))
	return ctx.Err()
}

// TestSparseTellsOfTheRestWithoutAnother: what went untold is told when nobody fails any more, in the name of who failed,
// and at the end of Postern whatever the hour.
func TestSparseTellsOfTheRestWithoutAnother(t *testing.T) {
	now := time.Unix(0, 0)
	s := audit.NewSparse(func() time.Time { return now }, nil)
	var trail heard
	knock := func(addr string) {
		ctx, cancel := context.WithCancel(postern.WithActor(t.Context(), postern.Actor{Kind: postern.ActorAnonymous, Addr: addr}))
		defer cancel()
		s.Refused(ctx, &trail, addr, audit.PhoneRefused, postern.Errorf(postern.CodePhoneProof, "").Because(errors.New("inner")))
	}
	wants := func(entries ...string) {
		t.Helper()
		if fmt.Sprint([]string(trail)) != fmt.Sprint(entries) {
			t.Fatalf("told %q, not %q", trail, entries)
		}
		trail = nil
	}
	for range 4 {
		knock("192.0.2.1")
	}
	knock("192.0.2.2")
	wants("PHN003W phone_proof_invalid 192.0.2.1 ", "PHN003W phone_proof_invalid 192.0.2.2 ")
	s.Flush(t.Context(), false)
	wants()
	now = now.Add(time.Hour)
	s.Flush(t.Context(), false)
	wants("PHN003W phone_proof_invalid 192.0.2.1 3")
	s.Flush(t.Context(), true)
	wants()
	knock("192.0.2.1") // within the hour of the last entry
	wants()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	s.Run(ended)
	wants("PHN003W phone_proof_invalid 192.0.2.1 1")
}
