package windows

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// Commands and bounds of CTAPHID (CTAP 2.1 §11.2.9), the commands with the bit that begins a message.
const (
	hidInit      = 0x86
	hidCBOR      = 0x90
	hidCancel    = 0x91
	hidKeepalive = 0xBB
	hidError     = 0xBF

	broadcast   = 0xFFFFFFFF
	maxMessage  = 7609
	capCBOR     = 0x04
	userNeeded  = 2 // of a keepalive: the key waits for its user
	channelBusy = 6

	initTime   = 500 * time.Millisecond // for an answer to INIT; then it is sent again, as Windows does
	silence    = 10 * time.Second       // without a keepalive while the key works
	cancelTime = 2 * time.Second        // for the answer to a request that was cancelled
	busyAgain  = 100 * time.Millisecond
)

// channel is a channel to a key.
type channel struct {
	reports
	id      uint32
	waiting func() // the key waits for its user; called once a request
}

// hidFault is an error packet.
type hidFault byte

func (e hidFault) Error() string {
	return fmt.Sprintf("the security key answers with CTAPHID error %02X", byte(e))
}

// join allocates a channel. It asks again until a key answers or ctx ends: a key may not be plugged in yet.
func join(ctx context.Context, r reports) (*channel, error) {
	c := &channel{reports: r, id: broadcast}
	nonce := make([]byte, 8)
	_, _ = rand.Read(nonce) // crypto/rand does not fail
	for {
		answer, err := c.hello(ctx, nonce)
		switch {
		case err == nil && len(answer) == 17 && answer[16]&capCBOR == 0:
			return nil, errors.New("this key speaks U2F alone and no FIDO2")
		case err == nil && len(answer) == 17:
			c.id = binary.BigEndian.Uint32(answer[8:])
			return c, nil
		case err == nil:
			return nil, fmt.Errorf("the key answers INIT with %d bytes", len(answer))
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%w: %w", errNoKey, err)
		}
		if !errors.Is(err, errNoKey) && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, hidFault(channelBusy)) {
			return nil, err
		}
		select {
		case <-ctx.Done():
		case <-time.After(busyAgain):
		}
	}
}

func (c *channel) hello(ctx context.Context, nonce []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, initTime)
	defer cancel()
	if err := c.send(hidInit, nonce); err != nil {
		return nil, err
	}
	for {
		command, answer, err := c.receive(ctx)
		switch {
		case err != nil:
			return nil, err
		case command == hidError && len(answer) == 1:
			return nil, hidFault(answer[0])
		case command == hidInit && bytes.HasPrefix(answer, nonce):
			return answer, nil
		}
	}
}

// cbor sends a CTAP2 request and waits for the answer, whose first byte is the status.
func (c *channel) cbor(ctx context.Context, request []byte) ([]byte, error) {
	for {
		answer, err := c.exchange(ctx, request)
		if !errors.Is(err, hidFault(channelBusy)) {
			return answer, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(busyAgain):
		}
	}
}

func (c *channel) exchange(ctx context.Context, request []byte) ([]byte, error) {
	if len(request) == 0 || len(request) > maxMessage {
		return nil, fmt.Errorf("a request of %d bytes", len(request))
	}
	if err := c.send(hidCBOR, request); err != nil {
		return nil, err
	}
	told := false
	for {
		patient, cancel := context.WithTimeout(ctx, silence)
		command, answer, err := c.receive(patient)
		cancel()
		switch {
		case ctx.Err() != nil:
			c.cancel(context.WithoutCancel(ctx))
			return nil, ctx.Err()
		case errors.Is(err, context.DeadlineExceeded):
			return nil, fmt.Errorf("%w: it fell silent", errNoKey)
		case err != nil:
			return nil, err
		case command == hidError && len(answer) == 1:
			return nil, hidFault(answer[0])
		case command == hidKeepalive && len(answer) == 1:
			if answer[0] == userNeeded && !told && c.waiting != nil {
				told = true
				c.waiting()
			}
		case command == hidCBOR && len(answer) > 0:
			return answer, nil
		default:
			return nil, fmt.Errorf("the key answers a request with command %02X", command)
		}
	}
}

// cancel ends the request in hand, and takes in its answer so that the next one does not get it.
func (c *channel) cancel(ctx context.Context) {
	ctx, done := context.WithTimeout(ctx, cancelTime)
	defer done()
	if c.send(hidCancel, nil) != nil {
		return
	}
	for {
		if command, _, err := c.receive(ctx); err != nil || command != hidKeepalive {
			return
		}
	}
}

// send cuts a message into reports (CTAP 2.1 §11.2.4).
func (c *channel) send(command byte, payload []byte) error {
	var r report
	binary.BigEndian.PutUint32(r[:], c.id)
	r[4] = command
	binary.BigEndian.PutUint16(r[5:], uint16(len(payload))) // #nosec G115 -- at most maxMessage
	rest := payload[copy(r[7:], payload):]
	if err := c.write(r); err != nil {
		return err
	}
	for sequence := byte(0); len(rest) > 0; sequence++ {
		r = report{}
		binary.BigEndian.PutUint32(r[:], c.id)
		r[4] = sequence
		rest = rest[copy(r[5:], rest):]
		if err := c.write(r); err != nil {
			return err
		}
	}
	return nil
}

// receive puts the next message of this channel together. Reports of other channels are other programs'.
func (c *channel) receive(ctx context.Context) (command byte, payload []byte, err error) {
	size := -1 // of the message; none has begun
	for sequence := byte(0); ; {
		r, err := c.read(ctx)
		if err != nil {
			return 0, nil, err
		}
		if binary.BigEndian.Uint32(r[:]) != c.id {
			continue
		}
		switch {
		case r[4]&0x80 != 0:
			command, size, sequence = r[4], int(binary.BigEndian.Uint16(r[5:])), 0
			if size > maxMessage {
				return 0, nil, fmt.Errorf("the key begins a message of %d bytes", size)
			}
			payload = append([]byte(nil), r[7:min(7+size, reportSize)]...)
		case size < 0:
			continue // the rest of what was given up
		case r[4] != sequence:
			return 0, nil, errors.New("the key loses parts of its messages")
		default:
			payload = append(payload, r[5:min(5+size-len(payload), reportSize)]...)
			sequence++
		}
		if len(payload) >= size {
			return command, payload, nil
		}
	}
}
