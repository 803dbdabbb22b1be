package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/ctap/ctaphid"
	"github.com/postern/postern/fido/transport/hid"
	"github.com/postern/postern/fido/transport/hidraw"
	"github.com/postern/postern/fido/transport/udp"
	"github.com/postern/postern/internal/cli"
)

// whichKey chooses a security key at this machine.
type whichKey struct {
	Device        string `help:"The security key, where several are plugged in; otherwise the one that is touched." placeholder:"PATH" group:"key"`
	SecurityKeyAt string `name:"security-key-at" help:"A simulated security key, for tests: its simulator port on this machine." placeholder:"udp:ADDRESS" group:"key"`
}

// securityKey is an open security key.
type securityKey struct {
	*client.Client
	name  string
	info  *ctap.Info
	close io.Closer
}

// selectWithin is how long several keys wait for one to be touched.
const selectWithin = 30 * time.Second

// open finds the key and opens it. With several it is the one that gets touched.
func (w whichKey) open(ctx context.Context, std cli.Streams) (*securityKey, error) {
	if w.SecurityKeyAt != "" {
		return openSimulated(ctx, std, w.SecurityKeyAt)
	}
	devices := []hidraw.Device{{Path: w.Device}}
	if w.Device == "" {
		var err error
		if devices, err = hidraw.List(ctx); err != nil {
			return nil, explainKey(err)
		}
	}
	var open []*securityKey
	var refused error
	for _, d := range devices {
		k, err := openPlugged(ctx, std, d)
		if err != nil {
			refused = err
			continue
		}
		open = append(open, k)
	}
	switch {
	case len(open) == 1:
		return open[0], nil
	case len(open) > 1:
		return selectKey(ctx, std, open)
	case refused != nil:
		return nil, explainKey(refused)
	}
	return nil, postern.Errorf(postern.CodeSecurityKeyMissing, "")
}

func openSimulated(ctx context.Context, std cli.Streams, at string) (*securityKey, error) {
	address, ok := strings.CutPrefix(at, "udp:")
	if !ok {
		return nil, postern.FieldErrorf("security-key-at", "%q is not a simulator port.", at).WithNext("Give one such as udp:127.0.0.1:8111.")
	}
	host, err := udp.Dial(address, "")
	if err != nil {
		return nil, postern.FieldErrorf("security-key-at", "%q is not a simulator port on this machine.", at).
			WithNext("Give one such as udp:127.0.0.1:8111.").Because(err)
	}
	k, err := newSecurityKey(ctx, std, at, host, host)
	if _, explained := errors.AsType[*postern.Error](err); explained || ctx.Err() != nil {
		return nil, err
	}
	if err != nil {
		return nil, postern.Errorf(postern.CodeSecurityKeyMissing, "No security key answers at %s.", at).
			WithNext("Start one there, for example with postern-phone serve, and run the command again.").Because(err)
	}
	return k, nil
}

func openPlugged(ctx context.Context, std cli.Streams, d hidraw.Device) (*securityKey, error) {
	conn, err := hidraw.Open(d.Path)
	if err != nil {
		return nil, err
	}
	return newSecurityKey(ctx, std, strings.TrimSpace(d.Name+" "+d.Path), conn, conn)
}

// newSecurityKey opens a channel and asks the key what it can do. It closes what it was given if that fails.
func newSecurityKey(ctx context.Context, std cli.Streams, name string, reports hid.Reports, closer io.Closer) (k *securityKey, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, closer.Close())
		}
	}()
	channel, err := hid.Open(ctx, reports)
	if err != nil {
		return nil, err
	}
	k = &securityKey{Client: &client.Client{Channel: prompting(channel, std), Random: rand.Reader}, name: name, close: closer}
	if k.info, err = k.Info(ctx); errors.Is(err, ctaphid.InvalidCommand) {
		err = postern.Errorf(postern.CodeSecurityKeyUnfit, "The security key is of the generation before FIDO2 and keeps no passkeys.").Because(err)
	}
	return k, err
}

// prompting tells the person once for each request that the key waits for a touch.
func prompting(channel *hid.Channel, std cli.Streams) client.Channel {
	told := false
	channel.OnKeepalive = func(s ctaphid.Status) {
		if s == ctaphid.UserPresenceNeeded && !told {
			told = true
			fmt.Fprintln(std.Err, "Touch the security key now.")
		}
	}
	return client.ChannelFunc(func(ctx context.Context, request []byte) ([]byte, error) {
		told = false
		return channel.CBOR(ctx, request)
	})
}

