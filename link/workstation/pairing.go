package workstation

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/link/channel"
	"github.com/postern/postern/link/relay"
)

// stage is how far a pairing is.
//
//	waiting ── the phone's first message ──> greeted ── its nonce ──> compared ── Confirm ──> confirming ──> paired
//	   └──────────── its time is over, it is refused, or something fails ──────────────────────> ended
type stage int

const (
	stageWaiting stage = iota
	stageGreeted
	stageCompared
	stageConfirming
	stagePaired
	stageEnded
)

// maxDraws is how often a code to type is drawn whose id is taken.
const maxDraws = 5

// Pairing is a pairing that is being made. Its methods may be called from any goroutine.
type Pairing struct {
	w         *Workstation
	id        postern.PairingID
	raw       relay.PairingID
	url, code string
	met       chan error // has the relay's answer to the rendezvous

	// Workstation.mu guards the rest.
	stage     stage
	began     time.Time // by Env.Now
	expires   time.Time // by Env.Now
	timer     *time.Timer
	handshake *channel.Handshake
	peer      channel.Peer
	digits    string
	err       error         // once it ended
	changed   chan struct{} // closed and replaced at each stage
}

// Candidate is the phone that came to a pairing. Name and software are its own word; the digits are what the user
// compares with the phone's.
type Candidate struct{ Name, Software, Digits string }

// Pair opens a pairing, for a phone that scans a QR code or, with typed, whose user types a code. There is one at a time:
// the pairing before is refused, or, when it is being confirmed, this one is, as a conflict. It needs [Workstation.Run]
// and fails with a [*postern.Error] or the context's error. A code to type takes a good part of a second.
func (w *Workstation) Pair(ctx context.Context, typed bool) (*Pairing, error) {
	for draw := 1; ; draw++ {
		p, err := w.openPairing(ctx, typed)
		taken := postern.IsCode(err, postern.CodeConflict) || postern.IsCode(err, postern.CodeLinkRendezvousTaken)
		if typed && taken && draw < maxDraws && !errors.Is(err, errConfirming) {
			continue
		}
		return p, err
	}
}

var errConfirming = errors.New("a pairing is being confirmed")

func (w *Workstation) openPairing(ctx context.Context, typed bool) (*Pairing, error) {
	w.mu.Lock()
	err := w.refuseEarlier()
	w.mu.Unlock()
	if err != nil {
		return nil, err
	}
	invitation, code, err := w.draw(ctx, typed)
	for n := 1; err == nil && n < maxDraws && postern.NewPairingID(invitation.PairingID)[0] == '-'; n++ {
		invitation.Secret.Wipe() // people give the id to commands, which would take it for a flag
		invitation, code, err = w.draw(ctx, typed)
	}
	if err != nil {
		return nil, err
	}
	defer invitation.Secret.Wipe()
	p := &Pairing{
		w: w, id: postern.NewPairingID(invitation.PairingID), raw: invitation.PairingID, code: code,
		met: make(chan error, 1), changed: make(chan struct{}),
	}
	if err := w.caller.Call(ctx, "PUT", "/pairings/"+string(p.id), nil, nil, nil); err != nil {
		if !postern.IsCode(err, postern.CodeConflict) { // that one may be somebody else's
			p.tellEnd()
		}
		return nil, err
	}
	if err := w.register(p, &invitation, typed); err != nil {
		p.tellEnd()
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, callTimeout, postern.Errorf(postern.CodeUnavailable,
		"The workstation is not connected to the control center, so no phone could find it.").WithNext("Check the network, then show a new code."))
	defer cancel()
	select {
	case err = <-p.met:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err != nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		p.fail(err, true)
		return nil, err
	}
	return p, nil
}

// refuseEarlier ends the pairing before, which nobody looks at any more.
func (w *Workstation) refuseEarlier() error {
	p := w.pairing
	if p == nil {
		return nil
	}
	if p.stage == stageConfirming {
		return postern.Errorf(postern.CodeConflict, "Another phone is being paired with this workstation at this moment.").
			WithNext("Wait until that is done, or refuse it, then show a new code.").Because(errConfirming)
	}
	p.fail(postern.Errorf(postern.CodePairingOver, "A newer pairing code was shown at this workstation.").
		WithNext("Use the code that was shown last."), true)
	return nil
}

// draw draws the secrets of a pairing. The code to type is hashed beside the goroutine that asked, which may give up.
func (w *Workstation) draw(ctx context.Context, typed bool) (i channel.Invitation, code string, err error) {
	if !typed {
		i.LinkKey = w.static.Public()
		if _, err = io.ReadFull(w.env.Random, i.PairingID[:]); err == nil {
			_, err = io.ReadFull(w.env.Random, i.Secret[:])
		}
		return i, "", err
	}
	if code, err = channel.DrawCode(w.env.Random); err != nil {
		return i, "", err
	}
	type read struct {
		invitation channel.Invitation
		err        error
	}
	done := make(chan read, 1)
	go func() {
		i, err := channel.ReadCode(code)
		done <- read{i, err}
	}()
	select {
	case r := <-done:
		return r.invitation, code, r.err
	case <-ctx.Done():
		return i, "", ctx.Err()
	}
}

