package client_test

import (
	"context"

	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/fido/ctap"
)

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
		change(resp, data)
		if resp.AuthData, err = data.Encode(); err != nil {
			return nil, err
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
		change(resp, data)
		if resp.AuthData, err = data.Encode(); err != nil {
			return nil, err
		}
		return resp.Encode()
	})
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

// answering gives the same answer to everything.
func answering(response []byte) client.Channel {
	return client.ChannelFunc(func(context.Context, []byte) ([]byte, error) { return response, nil })
}
