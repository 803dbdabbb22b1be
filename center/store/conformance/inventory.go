package conformance

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postern/postern"
	"github.com/postern/postern/center/policy/inventory"
)

const (
	modelA = "aaaaaaaa-0000-0000-0000-000000000001"
	modelB = "bbbbbbbb-0000-0000-0000-000000000002"
)

// entraKey is a passkey as Entra tells of it.
func entraKey(method, aaguid string, created time.Time, used *time.Time) postern.InventoryPasskey {
	return postern.InventoryPasskey{
		MethodID: method, Name: "Key " + method, Model: "Model of " + aaguid[:1], AAGUID: aaguid, Attested: aaguid == modelA, Synced: aaguid == modelB,
		CreatedAt: kept(created), LastUsedAt: used,
	}
}

func testInventory(t *testing.T, w *world) {
	ctx := w.ctx()
	i, other := w.integration(), w.integration()
	ada := postern.DirectoryUser{ObjectID: "o-ada", UPN: "Ada@contoso.com", DisplayName: "ada", Enabled: true, Privileged: true, Roles: []string{"Global Administrator"}}
	bo := postern.DirectoryUser{ObjectID: "o-bo", UPN: "bo@contoso.com", DisplayName: "Bo 100%", Guest: true}
	cy := postern.DirectoryUser{ObjectID: "o-cy", UPN: "cy@contoso.com", DisplayName: "Cy", Enabled: true, Privileged: true}
	di := postern.DirectoryUser{ObjectID: "o-di", UPN: "di@contoso.com", DisplayName: "Di", Enabled: true}
	w.must(w.PutDirectoryUsers(ctx, i.ID, 1, []postern.DirectoryUser{cy, ada, bo, di}))
	w.must(w.PutDirectoryUsers(ctx, other.ID, 1, []postern.DirectoryUser{ada}))
	at := kept(noon)
	old, long, lately := at.Add(-200*24*time.Hour), at.Add(-100*24*time.Hour), at.Add(-time.Hour)
	people := inventory.People{Integration: i.ID, StaleBefore: at.Add(-90 * 24 * time.Hour)}
	put := func(id postern.IntegrationID, looked ...inventory.Looked) (changed, failures int) {
		t.Helper()
		changed, failures, err := w.PutLooked(ctx, id, looked, at, 1)
		w.must(err)
		return changed, failures
	}

	if n, err := w.CountUnread(ctx, people); err != nil || n != 4 {
		t.Errorf("%d unread, %v", n, err)
	}
	keys := []postern.InventoryPasskey{entraKey("m1", modelA, old, &lately), entraKey("m2", modelB, old, &long), entraKey("m3", modelB, long, nil)}
	if n, _ := put(i.ID,
		inventory.Looked{ObjectID: "o-ada", Passkeys: keys, LastUse: true},
		inventory.Looked{ObjectID: "o-bo", Passkeys: []postern.InventoryPasskey{entraKey("m4", modelA, old, nil)}},
		inventory.Looked{ObjectID: "o-cy"},
		inventory.Looked{ObjectID: "o-gone", Passkeys: []postern.InventoryPasskey{entraKey("m9", modelA, old, nil)}},
	); n != 5 {
		t.Errorf("%d changed", n)
	}
	put(other.ID, inventory.Looked{ObjectID: "o-ada", Passkeys: keys[:1]})

	// The second and, at first, the fourth are managed: one on a phone, one on a workstation.
	u := w.user(i.ID)
	phone, station := w.phone(u), w.workstation(i.ID)
	managed := filled[postern.Passkey]()
	managed.IntegrationID, managed.UserID, managed.PhoneID = i.ID, u.ID, phone.ID
	managed.Managed, managed.State, managed.Version = true, postern.PasskeyActive, 1
	atStation := managed
	managed.ID, managed.MethodID, managed.Carrier, managed.WorkstationID = postern.NewID[postern.PasskeyID](postern.PrefixPasskey), "m2", postern.CarrierPhone, ""
	atStation.ID, atStation.MethodID, atStation.Carrier, atStation.WorkstationID = postern.NewID[postern.PasskeyID](postern.PrefixPasskey), "m4", postern.CarrierWorkstation, station.ID
	atStation.CredentialID, atStation.ProvisioningID = []byte(atStation.ID), postern.NewID[postern.ProvisioningID](postern.PrefixProvisioning)
	w.must(w.CreatePasskey(ctx, managed))
	w.must(w.CreatePasskey(ctx, atStation))

	list := func(q postern.InventoryQuery) []string {
		t.Helper()
		q.IntegrationID = i.ID
		found, total, err := w.InventoryPasskeys(ctx, people, q)
		w.must(err)
		ids := []string{}
		for _, k := range found {
			ids = append(ids, k.MethodID)
		}
		if q.Limit == 0 && total != len(ids) {
			t.Errorf("%+v: %d listed of %d", q, len(ids), total)
		}
		return ids
	}
	for name, c := range map[string]struct {
		q    postern.InventoryQuery
		want []string
	}{
		"all, by the user's name": {postern.InventoryQuery{}, []string{"m1", "m2", "m3", "m4"}},
		"managed":                 {postern.InventoryQuery{View: postern.InventoryManaged}, []string{"m2", "m4"}},
		"unmanaged":               {postern.InventoryQuery{View: postern.InventoryUnmanaged}, []string{"m1", "m3"}},
		"unattested":              {postern.InventoryQuery{View: postern.InventoryUnattested}, []string{"m2", "m3"}},
		"synced":                  {postern.InventoryQuery{View: postern.InventorySynced}, []string{"m2", "m3"}},
		"stale, or never used":    {postern.InventoryQuery{View: postern.InventoryStale}, []string{"m2", "m3"}},
		"of a disabled account":   {postern.InventoryQuery{View: postern.InventoryDisabledAccount}, []string{"m4"}},
		"of a model":              {postern.InventoryQuery{AAGUID: "AAAAAAAA-0000-0000-0000-000000000001"}, []string{"m1", "m4"}},
		"of one user":             {postern.InventoryQuery{ObjectID: "o-bo"}, []string{"m4"}},
		"of a user's name":        {postern.InventoryQuery{Text: "0%"}, []string{"m4"}},
		"of a passkey's name":     {postern.InventoryQuery{Text: " KEY M3 "}, []string{"m3"}},
		"second page":             {postern.InventoryQuery{Offset: 1, Limit: 2}, []string{"m2", "m3"}},
	} {
		if got := list(c.q); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	found, total, err := w.InventoryPasskeys(ctx, people, postern.InventoryQuery{Offset: 1, Limit: 1})
	w.must(err)
	want := keys[1]
	want.IntegrationID, want.ObjectID, want.UPN, want.DisplayName, want.Enabled, want.Privileged = i.ID, "o-ada", ada.UPN, ada.DisplayName, true, true
	want.LastUsedReadAt, want.SeenAt, want.PasskeyID, want.PhoneID, want.PhoneName = &at, at, managed.ID, phone.ID, phone.Name
	if d := cmp.Diff([]postern.InventoryPasskey{want}, found); d != "" || total != 4 {
		t.Errorf("%d in all: %s", total, d)
	}
	found, _, err = w.InventoryPasskeys(ctx, people, postern.InventoryQuery{ObjectID: "o-bo"})
	w.must(err)
	if len(found) != 1 || found[0].PasskeyID != atStation.ID || found[0].WorkstationID != station.ID || found[0].WorkstationName != station.Name {
		t.Errorf("on a workstation lies %+v", found)
	}
	atStation.State = postern.PasskeyRevoked
	w.must(w.UpdatePasskey(ctx, &atStation))

	users := func(q postern.InventoryQuery) []string {
		t.Helper()
		found, total, err := w.InventoryUsers(ctx, people, q)
		w.must(err)
		ids := []string{}
		for _, u := range found {
			ids = append(ids, fmt.Sprint(u.ObjectID, len(u.Passkeys)))
		}
		if q.Limit == 0 && total != len(ids) {
			t.Errorf("%+v: %d listed of %d", q, len(ids), total)
		}
		return ids
	}
	for name, c := range map[string]struct {
		q    postern.InventoryQuery
		want []string
	}{
		"all, by name":       {postern.InventoryQuery{}, []string{"o-ada3", "o-bo1", "o-cy0", "o-di0"}},
		"privileged without": {postern.InventoryQuery{View: postern.InventoryPrivilegedWithout}, []string{"o-cy0"}},
		"only one":           {postern.InventoryQuery{View: postern.InventoryOnlyOne}, []string{"o-bo1"}},
		"without":            {postern.InventoryQuery{View: postern.InventoryWithout}, []string{"o-cy0", "o-di0"}},
		"of a model":         {postern.InventoryQuery{AAGUID: modelB}, []string{"o-ada3"}},
		"of one user":        {postern.InventoryQuery{ObjectID: "o-cy"}, []string{"o-cy0"}},
		"of a name":          {postern.InventoryQuery{Text: "CY@"}, []string{"o-cy0"}},
		"second page":        {postern.InventoryQuery{Offset: 2, Limit: 1}, []string{"o-cy0"}},
	} {
		if got := users(c.q); !slices.Equal(got, c.want) {
			t.Errorf("users, %s: %v, want %v", name, got, c.want)
		}
	}

	sum, err := w.InventorySummary(ctx, people)
	w.must(err)
	if d := cmp.Diff(postern.InventorySummary{
		IntegrationID: i.ID, Users: 4, WithPasskey: 2, WithOne: 1, Passkeys: 4, Managed: 1, Attested: 2, Synced: 2, Stale: 2, NeverUsed: 1, PrivilegedAll: 2, PrivilegedNo: 1,
		Models: []postern.InventoryModel{
			{AAGUID: modelA, Names: []string{"Model of a"}, Passkeys: 2, Users: 2, Attested: 2, First: old, Last: old},
			{AAGUID: modelB, Names: []string{"Model of b"}, Passkeys: 2, Users: 1, Managed: 1, Synced: 2, First: old, Last: long},
		},
	}, sum); d != "" {
		t.Error(d)
	}

	// The phone's word counts beside Entra's: a passkey is stale when neither is recent, never used when there is neither.
	both := func(stale, never int, which ...string) {
		t.Helper()
		if got := list(postern.InventoryQuery{View: postern.InventoryStale}); !slices.Equal(got, which) {
			t.Errorf("stale: %v, want %v", got, which)
		}
		if sum, err := w.InventorySummary(ctx, people); err != nil || sum.Stale != stale || sum.NeverUsed != never {
			t.Errorf("%d stale, %d never used, %v", sum.Stale, sum.NeverUsed, err)
		}
	}
	w.must(w.NotePasskeyUse(ctx, managed.ID, phone.ID, long))
	both(2, 1, "m2", "m3") // long ago by both
	w.must(w.NotePasskeyUse(ctx, managed.ID, phone.ID, lately))
	both(1, 1, "m3") // Entra is behind
	third := w.passkey(w.phone(u), postern.PasskeyActive)
	third.MethodID, third.Managed = "m3", true
	w.must(w.UpdatePasskey(ctx, &third))
	w.must(w.NotePasskeyUse(ctx, third.ID, third.PhoneID, old))
	both(1, 0, "m3") // Entra tells of no use, the phone of one long ago
	fourth := w.passkey(w.phone(u), postern.PasskeyActive)
	fourth.MethodID, fourth.Managed = "m4", true
	w.must(w.UpdatePasskey(ctx, &fourth))
	both(1, 0, "m3") // of m4 nothing is known
	w.must(w.NotePasskeyUse(ctx, fourth.ID, fourth.PhoneID, old))
	both(2, 0, "m3", "m4") // where Entra does not tell, the phone's word is all there is

	// The same again changes nothing; a use is no change; what Entra no longer lists goes.
	if n, _ := put(i.ID, inventory.Looked{ObjectID: "o-ada", Passkeys: keys, LastUse: true}); n != 0 {
		t.Errorf("the same again: %d changed", n)
	}
	used := slices.Clone(keys)
	used[2].LastUsedAt = &lately
	if n, _ := put(i.ID, inventory.Looked{ObjectID: "o-ada", Passkeys: used, LastUse: true}); n != 0 {
		t.Errorf("a use: %d changed", n)
	}
	for n := range used {
		used[n].LastUsedAt = nil // not told this time, which is no news
	}
	used[0].Name = "Another name"
	if n, _ := put(i.ID, inventory.Looked{ObjectID: "o-ada", Passkeys: used[:2]}); n != 2 {
		t.Errorf("renamed and gone: %d changed", n)
	}
	if got := list(postern.InventoryQuery{View: postern.InventoryStale}); !slices.Equal(got, []string{"m4"}) {
		t.Errorf("stale: %v", got)
	}
	if got := list(postern.InventoryQuery{Text: "another"}); !slices.Equal(got, []string{"m1"}) {
		t.Errorf("by the new name: %v", got)
	}
	if n, _ := put(i.ID, inventory.Looked{ObjectID: "o-bo", Gone: true}); n != 1 {
		t.Errorf("a user who is gone: %d changed", n)
	}
	if n, err := w.ForgetGone(ctx, people); err != nil || n != 1 { // of o-gone, whom the directory does not have
		t.Errorf("%d passkeys of users who are gone, %v", n, err)
	}

	w.must(w.PutMethods(ctx, i.ID, []inventory.Methods{{ObjectID: "o-ada", Methods: []string{"email"}}, {ObjectID: "o-di"}}, at))
	all, err := w.InventoryUsersAfter(ctx, people, "o-a", 10)
	w.must(err)
	facts := []string{}
	for _, u := range all {
		facts = append(facts, fmt.Sprintf("%s %t%v %t %t %t %t%v %d", u.ObjectID, u.MethodsKnown, u.Methods, u.LookedAt != nil, u.Enabled, u.Guest, u.Privileged, u.Roles, len(u.Passkeys)))
	}
	if d := cmp.Diff([]string{
		"o-ada true[email] true true false true[Global Administrator] 2", "o-bo false[] false false true false[] 0",
		"o-cy false[] true true false true[] 0", "o-di true[] false true false false[] 0",
	}, facts); d != "" {
		t.Error(d)
	}
	if all, err = w.InventoryUsersAfter(ctx, people, "o-bo", 1); err != nil || len(all) != 1 || all[0].ObjectID != "o-cy" {
		t.Errorf("%+v %v", all, err)
	}
	w.must(w.DeleteIntegration(ctx, i.ID, i.Version))
	if sum, err = w.InventorySummary(ctx, people); err != nil || sum.Passkeys != 0 {
		t.Errorf("without an integration: %+v %v", sum, err)
	}
}

func testInventoryDue(t *testing.T, w *world) {
	ctx := w.ctx()
	i := w.integration()
	at := kept(noon)
	people := inventory.People{Integration: i.ID}
	var users []postern.DirectoryUser
	for n := range 7 {
		users = append(users, postern.DirectoryUser{ObjectID: fmt.Sprint("o", n), UPN: fmt.Sprint("U", n, "@contoso.com"), Enabled: true})
	}
	w.must(w.PutDirectoryUsers(ctx, i.ID, 1, users))
	due := func() []string {
		t.Helper()
		ids, all, err := w.Due(ctx, i.ID, 100)
		w.must(err)
		if all != len(ids) {
			t.Errorf("%v of %d", ids, all)
		}
		return ids
	}
	expect := func(name string, want ...string) {
		t.Helper()
		if got := due(); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	var places []string
	for after := ""; ; {
		last, err := w.NoteEverybodyDue(ctx, people, after, 3)
		w.must(err)
		places = append(places, last)
		if after = last; after == "" {
			break
		}
	}
	if !slices.Equal(places, []string{"o2", "o5", ""}) {
		t.Errorf("places %v", places)
	}
	expect("everybody", "o0", "o1", "o2", "o3", "o4", "o5", "o6")
	w.must(w.ForgetDue(ctx, i.ID))
	w.must(w.NoteDue(ctx, i.ID, nil))
	w.must(w.NoteDue(ctx, i.ID, []string{"o3", "o1", "o3"}))
	w.must(w.NoteDue(ctx, i.ID, []string{"o3"}))
	expect("some, once", "o1", "o3")
	if ids, all, err := w.Due(ctx, i.ID, 1); err != nil || all != 2 || len(ids) != 1 {
		t.Errorf("%v of %d, %v", ids, all, err)
	}

	// Everybody else has no passkey.
	for after := ""; ; {
		last, err := w.CoverPeople(ctx, people, at.Add(-time.Hour), after, 4)
		w.must(err)
		if after = last; after == "" {
			break
		}
	}
	if ids, err := w.Unread(ctx, people, 10); err != nil || !slices.Equal(ids, []string{"o1", "o3"}) {
		t.Errorf("unread %v, %v", ids, err)
	}

	// Who failed is asked again, after all others, until it is enough.
	failed := inventory.Looked{ObjectID: "o1", Failed: postern.Errorf(postern.CodeEntraUnavailable, "")}
	look := func(attempts int, looked ...inventory.Looked) (failures int) {
		t.Helper()
		_, failures, err := w.PutLooked(ctx, i.ID, looked, at, attempts)
		w.must(err)
		return failures
	}
	if n := look(2, failed); n != 0 {
		t.Errorf("%d failures at once", n)
	}
	expect("after a failure", "o3", "o1")
	if n := look(2, failed, inventory.Looked{ObjectID: "o3", Passkeys: []postern.InventoryPasskey{entraKey("m", modelA, at, nil)}}); n != 1 {
		t.Errorf("%d failures at last", n)
	}
	expect("after the last")
	w.must(w.NoteUnreadDue(ctx, people))
	expect("who could not be read", "o1")
	look(2, inventory.Looked{ObjectID: "o1"})
	if n, err := w.CountUnread(ctx, people); err != nil || n != 0 {
		t.Errorf("%d unread, %v", n, err)
	}

	w.must(w.NoteOldestDue(ctx, people, 2))
	expect("the oldest", "o0", "o2")
	w.must(w.ForgetDue(ctx, i.ID))

	// Holders, as far as was known and by the books.
	u := w.user(i.ID)
	u.ObjectID = "o5"
	w.must(w.UpdateUser(ctx, &u))
	w.passkey(w.phone(u), postern.PasskeyActive)
	w.must(w.NoteHoldersDue(ctx, people))
	expect("holders", "o3", "o5")

	if ids, err := w.ObjectIDs(ctx, people, []string{"u2@CONTOSO.com", "nobody@contoso.com"}); err != nil || !slices.Equal(ids, []string{"o2"}) {
		t.Errorf("%v %v", ids, err)
	}
	if n, err := w.CountPeople(ctx, people); err != nil || n != 7 {
		t.Errorf("%d people, %v", n, err)
	}
	// Where the directory may not be read, those whom Postern knows are everybody.
	people.Known = true
	if n, err := w.CountPeople(ctx, people); err != nil || n != 1 {
		t.Errorf("%d people known, %v", n, err)
	}
	if all, err := w.InventoryUsersAfter(ctx, people, "", 10); err != nil || len(all) != 1 || all[0].ObjectID != "o5" || all[0].UPN != u.UPN {
		t.Errorf("%+v %v", all, err)
	}
	if n, err := w.ForgetGone(ctx, people); err != nil || n != 1 {
		t.Errorf("%d passkeys of others, %v", n, err)
	}
	expect("without others", "o5")
}

func testInventoryProgress(t *testing.T, w *world) {
	ctx := w.ctx()
	i := w.integration()
	p, err := w.InventoryProgress(ctx, i.ID)
	w.must(err)
	if p.Version != 0 || p.Reading || p.Integration != i.ID {
		t.Fatalf("before the first: %+v", p)
	}
	p = filled[inventory.Progress]()
	p.Integration, p.Version = i.ID, 0
	w.must(w.SetInventoryProgress(ctx, &p))
	p.Users = 17
	w.must(w.SetInventoryProgress(ctx, &p))
	stored, err := w.InventoryProgress(ctx, i.ID)
	w.must(err)
	if d := cmp.Diff(p, stored); d != "" || stored.Version != 2 {
		t.Errorf("version %d: %s", stored.Version, d)
	}
	old := p
	old.Version = 1
	w.refused(w.SetInventoryProgress(ctx, &old), postern.CodeStale)
	old.Version = 0
	w.refused(w.SetInventoryProgress(ctx, &old), postern.CodeStale)
	w.oneWins(race(4, func(int) error { mine := p; return w.SetInventoryProgress(ctx, &mine) }), postern.CodeStale)
}
