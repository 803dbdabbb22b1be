package conformance

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern/postern"
	"github.com/postern/postern/center/directory"
)

func testDirectory(t *testing.T, w *world) {
	ctx := w.ctx()
	i, other := w.integration(), w.integration()
	ada := postern.DirectoryUser{
		ObjectID: "o-ada", UPN: "Ada@Contoso.com", DisplayName: "ada", Mail: "a.lovelace@contoso.com", Enabled: true, Synced: true, Privileged: true,
		Roles: []string{"Global Administrator"},
	}
	bo := postern.DirectoryUser{ObjectID: "o-bo", UPN: "bo_fabrikam.com#EXT#@contoso.com", DisplayName: "Bo 100%", Guest: true}
	cy := postern.DirectoryUser{ObjectID: "o-cy", UPN: "cy@contoso.com", DisplayName: "Cy", Enabled: true}
	w.must(w.PutDirectoryUsers(ctx, i.ID, 1, []postern.DirectoryUser{cy, ada, bo}))
	w.must(w.PutDirectoryUsers(ctx, other.ID, 1, []postern.DirectoryUser{cy}))
	w.must(w.PutDirectoryUsers(ctx, i.ID, 1, nil))

	known := w.user(i.ID)
	ids := func(q directory.Query, missing int64) []string {
		t.Helper()
		q.IntegrationID = i.ID
		entries, err := w.DirectoryEntries(ctx, q, missing)
		w.must(err)
		var out []string
		for _, e := range entries {
			out = append(out, e.ObjectID)
		}
		return out
	}
	yes, no := true, false
	for name, c := range map[string]struct {
		q    directory.Query
		want []string
	}{
		"all, by name":     {directory.Query{}, []string{"o-ada", "o-bo", "o-cy"}},
		"name, any case":   {directory.Query{Search: "ADA"}, []string{"o-ada"}},
		"mail":             {directory.Query{Search: "lovelace"}, []string{"o-ada"}},
		"user name":        {directory.Query{Search: "#ext#"}, []string{"o-bo"}},
		"a sign of LIKE":   {directory.Query{Search: "0%"}, []string{"o-bo"}},
		"not across":       {directory.Query{Search: "cy\ncy"}, []string{"o-cy"}},
		"enabled":          {directory.Query{Account: postern.AccountEnabled}, []string{"o-ada", "o-cy"}},
		"disabled":         {directory.Query{Account: postern.AccountDisabled}, []string{"o-bo"}},
		"deleted":          {directory.Query{Account: postern.AccountDeleted}, nil},
		"guests":           {directory.Query{Guest: &yes}, []string{"o-bo"}},
		"no guests":        {directory.Query{Guest: &no}, []string{"o-ada", "o-cy"}},
		"privileged":       {directory.Query{Privileged: &yes}, []string{"o-ada"}},
		"members":          {directory.Query{Members: []string{"o-cy", "o-bo", "nobody"}}, []string{"o-bo", "o-cy"}},
		"of an empty one":  {directory.Query{Members: []string{}}, nil},
		"one":              {directory.Query{ObjectID: "o-cy"}, []string{"o-cy"}},
		"second page":      {directory.Query{Offset: 1, Limit: 1}, []string{"o-bo"}},
		"without a phase":  {directory.Query{Phase: postern.PhaseNone}, []string{"o-ada", "o-bo", "o-cy"}},
		"in another phase": {directory.Query{Phase: postern.PhaseActive}, nil},
	} {
		if got := ids(c.q, 0); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}

	// A user whom Postern knows carries their phase.
	known.ObjectID, known.Phase = cy.ObjectID, postern.PhasePaired
	w.must(w.UpdateUser(ctx, &known))
	entries, err := w.DirectoryEntries(ctx, directory.Query{IntegrationID: i.ID, Phase: postern.PhasePaired}, 0)
	w.must(err)
	want := []postern.DirectoryEntry{{DirectoryUser: cy, IntegrationID: i.ID, UserID: known.ID, Phase: postern.PhasePaired}}
	if d := cmp.Diff(want, entries); d != "" {
		t.Error(d)
	}

	// Seen again, by a later reading, with another name; the others were not.
	ada.DisplayName, ada.UPN = "Ada King", "ada.king@contoso.com"
	w.must(w.PutDirectoryUsers(ctx, i.ID, 2, []postern.DirectoryUser{ada}))
	all, before, err := w.CountDirectoryUsers(ctx, i.ID, 2)
	w.must(err)
	if all != 3 || before != 2 {
		t.Errorf("%d users, %d not seen", all, before)
	}
	old, err := w.DirectoryUsersBefore(ctx, i.ID, 2, 10)
	w.must(err)
	if d := cmp.Diff([]postern.DirectoryUser{bo, cy}, old); d != "" {
		t.Error(d)
	}
	entries, err = w.DirectoryEntries(ctx, directory.Query{IntegrationID: i.ID, Search: "king"}, 2)
	w.must(err)
	if len(entries) != 1 || entries[0].Missing || entries[0].UPN != ada.UPN {
		t.Errorf("%+v", entries)
	}

	bo.Roles, bo.Privileged = []string{"Reports Reader"}, true
	changed := bo
	changed.DisplayName = "not stored"
	w.must(w.MarkDirectoryUsers(ctx, i.ID, []postern.DirectoryUser{changed, {ObjectID: "nobody"}}))
	holders, err := w.DirectoryUsersWithRoles(ctx, i.ID)
	w.must(err)
	slices.SortFunc(holders, func(a, b postern.DirectoryUser) int { return len(a.ObjectID) - len(b.ObjectID) })
	if d := cmp.Diff([]postern.DirectoryUser{bo, ada}, holders); d != "" {
		t.Error(d)
	}

	w.must(w.DropDirectoryUsers(ctx, i.ID, []string{"o-cy", "nobody"}))
	w.must(w.DropDirectoryUsers(ctx, i.ID, nil))
	some, err := w.DirectoryUsers(ctx, i.ID, []string{"o-cy", "o-ada"})
	w.must(err)
	if d := cmp.Diff([]postern.DirectoryUser{ada}, some); d != "" {
		t.Error(d)
	}
	if some, err = w.DirectoryUsers(ctx, other.ID, []string{"o-cy"}); err != nil || len(some) != 1 {
		t.Errorf("of the other integration: %v %v", some, err)
	}

	// More than one statement takes.
	many := make([]postern.DirectoryUser, 2500)
	for n := range many {
		many[n] = postern.DirectoryUser{ObjectID: fmt.Sprint("m", n), UPN: fmt.Sprint("m", n, "@contoso.com"), Enabled: true}
	}
	w.must(w.PutDirectoryUsers(ctx, other.ID, 1, many))
	if all, _, err = w.CountDirectoryUsers(ctx, other.ID, 0); err != nil || all != 2501 {
		t.Errorf("%d users, %v", all, err)
	}
	w.must(w.DeleteIntegration(ctx, other.ID, other.Version))
	if all, _, err = w.CountDirectoryUsers(ctx, other.ID, 0); err != nil || all != 0 {
		t.Errorf("%d users without an integration, %v", all, err)
	}
}

