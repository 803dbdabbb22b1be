package client_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"testing"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/authtest"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/fido/ctap"
)

const (
	rpID   = "login.example.com"
	origin = "https://login.example.com"
)

func newClient(t *testing.T, changes ...func(*authenticator.Config)) (*client.Client, *authtest.Device) {
	t.Helper()
	d := authtest.New(t, changes...)
	return &client.Client{Channel: d, Random: rand.Reader}, d
}

func asJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func creation() *client.CreationOptions {
	return &client.CreationOptions{
		RP: client.RelyingParty{ID: rpID, Name: "Example"}, User: client.UserAccount{ID: []byte("user-1"), Name: "alex"},
		Challenge:  bytes.Repeat([]byte{7}, 32),
		Parameters: []client.CredentialParameter{{Type: "public-key", Algorithm: ctap.ES256}},
		Selection:  client.Selection{ResidentKey: client.Required, UserVerification: client.Required},
	}
}

func request() *client.RequestOptions {
	return &client.RequestOptions{Challenge: bytes.Repeat([]byte{8}, 32), RPID: rpID, UserVerification: client.Required}
}

func mustCreate(t *testing.T, c *client.Client, o *client.CreationOptions) *client.Registration {
	t.Helper()
	r, err := c.Create(t.Context(), o, origin)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func wantName(t *testing.T, what string, err error, want client.ErrorName) {
	t.Helper()
	e, ok := errors.AsType[*client.Error](err)
	if !ok || e.Name != want {
		t.Errorf("%s: %v, want %s", what, err, want)
	}
}

// reporting is a device that describes itself otherwise than it does.
func reporting(ch client.Channel, change func(*ctap.Info)) client.Channel {
	return client.ChannelFunc(func(ctx context.Context, request []byte) ([]byte, error) {
		response, err := ch.CBOR(ctx, request)
		if err != nil || ctap.Command(request[0]) != ctap.GetInfo {
			return response, err
		}
		info, err := ctap.DecodeInfo(response[1:])
		if err != nil {
			return nil, err
		}
		change(info)
		return info.Encode()
	})
}

// withoutTokens makes a device one of CTAP 2.0, which gives no tokens by
// verification of its own and one kind by PIN.
func withoutTokens(i *ctap.Info) { delete(i.Options, ctap.OptionPINUVAuthToken) }

// subcommands notes the subcommands of authenticatorClientPIN that pass.
func subcommands(ch client.Channel, seen *[]uint64) client.Channel {
	return client.ChannelFunc(func(ctx context.Context, request []byte) ([]byte, error) {
		if ctap.Command(request[0]) == ctap.ClientPIN {
			r, err := ctap.DecodeClientPINRequest(request[1:])
			if err != nil {
				return nil, err
			}
			*seen = append(*seen, r.Subcommand)
		}
		return ch.CBOR(ctx, request)
	})
}

// person types PINs, one after the other, and then gives up.
type person struct {
	pins    []string
	prompts []client.PINPrompt
}

var errGivesUp = errors.New("the person gives up")

func (p *person) ask(_ context.Context, prompt client.PINPrompt) (string, error) {
	p.prompts = append(p.prompts, prompt)
	if len(p.pins) == 0 {
		return "", errGivesUp
	}
	pin := p.pins[0]
	p.pins = p.pins[1:]
	return pin, nil
}

// asked gives the prompts since the last call.
func (p *person) asked() []client.PINPrompt {
	prompts := p.prompts
	p.prompts = nil
	return prompts
}

const pin = "2580"

// newPINClient is a client with an authenticator that verifies by PIN alone,
// which is set, and a person who types what pins holds.
func newPINClient(t *testing.T, changes ...func(*authenticator.Config)) (*client.Client, *authtest.Device, *person) {
	t.Helper()
	p := &person{pins: []string{pin}}
	c, d := newClient(t, append([]func(*authenticator.Config){func(cfg *authenticator.Config) {
		cfg.PIN = true
		none := authenticator.VerificationNone
		cfg.User.(*authtest.User).State = &none
	}}, changes...)...)
	c.PIN = p.ask
	if err := c.SetPIN(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.asked()
	return c, d, p
}

// refusing is a user who fails verification with err and is present otherwise.
func refusing(err error) func(context.Context, authenticator.Prompt, bool) error {
	return func(_ context.Context, _ authenticator.Prompt, verify bool) error {
		if verify {
			return err
		}
		return nil
	}
}

func refusingTouch(context.Context, authenticator.Prompt, bool) error { return authenticator.ErrDenied }

// answering gives the same answer to everything.
func answering(response []byte) client.Channel {
	return client.ChannelFunc(func(context.Context, []byte) ([]byte, error) { return response, nil })
}
