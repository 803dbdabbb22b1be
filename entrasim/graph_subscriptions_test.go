package entrasim

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// subscriber is an endpoint that does as the documentation asks, and keeps what it is sent.
type subscriber struct {
	*httptest.Server
	posts  chan []object
	refuse chan int // statuses to answer with first
}

func newSubscriber(t *testing.T) *subscriber {
	t.Helper()
	sub := &subscriber{posts: make(chan []object, 100), refuse: make(chan int, 10)}
	sub.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if token := r.URL.Query().Get("validationToken"); token != "" {
			w.Header().Set("Content-Type", "text/plain")
			if r.URL.Path == "/wrong" {
				token = "something else"
			}
			_, _ = io.WriteString(w, token)
			return
		}
		select {
		case status := <-sub.refuse:
			w.WriteHeader(status)
			return
		default:
		}
		var body struct{ Value []object }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Errorf("not JSON: %v", err)
		}
		w.WriteHeader(http.StatusAccepted)
		sub.posts <- body.Value
	}))
	t.Cleanup(sub.Close)
	return sub
}

func (s *subscriber) next(t *testing.T) object {
	t.Helper()
	select {
	case values := <-s.posts:
		return values[0]
	case <-time.After(20 * time.Second):
		t.Fatal("nothing was sent")
		return nil
	}
}

func TestSubscriptions(t *testing.T) {
	sub := newSubscriber(t)
	s := newSite(t, Config{Users: 20, Notifier: sub.Client()})
	ask := func(change func(object)) answer {
		b := object{
			"changeType": "updated,deleted", "notificationUrl": sub.URL + "/n", "lifecycleNotificationUrl": sub.URL + "/l", "resource": "users",
			"clientState": "secret", "expirationDateTime": s.Server.now().Add(24 * time.Hour).Format(time.RFC3339),
		}
		change(b)
		return s.graph("POST", "/v1.0/subscriptions", b)
	}
	for name, change := range map[string]func(object){
		"wrong token":      func(b object) { b["notificationUrl"] = sub.URL + "/wrong" },
		"not https":        func(b object) { b["notificationUrl"] = strings.Replace(sub.URL, "https", "http", 1) },
		"too long":         func(b object) { b["expirationDateTime"] = s.Server.now().Add(30 * 24 * time.Hour).Format(time.RFC3339) },
		"past":             func(b object) { b["expirationDateTime"] = s.Server.now().Add(-time.Hour).Format(time.RFC3339) },
		"no expiry":        func(b object) { delete(b, "expirationDateTime") },
		"unknown resource": func(b object) { b["resource"] = "me/messages" },
		"created":          func(b object) { b["changeType"] = "created" },
	} {
		if a := ask(change); a.status != 400 {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
	}
	made := ask(func(object) {})
	if made.status != 201 || made.str("clientState") != "secret" {
		t.Fatalf("%d %s", made.status, made.raw)
	}
	id := made.str("id")
	if a := s.graph("GET", "/v1.0/subscriptions", nil); len(a.values()) != 1 || a.values()[0]["id"] != id || a.values()[0]["clientState"] != nil {
		t.Errorf("listed: %s", a.raw)
	}

	user := s.Users[0]
	sub.refuse <- 500 // the first try fails and is repeated
	s.control("PATCH", "tenants/first/users/"+user.ID, object{"mfa_required": true})
	n := sub.next(t)
	if n["changeType"] != "updated" || n["clientState"] != "secret" || n["subscriptionId"] != id || n["resourceData"].(object)["id"] != user.ID {
		t.Errorf("%v", n)
	}
	s.control("DELETE", "tenants/first/users/"+user.ID, nil)
	if n := sub.next(t); n["changeType"] != "deleted" {
		t.Errorf("%v", n)
	}
	l := s.Server.Levers()
	l.NotificationLoss = 1
	if err := s.Server.SetLevers(l); err != nil {
		t.Fatal(err)
	}
	s.control("PATCH", "tenants/first/users/"+s.Users[1].ID, object{"enabled": false})
	if n := sub.next(t); n["lifecycleEvent"] != "missed" {
		t.Errorf("a lost notification: %v", n)
	}

	until := s.Server.now().Add(48 * time.Hour).UTC().Truncate(time.Second)
	renewed := s.graph("PATCH", "/v1.0/subscriptions/"+id, object{"expirationDateTime": until.Format(time.RFC3339)})
	if got, err := time.Parse(time.RFC3339Nano, renewed.str("expirationDateTime")); err != nil || !got.Equal(until) {
		t.Errorf("renewed: %d %s", renewed.status, renewed.raw)
	}
	token := s.tokenWith("User.Read.All")
	if a := s.call(token, "GET", "/v1.0/subscriptions/"+made.str("id"), nil); a.status != 404 {
		t.Errorf("of another application: %d", a.status)
	}
	other := s.call(token, "POST", "/v1.0/subscriptions", object{
		"changeType": "updated", "notificationUrl": sub.URL, "resource": "users", "expirationDateTime": s.Server.now().Add(time.Hour).Format(time.RFC3339),
	})
	if other.status != 201 {
		t.Fatalf("%d %s", other.status, other.raw)
	}
	if a := s.call(token, "DELETE", "/v1.0/subscriptions/"+other.str("id"), nil); a.status != 204 {
		t.Errorf("ended: %d", a.status)
	}
	if a := s.call(token, "GET", "/v1.0/subscriptions/"+other.str("id"), nil); a.status != 404 {
		t.Errorf("after its end: %d", a.status)
	}
}
