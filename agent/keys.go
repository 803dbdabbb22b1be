package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/postern/postern"
	"github.com/postern/postern/agent/offline"
	"github.com/postern/postern/fido/ctap/ctaphid"
	"github.com/postern/postern/fido/transport/hid"
	"github.com/postern/postern/link/relay"
	"github.com/postern/postern/link/workstation"
)

const (
	// resumeWindow is how long a key stays plugged in while the connection of its phone, or ours, is broken: for as long as
	// the relay lets a broken connection resume.
	resumeWindow = time.Minute
	// firmware is the version of the virtual key.
	firmware = 1
	// maxKeyName bounds a phone's name in that of its key; hosts show some fifty characters and cut the rest.
	maxKeyName = 40
	// Retries of a key that could not be plugged in.
	retryFirst = 2 * time.Second
	retryMost  = time.Minute
)

// ring holds the keys: one slot for each paired phone. What is in it is the phone's key while the phone is there, and the
// offline key while the relay cannot be reached or somebody tries it; never both.
//
//	phone is ready, nothing bars it            out → asking → in
//	its connection, or ours, breaks            in → away, for at most resumeWindow
//	it is ready again                          away → in
//	it is gone, barred or no longer paired     → out, at once
//	the system does not take the key           → failing, and again after a while
type ring struct {
	socket  Socket
	ask     asker
	now     func() time.Time
	sleep   func(ctx context.Context, d time.Duration) error // before a key is tried again
	log     *slog.Logger
	changed func()
	// shelf has the offline passkeys; nil: there are none.
	shelf    *offline.Shelf
	signedIn func(id postern.PairingID, answer []byte) // is told a phone's answers to getAssertion

	mu       sync.Mutex
	slots    map[postern.PairingID]*slot
	tries    map[postern.PairingID]trial
	lost     time.Time // since when the relay is not reached; zero: it is
	patience time.Duration
	done     sync.WaitGroup
}

// slot is the place of one phone's key.
type slot struct {
	phone     postern.PhoneID
	name      string
	state     KeyState
	problem   *Problem
	asked     Request
	lastReady time.Time
	offline   bool               // what is in, or wanted, is the offline key
	unfit     time.Time          // since when the offline key that is in cannot be used
	stop      context.CancelFunc // nil: no key is wanted
	ended     chan struct{}      // of the run that stop stops
}

func newRing(socket Socket, ask asker, now func() time.Time, sleep func(context.Context, time.Duration) error, log *slog.Logger, changed func()) *ring {
	return &ring{
		socket: socket, ask: ask, now: now, sleep: sleep, log: log, changed: changed,
		slots: map[postern.PairingID]*slot{}, tries: map[postern.PairingID]trial{},
	}
}

// begin counts the time without the relay from here: at the start, and when the machine woke.
func (r *ring) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost, r.patience = r.now(), offlineAtStart
}

// follow brings the keys in line with how the phones stand. It returns when it wants to be called again though nothing
// changed; zero: never.
func (r *ring) follow(ctx context.Context, s workstation.Status) (again time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	r.reaches(s.Connected, now)
	here := map[postern.PairingID]bool{}
	for _, p := range s.Phones {
		here[p.Pairing] = true
		place := r.slots[p.Pairing]
		if place == nil {
			place = &slot{phone: p.ID, name: p.Name, state: KeyOut}
			r.slots[p.Pairing] = place
		}
		if p.Ready {
			place.lastReady = now
		}
		wanted, until := r.wants(s, p, place, now)
		if wanted != keyNone && place.offline != (wanted == keyOffline) {
			place.unplug()
			place.offline = wanted == keyOffline
		}
		switch {
		case wanted != keyNone && place.stop == nil:
			r.plug(ctx, p, place)
		case wanted == keyNone:
			place.unplug()
		case place.offline:
		case place.state == KeyIn && !p.Ready:
			place.state = KeyAway
		case place.state == KeyAway && p.Ready:
			place.state = KeyIn
		}
		if !until.IsZero() && (again.IsZero() || until.Before(again)) {
			again = until
		}
	}
	for id, place := range r.slots {
		if !here[id] {
			place.unplug()
			delete(r.slots, id)
		}
	}
	return again
}

// wantsPhone decides whether a phone's key is to be there, and until when that holds though nothing changes.
func wantsPhone(s workstation.Status, p workstation.Phone, place *slot, now time.Time) (wanted bool, until time.Time) {
	if barred(s, p) != nil {
		return false, time.Time{}
	}
	if p.Ready {
		return true, time.Time{}
	}
	if place.stop == nil || place.offline || s.Connected && p.Presence == relay.Gone {
		return false, time.Time{}
	}
	until = place.lastReady.Add(resumeWindow)
	return now.Before(until), until
}

// barred says why a phone may not be used here, nil if it may.
func barred(s workstation.Status, p workstation.Phone) *Problem {
	switch {
	case s.Problem != nil && bars(s.Problem.Code):
		return problemOf(s.Problem)
	case s.Notice != nil:
		return problemOfNotice(s.Notice)
	case p.Notice != nil:
		return problemOfNotice(p.Notice)
	case p.Phase == postern.PhaseSuspended:
		return problemOf(postern.Errorf(postern.CodeUserSuspended, ""))
	case p.Phase == postern.PhaseRevoked:
		return problemOf(postern.Errorf(postern.CodeUserRevoked, ""))
	}
	return nil
}

// unplug takes the key out. The host sees it go; what is left to do of it is done beside.
func (p *slot) unplug() {
	if p.stop != nil {
		p.stop()
		p.stop = nil
	}
	p.state, p.problem, p.asked, p.unfit = KeyOut, nil, Request{}, time.Time{}
}

