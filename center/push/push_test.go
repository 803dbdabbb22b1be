package push_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/push"
)

func TestWake(t *testing.T) {
	w := newWorld(t, nil)
	if w.subscribed() {
		t.Error("subscribed before it did")
	}
	w.subscribe()
	if !w.subscribed() {
		t.Error("not subscribed after it did")
	}
	w.service.Missed("wks_1", "phn_1")
	d := w.push.next(t)
	if m := w.agent.open(d.body); m != (postern.PushMessage{Kind: postern.PushRequest, Workstation: w.work.Name}) {
		t.Errorf("the phone reads %+v", m)
	}
	w.checkSender(d)
	for name, want := range map[string]string{
		"Ttl": "120", "Urgency": "high", "Content-Encoding": "aes128gcm", "Content-Type": "application/octet-stream",
	} {
		if got := d.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	topic := d.header.Get("Topic")
	if len(topic) != 32 || strings.Trim(topic, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		t.Errorf("Topic %q is not one of RFC 8030", topic)
	}
	w.becomes(push.Stats{Sent: 1})

	w.service.Missed("wks_1", "phn_1") // a second request within ten seconds
	w.service.Missed("phn_1", "wks_1") // workstations are not woken
	w.becomes(push.Stats{Sent: 1, Limited: 1})
	w.push.empty(t)
	w.pass(10 * time.Second)
	w.service.Missed("wks_1", "phn_1")
	again := w.push.next(t)
	if again.header.Get("Topic") != topic {
		t.Error("a later message of the same workstation does not replace the earlier one")
	}
	if string(again.body[:100]) == string(d.body[:100]) {
		t.Error("two messages have the same salt and key")
	}

	w.service.Offered("phn_1", w.time().Add(5*time.Minute))
	d = w.push.next(t)
	if m := w.agent.open(d.body); m != (postern.PushMessage{Kind: postern.PushProvisioning}) || d.header.Get("Ttl") != "300" || d.header.Get("Topic") == topic {
		t.Errorf("an offer is %+v with %v", m, d.header)
	}
	w.service.Notify("phn_1")
	d = w.push.next(t)
	if m := w.agent.open(d.body); m != (postern.PushMessage{Kind: postern.PushNotice}) || d.header.Get("Urgency") != "normal" {
		t.Errorf("a notice is %+v with %v", m, d.header)
	}
	w.becomes(push.Stats{Sent: 4, Limited: 1})
	w.quiet()
}

// quiet wants none of what must stay secret in the log.
func (w *world) quiet() {
	w.t.Helper()
	w.logMu.Lock()
	defer w.logMu.Unlock()
	for _, secret := range []string{"secret-address", "vapid", "eyJ", "Desk", "ada@example.com"} {
		if strings.Contains(w.log.String(), secret) {
			w.t.Errorf("the log holds %q:\n%s", secret, w.log)
		}
	}
}

func TestNobodyToWake(t *testing.T) {
	w := newWorld(t, nil)
	w.service.Wake("phn_1", "wks_1")
	w.service.Wake("phn_none", "wks_1")
	w.subscribe()
	must(t, w.service.Unsubscribe(t.Context(), w.phone.ID))
	if w.subscribed() {
		t.Error("still subscribed")
	}
	w.pass(time.Minute)
	w.service.Wake("phn_1", "wks_1")
	w.service.Close() // gives up what is under way
	w.push.empty(t)
	if s := w.service.Stats(); s != (push.Stats{}) {
		t.Errorf("stats %+v", s)
	}
	w.service.Wake("phn_1", "wks_1") // after the end
}

func TestSubscriptionGone(t *testing.T) {
	for _, status := range []int{http.StatusNotFound, http.StatusGone} {
		w := newWorld(t, nil)
		w.push.answer = func(r http.ResponseWriter, _ int) { r.WriteHeader(status) }
		w.subscribe()
		w.service.Wake("phn_1", "wks_1")
		w.becomes(push.Stats{Gone: 1})
		if w.subscribed() {
			t.Errorf("still subscribed after %d", status)
		}
		w.quiet()
	}
}

// TestSubscribedAnewMeanwhile keeps a subscription that took the place of the one that is gone.
func TestSubscribedAnewMeanwhile(t *testing.T) {
	w := newWorld(t, nil)
	w.push.answer = func(r http.ResponseWriter, _ int) {
		if err := w.service.Subscribe(t.Context(), w.phone.ID, w.agent.subscription(w.push.URL+"/wpush/new")); err != nil {
			t.Error(err)
		}
		r.WriteHeader(http.StatusGone)
	}
	w.subscribe()
	w.service.Wake("phn_1", "wks_1")
	w.becomes(push.Stats{Gone: 1})
	if !w.subscribed() {
		t.Error("the new subscription was removed with the old one")
	}
}

func TestRevokedPhoneIsNotWoken(t *testing.T) {
	w := newWorld(t, nil)
	w.subscribe()
	p := w.phone
	p.State = postern.PhoneRevoked
	must(t, w.store.UpdatePhone(t.Context(), &p))
	w.service.Wake("phn_1", "wks_1")
	w.becomes(push.Stats{Gone: 1})
	w.push.empty(t)
	if w.subscribed() {
		t.Error("a revoked phone's subscription is kept")
	}
}

func TestTriesAgain(t *testing.T) {
	w := newWorld(t, nil)
	w.push.answer = func(r http.ResponseWriter, n int) {
		switch n {
		case 1:
			r.WriteHeader(http.StatusServiceUnavailable)
		case 2:
			r.Header().Set("Retry-After", "30")
			r.WriteHeader(http.StatusTooManyRequests)
		default:
			r.WriteHeader(http.StatusCreated)
		}
	}
	w.subscribe()
	w.service.Wake("phn_1", "wks_1")
	w.becomes(push.Stats{Sent: 1})
	if len(w.slept) != 2 || w.slept[0] != time.Second || w.slept[1] != 30*time.Second {
		t.Errorf("waited %v, want 1s and the 30s that the push service asked for", w.slept)
	}
	for _, ttl := range []string{"120", "119", "89"} {
		if got := w.push.next(t).header.Get("Ttl"); got != ttl {
			t.Errorf("TTL %s, want %s: what is left", got, ttl)
		}
	}
}

func TestGivesUpInTime(t *testing.T) {
	for name, test := range map[string]struct {
		answer func(http.ResponseWriter, int)
		calls  int
	}{
		"asked to wait too long": {func(w http.ResponseWriter, _ int) {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusTooManyRequests)
		}, 1},
		"fails again and again": {func(w http.ResponseWriter, _ int) { w.WriteHeader(http.StatusInternalServerError) }, 6},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.push.answer = test.answer
			w.subscribe()
			w.service.Wake("phn_1", "wks_1")
			w.becomes(push.Stats{Expired: 1})
			if len(w.push.got) != test.calls {
				t.Errorf("%d calls, want %d", len(w.push.got), test.calls)
			}
			if !w.subscribed() {
				t.Error("the subscription was removed")
			}
			w.quiet()
		})
	}
}

