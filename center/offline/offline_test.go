package offline_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/offline"
	"github.com/postern/postern/center/provision"
)

func TestTheWholeWay(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	_, err := w.Ask(ctx, w.desk, w.pairing.ID, w.request())
	w.refused(err, postern.CodeOfflineOff)
	phones, err := w.devices.PairedPhones(ctx, w.desk)
	if w.must(err); phones[0].Offline != nil {
		t.Errorf("offered while it is off: %+v", phones[0].Offline)
	}
	if all := w.events(audit.OfflineAsked); len(all) != 0 {
		t.Errorf("what is off leaves entries: %+v", all)
	}
	w.switched(nil)
	phones, err = w.devices.PairedPhones(ctx, w.desk)
	if w.must(err); phones[0].Offline == nil || phones[0].Offline.State != "" || phones[0].Offline.Settings.Length != 8 {
		t.Fatalf("offered %+v", phones[0].Offline)
	}

	_, err = w.Options(ctx, w.desk, w.pairing.ID)
	w.refused(err, postern.CodeOfflineState)
	asked, err := w.Ask(ctx, w.desk, w.pairing.ID, w.request())
	if w.must(err); asked.State != postern.OfflineAsked || !bytes.Equal(asked.BatchID, w.batch) {
		t.Fatalf("%+v", asked)
	}
	_, err = w.Options(ctx, w.desk, w.pairing.ID)
	w.refused(err, postern.CodeOfflineConsent)
	_, err = w.Consent(ctx, w.phone, w.pairing.ID, postern.OfflineConsent{BatchID: make([]byte, 16)})
	w.refused(err, postern.CodeOfflineState)
	for range 2 { // the second time changes nothing
		agreed, err := w.Consent(ctx, w.phone, w.pairing.ID, postern.OfflineConsent{BatchID: w.batch})
		if w.must(err); agreed.State != postern.OfflineConsented {
			t.Fatalf("%+v", agreed)
		}
	}
	if all := w.events(audit.OfflineConsented); len(all) != 1 || all[0].Target != string(w.desk.ID) || all[0].TargetName != "DESK-1" {
		t.Errorf("%+v", all)
	}
	first, err := w.Options(ctx, w.desk, w.pairing.ID)
	w.must(err)
	second, err := w.Options(ctx, w.desk, w.pairing.ID)
	w.must(err)
	if first.DisplayName != second.DisplayName || second.Recovery != nil {
		t.Errorf("%q, %q, %s", first.DisplayName, second.DisplayName, second.Recovery)
	}
	_, err = w.Submit(ctx, w.desk, w.pairing.ID, w.make(postern.WorkstationAAGUID, first.PublicKey))
	w.refused(err, postern.CodeProvisioningTaken)
	_, err = w.Submit(ctx, w.desk, w.pairing.ID, w.make("8a208249-8aef-41b3-907f-776d51e6526f", second.PublicKey))
	w.refused(err, postern.CodeCredentialRefused)
	made := w.make(postern.WorkstationAAGUID, second.PublicKey)
	for range 2 {
		answer, err := w.Submit(ctx, w.desk, w.pairing.ID, made)
		if w.must(err); answer.State != postern.OfflineRegistering {
			t.Fatalf("%+v", answer)
		}
	}
	w.runJobs(time.Minute)
	r := w.stands(postern.OfflineActive)
	if w.listed() != 1 || r.PasskeyID == "" || r.Codes != 20 || r.CodesLeft != 20 {
		t.Errorf("Entra lists %d, %+v", w.listed(), r.OfflineSignIn)
	}
	key, err := w.store.Passkey(ctx, r.PasskeyID)
	if w.must(err); key.Carrier != postern.CarrierWorkstation || key.PairingID != w.pairing.ID || key.WorkstationID != w.desk.ID || key.PhoneID != w.phone.ID {
		t.Errorf("%+v", key)
	}
	answer, err := w.Submit(ctx, w.desk, w.pairing.ID, made)
	if w.must(err); answer.State != postern.OfflineActive {
		t.Errorf("%+v", answer)
	}
	// The phone still gets a passkey of its own: that on the workstation is none of it.
	if _, created, err := w.keys.Begin(ctx, w.phone.ID); err != nil || !created {
		t.Errorf("created %t, %v", created, err)
	}
	if self, err := w.store.PasskeysOfPhone(ctx, w.phone.ID); err != nil || len(self) != 0 {
		t.Errorf("the phone holds %+v, %v", self, err)
	}
	all, err := w.OfUser(ctx, w.user.ID)
	if w.must(err); len(all) != 1 || all[0].Workstation != "DESK-1" || all[0].Seal != postern.SealTPM {
		t.Errorf("%+v", all)
	}
	if v, err := w.trail.Verify(ctx); err != nil || !v.OK {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestRefusals(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.switched(nil)
	browser, tab := w.workstation("Edge", postern.WorkstationExtension)
	for name, try := range map[string]struct {
		change func(in *postern.OfflineRequest)
		code   postern.Code
		field  string
	}{
		"batch":      {func(in *postern.OfflineRequest) { in.BatchID = in.BatchID[:15] }, postern.CodeInvalid, "batch_id"},
		"length":     {func(in *postern.OfflineRequest) { in.Length = 6 }, postern.CodeInvalid, "length"},
		"codes":      {func(in *postern.OfflineRequest) { in.Codes = 21 }, postern.CodeInvalid, "codes"},
		"no codes":   {func(in *postern.OfflineRequest) { in.Codes = 0 }, postern.CodeInvalid, "codes"},
		"over":       {func(in *postern.OfflineRequest) { in.ExpiresAt = w.now }, postern.CodeInvalid, "expires_at"},
		"too long":   {func(in *postern.OfflineRequest) { in.ExpiresAt = w.now.AddDate(0, 0, 31) }, postern.CodeInvalid, "expires_at"},
		"seal":       {func(in *postern.OfflineRequest) { in.Seal = "wax" }, postern.CodeInvalid, "seal"},
		"some clock": {func(in *postern.OfflineRequest) { in.ExpiresAt = in.ExpiresAt.Add(30 * time.Minute) }, "", ""},
	} {
		in := w.request()
		try.change(&in)
		_, err := w.Ask(ctx, w.desk, w.pairing.ID, in)
		if try.code == "" {
			w.must(err)
			continue
		}
		if w.refused(err, try.code); postern.AsError(err).Field != try.field {
			t.Errorf("%s: the field is %q", name, postern.AsError(err).Field)
		}
	}
	_, err := w.Ask(ctx, browser, tab.ID, w.request())
	w.refused(err, postern.CodeOfflineOff)
	_, err = w.Ask(ctx, browser, w.pairing.ID, w.request())
	w.refused(err, postern.CodeNotFound)
	_, err = w.Consent(ctx, postern.Phone{ID: "phn_other"}, w.pairing.ID, postern.OfflineConsent{BatchID: w.batch})
	w.refused(err, postern.CodeNotFound)
	_, err = w.Submit(ctx, w.desk, w.pairing.ID, postern.OfflineCredential{})
	w.refused(err, postern.CodeOfflineState)
	_, err = w.EndOwn(ctx, postern.DeviceID(browser.ID), w.pairing.ID)
	w.refused(err, postern.CodeNotFound)

	// A weak seal does where no TPM is asked for, and not where one is.
	in := w.request()
	in.Seal = postern.SealKeyFile
	_, err = w.Ask(ctx, w.desk, w.pairing.ID, in)
	w.must(err)
	w.switched(func(s *postern.WorkstationSettings) { s.Offline.RequireTPM = true })
	if r := w.stands(postern.OfflineEnded); r.Reason != postern.OfflineEndSettings {
		t.Errorf("%+v", r.OfflineSignIn)
	}
	_, err = w.Ask(ctx, w.desk, w.pairing.ID, in)
	w.refused(err, postern.CodeOfflineSeal)

	// Whatever holds somebody back holds this back.
	for name, try := range map[string]struct {
		bar func()
		un  func()
		why postern.Code
	}{
		"disabled": {func() { w.integrate(func(i *postern.Integration) { i.State = postern.StateDisabled }) }, func() { w.integrate(func(i *postern.Integration) { i.State = postern.StateEnabled }) }, postern.CodeIntegrationDisabled},
		"flag":     {func() { w.integrate(func(i *postern.Integration) { i.Flags[postern.FlagWorkstation] = false }) }, func() { w.integrate(func(i *postern.Integration) { i.Flags[postern.FlagWorkstation] = true }) }, postern.CodeFlagOff},
		"domain": {func() {
			w.integrate(func(i *postern.Integration) { i.RestrictDomains, i.Domains = true, []string{"elsewhere.example"} })
		}, func() { w.integrate(func(i *postern.Integration) { i.RestrictDomains, i.Domains = false, []string{} }) }, postern.CodeDomainRefused},
		"suspended": {func() { _, err := w.people.Suspend(ctx, w.user.ID, ""); w.must(err) }, func() { _, err := w.people.Resume(ctx, w.user.ID, ""); w.must(err) }, postern.CodeUserSuspended},
	} {
		try.bar()
		_, err := w.Ask(ctx, w.desk, w.pairing.ID, w.request())
		if w.refused(err, try.why); t.Failed() {
			t.Fatal(name)
		}
		offer, err := w.Offer(ctx, w.pairing)
		if w.must(err); offer != nil {
			t.Errorf("%s: offered %+v", name, offer)
		}
		try.un()
	}
	_, err = w.Ask(ctx, w.desk, w.pairing.ID, w.request())
	w.must(err)
	_, err = w.Consent(ctx, w.phone, w.pairing.ID, postern.OfflineConsent{BatchID: w.batch})
	w.must(err)
	w.proofs.missing = []postern.Proof{postern.ProofApproval}
	_, err = w.Options(ctx, w.desk, w.pairing.ID)
	w.refused(err, postern.CodeIdentityProof)
	if r := w.stands(postern.OfflineEnded); r.Code != postern.CodeIdentityProof || r.Reason != postern.OfflineEndFailed {
		t.Errorf("%+v", r.OfflineSignIn)
	}
}

// integrate changes the integration as it is stored.
func (w *world) integrate(change func(i *postern.Integration)) {
	w.t.Helper()
	i, err := w.store.Integration(w.t.Context(), w.integration.ID)
	w.must(err)
	change(&i)
	w.must(w.store.UpdateIntegration(w.t.Context(), &i))
}

// TestTakingAway: whoever takes it away and why, Entra no longer lists it, and both ends learn the reason.
func TestTakingAway(t *testing.T) {
	w := newWorld(t)
	for name, try := range map[string]struct {
		act    func(ctx context.Context, w *world) error
		reason string
	}{
		"the phone's user": {func(ctx context.Context, w *world) error {
			_, err := w.EndOwn(ctx, postern.DeviceID(w.phone.ID), w.pairing.ID)
			return err
		}, postern.OfflineEndPhone},
		"at the workstation": {func(ctx context.Context, w *world) error {
			_, err := w.EndOwn(ctx, postern.DeviceID(w.desk.ID), w.pairing.ID)
			return err
		}, postern.OfflineEndWorkstation},
		"an administrator": {func(ctx context.Context, w *world) error { _, err := w.End(ctx, "", w.pairing.ID, "Sold."); return err }, postern.OfflineEndAdministrator},
		"the pairing by the phone": {func(ctx context.Context, w *world) error {
			_, err := w.devices.EndPairing(ctx, postern.DeviceID(w.phone.ID), w.pairing.ID)
			return err
		}, postern.OfflineEndPairing},
		"the pairing by the desk": {func(ctx context.Context, w *world) error {
			_, err := w.devices.EndPairing(ctx, postern.DeviceID(w.desk.ID), w.pairing.ID)
			return err
		}, postern.OfflineEndPairing},
		"the pairing by the desk of help": {func(ctx context.Context, w *world) error {
			_, err := w.devices.EndPairing(ctx, "", w.pairing.ID)
			return err
		}, postern.OfflineEndPairing},
		"the phone revoked": {func(ctx context.Context, w *world) error { _, err := w.keys.RevokePhone(ctx, w.phone.ID); return err }, string(postern.RevocationPhone)},
		"the workstation revoked": {func(ctx context.Context, w *world) error {
			_, err := w.devices.RevokeWorkstation(ctx, w.desk.ID)
			return err
		}, postern.OfflineEndWorkstationRevoked},
		"the user revoked": {func(ctx context.Context, w *world) error {
			_, err := w.keys.RevokeUser(ctx, w.user.ID, postern.RevocationUser, "Left.")
			return err
		}, string(postern.RevocationUser)},
		"a leaver": {func(ctx context.Context, w *world) error {
			_, err := w.keys.RevokeUser(ctx, w.user.ID, postern.RevocationLeaver, "")
			return err
		}, string(postern.RevocationLeaver)},
		"the passkey": {func(ctx context.Context, w *world) error {
			_, err := w.keys.RevokePasskey(ctx, w.record().PasskeyID)
			return err
		}, string(postern.RevocationRequested)},
		"everything of the integration": {func(ctx context.Context, w *world) error {
			return w.keys.RevokeAll(ctx, provision.RevokeAllJob{Integration: w.integration.ID})
		}, string(postern.RevocationIntegration)},
		"the settings": {func(ctx context.Context, w *world) error {
			s, err := w.Settings(ctx, w.integration.ID)
			w.must(err)
			s.Offline.Enabled = false
			if _, err = w.SetSettings(ctx, w.integration.ID, s); err != nil {
				return err
			}
			return w.Follow(ctx, offline.SettingsJob{Integration: w.integration.ID, Off: true, Before: w.now})
		}, postern.OfflineEndSettings},
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			w.next()
			w.switched(nil)
			w.active()
			if w.listed() != 1 {
				t.Fatal("Entra does not list it to begin with")
			}
			w.told = nil
			taken, ended := len(w.events(audit.OfflineTaken)), len(w.events(audit.OfflineEnded))
			w.must(try.act(t.Context(), w))
			if r := w.stands(postern.OfflineEnding); r.EndedAt != nil {
				t.Errorf("%+v", r)
			}
			if told := strings.Join(w.told, " "); !strings.Contains(told, string(w.phone.ID)) || !strings.Contains(told, string(w.desk.ID)) || !strings.Contains(told, string(w.user.ID)) {
				t.Errorf("told are %q", told)
			}
			_, err := w.Ask(t.Context(), w.desk, w.pairing.ID, w.request())
			if err == nil {
				t.Error("asked anew while the old one is still there")
			}
			w.runJobs(time.Minute)
			r := w.stands(postern.OfflineEnded)
			if w.listed() != 0 || r.Reason != try.reason || r.EndedAt == nil {
				t.Errorf("Entra lists %d, %+v", w.listed(), r.OfflineSignIn)
			}
			if n := len(w.events(audit.OfflineTaken)) - taken; n != 1 {
				t.Errorf("%d entries of the intent", n)
			}
			if n := len(w.events(audit.OfflineEnded)) - ended; n != 1 {
				t.Errorf("%d entries of the end", n)
			}
			w.must(func() error { _, err := w.End(t.Context(), "", w.pairing.ID, ""); return err }()) // changes nothing
		})
	}
}

