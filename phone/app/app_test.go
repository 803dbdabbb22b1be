package app_test

import (
	"bytes"
	"testing"

	"github.com/postern/postern"
	"github.com/postern/postern/phone/app"
)

// TestFirstStart: from nothing to an enrolled phone that is online, and found again after a reload.
func TestFirstStart(t *testing.T) {
	w := newWorld(t)
	d := w.device()
	d.open()
	salt := d.await("the first start", func(v app.View) bool { return v.Setup != nil }).Setup.Salt
	if p := d.try(app.CommandEnrol, app.Enrol{Code: "WRNG-WRNG-WRNG-WRNG", Name: "x", CredentialID: []byte("g")}); p == nil || p.Code != postern.CodeInvitationInvalid {
		t.Fatalf("a wrong code: %+v", p)
	}
	d.open() // the salt stays, or a gate made for it would be lost
	if again := d.await("the first start", func(v app.View) bool { return v.Setup != nil }).Setup.Salt; !bytes.Equal(again, salt) {
		t.Fatal("the salt of the gate has changed")
	}
	d.enrol()
	v := d.await("online", func(v app.View) bool { return v.Link.State == app.LinkOnline && !v.Phone.Synced.IsZero() })
	if v.Phone.Assurance != postern.AssuranceGated || !bytes.Equal(v.Phone.Gate.Salt, salt) || v.Phone.Phase != postern.PhasePaired || !v.Phone.CanProvision {
		t.Errorf("phone is %+v", v.Phone)
	}
	if len(v.Keys) != 1 || v.Keys[0].ID != "account" || v.Keys[0].State != app.KeyWorking {
		t.Errorf("keys are %+v", v.Keys)
	}
	id := v.Phone.ID
	d.open()
	if v := d.await("the phone again", func(v app.View) bool { return v.Phone != nil && v.Link.State == app.LinkOnline }); v.Phone.ID != id {
		t.Errorf("another phone: %s", v.Phone.ID)
	}
}

// TestProvision: a passkey that is asked for is offered, accepted by the biometric, and ready.
func TestProvision(t *testing.T) {
	w := newWorld(t)
	d := w.device()
	d.enrol()
	d.do(app.CommandAsk, app.Ask{})
	v := d.await("an offer", func(v app.View) bool { return v.Offer != nil && v.Offer.Step == "ask" })
	d.gate[0]++
	if p := d.try(app.CommandAccept, app.Accept{ID: v.Offer.ID}); p == nil || p.Code != app.CodeGateWrong {
		t.Fatalf("another key: %+v", p)
	}
	d.gate[0]--
	d.do(app.CommandAccept, app.Accept{ID: v.Offer.ID})
	d.await("the passkey", func(v app.View) bool {
		return v.Offer != nil && v.Offer.Step == "done" && len(v.Keys) == 1 && v.Keys[0].State == app.KeyReady && v.Keys[0].PasskeyID != ""
	})
	d.do(app.CommandClose, app.Close{})
	d.await("the offer put away", func(v app.View) bool { return v.Offer == nil && v.Phone.Phase == postern.PhaseActive })
}
