-- +goose Up
-- How far the passkeys of each tenant were read, as JSON.
CREATE TABLE inventory_progress (
    integration_id TEXT PRIMARY KEY REFERENCES integrations (id) ON DELETE CASCADE,
    version        BIGINT NOT NULL,
    body           TEXT NOT NULL
);

-- Users of each tenant as their methods were read.
CREATE TABLE inventory_users (
    integration_id TEXT NOT NULL REFERENCES integrations (id) ON DELETE CASCADE,
    object_id      TEXT NOT NULL,
    looked_at      BIGINT NOT NULL, -- when the passkeys were read, or known to be none; 0 for never
    last_use_at    BIGINT NOT NULL, -- when Entra was asked when they were last used; 0 for never
    passkeys       BIGINT NOT NULL, -- how many
    failures       BIGINT NOT NULL, -- readings in a row that could not read them
    methods        TEXT NOT NULL,   -- JSON; 'null' while they are not known
    methods_at     BIGINT NOT NULL,
    PRIMARY KEY (integration_id, object_id)
);
CREATE INDEX inventory_users_oldest ON inventory_users (integration_id, looked_at, object_id);
CREATE INDEX inventory_users_holders ON inventory_users (integration_id, object_id) WHERE passkeys > 0;
CREATE INDEX inventory_users_failed ON inventory_users (integration_id, object_id) WHERE failures > 0;

-- Their passkeys, whoever made them.
CREATE TABLE inventory_passkeys (
    integration_id TEXT NOT NULL REFERENCES integrations (id) ON DELETE CASCADE,
    object_id      TEXT NOT NULL,
    method_id      TEXT NOT NULL,
    name           TEXT NOT NULL,
    search_text    TEXT NOT NULL, -- the name in lower case
    model          TEXT NOT NULL,
    aaguid         TEXT NOT NULL,
    attested       BOOLEAN NOT NULL,
    synced         BOOLEAN NOT NULL,
    created_at     BIGINT NOT NULL,
    last_used_at   BIGINT, -- NULL where Entra tells of no use
    PRIMARY KEY (integration_id, object_id, method_id)
);
CREATE INDEX inventory_passkeys_model ON inventory_passkeys (integration_id, aaguid, object_id);

-- Users whom the reading under way has still to ask for.
CREATE TABLE inventory_due (
    integration_id TEXT NOT NULL REFERENCES integrations (id) ON DELETE CASCADE,
    object_id      TEXT NOT NULL,
    attempts       BIGINT NOT NULL,
    PRIMARY KEY (integration_id, object_id)
);
CREATE INDEX inventory_due_order ON inventory_due (integration_id, attempts, object_id);

CREATE INDEX passkeys_listed ON passkeys (integration_id, method_id);

-- +goose Down
DROP INDEX passkeys_listed;
DROP TABLE inventory_due;
DROP TABLE inventory_passkeys;
DROP TABLE inventory_users;
DROP TABLE inventory_progress;