// TestRemovedAtEntra: what somebody deletes there is found by comparing, and ends here.
func TestRemovedAtEntra(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.switched(nil)
	w.active()
	key, err := w.store.Passkey(ctx, w.record().PasskeyID)
	w.must(err)
	w.must(w.tenant.DeletePasskey(ctx, w.user.ObjectID, key.MethodID))
	w.now = w.now.Add(time.Hour)
	out, err := w.keys.ReconcileUser(ctx, w.user.ID, nil, provision.SecondLook)
	w.must(err)
	if len(out.Differences) != 1 || !strings.Contains(out.Differences[0].Done, "workstation") {
		t.Errorf("%+v", out.Differences)
	}
	if r := w.stands(postern.OfflineEnded); r.Reason != string(postern.RevocationAtEntra) {
		t.Errorf("%+v", r.OfflineSignIn)
	}
}

// TestSuspended: a suspended user keeps the passkey and may not use it.
func TestSuspended(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.switched(nil)
	w.active()
	_, err := w.people.Suspend(ctx, w.user.ID, "Away.")
	w.must(err)
	offer, err := w.Offer(ctx, w.pairing)
	w.must(err)
	look, err := w.Look(ctx, w.desk, w.pairing.ID)
	w.must(err)
	if offer != nil || look.State != postern.OfflineActive || look.Code != postern.CodeUserSuspended || w.listed() != 1 {
		t.Errorf("%+v, %+v", offer, look)
	}
	_, err = w.people.Resume(ctx, w.user.ID, "Back.")
	w.must(err)
	if offer, err = w.Offer(ctx, w.pairing); err != nil || offer == nil || offer.State != postern.OfflineActive {
		t.Errorf("%+v, %v", offer, err)
	}
}

