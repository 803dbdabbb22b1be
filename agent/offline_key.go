package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"sync/atomic"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/agent/offline"
	"github.com/postern/postern/fido/transport/hid"
	"github.com/postern/postern/link/workstation"
)

const (
	// offlineAtStart is how long the relay may take to be reached after the start of the machine before the offline keys are
	// plugged in; later it is resumeWindow, in which the phone's key is held.
	offlineAtStart = 20 * time.Second
	// grace is how long an offline key stays in that has just become useless, so that the host hears why: it was locked, its
	// last code was typed, or its trial is over.
	grace = 5 * time.Second
	// replugAfter is how long a key stays in that told the host to take it out and put it back.
	replugAfter = time.Second
)

// keyKind is what is to be in a slot.
type keyKind int

const (
	keyNone keyKind = iota
	keyPhone
	keyOffline
)

// trial is that somebody tries the offline key.
type trial struct{ from, until time.Time }

// reaches notes whether the relay is reached.
func (r *ring) reaches(connected bool, now time.Time) {
	switch {
	case connected:
		r.lost, r.patience = time.Time{}, resumeWindow
	case r.lost.IsZero(), now.Before(r.lost): // a clock that was set back is waited for anew
		r.lost = now
	}
}

// wants decides what is to be in a slot, and until when that holds though nothing changes.
func (r *ring) wants(s workstation.Status, p workstation.Phone, place *slot, now time.Time) (keyKind, time.Time) {
	kind := keyNone
	phone, until := wantsPhone(s, p, place, now)
	if phone {
		kind = keyPhone
	}
	if r.shelf == nil {
		return kind, until
	}
	passkey := r.shelf.Get(p.Pairing)
	if passkey == nil || passkey.Stage() != offline.Active {
		return kind, until
	}
	from := r.lost.Add(r.patience)
	away := !s.Connected && !now.Before(from)
	if !away && !s.Connected {
		until = soonest(until, from)
	}
	trying, over := r.tried(p.Pairing, passkey, now)
	until = soonest(until, over)
	fits := (away || trying) && barred(s, p) == nil && passkey.Standing().Why == nil
	if fits {
		place.unfit = time.Time{}
		return keyOffline, soonest(until, now.Add(time.Minute)) // its codes end by the calendar
	}
	if !place.offline || place.stop == nil {
		return kind, until
	}
	if place.unfit.IsZero() || now.Before(place.unfit) {
		place.unfit = now
	}
	if end := place.unfit.Add(grace); now.Before(end) || passkey.Busy() {
		return keyOffline, soonest(until, latest(end, now.Add(time.Second)))
	}
	return kind, until
}

// try has the offline key of a pairing in the place of the phone's for a while.
func (r *ring) try(id postern.PairingID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	r.tries[id] = trial{now, now.Add(tryTime)}
}

// tried tells whether the offline key of a pairing is being tried, and until when. It is over when it has signed somebody in.
func (r *ring) tried(id postern.PairingID, passkey *offline.Passkey, now time.Time) (bool, time.Time) {
	t, is := r.tries[id]
	if !is {
		return false, time.Time{}
	}
	if !now.Before(t.until) || now.Before(t.from) || passkey.Used().After(t.from) {
		delete(r.tries, id)
		return false, time.Time{}
	}
	return true, t.until
}

func (r *ring) trying(id postern.PairingID) *time.Time {
	if t, is := r.tries[id]; is {
		return &t.until
	}
	return nil
}

func soonest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// offlineHolder answers for the offline key. Each time it is plugged in is a power cycle.
type offlineHolder struct {
	passkey *offline.Passkey
	limit   uint64
	key     *offline.Key
	out     atomic.Pointer[context.CancelFunc]
}

func (h *offlineHolder) learn(context.Context) (err error) {
	h.key, err = h.passkey.Key(h.limit)
	return err
}

// AwaitingUser implements [hid.Authenticator].
func (h *offlineHolder) AwaitingUser() bool { return h.key.AwaitingUser() }

// Handle implements [hid.Authenticator]. After three wrong codes the host wants the key taken out and put back.
func (h *offlineHolder) Handle(ctx context.Context, request []byte) []byte {
	answer := h.key.Handle(ctx, request)
	if out := h.out.Load(); out != nil && h.key.Blocked() {
		time.AfterFunc(replugAfter, *out)
	}
	return answer
}

func (h *offlineHolder) blocked() bool { return h.key != nil && h.key.Blocked() }

// offlineIdentity is how the offline key looks on the bus: another key than the phone's, and by its name one of the same phone.
func offlineIdentity(p workstation.Phone) hid.Identity {
	id := hid.DefaultIdentity()
	id.Serial = offlineSerial(p.Pairing)
	id.Name = "Security Key (offline)"
	if name := label(p.Name); name != "" {
		id.Name = "Security Key (offline, " + name + ")"
	}
	return id
}

// offlineSerial is the serial number of the offline key of a pairing.
func offlineSerial(id postern.PairingID) string {
	sum := sha256.Sum256([]byte("postern/security-key/offline\x00" + string(id)))
	return hex.EncodeToString(sum[:8])
}
