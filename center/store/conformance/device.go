package conformance

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postern/postern"
	"github.com/postern/postern/center/policy/inventory"
	"github.com/postern/postern/center/provision"
)

func testPhones(t *testing.T, w *world) {
	ctx := w.ctx()
	u := w.user(w.integration().ID)
	p := w.phone(u)
	got, err := w.Phone(ctx, p.ID)
	same(w, got, err)(p)
	bare := postern.Phone{ID: "phn_bare", IntegrationID: p.IntegrationID, UserID: u.ID, CreatedAt: p.CreatedAt.Add(-time.Hour)}
	w.must(w.CreatePhone(ctx, bare))
	got, err = w.Phone(ctx, bare.ID)
	same(w, got, err)(bare)
	list, err := w.Phones(ctx, u.ID)
	same(w, list, err)([]postern.Phone{bare, p})
	w.refused(w.CreatePhone(ctx, p), postern.CodeConflict)
	_, err = w.Phone(ctx, "phn_none")
	w.refused(err, postern.CodeNotFound)

	seen := noon.Add(time.Hour)
	w.must(w.SeePhone(ctx, p.ID, seen))
	want := p
	at := kept(seen)
	want.LastSeenAt = &at
	got, err = w.Phone(ctx, p.ID)
	same(w, got, err)(want) // the version too
	w.refused(w.SeePhone(ctx, "phn_none", seen), postern.CodeNotFound)

	changed := filled[postern.Phone]()
	changed.ID, changed.IntegrationID, changed.UserID, changed.Version = p.ID, p.IntegrationID, p.UserID, p.Version
	changed.RevokedAt = nil
	w.must(w.UpdatePhone(ctx, &changed))
	got, err = w.Phone(ctx, p.ID)
	same(w, got, err)(changed)
	w.refused(w.UpdatePhone(ctx, &p), postern.CodeStale)
	missing := changed
	missing.ID = "phn_none"
	w.refused(w.UpdatePhone(ctx, &missing), postern.CodeNotFound)
	w.oneWins(race(4, func(int) error { mine := changed; return w.UpdatePhone(ctx, &mine) }), postern.CodeStale)
	if changed.Version != p.Version+1 {
		t.Errorf("version %d", changed.Version)
	}
}

func testPhoneProofs(t *testing.T, w *world) {
	ctx := w.ctx()
	u := w.user(w.integration().ID)
	p, other := w.phone(u), w.phone(u)
	use := func(phone postern.PhoneID, id string, now time.Time) bool {
		t.Helper()
		fresh, err := w.UsePhoneProof(ctx, phone, id, now, now.Add(time.Minute))
		w.must(err)
		return fresh
	}
	if !use(p.ID, "a", noon) || use(p.ID, "a", noon) || !use(other.ID, "a", noon) || !use(p.ID, "b", noon) {
		t.Error("a proof is fresh once for each phone")
	}
	if use(p.ID, "a", noon.Add(time.Minute-2*time.Millisecond)) {
		t.Error("a proof was forgotten before its time")
	}
	use(p.ID, "c", noon.Add(time.Hour))
	var left int
	w.must(w.DB().QueryRowContext(ctx, "SELECT count(*) FROM phone_proofs WHERE phone_id = $1", string(p.ID)).Scan(&left))
	if left != 1 {
		t.Errorf("%d proofs are remembered, want 1", left)
	}
	fresh, err := w.UsePhoneProof(ctx, "phn_none", "a", noon, noon)
	if fresh {
		t.Error("a proof of no phone is fresh")
	}
	w.refused(err, postern.CodeNotFound)

	won := make([]bool, 6)
	for _, err := range race(len(won), func(n int) error {
		var err error
		won[n], err = w.UsePhoneProof(ctx, p.ID, "race", noon, noon.Add(time.Minute))
		return err
	}) {
		w.must(err)
	}
	count := 0
	for _, ok := range won {
		if ok {
			count++
		}
	}
	if count != 1 {
		t.Errorf("a proof was fresh %d times", count)
	}
}

func testAttestationCA(t *testing.T, w *world) {
	ctx := w.ctx()
	i := w.integration()
	_, _, err := w.AttestationCA(ctx, i.ID)
	w.refused(err, postern.CodeNotFound)
	w.must(w.CreateAttestationCA(ctx, i.ID, []byte("certificate"), []byte("\x00sealed\xff")))
	certificate, key, err := w.AttestationCA(ctx, i.ID)
	if err != nil || string(certificate) != "certificate" || string(key) != "\x00sealed\xff" {
		t.Fatalf("%q %q %v", certificate, key, err)
	}
	w.refused(w.CreateAttestationCA(ctx, i.ID, []byte("other"), []byte("key")), postern.CodeConflict)
	w.refused(w.CreateAttestationCA(ctx, "int_none", []byte("c"), []byte("k")), postern.CodeNotFound)
	next := w.integration().ID
	w.oneWins(race(4, func(int) error { return w.CreateAttestationCA(ctx, next, []byte("c"), []byte("k")) }), postern.CodeConflict)
}

