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
