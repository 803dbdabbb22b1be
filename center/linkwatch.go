package center

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/backbone"
	"github.com/postern/postern/center/device"
	"github.com/postern/postern/center/integration"
	"github.com/postern/postern/center/lifecycle"
	"github.com/postern/postern/link/relay"
)

const (
	// integrationsTopic is published beside the topic of each integration, for the replicas: which integrations there
	// are, each of them sees for itself.
	integrationsTopic = "integrations"
	// everyoneTopic is published nowhere: it has all devices at this replica looked at.
	everyoneTopic = "everyone"
	// lookAgain is how often a replica looks at the integrations without a notice, which may get lost.
	lookAgain = 30 * time.Second
	// tellersAtOnce bounds how many devices are told at the same time.
	tellersAtOnce = 8
	// tellWithin bounds one round of telling. What it does not reach, the hub finds out by itself within
	// [relay.VerdictLife].
	tellWithin = time.Minute
)

// linkWatch has the link follow what changes. It stands before the backbone, so it hears every notice of this process,
// and has the hub look at the devices concerned, wherever they are connected. What is known of an integration is looked
// at by every replica for the devices that it has itself.
type linkWatch struct {
	backbone.Backbone
	log *slog.Logger

	hub          *relay.Hub
	devices      *device.Service
	integrations *integration.Service

	base context.Context // ends with Close
	stop context.CancelFunc

	mu      sync.Mutex
	closed  bool
	pending map[string]struct{} // topics that nobody looked at yet
	looking sync.WaitGroup      // whoever looks at them
	busy    bool

	known map[postern.IntegrationID]int64 // versions; only by whoever looks
}

func newLinkWatch(notices backbone.Backbone, log *slog.Logger) *linkWatch {
	w := &linkWatch{Backbone: notices, log: log, pending: make(map[string]struct{})}
	w.base, w.stop = context.WithCancel(context.Background())
	return w
}

// tell says whom to ask and whom to tell. It comes before the first notice.
func (w *linkWatch) tell(hub *relay.Hub, devices *device.Service, integrations *integration.Service) {
	w.hub, w.devices, w.integrations = hub, devices, integrations
}

// Publish implements [backbone.Backbone]. It does not wait for the devices to be told.
func (w *linkWatch) Publish(topic string) {
	w.Backbone.Publish(topic)
	if strings.HasPrefix(topic, integration.Topic("")) {
		topic = integrationsTopic
		w.Backbone.Publish(topic)
	}
	w.look(topic)
}

// Run looks at the integrations when another replica changed one, until ctx ends.
func (w *linkWatch) Run(ctx context.Context) {
	notices, stop := w.Subscribe(integrationsTopic)
	defer stop()
	ticker := time.NewTicker(lookAgain)
	defer ticker.Stop()
	for {
		w.look(integrationsTopic)
		select {
		case <-notices:
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// distrust has all devices at this replica looked at, after what other replicas said may have been missed.
func (w *linkWatch) distrust() { w.look(everyoneTopic) }

// Close gives up what is under way.
func (w *linkWatch) Close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.stop()
	w.looking.Wait()
}

// look has a topic looked at, by the one who looks already if there is one.
func (w *linkWatch) look(topic string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	w.pending[topic] = struct{}{}
	if w.busy {
		return
	}
	w.busy = true
	w.looking.Go(w.lookAtAll)
}

// lookAtAll looks until there is nothing left.
func (w *linkWatch) lookAtAll() {
	for {
		w.mu.Lock()
		topics := w.pending
		if len(topics) == 0 || w.closed {
			w.busy = false
			w.mu.Unlock()
			return
		}
		w.pending = make(map[string]struct{})
		w.mu.Unlock()
		ctx, cancel := context.WithTimeout(w.base, tellWithin)
		w.tellAll(ctx, w.concerned(ctx, topics))
		cancel()
	}
}

// need is what a device needs: to be looked at anew, or only to be told to ask anew.
type need bool

const (
	news    need = false
	recheck need = true
)

// concerned finds the devices that topics are about.
func (w *linkWatch) concerned(ctx context.Context, topics map[string]struct{}) map[postern.DeviceID]need {
	who := make(map[postern.DeviceID]need)
	if _, ok := topics[integrationsTopic]; ok {
		w.ofIntegrations(ctx, who)
	}
	if _, ok := topics[everyoneTopic]; ok {
		for _, id := range w.hub.Distrust() {
			who[postern.DeviceID(id)] = recheck
		}
	}
	for topic := range topics {
		if id, ok := strings.CutPrefix(topic, device.Topic("")); ok {
			who[postern.DeviceID(id)] = recheck
		}
		if id, ok := strings.CutPrefix(topic, device.WorkstationTopic("")); ok {
			who[postern.DeviceID(id)] = recheck
			w.peers(ctx, who, postern.DeviceID(id)) // they show its name
		}
		if id, ok := strings.CutPrefix(topic, lifecycle.Topic("")); ok {
			phones, err := w.devices.Phones(ctx, postern.UserID(id))
			if err != nil {
				w.failed(ctx, err)
			}
			for _, p := range phones {
				who[postern.DeviceID(p.ID)] = recheck
				w.peers(ctx, who, postern.DeviceID(p.ID)) // they show the phase
			}
		}
	}
	return who
}

// peers adds those paired with a device, who are to ask anew.
func (w *linkWatch) peers(ctx context.Context, who map[postern.DeviceID]need, id postern.DeviceID) {
	pairings, err := w.devices.Peers(ctx, id)
	if err != nil {
		w.failed(ctx, err)
	}
	for _, p := range pairings {
		who[p.Peer(id)] = who[p.Peer(id)] || news
	}
}

// ofIntegrations adds the devices at this replica whose integration is not as it was. From then on the hub asks about
// each payload anew, however long it takes to look at every device.
func (w *linkWatch) ofIntegrations(ctx context.Context, who map[postern.DeviceID]need) {
	all, err := w.integrations.List(ctx)
	if err != nil {
		w.failed(ctx, err)
		return
	}
	now := make(map[postern.IntegrationID]int64, len(all))
	changed := len(all) != len(w.known)
	for _, i := range all {
		now[i.ID] = i.Version
		changed = changed || w.known[i.ID] != i.Version
	}
	w.known = now
	if !changed {
		return
	}
	for _, id := range w.hub.Distrust() {
		who[postern.DeviceID(id)] = recheck
	}
}

// tellAll tells the devices, some at a time.
func (w *linkWatch) tellAll(ctx context.Context, who map[postern.DeviceID]need) {
	var tellers sync.WaitGroup
	defer tellers.Wait()
	places := make(chan struct{}, tellersAtOnce)
	for id, need := range who {
		places <- struct{}{}
		tellers.Go(func() {
			defer func() { <-places }()
			w.tellOne(ctx, id, need)
		})
	}
}

// tellOne has the hub look at a device, and tells the device. One that is no longer known is cut.
func (w *linkWatch) tellOne(ctx context.Context, id postern.DeviceID, what need) {
	if ctx.Err() != nil {
		return
	}
	if what == recheck {
		stands, err := w.devices.Stands(ctx, id)
		switch {
		case err != nil:
			w.failed(ctx, err)
		case !stands:
			w.hub.Cut(ctx, string(id))
			return
		}
		w.hub.Recheck(ctx, string(id))
	}
	w.hub.News(ctx, string(id))
}

func (w *linkWatch) failed(ctx context.Context, err error) {
	if ctx.Err() == nil {
		w.log.WarnContext(ctx, "the devices that a change concerns could not be looked at", "error", err)
	}
}
