package conformance

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/setup"
	"github.com/postern/postern/center/setup/recipe"
)

func (w *world) setUp(state postern.SetupState) setup.Record {
	w.t.Helper()
	r := filled[setup.Record]()
	r.ID, r.State, r.Version = postern.NewID[postern.SetupID](postern.PrefixSetup), state, 1
	r.CreatedAt = kept(noon).Add(time.Duration(w.id()) * time.Second)
	r.Progress.Seen = recipe.Seen{TenantID: "t", Policy: json.RawMessage(`{"state":"enabled"}`)}
	for _, step := range r.Progress.Steps {
		step.Was = json.RawMessage(`{"state":"disabled"}`)
	}
	w.must(w.CreateSetup(w.ctx(), r))
	return r
}

func testSetups(t *testing.T, w *world) {
	ctx := w.ctx()
	_, err := w.Setup(ctx, "sup_none")
	w.refused(err, postern.CodeNotFound)
	first, second := w.setUp(postern.SetupDraft), w.setUp(postern.SetupReady)
	w.refused(w.CreateSetup(ctx, first), postern.CodeConflict)
	got, err := w.Setup(ctx, first.ID)
	same(w, got, err)(first)
	all, err := w.Setups(ctx)
	same(w, all, err)([]setup.Record{second, first})

	stale := first
	first.State, first.TenantName = postern.SetupPlanned, "Contoso"
	w.must(w.UpdateSetup(ctx, &first))
	if first.Version != 2 {
		t.Errorf("version %d", first.Version)
	}
	got, err = w.Setup(ctx, first.ID)
	same(w, got, err)(first)
	w.refused(w.UpdateSetup(ctx, &stale), postern.CodeStale)
	missing := first
	missing.ID = "sup_none"
	w.refused(w.UpdateSetup(ctx, &missing), postern.CodeNotFound)
	w.oneWins(race(4, func(int) error { r := first; return w.UpdateSetup(ctx, &r) }), postern.CodeStale)

	w.refused(w.DeleteSetup(ctx, first.ID, 1), postern.CodeStale)
	w.must(w.SetSetupSecrets(ctx, first.ID, []byte{1}))
	w.must(w.SetSetupSignIn(ctx, first.ID, []byte{2}, noon))
	w.must(w.DeleteSetup(ctx, first.ID, 3))
	w.refused(w.DeleteSetup(ctx, first.ID, 3), postern.CodeNotFound)
	all, err = w.Setups(ctx)
	same(w, all, err)([]setup.Record{second})
}

func testSetupSecrets(t *testing.T, w *world) {
	ctx := w.ctx()
	one, other := w.setUp(postern.SetupDraft), w.setUp(postern.SetupDraft)
	secrets := func(want []byte) {
		t.Helper()
		got, err := w.SetupSecrets(ctx, one.ID)
		w.must(err)
		if !bytes.Equal(got, want) || (got == nil) != (want == nil) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	secrets(nil)
	for _, sealed := range [][]byte{{1, 0, 255}, {2}, nil} {
		w.must(w.SetSetupSecrets(ctx, one.ID, sealed))
		secrets(sealed)
	}
	signIn := func(id postern.SetupID, at time.Time, want []byte) {
		t.Helper()
		got, err := w.SetupSignIn(ctx, id, at)
		w.must(err)
		if !bytes.Equal(got, want) || (got == nil) != (want == nil) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	ends := noon.Add(time.Hour)
	signIn(one.ID, noon, nil)
	w.must(w.SetSetupSignIn(ctx, one.ID, []byte{1}, noon))
	w.must(w.SetSetupSignIn(ctx, one.ID, []byte{3}, ends))
	w.must(w.SetSetupSignIn(ctx, other.ID, []byte{4}, ends.Add(time.Minute)))
	signIn(one.ID, noon, []byte{3})
	signIn(one.ID, ends, nil)
	w.must(w.ForgetSetupSignIns(ctx, ends))
	signIn(one.ID, noon, nil)
	signIn(other.ID, noon, []byte{4})
	w.must(w.SetSetupSignIn(ctx, other.ID, nil, time.Time{}))
	signIn(other.ID, noon, nil)
}
