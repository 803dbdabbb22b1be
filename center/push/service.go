package push

import (
	"context"
	"crypto/ecdh"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/seal"
)

// maxEndpoint is the length of an address of a subscription, in bytes.
const maxEndpoint = 1024

// Store keeps subscriptions and the key, both sealed.
type Store interface {
	Atomically(ctx context.Context, do func(ctx context.Context) error) error
	Setting(ctx context.Context, name string) ([]byte, error)
	CreateSetting(ctx context.Context, name string, value []byte) error // CodeConflict when there is one

	Phone(ctx context.Context, id postern.PhoneID) (postern.Phone, error)
	Workstation(ctx context.Context, id postern.WorkstationID) (postern.Workstation, error)

	PushSubscription(ctx context.Context, phone postern.PhoneID) (sealed []byte, err error)
	// PushPhones lists phones that have a subscription.
	PushPhones(ctx context.Context, limit int) ([]postern.PhoneID, error)
	SetPushSubscription(ctx context.Context, phone postern.PhoneID, sealed []byte, at time.Time) error
	// DeletePushSubscription with sealed deletes only that one.
	DeletePushSubscription(ctx context.Context, phone postern.PhoneID, sealed []byte) error
}

// Config is what a service stands on. Store and Sealer are needed.
type Config struct {
	Store  Store
	Sealer seal.Sealer
	// Client calls push services; nil means one of [NewClient] with nothing set.
	Client *http.Client
	// AllowPrivate is what the client was made with.
	AllowPrivate bool
	// Contact is a mailto: or https: address at which a push service reaches who runs this (RFC 8292 §2.1); some refuse
	// messages without one.
	Contact string
	Log     *slog.Logger                                     // nil: none
	Now     func() time.Time                                 // nil: time.Now
	Sleep   func(ctx context.Context, d time.Duration) error // between attempts; nil: by the clock
}

// Service wakes phones. Close ends it.
type Service struct {
	Config

	keyMu sync.Mutex
	key   *identity

	base   context.Context // ends with Close
	stop   context.CancelFunc
	mu     sync.Mutex
	closed bool
	work   sync.WaitGroup
	slots  chan struct{} // one for each message that is not done with
	calls  chan struct{} // one for each call under way
	recent limiter
	counts counts
}

// New returns a service.
func New(c Config) *Service {
	if c.Client == nil {
		c.Client = NewClient(ClientConfig{AllowPrivate: c.AllowPrivate})
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Sleep == nil {
		c.Sleep = sleep
	}
	s := &Service{Config: c, slots: make(chan struct{}, maxWaiting), calls: make(chan struct{}, maxCalls)}
	s.recent.last = make(map[string]time.Time)
	s.base, s.stop = context.WithCancel(context.Background())
	return s
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close gives up what is under way. Nothing is woken any more.
func (s *Service) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.stop()
	s.work.Wait()
	s.Client.CloseIdleConnections()
}

func sealPurposeOf(phone postern.PhoneID) string { return "phone/" + string(phone) + "/push" }

// Subscribe has a phone woken at a subscription from now on, and at no other.
func (s *Service) Subscribe(ctx context.Context, phone postern.PhoneID, in postern.PushSubscription) error {
	if _, err := endpointOf(in.Endpoint, s.AllowPrivate); err != nil {
		return postern.FieldErrorf("endpoint", "The address of the push service cannot be used: %v.", err).
			WithNext("Turn notifications off and on again in the app. If that does not help, this browser's push service is not one that this control center may call.").Because(err)
	}
	if _, err := ecdh.P256().NewPublicKey(in.P256DH); err != nil || len(in.P256DH) != publicSize {
		return postern.FieldErrorf("p256dh", "The subscription's key is not an uncompressed P-256 public key of %d bytes.", publicSize)
	}
	if len(in.Auth) != authSize {
		return postern.FieldErrorf("auth", "The subscription's secret does not have %d bytes.", authSize)
	}
	plain, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("push: %w", err)
	}
	sealed, err := s.Sealer.Seal(ctx, sealPurposeOf(phone), plain)
	if err != nil {
		return fmt.Errorf("push: %w", err)
	}
	return s.Store.SetPushSubscription(ctx, phone, sealed, s.Now().UTC())
}

// Unsubscribe has a phone woken no more.
func (s *Service) Unsubscribe(ctx context.Context, phone postern.PhoneID) error {
	return s.Store.DeletePushSubscription(ctx, phone, nil)
}

// State is what a phone may know of its push messages.
func (s *Service) State(ctx context.Context, phone postern.PhoneID) (postern.PushState, error) {
	key, err := s.identity(ctx)
	if err != nil {
		return postern.PushState{}, err
	}
	_, err = s.Store.PushSubscription(ctx, phone)
	if err != nil && !postern.IsCode(err, postern.CodeNotFound) {
		return postern.PushState{}, err
	}
	return postern.PushState{PublicKey: key.public, Subscribed: err == nil}, nil
}

// subscription opens where a phone may be woken. sealed tells that subscription from a later one.
func (s *Service) subscription(ctx context.Context, phone postern.PhoneID) (sub postern.PushSubscription, sealed []byte, err error) {
	if sealed, err = s.Store.PushSubscription(ctx, phone); err != nil {
		return sub, nil, err
	}
	plain, err := s.Sealer.Open(ctx, sealPurposeOf(phone), sealed)
	if err != nil {
		return sub, nil, fmt.Errorf("push: the subscription of %s: %w", phone, err)
	}
	if err := json.Unmarshal(plain, &sub); err != nil {
		return sub, nil, fmt.Errorf("push: the subscription of %s cannot be read", phone) // the cause may quote it
	}
	return sub, sealed, nil
}
