package client_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/fido/ctap"
)

// register makes a credential at a relying party, its user verified.
func register(t *testing.T, c *client.Client, p *person, domain, user string) *client.Registration {
	t.Helper()
	p.pins = []string{pin}
	o := creation()
	o.RP = client.RelyingParty{ID: domain, Name: "Example"}
	o.User = client.UserAccount{ID: []byte(user), Name: user + "@example.com", DisplayName: user}
	o.Extensions.ProtectionPolicy = "userVerificationRequired"
	r, err := c.Create(t.Context(), o, "https://"+domain)
	if err != nil {
		t.Fatal(err)
	}
	p.asked()
	return r
}

// preview is a device that manages credentials the way there was before CTAP
// 2.1, which is the same way under another number.
func preview(d client.Channel) client.Channel {
	renamed := client.ChannelFunc(func(ctx context.Context, request []byte) ([]byte, error) {
		switch ctap.Command(request[0]) {
		case ctap.CredentialManagement:
			return []byte{byte(ctap.ErrInvalidCommand)}, nil
		case ctap.CredentialManagementPreview:
			request = append([]byte{byte(ctap.CredentialManagement)}, request[1:]...)
		}
		return d.CBOR(ctx, request)
	})
	return reporting(renamed, func(i *ctap.Info) {
		delete(i.Options, ctap.OptionCredMgmt)
		i.Options["credentialMgmtPreview"] = true
	})
}

func TestManageCredentials(t *testing.T) {
	for name, wrap := range map[string]func(client.Channel) client.Channel{
		"CTAP 2.1": func(ch client.Channel) client.Channel { return ch }, "preview": preview,
	} {
		t.Run(name, func(t *testing.T) {
			c, d, p := newPINClient(t)
			c.Channel = wrap(d)
			var ids [][]byte
			for i := range 3 {
				ids = append(ids, register(t, c, p, "login.example.com", fmt.Sprintf("user-%d", i)).ID)
			}
			ids = append(ids, register(t, c, p, "example.org", "user-3").ID)

			p.pins = []string{pin}
			list, err := c.Credentials(t.Context())
			if err != nil || len(list) != 2 {
				t.Fatalf("%v, %v", list, err)
			}
			wantPrompts(t, "one listing", p, inForce)
			found := 0
			for _, rp := range list {
				if rp.Hash != ctap.HashRPID(rp.RP.ID) {
					t.Errorf("%s: hash %x", rp.RP.ID, rp.Hash)
				}
				for _, cred := range rp.Credentials {
					found++
					var n int
					if _, err := fmt.Sscanf(string(cred.User.ID), "user-%d", &n); err != nil || !bytes.Equal(cred.ID, ids[n]) {
						t.Errorf("%s has the id %x", cred.User.ID, cred.ID)
					}
					if cred.User.Name != string(cred.User.ID)+"@example.com" || cred.Protection != ctap.UVRequired || (n == 3) != (rp.RP.ID == "example.org") {
						t.Errorf("%s: %+v", rp.RP.ID, cred)
					}
					if alg, _, err := ctap.DecodePublicKey(cred.PublicKey); err != nil || alg != ctap.ES256 {
						t.Errorf("public key: %v, %v", alg, err)
					}
				}
			}
			if found != len(ids) {
				t.Errorf("%d credentials listed", found)
			}

			p.pins = []string{pin, pin, pin}
			if err := c.DeleteCredential(t.Context(), ids[3]); err != nil {
				t.Error(err)
			}
			wantName(t, "deleted twice", c.DeleteCredential(t.Context(), ids[3]), client.NotAllowedError)
			if n, err := c.CredentialCount(t.Context()); err != nil || n.Existing != 3 || n.Remaining == 0 {
				t.Errorf("count %+v, %v", n, err)
			}
		})
	}
}

func TestSetUser(t *testing.T) {
	c, d, p := newPINClient(t)
	r := register(t, c, p, rpID, "user-1")
	p.pins = []string{pin, pin, pin}
	if err := c.SetUser(t.Context(), r.ID, ctap.User{ID: []byte("user-1"), Name: "new@example.com"}); err != nil {
		t.Fatal(err)
	}
	list, err := c.Credentials(t.Context())
	if err != nil || list[0].Credentials[0].User.Name != "new@example.com" || list[0].Credentials[0].User.DisplayName != "" {
		t.Errorf("%+v, %v", list, err)
	}
	if err := c.SetUser(t.Context(), r.ID, ctap.User{ID: []byte("user-2"), Name: "new@example.com"}); err == nil {
		t.Error("the user handle could be changed")
	}
	c.Channel = preview(d)
	p.pins = []string{pin}
	wantName(t, "preview", c.SetUser(t.Context(), r.ID, ctap.User{ID: []byte("user-1")}), client.NotSupportedError)
}

func TestManagementRefused(t *testing.T) {
	none := authenticator.VerificationNone
	c, d := newClient(t, func(cfg *authenticator.Config) { cfg.PIN = true })
	d.User.State = &none
	p := &person{}
	c.PIN = p.ask
	_, err := c.Credentials(t.Context())
	wantName(t, "no PIN set", err, client.NotAllowedError)
	wantPrompts(t, "no PIN set", p) // managing is no reason to set one
	c.Channel = reporting(d, func(i *ctap.Info) { delete(i.Options, ctap.OptionCredMgmt) })
	_, err = c.Credentials(t.Context())
	wantName(t, "not offered", err, client.NotSupportedError)
	c, d = newClient(t)
	d.User.Answer = refusing(authenticator.ErrDenied)
	_, err = c.CredentialCount(t.Context())
	wantName(t, "refused", err, client.NotAllowedError)
}
