package provision_test

import (
	"context"
	"crypto/rand"
	"slices"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/provision"
	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/authtest"
	"github.com/postern/postern/fido/authenticator/memory"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/fido/ctap"
)

// revokeUser takes everything away, and what follows runs.
func (w *world) revokeUser(t *testing.T) {
	t.Helper()
	w.must(t, func() error {
		_, err := w.passkeys.RevokeUser(t.Context(), w.user.ID, postern.RevocationUser, "Lost.")
		return err
	})
	w.runJobs(t)
}

// replace provisions again on the same phone, once: when it was asked before, the story goes on with what that began.
func (w *world) replace(t *testing.T) {
	t.Helper()
	if all, err := w.store.ProvisioningsOfUser(t.Context(), w.user.ID); err != nil || len(all) > 1 {
		w.must(t, func() error { return err })
		return
	}
	old := w.newest(t)
	w.must(t, func() error { _, err := w.passkeys.ReplacePasskey(t.Context(), old.ID); return err })
}

// newest is the last passkey that was made.
func (w *world) newest(t *testing.T) postern.Passkey {
	t.Helper()
	all, err := w.store.PasskeysOfUser(t.Context(), w.user.ID)
	if err != nil || len(all) == 0 {
		t.Fatalf("%d passkeys, %v", len(all), err)
	}
	return slices.MaxFunc(all, func(a, b postern.Passkey) int { return a.CreatedAt.Compare(b.CreatedAt) })
}

// replaceWhole goes the whole way to a second passkey in place of the first.
func (w *world) replaceWhole(t *testing.T) {
	t.Helper()
	all, err := w.store.ProvisioningsOfUser(t.Context(), w.user.ID)
	w.must(t, func() error { return err })
	if len(all) < 2 {
		w.obtainPasskey(t)
		w.pass(time.Minute)
		w.replace(t)
	}
	w.runJobs(t)
	w.submitSecond(t)
	w.runJobs(t)
}

// submitSecond answers the offer that has no answer yet.
func (w *world) submitSecond(t *testing.T) {
	t.Helper()
	all, err := w.passkeys.Provisionings(t.Context(), w.user.ID)
	w.must(t, func() error { return err })
	for _, p := range all {
		if p.State == postern.ProvisioningOffered {
			offer, err := w.passkeys.ForPhone(t.Context(), w.phone, p.ID)
			w.must(t, func() error { return err })
			opened, err := postern.OpenProvisioningOptions(w.sealKey, p.ID, offer.Sealed)
			w.must(t, func() error { return err })
			if w.second == nil {
				w.second = w.make(t, opened.PublicKey)
			}
			w.must(t, func() error { _, err := w.passkeys.Submit(t.Context(), w.phone, p.ID, *w.second); return err })
		}
	}
}

// wantOne holds that Entra lists one passkey of ours and that it is the one stored as active.
func (w *world) wantOne(t *testing.T) {
	t.Helper()
	w.pass(time.Hour)
	listed, err := w.tenant.Passkeys(t.Context(), w.user.ObjectID)
	w.must(t, func() error { return err })
	stored, err := w.store.PasskeysOfUser(t.Context(), w.user.ID)
	w.must(t, func() error { return err })
	var active []postern.Passkey
	for _, p := range stored {
		switch p.State {
		case postern.PasskeyActive:
			active = append(active, p)
		case postern.PasskeyRevoked:
			if p.Reason != postern.RevocationReplaced {
				t.Errorf("revoked because %q", p.Reason)
			}
		default:
			t.Errorf("a passkey is %s", p.State)
		}
	}
	listed = slices.DeleteFunc(listed, func(p entra.Passkey) bool { // the user may have others
		return !slices.ContainsFunc(stored, func(k postern.Passkey) bool { return k.MethodID == p.ID })
	})
	if len(listed) != 1 || len(active) != 1 || listed[0].ID != active[0].MethodID {
		t.Errorf("Entra lists %d, %d are active", len(listed), len(active))
	}
}

func revokeJob(id postern.PasskeyID) provision.RevokeJob { return provision.RevokeJob{Passkey: id} }

// foreignPasskey is one that the user has on a key of another maker. It returns Entra's id of it.
func (w *world) foreignPasskey(t *testing.T) string {
	t.Helper()
	ours := w.client
	defer func() { w.client = ours }()
	key, err := authenticator.New(authenticator.Config{
		AAGUID: ctap.AAGUID{1, 2, 3}, Store: memory.New(10), User: &authtest.User{}, Random: rand.Reader, Now: w.clock,
	})
	w.must(t, func() error { return err })
	w.client = &client.Client{Random: rand.Reader, Channel: client.ChannelFunc(func(ctx context.Context, request []byte) ([]byte, error) {
		return key.Handle(ctx, request), nil
	})}
	options, err := w.tenant.CreationOptions(t.Context(), w.user.ObjectID, 60)
	w.must(t, func() error { return err })
	made := w.make(t, options.PublicKey)
	p, err := w.tenant.RegisterPasskey(t.Context(), w.user.ObjectID, "A key of another maker", entra.NewCredential{
		ID: made.ID, ClientDataJSON: made.ClientDataJSON, AttestationObject: made.AttestationObject,
	})
	w.must(t, func() error { return err })
	return p.ID
}

