package conformance

import (
	"bytes"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/auth"
)

func (w *world) administrator(name string) postern.Administrator {
	w.t.Helper()
	a := filled[postern.Administrator]()
	a.ID, a.Version, a.Name, a.Passkeys = postern.NewID[postern.AdministratorID](postern.PrefixAdministrator), 1, name, 0
	a.CreatedAt = kept(noon).Add(time.Duration(w.id()) * time.Second)
	w.must(w.CreateAdministrator(w.ctx(), a))
	return a
}

func testAdministrators(t *testing.T, w *world) {
	ctx := w.ctx()
	none, err := w.Administrators(ctx)
	same(w, none, err)([]postern.Administrator{})
	a, b := w.administrator("Ada"), w.administrator("Bob")
	got, err := w.Administrator(ctx, a.ID)
	same(w, got, err)(a)
	all, err := w.Administrators(ctx)
	same(w, all, err)([]postern.Administrator{a, b})
	w.refused(w.CreateAdministrator(ctx, a), postern.CodeConflict)
	_, err = w.Administrator(ctx, "adm_none")
	w.refused(err, postern.CodeNotFound)

	changed := filled[postern.Administrator]()
	changed.ID, changed.Version, changed.Passkeys, changed.LastSignIn, changed.DisabledAt = a.ID, a.Version, 0, nil, nil
	w.must(w.UpdateAdministrator(ctx, &changed))
	got, err = w.Administrator(ctx, a.ID)
	same(w, got, err)(changed)
	w.refused(w.UpdateAdministrator(ctx, &a), postern.CodeStale)
	missing := changed
	missing.ID = "adm_none"
	w.refused(w.UpdateAdministrator(ctx, &missing), postern.CodeNotFound)
	w.oneWins(race(4, func(int) error { mine := changed; return w.UpdateAdministrator(ctx, &mine) }), postern.CodeStale)

	w.refused(w.DeleteAdministrator(ctx, b.ID, b.Version+1), postern.CodeStale)
	w.refused(w.DeleteAdministrator(ctx, "adm_none", 1), postern.CodeNotFound)
	w.must(w.DeleteAdministrator(ctx, b.ID, b.Version))
	_, err = w.Administrator(ctx, b.ID)
	w.refused(err, postern.CodeNotFound)
	if changed.Version != a.Version+1 {
		t.Errorf("version %d", changed.Version)
	}
}

func testCredentials(t *testing.T, w *world) {
	ctx := w.ctx()
	a, b := w.administrator("Ada"), w.administrator("Bob")
	c := filled[auth.Credential]()
	c.ID, c.AdministratorID = []byte{0, 255, 1}, a.ID
	w.must(w.CreateCredential(ctx, c))
	second := auth.Credential{ID: []byte("second"), AdministratorID: a.ID, CreatedAt: c.CreatedAt.Add(time.Hour)}
	w.must(w.CreateCredential(ctx, second))
	w.must(w.CreateCredential(ctx, auth.Credential{ID: []byte("third"), AdministratorID: b.ID}))
	w.refused(w.CreateCredential(ctx, c), postern.CodeConflict)
	w.refused(w.CreateCredential(ctx, auth.Credential{ID: []byte("x"), AdministratorID: "adm_none"}), postern.CodeNotFound)

	got, err := w.CredentialByID(ctx, c.ID)
	same(w, got, err)(c)
	list, err := w.AdministratorCredentials(ctx, a.ID)
	same(w, list, err)([]auth.Credential{c, second})
	if got, err := w.Administrator(ctx, a.ID); err != nil || got.Passkeys != 2 {
		t.Errorf("%d passkeys, %v", got.Passkeys, err)
	}
	if all, err := w.Administrators(ctx); err != nil || all[0].Passkeys != 2 || all[1].Passkeys != 1 {
		t.Errorf("%+v, %v", all, err)
	}
	_, err = w.CredentialByID(ctx, []byte("none"))
	w.refused(err, postern.CodeNotFound)

	at := kept(noon)
	c.Name, c.Data, c.LastUsed, c.CreatedAt = "renamed", []byte(`{"signCount":2}`), &at, at
	w.must(w.UpdateCredential(ctx, c))
	got, err = w.CredentialByID(ctx, c.ID)
	same(w, got, err)(c)
	w.refused(w.UpdateCredential(ctx, auth.Credential{ID: []byte("none")}), postern.CodeNotFound)

	w.must(w.DeleteCredential(ctx, second.ID))
	w.refused(w.DeleteCredential(ctx, second.ID), postern.CodeNotFound)
	w.must(w.DeleteAdministrator(ctx, a.ID, a.Version)) // takes the passkeys along
	_, err = w.CredentialByID(ctx, c.ID)
	w.refused(err, postern.CodeNotFound)
}

