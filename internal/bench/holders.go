package main

import (
	"context"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/phone"
)

// holder is a user with a passkey that the emulated tenant lists, and that the books say a phone holds.
type holder struct {
	user    postern.User
	phone   postern.Phone
	passkey postern.Passkey
}

// handSpeed is how fast another hand's clock runs, so that no pace holds it up.
const handSpeed = 100_000

// otherHand is another application that works in the tenant.
func (w *world) otherHand() (*entra.Tenant, error) {
	cas := x509.NewCertPool()
	cas.AppendCertsFromPEM(w.sim.CAPEM)
	clock := timeLapse{time.Now(), handSpeed}
	return entra.Open(entra.Options{
		Cloud:    entra.Cloud{Authority: w.sim.AuthorityURL, Graph: w.sim.GraphURL, CAs: cas},
		TenantID: w.sim.TenantID, ClientID: w.sim.ClientID, Now: clock.now, Sleep: clock.sleep,
		Credential: entra.Credential{Kind: postern.CredentialSecret, ClientSecret: w.sim.ClientSecret},
	})
}

// settledFor is how long everything in the books has been as it is.
const settledFor = 48 * time.Hour

// holders finds who of the tenant's users has a passkey there, at most so many.
func (w *world) holders(ctx context.Context, hand *entra.Tenant, most int) (all []holder, err error) {
	ids := make([]string, len(w.users))
	for n, u := range w.users {
		ids[n] = u.ObjectID
	}
	n := -1
	for listed, err := range hand.PasskeysOf(ctx, ids) {
		n++
		if err != nil {
			return nil, err
		}
		if len(listed.Passkeys) == 0 {
			continue
		}
		if len(all) == most {
			break
		}
		h, _, err := w.newPhone(w.known(w.users[n], postern.PhaseActive), len(all))
		if err != nil {
			return nil, err
		}
		h.passkey = postern.Passkey{
			ID: postern.NewID[postern.PasskeyID](postern.PrefixPasskey), IntegrationID: w.integration.ID, UserID: h.user.ID,
			Carrier: postern.CarrierPhone, PhoneID: h.phone.ID, Version: 1, Managed: true, State: postern.PasskeyActive, UPN: h.user.UPN,
			MethodID: listed.Passkeys[0].ID, DisplayName: "bench", AAGUID: listed.Passkeys[0].AAGUID, CredentialID: []byte(listed.Passkeys[0].ID), CreatedAt: h.phone.CreatedAt,
		}
		all = append(all, h)
	}
	return all, nil
}

// known is the record of a user of the directory who has been in a phase, and in its group, for long.
func (w *world) known(u postern.DirectoryUser, phase postern.Phase) postern.User {
	at := w.clock.now().Add(-settledFor)
	return postern.User{
		ID: postern.NewID[postern.UserID](postern.PrefixUser), IntegrationID: w.integration.ID, Version: 1, ObjectID: u.ObjectID, UPN: u.UPN,
		DisplayName: u.DisplayName, Mail: u.Mail, Account: postern.AccountEnabled, Phase: phase, GroupPhase: phase, CreatedAt: at, UpdatedAt: at,
	}
}

// newPhone is a phone of a user, as in the books and as it remembers itself.
func (w *world) newPhone(u postern.User, number int) (holder, *phone.State, error) {
	identity, key := phoneKey(number), make([]byte, 32)
	_, _ = rand.Read(key)
	seal, err := ecdh.X25519().NewPrivateKey(key)
	if err != nil {
		return holder{}, nil, err
	}
	p := postern.Phone{
		ID: postern.NewID[postern.PhoneID](postern.PrefixPhone), IntegrationID: w.integration.ID, UserID: u.ID, Version: 1, Name: "bench", Platform: "bench",
		State: postern.PhoneActive, Assurance: postern.AssuranceFile, IdentityKey: identity.Public().(ed25519.PublicKey),
		SealKey: seal.PublicKey().Bytes(), LinkKey: make([]byte, 32), CreatedAt: u.CreatedAt,
	}
	return holder{user: u, phone: p}, &phone.State{
		Server: w.center.Config.PublicURL, ID: p.ID, Name: p.Name, UPN: u.UPN, Application: w.integration.ApplicationName, IdentityKey: identity.Seed(), SealKey: key,
	}, nil
}

// bookPhone writes a user with a phone into the books, in the transaction of ctx.
func (w *world) bookPhone(ctx context.Context, h holder) error {
	if err := w.center.Store.CreateUser(ctx, h.user); err != nil {
		return err
	}
	return w.center.Store.CreatePhone(ctx, h.phone)
}

// book writes a holder into the books, in the transaction of ctx.
func (w *world) book(ctx context.Context, h holder) error {
	if err := w.bookPhone(ctx, h); err != nil {
		return err
	}
	return w.center.Store.CreatePasskey(ctx, h.passkey)
}

// control asks the emulator's control interface, without a network.
func (w *world) control(ctx context.Context, method, path, body string, into any) error {
	r, err := http.NewRequestWithContext(ctx, method, "/_entrasim/tenants/first/"+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	answer := httptest.NewRecorder()
	w.sim.Server.ServeHTTP(answer, r)
	if answer.Code/100 != 2 {
		return fmt.Errorf("the emulator answers %s %s with %d: %s", method, path, answer.Code, answer.Body)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer.Body.Bytes(), into)
}

// lists reports whether the emulated tenant lists a passkey of a user.
func (w *world) lists(ctx context.Context, user, method string) (bool, error) {
	var u struct {
		Passkeys []struct {
			ID   string `json:"id"`
			Live bool   `json:"live"`
		} `json:"passkeys"`
	}
	if err := w.control(ctx, http.MethodGet, "users/"+user, "", &u); err != nil {
		return false, err
	}
	for _, k := range u.Passkeys {
		if k.ID == method && k.Live {
			return true, nil
		}
	}
	return false, nil
}