func TestRefusedIsNotRepeated(t *testing.T) {
	for _, status := range []int{400, 401, 403, 413, 301, 302, 307} {
		w := newWorld(t, nil)
		elsewhere := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
		t.Cleanup(elsewhere.Close)
		w.push.answer = func(r http.ResponseWriter, _ int) {
			r.Header().Set("Location", elsewhere.URL+"/stolen")
			r.WriteHeader(status)
		}
		w.subscribe()
		w.service.Wake("phn_1", "wks_1")
		w.becomes(push.Stats{Failed: 1})
		if len(w.push.got) != 1 {
			t.Errorf("%d: called %d times", status, len(w.push.got))
		}
		w.quiet()
	}
}

// TestInnerAddresses has a phone name addresses of the network that the control center stands in.
func TestInnerAddresses(t *testing.T) {
	w := newWorld(t, nil)
	w.subscribe() // at 127.0.0.1, as AllowPrivate lets it
	strict := w.open(func(c *push.Config) {
		c.AllowPrivate, c.Client = false, w.push.client(push.ClientConfig{})
	})
	err := strict.Subscribe(t.Context(), w.phone.ID, w.agent.subscription(w.push.URL+"/x"))
	var refused *postern.Error
	if !errors.As(err, &refused) || refused.Code != postern.CodeInvalid || refused.Field != "endpoint" {
		t.Errorf("an inner address is answered by %v", err)
	}
	// A name says nothing before it is resolved, so the client looks at the moment of the call.
	_, port, _ := strings.Cut(strings.TrimPrefix(w.push.URL, "https://"), ":")
	for _, target := range []string{w.push.URL, "https://localhost:" + port, "https://localhost/"} {
		res, err := w.push.client(push.ClientConfig{}).Post(target, "", nil)
		if err == nil {
			_ = res.Body.Close()
			t.Errorf("%s was called", target)
			continue
		}
		if !strings.Contains(err.Error(), "not a public one") {
			t.Errorf("%s: %v", target, err)
		}
	}
	w.push.empty(t)
	must(t, strict.Subscribe(t.Context(), w.phone.ID, w.agent.subscription("https://localhost/secret-address")))
	strict.Wake("phn_1", "wks_1")
	for deadline := time.Now().Add(within); strict.Stats().Failed != 1; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("stats %+v", strict.Stats())
		}
	}
	if len(w.slept) != 0 {
		t.Error("what is refused here was tried again")
	}
	w.quiet()
}

