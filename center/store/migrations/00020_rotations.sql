-- +goose Up
-- Credentials of integrations that are replaced, and were. body is JSON: the rotation, and how far it has come; sealed holds
-- the new credential, and what an administrator's sign-in gave, until the rotation is over.
CREATE TABLE rotations (
    id             TEXT PRIMARY KEY,
    integration_id TEXT NOT NULL REFERENCES integrations (id) ON DELETE CASCADE,
    version        BIGINT NOT NULL,
    state          TEXT NOT NULL,
    created_at     BIGINT NOT NULL,
    body           TEXT NOT NULL,
    sealed         BYTEA NOT NULL
);
CREATE INDEX rotations_order ON rotations (integration_id, created_at, id);
-- Two rotations at a time would remove one another's credentials.
CREATE UNIQUE INDEX rotations_under_way ON rotations (integration_id) WHERE state NOT IN ('done', 'cancelled', 'failed');

-- Where administrators read mail, of those who said so.
CREATE TABLE administrator_addresses (
    administrator_id TEXT PRIMARY KEY REFERENCES administrators (id) ON DELETE CASCADE,
    address          TEXT NOT NULL
);

-- Messages to administrators, as JSON. Nothing in them is secret.
CREATE TABLE alarms (
    id             TEXT PRIMARY KEY,
    integration_id TEXT NOT NULL REFERENCES integrations (id) ON DELETE CASCADE,
    state          TEXT NOT NULL,
    attempts       BIGINT NOT NULL,
    created_at     BIGINT NOT NULL,
    body           TEXT NOT NULL
);
CREATE INDEX alarms_order ON alarms (created_at, id);

-- +goose Down
DROP TABLE alarms;
DROP TABLE administrator_addresses;
DROP TABLE rotations;
