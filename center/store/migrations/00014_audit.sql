-- +goose Up
-- Whom an entry is about, so that everything about a user is found at once. It is an index and no part of what is
-- hashed: it follows from the rest.
ALTER TABLE audit_events ADD COLUMN subject TEXT NOT NULL DEFAULT '';
UPDATE audit_events SET subject = target WHERE substr(target, 1, 4) = 'usr_';
UPDATE audit_events SET subject = COALESCE((SELECT user_id FROM phones WHERE phones.id = audit_events.target), '')
WHERE substr(target, 1, 4) = 'phn_';
UPDATE audit_events SET subject = COALESCE((SELECT user_id FROM provisionings WHERE provisionings.id = audit_events.target), '')
WHERE substr(target, 1, 4) = 'prv_';
UPDATE audit_events SET subject = COALESCE((SELECT user_id FROM passkeys WHERE passkeys.id = audit_events.target), '')
WHERE substr(target, 1, 4) = 'pky_';
UPDATE audit_events SET subject = COALESCE((SELECT user_id FROM phones WHERE phones.id = audit_events.actor_id), '')
WHERE subject = '' AND actor_kind = 'phone';
CREATE INDEX audit_events_subject ON audit_events (subject, sequence);
CREATE INDEX audit_events_at ON audit_events (at, sequence);
CREATE INDEX audit_events_name ON audit_events (name, sequence);

-- What retention removed: after each removal, the last entry that went, signed.
CREATE TABLE audit_floors (
    sequence BIGINT PRIMARY KEY,
    hash     TEXT NOT NULL,
    at       BIGINT NOT NULL,
    note     TEXT NOT NULL
);

-- Where the trail is sent while it grows. cursor is the last entry that the sink has.
CREATE TABLE audit_streams (
    id           TEXT PRIMARY KEY,
    version      BIGINT NOT NULL,
    name         TEXT NOT NULL UNIQUE,
    paused       BOOLEAN NOT NULL,
    config       TEXT NOT NULL, -- JSON, no secrets
    secrets      BYTEA NOT NULL, -- sealed
    cursor       BIGINT NOT NULL,
    delivered_at BIGINT,
    failures     BIGINT NOT NULL,
    problem      TEXT NOT NULL,
    problem_at   BIGINT,
    next_at      BIGINT NOT NULL, -- not before, after a failure
    holder       TEXT NOT NULL, -- who sends at the moment
    held_until   BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL
);

-- Filters of the trail that administrators keep under a name.
CREATE TABLE audit_filters (
    id         TEXT PRIMARY KEY,
    version    BIGINT NOT NULL,
    name       TEXT NOT NULL,
    owner      TEXT NOT NULL,
    shared     BOOLEAN NOT NULL,
    filter     TEXT NOT NULL, -- JSON
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX audit_filters_owner ON audit_filters (owner);

-- +goose Down
DROP TABLE audit_filters;
DROP TABLE audit_streams;
DROP TABLE audit_floors;
DROP INDEX audit_events_name;
DROP INDEX audit_events_at;
DROP INDEX audit_events_subject;
ALTER TABLE audit_events DROP COLUMN subject;
