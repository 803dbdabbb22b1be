package relay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postern/postern"
)

// rules is a policy in memory. A proof is the name of the device, after "by.".
type rules struct {
	mu     sync.Mutex
	pairs  map[[2]string]error // nil: may talk
	meet   error
	broken error // when set, what Peers and MayTalk answer
	asked  int
}

func paired(names ...string) *rules {
	r := &rules{pairs: make(map[[2]string]error)}
	for i := 0; i+1 < len(names); i += 2 {
		r.pair(names[i], names[i+1])
	}
	return r
}

func (r *rules) pair(a, b string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pairs[[2]string{a, b}], r.pairs[[2]string{b, a}] = nil, nil
}

func (r *rules) part(a, b string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.pairs, [2]string{a, b})
	delete(r.pairs, [2]string{b, a})
}

func (r *rules) Authenticate(_ context.Context, proof string) (string, error) {
	device, ok := strings.CutPrefix(proof, "by.")
	if !ok {
		return "", postern.Errorf(postern.CodePhoneProof, "")
	}
	return device, nil
}

func (r *rules) MayTalk(_ context.Context, from, to string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	if r.broken != nil {
		return r.broken
	}
	err, ok := r.pairs[[2]string{from, to}]
	if !ok {
		return postern.Errorf(postern.CodeLinkNotPaired, "")
	}
	return err
}

func (r *rules) Peers(_ context.Context, device string) (peers []string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for pair := range r.pairs {
		if pair[0] == device {
			peers = append(peers, pair[1])
		}
	}
	return peers, r.broken
}

func (r *rules) MayMeet(context.Context, string, string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.meet
}

// world is some hubs, joined, in a bubble of their own.
type world struct {
	t      testing.TB
	ctx    context.Context
	rules  *rules
	fabric *InProcess
	hubs   []*Hub
	all    sync.WaitGroup
}

// inWorld runs a test with two hubs. It fails when a goroutine, a session or a subscription is left at the end.
func inWorld(t *testing.T, r *rules, f func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { runWorld(t, t.Context(), r, f) })
}

func runWorld(t testing.TB, ctx context.Context, r *rules, f func(w *world)) {
	ctx, cancel := context.WithCancel(ctx)
	w := &world{t: t, ctx: ctx, rules: r, fabric: new(InProcess)}
	for range 2 {
		w.hubs = append(w.hubs, NewHub(HubConfig{Policy: r, Fabric: w.fabric, Limits: Limits{FramesPerSecond: 1000}}))
	}
	f(w)
	cancel()
	for _, h := range w.hubs {
		h.Close()
	}
	w.all.Wait()
	for i, h := range w.hubs {
		if len(h.sessions)+len(h.tokens)+len(h.meetings)+h.greeting != 0 {
			t.Errorf("hub %d keeps %d sessions, %d tokens, %d rendezvous", i, len(h.sessions), len(h.tokens), len(h.meetings))
		}
	}
	if len(w.fabric.subscribers) != 0 {
		t.Errorf("%d addresses are still subscribed to", len(w.fabric.subscribers))
	}
}

// dial connects to a hub.
func (w *world) dial(hub int) Conn {
	device, relay := Pipe()
	w.all.Go(func() { _ = w.hubs[hub].Serve(w.ctx, relay) })
	return device
}

// wire is a device whose frames a test writes one by one.
type wire struct {
	Conn
	w *world
}

func (w *world) wire(hub int) *wire { return &wire{w.dial(hub), w} }

// join is a wire that was welcomed.
func (w *world) join(hub int, device string) (*wire, Welcome) {
	w.t.Helper()
	c := w.wire(hub)
	c.send(Hello{Proof: "by." + device})
	welcome, ok := c.next().(Welcome)
	if !ok {
		w.t.Fatalf("%s is not welcome", device)
	}
	return c, welcome
}

func (c *wire) send(f Frame) {
	c.w.t.Helper()
	if err := c.Write(c.w.ctx, Encode(f)); err != nil {
		c.w.t.Fatalf("%T: %v", f, err)
	}
}

