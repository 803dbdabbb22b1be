package conformance

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/lifecycle"
)

func testUsers(t *testing.T, w *world) {
	ctx := w.ctx()
	i := w.integration()
	u := w.user(i.ID)
	got, err := w.User(ctx, u.ID)
	same(w, got, err)(u)
	got, err = w.UserByObjectID(ctx, i.ID, u.ObjectID)
	same(w, got, err)(u)
	_, err = w.UserByObjectID(ctx, w.integration().ID, u.ObjectID)
	w.refused(err, postern.CodeNotFound)
	_, err = w.User(ctx, "usr_none")
	w.refused(err, postern.CodeNotFound)

	twin := u
	twin.ID = "usr_twin"
	w.refused(w.CreateUser(ctx, twin), postern.CodeConflict)
	twin.IntegrationID = w.integration().ID // another tenant may know the same object id
	w.must(w.CreateUser(ctx, twin))
	w.refused(w.CreateUser(ctx, u), postern.CodeConflict)

	changed := filled[postern.User]()
	changed.ID, changed.IntegrationID, changed.Version, changed.Mail = u.ID, i.ID, u.Version, ""
	w.must(w.UpdateUser(ctx, &changed))
	got, err = w.User(ctx, u.ID)
	same(w, got, err)(changed)
	if changed.Version != u.Version+1 {
		t.Errorf("version %d", changed.Version)
	}
	w.refused(w.UpdateUser(ctx, &u), postern.CodeStale)
	other := w.user(i.ID)
	other.ObjectID = changed.ObjectID
	w.refused(w.UpdateUser(ctx, &other), postern.CodeConflict)
	other.ID, other.ObjectID = "usr_none", "unheard of"
	w.refused(w.UpdateUser(ctx, &other), postern.CodeNotFound)
	w.oneWins(race(4, func(int) error { mine := changed; return w.UpdateUser(ctx, &mine) }), postern.CodeStale)
}

