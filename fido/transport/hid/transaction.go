package hid

import (
	"context"
	"errors"
	"time"

	"github.com/postern/postern/fido/ctap/ctaphid"
)

// backlog is how many reports may wait while a request is written: more than
// the longest answer has.
const backlog = 160

// transaction is one message of a host and the answer to it.
type transaction struct {
	channel *Channel
	message ctaphid.Message
	limit   time.Duration     // of the device's silence
	mine    func([]byte) bool // tells the answer from those to other programs

	assembly ctaphid.Assembler
	read     chan incoming
	quiet    *time.Timer
	ended    bool // ctx ended, and the device was told
}

// run writes the message and waits for the answer. It reads all the while: a
// device may have to be read to be able to read.
func (t *transaction) run(ctx context.Context) ([]byte, error) {
	reports, err := ctaphid.Packets(t.message)
	if err != nil {
		return nil, err
	}
	t.assembly.Only = t.message.CID
	t.read = make(chan incoming, backlog)
	reading, stop := context.WithCancel(context.WithoutCancel(ctx))
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		t.readAll(reading)
	}()
	defer func() {
		stop()
		<-stopped
	}()
	for _, r := range reports {
		if err := t.channel.reports.Write(ctx, r); err != nil {
			return nil, gone(err)
		}
	}
	t.quiet = time.NewTimer(t.limit)
	defer t.quiet.Stop()
	return t.await(ctx)
}

// readAll hands over the channel's reports until an error.
func (t *transaction) readAll(ctx context.Context) {
	for {
		report, err := t.channel.reports.Read(ctx)
		if err == nil && report.CID() != t.message.CID {
			continue
		}
		select {
		case t.read <- incoming{report, err}:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// await gives the answer, the device's error, or why there is none.
func (t *transaction) await(ctx context.Context) ([]byte, error) {
	done := ctx.Done()
	for {
		select {
		case in := <-t.read:
			if in.err != nil {
				return nil, gone(in.err)
			}
			if answer, over, err := t.take(in.report); over {
				return answer, err
			}
		case <-t.quiet.C:
			if t.ended {
				return nil, ctx.Err()
			}
			return nil, ErrSilent
		case <-done:
			if t.message.Command != ctaphid.CBOR {
				return nil, ctx.Err() // there is no way to tell the device
			}
			done, t.ended = nil, true
			t.quiet.Reset(cancelLimit)
			if err := t.giveUp(ctx); err != nil {
				return nil, errors.Join(ctx.Err(), err)
			}
		}
	}
}

// giveUp tells the device that nobody waits any more.
func (t *transaction) giveUp(ctx context.Context) error {
	reports, err := ctaphid.Packets(ctaphid.Message{CID: t.message.CID, Command: ctaphid.Cancel})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelLimit)
	defer cancel()
	return t.channel.reports.Write(ctx, reports[0])
}

// take looks at one report; over is true where it ends the transaction.
func (t *transaction) take(r ctaphid.Report) (answer []byte, over bool, err error) {
	m, err := t.assembly.Feed(r[:], time.Now())
	if !t.ended && t.message.CID != ctaphid.Broadcast { // where other programs are answered too
		t.quiet.Reset(t.limit)
	}
	if err != nil {
		// On the broadcast channel the broken message is somebody else's.
		return nil, t.message.Command != ctaphid.Init, err
	}
	if m == nil {
		return nil, false, nil
	}
	switch m.Command {
	case ctaphid.Error:
		code := ctaphid.Other
		if len(m.Payload) > 0 {
			code = ctaphid.ErrorCode(m.Payload[0])
		}
		// An error has no nonce. Only "busy" is as good as meant for everybody.
		return nil, m.CID != ctaphid.Broadcast || code == ctaphid.ChannelBusy, code
	case ctaphid.Keepalive:
		if tell := t.channel.OnKeepalive; tell != nil && len(m.Payload) > 0 && t.message.Command != ctaphid.Init {
			tell(ctaphid.Status(m.Payload[0]))
		}
	case t.message.Command:
		if t.mine(m.Payload) {
			return m.Payload, true, nil
		}
	}
	return nil, false, nil
}
