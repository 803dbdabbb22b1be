package entra

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/postern/postern"
)

var (
	opListSubscriptions  = operation{name: "subscriptions.list", doing: "see who is told of changes", needs: readUsers, repeatable: true}
	opSubscribe          = operation{name: "subscriptions.create", doing: "be told of changes of users", needs: readUsers}
	opRenewSubscription  = operation{name: "subscriptions.update", doing: "go on being told of changes of users", needs: readUsers, repeatable: true}
	opDeleteSubscription = operation{name: "subscriptions.delete", doing: "no longer be told of changes of users", needs: readUsers, repeatable: true}
)

// LongestSubscription is how long Graph tells of changes of directory objects without being asked again (Microsoft Graph
// documentation, subscription resource type).
const LongestSubscription = 41760 * time.Minute

// Subscription is a promise of Graph to post changes of users to an address.
type Subscription struct {
	ID        string
	URL       string
	ExpiresAt time.Time
}

// NewSubscription asks for one.
type NewSubscription struct {
	URL         string // https, and reached by Graph
	ClientState string // sent with every notification: it proves that Graph is the sender; at most 128 characters
	ExpiresAt   time.Time
}

type subscriptionWire struct {
	ID           string    `json:"id,omitempty"`
	ChangeType   string    `json:"changeType,omitempty"`
	URL          string    `json:"notificationUrl,omitempty"`
	LifecycleURL string    `json:"lifecycleNotificationUrl,omitempty"`
	Resource     string    `json:"resource,omitempty"`
	ClientState  string    `json:"clientState,omitempty"`
	ExpiresAt    time.Time `json:"expirationDateTime"`
}

func (w subscriptionWire) subscription() Subscription {
	return Subscription{ID: w.ID, URL: w.URL, ExpiresAt: w.ExpiresAt}
}

// Subscribe has changes of users posted to an address. Before it answers, Graph posts a validation token there and wants
// it back within ten seconds. Made, changed and deleted users are all told of; so is what becomes of the subscription
// itself, at the same address.
func (t *Tenant) Subscribe(ctx context.Context, in NewSubscription) (Subscription, error) {
	w, err := do[subscriptionWire](ctx, t, call{
		op: opSubscribe, method: http.MethodPost, path: "/subscriptions", on: object{"subscription", in.URL},
		body: subscriptionWire{
			ChangeType: "updated,deleted", // "updated" includes made and restored
			URL:        in.URL, LifecycleURL: in.URL, Resource: "users", ClientState: in.ClientState, ExpiresAt: in.ExpiresAt.UTC(),
		},
	})
	if err == nil && w.ID == "" {
		err = t.unexpected(call{op: opSubscribe}, "a subscription without an id")
	}
	return w.subscription(), err
}

// Subscriptions lists the subscriptions that this application has for changes of users.
func (t *Tenant) Subscriptions(ctx context.Context) ([]Subscription, error) {
	var all []Subscription
	for w, err := range each[subscriptionWire](ctx, t, call{op: opListSubscriptions, method: http.MethodGet, path: "/subscriptions", on: object{kind: "subscription"}}) {
		if err != nil {
			return nil, err
		}
		if strings.EqualFold(strings.Trim(w.Resource, "/"), "users") {
			all = append(all, w.subscription())
		}
	}
	return all, nil
}

// RenewSubscription makes a subscription last longer. CodeEntraNotFound says that it is gone.
func (t *Tenant) RenewSubscription(ctx context.Context, id string, until time.Time) (Subscription, error) {
	path, err := subscriptionPath(id)
	if err != nil {
		return Subscription{}, err
	}
	w, err := do[subscriptionWire](ctx, t, call{
		op: opRenewSubscription, method: http.MethodPatch, path: path, on: object{"subscription", id}, body: subscriptionWire{ExpiresAt: until.UTC()},
	})
	return w.subscription(), err
}

// Unsubscribe ends a subscription. One that is gone is no error.
func (t *Tenant) Unsubscribe(ctx context.Context, id string) error {
	path, err := subscriptionPath(id)
	if err != nil {
		return err
	}
	_, err = t.send(ctx, call{op: opDeleteSubscription, method: http.MethodDelete, path: path, on: object{"subscription", id}})
	if e, ok := graphErrorOf(err); ok && e.Status == http.StatusNotFound {
		return nil
	}
	return err
}

// SubscriptionGone reports whether an error says that there is no such subscription.
func SubscriptionGone(err error) bool { return postern.IsCode(err, postern.CodeEntraNotFound) }

func subscriptionPath(id string) (string, error) {
	s, err := segment("subscription", id)
	return "/subscriptions/" + s, err
}
