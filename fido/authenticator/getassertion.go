package authenticator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/postern/postern/fido/ctap"
)

// nextAssertionLimit is how long getNextAssertion may follow the answer before
// it (CTAP 2.1 §6.3).
const nextAssertionLimit = 30 * time.Second

// assertion is what the answers to one getAssertion have in common.
type assertion struct {
	rpID           string
	clientDataHash []byte
	extensions     map[string]ctap.Raw
	flags          ctap.Flags
}

// nextAssertions remembers the credentials getNextAssertion has still to answer
// with.
type nextAssertions struct {
	assertion *assertion // nil: nothing remembered
	left      []Credential
	since     time.Time
}

// getAssertion is authenticatorGetAssertion; the numbers are the steps of CTAP
// 2.1 §6.2.2.
func (a *Authenticator) getAssertion(ctx context.Context, params []byte) ([]byte, error) {
	req, err := ctap.DecodeGetAssertionRequest(params)
	if err != nil {
		return nil, err
	}
	if len(req.RPID) == 0 || len(req.RPID) > maxRPIDLength {
		return nil, fmt.Errorf("rpId: %w", ctap.ErrInvalidLength)
	}
	found, named, err := a.candidates(ctx, req)
	if err != nil {
		return nil, err
	}
	gate, err := a.openGate(ctx, signInPrompt(req.RPID, found), req.PINUVAuthParam, req.PINUVAuthProtocol) // 1, 2
	if err != nil {
		return nil, err
	}
	if _, ok := req.Options[ctap.OptionRK]; ok { // 4
		return nil, ctap.ErrUnsupportedOption
	}
	if err := gate.option(req.Options[ctap.OptionUV]); err != nil {
		return nil, err
	}
	up, ok := req.Options[ctap.OptionUP]
	up = up || !ok
	if up {
		if err := gate.demand(false); err != nil { // 5
			return nil, err
		}
	}
	if err := gate.verify(ctx, ctap.PermitGetAssertion, req.ClientDataHash); err != nil { // 6
		return nil, err
	}
	all := len(found)
	found = slices.DeleteFunc(found, func(c Credential) bool { return !c.usable(gate.uv, named) }) // 7
	if len(found) == 0 {
		return nil, ctap.ErrNoCredentials
	}
	if len(found) < all {
		gate.prompt = signInPrompt(req.RPID, found)
	}
	if up { // 8, 9
		if err := gate.presence(ctx); err != nil {
			return nil, err
		}
	} else {
		gate.up = false // presence that was not asked for is not reported
	}
	as := &assertion{rpID: req.RPID, clientDataHash: req.ClientDataHash, extensions: req.Extensions, flags: gate.flags()}
	return a.answer(ctx, as, found, named)
}

// answer gives the first assertion and remembers the others (steps 11, 12).
func (a *Authenticator) answer(ctx context.Context, as *assertion, found []Credential, named bool) ([]byte, error) {
	// With a chooser the user has seen the accounts: one alone was in the prompt.
	selected := !named && a.chooser != nil && as.flags&(ctap.FlagUP|ctap.FlagUV) != 0 && !a.asksNobody(as)
	if selected && len(found) > 1 {
		c, err := a.choose(ctx, as.rpID, found)
		if err != nil {
			return nil, err
		}
		found = []Credential{c}
	}
	resp, err := a.assert(ctx, as, &found[0])
	if err != nil {
		return nil, err
	}
	resp.UserSelected = selected
	if !named && len(found) > 1 {
		resp.NumberOfCredentials = uint64(len(found))
		a.next = nextAssertions{assertion: as, left: found[1:], since: a.now()}
	}
	return resp.Encode()
}

// asksNobody reports whether a request is silent where those get nothing that
// the user has a say in.
func (a *Authenticator) asksNobody(as *assertion) bool {
	return a.silentByThrowaway && as.flags&ctap.FlagUP == 0
}

func (a *Authenticator) choose(ctx context.Context, rpID string, found []Credential) (Credential, error) {
	a.waiting.Store(true)
	defer a.waiting.Store(false)
	i, err := a.chooser.Choose(ctx, signInPrompt(rpID, found))
	if err != nil {
		return Credential{}, promptStatus(err)
	}
	if i < 0 || i >= len(found) {
		return Credential{}, ctap.ErrOperationDenied
	}
	return found[i], nil
}

// candidates finds the credentials a request could use: those it names, or the
// discoverable ones of the relying party. An empty list names nothing.
func (a *Authenticator) candidates(ctx context.Context, req *ctap.GetAssertionRequest) (found []Credential, named bool, err error) {
	if len(req.AllowList) == 0 {
		found, err = a.store.Discoverable(ctx, ctap.HashRPID(req.RPID))
		return found, false, err
	}
	for _, d := range req.AllowList {
		if d.Type != ctap.PublicKeyType {
			continue
		}
		c, err := a.store.Get(ctx, ctap.HashRPID(req.RPID), d.ID)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, true, err
		}
		found = append(found, *c)
	}
	return found, true, nil
}

