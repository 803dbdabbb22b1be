package conformance

import (
	"testing"

	"github.com/postern/postern"
)

func testDocuments(t *testing.T, w *world) {
	ctx := w.ctx()
	i, other := w.integration(), w.integration()
	want := func(id postern.IntegrationID, version int64, body string) {
		t.Helper()
		v, b, err := w.Document(ctx, id, "leaver")
		w.must(err)
		if v != version || string(b) != body {
			t.Errorf("%q: version %d, %s; want %d, %s", id, v, b, version, body)
		}
	}
	want(i.ID, 0, "")
	v, err := w.SetDocument(ctx, i.ID, "leaver", 0, []byte(`{"a":1}`))
	w.must(err)
	want(i.ID, 1, `{"a":1}`)
	want(other.ID, 0, "")
	want("", 0, "")
	_, err = w.SetDocument(ctx, "", "leaver", 0, []byte(`{}`))
	w.must(err)
	_, err = w.SetDocument(ctx, i.ID, "leaver", 0, []byte(`{}`))
	w.refused(err, postern.CodeStale)
	v, err = w.SetDocument(ctx, i.ID, "leaver", v, []byte(`{"a":2}`))
	w.must(err)
	want(i.ID, 2, `{"a":2}`)
	_, err = w.SetDocument(ctx, i.ID, "leaver", v-1, []byte(`{}`))
	w.refused(err, postern.CodeStale)
	w.oneWins(race(4, func(int) error { _, err := w.SetDocument(ctx, i.ID, "leaver", v, []byte(`{"a":3}`)); return err }), postern.CodeStale)
	w.must(w.DeleteIntegration(ctx, i.ID, i.Version))
	want(i.ID, 0, "")
	want("", 1, `{}`)
}
