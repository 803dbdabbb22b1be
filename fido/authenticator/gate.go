package authenticator

import (
	"context"
	"fmt"

	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/ctap/pinuvauth"
)

// gate collects what makeCredential and getAssertion learn about the user: the
// "uv" and "up" bits of the standard's steps and how they were come by.
type gate struct {
	a        *Authenticator
	prompt   Prompt
	param    []byte // nil: no pinUvAuthParam
	protocol uint64
	uvOption bool
	uv, up   bool
	byToken  bool
}

// openGate does steps 1 and 2 of either command. An empty pinUvAuthParam asks
// for a touch and nothing else; it comes first because old platforms send it
// without a protocol.
func (a *Authenticator) openGate(ctx context.Context, p Prompt, param []byte, protocol *uint64) (*gate, error) {
	g := &gate{a: a, prompt: p, param: param}
	if param == nil {
		return g, nil
	}
	if len(param) == 0 {
		if err := a.present(ctx, Prompt{Reason: ReasonSelect}); err != nil {
			return nil, err
		}
		if a.pinSet() {
			return nil, ctap.ErrPINInvalid
		}
		return nil, ctap.ErrPINNotSet
	}
	if protocol == nil {
		return nil, missing("pinUvAuthProtocol")
	}
	if !pinuvauth.Supported(*protocol) {
		return nil, fmt.Errorf("PIN/UV auth protocol %d: %w", *protocol, ctap.ErrInvalidParameter)
	}
	g.protocol = *protocol
	return g, nil
}

// option takes the "uv" option (step 5). Beside a pinUvAuthParam it does not
// count.
func (g *gate) option(uv bool) error {
	if g.param != nil || !uv {
		return nil
	}
	if !g.a.uvReady() {
		return ctap.ErrInvalidOption
	}
	g.uvOption = true
	return nil
}

// demand refuses a ceremony the user cannot be verified in although it has to
// be: steps 6 to 8 of makeCredential, where makeCredUvNotRqd is not offered, and
// step 5 of getAssertion. It comes before any question to the user. Needed says
// that a protected authenticator wants verification even without alwaysUv.
func (g *gate) demand(needed bool) error {
	if g.a.state.AlwaysUV {
		if !g.a.protected() {
			if g.a.pin {
				return ctap.ErrPUATRequired // the platform sets a PIN and gets a token by it
			}
			return ctap.ErrOperationDenied
		}
		if g.param == nil && g.a.uvReady() {
			g.uvOption = true
		}
		needed = true
	}
	if needed && g.a.protected() && g.param == nil && !g.uvOption {
		return g.a.verificationMissing()
	}
	return nil
}

// verify does step 11 of makeCredential and step 6 of getAssertion.
func (g *gate) verify(ctx context.Context, permission ctap.Permission, clientDataHash []byte) error {
	if g.param != nil {
		t := &g.a.tokens
		now := g.a.now()
		if err := t.authorise(g.protocol, clientDataHash, g.param, permission, g.prompt.RPID, now); err != nil {
			return err
		}
		g.uv, g.byToken, g.up = true, true, t.presence(now)
		return nil
	}
	if g.uvOption {
		if err := g.a.verifyInCommand(ctx, g.prompt); err != nil {
			return err
		}
		g.uv, g.up = true, true // verification is a gesture of agreement
	}
	return nil
}

// presence asks for a gesture unless one was made, and spends the token.
func (g *gate) presence(ctx context.Context) error {
	if !g.up {
		if err := g.a.present(ctx, g.prompt); err != nil {
			return err
		}
		g.up = true
	}
	if g.byToken {
		g.a.tokens.spend()
	}
	return nil
}

func (g *gate) flags() ctap.Flags {
	var f ctap.Flags
	if g.up {
		f |= ctap.FlagUP
	}
	if g.uv {
		f |= ctap.FlagUV
	}
	return f
}
