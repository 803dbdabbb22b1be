-- +goose Up
-- A passkey may lie on a hardware security key, which Postern knows nothing of: there is no phone then. SQLite cannot
-- take NOT NULL from a column, so both tables are made anew; nothing refers to them.
CREATE TABLE provisionings_new (
    id                   TEXT PRIMARY KEY,
    integration_id       TEXT NOT NULL REFERENCES integrations (id) ON DELETE CASCADE,
    user_id              TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    carrier              TEXT NOT NULL, -- phone or security_key
    phone_id             TEXT REFERENCES phones (id) ON DELETE CASCADE,
    version              BIGINT NOT NULL,
    state                TEXT NOT NULL,
    display_name         TEXT NOT NULL,
    code                 TEXT NOT NULL,
    message              TEXT NOT NULL,
    next                 TEXT NOT NULL,
    method_id            TEXT NOT NULL,
    requested_by         TEXT NOT NULL,
    created_at           BIGINT NOT NULL,
    updated_at           BIGINT NOT NULL,
    expires_at           BIGINT,
    user_object_id       TEXT NOT NULL,
    sealed               BYTEA NOT NULL,
    challenge_hash       BYTEA NOT NULL,
    rp_id                TEXT NOT NULL,
    user_handle          BYTEA NOT NULL,
    credential_id        BYTEA NOT NULL,
    client_data_json     BYTEA NOT NULL,
    attestation_object   BYTEA NOT NULL,
    attestation_key_hash BYTEA NOT NULL,
    renewals             BIGINT NOT NULL,
    posts                BIGINT NOT NULL,
    seen                 BIGINT NOT NULL
);
INSERT INTO provisionings_new (id, integration_id, user_id, carrier, phone_id, version, state, display_name, code, message,
    next, method_id, requested_by, created_at, updated_at, expires_at, user_object_id, sealed, challenge_hash, rp_id,
    user_handle, credential_id, client_data_json, attestation_object, attestation_key_hash, renewals, posts, seen)
SELECT id, integration_id, user_id, 'phone', phone_id, version, state, display_name, code, message,
    next, method_id, requested_by, created_at, updated_at, expires_at, user_object_id, sealed, challenge_hash, rp_id,
    user_handle, credential_id, client_data_json, attestation_object, attestation_key_hash, renewals, posts, seen
FROM provisionings;
DROP TABLE provisionings;
ALTER TABLE provisionings_new RENAME TO provisionings;
-- A phone has at most one provisioning that is not final, and so has a user's security key: which one it will be is not
-- known before it answers.
CREATE UNIQUE INDEX provisionings_open ON provisionings (phone_id)
    WHERE state IN ('requested', 'offered', 'submitted', 'registered');
CREATE UNIQUE INDEX provisionings_open_security_key ON provisionings (user_id)
    WHERE carrier = 'security_key' AND state IN ('requested', 'offered', 'submitted', 'registered');
CREATE INDEX provisionings_phone ON provisionings (phone_id);
CREATE INDEX provisionings_user ON provisionings (user_id);
CREATE INDEX provisionings_integration ON provisionings (integration_id, state);

CREATE TABLE passkeys_new (
    id              TEXT PRIMARY KEY,
    integration_id  TEXT NOT NULL REFERENCES integrations (id) ON DELETE CASCADE,
    user_id         TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    carrier         TEXT NOT NULL, -- phone or security_key
    phone_id        TEXT REFERENCES phones (id) ON DELETE CASCADE,
    provisioning_id TEXT NOT NULL,
    version         BIGINT NOT NULL,
    managed         BOOLEAN NOT NULL,
    state           TEXT NOT NULL,
    method_id       TEXT NOT NULL,
    display_name    TEXT NOT NULL,
    aaguid          TEXT NOT NULL,
    model           TEXT NOT NULL,
    attested        BOOLEAN NOT NULL,
    synced          BOOLEAN NOT NULL,
    credential_id   BYTEA NOT NULL,
    created_at      BIGINT NOT NULL,
    revoked_at      BIGINT,
    problem         TEXT NOT NULL
);
INSERT INTO passkeys_new (id, integration_id, user_id, carrier, phone_id, provisioning_id, version, managed, state,
    method_id, display_name, aaguid, model, attested, synced, credential_id, created_at, revoked_at, problem)
SELECT id, integration_id, user_id, 'phone', phone_id, provisioning_id, version, managed, state,
    method_id, display_name, aaguid, model, attested, synced, credential_id, created_at, revoked_at, problem
