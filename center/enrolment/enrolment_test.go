package enrolment_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/enrolment"
	"github.com/postern/postern/center/entra"
)

var signInToo = postern.EnrolmentPolicyInput{EnrolmentPolicy: postern.EnrolmentPolicy{
	Default: postern.EnrolmentOff, Proofs: []postern.Proof{postern.ProofSignIn, postern.ProofCode},
}}

func wantCode(t *testing.T, err error, code postern.Code) {
	t.Helper()
	if !postern.IsCode(err, code) {
		t.Errorf("got %v, want %s", err, code)
	}
}

func wantMissing(t *testing.T, w *world, p postern.Phone, u postern.User, want ...postern.Proof) {
	t.Helper()
	got, err := w.Missing(t.Context(), p, u)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("missing %v, want %v, %v", got, want, err)
	}
}

func TestSignIn(t *testing.T) {
	w := newWorld(t)
	people := w.people()
	u, p := w.enrol(people[0], false)
	wantMissing(t, w, p, u)
	w.set(signInToo)
	wantMissing(t, w, p, u, postern.ProofSignIn)
	w.register()
	begin := func() string {
		t.Helper()
		start, err := w.SignIn(t.Context(), p, "de")
		if err != nil {
			t.Fatal(err)
		}
		return start.URL
	}

	other := w.browse(begin(), people[1].UPN)
	_, err := w.Return(t.Context(), other)
	wantCode(t, err, postern.CodeSignInOther)
	_, err = w.Return(t.Context(), other)
	wantCode(t, err, postern.CodeSignInExpired) // it was used, although nothing came of it

	_, err = w.Return(t.Context(), enrolment.Returned{State: "made up", Code: "x"})
	wantCode(t, err, postern.CodeSignInExpired)

	late := w.browse(begin(), u.UPN)
	w.pass(10 * time.Minute)
	_, err = w.Return(t.Context(), late)
	wantCode(t, err, postern.CodeSignInExpired)

	one, two := w.browse(begin(), u.UPN), w.browse(begin(), u.UPN)
	_, err = w.Return(t.Context(), enrolment.Returned{State: one.State, Code: two.Code})
	wantCode(t, err, postern.CodeSignInRefused) // the code of another sign-in
	_, err = w.Return(t.Context(), enrolment.Returned{State: two.State, Error: "access_denied"})
	wantCode(t, err, postern.CodeSignInRefused)
	wantMissing(t, w, p, u, postern.ProofSignIn)
	if len(w.proven) != 0 {
		t.Fatalf("told of a proof: %v", w.proven)
	}

	for again := range 2 { // which is no harm
		start, err := w.SignIn(t.Context(), p, "")
		if err != nil {
			t.Fatal(err)
		}
		browser, err := w.Return(t.Context(), w.browse(start.URL, u.UPN))
		if err != nil {
			t.Fatal(err)
		}
		if again == 0 {
			wantMissing(t, w, p, u, postern.ProofSignIn) // a sign-in alone proves nothing
		}
		out, err := w.Confirm(t.Context(), browser, " "+start.Number)
		if err != nil || out.User != u.UPN || out.Device.Name != p.Name || out.Enrols {
			t.Fatalf("%+v, %v", out, err)
		}
	}
	wantMissing(t, w, p, u)
	if !slices.Equal(w.proven, []postern.PhoneID{p.ID, p.ID}) {
		t.Fatalf("told of %v", w.proven)
	}
	wantEvents(t, w, map[string]int{audit.SignInRefused.Code: 3, audit.ProofGiven.Code: 2})
}

func wantEvents(t *testing.T, w *world, want map[string]int) {
	t.Helper()
	events, err := w.store.AuditEvents(t.Context(), audit.Query{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]int)
	for _, e := range events {
		got[e.Code]++
	}
	for code, n := range want {
		if got[code] != n {
			t.Errorf("%d events %s, want %d", got[code], code, n)
		}
	}
}

