package conformance

import (
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/doctor"
	"github.com/postern/postern/center/mail"
	"github.com/postern/postern/center/store"
)

func testCondition(t *testing.T, w *world) {
	c, err := w.Condition(w.ctx())
	w.must(err)
	if c.Version == "" || c.Size <= 0 || c.Schema == 0 || c.Schema != c.Newest || c.ReadOnly || c.Replicas != 0 || c.Lag != 0 {
		t.Errorf("%+v", c)
	}
	switch c.Kind {
	case string(store.SQLite):
		if c.Path == "" || c.Major != 0 || c.Ahead != nil {
			t.Errorf("%+v", c)
		}
	case string(store.PostgreSQL):
		if c.Path != "" || c.Major < 10 || c.Ahead == nil {
			t.Errorf("%+v", c)
		}
	default:
		t.Errorf("kind %q", c.Kind)
	}
}

func testPushPhones(_ *testing.T, w *world) {
	ctx := w.ctx()
	none, err := w.PushPhones(ctx, 3)
	w.must(err)
	same(w, len(none), nil)(0)
	u := w.user(w.integration().ID)
	first, second := w.phone(u), w.phone(u)
	w.must(w.SetPushSubscription(ctx, first.ID, []byte("first"), noon))
	w.must(w.SetPushSubscription(ctx, second.ID, []byte("second"), noon.Add(time.Minute)))
	got, err := w.PushPhones(ctx, 3)
	same(w, got, err)([]postern.PhoneID{second.ID, first.ID})
	got, err = w.PushPhones(ctx, 1)
	same(w, got, err)([]postern.PhoneID{second.ID})
}

func testFailures(_ *testing.T, w *world) {
	ctx := w.ctx()
	u := w.user(w.integration().ID)
	for _, code := range []string{"b", "a", "b"} {
		r := w.provisioning(w.phone(u), postern.ProvisioningRequested)
		r.State, r.UpdatedAt = postern.ProvisioningFailed, kept(noon)
		r.Code, r.Message, r.Next = postern.Code(code), "message "+code, "next "+code
		w.must(w.UpdateProvisioning(ctx, &r))
	}
	w.provisioning(w.phone(u), postern.ProvisioningRequested)
	failures, err := w.ProvisioningFailures(ctx, u.IntegrationID, noon)
	same(w, failures, err)([]doctor.Failures{{Code: "b", Message: "message b", Next: "next b", Count: 2}, {Code: "a", Message: "message a", Next: "next a", Count: 1}})
	failures, err = w.ProvisioningFailures(ctx, u.IntegrationID, noon.Add(time.Hour))
	same(w, failures, err)(nil)

	inv := w.invitation(u, "FAIL", postern.InvitationOpen)
	for n, m := range []postern.Message{
		{State: postern.MessageFailed, Problem: "refused"},
		{State: postern.MessageQueued, Problem: "away", Attempts: 1},
		{State: postern.MessageQueued, Problem: "away", Attempts: 2},
		{State: postern.MessageQueued, Problem: "postponed"}, // nobody tried
		{State: postern.MessageSent},
	} {
		at := kept(noon).Add(time.Duration(n) * time.Second)
		m.ID, m.IntegrationID, m.UserID, m.InvitationID = postern.NewID[postern.MessageID](postern.PrefixMessage), u.IntegrationID, u.ID, inv.ID
		m.Kind, m.Language, m.CreatedAt, m.NextAt = postern.MessageReminder, postern.English, at, &at
		w.must(w.CreateMessage(ctx, mail.Entry{Message: m, Sealed: []byte("sealed"), ExpiresAt: &at}))
	}
	failures, err = w.MessageFailures(ctx, noon)
	same(w, failures, err)([]doctor.Failures{{Code: "queued", Message: "away", Count: 2}, {Code: "failed", Message: "refused", Count: 1}})
	// What was given up is of its day; what waits is of today.
	failures, err = w.MessageFailures(ctx, noon.Add(time.Hour))
	same(w, failures, err)([]doctor.Failures{{Code: "queued", Message: "away", Count: 2}})
}
