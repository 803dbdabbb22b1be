package store

import (
	"context"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/store/internal/query"
)

// PushSubscription returns where a phone may be woken, sealed; CodeNotFound when it may not.
func (s *Store) PushSubscription(ctx context.Context, phone postern.PhoneID) (sealed []byte, err error) {
	sealed, err = s.read(ctx).GetPushSubscription(ctx, string(phone))
	return sealed, failure(err, "push subscription")
}

// SetPushSubscription stores where a phone may be woken, in the place of what was known before.
func (s *Store) SetPushSubscription(ctx context.Context, phone postern.PhoneID, sealed []byte, at time.Time) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		err := t.q.PutPushSubscription(ctx, query.PutPushSubscriptionParams{PhoneID: string(phone), Sealed: blob(sealed), CreatedAt: millis(at)})
		return failure(err, "push subscription")
	})
}

// DeletePushSubscription forgets where a phone may be woken. With sealed it does so only if that is still what is
// stored: a phone that subscribed anew meanwhile keeps its new subscription.
func (s *Store) DeletePushSubscription(ctx context.Context, phone postern.PhoneID, sealed []byte) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		if sealed == nil {
			return failure(t.q.DeletePushSubscription(ctx, string(phone)), "push subscription")
		}
		err := t.q.DeleteGonePushSubscription(ctx, query.DeleteGonePushSubscriptionParams{PhoneID: string(phone), Sealed: sealed})
		return failure(err, "push subscription")
	})
}

// CreateSetting keeps value under name; CodeConflict when something is kept there.
func (s *Store) CreateSetting(ctx context.Context, name string, value []byte) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		rows, err := t.q.InsertSetting(ctx, query.InsertSettingParams{Name: name, Value: blob(value)})
		return inserted(rows, err, "setting")
	})
}
