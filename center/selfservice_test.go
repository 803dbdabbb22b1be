package center_test

import (
	"context"
	"crypto/rand"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postern/postern"
	devices "github.com/postern/postern/center/device"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/entrasim"
	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/authtest"
	"github.com/postern/postern/fido/authenticator/memory"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/fido/ctap"
)

// registerAtSecurityInfo has a user register Postern's authenticator at Entra, without Postern, and returns the credential id.
func (w *world) registerAtSecurityInfo(u postern.User) []byte {
	w.Helper()
	tenant, _, err := w.center.Integrations.Tenant(w.Context(), w.integration.ID)
	if err != nil {
		w.Fatal(err)
	}
	given, err := tenant.CreationOptions(w.Context(), u.ObjectID, 60)
	if err != nil {
		w.Fatal(err)
	}
	options, err := client.ParseCreationOptions(given.PublicKey)
	if err != nil {
		w.Fatal(err)
	}
	options.Attestation = client.AttestationNone
	key, err := authenticator.New(authenticator.Config{
		AAGUID: ctap.AAGUID(devices.AAGUID), Store: memory.New(10), User: &authtest.User{}, Random: rand.Reader, Now: time.Now,
	})
	if err != nil {
		w.Fatal(err)
	}
	platform := client.Client{Random: rand.Reader, Channel: client.ChannelFunc(func(ctx context.Context, request []byte) ([]byte, error) {
		return key.Handle(ctx, request), nil
	})}
	made, err := platform.Create(w.Context(), options, "https://"+options.RP.ID)
	if err != nil {
		w.Fatal(err)
	}
	if _, err := tenant.RegisterPasskey(w.Context(), u.ObjectID, "My phone", entra.NewCredential{
		ID: made.ID, ClientDataJSON: made.ClientDataJSON, AttestationObject: made.AttestationObject,
	}); err != nil {
		w.Fatal(err)
	}
	return made.ID
}

// TestSelfServiceCompletesThePairing: without provisioning the pairing stays incomplete until the user has registered the
// phone themselves. Phone, workstation, administrator and groups then agree, and nobody asked again without being told.
func TestSelfServiceCompletesThePairing(t *testing.T) {
	for dialect, url := range dialects {
		t.Run(dialect, func(t *testing.T) {
			w := newWorld(t, url(t))
			levers := w.tenant.Server.Levers()
			levers.MethodDelay = entrasim.Duration(time.Second)
			if err := w.tenant.Server.SetLevers(levers); err != nil {
				t.Fatal(err)
			}
			w.change(func(i postern.Integration) (postern.Integration, error) {
				i.Flags[postern.FlagProvisionAPI] = false
				return w.admin.SetIntegrationFlags(w.Context(), i.ID, postern.FlagsInput{Version: i.Version, Flags: i.Flags})
			})
			p, s, pairing := w.paired()
			var self postern.PhoneSelf
			p.call(http.MethodGet, "/self", nil, &self)
			if self.Integration.CanProvision || len(self.Provisionings) != 0 || self.User.Phase != postern.PhasePaired {
				t.Fatalf("the phone is told %+v", self)
			}
			incomplete := func() bool {
				t.Helper()
				var phones []postern.PairedPhone
				s.call(http.MethodGet, "/pairings", nil, &phones)
				if len(phones) != 1 {
					t.Fatalf("%+v", phones)
				}
				return phones[0].Incomplete()
			}
			if !incomplete() {
				t.Fatal("the workstation takes the pairing for complete")
			}
			seen, err := w.admin.Pairings(t.Context(), p.user.ID)
			if err != nil || len(seen) != 1 || seen[0].Pairing.ID != pairing.ID || seen[0].Phone != "Pixel" || seen[0].Workstation.Name != "DESKTOP-7" {
				t.Fatalf("%+v, %v", seen, err)
			}

			id := w.registerAtSecurityInfo(p.user)
			p.call(http.MethodPost, "/passkeys", postern.SelfServicePasskey{CredentialID: id, RPID: postern.EntraRPID}, &self)
			if len(self.Claims) != 1 || self.Claims[0].State != postern.ClaimLooking {
				t.Fatalf("the phone is answered %+v", self.Claims)
			}
			for incomplete() {
				s.hears()
			}
			self = postern.PhoneSelf{}
			for {
				p.call(http.MethodGet, "/self", nil, &self)
				if len(self.Passkeys) == 1 {
					break
				}
				p.hears()
				self = postern.PhoneSelf{}
			}
			if self.User.Phase != postern.PhaseActive || len(self.Claims) != 0 || !cmp.Equal(self.Passkeys[0].CredentialID, id) {
				t.Errorf("the phone is told %+v", self)
			}
			keys, err := w.admin.Passkeys(t.Context(), p.user.ID)
			if err != nil {
				t.Fatal(err)
			}
			managed := 0
			for _, k := range keys {
				if k.Managed && string(k.PhoneID) == p.id {
					managed++
				}
			}
			if managed != 1 {
				t.Errorf("%+v", keys)
			}

			// An administrator takes the pairing away again, and both ends hear of it.
			ended, err := w.admin.EndPairing(t.Context(), pairing.ID)
			if err != nil || ended.State != postern.PairingEnded || ended.Reason != postern.PairingEndAdministrator {
				t.Fatalf("%+v, %v", ended, err)
			}
			for {
				var phones []postern.PairedPhone
				s.call(http.MethodGet, "/pairings", nil, &phones)
				if len(phones) == 0 {
					break
				}
				s.hears()
			}
		})
	}
}
