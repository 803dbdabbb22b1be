package client_test

import (
	"context"
	"crypto/rand"
	"testing"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/fido/ctap"
)

func TestErrorNames(t *testing.T) {
	c, d := newClient(t)
	r := mustCreate(t, c, creation())
	excluded := creation()
	excluded.ExcludeCredentials = []client.Descriptor{{ID: r.ID, Type: "public-key"}}
	_, err := c.Create(t.Context(), excluded, origin)
	wantName(t, "excluded", err, client.InvalidStateError)

	unsupported := creation()
	unsupported.Parameters[0].Algorithm = -47
	_, err = c.Create(t.Context(), unsupported, origin)
	wantName(t, "algorithm", err, client.NotSupportedError)

	unknown := request()
	unknown.AllowCredentials = []client.Descriptor{{ID: []byte("other"), Type: "public-key"}}
	_, err = c.Get(t.Context(), unknown, origin)
	wantName(t, "no credential", err, client.NotAllowedError)
	unknown.AllowCredentials[0].Type = "other"
	_, err = c.Get(t.Context(), unknown, origin)
	wantName(t, "no credential of a known type", err, client.NotAllowedError)

	_, err = c.Get(t.Context(), request(), "https://example.org")
	wantName(t, "another site", err, client.SecurityError)
	empty := request()
	empty.Challenge = nil
	_, err = c.Get(t.Context(), empty, origin)
	wantName(t, "no challenge", err, client.TypeError)

	d.User.Answer = func(context.Context, authenticator.Prompt, bool) error { return authenticator.ErrDenied }
	_, err = c.Get(t.Context(), request(), origin)
	wantName(t, "refused", err, client.NotAllowedError)
	if ctap.StatusOf(err) != ctap.ErrOperationDenied {
		t.Errorf("refused: status %v under the error", ctap.StatusOf(err))
	}
	ctx, cancel := context.WithCancel(t.Context())
	d.User.Answer = func(ctx context.Context, _ authenticator.Prompt, _ bool) error { cancel(); return ctx.Err() }
	c.Channel = client.ChannelFunc(func(ctx context.Context, request []byte) ([]byte, error) {
		response := d.Handle(ctx, request)
		return response, ctx.Err()
	})
	_, err = c.Get(ctx, request(), origin)
	wantName(t, "cancelled", err, client.AbortError)
}

// TestTimeout: the options' timeout ends a ceremony nobody answers.
func TestTimeout(t *testing.T) {
	c := &client.Client{Random: rand.Reader, Channel: client.ChannelFunc(func(ctx context.Context, _ []byte) ([]byte, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})}
	o := request()
	o.Timeout = 1
	_, err := c.Get(t.Context(), o, origin)
	wantName(t, "timeout", err, client.NotAllowedError)
}
