-- +goose Up
-- Where a phone may be woken, and the keys its messages are encrypted with: sealed, because whoever knows the address may
-- send to it.
CREATE TABLE push_subscriptions (
    phone_id   TEXT PRIMARY KEY REFERENCES phones (id) ON DELETE CASCADE,
    sealed     BYTEA NOT NULL,
    created_at BIGINT NOT NULL
);

-- +goose Down
DROP TABLE push_subscriptions;