func testDirectoryProgress(t *testing.T, w *world) {
	ctx := w.ctx()
	i := w.integration()
	p, err := w.DirectoryProgress(ctx, i.ID)
	w.must(err)
	if p.Version != 0 || p.Cursor != "" || p.Integration != i.ID {
		t.Fatalf("before the first: %+v", p)
	}
	p.Cursor, p.Generation = "https://graph.microsoft.com/x", 3
	w.must(w.SetDirectoryProgress(ctx, &p))
	p.Subscription = directory.Subscription{ID: "s", Proof: []byte{1, 2}}
	p.Failure = &directory.Failure{Code: postern.CodeEntraUnreachable, Message: "m", Next: "n"}
	w.must(w.SetDirectoryProgress(ctx, &p))
	stored, err := w.DirectoryProgress(ctx, i.ID)
	w.must(err)
	if d := cmp.Diff(p, stored); d != "" || stored.Version != 2 {
		t.Errorf("version %d: %s", stored.Version, d)
	}
	old := p
	old.Version = 1
	w.refused(w.SetDirectoryProgress(ctx, &old), postern.CodeStale)
	old.Version = 0
	w.refused(w.SetDirectoryProgress(ctx, &old), postern.CodeStale)
	w.oneWins(race(4, func(int) error { mine := p; return w.SetDirectoryProgress(ctx, &mine) }), postern.CodeStale)
	w.must(w.DeleteIntegration(ctx, i.ID, i.Version))
	if gone, err := w.DirectoryProgress(ctx, i.ID); err != nil || gone.Version != 0 {
		t.Errorf("without an integration: %+v %v", gone, err)
	}
}
