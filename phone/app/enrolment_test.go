package app_test

import (
	"slices"
	"testing"

	"github.com/postern/postern"
	"github.com/postern/postern/center/auth"
	"github.com/postern/postern/phone/app"
)

func (w *world) setPolicy(p postern.EnrolmentPolicy) {
	w.Helper()
	was, err := w.admin.EnrolmentPolicy(w.Context(), w.integration.ID)
	if err != nil {
		w.Fatal(err)
	}
	p.Version = was.Version
	impact, err := w.admin.EnrolmentImpact(w.Context(), w.integration.ID, p)
	if err != nil {
		w.Fatal(err)
	}
	if _, err := w.admin.SetEnrolmentPolicy(w.Context(), w.integration.ID, postern.EnrolmentPolicyInput{EnrolmentPolicy: p, AcknowledgedHit: impact.Hit}); err != nil {
		w.Fatal(err)
	}
}

// TestApproval: a passkey waits for the help desk, the app says so and shows the fingerprint that the help desk sees, and
// it goes on by itself when the approval is there.
func TestApproval(t *testing.T) {
	w := newWorld(t)
	w.setPolicy(postern.EnrolmentPolicy{Default: postern.EnrolmentOff, Proofs: []postern.Proof{postern.ProofCode, postern.ProofApproval}})
	d := w.device()
	d.enrol()
	v := d.await("what is missing", func(v app.View) bool { return v.Enrolment != nil })
	if e := v.Enrolment; !slices.Equal(e.Missing, []postern.Proof{postern.ProofApproval}) || e.Needed != 1 || e.Mandatory || !e.CanAsk {
		t.Fatalf("%+v", e)
	}
	waiting, err := w.admin.Approvals(t.Context(), w.integration.ID)
	for err == nil && len(waiting) == 0 { // the job that asks for the options finds out
		waiting, err = w.admin.Approvals(t.Context(), w.integration.ID)
	}
	if err != nil || len(waiting) != 1 || waiting[0].Fingerprint != v.Enrolment.Fingerprint || waiting[0].Phone.ID != v.Phone.ID || waiting[0].Addr == "" {
		t.Fatalf("%+v, %v", waiting, err)
	}
	if _, err := w.admin.ApprovePhone(t.Context(), v.Phone.ID, postern.ApprovalInput{Reason: "x"}); !postern.IsCode(err, postern.CodeForbidden) {
		t.Fatalf("a token of nobody vouched: %v", err)
	}
	someone := auth.Identity{Actor: postern.Actor{Kind: postern.ActorAdministrator, ID: "adm_1", Name: "Ada"}, Administrator: "adm_1"}
	if _, err := w.center.Enrolment.Approve(someone.Enter(t.Context()), v.Phone.ID, postern.ApprovalInput{Reason: "Known by voice."}); err != nil {
		t.Fatal(err)
	}
	d.await("an offer", func(v app.View) bool { return v.Offer != nil && v.Offer.Step == "ask" && !v.Offer.Mandatory })
}

// TestMandatory: where the organisation requires a passkey, it cannot be declined, neither in the app nor past it.
func TestMandatory(t *testing.T) {
	w := newWorld(t)
	w.setPolicy(postern.EnrolmentPolicy{Default: postern.EnrolmentMandatory, Proofs: []postern.Proof{postern.ProofCode}})
	d := w.device()
	d.enrol()
	v := d.await("an offer", func(v app.View) bool { return v.Offer != nil && v.Offer.Step == "ask" && v.Offer.Mandatory })
	if v.Enrolment == nil || !v.Enrolment.Mandatory || len(v.Enrolment.Missing) != 0 {
		t.Errorf("%+v", v.Enrolment)
	}
	if p := d.try(app.CommandDecline, app.Decline{ID: v.Offer.ID}); p == nil || p.Code != postern.CodeEnrolmentMandatory {
		t.Fatalf("declined: %+v", p)
	}
	phone, err := w.center.Phones.Phone(t.Context(), v.Phone.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.center.Passkeys.Decline(t.Context(), phone, v.Offer.ID, "no"); !postern.IsCode(err, postern.CodeEnrolmentMandatory) {
		t.Fatalf("declined past the app: %v", err)
	}
	d.do(app.CommandAccept, app.Accept{ID: v.Offer.ID})
	d.await("the passkey", func(v app.View) bool { return v.Offer != nil && v.Offer.Step == "done" && v.Enrolment == nil })
}

// TestSignInIsOfferedWhereItIsEnough: the first start offers the sign-in where the policy asks for no code, shows the number
// that belongs to it, and is refused until that number was typed.
func TestSignInIsOfferedWhereItIsEnough(t *testing.T) {
	w := newWorld(t)
	d := w.device()
	d.open()
	d.do(app.CommandOffer, app.LookForSignIn{})
	if p := d.try(app.CommandBegin, app.EnrolBySignIn{Name: "Kim's phone"}); p == nil || p.Code != postern.CodeEnrolmentOff {
		t.Fatalf("a sign-in that nobody offers was begun: %+v", p)
	}
	w.setPolicy(postern.EnrolmentPolicy{Default: postern.EnrolmentOptional, Proofs: []postern.Proof{postern.ProofSignIn}})
	d.do(app.CommandOffer, app.LookForSignIn{Integration: w.integration.ID})
	d.await("the offer", func(v app.View) bool {
		return v.Setup != nil && v.Setup.Offer != nil && v.Setup.Offer.IntegrationID == w.integration.ID
	})
	d.do(app.CommandBegin, app.EnrolBySignIn{Name: "Kim's phone", Language: "de"})
	v := d.await("the number", func(v app.View) bool { return v.Setup != nil && v.Setup.SignIn != nil })
	if len(v.Setup.SignIn.Number) != 3 || v.Setup.SignIn.URL == "" {
		t.Fatalf("%+v", v.Setup.SignIn)
	}
	if p := d.try(app.CommandEnrol, app.Enrol{Name: "Kim's phone", CredentialID: []byte("the gate")}); p == nil || p.Code != postern.CodeSignInPending {
		t.Fatalf("enrolled before the number was typed: %+v", p)
	}
	d.await("the number again", func(v app.View) bool { return v.Setup != nil && v.Setup.SignIn != nil && v.Setup.Problem != nil })
}
