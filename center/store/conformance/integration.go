package conformance

import (
	"context"
	"strings"
	"testing"

	"github.com/postern/postern"
)

func testIntegrations(t *testing.T, w *world) {
	ctx := w.ctx()
	i := w.integration()
	got, err := w.Integration(ctx, i.ID)
	same(w, got, err)(i)

	// What is not there stays not there.
	bare := postern.Integration{ID: "int_bare", ApplicationName: "a bare one", CreatedAt: kept(noon), UpdatedAt: kept(noon)}
	bare.Credential.SetAt = kept(noon)
	w.must(w.CreateIntegration(ctx, bare, nil))
	got, err = w.Integration(ctx, bare.ID)
	same(w, got, err)(bare)

	// Times lose what is below a millisecond, and their zone.
	later := noon
	bare.HTTPDebugUntil = &later
	w.must(w.UpdateIntegration(ctx, &bare))
	if got, err = w.Integration(ctx, bare.ID); err != nil || !got.HTTPDebugUntil.Equal(kept(noon)) {
		t.Fatal(got.HTTPDebugUntil, err)
	}

	all, err := w.Integrations(ctx)
	if err != nil || len(all) != 2 || all[0].ID != bare.ID || all[1].ID != i.ID {
		t.Fatalf("%+v, %v; want them ordered by name, upper and lower case alike", all, err)
	}

	// Two names never fold into one.
	twin := i
	twin.ID, twin.ApplicationName = "int_twin", strings.ToUpper(i.ApplicationName)
	err = w.CreateIntegration(ctx, twin, nil)
	w.refused(err, postern.CodeConflict)
	if field := postern.AsError(err).Field; field != "application_name" {
		t.Errorf("the conflict is on field %q", field)
	}
	bare.ApplicationName = strings.ToLower(i.ApplicationName)
	err = w.UpdateIntegration(ctx, &bare)
	w.refused(err, postern.CodeConflict)
	if field := postern.AsError(err).Field; field != "application_name" {
		t.Errorf("the conflict is on field %q", field)
	}

	// Every field but groups and check, which have methods of their own.
	changed := filled[postern.Integration]()
	changed.ID, changed.Version, changed.ApplicationName = i.ID, i.Version, "Another name"
	changed.Domains, changed.Flags, changed.TenantName = nil, postern.AllFlags(), ""
	changed.Groups, changed.Check = i.Groups, i.Check
	w.must(w.UpdateIntegration(ctx, &changed))
	if changed.Version != i.Version+1 {
		t.Errorf("version %d after the update of version %d", changed.Version, i.Version)
	}
	got, err = w.Integration(ctx, i.ID)
	same(w, got, err)(changed)

	stale := i
	w.refused(w.UpdateIntegration(ctx, &stale), postern.CodeStale)
	if stale.Version != i.Version {
		t.Error("a refused update changed the version in memory")
	}
	gone := i
	gone.ID, gone.ApplicationName = "int_none", "Nobody"
	w.refused(w.UpdateIntegration(ctx, &gone), postern.CodeNotFound)
	_, err = w.Integration(ctx, "int_none")
	w.refused(err, postern.CodeNotFound)

	w.oneWins(race(4, func(int) error { mine := changed; return w.UpdateIntegration(ctx, &mine) }), postern.CodeStale)
	w.oneWins(race(4, func(n int) error {
		return w.CreateIntegration(ctx, postern.Integration{ID: postern.IntegrationID(rune('a' + n)), ApplicationName: "Race"}, nil)
	}), postern.CodeConflict)

	sealed, err := w.SealedCredential(ctx, i.ID)
	same(w, string(sealed), err)("sealed")
	w.must(w.SetSealedCredential(ctx, i.ID, []byte{0, 255}))
	sealed, err = w.SealedCredential(ctx, i.ID)
	same(w, string(sealed), err)("\x00\xff")
	_, err = w.SealedCredential(ctx, "int_none")
	w.refused(err, postern.CodeNotFound)
	w.refused(w.SetSealedCredential(ctx, "int_none", nil), postern.CodeNotFound)

	w.refused(w.DeleteIntegration(ctx, i.ID, 1), postern.CodeStale)
	w.refused(w.DeleteIntegration(ctx, "int_none", 1), postern.CodeNotFound)
}

