package device_test

import (
	"crypto/ed25519"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/desktop"
)

// installs gives the world install tokens.
func (w *world) installs(t *testing.T) *desktop.Service {
	t.Helper()
	s := &desktop.Service{Store: w.store, Integrations: w, Audit: w, Now: func() time.Time { return w.now }, PublicURL: "https://postern.example", Packages: t.TempDir(), Version: "v1.0.0"}
	w.Installs = s
	return s
}

// installed is the enrolment of a workstation that has a file with an install token.
func installed(key ed25519.PrivateKey, token string) postern.WorkstationEnrolment {
	in := workstationEnrolment(key)
	in.InstallToken = token
	in.Proof = ed25519.Sign(key, in.Message())
	return in
}

// TestInstallTokenOfASecondWorkstation: what somebody else overheard of an enrolment gives them no identity, and a copy of
// the file gives another workstation one of its own, as long as the token may be used.
func TestInstallTokenOfASecondWorkstation(t *testing.T) {
	w := newWorld(t)
	tokens := w.installs(t)
	ctx := t.Context()
	made, err := tokens.CreateToken(ctx, w.user.IntegrationID, postern.InstallTokenInput{MaxUses: 2})
	if err != nil {
		t.Fatal(err)
	}
	uses := func() int {
		t.Helper()
		kept, err := w.store.InstallToken(ctx, made.Token.ID)
		if err != nil {
			t.Fatal(err)
		}
		return kept.Uses
	}
	heard := installed(newKey(t), made.Value)
	first, created, err := w.EnrolWorkstation(ctx, heard)
	if err != nil || !created || first.InstallTokenID != made.Token.ID || uses() != 1 {
		t.Fatalf("%+v %t %v, %d uses", first, created, err, uses())
	}

	// The very same request again, as after a lost answer or by somebody who recorded it: the same workstation, whose keys
	// alone can use it, and no further use of the token.
	again, created, err := w.EnrolWorkstation(ctx, heard)
	if err != nil || created || again.ID != first.ID || uses() != 1 || w.recorded(audit.WorkstationEnrolled) != 1 {
		t.Errorf("the same request again: %+v %t %v, %d uses", again, created, err, uses())
	}
	// Its proof is worth nothing for other keys, for another token, or without one.
	for name, bend := range map[string]func(in *postern.WorkstationEnrolment){
		"another identity":    func(in *postern.WorkstationEnrolment) { in.IdentityKey = workstationEnrolment(newKey(t)).IdentityKey },
		"another link key":    func(in *postern.WorkstationEnrolment) { in.LinkKey = append(postern.Bytes{1}, in.LinkKey[1:]...) },
		"another token":       func(in *postern.WorkstationEnrolment) { in.InstallToken += "x" },
		"no token":            func(in *postern.WorkstationEnrolment) { in.InstallToken = "" },
		"another integration": func(in *postern.WorkstationEnrolment) { in.Integration = "Postern" },
	} {
		in := heard
		bend(&in)
		if _, _, err := w.EnrolWorkstation(ctx, in); !postern.IsCode(err, postern.CodeWorkstationProof) {
			t.Errorf("%s: %v", name, err)
		}
	}

	// A second workstation with a copy of the file proves keys of its own, and gets an identity of its own.
	second, created, err := w.EnrolWorkstation(ctx, installed(newKey(t), made.Value))
	if err != nil || !created || second.ID == first.ID || uses() != 2 {
		t.Errorf("%+v %t %v, %d uses", second, created, err, uses())
	}
	// A third does not, for two is all that the token may; and nothing of it is kept.
	_, _, err = w.EnrolWorkstation(ctx, installed(newKey(t), made.Value))
	wantCode(t, err, postern.CodeInstallUsedUp)
	if all, err := w.Workstations(ctx, w.user.IntegrationID); err != nil || len(all) != 2 || uses() != 2 || w.recorded(audit.WorkstationEnrolled) != 2 {
		t.Errorf("%d workstations, %v, %d uses", len(all), err, uses())
	}
	// The first one still finds itself; once revoked, its old request does not bring it back.
	if again, created, err = w.EnrolWorkstation(ctx, heard); err != nil || created || again.ID != first.ID {
		t.Errorf("%+v %t %v", again, created, err)
	}
	if _, err := w.RevokeWorkstation(ctx, first.ID); err != nil {
		t.Fatal(err)
	}
	_, _, err = w.EnrolWorkstation(ctx, heard)
	wantCode(t, err, postern.CodeWorkstationRevoked)
}

// TestInstallTokenNeeded: where agents enrol with an install token alone, extensions do not need one, and those that are
// enrolled stay.
func TestInstallTokenNeeded(t *testing.T) {
	w := newWorld(t)
	tokens := w.installs(t)
	ctx := t.Context()
	early := workstationEnrolment(newKey(t))
	if _, _, err := w.EnrolWorkstation(ctx, early); err != nil {
		t.Fatal(err)
	}
	if _, err := tokens.SetSettings(ctx, w.user.IntegrationID, postern.DesktopSettings{RequireInstallToken: true, Client: postern.DefaultDesktopClientSettings()}); err != nil {
		t.Fatal(err)
	}
	_, _, err := w.EnrolWorkstation(ctx, workstationEnrolment(newKey(t)))
	wantCode(t, err, postern.CodeInstallNeeded)
	if _, created, err := w.EnrolWorkstation(ctx, early); err != nil || created {
		t.Errorf("who was enrolled before: %t %v", created, err)
	}
	extension := workstationEnrolment(newKey(t))
	extension.Kind = postern.WorkstationExtension
	if _, _, err := w.EnrolWorkstation(ctx, extension); err != nil {
		t.Error(err)
	}
	made, err := tokens.CreateToken(ctx, w.user.IntegrationID, postern.InstallTokenInput{})
	if err != nil {
		t.Fatal(err)
	}
	token := installed(newKey(t), made.Value)
	token.Kind = postern.WorkstationExtension
	_, _, err = w.EnrolWorkstation(ctx, token)
	wantCode(t, err, postern.CodeInvalid)
	w.now = made.Token.ExpiresAt
	_, _, err = w.EnrolWorkstation(ctx, installed(newKey(t), made.Value))
	wantCode(t, err, postern.CodeInstallExpired)
	if _, err := tokens.RevokeToken(ctx, w.user.IntegrationID, made.Token.ID); err != nil {
		t.Fatal(err)
	}
	_, _, err = w.EnrolWorkstation(ctx, installed(newKey(t), made.Value))
	wantCode(t, err, postern.CodeInstallRevoked)
}
