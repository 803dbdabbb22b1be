package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/ctap/ctaphid"
	"github.com/postern/postern/fido/transport/hid"
	"github.com/postern/postern/fido/transport/uhid"
	"github.com/postern/postern/internal/cli"
	"github.com/postern/postern/phone"
)

// serveCmd offers a security key to programs on this machine.
type serveCmd struct {
	usbFlags

	UDP             string   `name:"udp" help:"Simulator port: reports in UDP datagrams on a loopback address." placeholder:"127.0.0.1:8111"`
	UDPPeer         string   `name:"udp-peer" help:"Answer this address at the simulator port, not the sender." placeholder:"127.0.0.1:7112"`
	AutoTouch       bool     `help:"Agree to everything without asking. For tests at the simulator port only."`
	LenientChannels bool     `help:"Take messages on channels that were never allocated. For tests at the simulator port only."`
	UV              *bool    `name:"uv" negatable:"" help:"Verify the user without a PIN: who answers the question counts as verified. On, unless --store is memory."`
	Store           string   `help:"Where passkeys lie: memory, or a FILE that is sealed like the phone's. The phone's own passkeys if left out." placeholder:"memory|FILE"`
	Enterprise      []string `help:"Be a key made for an enterprise: these relying parties may have it told apart from others." placeholder:"RPID,..."`
	AttestationCA   string   `name:"attestation-ca" help:"PEM file with the authority that vouches for new passkeys; made if there is none. A new authority every time if left out." placeholder:"FILE"`
}

// Run serves until it is stopped.
func (c *serveCmd) Run(ctx context.Context, std cli.Streams, o *options) (err error) {
	attachments := c.attachments(std)
	if err := c.check(attachments); err != nil {
		return err
	}
	store, err := c.store(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.release()) }()
	config, err := c.config(store.Store, c.user(std))
	if err != nil {
		return err
	}
	if c.UHID {
		config.MaxMsgSize = uhid.MaxMessage
	}
	a, err := authenticator.New(config)
	if err != nil {
		return err
	}
	places := make([]place, 0, len(attachments))
	for _, at := range attachments {
		address, err := at.open()
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, at.close()) }()
		places = append(places, place{at.name(), address})
	}
	if err := ready(std, o.JSON, places); err != nil {
		return err
	}
	return serveAll(ctx, key{a, store.answered}, std, attachments, ctaphid.Config{Major: firmware, Lock: true, AnyChannel: c.LenientChannels})
}

const (
	// firmware is the version of the key, as its metadata statement has it.
	firmware = 1
	// maxLargeBlobs is four times what every key with large blobs has.
	maxLargeBlobs = 4 * ctap.MinLargeBlobCapacity
)

// config is the key with all it can do.
func (c *serveCmd) config(store authenticator.Store, user authenticator.User) (authenticator.Config, error) {
	authority, err := newAuthority(c.AttestationCA)
	if err != nil {
		return authenticator.Config{}, err
	}
	batch, err := authority.leaf("")
	if err != nil {
		return authenticator.Config{}, err
	}
	config := authenticator.Config{
		AAGUID: phone.AAGUID, Store: store, User: user, Attester: authenticator.PackedAttestation{Source: batch},
		Random: rand.Reader, Now: time.Now, PIN: true, MaxLargeBlobs: maxLargeBlobs,
		U2F: true, U2FCertificate: batch,
		Transports: []string{"usb"}, FirmwareVersion: firmware,
	}
	config.Chooser, _ = user.(authenticator.Chooser) // whoever sits at a terminal sees the accounts
	if len(c.Enterprise) > 0 {
		own, err := authority.leaf(hid.DefaultIdentity().Serial)
		if err != nil {
			return authenticator.Config{}, err
		}
		config.Enterprise = &authenticator.Enterprise{Source: own, RPIDs: c.Enterprise}
	}
	return config, nil
}

// check refuses what does not go together.
func (c *serveCmd) check(attachments []attachment) error {
	if c.UDPPeer != "" && c.UDP == "" {
		return postern.FieldErrorf("udp-peer", "--udp-peer says where the simulator port answers, but there is none.").WithNext("Give --udp too.")
	}
	if err := c.usbFlags.check(); err != nil {
		return err
	}
	if len(attachments) == 0 {
		return postern.FieldErrorf("udp", "Nothing says how programs reach the key.").WithNext("Give --usbip 127.0.0.1:3240, on Linux --uhid or --vhci, or for tests --udp 127.0.0.1:8111.")
	}
	for _, a := range attachments {
		if a.simulator() {
			continue
		}
		for flag, given := range map[string]bool{"auto-touch": c.AutoTouch, "lenient-channels": c.LenientChannels} {
			if given {
				return postern.FieldErrorf(flag, "--%s is for tests at the simulator port. With --%s any program on this machine could use the passkeys without anybody noticing.", flag, a.name()).
					WithNext("Leave out --" + flag + ", or serve with --udp alone.")
			}
		}
	}
	return nil
}

// place is where an attachment is.
type place struct {
	kind, address string
}

// ready tells that the key may be used, in one line: as JSON, an object from
// flags to addresses.
func ready(std cli.Streams, asJSON bool, places []place) error {
	if asJSON {
		addresses := map[string]string{}
		for _, p := range places {
			addresses[p.kind] = p.address
		}
		return json.NewEncoder(std.Out).Encode(addresses)
	}
	words := make([]string, len(places))
	for i, p := range places {
		words[i] = p.kind + " " + p.address
	}
	_, err := fmt.Fprintf(std.Out, "The security key is ready at %s.\n", strings.Join(words, ", "))
	return err
}
