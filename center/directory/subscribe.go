package directory

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/entra"
)

// SubscribeJob has Entra tell of changes in the directory of an integration, and go on telling.
type SubscribeJob struct {
	Integration postern.IntegrationID `json:"integration"`
	Renew       bool                  `json:"renew,omitempty"` // before it is due
}

// Kind implements [job.Args].
func (SubscribeJob) Kind() string { return "directory.subscribe" }

const (
	subscribeFor = 28 * 24 * time.Hour // a day less than Graph's most, which clocks that differ must not reach
	renewBefore  = 14 * 24 * time.Hour // so that two weeks of trouble do not end it
)

// Subscriber is what subscribing needs of the connector.
type Subscriber interface {
	Subscriptions(ctx context.Context) ([]entra.Subscription, error)
	Subscribe(ctx context.Context, in entra.NewSubscription) (entra.Subscription, error)
	RenewSubscription(ctx context.Context, id string, until time.Time) (entra.Subscription, error)
	Unsubscribe(ctx context.Context, id string) error
}

// Subscribe handles [SubscribeJob].
func (s *Service) Subscribe(ctx context.Context, args SubscribeJob) error {
	at := s.notificationURL(args.Integration)
	if at == "" {
		return nil
	}
	tenant, _, err := s.Tenants.Tenant(ctx, args.Integration)
	if postern.IsCode(err, postern.CodeNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	p, err := s.Store.DirectoryProgress(ctx, args.Integration)
	if err != nil {
		return err
	}
	now := s.Now().UTC()
	until := now.Add(subscribeFor)
	if sub := p.Subscription; sub.ID != "" && sub.URL == at && now.Before(sub.ExpiresAt) {
		if !args.Renew && !s.subscriptionDue(p) {
			return nil
		}
		renewed, err := tenant.RenewSubscription(ctx, sub.ID, until)
		if err == nil {
			return s.change(ctx, args.Integration, func(_ context.Context, p *Progress) error {
				p.Subscription.ExpiresAt, p.Subscription.Problem = renewed.ExpiresAt, ""
				return nil
			})
		}
		if !entra.SubscriptionGone(err) {
			return err
		}
		if err := s.forgetSubscription(ctx, args.Integration, "Entra no longer knows it."); err != nil {
			return err
		}
	}
	return s.subscribe(ctx, args.Integration, tenant, at, until)
}

// subscribe makes a subscription. The proof of the client state is stored first, so that the first notification finds
// it; subscriptions of a run that died before it could store their id are ended.
func (s *Service) subscribe(ctx context.Context, id postern.IntegrationID, tenant Subscriber, at string, until time.Time) error {
	state := rand.Text() + rand.Text()
	proof := sha256.Sum256([]byte(state))
	if err := s.change(ctx, id, func(_ context.Context, p *Progress) error {
		p.Subscription = Subscription{Proof: proof[:], URL: at}
		return nil
	}); err != nil {
		return err
	}
	old, err := tenant.Subscriptions(ctx)
	if err != nil {
		return err
	}
	for _, sub := range old {
		if sub.URL == at {
			if err := tenant.Unsubscribe(ctx, sub.ID); err != nil {
				return err
			}
		}
	}
	made, err := tenant.Subscribe(ctx, entra.NewSubscription{URL: at, ClientState: state, ExpiresAt: until})
	if err != nil {
		return err
	}
	return s.change(ctx, id, func(ctx context.Context, p *Progress) error {
		p.Subscription = Subscription{ID: made.ID, Proof: proof[:], URL: at, ExpiresAt: made.ExpiresAt}
		return s.record(ctx, id, audit.DirectorySubscribed, true, "Entra tells of changes in the directory from now on.",
			map[string]string{"subscription": made.ID, "until": made.ExpiresAt.UTC().Format(time.RFC3339)})
	})
}

// forgetSubscription notes that a subscription is no more.
func (s *Service) forgetSubscription(ctx context.Context, id postern.IntegrationID, why string) error {
	return s.change(ctx, id, func(ctx context.Context, p *Progress) error {
		if p.Subscription.ID == "" {
			return nil
		}
		gone := p.Subscription.ID
		p.Subscription = Subscription{Problem: why}
		return s.record(ctx, id, audit.DirectoryUnnotified, false, "Entra no longer tells of changes in the directory: "+why,
			map[string]string{"subscription": gone})
	})
}

// SubscribeGivenUp is called when no attempt at subscribing is left. The directory is read by the clock all the same.
func (s *Service) SubscribeGivenUp(ctx context.Context, args SubscribeJob, cause error) error {
	e := postern.AsError(cause)
	return s.change(ctx, args.Integration, func(ctx context.Context, p *Progress) error {
		first := p.Subscription.Problem == ""
		p.Subscription.Problem, p.Subscription.TriedAt = e.Message, s.Now().UTC()
		if !first {
			return nil
		}
		return s.record(ctx, args.Integration, audit.DirectoryUnnotified, false, "Entra does not tell of changes in the directory: "+e.Message, nil)
	})
}

// tryAgainAfter is how long subscribing rests after it was given up.
const tryAgainAfter = 6 * time.Hour

// subscriptionDue reports whether a subscription is to be made or renewed.
func (s *Service) subscriptionDue(p Progress) bool {
	sub, now := p.Subscription, s.Now()
	if now.Sub(sub.TriedAt) < tryAgainAfter {
		return false
	}
	return sub.ID == "" || now.Add(renewBefore).After(sub.ExpiresAt)
}