func TestSignInCountsOnce(t *testing.T) {
	w := newWorld(t)
	u, p := w.enrol(w.people()[0], false)
	w.set(signInToo)
	w.register()
	start, err := w.SignIn(t.Context(), p, "")
	if err != nil {
		t.Fatal(err)
	}
	back, browser := w.browse(start.URL, u.UPN), ""
	atOnce := func(do func() error) {
		t.Helper()
		var group sync.WaitGroup
		errs := make(chan error, 8)
		for range 8 {
			group.Go(func() { errs <- do() })
		}
		group.Wait()
		close(errs)
		taken := 0
		for err := range errs {
			if err == nil {
				taken++
			} else {
				wantCode(t, err, postern.CodeSignInExpired)
			}
		}
		if taken != 1 {
			t.Errorf("it counted %d times", taken)
		}
	}
	atOnce(func() error {
		token, err := w.Return(t.Context(), back)
		if err == nil {
			browser = token // of one alone
		}
		return err
	})
	atOnce(func() error { _, err := w.Confirm(t.Context(), browser, start.Number); return err })
}

func TestServiceAccountsCannotVouch(t *testing.T) {
	w := newWorld(t)
	_, p := w.enrol(w.people()[0], false)
	w.connect(w.sim.ClientID, entra.Credential{Kind: postern.CredentialServiceAccount, Username: "a@b.c", Password: "x"})
	_, err := w.SignIn(t.Context(), p, "")
	wantCode(t, err, postern.CodeSignInRefused)
}

func as(ctx context.Context, id string) context.Context {
	return postern.WithActor(ctx, postern.Actor{Kind: postern.ActorAdministrator, ID: id, Name: "Admin " + id})
}

func TestTwoPeopleVouchForThePrivileged(t *testing.T) {
	w := newWorld(t)
	u, p := w.enrol(w.people()[0], true)
	wantMissing(t, w, p, u, postern.ProofApproval)
	why := postern.ApprovalInput{Reason: "Known by voice."}
	_, err := w.Approve(as(t.Context(), "adm_1"), p.ID, postern.ApprovalInput{Reason: "  "})
	wantCode(t, err, postern.CodeInvalid)
	_, err = w.Approve(t.Context(), p.ID, why) // nobody's word
	wantCode(t, err, postern.CodeForbidden)

	var group sync.WaitGroup
	errs := make(chan error, 12)
	for range 6 { // the same two people, over and over at once
		for _, who := range []string{"adm_1", "adm_1"} {
			group.Go(func() { _, err := w.Approve(as(t.Context(), who), p.ID, why); errs <- err })
		}
	}
	group.Wait()
	close(errs)
	taken := 0
	for err := range errs {
		if err == nil {
			taken++
		} else {
			wantCode(t, err, postern.CodeApprovalRepeated)
		}
	}
	if taken != 1 {
		t.Fatalf("one person approved %d times", taken)
	}
	wantMissing(t, w, p, u, postern.ProofApproval)
	r, err := w.Approve(as(t.Context(), "adm_2"), p.ID, why)
	if err != nil || len(r.Missing) != 0 || r.Needed != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	wantMissing(t, w, p, u)
	wantEvents(t, w, map[string]int{audit.PhoneApproved.Code: 2})
}

func TestRejectRevokesThePhone(t *testing.T) {
	w := newWorld(t)
	_, p := w.enrol(w.people()[0], false)
	if _, err := w.Reject(as(t.Context(), "adm_1"), p.ID, postern.ApprovalInput{Reason: "A stranger."}); err != nil {
		t.Fatal(err)
	}
	got, err := w.store.Phone(t.Context(), p.ID)
	if err != nil || got.State != postern.PhoneRevoked {
		t.Fatalf("%+v, %v", got, err)
	}
	_, err = w.Approve(as(t.Context(), "adm_2"), p.ID, postern.ApprovalInput{Reason: "x"})
	wantCode(t, err, postern.CodePhoneRevoked)
	wantEvents(t, w, map[string]int{audit.PhoneRejected.Code: 1})
}

