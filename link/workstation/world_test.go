package workstation_test

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/link/relay"
	"github.com/postern/postern/link/signed"
	"github.com/postern/postern/link/workstation"
)

const origin = "https://postern.example.com"

// world is a relay, a control center as its workstations see it, and a workstation.
type world struct {
	*center
	t      testing.TB
	ctx    context.Context
	hub    *relay.Hub
	serves sync.WaitGroup

	seeding sync.Mutex
	seeds   uint64
}

// inWorld runs a test in a bubble of its own, whose time passes when all have nothing to do.
func inWorld(t *testing.T, f func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { runWorld(t, t.Context(), f) })
}

func runWorld(t testing.TB, ctx context.Context, f func(w *world)) {
	ctx, cancel := context.WithCancel(ctx)
	w := &world{t: t, ctx: ctx}
	w.center = &center{
		keys: map[string]ed25519.PublicKey{}, phones: map[postern.PhoneID]string{}, pairings: map[postern.PairingID]*postern.Pairing{},
		joined: map[string]postern.PairingID{}, links: map[postern.PairingID]postern.Bytes{},
	}
	w.hub = relay.NewHub(relay.HubConfig{Policy: w.center, Limits: relay.Limits{FramesPerSecond: 1000}, Missed: func(_, to string) {
		w.center.mu.Lock()
		defer w.center.mu.Unlock()
		w.center.woken = append(w.center.woken, to)
	}})
	w.center.hub = w.hub
	f(w)
	cancel()
	w.hub.Close()
	w.serves.Wait()
	synctest.Wait()
}

// random is a source of its own, the same in every run.
func (w *world) random() *seeded {
	w.seeding.Lock()
	defer w.seeding.Unlock()
	w.seeds++
	return &seeded{source: rand.NewChaCha8([32]byte{byte(w.seeds), byte(w.seeds >> 8)})}
}

type seeded struct {
	mu     sync.Mutex
	source *rand.ChaCha8
}

func (s *seeded) Read(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.source.Read(b)
}

// wire makes the connections of a device, which a test can break.
type wire struct {
	w    *world
	mu   sync.Mutex
	down bool
	conn relay.Conn
	urls []string
}

func (d *wire) dial(_ context.Context, url string) (relay.Conn, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.urls = append(d.urls, url)
	if d.down {
		return nil, errors.New("there is no network")
	}
	device, server := relay.Pipe()
	d.w.serves.Go(func() { _ = d.w.hub.Serve(d.w.ctx, server) })
	d.conn = device
	return device, nil
}

func (d *wire) breaks() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.conn != nil {
		_ = d.conn.Close(relay.Broken)
	}
}

func (d *wire) setDown(down bool) {
	d.mu.Lock()
	d.down = down
	d.mu.Unlock()
	if down {
		d.breaks()
	}
}

// keeper keeps what it is handed as JSON, as a file would.
type keeper struct {
	mu    sync.Mutex
	saved []string
	err   error
}

func (k *keeper) Save(_ context.Context, s *workstation.State) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil {
		return k.err
	}
	b, err := json.Marshal(s)
	k.saved = append(k.saved, string(b))
	return err
}

func (k *keeper) last(t testing.TB) *workstation.State {
	t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	s := new(workstation.State)
	if err := json.Unmarshal([]byte(k.saved[len(k.saved)-1]), s); err != nil {
		t.Fatal(err)
	}
	return s
}

// desk is a running workstation.
type desk struct {
	*workstation.Workstation
	*wire
	keeper *keeper
	env    workstation.Env
	stop   context.CancelFunc
	ended  chan struct{}
	err    error
}

func (w *world) env(d *desk) workstation.Env {
	return workstation.Env{Keeper: d.keeper, Transport: w.center, Dial: d.dial, Random: w.random(), Now: time.Now}
}

var enrolment = workstation.Enrolment{
	Server: "https://Postern.example.com:443/", Name: "Desk", Kind: postern.WorkstationAgent, Software: "test 1", OS: "Linux", JoinState: postern.JoinNone,
}

func (w *world) enrol() *desk {
	w.t.Helper()
	d := &desk{wire: &wire{w: w}, keeper: &keeper{}}
	d.env = w.env(d)
	var err error
	if d.Workstation, err = workstation.Enrol(w.ctx, enrolment, d.env); err != nil {
		w.t.Fatal(err)
	}
	d.run()
	return d
}

