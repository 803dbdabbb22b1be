-- name: GetPushSubscription :one
SELECT sealed FROM push_subscriptions WHERE phone_id = $1;

-- name: PutPushSubscription :exec
INSERT INTO push_subscriptions (phone_id, sealed, created_at) VALUES ($1, $2, $3)
ON CONFLICT (phone_id) DO UPDATE SET sealed = excluded.sealed, created_at = excluded.created_at;

-- name: DeletePushSubscription :exec
DELETE FROM push_subscriptions WHERE phone_id = $1;

-- name: DeleteGonePushSubscription :exec
DELETE FROM push_subscriptions WHERE phone_id = $1 AND sealed = $2;

-- name: InsertSetting :execrows
INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING;