func TestModes(t *testing.T) {
	w := newWorld(t)
	pilot, technology := w.group("Passkey pilot"), w.group("Technology")
	members := make(map[string]bool)
	var inPilot, inTechnology, outside postern.DirectoryUser
	for u, err := range w.tenant.UsersOf(t.Context(), pilot) {
		if err != nil {
			t.Fatal(err)
		}
		inPilot, members[u.ObjectID] = u, true
	}
	for u, err := range w.tenant.UsersOf(t.Context(), technology) { // its members are groups
		if err != nil {
			t.Fatal(err)
		}
		if !members[u.ObjectID] {
			inTechnology = u
		}
		members[u.ObjectID] = true
	}
	for _, u := range w.people() {
		if !members[u.ObjectID] {
			outside = u
		}
	}
	impact, err := w.Impact(t.Context(), w.integration.ID, postern.EnrolmentPolicy{
		Rules:   []postern.EnrolmentRule{{GroupID: pilot, Mode: postern.EnrolmentMandatory}, {GroupID: technology, Mode: postern.EnrolmentOptional}},
		Default: postern.EnrolmentOff, Proofs: []postern.Proof{postern.ProofCode},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.set(postern.EnrolmentPolicyInput{AcknowledgedHit: impact.Hit, EnrolmentPolicy: postern.EnrolmentPolicy{
		Rules:   []postern.EnrolmentRule{{GroupID: pilot, Mode: postern.EnrolmentMandatory}, {GroupID: technology, Mode: postern.EnrolmentOptional}},
		Default: postern.EnrolmentOff, Proofs: []postern.Proof{postern.ProofCode},
	}})
	check := func(who postern.DirectoryUser, want postern.EnrolmentMode) {
		t.Helper()
		u, _ := w.enrol(who, false)
		if got, err := w.ModeFor(t.Context(), u); err != nil || got != want {
			t.Errorf("%s: %s, want %s, %v", who.UPN, got, want, err)
		}
	}
	check(inPilot, postern.EnrolmentMandatory)
	check(inTechnology, postern.EnrolmentOptional)
	check(outside, postern.EnrolmentOff)
}

func TestImpact(t *testing.T) {
	w := newWorld(t)
	all := postern.EnrolmentPolicy{Default: postern.EnrolmentMandatory, Proofs: []postern.Proof{postern.ProofCode}}
	var enabled, disabled, guests int
	for u, err := range w.tenant.AllUsers(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case u.Guest:
			guests++
		case !u.Enabled:
			disabled++
		default:
			enabled++
		}
	}
	gone, _ := w.enrol(postern.DirectoryUser{ObjectID: "00000000-0000-4000-8000-00000000dead", UPN: "gone@example.com"}, false)
	impact, err := w.Impact(t.Context(), w.integration.ID, all)
	if err != nil {
		t.Fatal(err)
	}
	if impact.Refused || impact.Offered != enabled || impact.Hit != disabled+guests+1 || impact.Members != enabled+disabled+guests+1 {
		t.Errorf("%d enabled, %d disabled, %d guests, one gone: %+v", enabled, disabled, guests, impact)
	}
	rest := impact.Rules[len(impact.Rules)-1]
	if !slices.ContainsFunc(rest.Why, func(p postern.EnrolmentProblem) bool {
		return p.Code == postern.CodeEntraUserNotFound && slices.Equal(p.Names, []string{gone.UPN})
	}) || !slices.ContainsFunc(rest.Why, func(p postern.EnrolmentProblem) bool { return p.Code == postern.CodePrivilegedUser && !p.Hit }) {
		t.Errorf("%+v", rest.Why)
	}
	in := postern.EnrolmentPolicyInput{EnrolmentPolicy: all}
	_, err = w.SetPolicy(t.Context(), w.integration.ID, in)
	wantCode(t, err, postern.CodeEnrolmentHits)
	in.AcknowledgedHit = impact.Hit
	set, err := w.SetPolicy(t.Context(), w.integration.ID, in)
	if err != nil || set.Version != 1 {
		t.Fatalf("%+v, %v", set, err)
	}
	_, err = w.SetPolicy(t.Context(), w.integration.ID, in) // another administrator was first
	wantCode(t, err, postern.CodeStale)
}

func TestWhatMustFailForEverybodyIsRefused(t *testing.T) {
	w := newWorld(t)
	id := "6c1f2bd4-8a0e-4d5f-9b1c-0a2b3c4d5e6f"
	unknown := postern.EnrolmentPolicyInput{EnrolmentPolicy: postern.EnrolmentPolicy{
		Rules: []postern.EnrolmentRule{{GroupID: id, Mode: postern.EnrolmentMandatory}}, Default: postern.EnrolmentOff, Proofs: []postern.Proof{postern.ProofCode},
	}}
	_, err := w.SetPolicy(t.Context(), w.integration.ID, unknown)
	wantCode(t, err, postern.CodeEnrolmentImpossible)

	w.integration.State = postern.StateDisabled
	if err := w.store.UpdateIntegration(t.Context(), &w.integration); err != nil {
		t.Fatal(err)
	}
	pilot := postern.EnrolmentPolicyInput{EnrolmentPolicy: postern.EnrolmentPolicy{
		Rules: []postern.EnrolmentRule{{GroupID: w.group("Passkey pilot"), Mode: postern.EnrolmentMandatory}}, Default: postern.EnrolmentOff, Proofs: []postern.Proof{postern.ProofCode},
	}}
	_, err = w.SetPolicy(t.Context(), w.integration.ID, pilot)
	wantCode(t, err, postern.CodeEnrolmentImpossible)
	var e *postern.Error
	if !errors.As(err, &e) || e.Next == "" {
		t.Errorf("no next step: %v", err)
	}
	// Where nobody has to, it is announced and may be saved.
	pilot.Rules[0].Mode = postern.EnrolmentOptional
	impact, err := w.Impact(t.Context(), w.integration.ID, pilot.EnrolmentPolicy)
	if err != nil || impact.Refused || len(impact.Obstacles) == 0 {
		t.Errorf("%+v, %v", impact, err)
	}
}

func TestPoliciesThatCannotBeMeant(t *testing.T) {
	w := newWorld(t)
	id := "6c1f2bd4-8a0e-4d5f-9b1c-0a2b3c4d5e6f"
	code := []postern.Proof{postern.ProofCode}
	for name, p := range map[string]postern.EnrolmentPolicy{
		"rules[0].group_id": {Rules: []postern.EnrolmentRule{{GroupID: "Sales", Mode: postern.EnrolmentOff}}, Default: postern.EnrolmentOff, Proofs: code},
		"rules[1].group_id": {Rules: []postern.EnrolmentRule{{GroupID: id, Mode: postern.EnrolmentOff}, {GroupID: id, Mode: postern.EnrolmentOff}}, Default: postern.EnrolmentOff, Proofs: code},
		"rules[0].mode":     {Rules: []postern.EnrolmentRule{{GroupID: id, Mode: "maybe"}}, Default: postern.EnrolmentOff, Proofs: code},
		"default":           {Proofs: code},
		"proofs":            {Default: postern.EnrolmentOff},
	} {
		_, err := w.Impact(t.Context(), w.integration.ID, p)
		var e *postern.Error
		if !errors.As(err, &e) || e.Field != name {
			t.Errorf("%s: %v", name, err)
		}
	}
	p := postern.EnrolmentPolicy{Default: postern.EnrolmentOff, Proofs: []postern.Proof{postern.ProofApproval}}
	_, err := w.Impact(t.Context(), w.integration.ID, p)
	wantCode(t, err, postern.CodeInvalid)
}
