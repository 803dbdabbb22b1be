package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/postern/postern/fido/ctap"
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

// Client is a client platform in front of one authenticator. Its methods may
// not run at the same time.
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
	// Managed lists the relying party ids an administrator of this client lets
	// have enterprise attestation (CTAP 2.1 §7.1). Others that ask for it get
	// what the authenticator's maker arranged, if anything.
	Managed []string
	// CrossOrigin says that the page is embedded in one of another origin, which
	// client data then says too (WebAuthn §5.8.1). It does not name the outer
	// page: whoever calls may not know it.
	CrossOrigin bool
	// Registrable reports whether a domain can be registered, that is, is no public
	// suffix; suffix.Registrable is meant for it. An origin may use a parent of its
	// domain as relying party id only if the parent is registrable (WebAuthn
	// §5.1.3). With nil, an origin may use nothing but its own domain.
	Registrable func(domain string) bool
}

// call sends a request and gives the CBOR of its answer.
func (c *Client) call(ctx context.Context, request []byte, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	response, err := c.Channel.CBOR(ctx, request)
	if err != nil {
		return nil, fmt.Errorf("authenticator: %w", err)
	}
	return ctap.SplitResponse(response)
}

// Info asks the authenticator what it can do (CTAP 2.1 §6.4). One that speaks
// U2F alone (CTAP1) is a [NotSupportedError].
func (c *Client) Info(ctx context.Context) (*ctap.Info, error) {
	info, err := c.getInfo(ctx)
	return info, named(err)
}

func (c *Client) getInfo(ctx context.Context) (*ctap.Info, error) {
	request, err := ctap.EncodeRequest(ctap.GetInfo, nil)
	result, err := c.call(ctx, request, err)
	if errors.Is(err, ctap.ErrInvalidCommand) {
		return nil, onlyU2F(err)
	}
	if err != nil {
		return nil, fmt.Errorf("getInfo: %w", err)
	}
	info, err := ctap.DecodeInfo(result)
	if err != nil {
		return nil, fmt.Errorf("getInfo: %w", err)
	}
	if !slices.ContainsFunc(info.Versions, func(v string) bool { return strings.HasPrefix(v, "FIDO_2_") }) {
		return nil, onlyU2F(fmt.Errorf("versions %q", info.Versions))
	}
	return info, nil
}

func onlyU2F(err error) error {
	return fail(NotSupportedError, "the security key knows U2F only, which makes no passkeys: use one that supports FIDO2 (%w)", err)
}