func testUserLists(t *testing.T, w *world) {
	ctx := w.ctx()
	i, other := w.integration(), w.integration()
	names := []string{"ada", "Ada", "Zoë", "zoe", "_x", "a%b", "Übel", "Bob", "bob-x", "Éa"}
	for n, name := range names {
		u := filled[postern.User]()
		u.ID, u.IntegrationID, u.ObjectID = postern.UserID(fmt.Sprintf("usr_%02d", n)), i.ID, fmt.Sprint(n)
		u.DisplayName, u.UPN, u.Phase = name, fmt.Sprintf("user%02d@Example.com", n), postern.PhaseEligible
		if n%2 == 1 {
			u.Phase = postern.PhaseActive
		}
		w.must(w.CreateUser(ctx, u))
	}
	stranger := w.user(other.ID)
	list := func(q lifecycle.UserQuery) []string {
		t.Helper()
		q.IntegrationID = i.ID
		users, err := w.Users(ctx, q)
		w.must(err)
		got := []string{}
		for _, u := range users {
			got = append(got, u.DisplayName)
		}
		return got
	}
	// By the bytes of the lower-case name, then id; the same on every database.
	all := []string{"_x", "a%b", "ada", "Ada", "Bob", "bob-x", "zoe", "Zoë", "Éa", "Übel"}
	for name, c := range map[string]struct {
		q    lifecycle.UserQuery
		want []string
	}{
		"all":             {lifecycle.UserQuery{}, all},
		"first page":      {lifecycle.UserQuery{Limit: 3}, all[:3]},
		"second page":     {lifecycle.UserQuery{Offset: 3, Limit: 3}, all[3:6]},
		"behind the last": {lifecycle.UserQuery{Offset: 10}, []string{}},
		"phase":           {lifecycle.UserQuery{Phase: postern.PhaseActive}, []string{"a%b", "Ada", "Bob", "zoe", "Éa"}},
		"any case":        {lifecycle.UserQuery{Search: "ADA"}, []string{"ada", "Ada"}},
		"beyond ASCII":    {lifecycle.UserQuery{Search: "ÉA"}, []string{"Éa"}},
		"by UPN":          {lifecycle.UserQuery{Search: "USER03@example"}, []string{"zoe"}},
		"percent":         {lifecycle.UserQuery{Search: "%"}, []string{"a%b"}},
		"underscore":      {lifecycle.UserQuery{Search: "_"}, []string{"_x"}},
		"backslash":       {lifecycle.UserQuery{Search: `\`}, []string{}},
		"quote":           {lifecycle.UserQuery{Search: `' OR 1=1 --`}, []string{}},
		"both":            {lifecycle.UserQuery{Search: "ob", Phase: postern.PhaseEligible}, []string{"bob-x"}},
	} {
		if got := list(c.q); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	everybody, err := w.Users(ctx, lifecycle.UserQuery{})
	if err != nil || len(everybody) != len(names)+1 {
		t.Errorf("%d users of all integrations, %v", len(everybody), err)
	}
	whole := filled[postern.User]()
	whole.ID, whole.IntegrationID, whole.ObjectID = "usr_whole", i.ID, "whole"
	w.must(w.CreateUser(ctx, whole))
	found, err := w.Users(ctx, lifecycle.UserQuery{Search: whole.UPN, IntegrationID: i.ID})
	same(w, found, err)([]postern.User{whole})

	uninvited := w.user(other.ID)
	uninvited.Phase = ""
	w.must(w.UpdateUser(ctx, &uninvited))
	found, err = w.Users(ctx, lifecycle.UserQuery{Phase: postern.PhaseNone})
	same(w, found, err)([]postern.User{uninvited})

	counts, err := w.CountUsers(ctx, other.ID)
	same(w, counts, err)(map[postern.Phase]int{stranger.Phase: 1, postern.PhaseNone: 1})
	counts, err = w.CountUsers(ctx, i.ID)
	same(w, counts, err)(map[postern.Phase]int{postern.PhaseEligible: 5, postern.PhaseActive: 5, whole.Phase: 1})
}

func testUserFacts(_ *testing.T, w *world) {
	ctx := w.ctx()
	i := w.integration()
	u, other := w.user(i.ID), w.user(i.ID)
	open := w.invitation(u, "A", postern.InvitationOpen)
	w.invitation(u, "B", postern.InvitationUsed)
	w.invitation(other, "C", postern.InvitationOpen)
	p := w.phone(u)
	gone := w.phone(u)
	gone.State = postern.PhoneRevoked
	w.must(w.UpdatePhone(ctx, &gone))
	w.passkey(p, postern.PasskeyActive)
	w.passkey(p, postern.PasskeyActive)
	w.passkey(p, postern.PasskeyRevocation)
	w.passkey(p, postern.PasskeyRevoked)
	w.onSecurityKey(u, postern.ProvisioningActive) // which no phase follows

	facts, err := w.UserFacts(ctx, u.ID, open.ExpiresAt.Add(-time.Millisecond))
	same(w, facts, err)(lifecycle.Facts{OpenInvitations: 1, Phones: 1, Passkeys: 2})
	facts, err = w.UserFacts(ctx, u.ID, open.ExpiresAt) // an invitation is over at its time
	same(w, facts, err)(lifecycle.Facts{Phones: 1, Passkeys: 2})
	w.must(w.Atomically(ctx, func(ctx context.Context) error {
		facts, err := w.UserFacts(ctx, u.ID, noon)
		same(w, facts, err)(lifecycle.Facts{OpenInvitations: 1, Phones: 1, Passkeys: 2})
		_, err = w.UserFacts(ctx, "usr_none", noon)
		w.refused(err, postern.CodeNotFound)
		return nil
	}))
	_, err = w.UserFacts(ctx, "usr_none", noon)
	w.refused(err, postern.CodeNotFound)
}

// testUserFactsRace has transactions each add a phone and then settle the user by the facts. The last to settle must have
// seen every phone.
func testUserFactsRace(t *testing.T, w *world) {
	ctx := w.ctx()
	u := w.user(w.integration().ID)
	const phones = 6
	for _, err := range race(phones, func(int) error {
		return w.Atomically(ctx, func(ctx context.Context) error {
			p := filled[postern.Phone]()
			p.ID, p.IntegrationID, p.UserID, p.State = postern.NewID[postern.PhoneID]("phn"), u.IntegrationID, u.ID, postern.PhoneActive
			if err := w.CreatePhone(ctx, p); err != nil {
				return err
			}
			facts, err := w.UserFacts(ctx, u.ID, noon)
			if err != nil {
				return err
			}
			now, err := w.User(ctx, u.ID)
			if err != nil {
				return err
			}
			now.Problem = fmt.Sprint(facts.Phones)
			return w.UpdateUser(ctx, &now)
		})
	}) {
		w.must(err)
	}
	if got, err := w.User(ctx, u.ID); err != nil || got.Problem != fmt.Sprint(phones) || got.Version != u.Version+phones {
		t.Fatalf("%+v, %v", got, err)
	}
}

func testUsersOutOfGroup(t *testing.T, w *world) {
	ctx := w.ctx()
	i := w.integration()
	var want []postern.UserID
	for n := range 4 {
		u := w.user(i.ID)
		u.UpdatedAt = kept(noon).Add(-time.Duration(n) * time.Hour)
		w.must(w.UpdateUser(ctx, &u))
		w.must(w.NoteGroupPhase(ctx, u.ID, ""))
		if n == 2 {
			w.must(w.NoteGroupPhase(ctx, u.ID, u.Phase))
		} else {
			want = append([]postern.UserID{u.ID}, want...)
		}
	}
	gone := w.user(i.ID)
	gone.Account = postern.AccountDeleted
	w.must(w.UpdateUser(ctx, &gone))
	w.must(w.NoteGroupPhase(ctx, gone.ID, "")) // Entra took them out of their group
	stranger := w.user(w.integration().ID)
	w.must(w.NoteGroupPhase(ctx, stranger.ID, ""))

	list := func(after lifecycle.Mover, limit int) (ids []postern.UserID, last lifecycle.Mover) {
		users, err := w.UsersOutOfGroup(ctx, i.ID, after, limit)
		w.must(err)
		for _, u := range users {
			ids = append(ids, u.ID)
			last = u
		}
		return ids, last
	}
	if got, _ := list(lifecycle.Mover{}, 10); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	got, last := list(lifecycle.Mover{}, 2)
	if !slices.Equal(got, want[:2]) {
		t.Errorf("%v, want %v", got, want[:2])
	}
	if got, _ := list(last, 2); !slices.Equal(got, want[2:]) {
		t.Errorf("%v, want %v", got, want[2:])
	}
	before, err := w.User(ctx, want[0])
	w.must(err)
	w.must(w.NoteGroupToward(ctx, want[0], before.Phase))
	if _, last := list(lifecycle.Mover{}, 1); last.Toward != before.Phase {
		t.Errorf("%+v", last)
	}
	w.must(w.NoteGroupPhase(ctx, want[0], before.Phase))
	before.GroupPhase = before.Phase
	user, err := w.User(ctx, want[0])
	same(w, user, err)(before) // the version too
	if got, _ := list(lifecycle.Mover{}, 10); !slices.Equal(got, want[1:]) {
		t.Errorf("%v, want %v", got, want[1:])
	}
	if n, err := w.ForgetGroup(ctx, i.ID, before.Phase); err != nil || n != 2 {
		t.Errorf("%d, %v", n, err)
	}
	if _, last := list(lifecycle.Mover{}, 1); last.ID != want[0] || last.Toward != "" || last.GroupPhase != "" {
		t.Errorf("%+v", last)
	}
	w.refused(w.NoteGroupPhase(ctx, "usr_none", "active"), postern.CodeNotFound)
	w.refused(w.NoteGroupToward(ctx, "usr_none", "active"), postern.CodeNotFound)

	var ids []postern.UserID
	for after := postern.UserID(""); ; after = ids[len(ids)-1] {
		page, err := w.UserIDs(ctx, i.ID, after, 2)
		w.must(err)
		if len(page) == 0 {
			break
		}
		ids = append(ids, page...)
	}
	if len(ids) != 5 || !slices.IsSorted(ids) || slices.Contains(ids, stranger.ID) {
		t.Errorf("%v", ids)
	}
}

func testInvitations(t *testing.T, w *world) {
	ctx := w.ctx()
	u := w.user(w.integration().ID)
	first := w.invitation(u, "HANDLE", postern.InvitationOpen)
	got, err := w.Invitation(ctx, first.ID)
	same(w, got, err)(first)
	got, hash, err := w.InvitationByHandle(ctx, "HANDLE")
	same(w, got, err)(first)
	if string(hash) != "hash HANDLE" {
		t.Errorf("hash %q", hash)
	}
	_, err = w.Invitation(ctx, "inv_none")
	w.refused(err, postern.CodeNotFound)
	_, _, err = w.InvitationByHandle(ctx, "NONE")
	w.refused(err, postern.CodeNotFound)

	// No two open ones share a handle.
	second := first
	second.ID, second.UsedAt, second.CreatedAt = "inv_second", nil, first.CreatedAt.Add(time.Hour)
	w.refused(w.CreateInvitation(ctx, second, "HANDLE", []byte("h")), postern.CodeConflict)
	changed := first
	changed.State, changed.Failures, changed.UsedAt = postern.InvitationLocked, 5, nil
	changed.InvitedBy, changed.ExpiresAt = "somebody else", kept(noon)
	w.must(w.UpdateInvitation(ctx, first, changed))
	got, err = w.Invitation(ctx, first.ID)
	same(w, got, err)(changed)
	w.refused(w.UpdateInvitation(ctx, first, changed), postern.CodeStale)
	missing := first
	missing.ID = "inv_none"
	w.refused(w.UpdateInvitation(ctx, missing, changed), postern.CodeNotFound)

	// The open one is found, or else the newest.
	w.must(w.CreateInvitation(ctx, second, "HANDLE", []byte("h")))
	if got, _, err = w.InvitationByHandle(ctx, "HANDLE"); err != nil || got.ID != second.ID {
		t.Errorf("found %s, %v; want the open one", got.ID, err)
	}
	used := second
	used.State = postern.InvitationUsed
	w.must(w.UpdateInvitation(ctx, second, used))
	if got, _, err = w.InvitationByHandle(ctx, "HANDLE"); err != nil || got.ID != second.ID {
		t.Errorf("found %s, %v; want the newest", got.ID, err)
	}
	list, err := w.Invitations(ctx, u.ID)
	same(w, list, err)([]postern.Invitation{changed, used})

	// Of two that enter the code at once, one is counted.
	third := w.invitation(u, "THIRD", postern.InvitationOpen)
	w.oneWins(race(4, func(int) error {
		next := third
		next.Failures++
		return w.UpdateInvitation(ctx, third, next)
	}), postern.CodeStale)
	w.oneWins(race(4, func(n int) error {
		next := third
		next.ID = postern.InvitationID(fmt.Sprint("inv_race", n))
		return w.CreateInvitation(ctx, next, "RACE", nil)
	}), postern.CodeConflict)
}
