-- +goose Up
-- One schema for SQLite and PostgreSQL, so it keeps to what both understand. Times are BIGINT Unix milliseconds, lists
-- and maps are JSON in TEXT, BYTEA is what SQLite keeps as a blob. An empty TEXT means "none"; only times are NULL.

CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value BYTEA NOT NULL
);

CREATE TABLE integrations (
    id                TEXT PRIMARY KEY,
    version           BIGINT NOT NULL,
    application_name  TEXT NOT NULL,
    application_key   TEXT NOT NULL UNIQUE, -- the name in lower case: two names never fold into one
    experience        TEXT NOT NULL,
    state             TEXT NOT NULL,
    tenant_id         TEXT NOT NULL,
    tenant_name       TEXT NOT NULL,
    client_id         TEXT NOT NULL,
    credential        TEXT NOT NULL, -- JSON of what may be shown of the credential
    sealed_credential BYTEA NOT NULL,
    permission_set    TEXT NOT NULL,
    flags             TEXT NOT NULL, -- JSON
    challenge_timeout BIGINT NOT NULL,
    attestation       TEXT NOT NULL,
    low_assurance     BOOLEAN NOT NULL,
    restrict_domains  BOOLEAN NOT NULL,
    domains           TEXT NOT NULL, -- JSON
    http_debug_until  BIGINT,
    phase_groups      TEXT NOT NULL, -- JSON
    last_check        TEXT NOT NULL, -- JSON, null before the first
    created_at        BIGINT NOT NULL,
    updated_at        BIGINT NOT NULL
);

CREATE TABLE attestation_cas (
    integration_id TEXT PRIMARY KEY REFERENCES integrations (id) ON DELETE CASCADE,
    certificate    BYTEA NOT NULL,
    sealed_key     BYTEA NOT NULL
);

CREATE TABLE users (
    id             TEXT PRIMARY KEY,
    integration_id TEXT NOT NULL REFERENCES integrations (id) ON DELETE CASCADE,
    version        BIGINT NOT NULL,
    object_id      TEXT NOT NULL,
    upn            TEXT NOT NULL,
    display_name   TEXT NOT NULL,
    mail           TEXT NOT NULL,
    phase          TEXT NOT NULL,
    group_phase    TEXT NOT NULL,
    problem        TEXT NOT NULL,
    sort_key       BYTEA NOT NULL, -- the display name in lower case, as bytes: both databases order bytes alike
    search_text    TEXT NOT NULL,  -- display name and user principal name in lower case
    created_at     BIGINT NOT NULL,
    updated_at     BIGINT NOT NULL,
    UNIQUE (integration_id, object_id)
);
CREATE INDEX users_order ON users (integration_id, sort_key, id);
CREATE INDEX users_out_of_group ON users (integration_id, updated_at, id) WHERE phase <> group_phase;
CREATE INDEX users_phase ON users (integration_id, phase);

CREATE TABLE invitations (
    id             TEXT PRIMARY KEY,
    integration_id TEXT NOT NULL REFERENCES integrations (id) ON DELETE CASCADE,
    user_id        TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    state          TEXT NOT NULL,
    failures       BIGINT NOT NULL,
    invited_by     TEXT NOT NULL,
    handle         TEXT NOT NULL,
    code_hash      BYTEA NOT NULL,
    created_at     BIGINT NOT NULL,
    expires_at     BIGINT NOT NULL,
    used_at        BIGINT
);
-- The first group of a one-time code names one open invitation.
CREATE UNIQUE INDEX invitations_open_handle ON invitations (handle) WHERE state = 'open';
CREATE INDEX invitations_handle ON invitations (handle);
CREATE INDEX invitations_user ON invitations (user_id);
CREATE INDEX invitations_integration ON invitations (integration_id);

CREATE TABLE phones (
    id             TEXT PRIMARY KEY,
    integration_id TEXT NOT NULL REFERENCES integrations (id) ON DELETE CASCADE,
    user_id        TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    version        BIGINT NOT NULL,
    name           TEXT NOT NULL,
    platform       TEXT NOT NULL,
    state          TEXT NOT NULL,
    assurance      TEXT NOT NULL,
    identity_key   BYTEA NOT NULL,
    seal_key       BYTEA NOT NULL,
    created_at     BIGINT NOT NULL,
    last_seen_at   BIGINT,
    revoked_at     BIGINT
);
CREATE INDEX phones_user ON phones (user_id);
CREATE INDEX phones_integration ON phones (integration_id);