// next returns the next frame other than an acknowledgement, or nil when none comes and when the connection ended.
func (c *wire) next() Frame {
	ctx, cancel := context.WithTimeout(c.w.ctx, time.Second)
	defer cancel()
	for {
		f, err := readFrame(ctx, c)
		if err != nil {
			if e := (*postern.Error)(nil); errors.As(err, &e) {
				c.w.t.Errorf("the relay sent what is no frame: %v", err)
			}
			return nil
		}
		if _, ok := f.(Acknowledge); !ok {
			return f
		}
	}
}

// expect checks the next frames, written in short.
func (c *wire) expect(want ...string) {
	c.w.t.Helper()
	for _, s := range want {
		if got := short(c.next()); got != s {
			c.w.t.Fatalf("got %s, want %s", got, s)
		}
	}
}

func (c *wire) expectNothing() {
	c.w.t.Helper()
	c.expect("nothing")
}

// short is a frame or event in a form for comparison, without its number.
func short(f any) string {
	switch f := f.(type) {
	case nil:
		return "nothing"
	case Welcome:
		return fmt.Sprintf("welcome %d", f.Received)
	case Data:
		return fmt.Sprintf("%s: %s", f.Peer, f.Payload)
	case Presence:
		return fmt.Sprintf("%s is %s", f.Peer, f.State)
	case Refusal:
		if f.Peer == "" {
			return fmt.Sprintf("refused %s", f.Code)
		}
		return fmt.Sprintf("refused %s for %s", f.Code, f.Peer)
	case Rendezvous:
		return "open at " + f.Pairing.Peer()
	case News:
		return "news"
	case Connected:
		return fmt.Sprintf("connected %t", f.Resumed)
	case Disconnected:
		return "disconnected"
	}
	return fmt.Sprintf("%T", f)
}

// device is a running client whose connections a test can break.
type device struct {
	*Client
	w      *world
	cancel context.CancelFunc

	mu     sync.Mutex
	hub    int
	conn   Conn
	hellos int
	down   bool
	err    error // of Run
}

func (w *world) device(hub int, name string) *device {
	d := &device{w: w, hub: hub}
	ctx, cancel := context.WithCancel(w.ctx)
	d.cancel = cancel
	d.Client = NewClient(ClientConfig{
		Dial: func(context.Context) (Conn, error) {
			d.mu.Lock()
			defer d.mu.Unlock()
			if d.down {
				return nil, errBroken
			}
			d.conn = w.dial(d.hub)
			return d.conn, nil
		},
		Hello: func(context.Context) (string, error) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.hellos++
			return "by." + name, nil
		},
		Jitter: func() float64 { return 0.5 },
	})
	w.all.Go(func() {
		err := d.Run(ctx)
		d.mu.Lock()
		defer d.mu.Unlock()
		d.err = err
	})
	return d
}

// breaks breaks the present connection.
func (d *device) breaks() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.conn != nil {
		_ = d.conn.Close(Broken)
	}
}

func (d *device) setDown(down bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.down = down
}

func (d *device) expect(want ...string) {
	d.w.t.Helper()
	for _, s := range want {
		ctx, cancel := context.WithTimeout(d.w.ctx, time.Second)
		e, err := d.Next(ctx)
		cancel()
		if got := short(e); got != s {
			d.w.t.Fatalf("got %s (%v), want %s", got, err, s)
		}
	}
}

func (d *device) says(peer, text string) {
	d.w.t.Helper()
	ctx, cancel := context.WithTimeout(d.w.ctx, 10*time.Minute)
	defer cancel()
	if err := d.Send(ctx, peer, []byte(text)); err != nil {
		d.w.t.Fatal(err)
	}
}

// expectSet takes as many events as are wanted, in any order.
func (d *device) expectSet(want ...string) {
	d.w.t.Helper()
	var got []string
	for range want {
		ctx, cancel := context.WithTimeout(d.w.ctx, time.Second)
		e, _ := d.Next(ctx)
		cancel()
		got = append(got, short(e))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		d.w.t.Fatalf("got %q, want %q", got, want)
	}
}
