package conformance

import (
	"testing"
	"time"

	"github.com/postern/postern"
)

func testWorkstations(t *testing.T, w *world) {
	ctx := w.ctx()
	i := w.integration()
	s := w.workstation(i.ID)
	w.workstation(w.integration().ID)
	got, err := w.Workstation(ctx, s.ID)
	same(w, got, err)(s)
	got, err = w.WorkstationByKey(ctx, s.IdentityKey)
	same(w, got, err)(s)
	bare := postern.Workstation{ID: "wks_bare", IntegrationID: i.ID, CreatedAt: s.CreatedAt.Add(-time.Hour)}
	w.must(w.CreateWorkstation(ctx, bare))
	got, err = w.Workstation(ctx, bare.ID)
	same(w, got, err)(bare)
	list, err := w.Workstations(ctx, i.ID)
	same(w, list, err)([]postern.Workstation{bare, s})
	_, err = w.Workstation(ctx, "wks_none")
	w.refused(err, postern.CodeNotFound)
	_, err = w.WorkstationByKey(ctx, []byte("none"))
	w.refused(err, postern.CodeNotFound)

	w.refused(w.CreateWorkstation(ctx, s), postern.CodeConflict)
	twin := s
	twin.ID = "wks_twin"
	w.refused(w.CreateWorkstation(ctx, twin), postern.CodeConflict) // the identity key is one workstation's
	homeless := twin
	homeless.IntegrationID, homeless.IdentityKey = "int_none", []byte("own")
	w.refused(w.CreateWorkstation(ctx, homeless), postern.CodeNotFound)

	seen := kept(noon).Add(time.Hour)
	w.must(w.SeeWorkstation(ctx, s.ID, seen))
	want := s
	want.LastSeenAt = &seen
	got, err = w.Workstation(ctx, s.ID)
	same(w, got, err)(want) // the version too
	w.refused(w.SeeWorkstation(ctx, "wks_none", seen), postern.CodeNotFound)

	changed := filled[postern.Workstation]()
	changed.ID, changed.IntegrationID, changed.Version = s.ID, s.IntegrationID, s.Version
	changed.EnterpriseJoined, changed.PairedAt = false, nil
	w.must(w.UpdateWorkstation(ctx, &changed))
	got, err = w.Workstation(ctx, s.ID)
	same(w, got, err)(changed)
	w.refused(w.UpdateWorkstation(ctx, &s), postern.CodeStale)
	missing := changed
	missing.ID = "wks_none"
	w.refused(w.UpdateWorkstation(ctx, &missing), postern.CodeNotFound)
	w.oneWins(race(4, func(int) error { mine := changed; return w.UpdateWorkstation(ctx, &mine) }), postern.CodeStale)
}

func testWorkstationProofs(t *testing.T, w *world) {
	ctx := w.ctx()
	i := w.integration()
	s, other := w.workstation(i.ID), w.workstation(i.ID)
	use := func(id postern.WorkstationID, proof string, now time.Time) bool {
		t.Helper()
		fresh, err := w.UseWorkstationProof(ctx, id, proof, now, now.Add(time.Minute))
		w.must(err)
		return fresh
	}
	if !use(s.ID, "a", noon) || use(s.ID, "a", noon) || !use(other.ID, "a", noon) || !use(s.ID, "b", noon) {
		t.Error("a proof is fresh once for each workstation")
	}
	use(s.ID, "c", noon.Add(time.Hour))
	var left int
	w.must(w.DB().QueryRowContext(ctx, "SELECT count(*) FROM workstation_proofs WHERE workstation_id = $1", string(s.ID)).Scan(&left))
	if left != 1 {
		t.Errorf("%d proofs are remembered, want 1", left)
	}
	_, err := w.UseWorkstationProof(ctx, "wks_none", "a", noon, noon)
	w.refused(err, postern.CodeNotFound)
}

func testUnpairedWorkstations(t *testing.T, w *world) {
	ctx := w.ctx()
	i := w.integration()
	paired := w.workstation(i.ID)
	unpaired, installed := w.workstation(i.ID), w.workstation(i.ID)
	unpaired.PairedAt, unpaired.InstallTokenID = nil, ""
	w.must(w.UpdateWorkstation(ctx, &unpaired))
	installed.PairedAt, installed.LastSeenAt = nil, nil
	w.must(w.UpdateWorkstation(ctx, &installed))
	n, err := w.CountUnpairedWorkstations(ctx, i.ID)
	same(w, n, err)(1)

	// One that brought no install token lapses by its age, one that did by its silence.
	long := kept(noon).Add(-time.Hour)
	list, err := w.UnpairedWorkstations(ctx, unpaired.CreatedAt.Add(time.Second), long, 10)
	same(w, list, err)([]postern.Workstation{unpaired})
	list, err = w.UnpairedWorkstations(ctx, unpaired.CreatedAt, long, 10)
	same(w, list, err)([]postern.Workstation{})
	list, err = w.UnpairedWorkstations(ctx, long, installed.CreatedAt, 10)
	same(w, list, err)([]postern.Workstation{})
	list, err = w.UnpairedWorkstations(ctx, long, installed.CreatedAt.Add(time.Second), 10)
	same(w, list, err)([]postern.Workstation{installed})
	seen := installed.CreatedAt.Add(time.Hour)
	installed.LastSeenAt = &seen
	w.must(w.UpdateWorkstation(ctx, &installed))
	list, err = w.UnpairedWorkstations(ctx, long, seen, 10)
	same(w, list, err)([]postern.Workstation{})
	list, err = w.UnpairedWorkstations(ctx, noon.Add(time.Hour), seen.Add(time.Second), 1)
	same(w, list, err)([]postern.Workstation{unpaired})

	w.refused(w.DeleteUnpairedWorkstation(ctx, paired.ID), postern.CodeNotFound)
	for _, gone := range []postern.WorkstationID{unpaired.ID, installed.ID} {
		w.must(w.DeleteUnpairedWorkstation(ctx, gone))
		_, err = w.Workstation(ctx, gone)
		w.refused(err, postern.CodeNotFound)
	}
}

