package rest_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
)

type setups struct{ *domain }

func (d setups) one(id postern.SetupID) postern.Setup {
	return postern.Setup{
		ID: id, Version: 7, State: postern.SetupSigningIn, Steps: []postern.SetupStep{}, Notes: []postern.PolicyNote{},
		SignIn: &postern.SetupSignIn{UserCode: "K7QF2", VerificationURI: "https://microsoft.com/devicelogin", ExpiresAt: time.Unix(1, 0)},
	}
}

func (d setups) Begin(_ context.Context, in postern.SetupInput) (postern.Setup, error) {
	return d.one("sup_1"), d.call("BeginSetup", in)
}

func (d setups) Setup(_ context.Context, id postern.SetupID) (postern.Setup, error) {
	return d.one(id), d.call("Setup", id)
}

func (d setups) Setups(context.Context) ([]postern.Setup, error) {
	return []postern.Setup{d.one("sup_1")}, d.call("Setups", nil)
}

func (d setups) SignIn(_ context.Context, id postern.SetupID, act postern.SetupAct) (postern.Setup, error) {
	return d.one(id), d.call("SignInSetup", act)
}

func (d setups) Look(_ context.Context, id postern.SetupID, act postern.SetupAct) (postern.Setup, error) {
	return d.one(id), d.call("LookSetup", act)
}

func (d setups) Apply(_ context.Context, id postern.SetupID, act postern.SetupAct) (postern.Setup, error) {
	return d.one(id), d.call("ApplySetup", act)
}

func (d setups) Undo(_ context.Context, id postern.SetupID, act postern.SetupAct) (postern.Setup, error) {
	return d.one(id), d.call("UndoSetup", act)
}

func (d setups) Finish(_ context.Context, id postern.SetupID, in postern.SetupFinish) (postern.Setup, error) {
	return d.one(id), d.call("FinishSetup", in)
}

func (d setups) Script(_ context.Context, _ postern.SetupID, form postern.SetupForm) (postern.SetupScript, error) {
	return postern.SetupScript{Form: form, Name: "n", Text: "t"}, d.call("SetupScript", form)
}

func (d setups) Forget(_ context.Context, _ postern.SetupID, version int64) error {
	return d.call("ForgetSetup", version)
}

// TestSetupActs holds that acts carry their version and their wish, and that a script is asked for by its form.
func TestSetupActs(t *testing.T) {
	h := newHouse(t)
	c := h.client(postern.PermIntegrationsRead, postern.PermIntegrationsWrite)
	ctx := t.Context()
	act := postern.SetupAct{Version: 7, Write: true}
	for name, do := range map[string]func(context.Context, postern.SetupID, postern.SetupAct) (postern.Setup, error){
		"SignInSetup": c.SignInSetup, "LookSetup": c.LookSetup, "ApplySetup": c.ApplySetup, "UndoSetup": c.UndoSetup,
	} {
		got, err := do(ctx, "sup_1", act)
		if err != nil || got.Version != 7 || h.domain.last != any(act) || !strings.HasSuffix(strings.Join(h.domain.called(), " "), name) {
			t.Errorf("%s: %v %v, %v after %v", name, got, err, h.domain.last, h.domain.called())
		}
	}
	if got, err := c.SetupScript(ctx, "sup_1", postern.SetupPortal); err != nil || got.Form != postern.SetupPortal {
		t.Errorf("%v %v", got, err)
	}
	if _, err := c.SetupScript(ctx, "sup_1", "word"); !postern.IsCode(err, postern.CodeInvalid) {
		t.Errorf("a form that does not exist: %v", err)
	}
}

// TestSetupCode holds that the code of a sign-in is told to those who may write, and to nobody else.
func TestSetupCode(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	for told, c := range map[bool]*postern.Client{false: h.client(postern.PermIntegrationsRead), true: h.client(postern.PermIntegrationsRead, postern.PermIntegrationsWrite)} {
		one, err := c.Setup(ctx, "sup_1")
		if err != nil || (one.SignIn != nil) != told {
			t.Errorf("%v %v", one, err)
		}
		all, err := c.Setups(ctx)
		if err != nil || len(all) != 1 || (all[0].SignIn != nil) != told {
			t.Errorf("%v %v", all, err)
		}
	}
}
