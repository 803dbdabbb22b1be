-- +goose Up
-- Set-ups of tenants, with how far each has come. body is JSON without secrets.
CREATE TABLE setups (
    id         TEXT PRIMARY KEY,
    version    BIGINT NOT NULL,
    state      TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    body       TEXT NOT NULL
);
CREATE INDEX setups_order ON setups (created_at, id);

-- What a set-up holds until the integration has it, sealed: the key of the certificate, a client secret, a password.
CREATE TABLE setup_secrets (
    setup_id TEXT PRIMARY KEY REFERENCES setups (id) ON DELETE CASCADE,
    sealed   BYTEA NOT NULL
);

-- Sign-ins of administrators, sealed: a code under way, or the tokens it gave. Backups leave them out.
CREATE TABLE setup_sign_ins (
    setup_id TEXT PRIMARY KEY REFERENCES setups (id) ON DELETE CASCADE,
    ends_at  BIGINT NOT NULL,
    sealed   BYTEA NOT NULL
);

-- +goose Down
DROP TABLE setup_sign_ins;
DROP TABLE setup_secrets;
DROP TABLE setups;