func testTokens(_ *testing.T, w *world) {
	ctx := w.ctx()
	token := filled[postern.APIToken]()
	w.must(w.CreateToken(ctx, token, []byte{0, 1, 255}))
	got, err := w.TokenByHash(ctx, []byte{0, 1, 255})
	same(w, got, err)(token)
	_, err = w.TokenByHash(ctx, []byte{0, 1})
	w.refused(err, postern.CodeNotFound)
	twin := token
	twin.ID = "tok_twin"
	w.refused(w.CreateToken(ctx, twin, []byte{0, 1, 255}), postern.CodeConflict)
	w.refused(w.CreateToken(ctx, token, []byte("other")), postern.CodeConflict)
	twin.CreatedAt, twin.Scopes, twin.LastUsed, twin.RevokedAt = token.CreatedAt.Add(time.Hour), nil, nil, nil
	w.must(w.CreateToken(ctx, twin, []byte("other")))
	all, err := w.Tokens(ctx)
	same(w, all, err)([]postern.APIToken{token, twin})

	changed := filled[postern.APIToken]()
	changed.ID, changed.Name, changed.RevokedAt = token.ID, "renamed", nil
	w.must(w.UpdateToken(ctx, changed))
	got, err = w.TokenByHash(ctx, []byte{0, 1, 255})
	same(w, got, err)(changed)
	changed.ID = "tok_none"
	w.refused(w.UpdateToken(ctx, changed), postern.CodeNotFound)
}

func testLinks(t *testing.T, w *world) {
	ctx := w.ctx()
	link := filled[auth.Link]()
	w.must(w.CreateLink(ctx, link))
	w.refused(w.CreateLink(ctx, link), postern.CodeConflict)
	got, err := w.LinkByHash(ctx, link.Hash)
	same(w, got, err)(link)
	_, err = w.LinkByHash(ctx, []byte("none"))
	w.refused(err, postern.CodeNotFound)

	w.must(w.DeleteExpiredLinks(ctx, link.ExpiresAt.Add(-time.Millisecond)))
	taken := make([]bool, 6)
	for _, err := range race(len(taken), func(n int) error {
		var err error
		taken[n], err = w.TakeLink(ctx, link.Hash)
		return err
	}) {
		w.must(err)
	}
	count := 0
	for _, ok := range taken {
		if ok {
			count++
		}
	}
	if count != 1 {
		t.Errorf("the link was taken %d times", count)
	}
	_, err = w.LinkByHash(ctx, link.Hash)
	w.refused(err, postern.CodeNotFound)
	w.must(w.CreateLink(ctx, link))
	w.must(w.DeleteExpiredLinks(ctx, link.ExpiresAt))
	_, err = w.LinkByHash(ctx, link.Hash)
	w.refused(err, postern.CodeNotFound)
}

func testSessions(t *testing.T, w *world) {
	ctx := w.ctx()
	later, past := time.Now().Add(time.Hour), time.Now().Add(-time.Second)
	if _, found, err := w.FindCtx(ctx, "token"); found || err != nil {
		t.Fatal(found, err)
	}
	for _, data := range [][]byte{{0, 1, 255}, []byte("replaced")} {
		w.must(w.CommitCtx(ctx, "token", data, later))
		got, found, err := w.FindCtx(ctx, "token")
		if err != nil || !found || !bytes.Equal(got, data) {
			t.Fatalf("%q %t %v", got, found, err)
		}
	}
	w.must(w.Commit("old", []byte("x"), past))
	if _, found, err := w.Find("old"); found || err != nil {
		t.Fatalf("a session was found after its time: %v", err)
	}
	w.must(w.Commit("other", []byte("x"), later))
	var rows int
	w.must(w.DB().QueryRowContext(ctx, "SELECT count(*) FROM sessions").Scan(&rows))
	if rows != 2 {
		t.Errorf("%d sessions are kept, want 2: expired ones go", rows)
	}
	var hash []byte
	w.must(w.DB().QueryRowContext(ctx, "SELECT token_hash FROM sessions LIMIT 1").Scan(&hash))
	if len(hash) != 32 {
		t.Errorf("what is stored of a token has %d bytes; want a hash", len(hash))
	}
	w.must(w.DeleteCtx(ctx, "token"))
	w.must(w.Delete("other"))
	w.must(w.Delete("other"))
	for _, token := range []string{"token", "other"} {
		if _, found, err := w.Find(token); found || err != nil {
			t.Fatal(token, found, err)
		}
	}
}