// TestBeforeItIsThere: what is taken away half-way leaves nothing at Entra, however far it had come.
func TestBeforeItIsThere(t *testing.T) {
	w := newWorld(t)
	w.switched(nil)
	for name, come := range map[string]func(w *world){
		"asked":   func(w *world) { _, err := w.Ask(w.t.Context(), w.desk, w.pairing.ID, w.request()); w.must(err) },
		"agreed":  func(w *world) { w.agreed() },
		"options": func(w *world) { w.agreed(); _, err := w.Options(w.t.Context(), w.desk, w.pairing.ID); w.must(err) },
		"made": func(w *world) {
			w.agreed()
			options, err := w.Options(w.t.Context(), w.desk, w.pairing.ID)
			w.must(err)
			_, err = w.Submit(w.t.Context(), w.desk, w.pairing.ID, w.make(postern.WorkstationAAGUID, options.PublicKey))
			w.must(err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			w.next()
			come(w)
			_, err := w.devices.EndPairing(t.Context(), "", w.pairing.ID)
			w.must(err)
			w.stands(postern.OfflineEnded)
			w.runJobs(time.Hour)
			w.stands(postern.OfflineEnded)
			if n := w.listed(); n != 0 {
				t.Errorf("Entra lists %d", n)
			}
		})
	}
}

