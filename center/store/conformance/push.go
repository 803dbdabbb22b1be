package conformance

import (
	"testing"

	"github.com/postern/postern"
)

func testPushSubscriptions(t *testing.T, w *world) {
	ctx := w.ctx()
	u := w.user(w.integration().ID)
	phone, other := w.phone(u), w.phone(u)
	_, err := w.PushSubscription(ctx, phone.ID)
	w.refused(err, postern.CodeNotFound)
	w.must(w.SetPushSubscription(ctx, phone.ID, []byte("first"), noon))
	w.must(w.SetPushSubscription(ctx, other.ID, []byte("other"), noon))
	got, err := w.PushSubscription(ctx, phone.ID)
	same(w, got, err)([]byte("first"))
	w.must(w.SetPushSubscription(ctx, phone.ID, []byte("second"), noon))
	w.must(w.DeletePushSubscription(ctx, phone.ID, []byte("first"))) // that is not there any more
	got, err = w.PushSubscription(ctx, phone.ID)
	same(w, got, err)([]byte("second"))
	w.must(w.DeletePushSubscription(ctx, phone.ID, []byte("second")))
	_, err = w.PushSubscription(ctx, phone.ID)
	w.refused(err, postern.CodeNotFound)
	w.must(w.DeletePushSubscription(ctx, phone.ID, []byte("second")))
	got, err = w.PushSubscription(ctx, other.ID)
	same(w, got, err)([]byte("other"))
	w.must(w.DeletePushSubscription(ctx, other.ID, nil))
	_, err = w.PushSubscription(ctx, other.ID)
	w.refused(err, postern.CodeNotFound)
	w.refused(w.SetPushSubscription(ctx, "phn_none", []byte("x"), noon), postern.CodeNotFound)
	for _, err := range race(4, func(n int) error { return w.SetPushSubscription(ctx, phone.ID, []byte{byte(n)}, noon) }) {
		w.must(err)
	}
}

func testSettingsOnce(t *testing.T, w *world) {
	ctx := w.ctx()
	w.oneWins(race(4, func(n int) error { return w.CreateSetting(ctx, "once", []byte{byte(n)}) }), postern.CodeConflict)
	first, err := w.Setting(ctx, "once")
	w.must(err)
	w.refused(w.CreateSetting(ctx, "once", []byte("again")), postern.CodeConflict)
	got, err := w.Setting(ctx, "once")
	same(w, got, err)(first)
}
