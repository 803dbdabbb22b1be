package authenticator

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/ctap/u2f"
)

// bogusApplications are those of registrations that browsers send to have an
// authenticator ask for a touch, and throw away: Chrome's and Firefox's.
var bogusApplications = map[[32]byte]bool{
	[32]byte(bytes.Repeat([]byte{'A'}, 32)): true,
	{}:                                      true,
}

// U2FEnabled reports whether HandleU2F has anything to say. A transport that
// announces what it carries leaves U2F out otherwise.
func (a *Authenticator) U2FEnabled() bool { return a.u2f }

// versions are what getInfo reports. U2F knows no verification, so it is out of
// use while verification is always required (CTAP 2.1 §7.2).
func (a *Authenticator) versions() []string {
	versions := []string{ctap.VersionFIDO20, ctap.VersionFIDO21}
	if a.u2f && !a.state.AlwaysUV {
		versions = append(versions, ctap.VersionU2F)
	}
	return versions
}

// HandleU2F answers one message of CTAP1 (FIDO U2F Raw Message Formats; package
// u2f). It always gives a response of at least a status word and at most
// MaxMsgSize bytes.
//
// Platforms send a request again and again until the user has touched the
// authenticator. The first request puts the question, later ones of the same
// kind for the same application find it still open, and any other command
// withdraws it. A request for which there is no touch yet answers "conditions
// not satisfied": at once, or, where ctx has a deadline, when ctx ends. A touch
// counts for one response. After a refusal the same request is refused without
// another question.
func (a *Authenticator) HandleU2F(ctx context.Context, message []byte) []byte {
	if !a.busy.TryLock() {
		return u2f.EncodeResponse(nil, u2f.ConditionsNotSatisfied)
	}
	defer a.busy.Unlock()
	response, err := a.dispatchU2F(ctx, message)
	if err != nil {
		return u2f.EncodeResponse(nil, u2fStatus(err))
	}
	return response
}

func (a *Authenticator) dispatchU2F(ctx context.Context, message []byte) ([]byte, error) {
	if !a.u2f {
		return nil, u2f.InstructionNotSupported
	}
	if len(message) > a.maxMsgSize {
		return nil, u2f.WrongLength
	}
	request, err := u2f.ParseRequest(message)
	if err != nil {
		return nil, err
	}
	a.discardRuns(0)
	if err := a.loadState(ctx); err != nil {
		return nil, err
	}
	defer a.forgetState()
	if a.state.AlwaysUV { // a touch alone proves too little then
		return nil, u2f.CommandNotAllowed
	}
	switch r := request.(type) {
	case *u2f.Register:
		return a.registerU2F(ctx, r)
	case *u2f.Authenticate:
		return a.authenticateU2F(ctx, r)
	}
	return u2f.EncodeResponse([]byte(u2f.Version), u2f.NoError), nil
}

// u2fStatus finds the status word for errors of this package and of the store.
func u2fStatus(err error) u2f.Status {
	if s, ok := errors.AsType[u2f.Status](err); ok {
		return s
	}
	switch {
	case unfinished(err):
		return u2f.ConditionsNotSatisfied
	case errors.Is(err, ErrNotFound):
		return u2f.WrongData
	case errors.Is(err, ErrFull):
		return u2f.NotEnoughMemory
	}
	return u2f.Unspecified
}

// unfinished reports whether a request ended because its time was up.
func unfinished(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// registerU2F makes a credential that is not discoverable, for a relying party
// known by its hash alone.
func (a *Authenticator) registerU2F(ctx context.Context, r *u2f.Register) ([]byte, error) {
	prompt := Prompt{Reason: ReasonRegister, RPIDHash: r.Application}
	if bogusApplications[r.Application] {
		prompt = Prompt{Reason: ReasonSelect}
	}
	if err := a.touch.await(ctx, a, touchKey{registration: true, application: r.Application}, r.Challenge, prompt); err != nil {
		return nil, err
	}
	response, err := a.createU2F(ctx, r)
	a.touch.count(err)
	return response, err
}

func (a *Authenticator) createU2F(ctx context.Context, r *u2f.Register) ([]byte, error) {
	id, err := a.randomBytes(credentialIDSize)
	if err != nil {
		return nil, err
	}
	secret, public, err := a.newSecret(ctap.ES256)
	if err != nil {
		return nil, err
	}
	defer secret.Wipe()
	point, ok := ctap.ES256Point(public)
	if !ok {
		return nil, ctap.ErrUnsupportedAlgorithm
	}
	response := &u2f.RegisterResponse{PublicKey: point, KeyHandle: id}
	leaf, err := a.u2fLeaf(ctx, r, response, public, secret)
	if err != nil {
		return nil, err
	}
	response.Certificate = leaf.Chain[0]
	alg, sig, err := leaf.sign(response.SignedMessage(r))
	if err != nil {
		return nil, err
	}
	if alg != ctap.ES256 {
		return nil, fmt.Errorf("U2F certificates have P-256 keys, not those of %v", alg)
	}
	response.Signature = sig
	encoded := response.Encode()
	if len(encoded) > a.maxMsgSize {
		return nil, errors.New("the U2F certificate does not fit a message")
	}
	if bogusApplications[r.Application] {
		return encoded, nil
	}
	return encoded, a.store.Put(ctx, &Credential{
		ID: id, RPIDHash: r.Application, Algorithm: ctap.ES256, PublicKey: public, Created: a.now(),
	}, secret)
}

// authenticateU2F signs with a credential of either kind. One that takes
// verification is as good as unknown here, and so is one of another algorithm.
func (a *Authenticator) authenticateU2F(ctx context.Context, r *u2f.Authenticate) ([]byte, error) {
	c, err := a.store.Get(ctx, r.Application, r.KeyHandle)
	if err != nil {
		return nil, err
	}
	if !c.usable(false, true) || c.Algorithm != ctap.ES256 {
		return nil, u2f.WrongData
	}
	switch r.Control {
	case u2f.CheckOnly:
		return nil, u2f.ConditionsNotSatisfied
	case u2f.DontEnforce:
		return a.signU2F(ctx, r, c, 0)
	}
	prompt := signInPrompt(c.RP.ID, []Credential{*c})
	prompt.RPIDHash = r.Application
	if err := a.touch.await(ctx, a, touchKey{application: r.Application}, r.Challenge, prompt); err != nil {
		return nil, err
	}
	response, err := a.signU2F(ctx, r, c, u2f.FlagUserPresent)
	a.touch.count(err)
	return response, err
}

func (a *Authenticator) signU2F(ctx context.Context, r *u2f.Authenticate, c *Credential, flags byte) ([]byte, error) {
	secret, err := a.store.Secret(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	defer secret.Wipe()
	count, err := a.store.Advance(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	response := &u2f.AuthenticateResponse{Flags: flags, Counter: count}
	response.Signature, err = keyTypes[ctap.ES256].sign(c.PublicKey, secret.PrivateKey, response.SignedMessage(r))
	if err != nil {
		return nil, err
	}
	return response.Encode(), nil
}