func (d *desk) run() {
	ctx, stop := context.WithCancel(d.w.ctx)
	d.stop, d.ended = stop, make(chan struct{})
	go func() {
		defer close(d.ended)
		d.err = d.Run(ctx)
	}()
	synctest.Wait()
}

// start enrols a workstation and a phone and pairs them by QR code.
func (w *world) start() (*desk, *phone) {
	w.t.Helper()
	d, p := w.enrol(), w.phone("Alice's phone")
	w.pair(d, p)
	return d, p
}

func (w *world) pair(d *desk, p *phone) {
	w.t.Helper()
	pairing, err := d.Pair(w.ctx, false)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := p.scan(pairing.URL()); err != nil {
		w.t.Fatal(err)
	}
	c, err := pairing.Wait(w.ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	if c.Digits != p.digits() || c.Name != p.name || len(c.Digits) != 3 {
		w.t.Fatalf("the workstation shows %+v, the phone %s", c, p.digits())
	}
	p.confirm()
	if err := pairing.Confirm(w.ctx); err != nil {
		w.t.Fatal(err)
	}
	synctest.Wait()
}

// only is the one phone of the status.
func (d *desk) only() workstation.Phone {
	d.w.t.Helper()
	s := d.Status()
	if len(s.Phones) != 1 {
		d.w.t.Fatalf("there are %d phones: %+v", len(s.Phones), s)
	}
	return s.Phones[0]
}

func wantCode(t testing.TB, err error, code postern.Code) {
	t.Helper()
	if !postern.IsCode(err, code) {
		t.Fatalf("got %v, want %s", err, code)
	}
}

// center is what of a control center a workstation meets: its routes and the policy of the relay.
type center struct {
	hub *relay.Hub

	mu       sync.Mutex
	keys     map[string]ed25519.PublicKey // of devices
	desk     *postern.Workstation
	phones   map[postern.PhoneID]string // names
	pairings map[postern.PairingID]*postern.Pairing
	joined   map[string]postern.PairingID
	links    map[postern.PairingID]postern.Bytes // link keys of workstations
	notice   *postern.PhoneNotice
	barred   postern.Code // what the relay's policy answers to all
	clock    time.Duration
	lose     string // the next answer to this path is lost after it was done
	away     bool   // the routes cannot be reached
	taken    int    // how many openings find their id taken
	woken    []string
	calls    []string
}

var integration = postern.PhoneIntegration{ID: postern.NewID[postern.IntegrationID](postern.PrefixIntegration), ApplicationName: "Contoso"}

// verify checks a compact JWS and gives the device that made it.
func (c *center) verify(proof, method, path string) (string, error) {
	parts := strings.Split(proof, ".")
	var header struct{ Typ, Kid string }
	var claims postern.PhoneProof
	if len(parts) != 3 || decode(parts[0], &header) != nil || decode(parts[1], &claims) != nil {
		return "", postern.Errorf(postern.CodeWorkstationProof, "")
	}
	key := c.keys[header.Kid]
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	switch {
	case key == nil:
		return "", postern.Errorf(postern.CodeWorkstationUnknown, "")
	case err != nil || !ed25519.Verify(key, []byte(parts[0]+"."+parts[1]), signature) || claims.Method != method || claims.Path != path:
		return "", postern.Errorf(postern.CodeWorkstationProof, "")
	case c.desk != nil && header.Kid == string(c.desk.ID) && c.desk.State == postern.WorkstationRevoked:
		return "", postern.Errorf(postern.CodeWorkstationRevoked, "")
	}
	if off := time.Unix(claims.IssuedAt, 0).Sub(time.Now().Add(c.clock)); off.Abs() > postern.PhoneProofWindow {
		return "", postern.Errorf(postern.CodeWorkstationClock, "")
	}
	return header.Kid, nil
}

func decode(part string, out any) error {
	b, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, out)
}

func (c *center) Authenticate(_ context.Context, proof string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.verify(proof, "GET", relay.Path)
}