// holder is what answers for a key that is plugged in.
type holder interface {
	hid.Authenticator
	// learn makes it ready to be plugged in.
	learn(ctx context.Context) error
}

// plug has a key plugged in until it is unplugged. One that is still on its way out is waited for: two keys of one pairing at
// once would be one too many.
func (r *ring) plug(ctx context.Context, p workstation.Phone, place *slot) {
	running, stop := context.WithCancel(ctx)
	before, ended := place.ended, make(chan struct{})
	place.stop, place.ended, place.state, place.phone, place.name = stop, ended, KeyAsking, p.ID, p.Name
	show := func(change func(*slot)) {
		r.mu.Lock()
		current := place.ended == ended && running.Err() == nil
		if current {
			change(place)
		}
		r.mu.Unlock()
		if current {
			r.changed()
		}
	}
	var h holder
	id := identity(p)
	if place.offline {
		h, id = &offlineHolder{passkey: r.shelf.Get(p.Pairing), limit: r.socket.MaxMessage()}, offlineIdentity(p)
	} else {
		k := &key{ask: r.ask, phone: p.ID, limit: r.socket.MaxMessage(), now: r.now, log: r.log}
		k.tell = func(q Request) { show(func(s *slot) { s.asked = q }) }
		if r.signedIn != nil {
			k.signedIn = func(answer []byte) { r.signedIn(p.Pairing, answer) }
		}
		h = k
	}
	r.done.Go(func() {
		defer close(ended)
		defer stop()
		if before != nil {
			<-before
		}
		r.keep(running, h, p.ID, id, show)
	})
}

// keep keeps the key plugged in until ctx ends, trying again after failures.
func (r *ring) keep(ctx context.Context, h holder, phone postern.PhoneID, id hid.Identity, show func(func(*slot))) {
	for wait := retryFirst; ; wait = min(2*wait, retryMost) {
		show(func(s *slot) { s.state = KeyAsking })
		err := h.learn(ctx)
		if err == nil {
			in := func() {
				wait = retryFirst
				r.log.Info("security key plugged in", "phone", phone, "serial", id.Serial)
				show(func(s *slot) { s.state, s.problem = KeyIn, nil })
			}
			err = r.socket.Plug(ctx, id, in, func(ctx context.Context, reports hid.Reports) error {
				ctx, out := context.WithCancel(ctx)
				defer out()
				if o, is := h.(*offlineHolder); is {
					o.out.Store(&out)
				}
				return hid.Serve(ctx, reports, h, ctaphid.Config{Major: firmware, Lock: true})
			})
		}
		if ctx.Err() != nil {
			r.log.Info("security key unplugged", "phone", phone, "serial", id.Serial)
			return
		}
		if o, is := h.(*offlineHolder); is && err == nil && o.blocked() {
			show(func(s *slot) { s.state = KeyOut })
			err, wait = nil, retryFirst
		} else {
			if err == nil {
				err = errLetGo
			}
			r.log.Warn("security key is not plugged in", "phone", phone, "error", err)
			show(func(s *slot) { s.state, s.problem = KeyFailed, keyProblem(err) })
		}
		if r.sleep(ctx, wait) != nil {
			return
		}
	}
}

var errLetGo = errors.New("the system let the virtual security key go")

// keyProblem is why a key is not plugged in, for people.
func keyProblem(err error) *Problem {
	if u, ok := errors.AsType[*hid.Unavailable](err); ok {
		return &Problem{Code: postern.CodeUnavailable, Message: u.Message, Next: u.Next}
	}
	if errors.Is(err, errLetGo) || errors.Is(err, errDetached) {
		return &Problem{
			Code: postern.CodeUnavailable, Message: "This system let the virtual security key go.",
			Next: "It is plugged in again by itself; if that goes on, see the log of the system.",
		}
	}
	o := outcomeOf(err)
	return &Problem{Code: postern.CodeUnavailable, Message: o.message, Next: o.next}
}

// identity is how a phone's key looks on the bus: the same each time, and told apart from the keys of other phones. The
// serial number says nothing of the phone to those who do not know the pairing.
func identity(p workstation.Phone) hid.Identity {
	id := hid.DefaultIdentity()
	id.Serial = Serial(p.Pairing)
	if name := label(p.Name); name != "" {
		id.Name = "Security Key (" + name + ")"
	}
	return id
}

// Serial is the serial number of the key that stands for a pairing.
func Serial(id postern.PairingID) string {
	sum := sha256.Sum256([]byte("postern/security-key/serial\x00" + string(id)))
	return hex.EncodeToString(sum[:8])
}

// label makes a name fit for a device's.
func label(name string) string {
	name = strings.TrimSpace(strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) || c == '(' || c == ')' {
			return -1
		}
		return c
	}, name))
	if runes := []rune(name); len(runes) > maxKeyName {
		name = strings.TrimSpace(string(runes[:maxKeyName-1])) + "…"
	}
	return name
}

// close unplugs all keys and waits until they are out.
func (r *ring) close() {
	r.mu.Lock()
	for _, place := range r.slots {
		place.unplug()
	}
	r.mu.Unlock()
	r.done.Wait()
}

// keyView is what is shown of a slot.
type keyView struct {
	state   KeyState
	problem *Problem
	offline bool
	try     *time.Time // until when the offline key is tried
}

func (r *ring) view() (keys map[postern.PairingID]keyView, asked []Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	keys = map[postern.PairingID]keyView{}
	for _, id := range slices.Sorted(maps.Keys(r.slots)) {
		s := r.slots[id]
		keys[id] = keyView{s.state, s.problem, s.offline, r.trying(id)}
		if q := s.asked; q != (Request{}) {
			q.Phone, q.Name = s.phone, s.name
			asked = append(asked, q)
		}
	}
	return keys, asked
}
