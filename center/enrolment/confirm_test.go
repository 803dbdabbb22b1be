package enrolment_test

import (
	"strings"
	"testing"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/enrolment"
)

// returned signs a user in for their phone, up to the question for the number.
func (w *world) returned(p postern.Phone, upn string) (browser, number string) {
	w.t.Helper()
	start, err := w.SignIn(w.t.Context(), p, "")
	if err != nil {
		w.t.Fatal(err)
	}
	if strings.Contains(start.URL, start.Number+"&") || start.Ticket != "" {
		w.t.Errorf("the address tells too much: %+v", start)
	}
	if browser, err = w.Return(w.t.Context(), w.browse(start.URL, upn)); err != nil {
		w.t.Fatal(err)
	}
	return browser, start.Number
}

// other gives a number that is not the one.
func other(number string) string {
	if number == "100" {
		return "101"
	}
	return "100"
}

func TestWrongNumbersEndTheSignIn(t *testing.T) {
	w := newWorld(t)
	u, p := w.enrol(w.people()[0], false)
	w.set(signInToo)
	w.register()
	browser, number := w.returned(p, u.UPN)
	q, err := w.Pending(t.Context(), browser)
	if err != nil || q.User != u.UPN || q.Device.Name != p.Name || q.Left != 3 {
		t.Fatalf("%+v, %v", q, err)
	}
	for _, stranger := range []string{"", "x", browser + "x", strings.Split(browser, ".")[0] + ".x", "x." + strings.Split(browser, ".")[1]} {
		_, err = w.Confirm(t.Context(), stranger, number) // another browser
		wantCode(t, err, postern.CodeSignInExpired)
	}
	for _, wrong := range []string{"", other(number)} {
		_, err = w.Confirm(t.Context(), browser, wrong)
		wantCode(t, err, postern.CodeSignInNumber)
	}
	_, err = w.Confirm(t.Context(), browser, other(number))
	wantCode(t, err, postern.CodeSignInRefused)
	_, err = w.Confirm(t.Context(), browser, number)
	wantCode(t, err, postern.CodeSignInExpired)
	wantMissing(t, w, p, u, postern.ProofSignIn)
	wantEvents(t, w, map[string]int{audit.SignInRefused.Code: 1, audit.ProofGiven.Code: 0})

	browser, number = w.returned(p, u.UPN)
	w.pass(11 * 60e9)
	_, err = w.Confirm(t.Context(), browser, number)
	wantCode(t, err, postern.CodeSignInExpired)
}

func TestWhoDisownsAPhoneHasItRevoked(t *testing.T) {
	w := newWorld(t)
	u, p := w.enrol(w.people()[0], false)
	w.set(signInToo)
	w.register()
	browser, number := w.returned(p, u.UPN)
	if err := w.Disown(t.Context(), browser); err != nil {
		t.Fatal(err)
	}
	got, err := w.store.Phone(t.Context(), p.ID)
	if err != nil || got.State != postern.PhoneRevoked {
		t.Errorf("%+v, %v", got, err)
	}
	_, err = w.Confirm(t.Context(), browser, number)
	wantCode(t, err, postern.CodeSignInExpired)
	wantEvents(t, w, map[string]int{audit.PhoneRejected.Code: 1, audit.ProofGiven.Code: 0})
}

var signInAlone = postern.EnrolmentPolicyInput{EnrolmentPolicy: postern.EnrolmentPolicy{
	Default: postern.EnrolmentOptional, Proofs: []postern.Proof{postern.ProofSignIn},
}}

// set with acknowledgement of whoever is hit.
func (w *world) setAnyway(in postern.EnrolmentPolicyInput) {
	w.t.Helper()
	impact, err := w.Impact(w.t.Context(), w.integration.ID, in.EnrolmentPolicy)
	if err != nil {
		w.t.Fatal(err)
	}
	in.AcknowledgedHit = impact.Hit
	w.set(in)
}

