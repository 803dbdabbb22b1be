package conformance

import (
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/mail"
)

func testMessages(t *testing.T, w *world) {
	ctx := w.ctx()
	u := w.user(w.integration().ID)
	inv := w.invitation(u, "MAIL", postern.InvitationOpen)
	make := func(kind postern.MessageKind, at time.Time, rank int) mail.Entry {
		at = kept(at)
		m := mail.Entry{
			Message: postern.Message{
				ID: postern.NewID[postern.MessageID](postern.PrefixMessage), IntegrationID: u.IntegrationID, UserID: u.ID, InvitationID: inv.ID,
				Kind: kind, Language: postern.German, Address: "ada@contoso.example", Name: "Ada", State: postern.MessageQueued, CreatedAt: at, NextAt: &at,
			},
			Sealed: []byte("sealed"), Rank: rank, ExpiresAt: &at,
		}
		w.must(w.CreateMessage(ctx, m))
		return m
	}
	bulk, code, later := make(postern.MessageReminder, noon, 1), make(postern.MessageCode, noon.Add(time.Minute), 0), make(postern.MessageCode, noon.Add(time.Hour), 0)
	got, err := w.Message(ctx, code.ID)
	same(w, got, err)(code)
	w.refused(w.CreateMessage(ctx, code), postern.CodeConflict)
	due, err := w.DueMessages(ctx, noon.Add(2*time.Minute), 10)
	same(w, due, err)([]mail.Entry{code, bulk})
	at, ok, err := w.NextMessage(ctx)
	same(w, at, err)(kept(noon))
	if !ok {
		t.Error("nothing is queued")
	}
	tried, next := kept(noon.Add(2*time.Minute)), kept(noon.Add(5*time.Minute))
	begun := code
	begun.Attempts, begun.TriedAt, begun.NextAt = 1, &tried, &next
	w.oneWins(race(4, func(int) error { return w.UpdateMessage(ctx, code, begun) }), postern.CodeStale)
	n, err := w.MessagesTried(ctx, noon)
	same(w, n, err)(1)
	sent := begun
	sent.State, sent.SentAt, sent.NextAt = postern.MessageSent, &tried, nil
	w.must(w.UpdateMessage(ctx, begun, sent))
	sent.Sealed = nil
	got, err = w.Message(ctx, code.ID)
	same(w, got, err)(sent)
	w.must(w.PostponeMessages(ctx, noon.Add(time.Minute), noon.Add(time.Hour), "away"))
	due, err = w.DueMessages(ctx, noon.Add(2*time.Minute), 10)
	same(w, len(due), err)(0)
	w.must(w.HastenMessages(ctx, noon, noon))
	due, err = w.DueMessages(ctx, noon, 10)
	same(w, len(due), err)(2)
	w.must(w.WithdrawMessages(ctx, inv.ID, "over"))
	got, err = w.Message(ctx, later.ID)
	w.must(err)
	if got.State != postern.MessageWithdrawn || len(got.Sealed) != 0 || got.Problem != "over" {
		t.Errorf("%+v", got)
	}
	list, err := w.Messages(ctx, mail.Query{UserID: u.ID, State: postern.MessageSent})
	same(w, list, err)([]postern.Message{sent.Message})
	_, ok, err = w.NextMessage(ctx)
	if w.must(err); ok {
		t.Error("something is queued still")
	}
}

func testUnfinishedUsers(t *testing.T, w *world) {
	ctx := w.ctx()
	i := w.integration()
	u := w.user(i.ID)
	u.Phase, u.Account = postern.PhasePaired, postern.AccountEnabled
	w.must(w.UpdateUser(ctx, &u))
	phone := w.phone(u)
	list, err := w.UnfinishedUsers(ctx, i.ID, "", 10)
	w.must(err)
	if len(list) != 1 || list[0].User.ID != u.ID || !list[0].RemindedAt.IsZero() || list[0].Reminders != 0 ||
		phone.State == postern.PhoneActive && !list[0].Since.Equal(phone.CreatedAt) {
		t.Errorf("%+v", list)
	}
	list, err = w.UnfinishedUsers(ctx, i.ID, u.ID, 10)
	same(w, len(list), err)(0)
	u.Account = postern.AccountDisabled
	w.must(w.UpdateUser(ctx, &u))
	list, err = w.UnfinishedUsers(ctx, i.ID, "", 10)
	same(w, len(list), err)(0)
}