// assert signs for one credential (steps 10 and 13).
func (a *Authenticator) assert(ctx context.Context, as *assertion, c *Credential) (*ctap.GetAssertionResponse, error) {
	if a.asksNobody(as) {
		return a.assertSealed(as, c)
	}
	secret, err := a.store.Secret(ctx, c.ID)
	if errors.Is(err, ErrSealed) {
		return a.assertSealed(as, c)
	}
	if err != nil {
		return nil, err
	}
	defer secret.Wipe()
	response := as.response(c)
	outputs, err := a.getOutputs(as, &held{credential: c, secret: secret, response: response})
	if err != nil {
		return nil, err
	}
	count, err := a.store.Advance(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	data := &ctap.AuthenticatorData{
		RPIDHash:   ctap.HashRPID(as.rpID),
		Flags:      as.flags,
		SignCount:  count,
		Extensions: outputs,
	}
	return response, as.sign(response, data, c, secret)
}

// assertSealed answers a silent request for a credential whose key cannot be
// had without the user. Platforms ask silently to learn whether a credential is
// here (CTAP 2.1 §6.2, "pre-flight") and throw the signature away; so they get
// one that is well formed and made by a key nobody keeps. They ask with the
// pinUvAuthToken and the extensions of the ceremony they prepare: the one is
// reported, the others are left out, but hmac-secret, which no silent request
// may have.
func (a *Authenticator) assertSealed(as *assertion, c *Credential) (*ctap.GetAssertionResponse, error) {
	if as.flags&ctap.FlagUP != 0 {
		return nil, ctap.ErrOperationDenied
	}
	if _, asked := as.extensions[ctap.ExtHMACSecret]; asked {
		return nil, ctap.ErrUnsupportedOption
	}
	throwaway, _, err := a.newSecret(c.Algorithm)
	if err != nil {
		return nil, err
	}
	defer throwaway.Wipe()
	data := &ctap.AuthenticatorData{RPIDHash: ctap.HashRPID(as.rpID), Flags: as.flags, SignCount: c.SignCount}
	response := as.response(c)
	return response, as.sign(response, data, c, throwaway)
}

func (as *assertion) response(c *Credential) *ctap.GetAssertionResponse {
	return &ctap.GetAssertionResponse{
		Credential: &ctap.CredentialDescriptor{ID: c.ID, Type: ctap.PublicKeyType},
		User:       as.user(c),
	}
}

// sign completes response.
func (as *assertion) sign(response *ctap.GetAssertionResponse, data *ctap.AuthenticatorData, c *Credential, s *Secret) error {
	authData, err := data.Encode()
	if err != nil {
		return err
	}
	key, ok := keyTypes[c.Algorithm]
	if !ok {
		return fmt.Errorf("stored credential: %w", ctap.ErrUnsupportedAlgorithm)
	}
	response.AuthData = authData
	// The hash goes behind the data, where there is room for it.
	response.Signature, err = key.sign(c.PublicKey, s.PrivateKey, append(authData, as.clientDataHash...))
	return err
}

// user is what an answer says about the account: nothing for a credential that
// is not discoverable, else the handle, and the names only to a platform that
// had the user verified.
func (as *assertion) user(c *Credential) *ctap.User {
	if !c.Discoverable {
		return nil
	}
	if as.flags&ctap.FlagUV == 0 {
		return &ctap.User{ID: c.User.ID}
	}
	return &c.User
}

// getNextAssertion is authenticatorGetNextAssertion (CTAP 2.1 §6.3).
func (a *Authenticator) getNextAssertion(ctx context.Context, _ []byte) ([]byte, error) {
	next := a.next
	a.next = nextAssertions{}
	now := a.now()
	if next.assertion == nil || now.Sub(next.since) > nextAssertionLimit || now.Before(next.since) {
		return nil, ctap.ErrNotAllowed
	}
	resp, err := a.assert(ctx, next.assertion, &next.left[0])
	if err != nil {
		return nil, err
	}
	if len(next.left) > 1 {
		a.next = nextAssertions{assertion: next.assertion, left: next.left[1:], since: now}
	}
	return resp.Encode()
}

// signInPrompt tells the accounts of found, but for credentials made by U2F,
// which know of none.
func signInPrompt(rpID string, found []Credential) Prompt {
	p := Prompt{Reason: ReasonSignIn, RPID: rpID}
	for i := range found {
		if c := &found[i]; len(c.User.ID) > 0 {
			p.Accounts = append(p.Accounts, c.User)
		}
		p.RPName = found[i].RP.Name
	}
	return p
}