FROM passkeys;
DROP TABLE passkeys;
ALTER TABLE passkeys_new RENAME TO passkeys;
-- One intent makes at most one passkey.
CREATE UNIQUE INDEX passkeys_provisioning ON passkeys (provisioning_id) WHERE provisioning_id <> '';
CREATE INDEX passkeys_user ON passkeys (user_id);
CREATE INDEX passkeys_phone ON passkeys (phone_id);
CREATE INDEX passkeys_integration ON passkeys (integration_id);

-- +goose Down
-- What lies on security keys has no place in the older tables.
CREATE TABLE passkeys_old (
    id              TEXT PRIMARY KEY,
    integration_id  TEXT NOT NULL REFERENCES integrations (id) ON DELETE CASCADE,
    user_id         TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    phone_id        TEXT NOT NULL REFERENCES phones (id) ON DELETE CASCADE,
    provisioning_id TEXT NOT NULL,
    version         BIGINT NOT NULL,
    managed         BOOLEAN NOT NULL,
    state           TEXT NOT NULL,
    method_id       TEXT NOT NULL,
    display_name    TEXT NOT NULL,
    aaguid          TEXT NOT NULL,
    model           TEXT NOT NULL,
    attested        BOOLEAN NOT NULL,
    synced          BOOLEAN NOT NULL,
    credential_id   BYTEA NOT NULL,
    created_at      BIGINT NOT NULL,
    revoked_at      BIGINT,
    problem         TEXT NOT NULL
);
INSERT INTO passkeys_old (id, integration_id, user_id, phone_id, provisioning_id, version, managed, state,
    method_id, display_name, aaguid, model, attested, synced, credential_id, created_at, revoked_at, problem)
SELECT id, integration_id, user_id, phone_id, provisioning_id, version, managed, state,
    method_id, display_name, aaguid, model, attested, synced, credential_id, created_at, revoked_at, problem
FROM passkeys WHERE phone_id IS NOT NULL;
DROP TABLE passkeys;
ALTER TABLE passkeys_old RENAME TO passkeys;
CREATE UNIQUE INDEX passkeys_provisioning ON passkeys (provisioning_id) WHERE provisioning_id <> '';
CREATE INDEX passkeys_user ON passkeys (user_id);
CREATE INDEX passkeys_phone ON passkeys (phone_id);
CREATE INDEX passkeys_integration ON passkeys (integration_id);

CREATE TABLE provisionings_old (
    id                   TEXT PRIMARY KEY,
    integration_id       TEXT NOT NULL REFERENCES integrations (id) ON DELETE CASCADE,
    user_id              TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    phone_id             TEXT NOT NULL REFERENCES phones (id) ON DELETE CASCADE,
    version              BIGINT NOT NULL,
    state                TEXT NOT NULL,
    display_name         TEXT NOT NULL,
    code                 TEXT NOT NULL,
    message              TEXT NOT NULL,
    next                 TEXT NOT NULL,
    method_id            TEXT NOT NULL,
    requested_by         TEXT NOT NULL,
    created_at           BIGINT NOT NULL,
    updated_at           BIGINT NOT NULL,
    expires_at           BIGINT,
    user_object_id       TEXT NOT NULL,
    sealed               BYTEA NOT NULL,
    challenge_hash       BYTEA NOT NULL,
    rp_id                TEXT NOT NULL,
    user_handle          BYTEA NOT NULL,
    credential_id        BYTEA NOT NULL,
    client_data_json     BYTEA NOT NULL,
    attestation_object   BYTEA NOT NULL,
    attestation_key_hash BYTEA NOT NULL,
    renewals             BIGINT NOT NULL,
    posts                BIGINT NOT NULL,
    seen                 BIGINT NOT NULL
);
INSERT INTO provisionings_old (id, integration_id, user_id, phone_id, version, state, display_name, code, message,
    next, method_id, requested_by, created_at, updated_at, expires_at, user_object_id, sealed, challenge_hash, rp_id,
    user_handle, credential_id, client_data_json, attestation_object, attestation_key_hash, renewals, posts, seen)
SELECT id, integration_id, user_id, phone_id, version, state, display_name, code, message,
    next, method_id, requested_by, created_at, updated_at, expires_at, user_object_id, sealed, challenge_hash, rp_id,
    user_handle, credential_id, client_data_json, attestation_object, attestation_key_hash, renewals, posts, seen
FROM provisionings WHERE phone_id IS NOT NULL;
DROP TABLE provisionings;
ALTER TABLE provisionings_old RENAME TO provisionings;
CREATE UNIQUE INDEX provisionings_open ON provisionings (phone_id)
    WHERE state IN ('requested', 'offered', 'submitted', 'registered');
CREATE INDEX provisionings_phone ON provisionings (phone_id);
CREATE INDEX provisionings_user ON provisionings (user_id);
CREATE INDEX provisionings_integration ON provisionings (integration_id, state);
