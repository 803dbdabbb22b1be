package conformance

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postern/postern"
	"github.com/postern/postern/center/enrolment"
)

func testIdentityProofs(t *testing.T, w *world) {
	ctx := w.ctx()
	i := w.integration()
	u := w.user(i.ID)
	p, other := w.phone(u), w.phone(u)
	none, err := w.IdentityProofs(ctx, p.ID)
	same(w, len(none), err)(0)
	at := kept(noon)
	code := postern.IdentityProof{Kind: postern.ProofCode, At: at.Add(time.Minute), Addr: "192.0.2.1"}
	approval := postern.IdentityProof{Kind: postern.ProofApproval, At: at, ByID: "adm_1", ByName: "Ada", Note: "I know them.", Addr: "192.0.2.2"}
	second := approval
	second.ByID, second.At = "adm_2", at.Add(time.Hour)
	for _, proof := range []postern.IdentityProof{code, second, approval} {
		w.must(w.AddIdentityProof(ctx, p.ID, proof))
	}
	got, err := w.IdentityProofs(ctx, p.ID)
	same(w, got, err)([]postern.IdentityProof{approval, code, second})
	w.refused(w.AddIdentityProof(ctx, p.ID, approval), postern.CodeConflict)
	code.At, code.Addr = at.Add(2*time.Hour), "192.0.2.3"
	w.must(w.AddIdentityProof(ctx, p.ID, code)) // in the place of the one before
	got, err = w.IdentityProofs(ctx, p.ID)
	same(w, got, err)([]postern.IdentityProof{approval, second, code})
	got, err = w.IdentityProofs(ctx, other.ID)
	same(w, len(got), err)(0)
	approval.ByID = "adm_3"
	w.oneWins(race(4, func(int) error { return w.AddIdentityProof(ctx, p.ID, approval) }), postern.CodeConflict)

	r := w.provisioning(p, postern.ProvisioningRequested)
	w.provisioning(other, postern.ProvisioningRequested)
	r.Code = postern.CodeIdentityProof
	w.must(w.UpdateProvisioning(ctx, &r))
	waiting, err := w.PhonesAwaitingProof(ctx, i.ID)
	same(w, waiting, err)([]postern.Phone{p})
	p.State = postern.PhoneRevoked
	w.must(w.UpdatePhone(ctx, &p))
	waiting, err = w.PhonesAwaitingProof(ctx, i.ID)
	same(w, len(waiting), err)(0)

	w.user(w.integration().ID)
	known, err := w.KnownUsers(ctx, i.ID)
	w.must(err)
	if d := cmp.Diff(map[string]enrolment.Known{u.ObjectID: {UPN: u.UPN, Phase: u.Phase}}, known); d != "" {
		t.Error(d)
	}
	w.must(w.DeleteIntegration(ctx, i.ID, i.Version))
	got, err = w.IdentityProofs(ctx, p.ID)
	same(w, len(got), err)(0)
}

func testSignIns(_ *testing.T, w *world) {
	ctx := w.ctx()
	i := w.integration()
	p := w.phone(w.user(i.ID))
	in := filled[enrolment.SignIn]()
	in.IntegrationID, in.PhoneID, in.Version = i.ID, p.ID, 1
	w.must(w.CreateSignIn(ctx, in, noon))
	got, err := w.SignIn(ctx, in.ID)
	same(w, got, err)(in)
	w.refused(w.CreateSignIn(ctx, in, noon), postern.CodeConflict)
	_, err = w.SignIn(ctx, "none")
	w.refused(err, postern.CodeNotFound)
	none := in
	none.ID = "none"
	w.refused(w.UpdateSignIn(ctx, &none), postern.CodeStale)
	w.oneWins(race(4, func(int) error {
		mine := in
		mine.Step, mine.Sealed = enrolment.StepReturned, []byte("more")
		return w.UpdateSignIn(ctx, &mine)
	}), postern.CodeStale)
	in.Step, in.Sealed, in.Version = enrolment.StepReturned, []byte("more"), 2
	got, err = w.SignIn(ctx, in.ID)
	same(w, got, err)(in)

	later := in // for a phone that is not there yet
	later.ID, later.PhoneID, later.ExpiresAt = "later", "", in.ExpiresAt.Add(time.Hour)
	w.must(w.CreateSignIn(ctx, later, in.ExpiresAt)) // which forgets the one whose time was over
	_, err = w.SignIn(ctx, in.ID)
	w.refused(err, postern.CodeNotFound)
	got, err = w.SignIn(ctx, later.ID)
	same(w, got, err)(later)
	w.must(w.DeleteIntegration(ctx, i.ID, i.Version))
	_, err = w.SignIn(ctx, later.ID)
	w.refused(err, postern.CodeNotFound)
}
