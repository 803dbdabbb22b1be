package link

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/link/channel"
	"github.com/postern/postern/link/relay"
	"github.com/postern/postern/link/signed"
)

// rules is the relay's policy: everybody of the world is who they say, and all may talk but to whom it parts.
type rules struct {
	mu     sync.Mutex
	phone  string
	desks  []string
	parted map[string]postern.Code
}

func (r *rules) Authenticate(_ context.Context, proof string) (string, error) {
	if desk, ok := strings.CutPrefix(proof, "by."); ok {
		return desk, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.phone, r.why(r.phone)
}

func (r *rules) MayTalk(_ context.Context, from, to string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(r.why(from), r.why(to))
}

func (r *rules) why(device string) error {
	if code := r.parted[device]; code != "" {
		return postern.Errorf(code, "")
	}
	return nil
}

func (r *rules) Peers(_ context.Context, device string) ([]string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if device == r.phone {
		return r.desks, nil
	}
	return []string{r.phone}, nil
}

func (r *rules) MayMeet(context.Context, string, string) error { return nil }

func (r *rules) part(device string, code postern.Code) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.parted[device] = code
}

// world is a relay, the link under test, and workstations that speak as the specification says.
type world struct {
	*rules
	t    *testing.T
	ctx  context.Context
	hub  *relay.Hub
	all  sync.WaitGroup
	link *Link
	conn relay.Conn // the phone's
	id   postern.IntegrationID
	key  channel.Static
	list []Workstation

	handling sync.Mutex
	handle   func(ctx context.Context, r *Request) Answer
	news     int
}

// inWorld runs a test with a phone that is connected, in a bubble whose time passes when all have nothing to do.
func inWorld(t *testing.T, f func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w := &world{t: t, ctx: ctx, id: postern.NewID[postern.IntegrationID](postern.PrefixIntegration)}
		w.rules = &rules{phone: string(postern.NewID[postern.PhoneID](postern.PrefixPhone)), parted: map[string]postern.Code{}}
		w.hub = relay.NewHub(relay.HubConfig{Policy: w.rules})
		api, err := signed.NewCaller(signed.Phone, server, silence{t}, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		_, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		api.SignAs(w.phone, private)
		if w.key, err = channel.GenerateStatic(rand.Reader); err != nil {
			t.Fatal(err)
		}
		w.link = New(Config{
			API: api, Integration: w.id, Key: w.key, Random: rand.Reader, Now: time.Now, Log: slog.New(slog.DiscardHandler),
			Dial: func(ctx context.Context, _ string) (relay.Conn, error) {
				conn, err := w.dial(ctx)
				w.conn = conn
				return conn, err
			},
			Handle: func(ctx context.Context, r *Request) Answer {
				w.handling.Lock()
				handle := w.handle
				w.handling.Unlock()
				return handle(ctx, r)
			},
			News: func() { w.handling.Lock(); w.news++; w.handling.Unlock() },
		})
		w.answers(func(_ context.Context, r *Request) Answer { return Answer{CTAP: append([]byte{0}, r.CTAP...)} })
		w.all.Go(func() { _ = w.link.Run(ctx) })
		synctest.Wait()
		if s := w.link.Status(); s.State != Online {
			t.Fatalf("the phone is %s", s.State)
		}
		f(w)
		cancel()
		w.hub.Close()
		w.all.Wait()
	})
}

func (w *world) dial(context.Context) (relay.Conn, error) {
	device, server := relay.Pipe()
	w.all.Go(func() { _ = w.hub.Serve(w.ctx, server) })
	return device, nil
}

func (w *world) answers(f func(ctx context.Context, r *Request) Answer) {
	w.handling.Lock()
	defer w.handling.Unlock()
	w.handle = f
}

// desk is a workstation that is paired with the phone.
type desk struct {
	w        *world
	id       string
	paired   Workstation
	prologue channel.Prologue
	key      channel.Static
	client   *relay.Client

	mu      sync.Mutex
	hello   *channel.Handshake
	machine *channel.Workstation
	first   []byte // message of the last handshake
	events  []any
	over    int
}

func (w *world) desk() *desk {
	w.t.Helper()
	key, err := channel.GenerateStatic(rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	raw := [16]byte{byte(len(w.list) + 1)}
	d := &desk{w: w, key: key, id: string(postern.NewID[postern.WorkstationID](postern.PrefixWorkstation))}
	d.paired = Workstation{Pairing: postern.NewPairingID(raw), ID: postern.WorkstationID(d.id), Key: key.Public()}
	d.prologue = channel.Prologue{Origin: server, Integration: string(w.id), Workstation: d.id, PairingID: raw}
	w.mu.Lock()
	w.desks = append(w.desks, d.id)
	w.mu.Unlock()
	w.list = append(w.list, d.paired)
	w.link.SetWorkstations(w.list)
	d.client = relay.NewClient(relay.ClientConfig{Dial: w.dial, Hello: func(context.Context) (string, error) { return "by." + d.id, nil }})
	w.all.Go(func() { _ = d.client.Run(w.ctx) })
	w.all.Go(func() {
		for {
			e, err := d.client.Next(w.ctx)
			if err != nil {
				return
			}
			if data, ok := e.(relay.Data); ok {
				d.take(data.Payload)
			}
		}
	})
	synctest.Wait()
	return d
}

func (d *desk) take(payload []byte) {
	kind, body, err := channel.SplitPayload(payload)
	if err != nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch kind {
	case channel.PayloadHandshake:
		if d.hello == nil || d.hello.Read(body) != nil {
			return
		}
		if noise, ok := d.hello.Done(); ok {
			d.machine, _ = channel.NewWorkstation(noise)
		}
		d.hello = nil
	case channel.PayloadSealed:
		if d.machine != nil {
			d.follow(d.machine.Receive(time.Now(), body))
		}
	case channel.PayloadOver:
		d.over++
	}
}

// follow does what a step says. d.mu is held.
func (d *desk) follow(step channel.Step) {
	for _, m := range step.Send {
		d.post(channel.PayloadSealed, m)
	}
	for _, e := range step.Events {
		d.events = append(d.events, e)
	}
}

func (d *desk) post(kind byte, body []byte) {
	if err := d.client.Send(d.w.ctx, d.w.phone, channel.Payload(kind, body)); err != nil {
		d.w.t.Error(err)
	}
}

// begin begins a session.
func (d *desk) begin() {
	d.w.t.Helper()
	h, err := channel.NewWorkstationSession(channel.Config{Random: rand.Reader, Time: time.Now(), Static: d.key, Prologue: d.prologue, Peer: d.w.key.Public()})
	if err != nil {
		d.w.t.Fatal(err)
	}
	first, err := h.Write()
	if err != nil {
		d.w.t.Fatal(err)
	}
	d.mu.Lock()
	d.hello, d.first, d.machine = h, first, nil
	d.mu.Unlock()
	d.post(channel.PayloadHandshake, first)
	synctest.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.machine == nil {
		d.w.t.Fatal("the phone did not answer the handshake")
	}
}

// ask sends a request.
func (d *desk) ask(ctap string, within time.Duration) uint32 {
	d.w.t.Helper()
	d.mu.Lock()
	number, step, err := d.machine.Request(time.Now(), time.Now().Add(within), []byte(ctap), "a program")
	if err != nil {
		d.mu.Unlock()
		d.w.t.Fatal(err)
	}
	d.follow(step)
	d.mu.Unlock()
	synctest.Wait()
	return number
}

// heard gives what the workstation was told since the last time.
func (d *desk) heard() (all []any) {
	synctest.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	all, d.events = d.events, nil
	return all
}
