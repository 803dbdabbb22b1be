package client_test

import (
	"context"
	"errors"
	"testing"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/authtest"
	"github.com/postern/postern/fido/client"
)

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