CREATE TABLE phone_proofs (
    phone_id   TEXT NOT NULL REFERENCES phones (id) ON DELETE CASCADE,
    proof_id   TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (phone_id, proof_id)
);

CREATE TABLE provisionings (
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
-- A phone has at most one provisioning that is not final.
CREATE UNIQUE INDEX provisionings_open ON provisionings (phone_id)
    WHERE state IN ('requested', 'offered', 'submitted', 'registered');
CREATE INDEX provisionings_phone ON provisionings (phone_id);
CREATE INDEX provisionings_user ON provisionings (user_id);
CREATE INDEX provisionings_integration ON provisionings (integration_id, state);

CREATE TABLE passkeys (
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
-- One intent makes at most one passkey.
CREATE UNIQUE INDEX passkeys_provisioning ON passkeys (provisioning_id) WHERE provisioning_id <> '';
CREATE INDEX passkeys_user ON passkeys (user_id);
CREATE INDEX passkeys_phone ON passkeys (phone_id);
CREATE INDEX passkeys_integration ON passkeys (integration_id);

CREATE TABLE administrators (
    id           TEXT PRIMARY KEY,
    version      BIGINT NOT NULL,
    name         TEXT NOT NULL,
    role         TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    last_sign_in BIGINT,
    disabled_at  BIGINT
);

CREATE TABLE administrator_credentials (
    id               BYTEA PRIMARY KEY,
    administrator_id TEXT NOT NULL REFERENCES administrators (id) ON DELETE CASCADE,
    name             TEXT NOT NULL,
    data             BYTEA NOT NULL,
    created_at       BIGINT NOT NULL,
    last_used        BIGINT
);
CREATE INDEX administrator_credentials_owner ON administrator_credentials (administrator_id);

CREATE TABLE api_tokens (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    scopes     TEXT NOT NULL, -- JSON
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    last_used  BIGINT,
    revoked_at BIGINT,
    hash       BYTEA NOT NULL UNIQUE
);

CREATE TABLE links (
    hash       BYTEA PRIMARY KEY,
    role       TEXT NOT NULL,
    name       TEXT NOT NULL,
    created_by TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE TABLE sessions (
    token_hash BYTEA PRIMARY KEY, -- SHA-256, so that reading the table opens no session
    data       BYTEA NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE audit_events (
    sequence       BIGINT PRIMARY KEY,
    id             TEXT NOT NULL,
    at             BIGINT NOT NULL,
    code           TEXT NOT NULL,
    name           TEXT NOT NULL,
    actor_kind     TEXT NOT NULL,
    actor_id       TEXT NOT NULL,
    actor_name     TEXT NOT NULL,
    actor_addr     TEXT NOT NULL,
    integration_id TEXT NOT NULL, -- no foreign key: the trail outlives what it tells of
    target         TEXT NOT NULL,
    target_name    TEXT NOT NULL,
    success        BOOLEAN NOT NULL,
    error_code     TEXT NOT NULL,
    message        TEXT NOT NULL,
    fields         TEXT NOT NULL, -- JSON
    previous       TEXT NOT NULL,
    hash           TEXT NOT NULL
);
CREATE INDEX audit_events_integration ON audit_events (integration_id, sequence);
CREATE INDEX audit_events_target ON audit_events (target, sequence);
CREATE INDEX audit_events_actor ON audit_events (actor_id, sequence);

CREATE TABLE audit_head (
    id       BIGINT PRIMARY KEY,
    sequence BIGINT NOT NULL,
    hash     TEXT NOT NULL
);
INSERT INTO audit_head (id, sequence, hash) VALUES (1, 0, '');

-- +goose Down
DROP TABLE audit_head;
DROP TABLE audit_events;
DROP TABLE sessions;
DROP TABLE links;
DROP TABLE api_tokens;
DROP TABLE administrator_credentials;
DROP TABLE administrators;
DROP TABLE passkeys;
DROP TABLE provisionings;
DROP TABLE phone_proofs;
DROP TABLE phones;
DROP TABLE invitations;
DROP TABLE users;
DROP TABLE attestation_cas;
DROP TABLE integrations;
DROP TABLE settings;