func testIntegrationNotes(t *testing.T, w *world) {
	ctx := w.ctx()
	i := w.integration()
	opened, err := w.Integration(ctx, i.ID) // somebody opens the form
	w.must(err)

	check := filled[postern.ConnectionTest]()
	check.At, check.Message = i.Check.At.Add(1e9), "found by itself"
	w.must(w.NoteCheck(ctx, i.ID, check))
	group := postern.PhaseGroup{Phase: i.Groups[0].Phase, ID: "the id", Name: "the name"}
	w.must(w.NoteGroup(ctx, i.ID, group))
	added := postern.PhaseGroup{Phase: postern.PhaseActive, ID: "another id", Name: "another name", Problem: "none"}
	w.must(w.NoteGroup(ctx, i.ID, added))

	ends := i.CreatedAt.Add(1e9)
	w.must(w.NoteEnd(ctx, i.ID, i.Credential.SetAt, ends))
	w.refused(w.NoteEnd(ctx, i.ID, i.Credential.SetAt.Add(1e9), ends), postern.CodeStale)
	w.refused(w.NoteEnd(ctx, "int_none", i.Credential.SetAt, ends), postern.CodeNotFound)

	want := i
	want.Credential.EndsAt = &ends
	want.Check, want.Groups = &check, []postern.PhaseGroup{group, i.Groups[1], added}
	got, err := w.Integration(ctx, i.ID)
	same(w, got, err)(want) // the version too

	// The form is stored, and the notes stay.
	opened.TenantName, opened.Credential.EndsAt = "changed in the form", nil
	w.must(w.UpdateIntegration(ctx, &opened))
	if got, err = w.Integration(ctx, i.ID); err != nil || got.TenantName != "changed in the form" || got.Check.Message != check.Message || got.Groups[0] != group ||
		got.Credential.EndsAt == nil || !got.Credential.EndsAt.Equal(ends) {
		t.Fatalf("%+v, %v", got, err)
	}
	// A later check that comes with an update counts.
	newer := check
	newer.At, newer.Message = check.At.Add(1e9), "newer"
	got.Check = &newer
	w.must(w.UpdateIntegration(ctx, &got))
	if got, err = w.Integration(ctx, i.ID); err != nil || got.Check.Message != "newer" {
		t.Fatalf("%+v, %v", got.Check, err)
	}
	for _, err := range race(6, func(n int) error {
		return w.NoteGroup(ctx, i.ID, postern.PhaseGroup{Phase: postern.Phase(rune('a' + n)), ID: "x"})
	}) {
		w.must(err)
	}
	if got, err = w.Integration(ctx, i.ID); err != nil || len(got.Groups) != 3+6 {
		t.Fatalf("%d groups, %v; one note overwrote another", len(got.Groups), err)
	}
	w.refused(w.NoteCheck(ctx, "int_none", check), postern.CodeNotFound)
	w.refused(w.NoteGroup(ctx, "int_none", group), postern.CodeNotFound)
}

// testCascade deletes an integration and looks whether anything of it is left, beside another that must stay whole.
func testCascade(t *testing.T, w *world) {
	ctx := w.ctx()
	type family struct {
		i   postern.Integration
		u   postern.User
		inv postern.Invitation
		p   postern.Phone
		pr  postern.ProvisioningID
		k   postern.Passkey
	}
	make := func(handle string) family {
		f := family{i: w.integration()}
		f.u = w.user(f.i.ID)
		f.inv = w.invitation(f.u, handle, postern.InvitationOpen)
		f.p = w.phone(f.u)
		f.pr = w.provisioning(f.p, postern.ProvisioningRequested).ID
		f.k = w.passkey(f.p, postern.PasskeyActive)
		fresh, err := w.UsePhoneProof(ctx, f.p.ID, "proof", noon, noon.Add(1e9))
		same(w, fresh, err)(true)
		w.must(w.CreateAttestationCA(ctx, f.i.ID, []byte("certificate"), []byte("key")))
		return f
	}
	goes, stays := make("GOES"), make("STAYS")
	w.must(w.Atomically(ctx, func(ctx context.Context) error {
		return w.InsertAuditEvent(ctx, postern.AuditEvent{Sequence: 1, IntegrationID: goes.i.ID, Hash: "h"})
	}))
	w.must(w.DeleteIntegration(ctx, goes.i.ID, goes.i.Version))

	look := func(f family) map[string]error {
		errs := map[string]error{}
		_, errs["integration"] = w.Integration(ctx, f.i.ID)
		_, errs["user"] = w.User(ctx, f.u.ID)
		_, errs["invitation"] = w.Invitation(ctx, f.inv.ID)
		_, errs["phone"] = w.Phone(ctx, f.p.ID)
		_, errs["provisioning"] = w.Provisioning(ctx, f.pr)
		_, errs["passkey"] = w.Passkey(ctx, f.k.ID)
		_, _, errs["attestation CA"] = w.AttestationCA(ctx, f.i.ID)
		return errs
	}
	for kind, err := range look(goes) {
		if !postern.IsCode(err, postern.CodeNotFound) {
			t.Errorf("%s of the deleted integration: %v", kind, err)
		}
	}
	for kind, err := range look(stays) {
		if err != nil {
			t.Errorf("%s of the other integration: %v", kind, err)
		}
	}
	var proofs int
	w.must(w.DB().QueryRowContext(ctx, "SELECT count(*) FROM phone_proofs").Scan(&proofs))
	if proofs != 1 {
		t.Errorf("%d proofs are left, want 1", proofs)
	}
	if sequence, _, err := w.AuditHead(ctx); err != nil || sequence != 1 {
		t.Errorf("the trail did not stay: %d, %v", sequence, err)
	}
	// The children of what is gone cannot come back.
	w.refused(w.CreateUser(ctx, goes.u), postern.CodeNotFound)
	w.refused(w.CreatePhone(ctx, goes.p), postern.CodeNotFound)
	w.refused(w.CreatePasskey(ctx, goes.k), postern.CodeNotFound)
}
