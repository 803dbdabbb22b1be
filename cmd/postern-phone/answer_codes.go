package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/link/channel"
	"github.com/postern/postern/link/offline"
	"github.com/postern/postern/phone"
	"github.com/postern/postern/phone/ceremony"
	"github.com/postern/postern/phone/link"
)

// act is something done to the phone's file by the one who holds it.
type act struct {
	do   func() error
	done chan error
}

// codeKeeper keeps codes for signing in without a network. Requests come beside all else that the phone does, so what
// changes its file waits for its turn.
type codeKeeper struct {
	v     *vault
	phone *phone.Phone
	acts  chan act
}

func (k *codeKeeper) do(ctx context.Context, f func() error) error {
	done := make(chan error, 1)
	select {
	case k.acts <- act{f, done}:
		return <-done
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// vendor answers a request that is for the phone and not for its authenticator (docs/offline.md).
func (d *desk) vendor(ctx context.Context, r *link.Request) link.Answer {
	m, refusal := ceremony.Offline(r.CTAP)
	if refusal != nil {
		return link.Answer{CTAP: refusal}
	}
	defer m.Batch.Wipe()
	step, paired := ceremony.StepWrong, false
	err := d.codes.do(ctx, func() error {
		if shelf := d.codes.v.shelf(r.Pairing); shelf != nil {
			step, paired = shelf.Look(m, time.Now()), true
		}
		return nil
	})
	if err != nil {
		return link.Answer{Reason: channel.ReasonCancelled}
	}
	if reason := d.mayHaveCodes(step, paired); reason != 0 {
		return link.Answer{Reason: reason}
	}
	switch err := d.step(ctx, r, m, step); {
	case err == nil:
		return link.Answer{CTAP: step.Answer()}
	case errors.Is(err, authenticator.ErrDenied):
		return link.Answer{CTAP: []byte{byte(ctap.ErrOperationDenied)}}
	case errors.Is(err, authenticator.ErrTimeout):
		return link.Answer{CTAP: []byte{byte(ctap.ErrUserActionTimeout)}}
	default:
		fmt.Fprintf(d.out, "The codes were not taken: %v\n", err)
		return link.Answer{CTAP: []byte{byte(ctap.ErrOther)}}
	}
}

func (d *desk) mayHaveCodes(step ceremony.Step, paired bool) channel.Reason {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case !paired, d.notice != nil && step != ceremony.StepForget:
		return channel.ReasonNotAllowed
	case step == ceremony.StepAsk && d.owner != 0 && time.Now().Before(d.until):
		return channel.ReasonBusy
	}
	return 0
}

// step does what is to be done about a message.
func (d *desk) step(ctx context.Context, r *link.Request, m *offline.Message, step ceremony.Step) error {
	k := d.codes
	switch step {
	case ceremony.StepAsk:
		question := fmt.Sprintf("Take %d codes for signing in there without a network, good until %s", m.Batch.Count, when(m.Batch.Expires))
		if err := d.bother(ctx, r, question, false); err != nil {
			return err
		}
		if err := k.do(ctx, func() error { return k.v.agreed(r.Pairing, m) }); err != nil {
			return err
		}
		return d.agree(ctx, r.Pairing, m.Batch.ID)
	case ceremony.StepTell:
		return d.agree(ctx, r.Pairing, m.Batch.ID)
	case ceremony.StepTake:
		return k.do(ctx, func() error { return k.v.refill(r.Pairing, m) })
	case ceremony.StepForget:
		return k.do(ctx, func() error { return k.v.drop(r.Pairing) })
	}
	return nil
}

// agree tells the control center of the user's yes. Its word that it has taken it makes the codes count.
func (d *desk) agree(ctx context.Context, id postern.PairingID, batch []byte) error {
	if err := d.codes.phone.API.AgreeOffline(ctx, id, batch); err != nil {
		return err
	}
	return d.codes.do(ctx, func() error { return d.codes.v.take(id, batch) })
}
