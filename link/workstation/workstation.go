package workstation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/link/channel"
	"github.com/postern/postern/link/relay"
	"github.com/postern/postern/link/signed"
)

// Workstation is a workstation that a control center knows. Its methods may be called from any goroutine.
type Workstation struct {
	env    Env
	caller *signed.Caller
	static channel.Static

	keeping sync.Mutex // held while the state is changed and saved; taken before mu
	asking  sync.Mutex // held while the control center is asked what it keeps; taken before keeping

	mu        sync.Mutex
	state     *State
	phones    map[postern.PhoneID]*phone
	strangers []postern.PairedPhone  // what the control center lists and the state does not hold
	places    map[string]relay.State // where the relay said that devices are, paired or about to be
	pairing   *Pairing               // the one that is being made
	running   bool
	connected bool
	parted    time.Time // when the connection broke
	problem   *postern.Error
	notice    *postern.PhoneNotice
	outbox    []parcel
	newsCount int           // counts what comes over news
	changed   chan struct{} // closed and replaced when the status changes
	news      chan struct{} // closed and replaced when the control center has news

	stale  chan struct{} // has one element when what is known should be asked anew
	queued chan struct{} // has one element when there may be something in the outbox
}

// now is the time of the control center, as far as it told that this clock is wrong.
func (w *Workstation) now() time.Time { return w.env.Now().Add(w.caller.Offset()) }

// Status says how the workstation stands. It is a copy.
func (w *Workstation) Status() Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.status()
}

// Changed is closed at the next change of what Status says. Who asks for it before Status misses nothing.
func (w *Workstation) Changed() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changed
}

// bump tells that the status changed. w.mu is held, as in all methods without a word on it.
func (w *Workstation) bump() {
	close(w.changed)
	w.changed = make(chan struct{})
}

// keep changes the state and has it saved before anything stands on it. mu is not held.
func (w *Workstation) keep(ctx context.Context, change func(s *State)) error {
	w.keeping.Lock()
	defer w.keeping.Unlock()
	w.mu.Lock()
	next := w.state.clone()
	w.mu.Unlock()
	change(next)
	if err := w.env.Keeper.Save(ctx, next.clone()); err != nil {
		return fmt.Errorf("keep the state of the workstation: %w", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.state = next
	w.adopt()
	return nil
}

// adopt makes the phones those of the state. A phone whose new pairing is still being made is known by its old one.
func (w *Workstation) adopt() {
	wanted := make(map[postern.PhoneID]KnownPhone)
	for _, k := range w.state.Phones {
		if _, twice := wanted[k.PhoneID]; !twice && (w.pairing == nil || w.pairing.id != k.PairingID) {
			wanted[k.PhoneID] = k
		}
	}
	for id, ph := range w.phones {
		if k, ok := wanted[id]; !ok || k.PairingID != ph.known.PairingID {
			ph.forget()
			delete(w.phones, id)
		}
	}
	for id, k := range wanted {
		if ph := w.phones[id]; ph != nil {
			ph.known = k
		} else {
			ph = &phone{w: w, known: k, presence: w.places[string(id)]}
			w.phones[id] = ph
			ph.drive()
		}
	}
	w.bump()
}

// prologue is what both ends of a pairing's handshakes agree on.
func (w *Workstation) prologue(id postern.PairingID) (channel.Prologue, error) {
	raw, err := rawPairing(id)
	return channel.Prologue{
		Origin: w.state.Server, Integration: string(w.state.IntegrationID), Workstation: string(w.state.ID), PairingID: raw,
	}, err
}

// Update says anew what the workstation is.
func (w *Workstation) Update(ctx context.Context, u postern.WorkstationUpdate) error {
	var self postern.WorkstationSelf
	if err := w.caller.Call(ctx, "PUT", "/self", nil, u, &self); err != nil {
		return err
	}
	return w.keep(ctx, func(s *State) { s.Name, s.Software = u.Name, u.Software })
}

// Unpair ends a pairing, at the control center and here. Nothing changes when the control center cannot be reached.
func (w *Workstation) Unpair(ctx context.Context, id postern.PairingID) error {
	if !id.Valid() {
		return postern.Errorf(postern.CodeNotFound, "There is no such pairing at this workstation.")
	}
	err := w.caller.Call(ctx, "DELETE", "/pairings/"+string(id), nil, nil, nil)
	if err != nil && !pairingOver(err) {
		return err
	}
	w.mu.Lock()
	w.strangers = slices.DeleteFunc(w.strangers, func(p postern.PairedPhone) bool { return p.Pairing.ID == id })
	w.mu.Unlock()
	return w.keep(ctx, func(s *State) { s.forget(id) })
}

// pairingOver reports whether the control center says that there is no such pairing any more.
func pairingOver(err error) bool {
	e := (*postern.Error)(nil)
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code {
	case postern.CodeNotFound, postern.CodePairingOver, postern.CodePairingExpired, postern.CodeNotPaired:
		return true
	}
	return false
}

func (s *State) forget(ids ...postern.PairingID) {
	s.Phones = slices.DeleteFunc(s.Phones, func(k KnownPhone) bool { return slices.Contains(ids, k.PairingID) })
}

// Leave gives the workstation up: it is revoked at the control center, and its pairings end. What is kept of it is of no
// use afterwards, and the caller's to delete; Run ends with [postern.CodeWorkstationRevoked].
func (w *Workstation) Leave(ctx context.Context) error {
	err := w.caller.Call(ctx, "DELETE", "/self", nil, nil, nil)
	if err != nil && !final(err) {
		return err
	}
	w.ask()
	return nil
}

// final reports whether the control center does not take this workstation, now and later.
func final(err error) bool {
	return postern.IsCode(err, postern.CodeWorkstationRevoked) || postern.IsCode(err, postern.CodeWorkstationUnknown) ||
		postern.IsCode(err, postern.CodeWorkstationProof)
}

// parcel is something for the relay: a payload for a peer, or a rendezvous to open.
type parcel struct {
	peer    string
	payload []byte
	open    *relay.PairingID
}

// maxOutbox bounds what waits to be handed to the relay's client, which has bounds of its own.
const maxOutbox = 256

// post has a parcel sent. It reports whether there was room.
func (w *Workstation) post(p parcel) bool {
	if len(w.outbox) >= maxOutbox {
		return false
	}
	w.outbox = append(w.outbox, p)
	select {
	case w.queued <- struct{}{}:
	default:
	}
	return true
}

// Ask has the control center asked what it keeps, soon.
func (w *Workstation) Ask() { w.ask() }

// ask is Ask, with mu held or not.
func (w *Workstation) ask() {
	select {
	case w.stale <- struct{}{}:
	default:
	}
}
