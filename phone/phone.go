package phone

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/link/signed"
)

// Env is what a phone stands on. All fields are needed.
type Env struct {
	Keeper   Keeper
	Passkeys authenticator.Store
	User     authenticator.User
	Random   io.Reader
	Now      func() time.Time
	// Transport reaches the control center.
	Transport signed.Transport
}

// Phone is an enrolled phone. Its methods may not be called at once.
type Phone struct {
	API   API
	State *State
	env   Env
}

// Open gives the phone of a state that was kept.
func Open(s *State, env Env) (*Phone, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	caller, err := signed.NewCaller(signed.Phone, s.Server, env.Transport, env.Now)
	if err != nil {
		return nil, err
	}
	caller.SignAs(string(s.ID), s.identity())
	return &Phone{API: API{caller}, State: s, env: env}, nil
}

// Enrolment is what enrolling takes from the user.
type Enrolment struct {
	Server    string
	Code      string // one-time code of the invitation
	Ticket    string // of a sign-in that was confirmed, instead of a code
	Name      string
	Platform  string
	Assurance postern.Assurance
}

// Enrol makes keys, proves them with the one-time code or the ticket, and keeps the state. A code works once: whatever can be found
// wrong without the control center is found before it is asked.
func Enrol(ctx context.Context, in Enrolment, env Env) (*Phone, postern.PhoneSelf, error) {
	var none postern.PhoneSelf
	caller, err := signed.NewCaller(signed.Phone, in.Server, env.Transport, env.Now)
	if err != nil {
		return nil, none, err
	}
	name := strings.TrimSpace(in.Name)
	if name == "" {
		return nil, none, postern.FieldErrorf("name", "The phone has no name.").WithNext("Give it one.")
	}
	if in.Ticket == "" && postern.NormaliseCode(in.Code) == "" {
		return nil, none, postern.FieldErrorf("code", "The one-time code is empty.").WithNext("Enter the code of the invitation.")
	}
	s, err := newState(env.Random, caller.Server(), name)
	if err != nil {
		return nil, none, err
	}
	seal, err := s.seal()
	if err != nil {
		return nil, none, err
	}
	key := s.identity()
	identity, sealKey := []byte(key.Public().(ed25519.PublicKey)), seal.PublicKey().Bytes()
	body := postern.PhoneEnrolment{
		Code: in.Code, Ticket: in.Ticket, Name: name, Platform: in.Platform, Assurance: in.Assurance, IdentityKey: identity, SealKey: sealKey,
	}
	body.Proof = ed25519.Sign(key, postern.EnrolmentMessage(body.Secret(), identity, sealKey))
	self, err := API{caller}.enrol(ctx, body)
	if err != nil {
		return nil, none, err
	}
	s.ID, s.UPN, s.Application = self.Phone.ID, self.User.UPN, self.Integration.ApplicationName
	if err := env.Keeper.Save(ctx, s); err != nil {
		return nil, none, fmt.Errorf("the phone is enrolled, but its keys could not be kept: revoke it in the console and invite again: %w", err)
	}
	p, err := Open(s, env)
	return p, self, err
}

// SignInOffer says whether a phone may be enrolled with a sign-in at Entra: CodeEnrolmentOff where not.
func SignInOffer(ctx context.Context, server string, id postern.IntegrationID, env Env) (out postern.SignInOffer, err error) {
	caller, err := signed.NewCaller(signed.Phone, server, env.Transport, env.Now)
	if err != nil {
		return out, err
	}
	var query url.Values
	if id != "" {
		query = url.Values{"integration": {string(id)}}
	}
	return out, caller.Call(ctx, "GET", "/enrolments/sign-in", query, nil, &out)
}

// BeginSignIn begins a sign-in at Entra that enrols a phone: [Enrol] takes its ticket when the user has typed the number.
func BeginSignIn(ctx context.Context, server string, in postern.SignInInput, env Env) (out postern.SignInStart, err error) {
	caller, err := signed.NewCaller(signed.Phone, server, env.Transport, env.Now)
	if err != nil {
		return out, err
	}
	return out, caller.Call(ctx, "POST", "/enrolments/sign-in", nil, in, &out)
}

// newAuthenticator makes the authenticator every phone has.
func newAuthenticator(env Env, attester authenticator.Attester) (*authenticator.Authenticator, error) {
	return authenticator.New(authenticator.Config{
		AAGUID: AAGUID, Store: env.Passkeys, User: env.User, Attester: attester, Random: env.Random, Now: env.Now,
		Algorithms: []ctap.Algorithm{ctap.ES256}, Transports: []string{"usb"}, FirmwareVersion: 1,
		// Within one process nothing frames messages, so the only bound is that of the protocol.
		MaxMsgSize: ctap.MaxMessageSize,
	})
}

// client is a WebAuthn client in front of an authenticator that holds the phone's passkeys. A nil attester vouches for
// nothing.
func (p *Phone) client(attester authenticator.Attester) (*client.Client, error) {
	a, err := newAuthenticator(p.env, attester)
	if err != nil {
		return nil, err
	}
	channel := client.ChannelFunc(func(ctx context.Context, request []byte) ([]byte, error) { return a.Handle(ctx, request), nil })
	return &client.Client{Channel: channel, Random: p.env.Random}, nil
}

// Client is a WebAuthn client that signs in with the phone's passkeys.
func (p *Phone) Client() (*client.Client, error) { return p.client(nil) }

// Sync brings the phone in line with the control center: passkeys that were revoked, and credentials of provisionings
// that came to nothing, are removed.
func (p *Phone) Sync(ctx context.Context) (postern.PhoneSelf, error) {
	self, err := p.API.Self(ctx)
	if err != nil {
		return self, err
	}
	for _, k := range self.Passkeys {
		if k.State == postern.PasskeyRevoked {
			if err := p.remove(ctx, k.CredentialID); err != nil {
				return self, err
			}
		}
	}
	if err := p.settlePending(ctx); err != nil {
		return self, err
	}
	if p.State.UPN != self.User.UPN || p.State.Application != self.Integration.ApplicationName {
		p.State.UPN, p.State.Application = self.User.UPN, self.Integration.ApplicationName
		err = p.env.Keeper.Save(ctx, p.State)
	}
	return self, err
}

// Forget has the phone revoked. What it keeps is the caller's to delete afterwards. A phone the control center does not
// know, or has revoked already, is as good as forgotten there.
func (p *Phone) Forget(ctx context.Context) error {
	err := p.API.Revoke(ctx)
	if postern.IsCode(err, postern.CodePhoneUnknown) || postern.IsCode(err, postern.CodePhoneRevoked) {
		return nil
	}
	return err
}