func testProvisionings(t *testing.T, w *world) {
	ctx := w.ctx()
	i := w.integration()
	u := w.user(i.ID)
	p := w.phone(u)
	r := w.provisioning(p, postern.ProvisioningRequested)
	got, err := w.Provisioning(ctx, r.ID)
	same(w, got, err)(r)
	_, err = w.Provisioning(ctx, "prv_none")
	w.refused(err, postern.CodeNotFound)

	// A phone has one that is not final.
	second := r
	second.ID = "prv_second"
	w.refused(w.CreateProvisioning(ctx, second), postern.CodeConflict)

	changed := filled[provision.Record]()
	changed.ID, changed.IntegrationID, changed.UserID, changed.PhoneID, changed.Version = r.ID, r.IntegrationID, r.UserID, r.PhoneID, r.Version
	changed.Carrier = r.Carrier
	changed.State, changed.CreatedAt, changed.ExpiresAt, changed.Sealed = postern.ProvisioningFailed, r.CreatedAt, nil, nil
	w.must(w.UpdateProvisioning(ctx, &changed))
	got, err = w.Provisioning(ctx, r.ID)
	same(w, got, err)(changed)
	w.refused(w.UpdateProvisioning(ctx, &r), postern.CodeStale)
	missing := changed
	missing.ID = "prv_none"
	w.refused(w.UpdateProvisioning(ctx, &missing), postern.CodeNotFound)
	w.oneWins(race(4, func(int) error { mine := changed; return w.UpdateProvisioning(ctx, &mine) }), postern.CodeStale)
	changed, err = w.Provisioning(ctx, r.ID)
	w.must(err)

	// Now that it is final, the phone may have another; of several at once, one.
	w.oneWins(race(4, func(n int) error {
		next := second
		next.ID = postern.ProvisioningID("prv_race" + string(rune('a'+n)))
		return w.CreateProvisioning(ctx, next)
	}), postern.CodeConflict)
	open, err := w.OpenProvisionings(ctx, p.ID)
	if err != nil || len(open) != 1 {
		t.Fatal(open, err)
	}
	all, err := w.ProvisioningsOfUser(ctx, u.ID)
	same(w, all, err)([]provision.Record{changed, open[0]})

	byState := map[postern.ProvisioningState]postern.ProvisioningID{}
	for _, state := range []postern.ProvisioningState{
		postern.ProvisioningSubmitted, postern.ProvisioningOffered, postern.ProvisioningRegistered, postern.ProvisioningActive,
		postern.ProvisioningDeclined, postern.ProvisioningCancelled,
	} {
		phone := w.phone(u)
		byState[state] = w.provisioning(phone, state).ID
		open, err := w.OpenProvisionings(ctx, phone.ID)
		if err != nil || (len(open) == 0) != state.Final() {
			t.Errorf("a provisioning in state %s: %d open ones, %v", state, len(open), err)
		}
	}
	w.provisioning(w.phone(w.user(w.integration().ID)), postern.ProvisioningRequested)
	waiting, err := w.WaitingProvisionings(ctx, i.ID)
	if err != nil || len(waiting) != 2 || waiting[0].ID != open[0].ID || waiting[1].ID != byState[postern.ProvisioningSubmitted] {
		t.Errorf("%+v, %v; want those requested and submitted, oldest first", waiting, err)
	}
}

func testSecurityKeys(t *testing.T, w *world) {
	ctx := w.ctx()
	u := w.user(w.integration().ID)
	other := w.user(u.IntegrationID)
	r, k := w.onSecurityKey(u, postern.ProvisioningOffered)
	got, err := w.Provisioning(ctx, r.ID)
	same(w, got, err)(r)
	passkey, err := w.Passkey(ctx, k.ID)
	same(w, passkey, err)(k)
	open, err := w.OpenSecurityKeyProvisionings(ctx, u.ID)
	same(w, open, err)([]provision.Record{r})
	open, err = w.OpenSecurityKeyProvisionings(ctx, other.ID)
	same(w, open, err)([]provision.Record{})

	// What happens on the user's phone is another matter, in both directions.
	onPhone := w.provisioning(w.phone(u), postern.ProvisioningRequested)
	open, err = w.OpenProvisionings(ctx, onPhone.PhoneID)
	same(w, open, err)([]provision.Record{onPhone})
	open, err = w.OpenSecurityKeyProvisionings(ctx, u.ID)
	same(w, open, err)([]provision.Record{r})

	// A user has one that is not final; another user has their own.
	second := r
	second.ID = "prv_second"
	w.refused(w.CreateProvisioning(ctx, second), postern.CodeConflict)
	w.onSecurityKey(other, postern.ProvisioningRequested)
	r.State = postern.ProvisioningActive
	w.must(w.UpdateProvisioning(ctx, &r))
	w.oneWins(race(4, func(n int) error {
		next := second
		next.ID = postern.ProvisioningID("prv_race" + string(rune('a'+n)))
		return w.CreateProvisioning(ctx, next)
	}), postern.CodeConflict)

	waiting, err := w.WaitingProvisionings(ctx, u.IntegrationID)
	if err != nil || len(waiting) != 2 { // of the phone and of the other user's key
		t.Errorf("%+v, %v", waiting, err)
	}
}

