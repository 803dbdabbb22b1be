package reconcile_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/device"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/job"
	"github.com/postern/postern/center/provision"
	"github.com/postern/postern/center/reconcile"
)

// ours is a passkey of Postern's authenticator as Entra lists it.
func (w *world) ours(name string) entra.Passkey {
	id := fmt.Appendf(nil, "%-32s", name)
	a := device.AAGUID
	return entra.Passkey{
		ID: base64.RawURLEncoding.EncodeToString(id), DisplayName: name, CreatedAt: w.clock(),
		AAGUID: fmt.Sprintf("%x-%x-%x-%x-%x", a[:4], a[4:6], a[6:8], a[8:10], a[10:]),
	}
}

// only wants one difference that is not closed by its mending, or one that is.
func (w *world) only(t *testing.T, kind postern.DifferenceKind, outcome postern.DifferenceOutcome) postern.Difference {
	t.Helper()
	all := w.differences(t)
	if len(all) != 1 || all[0].Kind != kind || all[0].Outcome != outcome || (all[0].ClosedAt == nil) == (outcome == postern.OutcomeMended) ||
		all[0].Entra == "" || all[0].Postern == "" || all[0].Why == "" || all[0].Done == "" || all[0].UserName == "" {
		t.Fatalf("%+v", all)
	}
	return all[0]
}

func TestAdoptedPasskey(t *testing.T) {
	w := newWorld(t, full, 2)
	p := w.people[0]
	w.extra = map[string][]entra.Passkey{p.user.ObjectID: {w.ours("mine")}}
	r := w.compare(t, postern.ReconcileFull)
	d := w.only(t, postern.DifferencePasskeyAdopted, postern.OutcomeMended)
	keys, err := w.Store.PasskeysOfUser(t.Context(), p.user.ID)
	must(t, err)
	adopted := 0
	for _, k := range keys {
		if string(k.ID) == d.Object && k.State == postern.PasskeyActive && k.Managed && k.PhoneID == p.phone.ID && k.DisplayName == "mine" {
			adopted++
		}
	}
	if r.Mended != 1 || len(keys) != 2 || adopted != 1 {
		t.Errorf("%+v %+v", r, keys)
	}
	w.wantQuiet(t)
}

func TestUnclaimedPasskey(t *testing.T) {
	w := newWorld(t, full, 2)
	p := w.people[0]
	second := p.phone
	second.ID, second.IdentityKey = postern.NewID[postern.PhoneID](postern.PrefixPhone), []byte("another")
	must(t, w.Store.CreatePhone(t.Context(), second))
	w.extra = map[string][]entra.Passkey{p.user.ObjectID: {w.ours("whose")}}
	r := w.compare(t, postern.ReconcileFull)
	d := w.only(t, postern.DifferencePasskeyUnclaimed, postern.OutcomeReported)
	if r.Unmanaged == 0 || r.Reported != 1 || r.Open != 1 || d.Next == "" || d.UserID != p.user.ID || w.events(t, audit.DifferenceReported) != 1 {
		t.Errorf("%+v %+v", r, d)
	}
	w.pass(reconcile.Every)
	if again := w.compare(t, postern.ReconcileIncremental); again.Open != 1 || w.events(t, audit.DifferenceReported) != 1 {
		t.Errorf("told again: %+v", again)
	}
	w.extra = nil // its user deleted it
	w.pass(reconcile.Every)
	if r = w.compare(t, postern.ReconcileIncremental); r.Open != 0 {
		t.Errorf("%+v", r)
	}
	w.wantQuiet(t)
}

func TestRevocationThatStands(t *testing.T) {
	w := newWorld(t, full, 2)
	p := w.stored(t, w.people[0])
	p.State, p.Problem = postern.PasskeyRevocation, "Entra does not answer."
	must(t, w.Store.UpdatePasskey(t.Context(), &p))
	r := w.compare(t, postern.ReconcileFull)
	d := w.only(t, postern.DifferenceRevocationStuck, postern.OutcomeWaiting)
	if r.Waiting != 1 || d.Object != string(p.ID) || d.Next == "" {
		t.Errorf("%+v %+v", r, d)
	}
	for range 20 { // which it has begun anew
		err := w.Passkeys.Revoke(t.Context(), provision.RevokeJob{Passkey: p.ID})
		wait, again := job.SnoozeOf(err)
		if !again {
			must(t, err)
			break
		}
		w.pass(wait)
	}
	if is := w.stored(t, w.people[0]); is.State != postern.PasskeyRevoked {
		t.Fatalf("it is %s", is.State)
	}
	w.pass(reconcile.Every)
	if r = w.compare(t, postern.ReconcileIncremental); r.Open != 0 {
		t.Errorf("%+v", r)
	}
}

func TestProvisioningThatStands(t *testing.T) {
	w := newWorld(t, full, 2)
	p := w.people[0]
	rec := provision.Record{Provisioning: postern.Provisioning{
		ID: postern.NewID[postern.ProvisioningID](postern.PrefixProvisioning), IntegrationID: w.integration.ID, UserID: p.user.ID,
		PhoneID: p.phone.ID, Carrier: postern.CarrierPhone, Version: 1, State: postern.ProvisioningRequested, DisplayName: "Waiting",
		CreatedAt: w.clock(), UpdatedAt: w.clock(),
	}}
	must(t, w.Store.CreateProvisioning(t.Context(), rec))
	w.pass(23 * time.Hour)
	if r := w.compare(t, postern.ReconcileFull); r.Reported != 0 {
		t.Fatalf("after 23 hours: %+v %+v", r, w.differences(t))
	}
	w.pass(time.Hour)
	r := w.compare(t, postern.ReconcileFull)
	if d := w.only(t, postern.DifferenceProvisioningStuck, postern.OutcomeReported); r.Reported != 1 || d.Object != string(rec.ID) || d.Next == "" {
		t.Errorf("%+v %+v", r, d)
	}
	rec.State = postern.ProvisioningCancelled
	must(t, w.Store.UpdateProvisioning(t.Context(), &rec))
	w.pass(reconcile.Every)
	if r = w.compare(t, postern.ReconcileIncremental); r.Open != 0 {
		t.Errorf("%+v", r)
	}
}

func TestUserWhoIsGone(t *testing.T) {
	w := newWorld(t, passkeys, 2) // where no directory tells
	p := w.people[0]
	req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, w.sim.GraphURL+"/_entrasim/tenants/first/users/"+p.user.ObjectID, http.NoBody)
	must(t, err)
	cas := x509.NewCertPool()
	cas.AppendCertsFromPEM(w.sim.CAPEM)
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: cas, MinVersion: tls.VersionTLS12}}}
	defer client.CloseIdleConnections()
	answer, err := client.Do(req)
	must(t, err)
	must(t, answer.Body.Close())
	if answer.StatusCode >= 300 {
		t.Fatal(answer.Status)
	}
	r := w.compare(t, postern.ReconcileFull)
	d := w.only(t, postern.DifferenceUserGone, postern.OutcomeReported)
	if r.Reported != 1 || r.Missing != 0 || d.UserID != p.user.ID || w.stored(t, p).State != postern.PasskeyActive {
		t.Errorf("%+v %+v", r, d)
	}
}
