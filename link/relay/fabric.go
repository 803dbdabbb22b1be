package relay

import (
	"context"
	"errors"
	"sync"
)

// Fabric joins the hubs of a control center, so that a device at one reaches a device at another. Addresses are names
// of peers ([ValidPeer]); messages are the hubs' own, and hold sealed payloads.
type Fabric interface {
	// Subscribe has deliver called with each message to the address, one after the other, until stop is called.
	// deliver does not keep the message, and returns soon. More than one may subscribe to an address.
	Subscribe(address string, deliver func(message []byte)) (stop func(), err error)
	// Publish hands a message to everybody who subscribed to the address. It returns [ErrNobody] when nobody did.
	// Messages of one caller to one address arrive in order.
	Publish(ctx context.Context, address string, message []byte) error
}

// ErrNobody is what [Fabric.Publish] returns when nobody listens.
var ErrNobody = errors.New("relay: nobody listens there")

// InProcess is a [Fabric] within one process. The zero value is ready.
type InProcess struct {
	mu          sync.Mutex
	subscribers map[string]map[*subscriber]struct{}
}

type subscriber struct{ deliver func([]byte) }

// Subscribe implements [Fabric].
func (f *InProcess) Subscribe(address string, deliver func([]byte)) (func(), error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.subscribers == nil {
		f.subscribers = make(map[string]map[*subscriber]struct{})
	}
	if f.subscribers[address] == nil {
		f.subscribers[address] = make(map[*subscriber]struct{})
	}
	s := &subscriber{deliver}
	f.subscribers[address][s] = struct{}{}
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.subscribers[address], s)
		if len(f.subscribers[address]) == 0 {
			delete(f.subscribers, address)
		}
	}, nil
}

// Publish implements [Fabric]. It delivers before it returns.
func (f *InProcess) Publish(ctx context.Context, address string, message []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f.mu.Lock()
	all := make([]*subscriber, 0, len(f.subscribers[address]))
	for s := range f.subscribers[address] {
		all = append(all, s)
	}
	f.mu.Unlock()
	if len(all) == 0 {
		return ErrNobody
	}
	for _, s := range all {
		s.deliver(message)
	}
	return nil
}

// message is what hubs say to each other: about a device, to the address of another.
//
//	kind (1) ‖ session (8) ‖ from (1 + n) ‖ via (1 + n) ‖ body
type message struct {
	kind    byte
	session sessionID // of the device it is about
	from    string    // the device it is about
	via     string    // the rendezvous, or empty
	body    []byte
}

// sessionID tells one session of a device from the next.
type sessionID [8]byte

const (
	messageData     byte = 1 + iota // body: payload
	messagePresence                 // body: state (1) ‖ 1 when the same is asked in return
	messageRefusal                  // body: code; from is who did not take it
	messageClaim                    // to the device's own address: session is the one that counts from now on
	messageCut                      // to the device's own address: end the session
	messageRecheck                  // to the device's own address: ask the policy again
	messageForget                   // what is known of whether from may talk is out of date
	messageNews                     // to the device's own address: tell it that there is news
	messageProbe                    // to a rendezvous: is anybody there
)

func (m message) encode() []byte {
	b := make([]byte, 0, 11+len(m.from)+len(m.via)+len(m.body))
	b = append(append(b, m.kind), m.session[:]...)
	return append(appendText(appendText(b, m.from), m.via), m.body...)
}

func decodeMessage(b []byte) (m message, ok bool) {
	if len(b) < 9 || len(b) > MaxFrame+MaxPeer {
		return message{}, false
	}
	m = message{kind: b[0], session: sessionID(b[1:9])}
	if m.from, b, ok = cutText(b[9:]); !ok || !ValidPeer(m.from) || isRendezvous(m.from) {
		return message{}, false
	}
	if m.via, b, ok = cutText(b); !ok || m.via != "" && !(ValidPeer(m.via) && isRendezvous(m.via)) {
		return message{}, false
	}
	m.body = b
	switch m.kind {
	case messageData:
		ok = len(b) > 0 && len(b) <= MaxPayload
	case messagePresence:
		ok = len(b) == 2 && State(b[0]) <= Away && b[1] <= 1
	case messageRefusal:
		ok = validCode(string(b))
	case messageClaim, messageCut, messageRecheck, messageForget, messageNews, messageProbe:
		ok = len(b) == 0
	default:
		ok = false
	}
	if !ok {
		return message{}, false
	}
	return m, true
}
