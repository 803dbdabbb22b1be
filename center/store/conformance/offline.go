package conformance

import (
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/offline"
	"github.com/postern/postern/center/provision"
)

func (w *world) offline(p postern.Phone, g postern.Pairing, state postern.OfflineState) offline.Record {
	w.t.Helper()
	r := filled[offline.Record]()
	r.Pairing, r.IntegrationID, r.UserID, r.PhoneID, r.WorkstationID = g.ID, g.IntegrationID, p.UserID, p.ID, g.WorkstationID
	r.Workstation = "" // never stored
	r.Version, r.State, r.CreatedAt = 1, state, kept(noon).Add(time.Duration(w.id())*time.Second)
	w.must(w.CreateOfflineSignIn(w.ctx(), r))
	return r
}

func (w *world) recovery(p postern.Phone, g postern.Pairing, state postern.RecoveryState) offline.Request {
	w.t.Helper()
	q := filled[offline.Request]()
	q.ID, q.IntegrationID, q.Pairing = postern.NewID[postern.RecoveryID](postern.PrefixRecovery), g.IntegrationID, g.ID
	q.UserID, q.WorkstationID = p.UserID, g.WorkstationID
	q.Version, q.State, q.CreatedAt = 1, state, kept(noon).Add(time.Duration(w.id())*time.Second)
	w.must(w.CreateRecovery(w.ctx(), q))
	return q
}

func testOfflineSignIns(t *testing.T, w *world) {
	ctx := w.ctx()
	i, other := w.integration(), w.integration()
	p, elsewhere := w.phone(w.user(i.ID)), w.phone(w.user(other.ID))
	desk := w.workstation(i.ID)
	pairing := w.pairing(p, desk, postern.PairingActive)
	_, err := w.OfflineSignIn(ctx, pairing.ID)
	w.refused(err, postern.CodeNotFound)
	first := w.offline(p, pairing, postern.OfflineAsked)
	got, err := w.OfflineSignIn(ctx, pairing.ID)
	same(w, got, err)(first)
	w.refused(w.CreateOfflineSignIn(ctx, first), postern.CodeConflict)
	none := first
	none.Pairing = "pairing none"
	w.refused(w.CreateOfflineSignIn(ctx, none), postern.CodeNotFound)

	second := w.offline(p, w.pairing(p, w.workstation(i.ID), postern.PairingActive), postern.OfflineActive)
	ended := w.offline(p, w.pairing(p, w.workstation(i.ID), postern.PairingEnded), postern.OfflineEnded)
	gone := w.offline(elsewhere, w.pairing(elsewhere, w.workstation(other.ID), postern.PairingActive), postern.OfflineActive)
	all, err := w.OfflineSignInsOfUser(ctx, p.UserID)
	same(w, all, err)([]offline.Record{ended, second, first})
	all, err = w.OfflineSignInsOfWorkstation(ctx, desk.ID)
	same(w, all, err)([]offline.Record{first})
	all, err = w.OpenOfflineSignIns(ctx, i.ID, "", 1)
	same(w, all, err)([]offline.Record{second}) // by the text of the pairing: 10 comes before 6
	all, err = w.OpenOfflineSignIns(ctx, i.ID, second.Pairing, 10)
	same(w, all, err)([]offline.Record{first})

	stale := first
	first.State, first.Next, first.Sheets, first.CodesLeft = postern.OfflineActive, nil, offline.Sheets{}, 7
	w.must(w.UpdateOfflineSignIn(ctx, &first))
	if first.Version != 2 {
		t.Errorf("version %d", first.Version)
	}
	got, err = w.OfflineSignIn(ctx, pairing.ID)
	same(w, got, err)(first)
	w.refused(w.UpdateOfflineSignIn(ctx, &stale), postern.CodeStale)
	w.refused(w.UpdateOfflineSignIn(ctx, &none), postern.CodeNotFound)
	w.oneWins(race(4, func(int) error { r := first; return w.UpdateOfflineSignIn(ctx, &r) }), postern.CodeStale)
	w.must(w.DeleteIntegration(ctx, other.ID, other.Version))
	_, err = w.OfflineSignIn(ctx, gone.Pairing)
	w.refused(err, postern.CodeNotFound)
}

