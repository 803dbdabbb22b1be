package hid

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/ctap/ctaphid"
)

// Patience of the host's side.
const (
	// silenceLimit is how long a device may say nothing while it has a request.
	// A working one sends keepalives ten times a second.
	silenceLimit = 10 * time.Second
	// initLimit is the same for INIT, which a device answers whatever it does.
	initLimit = 3 * time.Second
	// cancelLimit is how long a request that was given up is waited for.
	cancelLimit = time.Second
	// busyPause stands between two tries at a busy device.
	busyPause = 100 * time.Millisecond
)

// ErrSilent means that a device did not answer.
var ErrSilent = errors.New("the device does not answer")

// Channel is a host's channel to one device. Its methods may be called at the
// same time and take turns. Where a device is busy with another program they try
// again until ctx ends.
type Channel struct {
	// OnKeepalive, where set, is told what the device waits for each time it says
	// so. Set it before the channel is used.
	OnKeepalive func(ctaphid.Status)

	reports Reports
	info    ctaphid.InitResponse
	turn    chan struct{}
	// unclear: the device may still answer what nobody waits for.
	unclear bool
}

// Open gets a channel from the device behind r. Channels need no closing; r is
// the caller's, and nothing reads it between two calls.
func Open(ctx context.Context, r Reports) (*Channel, error) {
	c := &Channel{reports: r, turn: make(chan struct{}, 1)}
	info, err := c.initialise(ctx, ctaphid.Broadcast)
	if err != nil {
		return nil, fmt.Errorf("open a channel: %w", err)
	}
	if info.CID == 0 || info.CID == ctaphid.Broadcast {
		return nil, fmt.Errorf("open a channel: the device gave the channel %08x: %w", info.CID, ctaphid.InvalidChannel)
	}
	c.info = info
	return c, nil
}

// Info is what the device said of itself.
func (c *Channel) Info() ctaphid.InitResponse { return c.info }

// CBOR exchanges one CTAP2 message. When ctx ends the request is cancelled and
// its answer waited for briefly; an answer other than
// CTAP2_ERR_KEEPALIVE_CANCEL still counts.
func (c *Channel) CBOR(ctx context.Context, request []byte) ([]byte, error) {
	return c.exchange(ctx, ctaphid.CBOR, request)
}

// Msg exchanges one U2F message.
func (c *Channel) Msg(ctx context.Context, message []byte) ([]byte, error) {
	return c.exchange(ctx, ctaphid.Msg, message)
}

// Ping has the device echo data.
func (c *Channel) Ping(ctx context.Context, data []byte) ([]byte, error) {
	return c.exchange(ctx, ctaphid.Ping, data)
}

// Wink has the device show which it is.
func (c *Channel) Wink(ctx context.Context) error {
	_, err := c.exchange(ctx, ctaphid.Wink, nil)
	return err
}

// Lock keeps other channels out for some whole seconds, at most
// [ctaphid.MaxLock]; 0 lets them in again.
func (c *Channel) Lock(ctx context.Context, d time.Duration) error {
	if d < 0 || d > ctaphid.MaxLock || d%time.Second != 0 {
		return fmt.Errorf("lock for %v: %w", d, ctaphid.InvalidParameter)
	}
	_, err := c.exchange(ctx, ctaphid.Lock, []byte{byte(d / time.Second)})
	return err
}

// exchange sends a message on the channel and gives the answer to it.
func (c *Channel) exchange(ctx context.Context, command ctaphid.Command, payload []byte) ([]byte, error) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if c.unclear {
		if _, err := c.initialise(ctx, c.info.CID); err != nil {
			return nil, fmt.Errorf("resynchronise the channel: %w", err)
		}
		c.unclear = false
	}
	return c.retry(ctx, func() ([]byte, error) {
		return c.transact(ctx, ctaphid.Message{CID: c.info.CID, Command: command, Payload: payload})
	})
}

// retry repeats try while the device is busy. An end of ctx then tells so.
func (c *Channel) retry(ctx context.Context, try func() ([]byte, error)) ([]byte, error) {
	for tries := 0; ; tries++ {
		answer, err := try()
		if !errors.Is(err, ctaphid.ChannelBusy) {
			if tries > 0 && err != nil && errors.Is(err, ctx.Err()) {
				err = fmt.Errorf("%w: %w", err, ctaphid.ChannelBusy)
			}
			return answer, err
		}
		select {
		case <-time.After(busyPause):
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", ctx.Err(), err)
		}
	}
}

// initialise sends INIT and gives the answer with its nonce.
func (c *Channel) initialise(ctx context.Context, cid uint32) (ctaphid.InitResponse, error) {
	var nonce [ctaphid.NonceSize]byte
	_, _ = rand.Read(nonce[:]) // never fails: package crypto/rand ends the program instead
	var info ctaphid.InitResponse
	_, err := c.retry(ctx, func() (_ []byte, err error) {
		t := &transaction{channel: c, message: ctaphid.Message{CID: cid, Command: ctaphid.Init, Payload: nonce[:]}, limit: initLimit}
		t.mine = func(answer []byte) bool {
			info, err = ctaphid.DecodeInitResponse(answer)
			return err == nil && info.Nonce == nonce
		}
		return t.run(ctx)
	})
	return info, err
}

func (c *Channel) transact(ctx context.Context, m ctaphid.Message) ([]byte, error) {
	t := &transaction{channel: c, message: m, limit: silenceLimit}
	t.mine = func([]byte) bool { return true }
	answer, err := t.run(ctx)
	switch {
	case err == nil && t.ended && bytes.Equal(answer, []byte{byte(ctap.ErrKeepaliveCancel)}):
		return nil, ctx.Err()
	case err != nil && !errors.As(err, new(ctaphid.ErrorCode)):
		c.unclear = true
	}
	return answer, err
}

// gone makes an end of reading an error a caller of a Channel understands.
func gone(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("the device is gone: %w", io.ErrUnexpectedEOF)
	}
	return err
}
