package workstation

import (
	"context"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/link/channel"
)

// opened takes the relay's answer to the rendezvous.
func (p *Pairing) opened(err error) {
	select {
	case p.met <- err:
	default: // it was opened again, on a new connection
	}
}

// refused takes the relay's word that the rendezvous was not opened, or that the phone there cannot be reached.
func (p *Pairing) refused(code postern.Code) {
	err := postern.Errorf(code, "")
	p.opened(err)
	if p.stage < stageCompared { // afterwards nothing goes through the rendezvous
		p.fail(err, true)
	}
}

// again opens the rendezvous on a new connection. What was under way is lost, and a code is good for one handshake.
func (p *Pairing) again() {
	switch p.stage {
	case stageWaiting:
		p.w.post(parcel{open: &p.raw})
	case stageGreeted:
		p.fail(postern.Errorf(postern.CodeLinkSessionGone, "The connection was lost while phone and workstation introduced themselves.").
			WithNext("Show a new code and scan it again."), true)
	}
}

// receive takes what a phone sends to the rendezvous: its first message, then its nonce.
func (p *Pairing) receive(payload []byte) {
	kind, body, err := channel.SplitPayload(payload)
	if err != nil || kind != channel.PayloadPairing || p.stage >= stageCompared {
		return
	}
	if err := p.handshake.Read(body); err != nil {
		p.fail(postern.Errorf(postern.CodePairingState, "Phone and workstation could not agree on keys. The code was misread, or something in between interfered.").
			WithNext("Show a new code and try again.").Because(err), true)
		return
	}
	if p.stage == stageWaiting {
		p.greet()
		return
	}
	s, ok := p.handshake.Done()
	if !ok {
		return
	}
	p.peer, p.digits = s.Peer(), s.Digits()
	s.Close()
	p.handshake = nil
	p.enter(stageCompared)
}

// greet answers the phone's first message; it has more time from now on.
func (p *Pairing) greet() {
	second, err := p.handshake.Write()
	if err != nil || !p.w.post(parcel{peer: p.raw.Peer(), payload: channel.Payload(channel.PayloadPairing, second)}) {
		p.fail(postern.Errorf(postern.CodeUnavailable, "The phone could not be answered.").WithNext("Show a new code and try again.").Because(err), true)
		return
	}
	p.expires = p.began.Add(channel.OpenedInvitationLife).Truncate(time.Second)
	p.enter(stageGreeted)
}

const (
	// confirmEvery is how often the control center is asked whether the phone has confirmed, if it sends no news.
	confirmEvery = 3 * time.Second
	// confirmAgain is after how many times it is asked in the way that also tells why a pairing ended. That counts as a
	// change there, of which it sends news in turn.
	confirmAgain = 5
)

// Confirm says that both show the same digits, and returns once the phone has said so too: the phone is kept then, and
// can be asked. It fails with a [*postern.Error] when the pairing has ended, and nothing of the phone is kept. Whoever
// ends ctx refuses.
func (p *Pairing) Confirm(ctx context.Context) error {
	w := p.w
	w.mu.Lock()
	if err := p.err; err != nil || p.stage != stageCompared {
		defer w.mu.Unlock()
		if err != nil {
			return err
		}
		return postern.Errorf(postern.CodePairingState, "")
	}
	p.enter(stageConfirming)
	known := KnownPhone{
		PairingID: p.id, PhoneID: postern.PhoneID(p.peer.Device.ID), LinkKey: p.peer.Key[:], Name: p.peer.Device.Name, Paired: w.now().UTC().Truncate(time.Second),
	}
	w.mu.Unlock()
	err := w.keep(ctx, func(s *State) { s.Phones = append(s.Phones, known) })
	if err == nil {
		err = p.confirm(ctx, known.PhoneID)
	}
	if err == nil {
		err = p.done(known)
	}
	if err == nil {
		return nil
	}
	reason := err
	if ctx.Err() != nil {
		reason = errRefusedHere()
	}
	w.mu.Lock()
	if p.err != nil { // it ended here, and what the control center then says only follows from that
		err = p.err
	}
	p.fail(reason, true)
	w.mu.Unlock()
	forgetting, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	if err := w.keep(forgetting, func(s *State) { s.forget(p.id) }); err != nil {
		w.env.Log.ErrorContext(ctx, "a phone whose pairing failed is still kept; it is forgotten when the control center is asked next", "error", err)
	}
	return err
}

// confirm asks the control center until the pairing is active.
func (p *Pairing) confirm(ctx context.Context, phone postern.PhoneID) error {
	w := p.w
	path := "/pairings/" + string(p.id)
	var told int // news before the last confirmation
	for round := 0; ; round++ {
		w.mu.Lock()
		news, count, changed, ended := w.news, w.newsCount, p.changed, p.err
		w.mu.Unlock()
		if ended != nil {
			return ended
		}
		var active bool
		var err error
		if round%confirmAgain == 0 || count > told+1 { // more has changed than this end's confirmation
			round, told = 0, count
			var answer postern.PairingAnswer
			err = w.caller.Call(ctx, "POST", path+"/confirmation", nil, nil, &answer)
			if err == nil && answer.Pairing.PhoneID != phone {
				return postern.Errorf(postern.CodePairingTaken, "The phone that came is not the one that the control center knows for this code.")
			}
			active = answer.Pairing.State == postern.PairingActive
		} else {
			var paired []postern.PairedPhone
			err = w.caller.Call(ctx, "GET", "/pairings", nil, nil, &paired)
			for _, one := range paired {
				active = active || one.Pairing.ID == p.id
			}
		}
		switch {
		case err == nil && active:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && !passing(err):
			return err
		}
		timer := time.NewTimer(confirmEvery)
		select {
		case <-timer.C:
		case <-news:
		case <-changed:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// passing reports whether a call may do better the next time.
func passing(err error) bool {
	return postern.IsCode(err, postern.CodeUnavailable) || postern.IsCode(err, postern.CodeInternal) || postern.IsCode(err, postern.CodeTooMany) ||
		postern.IsCode(err, postern.CodeWorkstationReplay)
}

// done makes the phone one of this workstation's. A pairing that the two had before is replaced.
func (p *Pairing) done(known KnownPhone) error {
	w := p.w
	w.mu.Lock()
	if p.err != nil {
		defer w.mu.Unlock()
		return p.err
	}
	p.leave()
	p.enter(stagePaired)
	w.adopt()
	w.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	err := w.keep(ctx, func(s *State) {
		var before []postern.PairingID
		for _, k := range s.Phones {
			if k.PhoneID == known.PhoneID && k.PairingID != known.PairingID {
				before = append(before, k.PairingID)
			}
		}
		s.forget(before...)
	})
	if err != nil { // both are kept, and the control center will say which of them counts
		w.env.Log.Error("an earlier pairing of a phone is still kept", "error", err)
	}
	if err := w.Refresh(ctx); err != nil { // whose phone it is
		w.ask()
	}
	return nil
}
