package audit_test

import (
	"context"
	"fmt"
	"testing"
	"time"

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
