-- +goose Up
-- What phones say they registered at Security info, until Entra lists it. A claim that was found is removed: the passkey
-- stands for it.
CREATE TABLE passkey_claims (
    phone_id       TEXT NOT NULL REFERENCES phones (id) ON DELETE CASCADE,
    credential_id  BYTEA NOT NULL,
    integration_id TEXT NOT NULL REFERENCES integrations (id) ON DELETE CASCADE,
    user_id        TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    version        BIGINT NOT NULL,
    state          TEXT NOT NULL, -- looking or given_up
    code           TEXT NOT NULL,
    message        TEXT NOT NULL,
    next           TEXT NOT NULL,
    created_at     BIGINT NOT NULL,
    expires_at     BIGINT NOT NULL,
    PRIMARY KEY (phone_id, credential_id)
);
CREATE INDEX passkey_claims_user ON passkey_claims (user_id);
CREATE INDEX passkey_claims_integration ON passkey_claims (integration_id);
-- A passkey that its user registered has no provisioning to tell it by, and may be found twice at once.
CREATE UNIQUE INDEX passkeys_method ON passkeys (user_id, method_id) WHERE state IN ('active', 'revocation_pending');

-- +goose Down
DROP INDEX passkeys_method;
DROP TABLE passkey_claims;
