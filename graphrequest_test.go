package postern_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/postern/postern"
)

func TestGraphRequests(t *testing.T) {
	ctx := context.Background()
	postern.NoteGraphRequest(ctx, "nobody-collects")
	if got := postern.GraphRequests(ctx); got != nil {
		t.Fatal(got)
	}
	ctx = postern.WithGraphRequests(ctx)
	for _, id := range []string{"", "a b", "a\r\nb", "é", strings.Repeat("a", 41), "one", "one", "two"} {
		postern.NoteGraphRequest(ctx, id)
	}
	inner := postern.WithGraphRequests(ctx)
	postern.NoteGraphRequest(inner, "inner")
	if got := postern.GraphRequests(ctx); !slices.Equal(got, []string{"one", "two"}) {
		t.Fatal(got)
	}
	for i := range 100 {
		postern.NoteGraphRequest(ctx, fmt.Sprint("r-", i))
	}
	if got := postern.GraphRequests(ctx); len(got) != 12 || got[0] != "r-88" || got[11] != "r-99" {
		t.Fatal(got)
	}
}
