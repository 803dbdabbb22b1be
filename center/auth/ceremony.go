package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/postern/postern"
)

// ceremonyTimeout is how long the user has for a ceremony. WebAuthn Level 3, §15.1 recommends five minutes when user
// verification is required.
const ceremonyTimeout = 5 * time.Minute

// ceremony is what a session keeps between Begin and Finish. There is one at a time per session, and Finish takes it
// away whatever comes of it, so a challenge is answered once.
type ceremony struct {
	Kind     string               `json:"kind"`
	Data     webauthn.SessionData `json:"data"`
	Link     []byte               `json:"link,omitempty"`     // welcome: hash of the one-time code
	ID       string               `json:"id,omitempty"`       // welcome: id of the administrator to be
	Name     string               `json:"name,omitempty"`     // welcome: name of the administrator to be
	KeyName  string               `json:"key_name,omitempty"` // name of the passkey to be
	Expected time.Time            `json:"expected"`           // no answer later than this
}

// The kinds of ceremony. One is never finished as another.
const (
	kindSignIn  = "sign_in"
	kindWelcome = "welcome"
	kindAdd     = "add"
)

func (s *Service) keepCeremony(ctx context.Context, c ceremony) error {
	if !hasSession(ctx) {
		return errNoSession
	}
	c.Expected = s.now().Add(ceremonyTimeout)
	data, err := json.Marshal(c)
	if err != nil {
		return err
	}
	s.sessions.Put(ctx, keyCeremony, data)
	if s.sessions.GetString(ctx, keyAdministrator) == "" {
		// Nobody has signed in here yet: such a session need not outlive its ceremony.
		s.sessions.SetDeadline(ctx, time.Now().Add(2*ceremonyTimeout).UTC())
	}
	return nil
}

func (s *Service) takeCeremony(ctx context.Context, kind string) (ceremony, error) {
	if !hasSession(ctx) {
		return ceremony{}, errNoSession
	}
	data, _ := s.sessions.Pop(ctx, keyCeremony).([]byte)
	var c ceremony
	if len(data) == 0 || json.Unmarshal(data, &c) != nil || c.Kind != kind || s.now().After(c.Expected) {
		return ceremony{}, postern.Errorf(postern.CodeConflict, "This step was not begun in this browser, or it took longer than five minutes.").
			WithNext("Start again from the sign-in page or the link.")
	}
	return c, nil
}

// person is an administrator as go-webauthn asks for one. The user handle is the administrator's id.
type person struct {
	id, name    string
	credentials []webauthn.Credential
}

func (p person) WebAuthnID() []byte                         { return []byte(p.id) }
func (p person) WebAuthnName() string                       { return p.name }
func (p person) WebAuthnDisplayName() string                { return p.name }
func (p person) WebAuthnCredentials() []webauthn.Credential { return p.credentials }

// person reads an administrator's passkeys.
func (s *Service) person(ctx context.Context, id postern.AdministratorID, name string) (person, error) {
	stored, err := s.store.AdministratorCredentials(ctx, id)
	if err != nil {
		return person{}, err
	}
	p := person{id: string(id), name: name}
	for _, c := range stored {
		var w webauthn.Credential
		if err := json.Unmarshal(c.Data, &w); err != nil {
			return person{}, fmt.Errorf("auth: a stored passkey of %s cannot be read: %w", id, err)
		}
		p.credentials = append(p.credentials, w)
	}
	return p, nil
}

// reason makes an error for the log of what go-webauthn says. Its DevInfo is left out because it quotes challenges.
func reason(err error) error {
	var p *protocol.Error
	if errors.As(err, &p) {
		return fmt.Errorf("%s: %s", p.Type, p.Details)
	}
	return err
}

// register verifies the answer to a registration and returns the credential to store.
func (s *Service) register(p person, c ceremony, response []byte) (Credential, error) {
	refused := func(err error) error {
		return postern.Errorf(postern.CodeInvalid, "The passkey could not be registered.").
			WithNext("Try again, with a passkey that asks for your fingerprint, face or PIN.").Because(reason(err))
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(response)
	if err != nil {
		return Credential{}, refused(err)
	}
	w, err := s.web.CreateCredential(p, c.Data, parsed)
	if err != nil {
		return Credential{}, refused(err)
	}
	data, err := json.Marshal(w)
	if err != nil {
		return Credential{}, err
	}
	return Credential{ID: w.ID, AdministratorID: postern.AdministratorID(p.id), Name: c.KeyName, Data: data, CreatedAt: s.now().UTC()}, nil
}

func exclusions(p person) webauthn.RegistrationOption {
	return webauthn.WithExclusions(webauthn.Credentials(p.credentials).CredentialDescriptors())
}