func (c *center) MayTalk(_ context.Context, from, to string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.barred != "" {
		return postern.Errorf(c.barred, "")
	}
	for _, p := range c.pairings {
		if p.State == postern.PairingActive && string(p.Peer(postern.DeviceID(from))) == to {
			return nil
		}
	}
	return postern.Errorf(postern.CodeNotPaired, "")
}

func (c *center) Peers(_ context.Context, device string) (all []string, _ error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.pairings {
		if peer := p.Peer(postern.DeviceID(device)); p.State == postern.PairingActive && peer != "" {
			all = append(all, string(peer))
		}
	}
	return all, nil
}

func (c *center) MayMeet(_ context.Context, opener, comer string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.pairings {
		if p.State == postern.PairingPending && string(p.WorkstationID) == opener && string(p.PhoneID) == comer {
			return nil
		}
	}
	return postern.Errorf(postern.CodeNotPaired, "")
}

// changed tells devices that something of theirs has changed, as the control center does.
func (c *center) changed(devices ...string) {
	for _, d := range devices {
		if d != "" {
			c.hub.Recheck(context.Background(), d)
			c.hub.News(context.Background(), d)
		}
	}
}

// confirm is one end that confirms, join a phone that opens a code, end one end that gives a pairing up.
func (c *center) confirm(id postern.PairingID, by string) (postern.Pairing, error) {
	c.mu.Lock()
	p, err := c.open(id)
	if err != nil {
		c.mu.Unlock()
		return postern.Pairing{}, err
	}
	if by == string(p.PhoneID) {
		p.PhoneConfirmed = true
	} else {
		p.WorkstationConfirmed = true
	}
	active := p.State == postern.PairingPending && p.PhoneConfirmed && p.WorkstationConfirmed
	if active {
		now := time.Now()
		for _, old := range c.pairings {
			if old.State == postern.PairingActive && old.PhoneID == p.PhoneID {
				old.State, old.Reason = postern.PairingEnded, postern.PairingEndReplaced
			}
		}
		p.State, p.ConfirmedAt = postern.PairingActive, &now
	}
	out := *p
	c.mu.Unlock()
	c.changed(string(out.PhoneID), string(out.WorkstationID))
	return out, nil
}

func (c *center) open(id postern.PairingID) (*postern.Pairing, error) {
	p := c.pairings[id]
	switch {
	case p == nil || p.State == postern.PairingPending && !time.Now().Before(p.ExpiresAt):
		return nil, postern.Errorf(postern.CodePairingExpired, "")
	case p.State == postern.PairingEnded:
		return nil, postern.Errorf(postern.CodePairingOver, "")
	}
	return p, nil
}

func (c *center) join(id postern.PairingID, phone postern.PhoneID) (postern.PairingAnswer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, err := c.open(id)
	if err != nil {
		return postern.PairingAnswer{}, err
	}
	if p.PhoneID != "" && p.PhoneID != phone {
		return postern.PairingAnswer{}, postern.Errorf(postern.CodePairingTaken, "")
	}
	p.PhoneID, p.ExpiresAt = phone, p.CreatedAt.Add(postern.PairingWindowJoined)
	return postern.PairingAnswer{Pairing: *p, LinkKey: c.links[id]}, nil
}

func (c *center) end(id postern.PairingID, reason string) {
	c.mu.Lock()
	p := c.pairings[id]
	if p == nil || p.State == postern.PairingEnded {
		c.mu.Unlock()
		return
	}
	p.State, p.Reason = postern.PairingEnded, reason
	ends := []string{string(p.PhoneID), string(p.WorkstationID)}
	c.mu.Unlock()
	c.changed(ends...)
}

func (c *center) state(id postern.PairingID) postern.PairingState {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.pairings[id]; p != nil {
		return p.State
	}
	return ""
}

// bar has the relay's policy refuse everything, or nothing when the code is empty, and tells the devices.
func (c *center) bar(code postern.Code, devices ...string) {
	c.mu.Lock()
	c.barred = code
	c.mu.Unlock()
	c.changed(devices...)
}

// called counts the calls whose path ends so.
func (c *center) called(suffix string) (n int) {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, call := range c.calls {
		if strings.HasSuffix(call, suffix) {
			n++
		}
	}
	return n
}

func (c *center) wakes() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.woken)
}

var _ signed.Transport = (*center)(nil)
