package authenticator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/postern/postern/fido/ctap"
)

// Sizes kept of what a relying party says, in bytes. Names are cut at a
// character; WebAuthn §6.4.1 lets an authenticator cut to 64. A picture that
// does not fit is dropped: half an address is none.
const (
	maxRPIDLength = 255
	maxNameLength = 256
	maxIconLength = 128
)

// makeCredential is authenticatorMakeCredential; the numbers are the steps of
// CTAP 2.1 §6.1.2.
func (a *Authenticator) makeCredential(ctx context.Context, params []byte) ([]byte, error) {
	req, err := ctap.DecodeMakeCredentialRequest(params)
	if err != nil {
		return nil, err
	}
	if len(req.RP.ID) == 0 || len(req.RP.ID) > maxRPIDLength {
		return nil, fmt.Errorf("rp.id: %w", ctap.ErrInvalidLength)
	}
	prompt := Prompt{Reason: ReasonRegister, RPID: req.RP.ID, RPName: req.RP.Name, Accounts: []ctap.User{req.User}}

	gate, err := a.openGate(ctx, prompt, req.PINUVAuthParam, req.PINUVAuthProtocol) // 1, 2
	if err != nil {
		return nil, err
	}
	alg, err := a.chooseAlgorithm(req.Parameters) // 3
	if err != nil {
		return nil, err
	}
	if up, ok := req.Options[ctap.OptionUP]; ok && !up { // 5
		return nil, ctap.ErrInvalidOption
	}
	if err := gate.option(req.Options[ctap.OptionUV]); err != nil {
		return nil, err
	}
	if err := gate.demand(true); err != nil { // 6, 8
		return nil, err
	}
	enterprise, err := a.enterpriseAsked(req) // 9
	if err != nil {
		return nil, err
	}
	if err := gate.verify(ctx, ctap.PermitMakeCredential, req.ClientDataHash); err != nil { // 11
		return nil, err
	}
	if err := a.checkExcluded(ctx, gate, req); err != nil { // 12
		return nil, err
	}
	if err := gate.presence(ctx); err != nil { // 13, 14
		return nil, err
	}
	return a.createCredential(ctx, gate, req, alg, enterprise)
}

// createCredential does steps 15 to 19.
func (a *Authenticator) createCredential(ctx context.Context, gate *gate, req *ctap.MakeCredentialRequest, alg ctap.Algorithm, enterprise bool) ([]byte, error) {
	id, err := a.randomBytes(credentialIDSize)
	if err != nil {
		return nil, err
	}
	secret, public, err := a.newSecret(alg)
	if err != nil {
		return nil, err
	}
	defer secret.Wipe()
	c := &Credential{
		ID:           id,
		RPIDHash:     ctap.HashRPID(req.RP.ID),
		RP:           ctap.RelyingParty{ID: req.RP.ID, Name: cut(req.RP.Name)},
		User:         keptUser(req.User),
		Algorithm:    alg,
		PublicKey:    public,
		Discoverable: req.Options[ctap.OptionRK],
		Created:      a.now(),
	}
	response := &ctap.MakeCredentialResponse{}
	outputs, err := a.createOutputs(&creation{
		inputs: req.Extensions, flags: gate.flags(), credential: c, secret: secret, response: response,
	})
	if err != nil {
		return nil, err
	}
	data := &ctap.AuthenticatorData{
		RPIDHash:   c.RPIDHash,
		Flags:      gate.flags(),
		Attested:   &ctap.AttestedCredential{AAGUID: a.aaguid, ID: id, PublicKey: public},
		Extensions: outputs,
	}
	authData, err := data.Encode()
	if err != nil {
		return nil, err
	}
	response.AuthData, response.EnterpriseAttestation = authData, enterprise
	response.Format, response.Statement, err = a.attest(ctx, req.AttestationFormats, AttestationRequest{
		RPID: c.RP.ID, AAGUID: a.aaguid, CredentialID: id, Algorithm: alg, PublicKey: public,
		AuthData: authData, ClientDataHash: req.ClientDataHash, Enterprise: enterprise,
	})
	if err != nil {
		return nil, err
	}
	encoded, err := response.Encode()
	if err != nil {
		return nil, err
	}
	if len(encoded) > a.maxMsgSize {
		return nil, fmt.Errorf("attestation does not fit a message: %w", ctap.ErrLimitExceeded)
	}
	// Last, so that whatever failed before leaves no credential nobody knows.
	if err := a.store.Put(ctx, c, secret); err != nil {
		return nil, err
	}
	return encoded, nil
}

// chooseAlgorithm takes the first algorithm of the platform that this
// authenticator has.
func (a *Authenticator) chooseAlgorithm(params []ctap.CredentialParameter) (ctap.Algorithm, error) {
	for _, p := range params {
		if p.Type == ctap.PublicKeyType && slices.Contains(a.algorithms, p.Algorithm) {
			return p.Algorithm, nil
		}
	}
	return 0, ctap.ErrUnsupportedAlgorithm
}

// checkExcluded answers CTAP2_ERR_CREDENTIAL_EXCLUDED, after a gesture, where a
// listed credential is here. One that requires verification is not admitted to
// without it.
func (a *Authenticator) checkExcluded(ctx context.Context, g *gate, req *ctap.MakeCredentialRequest) error {
	for _, d := range req.ExcludeList {
		if d.Type != ctap.PublicKeyType {
			continue
		}
		c, err := a.store.Get(ctx, ctap.HashRPID(req.RP.ID), d.ID)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if !c.usable(g.uv, true) {
			continue
		}
		g.prompt = signInPrompt(req.RP.ID, []Credential{*c})
		g.prompt.Reason = ReasonExcluded
		if err := g.presence(ctx); err != nil {
			return err
		}
		return ctap.ErrCredentialExcluded
	}
	return nil
}

func keptUser(u ctap.User) ctap.User {
	kept := ctap.User{ID: u.ID, Name: cut(u.Name), DisplayName: cut(u.DisplayName)}
	if len(u.Icon) <= maxIconLength {
		kept.Icon = u.Icon
	}
	return kept
}

func cut(s string) string {
	if len(s) <= maxNameLength {
		return s
	}
	s = s[:maxNameLength]
	for r, n := utf8.DecodeLastRuneInString(s); r == utf8.RuneError && n == 1; r, n = utf8.DecodeLastRuneInString(s) {
		s = s[:len(s)-1]
	}
	return s
}
