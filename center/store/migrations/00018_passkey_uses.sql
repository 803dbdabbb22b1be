-- +goose Up
-- When phones last signed in with their passkeys, to the hour, as they say. It stands beside passkeys and not in them: a use
-- is no change that two people could collide over.
CREATE TABLE passkey_uses (
    passkey_id TEXT PRIMARY KEY REFERENCES passkeys (id) ON DELETE CASCADE,
    used_at    BIGINT NOT NULL
);

-- +goose Down
DROP TABLE passkey_uses;