// selectKey has the person touch one of several keys.
func selectKey(ctx context.Context, std cli.Streams, keys []*securityKey) (*securityKey, error) {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.name
	}
	fmt.Fprintf(std.Err, "%d security keys are plugged in (%s). Touch the one that is meant.\n", len(keys), cli.Clean(strings.Join(names, ", ")))
	ctx, cancel := context.WithTimeout(ctx, selectWithin)
	defer cancel()
	touched := make(chan *securityKey, len(keys))
	for _, k := range keys {
		go func() {
			if err := k.Select(ctx); err != nil {
				k = nil
			} else {
				cancel() // the others stop blinking
			}
			touched <- k
		}()
	}
	var chosen *securityKey
	for range keys {
		if k := <-touched; k != nil && chosen == nil {
			chosen = k
		}
	}
	for _, k := range keys {
		if k != chosen {
			_ = k.close.Close() // it was only looked at
		}
	}
	if chosen == nil {
		return nil, postern.Errorf(postern.CodeSecurityKeySeveral, "Several security keys are plugged in, and none was touched in time.")
	}
	return chosen, nil
}

// fit refuses a key that Entra could not use, before anybody is asked for anything.
func (k *securityKey) fit(forcePINChange bool) error {
	_, takesPIN := k.info.Options[ctap.OptionClientPIN]
	switch {
	case !k.info.Options[ctap.OptionRK]:
		return postern.Errorf(postern.CodeSecurityKeyUnfit, "The security key keeps no discoverable credentials, so nobody can sign in to Microsoft Entra ID with it.")
	case !takesPIN && !k.info.Options[ctap.OptionUV]:
		return postern.Errorf(postern.CodeSecurityKeyUnfit, "The security key can have neither a PIN nor a fingerprint, and Microsoft Entra ID asks for one.")
	case forcePINChange && (!takesPIN || !k.canForcePINChange()):
		return postern.Errorf(postern.CodeSecurityKeyUnfit, "The security key cannot demand another PIN at its first use.").
			WithNext("Leave out --force-pin-change, and tell the user to change the PIN.")
	}
	return nil
}

func (k *securityKey) canForcePINChange() bool {
	_, known := k.info.Options[ctap.OptionMinPINLength]
	return known && k.info.Options[ctap.OptionConfig]
}

// lacksPIN reports whether a PIN has to be set before the key can be used at all.
func (k *securityKey) lacksPIN() bool {
	set, takesPIN := k.info.Options[ctap.OptionClientPIN]
	return takesPIN && !set && !k.info.Options[ctap.OptionUV]
}

// explainKey says in our words what a key, or the way to it, answered. What people did stays what it is.
func explainKey(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	if e, ok := errors.AsType[*postern.Error](err); ok {
		return e
	}
	if away, ok := errors.AsType[*hid.Unavailable](err); ok {
		code := postern.CodeSecurityKeyClosed
		if errors.Is(err, os.ErrNotExist) {
			code = postern.CodeSecurityKeyMissing
		}
		return postern.Errorf(code, "%s", away.Message).WithNext(away.Next).Because(err)
	}
	switch {
	case errors.Is(err, io.EOF):
		return postern.Errorf(postern.CodeSecurityKeyMissing, "The security key is not there any more.").Because(err)
	case errors.Is(err, context.DeadlineExceeded):
		return postern.Errorf(postern.CodeSecurityKeyTouch, "").Because(err)
	}
	if status, ok := errors.AsType[ctap.Status](err); ok {
		if code := codeOf[status]; code != "" {
			return postern.Errorf(code, "").Because(err)
		}
	}
	if e, ok := errors.AsType[*client.Error](err); ok && (e.Name == client.ConstraintError || e.Name == client.NotSupportedError) {
		return postern.Errorf(postern.CodeSecurityKeyUnfit, "").Because(err)
	}
	return postern.Errorf(postern.CodeSecurityKeyFault, "The security key did not do what was asked: %v.", err).Because(err)
}

// codeOf are our codes for what keys answer (CTAP 2.1 §8.2).
var codeOf = map[ctap.Status]postern.Code{
	ctap.ErrPINInvalid:           postern.CodeSecurityKeyPIN,
	ctap.ErrPINAuthBlocked:       postern.CodeSecurityKeyPaused,
	ctap.ErrPINBlocked:           postern.CodeSecurityKeyLocked,
	ctap.ErrUVBlocked:            postern.CodeSecurityKeyLocked,
	ctap.ErrPINNotSet:            postern.CodeSecurityKeyPINNeeded,
	ctap.ErrPINPolicyViolation:   postern.CodeSecurityKeyPINPolicy,
	ctap.ErrOperationDenied:      postern.CodeSecurityKeyTouch,
	ctap.ErrUserActionTimeout:    postern.CodeSecurityKeyTouch,
	ctap.ErrActionTimeout:        postern.CodeSecurityKeyTouch,
	ctap.ErrKeepaliveCancel:      postern.CodeSecurityKeyTouch,
	ctap.ErrKeyStoreFull:         postern.CodeSecurityKeyFull,
	ctap.ErrCredentialExcluded:   postern.CodeSecurityKeyKnown,
	ctap.ErrUnsupportedOption:    postern.CodeSecurityKeyUnfit,
	ctap.ErrUnsupportedAlgorithm: postern.CodeSecurityKeyUnfit,
}
