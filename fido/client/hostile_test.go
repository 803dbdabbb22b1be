package client_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"testing"

	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/fido/ctap"
)

// TestLyingAuthenticator: answers that do not fit the question are refused.
func TestLyingAuthenticator(t *testing.T) {
	for name, change := range map[string]func(*ctap.AuthenticatorData){
		"another relying party": func(d *ctap.AuthenticatorData) { d.RPIDHash[0] ^= 1 },
		"no presence":           func(d *ctap.AuthenticatorData) { d.Flags &^= ctap.FlagUP },
		"no verification":       func(d *ctap.AuthenticatorData) { d.Flags &^= ctap.FlagUV },
	} {
		c, d := newClient(t)
		mustCreate(t, c, creation())
		c.Channel = client.ChannelFunc(func(ctx context.Context, request []byte) ([]byte, error) {
			response := d.Handle(ctx, request)
			if ctap.Command(request[0]) != ctap.GetAssertion {
				return response, nil
			}
			resp, err := ctap.DecodeGetAssertionResponse(response[1:])
			if err != nil {
				return nil, err
			}
			data, err := ctap.ParseAuthenticatorData(resp.AuthData)
			if err != nil {
				return nil, err
			}
			change(data)
			if resp.AuthData, err = data.Encode(); err != nil {
				return nil, err
			}
			return resp.Encode()
		})
		if a, err := c.Get(t.Context(), request(), origin); err == nil || a != nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for name, answer := range map[string][]byte{"nothing": nil, "no map": {0}, "garbage": {0, 0xFF}, "huge": make([]byte, 8000)} {
		c := &client.Client{Random: rand.Reader, Channel: client.ChannelFunc(func(context.Context, []byte) ([]byte, error) { return answer, nil })}
		if _, err := c.Get(t.Context(), request(), origin); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// answeringCreate is a device whose registrations are changed on the way.
func answeringCreate(d client.Channel, change func(*ctap.MakeCredentialResponse, *ctap.AuthenticatorData)) client.Channel {
	return client.ChannelFunc(func(ctx context.Context, request []byte) ([]byte, error) {
		response, err := d.CBOR(ctx, request)
		if err != nil || ctap.Command(request[0]) != ctap.MakeCredential || response[0] != 0 {
			return response, err
		}
		resp, err := ctap.DecodeMakeCredentialResponse(response[1:])
		if err != nil {
			return nil, err
		}
		data, err := ctap.ParseAuthenticatorData(resp.AuthData)
		if err != nil {
			return nil, err
		}
		before := resp.AuthData
		change(resp, data)
		if bytes.Equal(before, resp.AuthData) {
			if resp.AuthData, err = data.Encode(); err != nil {
				return nil, err
			}
		}
		return resp.Encode()
	})
}

// answeringGet is a device whose assertions are changed on the way.
func answeringGet(d client.Channel, change func(*ctap.GetAssertionResponse, *ctap.AuthenticatorData)) client.Channel {
	return client.ChannelFunc(func(ctx context.Context, request []byte) ([]byte, error) {
		response, err := d.CBOR(ctx, request)
		if err != nil || ctap.Command(request[0]) != ctap.GetAssertion || response[0] != 0 {
			return response, err
		}
		resp, err := ctap.DecodeGetAssertionResponse(response[1:])
		if err != nil {
			return nil, err
		}
		data, err := ctap.ParseAuthenticatorData(resp.AuthData)
		if err != nil {
			return nil, err
		}
		before := resp.AuthData
		change(resp, data)
		if bytes.Equal(before, resp.AuthData) {
			if resp.AuthData, err = data.Encode(); err != nil {
				return nil, err
			}
		}
		return resp.Encode()
	})
}