// events counts the entries of the trail.
func (w *world) events(t *testing.T) int {
	t.Helper()
	all, err := w.trail.Events(t.Context(), audit.Query{Limit: 1000})
	w.must(t, func() error { return err })
	return len(all)
}

func TestRevokeUserLeavesWhatIsNotOurs(t *testing.T) {
	w := newWorld(t, 0)
	w.reset(t)
	w.start(t)
	w.obtainPasskey(t)
	w.pass(time.Minute)
	foreign := w.foreignPasskey(t)
	w.revokeUser(t)
	listed, err := w.tenant.Passkeys(t.Context(), w.user.ObjectID)
	if err != nil || len(listed) != 1 || listed[0].ID != foreign {
		t.Errorf("Entra lists %+v, %v; want only the one that Postern did not make", listed, err)
	}
	w.wantPhase(t, postern.PhaseRevoked)
	if p := w.newest(t); p.State != postern.PasskeyRevoked || p.Reason != postern.RevocationUser || p.UPN != w.user.UPN {
		t.Errorf("%+v", p)
	}
	before := w.events(t)
	w.revokeUser(t)
	if after := w.events(t); after != before {
		t.Errorf("revoking again left %d more entries in the trail", after-before)
	}
	w.wantSound(t)
}

func TestRevocationThatWasGivenUpBeginsAnew(t *testing.T) {
	w := newWorld(t, 0)
	w.reset(t)
	w.start(t)
	w.obtainPasskey(t)
	key := w.newest(t)
	w.must(t, func() error { _, err := w.passkeys.RevokePasskey(t.Context(), key.ID); return err })
	refused := postern.Errorf(postern.CodeEntraPermission, "")
	w.must(t, func() error { return w.passkeys.RevokeGivenUp(t.Context(), revokeJob(key.ID), refused) })
	if p := w.newest(t); p.State != postern.PasskeyRevocation || p.Problem != refused.Message {
		t.Errorf("%+v", p)
	}
	w.runJobs(t)
	if p := w.newest(t); p.State != postern.PasskeyRevoked || p.Problem != "" {
		t.Errorf("%+v", p)
	}
	w.must(t, func() error { return w.passkeys.RevokeGivenUp(t.Context(), revokeJob("pky_none"), refused) })
	w.wantSound(t)
}

func TestRevokeIntegration(t *testing.T) {
	w := newWorld(t, 0)
	w.reset(t)
	w.start(t)
	w.obtainPasskey(t)
	in := postern.IntegrationRevocation{ApplicationName: "Poster", Note: "Closed."}
	if _, err := w.passkeys.RevokeIntegration(t.Context(), w.integration.ID, in); !postern.IsCode(err, postern.CodeInvalid) {
		t.Errorf("a wrong name is taken: %v", err)
	}
	in.ApplicationName = "Postern"
	i, err := w.passkeys.RevokeIntegration(t.Context(), w.integration.ID, in)
	if err != nil || i.State != postern.StateDisabled {
		t.Fatalf("%+v, %v", i, err)
	}
	w.runJobs(t)
	w.wantPhase(t, postern.PhaseRevoked)
	if p := w.newest(t); p.State != postern.PasskeyRevoked || p.Reason != postern.RevocationIntegration {
		t.Errorf("%+v", p)
	}
	w.wantSound(t)
}

func TestPasskeyAfterAnotherName(t *testing.T) {
	w := newWorld(t, 0)
	w.reset(t)
	w.start(t)
	w.obtainPasskey(t)
	u, err := w.store.User(t.Context(), w.user.ID)
	w.must(t, func() error { return err })
	u.UPN = "married." + u.UPN
	w.must(t, func() error { return w.store.UpdateUser(t.Context(), &u) })
	shown, err := w.passkeys.Passkeys(t.Context(), u.ID)
	if err != nil || len(shown) != 1 || !shown[0].Outdated || shown[0].Problem == "" {
		t.Fatalf("%+v, %v", shown, err)
	}
	w.pass(time.Minute)
	w.replace(t)
	if _, _, err := w.passkeys.Begin(t.Context(), w.phone.ID); err != nil {
		t.Errorf("asking again: %v", err)
	}
	w.replaceWhole(t)
	w.wantOne(t)
	if shown, err = w.passkeys.Passkeys(t.Context(), u.ID); err != nil || len(shown) != 1 || shown[0].Outdated || shown[0].UPN != u.UPN {
		t.Errorf("%+v, %v", shown, err)
	}
}

func TestSuspensionCancelsWhatIsOpen(t *testing.T) {
	w := newWorld(t, 0)
	w.reset(t)
	w.start(t)
	w.begin(t)
	w.must(t, func() error { _, err := w.people.Suspend(t.Context(), w.user.ID, "On leave."); return err })
	w.runJobs(t)
	if p := w.latest(t); p.State != postern.ProvisioningCancelled {
		t.Errorf("the provisioning is %s", p.State)
	}
	if _, _, err := w.passkeys.Begin(t.Context(), w.phone.ID); !postern.IsCode(err, postern.CodeUserSuspended) {
		t.Errorf("a suspended user is asked: %v", err)
	}
	w.wantPhase(t, postern.PhaseSuspended)
	w.must(t, func() error { _, err := w.people.Resume(t.Context(), w.user.ID, ""); return err })
	w.runJobs(t)
	w.wantPhase(t, postern.PhasePaired)
	w.wantSound(t)
}
