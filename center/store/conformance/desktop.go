package conformance

import (
	"crypto/sha256"
	"testing"
	"time"

	"github.com/postern/postern"
)

func testInstallTokens(t *testing.T, w *world) {
	ctx := w.ctx()
	i, other := w.integration(), w.integration()
	now := kept(noon)
	hash := func(id postern.InstallTokenID) []byte {
		sum := sha256.Sum256([]byte(id))
		return sum[:]
	}
	create := func(integration postern.IntegrationID, change func(k *postern.InstallToken)) postern.InstallToken {
		t.Helper()
		k := filled[postern.InstallToken]()
		k.ID, k.IntegrationID = postern.NewID[postern.InstallTokenID](postern.PrefixInstallToken), integration
		k.State = "" // never stored
		k.CreatedAt = now.Add(time.Duration(w.id()) * time.Second)
		change(&k)
		w.must(w.CreateInstallToken(ctx, k, hash(k.ID)))
		return k
	}
	fresh := func(uses int) func(k *postern.InstallToken) {
		return func(k *postern.InstallToken) {
			k.MaxUses, k.Uses, k.ExpiresAt, k.LastUsedAt, k.RevokedAt = uses, 0, now.Add(time.Hour), nil, nil
		}
	}
	none, err := w.InstallTokens(ctx, i.ID)
	same(w, none, err)([]postern.InstallToken{})
	whole := create(i.ID, func(*postern.InstallToken) {}) // every field set, revoked among them
	twice := create(i.ID, fresh(2))
	elsewhere := create(other.ID, fresh(1))
	got, err := w.InstallToken(ctx, whole.ID)
	same(w, got, err)(whole)
	got, err = w.InstallTokenByHash(ctx, hash(twice.ID))
	same(w, got, err)(twice)
	_, err = w.InstallToken(ctx, "itk_none")
	w.refused(err, postern.CodeNotFound)
	_, err = w.InstallTokenByHash(ctx, hash("itk_none"))
	w.refused(err, postern.CodeNotFound)
	all, err := w.InstallTokens(ctx, i.ID)
	same(w, all, err)([]postern.InstallToken{twice, whole})
	again := twice
	again.ID = "itk_again"
	w.refused(w.CreateInstallToken(ctx, again, hash(twice.ID)), postern.CodeConflict)
	w.refused(w.CreateInstallToken(ctx, twice, hash(again.ID)), postern.CodeConflict)
	again.IntegrationID = "int_none"
	w.refused(w.CreateInstallToken(ctx, again, hash(again.ID)), postern.CodeNotFound)

	live := func(at time.Time, want int64) {
		t.Helper()
		n, err := w.CountLiveInstallTokens(ctx, i.ID, at)
		same(w, n, err)(want)
	}
	live(now, 1)
	live(twice.ExpiresAt, 0)
	use := func(id postern.InstallTokenID, at time.Time) bool {
		t.Helper()
		live, err := w.UseInstallToken(ctx, id, at)
		w.must(err)
		return live
	}
	if use(whole.ID, now) || use(twice.ID, twice.ExpiresAt) || use("itk_none", now) {
		t.Error("a token that is not live was used")
	}
	// However many come at once, it is used as often as it may be.
	used := make([]bool, 6)
	for _, err := range race(len(used), func(n int) (err error) {
		used[n], err = w.UseInstallToken(ctx, twice.ID, now)
		return err
	}) {
		w.must(err)
	}
	n := 0
	for _, ok := range used {
		if ok {
			n++
		}
	}
	if n != 2 {
		t.Errorf("used %d times, want 2", n)
	}
	twice.Uses, twice.LastUsedAt = 2, &now
	got, err = w.InstallToken(ctx, twice.ID)
	same(w, got, err)(twice)
	live(now, 0)

	for _, want := range []bool{true, false} {
		revoked, err := w.RevokeInstallToken(ctx, elsewhere.ID, now.Add(time.Minute))
		same(w, revoked, err)(want)
	}
	revoked, err := w.RevokeInstallToken(ctx, "itk_none", now)
	same(w, revoked, err)(false)
	if use(elsewhere.ID, now) {
		t.Error("a revoked token was used")
	}
	w.must(w.DeleteIntegration(ctx, other.ID, other.Version))
	_, err = w.InstallToken(ctx, elsewhere.ID)
	w.refused(err, postern.CodeNotFound)
}
