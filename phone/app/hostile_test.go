package app_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/phone/app"
)

// TestComputersThatPretend: the name that was there when the digits were compared stays, whatever a computer calls itself
// later, and of two with one name the user can tell which asks.
func TestComputersThatPretend(t *testing.T) {
	w := newWorld(t)
	d := w.device()
	d.enrol()
	one, two := w.computer("Kim's PC"), w.computer("kim's  PC")
	d.pair(one, false)
	d.pair(two, false)
	p := d.person()
	asks := func(c *computer) string {
		t.Helper()
		if _, err := c.request(t.Context(), []byte{byte(ctap.Selection)}); err != nil {
			t.Fatal(err)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.asked[len(p.asked)-1].Workstation
	}
	if first, second := asks(one), asks(two); first != "Kim's PC" || second != "kim's  PC (2)" {
		t.Errorf("asked by %q and %q", first, second)
	}
	if err := two.Update(t.Context(), postern.WorkstationUpdate{Name: "Reception", Software: "test", OS: "Test OS", JoinState: postern.JoinEntra}); err != nil {
		t.Fatal(err)
	}
	d.await("the new name", func(v app.View) bool {
		return len(v.Computers) == 2 && (v.Computers[0].Name == "kim's  PC, now Reception" || v.Computers[1].Name == "kim's  PC, now Reception")
	})
	if name := asks(two); name != "kim's  PC, now Reception" {
		t.Errorf("after its new name asked by %q", name)
	}
}

// TestNamesThatPretend: what a request says of relying party and account is marked where it cannot be shown.
func TestNamesThatPretend(t *testing.T) {
	w := newWorld(t)
	d := w.device()
	d.enrol()
	c := w.computer("LAPTOP-1")
	d.pair(c, false)
	p := d.person()
	request, err := (&ctap.MakeCredentialRequest{
		ClientDataHash: make([]byte, 32), RP: ctap.RelyingParty{ID: "login.microsoft.com\u202e", Name: "Micro\u200bsoft"},
		User:       ctap.User{ID: []byte("1"), Name: "alex@example.com\n" + string(bytes.Repeat([]byte{'x'}, 200)), DisplayName: "Alex"},
		Parameters: []ctap.CredentialParameter{{Type: ctap.PublicKeyType, Algorithm: ctap.ES256}}, Options: map[string]bool{"rk": true, "uv": true},
	}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.status(t.Context(), request, ctap.OK); err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	a := p.asked[0]
	p.mu.Unlock()
	if a.RPID != "login.microsoft.com\uFFFD" || a.RPName != "Micro\uFFFDsoft" || len([]rune(a.Accounts[0])) != 128 || !postern.Showable(a.Accounts[0]) {
		t.Errorf("shown were %q, %q, %q", a.RPID, a.RPName, a.Accounts)
	}
	v := d.await("the key", func(v app.View) bool { return len(v.Keys) == 2 })
	for _, k := range v.Keys {
		if !postern.Showable(k.Name) || !postern.Showable(k.RPID) || !postern.Showable(k.Account) {
			t.Errorf("a key is shown as %q, %q, %q", k.Name, k.RPID, k.Account)
		}
	}
}

// TestNothingProlongsAnApproval: requests between a token and its ceremony do not keep the vault open for longer.
func TestNothingProlongsAnApproval(t *testing.T) {
	w := newWorld(t)
	d := w.device()
	d.enrol()
	c := w.computer("LAPTOP-1")
	d.pair(c, false)
	d.person()
	if _, err := c.platform.Create(t.Context(), entra("alex@example.com"), origin); err != nil {
		t.Fatal(err)
	}
	serve := c.platform.Channel
	seen := 0
	c.platform.Channel = client.ChannelFunc(func(ctx context.Context, request []byte) ([]byte, error) {
		if ctap.Command(request[0]) != ctap.GetAssertion {
			return serve.CBOR(ctx, request)
		}
		closes := app.Closes(d.app)
		if closes == nil {
			t.Error("after a token nothing closes the vault")
		}
		for range 3 {
			if err := c.status(ctx, []byte{byte(ctap.GetInfo)}, ctap.OK); err != nil {
				t.Error(err)
			}
			if app.Closes(d.app) != closes {
				t.Error("a request in between prolonged the approval")
			}
		}
		seen++
		return serve.CBOR(ctx, request)
	})
	if _, err := c.platform.Get(t.Context(), signIn(), origin); err != nil || seen == 0 {
		t.Errorf("the sign-in itself: %v, seen %d", err, seen)
	}
	if app.Closes(d.app) != nil {
		t.Error("the vault is open after the ceremony")
	}
}

// TestPairingThatNobodyCompared: that the control center calls a pairing active lets no computer in whose digits the user did
// not compare.
func TestPairingThatNobodyCompared(t *testing.T) {
	w := newWorld(t)
	d := w.device()
	d.enrol()
	self, err := d.app.Self(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	self.Pairings = append(self.Pairings, postern.PairedWorkstation{
		Pairing: postern.Pairing{ID: postern.NewPairingID([16]byte{1}), WorkstationID: "wks_1", PhoneID: self.Phone.ID, State: postern.PairingActive, PhoneConfirmed: true, WorkstationConfirmed: true},
		Name:    "Kim's PC",
	})
	if err := d.app.Settle(t.Context(), self); err != nil {
		t.Fatal(err)
	}
	if v := d.screen(); len(v.Computers) > 0 {
		t.Errorf("the phone knows %+v", v.Computers)
	}
}