// register makes a pairing the one that is being made, and has the relay asked for its rendezvous.
func (w *Workstation) register(p *Pairing, i *channel.Invitation, typed bool) (err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.refuseEarlier(); err != nil {
		return err
	}
	p.began = w.env.Now()
	p.expires = p.began.Add(channel.InvitationLife).Truncate(time.Second)
	i.Expires = w.now().Add(channel.InvitationLife).Truncate(time.Second)
	if !typed {
		if p.url, err = i.URL(w.state.Server); err != nil {
			return postern.FieldErrorf("server", "%v.", err).WithNext("Correct the address of the control center.")
		}
	}
	prologue, err := w.prologue(p.id)
	if err != nil {
		return err
	}
	p.handshake, err = channel.NewWorkstationPairing(channel.Config{
		Random: w.env.Random, Time: w.now(), Static: w.static, Prologue: prologue, Secret: i.Secret,
		Self: channel.Device{Name: channel.Label(w.state.Name), ID: string(w.state.ID), Software: channel.Label(w.state.Software)},
	})
	if err != nil {
		return err
	}
	w.pairing = p
	p.timer = time.AfterFunc(p.expires.Sub(p.began), p.expire)
	w.post(parcel{open: &p.raw})
	return nil
}

// URL is the text of the QR code, empty when there is a code to type. It holds a secret: it is shown, and neither logged
// nor stored nor sent.
func (p *Pairing) URL() string { return p.url }

// Code is the code to type, a secret as well; empty when there is a QR code.
func (p *Pairing) Code() string { return p.code }

// Expires is when the pairing ends if it is not done by then, by [Env.Now]: a minute after it was opened, three once a
// phone came.
func (p *Pairing) Expires() time.Time {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	return p.expires
}

// Wait returns once a phone came and the digits are known. It fails when the pairing has ended, with a [*postern.Error]
// that says why, or with the context's error, which leaves the pairing as it is.
func (p *Pairing) Wait(ctx context.Context) (Candidate, error) {
	for {
		p.w.mu.Lock()
		at, err, changed := p.stage, p.err, p.changed
		c := Candidate{Name: p.peer.Device.Name, Software: p.peer.Device.Software, Digits: p.digits}
		p.w.mu.Unlock()
		switch {
		case err != nil:
			return Candidate{}, err
		case at >= stageCompared:
			return c, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Candidate{}, ctx.Err()
		}
	}
}

// Refuse ends the pairing, because the digits differ or nobody wants it any more, and tells the control center. It does
// nothing to one that is done.
func (p *Pairing) Refuse(ctx context.Context) error {
	p.w.mu.Lock()
	done := p.stage >= stagePaired
	p.fail(errRefusedHere(), false)
	p.w.mu.Unlock()
	if done {
		return nil
	}
	return p.endAtCenter(ctx)
}

// Close ends a pairing that is not done, as Refuse does, without waiting for the control center. It does nothing to one
// that is done.
func (p *Pairing) Close() {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	p.fail(errRefusedHere(), true)
}

func errRefusedHere() error {
	return postern.Errorf(postern.CodePairingOver, "The pairing was refused at the workstation.").
		WithNext("Show a new code if the phone is to be paired after all.")
}

func (p *Pairing) endAtCenter(ctx context.Context) error {
	err := p.w.caller.Call(ctx, "DELETE", "/pairings/"+string(p.id), nil, nil, nil)
	if pairingOver(err) {
		return nil
	}
	return err
}

// tellEnd tells the control center that the pairing is not wanted, soon. If it does not come through, the pairing
// expires there.
func (p *Pairing) tellEnd() {
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
		defer cancel()
		if err := p.endAtCenter(ctx); err != nil {
			p.w.env.Log.Warn("the control center was not told that a pairing ended", "pairing", p.id, "error", err)
		}
	}()
}

// enter is another stage.
func (p *Pairing) enter(s stage) {
	p.stage = s
	close(p.changed)
	p.changed = make(chan struct{})
}

// fail ends the pairing, if it is not done. tell says that the control center does not know yet.
func (p *Pairing) fail(err error, tell bool) {
	if p.stage >= stagePaired {
		return
	}
	p.err = err
	p.leave()
	p.enter(stageEnded)
	if tell {
		p.tellEnd()
	}
}

// leave drops what is needed only while a pairing is being made.
func (p *Pairing) leave() {
	if p.handshake != nil {
		p.handshake.Close()
		p.handshake = nil
	}
	if p.timer != nil {
		p.timer.Stop()
	}
	if p.w.pairing == p {
		p.w.pairing = nil
	}
}

func (p *Pairing) expire() {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	if left := p.expires.Sub(p.w.env.Now()); left > 0 { // prolonged meanwhile
		p.timer = time.AfterFunc(left, p.expire)
		return
	}
	if p.stage == stageWaiting {
		p.fail(postern.Errorf(postern.CodePairingExpired, "No phone opened the code within a minute.").
			WithNext("Show a new code."), true) // a phone may have come as far as the control center
		return
	}
	p.fail(postern.Errorf(postern.CodePairingExpired, "The pairing was not confirmed within three minutes.").
		WithNext("Show a new code and confirm on phone and workstation."), true)
}

func rawPairing(id postern.PairingID) (raw [16]byte, err error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(string(id))
	if err != nil || len(b) != len(raw) {
		return raw, errors.New("the id of a pairing is damaged")
	}
	return [16]byte(b), nil
}
