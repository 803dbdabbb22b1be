package push

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/postern/postern"
)

// How long a reason lasts. The relay cannot read the deadline of a request, which is sealed; this is what people and
// browsers wait for one.
const (
	requestLife = 2 * time.Minute
	noticeLife  = 24 * time.Hour
	offerLeast  = time.Minute // of an offer: a phone that comes late is given a new one
	offerMost   = 24 * time.Hour
)

// Bounds of one process.
const (
	maxWaiting  = 1024             // messages under way, those that wait for their next attempt included
	maxCalls    = 16               // calls of push services at once
	quietPeriod = 10 * time.Second // between two messages for one phone from one workstation
	maxRecent   = 1 << 16
)

// reason is why a phone is woken.
type reason struct {
	phone       postern.PhoneID
	kind        postern.PushKind
	workstation postern.WorkstationID // of a request
	until       time.Time
}

// key is the same for reasons of which one is enough.
func (r reason) key() string {
	return string(r.phone) + "\n" + string(r.kind) + "\n" + string(r.workstation)
}

// topic has a push service replace a message that it could not deliver by the next of its kind (RFC 8030 §5.4). It is a
// hash, so that it tells the service nothing.
func (r reason) topic() string {
	sum := sha256.Sum256([]byte(r.key()))
	return base64.RawURLEncoding.EncodeToString(sum[:24])
}

// urgency is "high" where somebody waits (RFC 8030 §5.3).
func (r reason) urgency() string {
	if r.kind == postern.PushNotice {
		return "normal"
	}
	return "high"
}

// Missed is the hub's hook (relay.HubConfig.Missed): a payload for a device that is not connected. It returns at once.
func (s *Service) Missed(from, to string) {
	if strings.HasPrefix(to, postern.PrefixPhone+"_") {
		s.Wake(postern.PhoneID(to), postern.WorkstationID(from))
	}
}

// Wake tells a phone that a workstation wants to use it. It returns at once.
func (s *Service) Wake(phone postern.PhoneID, workstation postern.WorkstationID) {
	s.wake(reason{phone, postern.PushRequest, workstation, s.Now().Add(requestLife)})
}

// Offered tells a phone that a passkey is offered to it until a time. It returns at once.
func (s *Service) Offered(phone postern.PhoneID, until time.Time) {
	now := s.Now()
	life := min(max(until.Sub(now), offerLeast), offerMost)
	s.wake(reason{phone, postern.PushProvisioning, "", now.Add(life)})
}

// Notify tells a phone that something changed that its user should know. It returns at once.
func (s *Service) Notify(phone postern.PhoneID) {
	s.wake(reason{phone, postern.PushNotice, "", s.Now().Add(noticeLife)})
}

func (s *Service) wake(r reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	if !s.recent.admit(r.key(), s.Now()) {
		s.counts.limited.Add(1)
		return
	}
	select {
	case s.slots <- struct{}{}:
	default:
		s.counts.dropped.Add(1)
		return
	}
	s.work.Go(func() {
		defer func() { <-s.slots }()
		s.deliver(s.base, r)
	})
}

// limiter lets each key through once in quietPeriod.
type limiter struct {
	mu   sync.Mutex
	last map[string]time.Time
}

func (l *limiter) admit(key string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if last, ok := l.last[key]; ok && now.Sub(last) < quietPeriod && !now.Before(last) {
		return false
	}
	if len(l.last) >= maxRecent {
		for k, last := range l.last {
			if now.Sub(last) >= quietPeriod {
				delete(l.last, k)
			}
		}
		if len(l.last) >= maxRecent {
			return false
		}
	}
	l.last[key] = now
	return true
}

type counts struct{ sent, gone, failed, expired, limited, dropped atomic.Uint64 }

// Stats are what became of the reasons to wake a phone.
type Stats struct {
	Sent    uint64 // taken by a push service
	Gone    uint64 // the subscription is no more
	Failed  uint64 // refused, or not to be sent
	Expired uint64 // not taken in time
	Limited uint64 // another was sent a moment ago
	Dropped uint64 // too many were under way
}

// Stats returns what became of the reasons so far. A phone without a subscription is not counted.
func (s *Service) Stats() Stats {
	c := &s.counts
	return Stats{c.sent.Load(), c.gone.Load(), c.failed.Load(), c.expired.Load(), c.limited.Load(), c.dropped.Load()}
}
