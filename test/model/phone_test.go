package model_test

import (
	"context"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"net/http"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/device"
	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/authtest"
	"github.com/postern/postern/fido/authenticator/memory"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/link/signed"
)

// ourModel is the AAGUID of Postern's authenticator as Entra lists it, written down once more on purpose.
var ourModel = func() string {
	a := device.AAGUID
	return fmt.Sprintf("%x-%x-%x-%x-%x", a[:4], a[4:6], a[6:8], a[8:10], a[10:])
}()

// key is something that makes passkeys.
type key struct{ client *client.Client }

func newKey(aaguid ctap.AAGUID, now func() time.Time) (*key, error) {
	a, err := authenticator.New(authenticator.Config{AAGUID: aaguid, Store: memory.New(100), User: &authtest.User{}, Random: rand.Reader, Now: now})
	if err != nil {
		return nil, err
	}
	return &key{&client.Client{Random: rand.Reader, Channel: client.ChannelFunc(func(ctx context.Context, request []byte) ([]byte, error) {
		return a.Handle(ctx, request), nil
	})}}, nil
}

func (k *key) create(ctx context.Context, publicKey []byte) (*postern.CredentialSubmission, error) {
	options, err := client.ParseCreationOptions(publicKey)
	if err != nil {
		return nil, err
	}
	options.Attestation = client.AttestationNone
	made, err := k.client.Create(ctx, options, "https://"+options.RP.ID)
	if err != nil {
		return nil, err
	}
	return &postern.CredentialSubmission{ID: made.ID, ClientDataJSON: made.ClientDataJSON, AttestationObject: made.AttestationObject}, nil
}

// credential is one that a phone made.
type credential struct {
	submission   *postern.CredentialSubmission
	provisioning postern.ProvisioningID // empty: made at Security info
	method       string                 // Entra's id, where the phone's user registered it
	own          bool                   // made at Security info
	told         bool                   // the control center took the phone's word
}

// handset is a phone in somebody's hand.
type handset struct {
	owner    *person
	identity ed25519.PrivateKey
	sealKey  *ecdh.PrivateKey
	key      *key
	caller   *signed.Caller
	id       postern.PhoneID // empty: the control center died before it could say
	offline  bool
	lost     bool
	made     []*credential
}

func (w *world) newHandset(owner *person) (*handset, error) {
	h := &handset{owner: owner}
	var err error
	if _, h.identity, err = ed25519.GenerateKey(rand.Reader); err != nil {
		return nil, err
	}
	if h.sealKey, err = ecdh.X25519().GenerateKey(rand.Reader); err != nil {
		return nil, err
	}
	if h.key, err = newKey(ctap.AAGUID(device.AAGUID), w.lab.clock); err != nil {
		return nil, err
	}
	h.caller, err = signed.NewCaller(signed.Phone, "https://localhost", nil, w.lab.clock)
	return h, err
}

// enrolment is what the phone sends with a one-time code.
func (h *handset) enrolment(code string) postern.PhoneEnrolment {
	identity, seal := h.identity.Public().(ed25519.PublicKey), h.sealKey.PublicKey().Bytes()
	return postern.PhoneEnrolment{
		Code: code, Name: "Phone of " + h.owner.upn[:2], Platform: "model", Assurance: postern.AssuranceFile, IdentityKey: postern.Bytes(identity),
		SealKey: seal, Proof: ed25519.Sign(h.identity, postern.EnrolmentMessage(code, identity, seal)),
	}
}

// call lets the phone in as the API does, by its signature.
func (w *world) call(h *handset) (context.Context, postern.Phone, error) {
	h.caller.SignAs(string(h.id), h.identity)
	const path = postern.PhoneAPIPath + "/self"
	proof, err := h.caller.Proof(http.MethodGet, path, nil)
	if err != nil {
		return w.ctx, postern.Phone{}, err
	}
	p, err := w.phones.Authenticate(w.ctx, device.SignedRequest{Proof: proof, Method: http.MethodGet, Path: path})
	return postern.WithActor(w.ctx, postern.Actor{Kind: postern.ActorPhone, ID: string(p.ID), Name: p.Name}), p, err
}

// answer makes the credential that a provisioning asks for, once, and hands it in.
func (w *world) answer(h *handset, id postern.ProvisioningID) error {
	ctx, phone, err := w.call(h)
	if err != nil {
		return err
	}
	offer, err := w.passkeys.ForPhone(ctx, phone, id)
	if err != nil || offer.Provisioning.State != postern.ProvisioningOffered {
		return err
	}
	opened, err := postern.OpenProvisioningOptions(h.sealKey, id, offer.Sealed)
	if err != nil {
		return fmt.Errorf("the options do not open: %w", err)
	}
	made, err := h.key.create(w.ctx, opened.PublicKey)
	if err != nil { // as a phone that has a passkey of this account already: it says no for its user
		if _, err = w.passkeys.Decline(ctx, phone, id, "has one"); err == nil {
			w.declined[id] = true
		}
		return err
	}
	h.made = append(h.made, &credential{submission: made, provisioning: id})
	return w.handIn(ctx, phone, id, made)
}

func (w *world) handIn(ctx context.Context, phone postern.Phone, id postern.ProvisioningID, made *postern.CredentialSubmission) error {
	_, err := w.passkeys.Submit(ctx, phone, id, *made)
	if err == nil {
		w.submitted[id] = true
	}
	return err
}
