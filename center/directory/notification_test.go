package directory_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/directory"
)

// site puts the endpoint of the mirror where the emulated tenant reaches it.
func (w *world) site() *httptest.Server {
	w.t.Helper()
	mux := http.NewServeMux()
	mux.Handle("POST "+directory.NotificationPath+"{integration}", w.directory.Notifications())
	s := httptest.NewTLSServer(mux)
	w.t.Cleanup(s.Close)
	w.directory.PublicURL, w.directory.NotifyLocally = s.URL, true
	w.sim.Server.Notifier = s.Client()
	return s
}

// until runs jobs until done, which depends on what the tenant posts in its own time.
func (w *world) until(what string, done func() bool) {
	w.t.Helper()
	for range 2000 {
		if _, err := w.queue.RunAll(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
		if done() {
			return
		}
		w.pass(time.Second) // readings wait a moment after a notification
		time.Sleep(5 * time.Millisecond)
	}
	w.t.Fatal("it did not come to " + what)
}

// schedule does what the clock does.
func (w *world) schedule() {
	w.t.Helper()
	if err := w.directory.Schedule(w.t.Context(), directory.ScheduleJob{}); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.queue.RunAll(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) subscriptions() int {
	w.t.Helper()
	all, err := w.tenant.Subscriptions(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return len(all)
}

func TestChangesAreToldOf(t *testing.T) {
	w := newWorld(t, 30, postern.PermissionsStandard)
	w.site()
	w.schedule() // the first reading
	w.schedule() // the subscription
	s := w.status()
	if !s.Notified || s.NotifiedUntil == nil || s.NotifiedUntil.Sub(w.clock()) < 27*24*time.Hour || w.subscriptions() != 1 {
		t.Fatalf("%+v, %d subscriptions", s, w.subscriptions())
	}
	who := w.sim.Users[0]
	w.control("PATCH", "tenants/first/users/"+who.ID, map[string]any{"enabled": false})
	w.until("the disabled account", func() bool { return !w.mirror()[who.ID].Enabled })
	w.control("DELETE", "tenants/first/users/"+who.ID, nil)
	w.until("the deleted account", func() bool { return w.followed.removed[who.ID] == 1 })

	// Two weeks later it is renewed, and is the same subscription still.
	first := w.status().NotifiedUntil
	w.pass(15 * 24 * time.Hour)
	w.schedule()
	if now := w.status().NotifiedUntil; now == nil || !now.After(*first) || w.subscriptions() != 1 {
		t.Fatalf("renewed until %v, was %v; %d subscriptions", now, first, w.subscriptions())
	}
	w.control("POST", "tenants/first/subscriptions/lifecycle", map[string]string{"event": "subscriptionRemoved"})
	w.until("a new subscription", func() bool { return w.subscriptions() == 1 })
	w.control("POST", "tenants/first/subscriptions/lifecycle", map[string]string{"event": "reauthorizationRequired"})
	w.until("the renewal", func() bool { return w.status().Notified })
	other := w.sim.Users[1]
	w.control("PATCH", "tenants/first/users/"+other.ID, map[string]any{"enabled": false})
	w.until("a change told of by the new subscription", func() bool { return !w.mirror()[other.ID].Enabled })
}

// TestOrphanedSubscriptionIsReplaced: a run that died between making a subscription and storing its id leaves none behind.
func TestOrphanedSubscriptionIsReplaced(t *testing.T) {
	w := newWorld(t, 10, postern.PermissionsStandard)
	w.site()
	w.schedule()
	w.schedule()
	p, err := w.store.DirectoryProgress(t.Context(), w.integration.ID)
	if err != nil {
		t.Fatal(err)
	}
	orphan := p.Subscription.ID
	p.Integration, p.Subscription.ID = w.integration.ID, ""
	if err := w.store.SetDirectoryProgress(t.Context(), &p); err != nil {
		t.Fatal(err)
	}
	w.schedule()
	if p, err = w.store.DirectoryProgress(t.Context(), w.integration.ID); err != nil || p.Subscription.ID == "" || p.Subscription.ID == orphan || w.subscriptions() != 1 {
		t.Fatalf("%+v %v, %d subscriptions", p.Subscription, err, w.subscriptions())
	}
}

func TestNoSubscriptionWhereNobodyReaches(t *testing.T) {
	w := newWorld(t, 10, postern.PermissionsStandard)
	for _, address := range []string{"http://postern.contoso.example", "https://localhost:8443", "https://127.0.0.1", "https://10.0.0.8", "https://[::1]:1", ""} {
		w.directory.PublicURL = address
		w.schedule()
		w.schedule()
		if w.status().Notified || w.subscriptions() != 0 {
			t.Errorf("%q: a subscription was made", address)
		}
	}
}

func TestNotificationsAreChecked(t *testing.T) {
	w := newWorld(t, 10, postern.PermissionsStandard)
	s := w.site()
	w.schedule()
	w.schedule()
	at := s.URL + directory.NotificationPath + string(w.integration.ID)
	post := func(address, kind, body string) (int, string, http.Header) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", kind)
		resp, err := s.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(text), resp.Header
	}
	token := "a token <script>&+%"
	if status, text, h := post(at+"?validationToken="+url.QueryEscape(token), "text/plain", ""); status != 200 || text != token ||
		!strings.HasPrefix(h.Get("Content-Type"), "text/plain") || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("handshake: %d %q %v", status, text, h)
	}
	for name, c := range map[string]struct {
		address, kind, body string
		status              int
	}{
		"wrong secret":       {at, "application/json", `{"value":[{"clientState":"guess","subscriptionId":"x"}]}`, 202},
		"no secret":          {at, "application/json", `{"value":[{},{"lifecycleEvent":"subscriptionRemoved"}]}`, 202},
		"nothing":            {at, "application/json", `{}`, 202},
		"unknown one":        {s.URL + directory.NotificationPath + "int_01jd0000000000000000000000", "application/json", `{"value":[{"clientState":"x"}]}`, 202},
		"no identifier":      {s.URL + directory.NotificationPath + "x", "application/json", `{}`, 404},
		"not JSON":           {at, "application/json", `{"value":`, 400},
		"a form":             {at, "application/x-www-form-urlencoded", `value=1`, 415},
		"too large":          {at, "application/json", `{"value":"` + strings.Repeat("x", 1<<20) + `"}`, 413},
		"token without end":  {at + "?validationToken=" + strings.Repeat("x", 5000), "text/plain", "", 400},
		"token without text": {at + "?validationToken=", "text/plain", "", 400},
	} {
		if status, text, _ := post(c.address, c.kind, c.body); status != c.status {
			t.Errorf("%s: %d %s, want %d", name, status, text, c.status)
		}
	}
	waiting, err := w.queue.Waiting(t.Context())
	if err != nil || len(waiting) != 0 {
		t.Errorf("notifications that nobody can vouch for made work: %v %v", waiting, err)
	}
}
