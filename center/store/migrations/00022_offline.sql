-- +goose Up
-- What a workstation has for signing in without a network, one row for each pairing that ever asked. body is JSON: how it
-- stands, and the seeds of recovery codes, sealed.
CREATE TABLE offline_sign_ins (
    pairing_id     TEXT PRIMARY KEY REFERENCES pairings (id) ON DELETE CASCADE,
    integration_id TEXT NOT NULL REFERENCES integrations (id) ON DELETE CASCADE,
    user_id        TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    phone_id       TEXT NOT NULL REFERENCES phones (id) ON DELETE CASCADE,
    workstation_id TEXT NOT NULL REFERENCES workstations (id) ON DELETE CASCADE,
    version        BIGINT NOT NULL,
    state          TEXT NOT NULL,
    created_at     BIGINT NOT NULL,
    body           TEXT NOT NULL
);
CREATE INDEX offline_sign_ins_integration ON offline_sign_ins (integration_id, pairing_id);
CREATE INDEX offline_sign_ins_user ON offline_sign_ins (user_id);
CREATE INDEX offline_sign_ins_phone ON offline_sign_ins (phone_id);
CREATE INDEX offline_sign_ins_workstation ON offline_sign_ins (workstation_id);

-- Recovery codes that were asked for. The codes themselves are nowhere; body is JSON.
CREATE TABLE recoveries (
    id              TEXT PRIMARY KEY,
    integration_id  TEXT NOT NULL REFERENCES integrations (id) ON DELETE CASCADE,
    pairing_id      TEXT NOT NULL REFERENCES pairings (id) ON DELETE CASCADE,
    user_id         TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    workstation_id  TEXT NOT NULL REFERENCES workstations (id) ON DELETE CASCADE,
    version         BIGINT NOT NULL,
    state           TEXT NOT NULL,
    requested_by_id TEXT NOT NULL,
    created_at      BIGINT NOT NULL,
    body            TEXT NOT NULL
);
CREATE INDEX recoveries_order ON recoveries (created_at, id);
CREATE INDEX recoveries_integration ON recoveries (integration_id);
CREATE INDEX recoveries_pairing ON recoveries (pairing_id, created_at);
CREATE INDEX recoveries_user ON recoveries (user_id);
CREATE INDEX recoveries_workstation ON recoveries (workstation_id);
CREATE INDEX recoveries_requester ON recoveries (requested_by_id, created_at);
-- One at a time, so that nobody guesses which code belongs to which reason.
CREATE UNIQUE INDEX recoveries_open ON recoveries (pairing_id) WHERE state IN ('waiting', 'ready');

-- A passkey may lie on a workstation too. Its phone is the one whose user agreed. A pairing goes with its devices, which
-- the passkey outlives until it is gone at Entra.
ALTER TABLE provisionings ADD COLUMN workstation_id TEXT;
ALTER TABLE provisionings ADD COLUMN pairing_id TEXT;
ALTER TABLE passkeys ADD COLUMN workstation_id TEXT;
ALTER TABLE passkeys ADD COLUMN pairing_id TEXT;
DROP INDEX provisionings_open;
CREATE UNIQUE INDEX provisionings_open ON provisionings (phone_id)
    WHERE carrier = 'phone' AND state IN ('requested', 'offered', 'submitted', 'registered');
CREATE UNIQUE INDEX provisionings_open_workstation ON provisionings (pairing_id)
    WHERE carrier = 'workstation' AND state IN ('requested', 'offered', 'submitted', 'registered');

-- +goose Down
DROP INDEX provisionings_open_workstation;
DROP INDEX provisionings_open;
DELETE FROM passkeys WHERE carrier = 'workstation';
DELETE FROM provisionings WHERE carrier = 'workstation';
CREATE UNIQUE INDEX provisionings_open ON provisionings (phone_id)
    WHERE state IN ('requested', 'offered', 'submitted', 'registered');
ALTER TABLE passkeys DROP COLUMN pairing_id;
ALTER TABLE passkeys DROP COLUMN workstation_id;
ALTER TABLE provisionings DROP COLUMN pairing_id;
ALTER TABLE provisionings DROP COLUMN workstation_id;
DROP TABLE recoveries;
DROP TABLE offline_sign_ins;