func testRecoveries(t *testing.T, w *world) {
	ctx := w.ctx()
	i, other := w.integration(), w.integration()
	p, elsewhere := w.phone(w.user(i.ID)), w.phone(w.user(other.ID))
	pairing := w.pairing(p, w.workstation(i.ID), postern.PairingActive)
	far := w.pairing(elsewhere, w.workstation(other.ID), postern.PairingActive)
	_, err := w.Recovery(ctx, "rcv_none")
	w.refused(err, postern.CodeNotFound)
	shown := w.recovery(p, pairing, postern.RecoveryShown)
	waiting := w.recovery(p, pairing, postern.RecoveryWaiting)
	got, err := w.Recovery(ctx, waiting.ID)
	same(w, got, err)(waiting)
	again := waiting
	again.ID, again.State = "rcv_again", postern.RecoveryReady
	w.refused(w.CreateRecovery(ctx, again), postern.CodeConflict)
	gone := w.recovery(elsewhere, far, postern.RecoveryReady)

	for _, try := range []struct {
		query offline.RecoveryQuery
		want  []offline.Request
	}{
		{offline.RecoveryQuery{}, []offline.Request{gone, waiting, shown}},
		{offline.RecoveryQuery{Limit: 1}, []offline.Request{gone}},
		{offline.RecoveryQuery{Integration: i.ID}, []offline.Request{waiting, shown}},
		{offline.RecoveryQuery{User: elsewhere.UserID}, []offline.Request{gone}},
		{offline.RecoveryQuery{Pairing: pairing.ID, State: postern.RecoveryShown}, []offline.Request{shown}},
		{offline.RecoveryQuery{Pairing: far.ID, State: postern.RecoveryUsed}, []offline.Request{}},
	} {
		all, err := w.Recoveries(ctx, try.query)
		same(w, all, err)(try.want)
	}
	mine, here, err := w.CountRecoveries(ctx, shown.RequestedByID, pairing.ID, shown.CreatedAt)
	same(w, [2]int{mine, here}, err)([2]int{2, 1})
	mine, here, err = w.CountRecoveries(ctx, "adm_none", pairing.ID, shown.CreatedAt.Add(-time.Second))
	same(w, [2]int{mine, here}, err)([2]int{0, 2})

	stale := waiting
	at := kept(noon)
	waiting.State, waiting.DecidedBy, waiting.DecidedByID, waiting.ShownAt, waiting.SheetID, waiting.Index = postern.RecoveryShown, "Bo", "adm_two", &at, []byte{9}, 4
	w.must(w.UpdateRecovery(ctx, &waiting))
	got, err = w.Recovery(ctx, waiting.ID)
	same(w, got, err)(waiting)
	w.refused(w.UpdateRecovery(ctx, &stale), postern.CodeStale)
	w.refused(w.UpdateRecovery(ctx, &again), postern.CodeNotFound)
	w.oneWins(race(4, func(n int) error {
		q := again
		q.ID = postern.NewID[postern.RecoveryID](postern.PrefixRecovery)
		return w.CreateRecovery(ctx, q)
	}), postern.CodeConflict)
	w.must(w.DeleteIntegration(ctx, other.ID, other.Version))
	_, err = w.Recovery(ctx, gone.ID)
	w.refused(err, postern.CodeNotFound)
	if waiting.Version != 2 {
		t.Errorf("version %d", waiting.Version)
	}
}

// testWorkstationPasskeys: what lies on a workstation is none of the phone's, and known by the phone all the same.
func testWorkstationPasskeys(t *testing.T, w *world) {
	ctx := w.ctx()
	p := w.phone(w.user(w.integration().ID))
	pairing := w.pairing(p, w.workstation(p.IntegrationID), postern.PairingActive)
	begin := func(state postern.ProvisioningState) provision.Record {
		r := filled[provision.Record]()
		r.ID, r.IntegrationID, r.UserID, r.PhoneID = postern.NewID[postern.ProvisioningID](postern.PrefixProvisioning), p.IntegrationID, p.UserID, p.ID
		r.Carrier, r.WorkstationID, r.PairingID = postern.CarrierWorkstation, pairing.WorkstationID, pairing.ID
		r.Version, r.State = 1, state
		return r
	}
	onPhone := w.provisioning(p, postern.ProvisioningRequested)
	open := begin(postern.ProvisioningOffered)
	w.must(w.CreateProvisioning(ctx, open))
	w.refused(w.CreateProvisioning(ctx, begin(postern.ProvisioningRequested)), postern.CodeConflict)
	w.must(w.CreateProvisioning(ctx, begin(postern.ProvisioningFailed)))
	got, err := w.Provisioning(ctx, open.ID)
	same(w, got, err)(open)
	all, err := w.OpenProvisionings(ctx, p.ID)
	same(w, all, err)([]provision.Record{onPhone})

	held := w.passkey(p, postern.PasskeyActive)
	k := filled[postern.Passkey]()
	k.Outdated = false // never stored
	k.ID, k.IntegrationID, k.UserID, k.PhoneID = postern.NewID[postern.PasskeyID](postern.PrefixPasskey), p.IntegrationID, p.UserID, p.ID
	k.Carrier, k.WorkstationID, k.PairingID, k.ProvisioningID = postern.CarrierWorkstation, pairing.WorkstationID, pairing.ID, open.ID
	k.Version, k.State = 1, postern.PasskeyActive
	w.must(w.CreatePasskey(ctx, k))
	keys, err := w.PasskeysOfPhone(ctx, p.ID)
	same(w, keys, err)([]postern.Passkey{held})
	keys, err = w.WorkstationPasskeysOfPhone(ctx, p.ID)
	same(w, keys, err)([]postern.Passkey{k})
	w.refused(w.NotePasskeyUse(ctx, k.ID, p.ID, noon), postern.CodeNotFound)
	if one, err := w.Passkey(ctx, k.ID); err != nil || one.PairingID != pairing.ID {
		t.Errorf("%+v, %v", one, err)
	}
}
