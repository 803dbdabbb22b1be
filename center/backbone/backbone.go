// Package backbone carries short notices between the parts of a control center: "this phone has news", "this
// integration changed".
//
// It owns delivery, not meaning. A notice is a hint: it may be lost or repeated, so whoever waits for one looks at the
// database before and after, and at intervals besides.
package backbone

import (
	"context"
	"sync"
)

// Backbone delivers notices to everybody who waits for their topic.
type Backbone interface {
	Publish(topic string)
	// Subscribe returns a channel that is signalled after each notice on topic; notices that come while one is
	// unread are one. stop ends the subscription.
	Subscribe(topic string) (notices <-chan struct{}, stop func())
}

// InProcess is a backbone within one process. The zero value is ready.
type InProcess struct {
	mu    sync.Mutex
	waits map[string]map[chan struct{}]struct{}
}

// Publish implements [Backbone].
func (b *InProcess) Publish(topic string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.signal(topic)
}

// PublishAll publishes on every topic that somebody waits for: notices may have been lost, so everybody looks.
func (b *InProcess) PublishAll() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for topic := range b.waits {
		b.signal(topic)
	}
}

// signal tells those who wait for the topic. b.mu is held.
func (b *InProcess) signal(topic string) {
	for c := range b.waits[topic] {
		select {
		case c <- struct{}{}:
		default: // one unread notice says as much as two
		}
	}
}

// Subscribe implements [Backbone].
func (b *InProcess) Subscribe(topic string) (<-chan struct{}, func()) {
	c := make(chan struct{}, 1)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waits == nil {
		b.waits = make(map[string]map[chan struct{}]struct{})
	}
	if b.waits[topic] == nil {
		b.waits[topic] = make(map[chan struct{}]struct{})
	}
	b.waits[topic][c] = struct{}{}
	return c, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.waits[topic], c)
		if len(b.waits[topic]) == 0 {
			delete(b.waits, topic)
		}
	}
}

// Wait blocks until a notice on the channel or the end of ctx, and reports whether there was a notice.
func Wait(ctx context.Context, notices <-chan struct{}) bool {
	select {
	case <-notices:
		return true
	case <-ctx.Done():
		return false
	}
}