// TestChallengeRunsOut: what the user agreed to still holds, and the workstation begins again with the same batch.
func TestChallengeRunsOut(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.switched(nil)
	w.agreed()
	old, err := w.Options(ctx, w.desk, w.pairing.ID)
	w.must(err)
	w.now = w.now.Add(2 * time.Hour)
	_, err = w.Submit(ctx, w.desk, w.pairing.ID, w.make(postern.WorkstationAAGUID, old.PublicKey))
	w.refused(err, postern.CodeChallengeExpired)
	if r := w.stands(postern.OfflineConsented); r.Code != postern.CodeChallengeExpired {
		t.Errorf("%+v", r.OfflineSignIn)
	}
	options, err := w.Options(ctx, w.desk, w.pairing.ID)
	w.must(err)
	_, err = w.Submit(ctx, w.desk, w.pairing.ID, w.make(postern.WorkstationAAGUID, options.PublicKey))
	w.must(err)
	w.runJobs(time.Minute)
	if r := w.stands(postern.OfflineActive); r.Code != "" || w.listed() != 1 {
		t.Errorf("%+v", r.OfflineSignIn)
	}
}

// TestAnotherBatch: the phone is asked anew, and what was begun with the old batch comes to nothing.
func TestAnotherBatch(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.switched(nil)
	w.agreed()
	old, err := w.Options(ctx, w.desk, w.pairing.ID)
	w.must(err)
	again, err := w.Ask(ctx, w.desk, w.pairing.ID, w.request())
	if w.must(err); again.State != postern.OfflineAsked {
		t.Fatalf("%+v", again)
	}
	_, err = w.Submit(ctx, w.desk, w.pairing.ID, w.make(postern.WorkstationAAGUID, old.PublicKey))
	w.refused(err, postern.CodeOfflineState)
	_, err = w.Options(ctx, w.desk, w.pairing.ID)
	w.refused(err, postern.CodeOfflineConsent)
	w.active()
	if n := w.listed(); n != 1 {
		t.Errorf("Entra lists %d", n)
	}

	// With an active passkey another batch is only announced: it counts when the workstation says so, and nobody is asked.
	before := w.stands(postern.OfflineActive)
	in := w.request()
	for range 2 {
		renewed, err := w.Ask(ctx, w.desk, w.pairing.ID, in)
		if w.must(err); renewed.State != postern.OfflineActive || !bytes.Equal(renewed.BatchID, before.Batch.ID) {
			t.Fatalf("%+v", renewed)
		}
	}
	_, err = w.Report(ctx, w.desk, w.pairing.ID, postern.OfflineReport{BatchID: before.Batch.ID, CodesLeft: 3})
	w.must(err)
	if r := w.record(); r.CodesLeft != 3 || r.Next == nil {
		t.Errorf("%+v", r)
	}
	for range 2 {
		answer, err := w.Report(ctx, w.desk, w.pairing.ID, postern.OfflineReport{BatchID: in.BatchID, CodesLeft: 20})
		if w.must(err); !bytes.Equal(answer.BatchID, in.BatchID) {
			t.Errorf("%+v", answer)
		}
	}
	if r := w.record(); r.CodesLeft != 20 || r.Next != nil || r.PasskeyID != before.PasskeyID || len(w.events(audit.OfflineRenewed)) != 1 || w.listed() != 1 {
		t.Errorf("%+v", r)
	}
}

