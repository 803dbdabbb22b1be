package entrasim

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Change notifications (Microsoft Graph documentation, subscription resource type): for users, with "updated" standing for
// made, changed and restored, and "deleted". Others than the application that made a subscription do not see it.
func subscriptionRoutes() []graphRoute {
	return []graphRoute{
		{method: "GET", pattern: "subscriptions", need: readUsersFull, handle: (*graphCall).listSubscriptions},
		{method: "POST", pattern: "subscriptions", need: readUsersFull, handle: (*graphCall).createSubscription},
		{method: "GET", pattern: "subscriptions/{subscription}", need: readUsersFull, handle: (*graphCall).getSubscription},
		{method: "PATCH", pattern: "subscriptions/{subscription}", need: readUsersFull, handle: (*graphCall).renewSubscription},
		{method: "DELETE", pattern: "subscriptions/{subscription}", need: readUsersFull, handle: (*graphCall).deleteSubscription},
		{method: "POST", pattern: "subscriptions/{subscription}/reauthorize", need: readUsersFull, handle: (*graphCall).reauthorizeSubscription},
	}
}

// subscriptionBody is what a caller sends.
type subscriptionBody struct {
	ChangeType   string     `json:"changeType"`
	URL          string     `json:"notificationUrl"`
	LifecycleURL string     `json:"lifecycleNotificationUrl"`
	Resource     string     `json:"resource"`
	Expires      *time.Time `json:"expirationDateTime"`
	ClientState  string     `json:"clientState"`
}

var errLifecycle = errors.New("event must be missed, reauthorizationRequired or subscriptionRemoved")

func (sub *subscription) show() object {
	var kinds []string
	if sub.updated {
		kinds = append(kinds, "updated")
	}
	if sub.deleted {
		kinds = append(kinds, "deleted")
	}
	o := object{
		"id": sub.id, "resource": sub.resource, "applicationId": sub.app, "changeType": strings.Join(kinds, ","), "clientState": nil,
		"notificationUrl": sub.url, "lifecycleNotificationUrl": nil, "expirationDateTime": sub.expires.UTC().Format(time.RFC3339Nano),
		"latestSupportedTlsVersion": "v1_2", "includeResourceData": nil, "encryptionCertificate": nil, "encryptionCertificateId": nil,
	}
	if sub.lifecycleURL != "" {
		o["lifecycleNotificationUrl"] = sub.lifecycleURL
	}
	return o
}

func (c *graphCall) invalidSubscription(message string) {
	c.fail(http.StatusBadRequest, "InvalidRequest", message)
}

// until checks an expiry: in the future, not beyond the most for directory objects, and not sooner than the service does it.
func (c *graphCall) until(at *time.Time) (time.Time, bool) {
	now := c.s.now()
	switch {
	case at == nil:
		c.invalidSubscription("The expirationDateTime is required.")
	case !at.After(now):
		c.invalidSubscription("Subscription expiration can only be in the future.")
	case at.Sub(now) > longestDirectory:
		c.invalidSubscription("Subscription expiration can only be 41760 minutes in the future.")
	default:
		if least := now.Add(shortestDirectory); at.Before(least) {
			return least, true
		}
		return *at, true
	}
	return time.Time{}, false
}

