package agent_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/agent"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/transport/hid"
	codes "github.com/postern/postern/link/offline"
	"github.com/postern/postern/link/relay"
	"github.com/postern/postern/link/signed"
	"github.com/postern/postern/link/websocket"
	phonelink "github.com/postern/postern/phone/link"
)

// offlineDesk is the control center's part in signing in offline, between the agent and a control center that knows nothing of
// it, and the network, which can be taken away.
type offlineDesk struct {
	inner signed.Transport
	ahead atomic.Int64 // what the agent's clock is ahead of the real one

	real       bool // the control center itself speaks of signing in offline; here is the network alone
	mu         sync.Mutex
	down       bool
	conns      []relay.Conn
	offer      *postern.OfflineOffer
	made       []postern.OfflineCredential
	asked      []postern.OfflineRequest
	reports    []postern.OfflineReport
	recovery   json.RawMessage
	lose       string // the end of the path whose next answer is lost
	refuse     map[string]postern.Code
	registered postern.OfflineState // what a credential makes of the state
}

func newOfflineDesk() *offlineDesk {
	s := postern.DefaultWorkstationSettings().Offline
	s.Enabled, s.Codes = true, 6
	return &offlineDesk{
		inner: signed.HTTP(nil), refuse: map[string]postern.Code{}, registered: postern.OfflineActive, offer: &postern.OfflineOffer{Settings: s, Recovery: true},
	}
}

func (o *offlineDesk) now() time.Time { return time.Now().Add(time.Duration(o.ahead.Load())) }

func (o *offlineDesk) dial(ctx context.Context, url string) (relay.Conn, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.down {
		return nil, errors.New("the network is unreachable")
	}
	conn, err := websocket.Dial(ctx, url)
	if err == nil {
		o.conns = append(o.conns, conn)
	}
	return conn, err
}

// network takes the network away, or gives it back.
func (o *offlineDesk) network(there bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.down = !there; o.down {
		for _, c := range o.conns {
			_ = c.Close(relay.Done)
		}
		o.conns = nil
	}
}

// set changes what the control center says.
func (o *offlineDesk) set(change func(*offlineDesk)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	change(o)
}

// RoundTrip implements [signed.Transport].
func (o *offlineDesk) RoundTrip(ctx context.Context, r signed.Request) (*signed.Response, error) {
	o.mu.Lock()
	down := o.down
	o.mu.Unlock()
	if down {
		return nil, errors.New("the network is unreachable")
	}
	if o.real {
		return o.inner.RoundTrip(ctx, r)
	}
	_, path, _ := strings.Cut(r.URL, "/pairings/")
	if _, action, ok := strings.Cut(path, "/offline"); ok {
		o.mu.Lock()
		defer o.mu.Unlock()
		what := r.Method + action
		out, err := o.answer(what, r.Body)
		if o.lose == what {
			o.lose = ""
			return nil, errors.New("the connection was reset")
		}
		status := http.StatusAccepted
		if err != nil {
			e := postern.AsError(err)
			out, status = postern.ProblemOf(e), e.Status()
		}
		body, err := json.Marshal(out)
		return &signed.Response{Status: status, Date: time.Now(), Body: body}, err
	}
	answer, err := o.inner.RoundTrip(ctx, r)
	var all []postern.PairedPhone
	if err == nil && strings.HasSuffix(r.URL, "/pairings") && json.Unmarshal(answer.Body, &all) == nil {
		o.mu.Lock()
		for i := range all {
			all[i].Offline = o.offer
		}
		answer.Body, err = json.Marshal(all)
		o.mu.Unlock()
	}
	return answer, err
}

func (o *offlineDesk) answer(what string, body []byte) (any, error) {
	if code := o.refuse[what]; code != "" {
		return nil, postern.Errorf(code, "")
	}
	switch what {
	case "POST":
		var in postern.OfflineRequest
		if err := json.Unmarshal(body, &in); err != nil {
			return nil, err
		}
		o.asked = append(o.asked, in)
		if o.offer.State != postern.OfflineActive {
			o.offer = &postern.OfflineOffer{Settings: o.offer.Settings, Recovery: true, State: postern.OfflineAsked, BatchID: in.BatchID}
		}
	case "POST/options":
		if o.offer.State == postern.OfflineAsked {
			return nil, postern.Errorf(postern.CodeOfflineConsent, "")
		}
		return postern.OfflineOptions{PublicKey: json.RawMessage(`{"rp":{"id":"login.microsoft.com","name":"Microsoft"},"user":{"id":"YWxleA","name":"alex@contoso.com","displayName":"Alex"},
			"challenge":"Y2hhbGxlbmdlIG9mIHNpeHRlZW4gYnl0ZXM","pubKeyCredParams":[{"type":"public-key","alg":-7}],
			"authenticatorSelection":{"residentKey":"required","userVerification":"required"},"extensions":{"hmacCreateSecret":true}}`), Recovery: o.recovery}, nil
	case "POST/credential":
		var in postern.OfflineCredential
		if err := json.Unmarshal(body, &in); err != nil {
			return nil, err
		}
		o.made = append(o.made, in)
		if o.offer.State != postern.OfflineActive {
			o.state(o.registered)
		}
	case "PUT/report":
		var in postern.OfflineReport
		if err := json.Unmarshal(body, &in); err != nil {
			return nil, err
		}
		o.reports = append(o.reports, in)
		o.offer = &postern.OfflineOffer{Settings: o.offer.Settings, Recovery: true, State: o.offer.State, BatchID: in.BatchID}
	case "DELETE":
		o.state(postern.OfflineEnded)
	}
	return postern.OfflineAnswer{State: o.offer.State, BatchID: o.offer.BatchID}, nil
}