func TestTickets(t *testing.T) {
	w := newWorld(t)
	ctx, people := t.Context(), w.people()
	in := postern.SignInInput{Name: "Pixel", Platform: "Android"}
	_, err := w.BeginEnrolment(ctx, in)
	wantCode(t, err, postern.CodeEnrolmentOff) // codes are asked for
	w.register()
	w.setAnyway(signInAlone)
	_, err = w.SignInOffer(ctx, "int_none")
	wantCode(t, err, postern.CodeEnrolmentOff)
	offer, err := w.SignInOffer(ctx, "")
	if err != nil || offer.IntegrationID != w.integration.ID || offer.ApplicationName != "Postern" {
		t.Fatalf("%+v, %v", offer, err)
	}
	begin := func(upn string) (postern.SignInStart, string, error) {
		t.Helper()
		start, err := w.BeginEnrolment(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.Holder(ctx, start.Ticket)
		wantCode(t, err, postern.CodeSignInPending)
		browser, err := w.Return(ctx, w.browse(start.URL, upn))
		return start, browser, err
	}
	start, browser, err := begin(people[0].UPN)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Holder(ctx, start.Ticket)
	wantCode(t, err, postern.CodeSignInPending)
	_, err = w.Holder(ctx, browser) // the browser's secret is no ticket
	wantCode(t, err, postern.CodeSignInExpired)
	out, err := w.Confirm(ctx, browser, start.Number)
	if err != nil || !out.Enrols || out.Device.Name != "Pixel" {
		t.Fatalf("%+v, %v", out, err)
	}
	id, err := w.Holder(ctx, start.Ticket)
	if err != nil {
		t.Fatal(err)
	}
	u, err := w.store.User(ctx, id)
	if err != nil || u.ObjectID != people[0].ObjectID {
		t.Errorf("%+v, %v", u, err)
	}
	if err := w.Spend(ctx, start.Ticket); err != nil {
		t.Fatal(err)
	}
	wantCode(t, w.Spend(ctx, start.Ticket), postern.CodeSignInExpired)
	wantEvents(t, w, map[string]int{audit.ProofGiven.Code: 1})

	// Who was suspended or revoked cannot help themselves.
	u.Phase = postern.PhaseRevoked
	if err := w.store.UpdateUser(ctx, &u); err != nil {
		t.Fatal(err)
	}
	_, _, err = begin(people[0].UPN)
	wantCode(t, err, postern.CodeUserRevoked)

	// A ticket is looked at again when it is spent.
	start, browser, err = begin(people[1].UPN)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Confirm(ctx, browser, start.Number); err != nil {
		t.Fatal(err)
	}
	w.set(signInToo)
	wantCode(t, w.Spend(ctx, start.Ticket), postern.CodeEnrolmentOff)

	w.setAnyway(signInAlone)
	start, browser, err = begin(people[2].UPN)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Disown(ctx, browser); err != nil {
		t.Fatal(err)
	}
	_, err = w.Holder(ctx, start.Ticket)
	wantCode(t, err, postern.CodeSignInExpired)

	pilot := signInAlone
	pilot.Default, pilot.Rules = postern.EnrolmentOff, []postern.EnrolmentRule{{GroupID: w.group("Passkey pilot"), Mode: postern.EnrolmentOptional}}
	w.setAnyway(pilot)
	var outsider postern.DirectoryUser
	for _, who := range people[3:] {
		in, err := w.tenant.MemberOf(ctx, who.ObjectID, []string{pilot.Rules[0].GroupID})
		if err != nil {
			t.Fatal(err)
		}
		if len(in) == 0 {
			outsider = who
			break
		}
	}
	if outsider.UPN == "" {
		t.Fatal("everybody is in the group")
	}
	_, _, err = begin(outsider.UPN)
	wantCode(t, err, postern.CodeEnrolmentOff)
	_, err = w.Return(ctx, enrolment.Returned{State: start.Ticket, Code: "x"})
	wantCode(t, err, postern.CodeSignInExpired)
}
