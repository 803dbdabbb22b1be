package client_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"strings"
	"testing"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/authtest"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/fido/ctap"
)

// withBlobs has room for large blobs and messages short enough that an array
// takes several.
func withBlobs(cfg *authenticator.Config) { cfg.MaxLargeBlobs, cfg.MaxMsgSize = 8192, 1024 }

func withSupport(support string) *client.CreationOptions {
	o := creation()
	o.Extensions.LargeBlob = &client.LargeBlobInput{Support: support}
	return o
}

func TestLargeBlobExtension(t *testing.T) {
	c, _, p := newPINClient(t, withBlobs)
	p.pins = []string{pin}
	r := mustCreate(t, c, withSupport(client.Required))
	if out := r.Extensions.LargeBlob; out == nil || out.Supported == nil || !*out.Supported {
		t.Fatalf("at registration: %s", asJSON(t, r.Extensions))
	}
	get := func(in client.LargeBlobInput) *client.LargeBlobOutput {
		t.Helper()
		p.pins, p.prompts = []string{pin}, nil
		g := request()
		g.UserVerification = client.Discouraged
		g.AllowCredentials = []client.Descriptor{{ID: r.ID, Type: "public-key"}}
		g.Extensions.LargeBlob = &in
		a, err := c.Get(t.Context(), g, origin)
		if err != nil {
			t.Fatal(err)
		}
		return a.Extensions.LargeBlob
	}
	if out := get(client.LargeBlobInput{Read: true}); out.Blob != nil || out.Written != nil {
		t.Errorf("nothing there: %s", asJSON(t, out))
	}
	want := make(client.Bytes, 3000)
	rand.Read(want)
	if out := get(client.LargeBlobInput{Write: want}); out.Written == nil || !*out.Written {
		t.Errorf("written: %s", asJSON(t, out))
	}
	wantPrompts(t, "the PIN for writing, once", p, inForce)
	if out := get(client.LargeBlobInput{Read: true}); !bytes.Equal(out.Blob, want) {
		t.Errorf("read %d bytes", len(out.Blob))
	}
	wantPrompts(t, "reading", p)
	if out := get(client.LargeBlobInput{Write: client.Bytes{}}); !*out.Written {
		t.Errorf("an empty blob: %s", asJSON(t, out))
	}
	if out := get(client.LargeBlobInput{Read: true}); out.Blob == nil || len(out.Blob) != 0 {
		t.Errorf("an empty blob reads as %s", asJSON(t, out))
	}
	tooLong := make(client.Bytes, 9000)
	rand.Read(tooLong)
	if out := get(client.LargeBlobInput{Write: tooLong}); out.Written == nil || *out.Written {
		t.Errorf("too long: %s", asJSON(t, out))
	}
}

func TestLargeBlobWithoutSupport(t *testing.T) {
	c, _ := newClient(t)
	r := mustCreate(t, c, withSupport(client.Preferred))
	if out := r.Extensions.LargeBlob; out == nil || *out.Supported {
		t.Errorf("preferred: %s", asJSON(t, r.Extensions))
	}
	_, err := c.Create(t.Context(), withSupport(client.Required), origin)
	wantName(t, "required", err, client.ConstraintError)
	g := request()
	g.AllowCredentials = []client.Descriptor{{ID: r.ID, Type: "public-key"}}
	g.Extensions.LargeBlob = &client.LargeBlobInput{Write: client.Bytes("a")}
	a, err := c.Get(t.Context(), g, origin)
	if err != nil || *a.Extensions.LargeBlob.Written {
		t.Errorf("written: %v, %v", a, err)
	}
	_, _, err = c.LargeBlob(t.Context(), make([]byte, 32))
	wantName(t, "read", err, client.NotSupportedError)
	wantName(t, "write", c.SetLargeBlob(t.Context(), make([]byte, 32), nil), client.NotSupportedError)
	wantName(t, "a key too short", c.SetLargeBlob(t.Context(), make([]byte, 31), nil), client.TypeError)
}

// store puts a large-blob array into a device nobody has protected.
func store(t *testing.T, d *authtest.Device, array []byte) {
	t.Helper()
	stored := ctap.SealLargeBlobArray(array)
	request, err := (&ctap.LargeBlobsRequest{Set: stored, Offset: new(uint64(0)), Length: new(uint64(len(stored)))}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	if response := d.Handle(t.Context(), request); response[0] != 0 {
		t.Fatalf("status %v", ctap.Status(response[0]))
	}
}

// TestLargeBlobsOfOthers: what other platforms wrote survives, even if it makes
// no sense.
func TestLargeBlobsOfOthers(t *testing.T) {
	none := authenticator.VerificationNone
	c, d := newClient(t, withBlobs)
	d.User.State = &none
	first, second := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	// An array of null, text, a map with a length where there should be none, and
	// a negative number.
	garbage := []byte{0x84, 0xF6, 0x63, 'a', 'b', 'c', 0xBF, 0x01, 0x02, 0xFF, 0x20}
	store(t, d, garbage)
	for _, key := range [][]byte{first, second, first} {
		if err := c.SetLargeBlob(t.Context(), key, append([]byte("blob "), key...)); err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range [][]byte{first, second} {
		blob, found, err := c.LargeBlob(t.Context(), key)
		if err != nil || !found || !bytes.Equal(blob, append([]byte("blob "), key...)) {
			t.Errorf("%q, %v, %v", blob, found, err)
		}
		if err := c.SetLargeBlob(t.Context(), key, nil); err != nil {
			t.Error(err)
		}
		if _, found, err := c.LargeBlob(t.Context(), key); err != nil || found {
			t.Errorf("after deleting: %v, %v", found, err)
		}
	}
	var last []byte
	c.Channel = client.ChannelFunc(func(ctx context.Context, request []byte) ([]byte, error) {
		last = d.Handle(ctx, request)
		return last, nil
	})
	if _, _, err := c.LargeBlob(t.Context(), first); err != nil || !bytes.Contains(last, garbage) {
		t.Errorf("the others' entries became %x, %v", last, err)
	}

	store(t, d, []byte{0x18, 0x2A}) // whole by its hash, but no array
	if err := c.SetLargeBlob(t.Context(), first, []byte("a")); err == nil || !strings.Contains(err.Error(), "nothing was written") {
		t.Errorf("over something else: %v", err)
	}
}

// TestLargeBlobsCorrupt: an array whose hash is wrong is an empty one.
func TestLargeBlobsCorrupt(t *testing.T) {
	none := authenticator.VerificationNone
	c, d := newClient(t, withBlobs)
	d.User.State = &none
	key := bytes.Repeat([]byte{1}, 32)
	if err := c.SetLargeBlob(t.Context(), key, []byte("a blob")); err != nil {
		t.Fatal(err)
	}
	corrupt := true
	c.Channel = client.ChannelFunc(func(ctx context.Context, request []byte) ([]byte, error) {
		response := d.Handle(ctx, request)
		if corrupt && ctap.Command(request[0]) == ctap.LargeBlobs && len(response) > 1 {
			response[len(response)-1] ^= 1
		}
		return response, nil
	})
	if _, found, err := c.LargeBlob(t.Context(), key); err != nil || found {
		t.Errorf("corrupt: %v, %v", found, err)
	}
	if err := c.SetLargeBlob(t.Context(), key, []byte("another")); err != nil {
		t.Error(err)
	}
	corrupt = false
	if blob, _, err := c.LargeBlob(t.Context(), key); err != nil || string(blob) != "another" {
		t.Errorf("%q, %v", blob, err)
	}
}
