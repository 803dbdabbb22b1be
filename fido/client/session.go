package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/ctap/pinuvauth"
)

// session is what one ceremony, or one act of management, knows about its
// authenticator.
type session struct {
	*Client
	info *ctap.Info
	// rpID is empty where no relying party is concerned.
	rpID     string
	protocol uint64
	// platform and secret are set by agree.
	platform ctap.Raw
	secret   *pinuvauth.SharedSecret
	// token is the pinUvAuthToken, nil where verification is by option or not
	// at all.
	token    []byte
	uvOption bool
}

func (c *Client) begin(ctx context.Context, rpID string) (*session, error) {
	info, err := c.getInfo(ctx)
	if err != nil {
		return nil, err
	}
	s := &session{Client: c, info: info, rpID: rpID}
	for _, p := range info.PINUVAuthProtocols {
		if pinuvauth.Supported(p) {
			s.protocol = p
			break
		}
	}
	return s, nil
}

func (s *session) end() {
	s.forget()
	clear(s.token)
}

// forget drops the shared secret: after a wrong PIN the authenticator has
// another key (CTAP 2.1 §6.5.5.7.1).
func (s *session) forget() {
	if s.secret != nil {
		s.secret.Wipe()
		s.secret = nil
	}
}

// agree establishes the shared secret with the authenticator (CTAP 2.1
// §6.5.5.4), unless there is one.
func (s *session) agree(ctx context.Context) error {
	if s.secret != nil {
		return nil
	}
	if s.protocol == 0 {
		return fail(NotSupportedError, "the authenticator has no PIN/UV auth protocol this client knows")
	}
	resp, err := s.clientPIN(ctx, &ctap.ClientPINRequest{Protocol: &s.protocol, Subcommand: ctap.GetKeyAgreement})
	if err != nil {
		return fmt.Errorf("getKeyAgreement: %w", err)
	}
	peer, err := ctap.DecodeKeyAgreement(resp.KeyAgreement)
	if err != nil {
		return err
	}
	own, err := pinuvauth.GenerateKey(s.Random)
	if err != nil {
		return err
	}
	if s.platform, err = ctap.EncodeKeyAgreement(own.PublicKey()); err != nil {
		return err
	}
	s.secret, err = pinuvauth.Agree(s.protocol, own, peer)
	return err
}

// clientPIN sends authenticatorClientPIN (CTAP 2.1 §6.5).
func (s *session) clientPIN(ctx context.Context, r *ctap.ClientPINRequest) (*ctap.ClientPINResponse, error) {
	request, err := r.Encode()
	result, err := s.call(ctx, request, err)
	if err != nil {
		return nil, err
	}
	return ctap.DecodeClientPINResponse(result)
}

// takeToken sends a request for a pinUvAuthToken and keeps what it gives.
func (s *session) takeToken(ctx context.Context, r *ctap.ClientPINRequest) error {
	resp, err := s.clientPIN(ctx, r)
	if err != nil {
		return err
	}
	token, err := s.secret.Decrypt(resp.Token)
	if err != nil {
		return err
	}
	if len(token) != pinuvauth.TokenSize && (s.protocol != pinuvauth.One || len(token) != 16) {
		clear(token)
		return errors.New("pinUvAuthToken has a wrong size")
	}
	clear(s.token)
	s.token = token
	return nil
}

// permit sets what a token shall be good for.
func (s *session) permit(r *ctap.ClientPINRequest, permissions ctap.Permission) {
	r.Permissions = &permissions
	if s.rpID != "" {
		r.RPID = &s.rpID
	}
}

// authParam gives pinUvAuthParam and pinUvAuthProtocol over a message, nil where
// there is no token.
func (s *session) authParam(message []byte) ([]byte, *uint64) {
	if s.token == nil {
		return nil, nil
	}
	return pinuvauth.Authenticate(s.protocol, s.token, message), &s.protocol
}