func (c *graphCall) createSubscription() {
	var b subscriptionBody
	if !c.body(&b) {
		return
	}
	sub := subscription{app: c.who.AppID, resource: b.Resource, url: b.URL, lifecycleURL: b.LifecycleURL, state: b.ClientState}
	for kind := range strings.SplitSeq(b.ChangeType, ",") {
		switch strings.ToLower(strings.TrimSpace(kind)) {
		case "updated":
			sub.updated = true
		case "deleted":
			sub.deleted = true
		default:
			c.invalidSubscription("The changeType must be updated, deleted or both for users: creation is told of as updated.")
			return
		}
	}
	path := strings.Split(strings.Trim(strings.ToLower(b.Resource), "/"), "/")
	switch {
	case len(path) == 1 && path[0] == "users":
	case len(path) == 2 && path[0] == "users" && isGUID(path[1]):
		sub.userID = path[1]
	default:
		c.invalidSubscription("Only the resources users and users/{id} are emulated.")
		return
	}
	if len(b.ClientState) > maxClientState {
		c.invalidSubscription("The clientState is too long.")
		return
	}
	var ok bool
	if sub.expires, ok = c.until(b.Expires); !ok {
		return
	}
	for _, address := range []string{sub.url, sub.lifecycleURL} {
		if address == "" && address != sub.url {
			continue
		}
		if u, err := url.Parse(address); err != nil || u.Scheme != "https" || u.Host == "" || len(address) > maxNotificationURL {
			c.invalidSubscription("The notification URL must be an absolute https address.")
			return
		}
		if !c.s.validate(address) {
			c.fail(http.StatusBadRequest, "ValidationError", "Subscription validation request failed. Notification endpoint must respond with 200 OK to validation request.")
			return
		}
	}
	sub.id = c.s.newID()
	s := &c.tenant.subscribers
	s.mu.Lock()
	full := len(s.all) >= maxSubscriptions
	if !full {
		if s.all == nil {
			s.all = make(map[string]*subscription)
		}
		s.all[sub.id] = &sub
		s.order = append(s.order, sub.id)
	}
	s.mu.Unlock()
	if full {
		c.fail(http.StatusForbidden, "ExtensionError", "Subscription limit reached.")
		return
	}
	o := sub.show()
	o["clientState"] = sub.state
	c.entity(http.StatusCreated, "subscriptions/$entity", o)
}

// own finds a live subscription of the caller, as a copy; it answers 404 if there is none.
func (c *graphCall) own() (subscription, bool) {
	id := strings.ToLower(c.param["subscription"])
	s := &c.tenant.subscribers
	s.mu.Lock()
	sub := s.all[id]
	var found subscription
	if sub != nil && sub.app == c.who.AppID {
		found = *sub
	}
	s.mu.Unlock()
	if found.id == "" || !c.s.now().Before(found.expires) {
		c.fail(http.StatusNotFound, "ResourceNotFound", "The object was not found.")
		return found, false
	}
	return found, true
}

func (c *graphCall) listSubscriptions() {
	var values []object
	now := c.s.now()
	s := &c.tenant.subscribers
	s.mu.Lock()
	for _, id := range s.order {
		if sub := s.all[id]; sub.app == c.who.AppID && now.Before(sub.expires) {
			values = append(values, sub.show())
		}
	}
	s.mu.Unlock()
	c.collection("subscriptions", slices.Clip(values), nil)
}

func (c *graphCall) getSubscription() {
	if sub, ok := c.own(); ok {
		c.entity(http.StatusOK, "subscriptions/$entity", sub.show())
	}
}

// extend gives a subscription a new expiry.
func (c *graphCall) extend(at *time.Time) (subscription, bool) {
	sub, ok := c.own()
	if !ok {
		return sub, false
	}
	if sub.expires, ok = c.until(at); !ok {
		return sub, false
	}
	s := &c.tenant.subscribers
	s.mu.Lock()
	defer s.mu.Unlock()
	if live := s.all[sub.id]; live != nil {
		live.expires = sub.expires
	}
	return sub, true
}

func (c *graphCall) renewSubscription() {
	var b subscriptionBody
	if !c.body(&b) {
		return
	}
	if sub, ok := c.extend(b.Expires); ok {
		c.entity(http.StatusOK, "subscriptions/$entity", sub.show())
	}
}

func (c *graphCall) reauthorizeSubscription() {
	if _, ok := c.own(); ok {
		c.noContent()
	}
}

func (c *graphCall) deleteSubscription() {
	if sub, ok := c.own(); ok {
		c.tenant.dropSubscription(sub.id)
		c.noContent()
	}
}

// controlLifecycle has every subscriber of a tenant told of an event, and ends the subscription where that is the event.
func (s *Server) controlLifecycle(c *controlCall) (any, error) {
	t, err := c.tenant()
	if err != nil {
		return nil, err
	}
	var b struct {
		Event string `json:"event"`
	}
	if err := c.body(&b); err != nil {
		return nil, err
	}
	if !slices.Contains([]string{"missed", "reauthorizationRequired", "subscriptionRemoved"}, b.Event) {
		return nil, errLifecycle
	}
	t.subscribers.mu.Lock()
	var to []subscription
	for _, id := range t.subscribers.order {
		to = append(to, *t.subscribers.all[id])
	}
	t.subscribers.mu.Unlock()
	for _, sub := range to {
		if b.Event == "subscriptionRemoved" {
			t.dropSubscription(sub.id)
		}
		t.lifecycle(sub, b.Event)
	}
	return object{"told": len(to)}, nil
}
