package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/ctap/pinuvauth"
)

// Channel carries whole CTAP2 messages to one authenticator and back. When ctx
// ends it cancels what the authenticator is doing and returns.
type Channel interface {
	CBOR(ctx context.Context, request []byte) (response []byte, err error)
}

// ChannelFunc makes a function a [Channel].
type ChannelFunc func(ctx context.Context, request []byte) ([]byte, error)

// CBOR calls f.
func (f ChannelFunc) CBOR(ctx context.Context, request []byte) ([]byte, error) {
	return f(ctx, request)
}

// Client is a client platform in front of one authenticator. Ceremonies on one
// Client may not overlap.
type Client struct {
	Channel Channel
	// Random is the source of key agreement keys and IVs.
	Random io.Reader
	// PIN asks for the authenticator's PIN where user verification takes one.
	// Nil means that nobody can be asked.
	PIN AskPIN
	// Choose picks one of several accounts an authenticator offers, by index.
	// Nil takes the first, which is the newest.
	Choose func(ctx context.Context, accounts []ctap.User) (int, error)
}

// call sends a request and gives the CBOR of its answer.
func (c *Client) call(ctx context.Context, request []byte, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	response, err := c.Channel.CBOR(ctx, request)
	if err != nil {
		return nil, fmt.Errorf("authenticator: %w", err)
	}
	return ctap.SplitResponse(response)
}

// Info asks the authenticator what it can do.
func (c *Client) Info(ctx context.Context) (*ctap.Info, error) {
	request, err := ctap.EncodeRequest(ctap.GetInfo, nil)
	result, err := c.call(ctx, request, err)
	if err != nil {
		return nil, fmt.Errorf("getInfo: %w", err)
	}
	return ctap.DecodeInfo(result)
}

// session is what one ceremony knows about its authenticator.
type session struct {
	*Client
	info     *ctap.Info
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
	info, err := c.Info(ctx)
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
	if s.secret != nil {
		s.secret.Wipe()
	}
	clear(s.token)
}

// agree establishes the shared secret with the authenticator (CTAP 2.1
// §6.5.5.4), once per ceremony.
func (s *session) agree(ctx context.Context) error {
	if s.secret != nil {
		return nil
	}
	if s.protocol == 0 {
		return fail(NotSupportedError, "the authenticator has no PIN/UV auth protocol this client knows")
	}
	request, err := (&ctap.ClientPINRequest{Protocol: &s.protocol, Subcommand: ctap.GetKeyAgreement}).Encode()
	result, err := s.call(ctx, request, err)
	if err != nil {
		return fmt.Errorf("getKeyAgreement: %w", err)
	}
	resp, err := ctap.DecodeClientPINResponse(result)
	if err != nil {
		return err
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

// verifyUser arranges for user verification: by a token where the
// authenticator gives them, else by the option "uv". With wanted "discouraged"
// it does nothing; with "preferred" it is content with an authenticator that
// cannot verify.
func (s *session) verifyUser(ctx context.Context, wanted string, permissions ctap.Permission) error {
	if wanted == Discouraged {
		return nil
	}
	if !s.info.Options[ctap.OptionUV] {
		if wanted == Required {
			return fail(NotAllowedError, "the authenticator cannot verify its user: set up its own user verification first")
		}
		return nil
	}
	if !s.info.Options[ctap.OptionPINUVAuthToken] || s.protocol == 0 {
		s.uvOption = true
		return nil
	}
	if err := s.agree(ctx); err != nil {
		return err
	}
	request, err := (&ctap.ClientPINRequest{
		Protocol: &s.protocol, Subcommand: ctap.GetTokenUsingUV, KeyAgreement: s.platform,
		Permissions: &permissions, RPID: &s.rpID,
	}).Encode()
	result, err := s.call(ctx, request, err)
	if err != nil {
		return fmt.Errorf("user verification: %w", err)
	}
	resp, err := ctap.DecodeClientPINResponse(result)
	if err != nil {
		return err
	}
	token, err := s.secret.Decrypt(resp.Token)
	if err != nil {
		return err
	}
	if len(token) != pinuvauth.TokenSize && (s.protocol != pinuvauth.One || len(token) != 16) {
		return errors.New("pinUvAuthToken has a wrong size")
	}
	s.token = token
	return nil
}

// authParam gives pinUvAuthParam and pinUvAuthProtocol over a client data hash,
// nil where there is no token.
func (s *session) authParam(clientDataHash []byte) ([]byte, *uint64) {
	if s.token == nil {
		return nil, nil
	}
	return pinuvauth.Authenticate(s.protocol, s.token, clientDataHash), &s.protocol
}

// fit cuts a credential list to what one request can carry: ids the
// authenticator cannot have made are left out, and a list that is still too
// long is searched in silence for the one credential that is there (CTAP 2.1
// §6.2, "pre-flight"). With search set that is done for every list of several.
// Rest is the size of the request without the list.
func (s *session) fit(ctx context.Context, list []ctap.CredentialDescriptor, rest int, search bool) ([]ctap.CredentialDescriptor, error) {
	if m := s.info.MaxCredentialIDLength; m != nil {
		list = slices.DeleteFunc(list, func(d ctap.CredentialDescriptor) bool { return uint64(len(d.ID)) > *m })
	}
	batches := s.batches(list, rest)
	if len(list) <= 1 || (len(batches) == 1 && !search) {
		return list, nil
	}
	for _, batch := range batches {
		hash := make([]byte, 32) // a hash of nothing: the signature is thrown away
		param, protocol := s.authParam(hash)
		request, err := (&ctap.GetAssertionRequest{
			RPID: s.rpID, ClientDataHash: hash, AllowList: batch, Options: map[string]bool{ctap.OptionUP: false},
			PINUVAuthParam: param, PINUVAuthProtocol: protocol,
		}).Encode()
		result, err := s.call(ctx, request, err)
		if ctap.StatusOf(err) == ctap.ErrNoCredentials {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("search for known credentials: %w", err)
		}
		resp, err := ctap.DecodeGetAssertionResponse(result)
		if err != nil {
			return nil, err
		}
		if resp.Credential != nil {
			return []ctap.CredentialDescriptor{*resp.Credential}, nil
		}
		return batch, nil
	}
	return nil, nil
}

// batches parts a list by what GetInfo says about counts and sizes.
func (s *session) batches(list []ctap.CredentialDescriptor, rest int) [][]ctap.CredentialDescriptor {
	size, count := ctap.DefaultMessageSize, len(list)
	if m := s.info.MaxMsgSize; m != nil {
		size = int(min(*m, ctap.MaxMessageSize)) // #nosec G115 -- bounded
	}
	if m := s.info.MaxCredentialCountInList; m != nil && *m > 0 {
		count = int(min(*m, uint64(len(list)))) // #nosec G115 -- bounded
	}
	const overhead = 32 // of one descriptor beyond its id, and more than it takes
	var out [][]ctap.CredentialDescriptor
	var batch []ctap.CredentialDescriptor
	used := rest
	for _, d := range list {
		if len(batch) > 0 && (len(batch) == count || used+len(d.ID)+overhead > size) {
			out, batch, used = append(out, batch), nil, rest
		}
		batch = append(batch, d)
		used += len(d.ID) + overhead
	}
	if len(batch) > 0 {
		out = append(out, batch)
	}
	return out
}