func testPairings(t *testing.T, w *world) {
	ctx := w.ctx()
	i := w.integration()
	phone, s := w.phone(w.user(i.ID)), w.workstation(i.ID)
	p := w.pairing(phone, s, postern.PairingPending)
	got, err := w.Pairing(ctx, p.ID)
	same(w, got, err)(p)
	w.refused(w.CreatePairing(ctx, p), postern.CodeConflict)
	_, err = w.Pairing(ctx, "none")
	w.refused(err, postern.CodeNotFound)
	open := w.pairing(postern.Phone{}, s, postern.PairingPending)
	got, err = w.Pairing(ctx, open.ID)
	same(w, got, err)(open)

	changed := filled[postern.Pairing]()
	changed.ID, changed.IntegrationID, changed.WorkstationID, changed.PhoneID, changed.Version = p.ID, p.IntegrationID, s.ID, phone.ID, 1
	changed.State, changed.PhoneConfirmed, changed.ConfirmedAt = postern.PairingActive, false, nil
	w.must(w.UpdatePairing(ctx, &changed))
	got, err = w.Pairing(ctx, p.ID)
	same(w, got, err)(changed)
	w.refused(w.UpdatePairing(ctx, &p), postern.CodeStale)
	missing := changed
	missing.ID = "none"
	w.refused(w.UpdatePairing(ctx, &missing), postern.CodeNotFound)
	w.oneWins(race(4, func(int) error { mine := open; mine.PhoneID = phone.ID; return w.UpdatePairing(ctx, &mine) }), postern.CodeStale)

	// The same two are paired once.
	second := w.pairing(phone, s, postern.PairingPending)
	second.State = postern.PairingActive
	w.refused(w.UpdatePairing(ctx, &second), postern.CodeConflict)
}

func testPairingLists(t *testing.T, w *world) {
	ctx := w.ctx()
	i := w.integration()
	u := w.user(i.ID)
	phone, other := w.phone(u), w.phone(u)
	s, another := w.workstation(i.ID), w.workstation(i.ID)
	ended := w.pairing(phone, s, postern.PairingEnded)
	active := w.pairing(phone, s, postern.PairingActive)
	later := active.ConfirmedAt.Add(time.Hour)
	active.ConfirmedAt = &later
	w.must(w.UpdatePairing(ctx, &active))
	elsewhere := w.pairing(phone, another, postern.PairingActive)
	stranger := w.pairing(other, s, postern.PairingPending)
	stranger.ConfirmedAt = nil
	w.must(w.UpdatePairing(ctx, &stranger))

	list, err := w.PairingsOfPhone(ctx, phone.ID)
	same(w, list, err)([]postern.Pairing{active, elsewhere})
	list, err = w.PairingsOfWorkstation(ctx, s.ID)
	same(w, list, err)([]postern.Pairing{active, stranger})
	list, err = w.PairingsBetween(ctx, phone.ID, s.ID)
	same(w, list, err)([]postern.Pairing{active, ended})
	list, err = w.PairingsBetween(ctx, other.ID, s.ID)
	same(w, list, err)([]postern.Pairing{})
	counts, err := w.CountPairings(ctx, s.IntegrationID)
	same(w, counts, err)(map[postern.WorkstationID]int{s.ID: 1, another.ID: 1})
	counts, err = w.CountPairings(ctx, "int_none")
	same(w, counts, err)(map[postern.WorkstationID]int{})

	at := kept(noon).Add(2 * time.Hour)
	over := func(p postern.Pairing, reason string) postern.Pairing {
		p.Version, p.State, p.EndedAt, p.Reason = p.Version+1, postern.PairingEnded, &at, reason
		return p
	}
	list, err = w.EndPairingsOfWorkstation(ctx, another.ID, at, "why")
	same(w, list, err)([]postern.Pairing{over(elsewhere, "why")})
	list, err = w.EndPairingsOfPhone(ctx, phone.ID, at, "lost")
	same(w, list, err)([]postern.Pairing{over(active, "lost")})
	got, err := w.Pairing(ctx, active.ID)
	same(w, got, err)(over(active, "lost"))
	list, err = w.PairingsOfWorkstation(ctx, s.ID)
	same(w, list, err)([]postern.Pairing{stranger})

	// Only what never became active is forgotten, and only after its time.
	w.must(w.DeleteUnconfirmedPairings(ctx, stranger.ExpiresAt.Add(-time.Second)))
	_, err = w.Pairing(ctx, stranger.ID)
	w.must(err)
	w.must(w.DeleteUnconfirmedPairings(ctx, stranger.ExpiresAt))
	_, err = w.Pairing(ctx, stranger.ID)
	w.refused(err, postern.CodeNotFound)
	_, err = w.Pairing(ctx, ended.ID)
	w.must(err)
}