func TestSettings(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	now, err := w.Settings(ctx, w.integration.ID)
	if w.must(err); now != postern.DefaultWorkstationSettings() {
		t.Errorf("%+v", now)
	}
	for field, change := range map[string]func(s *postern.WorkstationSettings){
		"offline.length":          func(s *postern.WorkstationSettings) { s.Offline.Length = 5 },
		"offline.codes":           func(s *postern.WorkstationSettings) { s.Offline.Codes = 201 },
		"offline.display_seconds": func(s *postern.WorkstationSettings) { s.Offline.DisplaySeconds = 301 },
		"offline.days":            func(s *postern.WorkstationSettings) { s.Offline.Days = 0 },
		"offline.warn_at":         func(s *postern.WorkstationSettings) { s.Offline.WarnAt = s.Offline.Codes },
		"recovery.length":         func(s *postern.WorkstationSettings) { s.Recovery.Length = 7 },
	} {
		in := now
		change(&in)
		_, err := w.SetSettings(ctx, w.integration.ID, in)
		if w.refused(err, postern.CodeInvalid); postern.AsError(err).Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	first := w.switched(nil)
	if first.Version != 1 || len(w.events(audit.OfflineSettings)) != 1 {
		t.Errorf("%+v", first)
	}
	if !strings.Contains(strings.Join(w.told, " "), string(w.desk.ID)) {
		t.Error("the workstation is not told")
	}
	_, err = w.SetSettings(ctx, w.integration.ID, now)
	w.refused(err, postern.CodeStale)
}