func testPasskeyUses(t *testing.T, w *world) {
	ctx := w.ctx()
	i := w.integration()
	u := w.user(i.ID)
	p, other := w.phone(u), w.phone(u)
	k := w.passkey(p, postern.PasskeyActive)
	k.Managed = true
	w.must(w.UpdatePasskey(ctx, &k))
	at := kept(noon)
	w.must(w.PutDirectoryUsers(ctx, i.ID, 1, []postern.DirectoryUser{{ObjectID: "o1", UPN: "u@contoso.com", Enabled: true}}))
	_, _, err := w.PutLooked(ctx, i.ID, []inventory.Looked{{ObjectID: "o1", Passkeys: []postern.InventoryPasskey{entraKey(k.MethodID, modelA, at, nil)}}}, at, 1)
	w.must(err)
	expect := func(name string, want *time.Time) {
		t.Helper()
		found, _, err := w.InventoryPasskeys(ctx, inventory.People{Integration: i.ID}, postern.InventoryQuery{IntegrationID: i.ID})
		w.must(err)
		if len(found) != 1 {
			t.Fatalf("%s: %+v", name, found)
		}
		if d := cmp.Diff(want, found[0].UsedWithPosternAt); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	expect("before the first", nil)
	later := at.Add(time.Hour)
	w.must(w.NotePasskeyUse(ctx, k.ID, p.ID, at))
	expect("the first", &at)
	w.must(w.NotePasskeyUse(ctx, k.ID, p.ID, later))
	expect("a later one", &later)
	w.must(w.NotePasskeyUse(ctx, k.ID, p.ID, at))
	expect("an earlier one that comes late", &later)
	next := later.Add(time.Hour)
	w.refused(w.NotePasskeyUse(ctx, k.ID, other.ID, next), postern.CodeNotFound)
	w.refused(w.NotePasskeyUse(ctx, "pky_none", p.ID, next), postern.CodeNotFound)
	if got, err := w.Passkey(ctx, k.ID); err != nil || got.Version != k.Version {
		t.Errorf("a use is a change: version %d after %d, %v", got.Version, k.Version, err)
	}
	for _, err := range race(4, func(n int) error { return w.NotePasskeyUse(ctx, k.ID, p.ID, later.Add(time.Duration(n)*time.Minute)) }) {
		w.must(err)
	}
	later = later.Add(3 * time.Minute)
	expect("the last of a race", &later)
	k.State = postern.PasskeyRevocation
	w.must(w.UpdatePasskey(ctx, &k))
	w.refused(w.NotePasskeyUse(ctx, k.ID, p.ID, next), postern.CodeNotFound)
	expect("of one that is being revoked", &later)
}

func testPasskeys(t *testing.T, w *world) {
	ctx := w.ctx()
	u := w.user(w.integration().ID)
	p, other := w.phone(u), w.phone(u)
	k := w.passkey(p, postern.PasskeyActive)
	got, err := w.Passkey(ctx, k.ID)
	same(w, got, err)(k)
	_, err = w.Passkey(ctx, "pky_none")
	w.refused(err, postern.CodeNotFound)
	next := w.passkey(other, postern.PasskeyRevoked)
	list, err := w.PasskeysOfUser(ctx, u.ID)
	same(w, list, err)([]postern.Passkey{k, next})
	list, err = w.PasskeysOfPhone(ctx, other.ID)
	same(w, list, err)([]postern.Passkey{next})

	// One intent makes one passkey.
	twin := k
	twin.ID = "pky_twin"
	w.refused(w.CreatePasskey(ctx, twin), postern.CodeConflict)
	// A method of a user is one passkey, until it is revoked.
	again := k
	again.ID, again.ProvisioningID, again.PhoneID = "pky_again", "", other.ID
	w.refused(w.CreatePasskey(ctx, again), postern.CodeConflict)
	again.State = postern.PasskeyRevoked
	w.must(w.CreatePasskey(ctx, again))

	changed := filled[postern.Passkey]()
	changed.Outdated = false // never stored
	changed.ID, changed.IntegrationID, changed.UserID, changed.PhoneID, changed.ProvisioningID = k.ID, k.IntegrationID, k.UserID, k.PhoneID, k.ProvisioningID
	changed.Carrier = k.Carrier
	changed.Version, changed.Managed, changed.Attested, changed.Synced, changed.RevokedAt = k.Version, false, false, true, nil
	w.must(w.UpdatePasskey(ctx, &changed))
	got, err = w.Passkey(ctx, k.ID)
	same(w, got, err)(changed)
	w.refused(w.UpdatePasskey(ctx, &k), postern.CodeStale)
	missing := changed
	missing.ID = "pky_none"
	w.refused(w.UpdatePasskey(ctx, &missing), postern.CodeNotFound)
	w.oneWins(race(4, func(int) error { mine := changed; return w.UpdatePasskey(ctx, &mine) }), postern.CodeStale)
	if changed.Version != k.Version+1 {
		t.Errorf("version %d", changed.Version)
	}
}
