package entrasim

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// subscription is one application's wish to be told of changes of users. Subscriptions live in memory: a restart ends
// them without a word, which clients must bear from the service too.
type subscription struct {
	id, app      string
	resource     string // as it was asked for
	userID       string // of users/{id}; empty for all users
	updated      bool
	deleted      bool
	url          string
	lifecycleURL string
	state        string
	expires      time.Time
}

// Bounds of subscriptions and of what waits to be sent.
const (
	maxSubscriptions   = 100
	maxPendingChanges  = 10000
	maxNotified        = 100 // changes in one post
	notificationTries  = 6
	notificationTime   = 10 * time.Second
	longestDirectory   = 41760 * time.Minute
	shortestDirectory  = 45 * time.Minute
	maxClientState     = 128
	maxNotificationURL = 2048
)

// userChange is a change that subscriptions may be told of.
type userChange struct {
	id      string
	deleted bool
}

// subscriptions are those of one tenant, with what waits to be sent.
type subscriptions struct {
	mu      sync.Mutex
	all     map[string]*subscription
	order   []string
	pending []userChange
	sending bool
	lost    bool // pending ran over, or a post was given up: subscribers are told that they missed something
}

// noteUser remembers a change for the subscribers and has it sent. It takes no other lock and does no I/O, so it may be
// called under the tenant's.
func (t *Tenant) noteUser(id string, deleted bool) {
	s := &t.subscribers
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.all) == 0 {
		return
	}
	if len(s.pending) >= maxPendingChanges {
		s.lost = true
		return
	}
	s.pending = append(s.pending, userChange{id, deleted})
	if !s.sending {
		s.sending = true
		go t.notify()
	}
}

// notify sends what waits, until nothing does.
func (t *Tenant) notify() {
	s := &t.subscribers
	for {
		time.Sleep(time.Duration(t.srv.Levers().NotificationDelay))
		s.mu.Lock()
		changes := s.pending[:min(maxNotified, len(s.pending))]
		s.pending = s.pending[len(changes):]
		lost := s.lost
		s.lost = false
		if len(changes) == 0 && !lost {
			s.pending, s.sending = nil, false
			s.mu.Unlock()
			return
		}
		var to []subscription
		for _, id := range s.order {
			to = append(to, *s.all[id])
		}
		s.mu.Unlock()
		for _, sub := range to {
			t.notifyOne(sub, changes, lost)
		}
	}
}

func (t *Tenant) notifyOne(sub subscription, changes []userChange, lost bool) {
	if !t.now().Before(sub.expires) {
		t.dropSubscription(sub.id)
		return
	}
	var values []object
	for _, c := range changes {
		if sub.userID != "" && sub.userID != c.id || c.deleted && !sub.deleted || !c.deleted && !sub.updated {
			continue
		}
		kind := "updated"
		if c.deleted {
			kind = "deleted"
		}
		values = append(values, object{
			"changeType": kind, "clientState": sub.state, "resource": "Users/" + c.id, "subscriptionId": sub.id, "tenantId": t.ID,
			"subscriptionExpirationDateTime": sub.expires.UTC().Format(time.RFC3339Nano),
			"resourceData":                   object{"@odata.type": "#Microsoft.Graph.User", "@odata.id": "Users/" + c.id, "id": c.id, "organizationId": t.ID},
		})
	}
	if l := t.srv.Levers(); l.NotificationLoss > 0 && t.srv.random.float() < l.NotificationLoss {
		values, lost = nil, true
	}
	if len(values) > 0 && !t.srv.deliver(sub.url, values) {
		lost = true
	}
	if lost {
		t.lifecycle(sub, "missed")
	}
}

// lifecycle tells a subscriber what became of the subscription, where it asked for that.
func (t *Tenant) lifecycle(sub subscription, event string) {
	if sub.lifecycleURL == "" {
		return
	}
	t.srv.deliver(sub.lifecycleURL, []object{{
		"lifecycleEvent": event, "subscriptionId": sub.id, "clientState": sub.state, "resource": sub.resource, "tenantId": t.ID,
		"organizationId": t.ID, "subscriptionExpirationDateTime": sub.expires.UTC().Format(time.RFC3339Nano),
	}})
}

// deliver posts notifications until a 2xx comes back, with growing pauses, and reports whether one did. The service goes
// on for four hours; this one for some seconds.
func (s *Server) deliver(to string, values []object) bool {
	body, err := json.Marshal(object{"value": values})
	if err != nil {
		return false
	}
	for try := range notificationTries {
		if try > 0 {
			time.Sleep(50 * time.Millisecond << try)
		}
		status, _, err := s.post(to, "application/json; charset=utf-8", body)
		s.Log.Info("notification", "status", status, "error", err)
		if err == nil && status >= 200 && status <= 299 {
			return true
		}
	}
	return false
}

// validate asks an address to give a token back, as it must before a subscription to it is made.
func (s *Server) validate(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	token := "Validation: Testing client application reachability for subscription Request-Id: " + s.newID() + " <&+%>"
	q := u.Query()
	q.Set("validationToken", token)
	u.RawQuery = q.Encode()
	status, answer, err := s.post(u.String(), "text/plain; charset=utf-8", nil)
	return err == nil && status == http.StatusOK && strings.HasPrefix(answer.kind, "text/plain") && answer.body == token
}

type notificationAnswer struct{ kind, body string }

func (s *Server) post(to, kind string, body []byte) (int, notificationAnswer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), notificationTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return 0, notificationAnswer{}, err
	}
	req.Header.Set("Content-Type", kind)
	resp, err := s.notifier().Do(req)
	if err != nil {
		return 0, notificationAnswer{}, err
	}
	defer func() { _ = resp.Body.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(resp.Body, 8<<10))
	return resp.StatusCode, notificationAnswer{resp.Header.Get("Content-Type"), string(text)}, err
}

// notifier is the client that posts; it follows no redirect.
func (s *Server) notifier() *http.Client {
	if s.Notifier != nil {
		return s.Notifier
	}
	return &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// dropSubscription forgets a subscription, if it is there.
func (t *Tenant) dropSubscription(id string) {
	s := &t.subscribers
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all[id] == nil {
		return
	}
	delete(s.all, id)
	for n, other := range s.order {
		if other == id {
			s.order = append(s.order[:n:n], s.order[n+1:]...)
			break
		}
	}
}