func (o *offlineDesk) state(s postern.OfflineState) {
	o.offer = &postern.OfflineOffer{Settings: o.offer.Settings, Recovery: true, State: s, BatchID: o.offer.BatchID}
}

// offlinePhone is the app's part: it takes batches and tells the control center that its user agreed.
type offlinePhone struct {
	desk   *offlineDesk
	status atomic.Uint32 // what it answers
	mute   atomic.Bool   // it does not tell the control center
	// consent tells a control center that does its part; nil: the desk.
	consent func(codes.Message, postern.PairingID) error
	mu      sync.Mutex
	got     []codes.Message
}

func (o *offlinePhone) handle(r *phonelink.Request) phonelink.Answer {
	m, err := codes.Decode(r.CTAP)
	if err != nil {
		return phonelink.Answer{CTAP: []byte{byte(ctap.ErrInvalidCommand)}}
	}
	s := ctap.Status(o.status.Load())
	if m.Batch.Seed != nil {
		m.Batch.Seed = slices.Clone(m.Batch.Seed)
	}
	o.mu.Lock()
	o.got = append(o.got, m)
	o.mu.Unlock()
	switch {
	case s != ctap.OK || m.What != codes.Issue || o.mute.Load():
	case o.consent != nil:
		if err := o.consent(m, r.Pairing); err != nil {
			s = ctap.ErrOther
		}
	default:
		o.desk.set(func(d *offlineDesk) { d.state(postern.OfflineConsented) })
	}
	return phonelink.Answer{CTAP: []byte{byte(s)}}
}

// last is the last batch the phone was sent, and how often it was sent one.
func (o *offlinePhone) last() (codes.Message, int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.got) == 0 {
		return codes.Message{}, 0
	}
	return o.got[len(o.got)-1], len(o.got)
}

// offlineWorld is a world whose agent signs in offline, and a paired phone.
func offlineWorld(t *testing.T) (*world, *offlineDesk, *phone, *offlinePhone) {
	t.Helper()
	desk := newOfflineDesk()
	w := newWorldWith(t, desk)
	w.enrol()
	p := w.phone("Alex's phone")
	app := &offlinePhone{desk: desk}
	p.vendor = app.handle
	return w, desk, p, app
}

// offline waits until signing in offline stands so for a phone.
func (w *world) offline(p *phone, what string, there func(agent.Phone) bool) agent.Offline {
	w.Helper()
	var last agent.Offline
	w.Cleanup(func() {
		if w.Failed() {
			w.Logf("last seen while waiting for %s: %+v", what, last)
		}
	})
	v := w.await(what, func(v agent.View) bool {
		return slices.ContainsFunc(v.Phones, func(one agent.Phone) bool {
			if one.ID != p.id || one.Offline == nil {
				return false
			}
			last = *one.Offline
			return there(one)
		})
	})
	for _, one := range v.Phones {
		if one.ID == p.id {
			return *one.Offline
		}
	}
	return agent.Offline{}
}

func ready(p agent.Phone) bool { return p.Offline.Step == agent.OfflineReady && p.Offline.Why == nil }

// cut takes the network away, and waits until the keys know.
func (w *world) cut() {
	w.Helper()
	w.desk.network(false)
	w.await("that the network is gone", func(v agent.View) bool { return !v.Connected && w.agent.Lost() })
}

// later lets time pass until it stands so for a phone: what is counted may be counted from a little later on.
func (w *world) later(step time.Duration, p *phone, what string, there func(agent.Phone) bool) agent.Offline {
	w.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(pause) {
		for _, one := range w.agent.View().Phones {
			if one.ID == p.id && one.Offline != nil && there(one) {
				return *one.Offline
			}
		}
		w.pass(step)
	}
	return w.offline(p, what, there)
}

// pause is between two tries of anything.
const pause = 20 * time.Millisecond

// gone waits until nothing is left of the offline passkey, not a file.
func (w *world) gone(p *phone) {
	w.Helper()
	w.offline(p, "that it is gone", func(p agent.Phone) bool {
		left, err := filepath.Glob(filepath.Join(w.dir, "offline-*"))
		return p.Offline.Standing == nil && err == nil && len(left) == 0
	})
}

// pass lets time pass for the agent.
func (w *world) pass(d time.Duration) {
	w.desk.ahead.Add(int64(d))
	w.agent.Look()
}

// plugged opens the offline key of a phone as a program of the machine does.
func (w *world) plugged(p *phone) *hid.Channel {
	w.Helper()
	o := w.offline(p, "the offline key", func(p agent.Phone) bool { return p.Offline.Key == agent.KeyIn })
	w.socket.mu.Lock()
	end := w.socket.keys[o.Serial]
	n := len(w.socket.keys)
	w.socket.mu.Unlock()
	if end == nil || n != 1 {
		w.Fatalf("there are %d keys, and of serial number %s %v", n, o.Serial, end)
	}
	c, err := hid.Open(w.Context(), end)
	if err != nil {
		w.Fatal(err)
	}
	return c
}