func TestProxy(t *testing.T) {
	asked := make(chan string, 1)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Method + " " + r.Host
		w.WriteHeader(http.StatusForbidden)
	}))
	t.Cleanup(proxy.Close)
	u, err := url.Parse(proxy.URL)
	must(t, err)
	res, err := push.NewClient(push.ClientConfig{Proxy: u}).Post("https://fcm.googleapis.com/x", "", nil)
	if err == nil {
		_ = res.Body.Close()
	}
	if got := <-asked; got != "CONNECT fcm.googleapis.com:443" {
		t.Errorf("the proxy was asked for %s", got)
	}
}

func TestSubscribeRefuses(t *testing.T) {
	w := newWorld(t, nil)
	good := w.agent.subscription(w.push.URL)
	for name, change := range map[string]func(*postern.PushSubscription){
		"endpoint": func(s *postern.PushSubscription) { s.Endpoint = "http://push.example.com/" },
		"p256dh":   func(s *postern.PushSubscription) { s.P256DH = append(postern.Bytes{4}, make([]byte, 64)...) }, // not on the curve
		"auth":     func(s *postern.PushSubscription) { s.Auth = s.Auth[:15] },
	} {
		in := good
		change(&in)
		var refused *postern.Error
		if err := w.service.Subscribe(t.Context(), w.phone.ID, in); !errors.As(err, &refused) || refused.Field != name {
			t.Errorf("%s: %v", name, err)
		}
	}
	short := good
	short.P256DH = good.P256DH[:64]
	if w.service.Subscribe(t.Context(), w.phone.ID, short) == nil {
		t.Error("a short key was taken")
	}
	if err := w.service.Subscribe(t.Context(), "phn_none", good); !postern.IsCode(err, postern.CodeNotFound) {
		t.Errorf("a phone that is none: %v", err)
	}
}

// TestOneKey has all replicas show the same key, whichever makes it, and keeps it and the subscriptions sealed.
func TestOneKey(t *testing.T) {
	w := newWorld(t, nil)
	keys := make(chan string, 4)
	for range cap(keys) {
		s := w.open(nil)
		go func() {
			state, err := s.State(t.Context(), w.phone.ID)
			if err != nil {
				t.Error(err)
			}
			keys <- string(state.PublicKey)
		}()
	}
	first := <-keys
	for range cap(keys) - 1 {
		if k := <-keys; k != first || len(k) != 65 || k[0] != 4 {
			t.Errorf("keys %x and %x", first, k)
		}
	}
	w.subscribe()
	kept, err := w.store.PushSubscription(t.Context(), w.phone.ID)
	must(t, err)
	if strings.Contains(string(kept), "secret-address") {
		t.Error("the subscription is stored in the clear")
	}
	if _, err := w.sealer.Open(t.Context(), "phone/phn_2/push", kept); err == nil {
		t.Error("a sealed subscription opens as another phone's")
	}
}

// TestNoRoom has more phones to wake than is room for.
func TestNoRoom(t *testing.T) {
	w := newWorld(t, nil)
	release := make(chan struct{})
	w.push.answer = func(r http.ResponseWriter, _ int) { <-release; r.WriteHeader(http.StatusCreated) }
	w.subscribe()
	const reasons = 1100
	for range reasons {
		w.service.Offered("phn_1", w.time().Add(24*time.Hour))
		w.pass(10 * time.Second)
	}
	s := w.service.Stats()
	if s.Dropped < reasons-1024 {
		t.Errorf("stats %+v: there is no bound", s)
	}
	close(release)
}
