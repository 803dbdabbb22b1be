package client_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/authtest"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/fido/ctap"
)

// reproducible is randomness that is the same each time, so that answers once
// given decrypt again.
func reproducible(seed byte) io.Reader { return rand.NewChaCha8([32]byte{seed}) }

// An act is something a client does. It reports what came of it, and an error if
// that breaks a promise of the package.
type act func(ctx context.Context, c *client.Client, id []byte) (done bool, err, broken error)

var acts = []act{
	func(ctx context.Context, c *client.Client, _ []byte) (bool, error, error) {
		o := withSupport(client.Preferred)
		o.Extensions.PRF = &client.PRFInput{Eval: &client.PRFValues{First: []byte("a")}}
		o.Extensions.CredBlob, o.Extensions.MinPINLength = client.Bytes("b"), true
		o.Extensions.ProtectionPolicy, o.Extensions.EnforcePolicy = "userVerificationRequired", true
		r, err := c.Create(ctx, o, origin)
		if r == nil {
			return false, err, nil
		}
		_, broken := r.MarshalJSON()
		if !checkedData(r.AuthenticatorData) || len(r.ID) == 0 {
			broken = errors.New("a registration that was not checked")
		}
		return true, err, broken
	},
	func(ctx context.Context, c *client.Client, id []byte) (bool, error, error) {
		g := request()
		for i := range 40 { // enough for a silent search
			g.AllowCredentials = append(g.AllowCredentials, client.Descriptor{ID: bytes.Repeat([]byte{byte(i)}, 64), Type: "public-key"})
		}
		g.AllowCredentials = append(g.AllowCredentials, client.Descriptor{ID: id, Type: "public-key"})
		g.Extensions.PRF = &client.PRFInput{Eval: &client.PRFValues{First: []byte("a"), Second: []byte("b")}}
		g.Extensions.GetCredBlob = true
		g.Extensions.LargeBlob = &client.LargeBlobInput{Read: true}
		return assertionOf(c.Get(ctx, g, origin))
	},
	func(ctx context.Context, c *client.Client, _ []byte) (bool, error, error) {
		return assertionOf(c.Get(ctx, request(), origin))
	},
	func(ctx context.Context, c *client.Client, _ []byte) (bool, error, error) {
		list, err := c.Credentials(ctx)
		n := 0
		for _, rp := range list {
			n += len(rp.Credentials)
		}
		if len(list) > 2048 || n > 2048 {
			return true, err, errors.New("too many listed")
		}
		return list != nil, err, nil
	},
	func(ctx context.Context, c *client.Client, _ []byte) (bool, error, error) {
		blob, found, err := c.LargeBlob(ctx, make([]byte, 32))
		if len(blob) > client.MaxLargeBlob || found != (blob != nil) {
			return found, err, errors.New("a blob without bounds")
		}
		return found, err, nil
	},
	func(ctx context.Context, c *client.Client, _ []byte) (bool, error, error) {
		return false, c.SetLargeBlob(ctx, make([]byte, 32), []byte("a blob")), nil
	},
	func(ctx context.Context, c *client.Client, _ []byte) (bool, error, error) {
		return false, c.ChangePIN(ctx), nil
	},
	func(ctx context.Context, c *client.Client, _ []byte) (bool, error, error) {
		return false, c.SetMinPINLength(ctx, ctap.SetMinPINLengthParams{RPIDs: []string{rpID}}), nil
	},
	func(ctx context.Context, c *client.Client, _ []byte) (bool, error, error) {
		r, err := c.PINRetries(ctx)
		if r.Left < 0 || r.Left > 255 {
			return true, err, errors.New("retries out of bounds")
		}
		return r != client.PINRetries{}, err, nil
	},
	func(ctx context.Context, c *client.Client, _ []byte) (bool, error, error) {
		return false, errors.Join(c.Select(ctx), c.Reset(ctx)), nil
	},
}

func assertionOf(a *client.Assertion, err error) (bool, error, error) {
	if a == nil {
		return false, err, nil
	}
	_, broken := a.MarshalJSON()
	if !checkedData(a.AuthenticatorData) || len(a.ID) == 0 || len(a.Signature) == 0 {
		broken = errors.New("an assertion that was not checked")
	}
	return true, err, broken
}

// checkedData reports whether authenticator data passed what both ceremonies
// check.
func checkedData(b []byte) bool {
	data, err := ctap.ParseAuthenticatorData(b)
	const wanted = ctap.FlagUP | ctap.FlagUV
	return err == nil && data.RPIDHash == ctap.HashRPID(rpID) && data.Flags&wanted == wanted
}

// newFuzzed is a client with reproducible keys whose user types the same PIN
// again and again.
func newFuzzed(ch client.Channel) *client.Client {
	return &client.Client{
		Channel: ch, Random: reproducible(1),
		PIN:    func(context.Context, client.PINPrompt) (string, error) { return pin, nil },
		Choose: func(_ context.Context, accounts []ctap.User) (int, error) { return len(accounts) - 1, nil },
	}
}

// record gives the answers of an honest authenticator to an act, each after its
// length in two bytes.
func record(f *testing.F, do act, byPIN bool) []byte {
	state := authenticator.VerificationReady
	if byPIN {
		state = authenticator.VerificationNone
	}
	d := authtest.New(f, withBlobs, func(cfg *authenticator.Config) { cfg.PIN, cfg.Random = byPIN, reproducible(2) })
	d.User.State = &state
	c := newFuzzed(d)
	if byPIN {
		if err := c.SetPIN(f.Context()); err != nil {
			f.Fatal(err)
		}
	}
	var id []byte
	for _, user := range []string{"user-1", "user-2"} {
		o := withSupport(client.Preferred)
		o.User.ID = []byte(user)
		r, err := c.Create(f.Context(), o, origin)
		if err != nil {
			f.Fatal(err)
		}
		id = r.ID
	}
	if err := c.SetLargeBlob(f.Context(), make([]byte, 32), []byte("a blob")); err != nil {
		f.Fatal(err)
	}
	var answers []byte
	c = newFuzzed(client.ChannelFunc(func(ctx context.Context, request []byte) ([]byte, error) {
		response := d.Handle(ctx, request)
		answers = append(binary.BigEndian.AppendUint16(answers, uint16(len(response))), response...)
		return response, nil
	}))
	_, _, broken := do(f.Context(), c, id)
	if broken != nil {
		f.Fatal(broken)
	}
	return answers
}

// FuzzAuthenticatorAnswers: whatever an authenticator answers, each act of a
// client comes to an end, with an error or with a result that was checked, never
// with both.
func FuzzAuthenticatorAnswers(f *testing.F) {
	for i, do := range acts {
		f.Add(byte(i), record(f, do, true))
		f.Add(byte(i), record(f, do, false))
	}
	f.Fuzz(func(t *testing.T, which byte, answers []byte) {
		last := []byte{byte(ctap.ErrOther)}
		c := newFuzzed(counting(t, client.ChannelFunc(func(context.Context, []byte) ([]byte, error) {
			if len(answers) < 2 {
				return last, nil // the last answer, for ever
			}
			n := min(int(binary.BigEndian.Uint16(answers)), len(answers)-2)
			last, answers = answers[2:2+n], answers[2+n:]
			return last, nil
		})))
		done, err, broken := acts[int(which)%len(acts)](t.Context(), c, []byte("id"))
		if broken != nil {
			t.Error(broken)
		}
		if done && err != nil {
			t.Errorf("both a result and %v", err)
		}
		if _, ok := errors.AsType[*client.Error](err); err != nil && !ok {
			t.Errorf("an error without a name: %v", err)
		}
	})
}
