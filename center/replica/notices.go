package replica

import (
	"bytes"

	"github.com/nats-io/nats.go"

	"github.com/postern/postern/center/backbone"
)

// Bounds of notices.
const (
	maxTopic          = 256 // bytes
	maxPendingNotices = 1 << 16
	maxPendingBytes   = 8 << 20
)

// Notices is the [backbone.Backbone] of all replicas.
type Notices struct {
	bus   *Bus
	local backbone.InProcess
}

func (n *Notices) subject() string { return n.bus.prefix + ".notice" }

// start has what other replicas publish delivered here.
func (n *Notices) start() error {
	sub, err := n.bus.conn.Subscribe(n.subject(), func(m *nats.Msg) {
		origin := n.bus.origin[:]
		if len(m.Data) <= len(origin) || len(m.Data) > len(origin)+maxTopic || bytes.HasPrefix(m.Data, origin) {
			return
		}
		n.bus.counts.noticesReceived.Add(1)
		n.local.Publish(string(m.Data[len(origin):]))
	})
	if err != nil {
		return err
	}
	if n.bus.conn.IsConnected() {
		_ = n.bus.conn.FlushTimeout(connectWithin) // without an answer it is made when the connection is back
	}
	return sub.SetPendingLimits(maxPendingNotices, maxPendingBytes)
}

// Publish implements [backbone.Backbone]. Those who wait in this process are told before it returns, others soon, or not
// at all while NATS cannot be reached.
func (n *Notices) Publish(topic string) {
	n.local.Publish(topic)
	if len(topic) > maxTopic || !n.bus.conn.IsConnected() {
		return
	}
	if n.bus.conn.Publish(n.subject(), append(n.bus.origin[:len(n.bus.origin):len(n.bus.origin)], topic...)) == nil {
		n.bus.counts.noticesSent.Add(1)
	} // otherwise the connection broke just now, and everybody looks when it is back
}

// Subscribe implements [backbone.Backbone].
func (n *Notices) Subscribe(topic string) (<-chan struct{}, func()) { return n.local.Subscribe(topic) }
