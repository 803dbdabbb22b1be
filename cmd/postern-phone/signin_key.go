package main

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/fido/transport/hid"
	"github.com/postern/postern/fido/transport/udp"
	"github.com/postern/postern/internal/cli"
)

// keyAtPort is a security key at a simulator port, such as serve offers.
type keyAtPort struct {
	SecurityKeyAt string `name:"security-key-at" help:"Sign in with the security key at this simulator port instead of a passkey of this phone." placeholder:"udp:ADDRESS"`
	PINFile       string `name:"pin-file" help:"File with the PIN of that security key." type:"existingfile" placeholder:"FILE"`
}

// maxPINFile is more than the longest PIN takes.
const maxPINFile = 1 << 10

// pin is a [client.AskPIN] that knows one PIN.
func (k keyAtPort) pin(_ context.Context, p client.PINPrompt) (string, error) {
	if p.New || p.Wrong || p.Problem != "" {
		return "", postern.FieldErrorf("pin-file", "The PIN is not the one that the security key takes.").WithNext("Correct the file.")
	}
	if k.PINFile == "" {
		return "", postern.FieldErrorf("pin-file", "The security key asks for its PIN.").WithNext("Put it into a file and name that with --pin-file.")
	}
	file, err := os.Open(k.PINFile)
	if err != nil {
		return "", err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxPINFile))
	return strings.TrimRight(string(data), "\r\n"), err
}

// signInWithKey signs in with a security key at a simulator port. The phone's own files are left alone.
func (c *signInCmd) signInWithKey(ctx context.Context, std cli.Streams, o *options) (err error) {
	if c.UPN == "" {
		return postern.FieldErrorf("upn", "A security key does not say whose it is.").WithNext("Give --upn.")
	}
	if err := c.trusted(c.CAFile); err != nil {
		return err
	}
	address, ok := strings.CutPrefix(c.SecurityKeyAt, "udp:")
	if !ok {
		return postern.FieldErrorf("security-key-at", "%q is not a simulator port.", c.SecurityKeyAt).WithNext("Give one such as udp:127.0.0.1:8111.")
	}
	host, err := udp.Dial(address, "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, host.Close()) }()
	channel, err := hid.Open(ctx, host)
	if err != nil {
		return err
	}
	return c.signIn(ctx, std, o, c.CAFile, &client.Client{Channel: channel, Random: rand.Reader, PIN: c.pin})
}
