-- +goose Up
-- Comparisons of Entra with the books. body is JSON: the run, and how far it has come.
CREATE TABLE reconcile_runs (
    id             TEXT PRIMARY KEY,
    integration_id TEXT NOT NULL REFERENCES integrations (id) ON DELETE CASCADE,
    version        BIGINT NOT NULL,
    mode           TEXT NOT NULL, -- incremental or full
    state          TEXT NOT NULL, -- running, done, stopped or failed
    created_at     BIGINT NOT NULL,
    body           TEXT NOT NULL
);
CREATE INDEX reconcile_runs_order ON reconcile_runs (integration_id, created_at, id);
-- Two runs of one integration at a time would mend the same things twice.
CREATE UNIQUE INDEX reconcile_runs_running ON reconcile_runs (integration_id) WHERE state = 'running';

-- What did not agree. body is JSON.
CREATE TABLE differences (
    id             TEXT PRIMARY KEY,
    integration_id TEXT NOT NULL REFERENCES integrations (id) ON DELETE CASCADE,
    run_id         TEXT NOT NULL,
    kind           TEXT NOT NULL,
    object         TEXT NOT NULL,
    user_id        TEXT NOT NULL, -- empty for somebody whom the books do not know
    outcome        TEXT NOT NULL, -- mended, reported or waiting
    found_at       BIGINT NOT NULL,
    closed_at      BIGINT, -- NULL while it is open
    body           TEXT NOT NULL
);
CREATE UNIQUE INDEX differences_open ON differences (integration_id, kind, object) WHERE closed_at IS NULL;
CREATE INDEX differences_order ON differences (integration_id, found_at, id);
CREATE INDEX differences_user ON differences (integration_id, user_id) WHERE closed_at IS NULL;

-- Where each listing was left: links, times and places, as JSON.
CREATE TABLE reconcile_state (
    integration_id TEXT PRIMARY KEY REFERENCES integrations (id) ON DELETE CASCADE,
    body           TEXT NOT NULL
);

-- Everybody is looked at in turn, a few at a time.
CREATE INDEX users_turn ON users (integration_id, id);
CREATE INDEX users_upn ON users (integration_id, lower(upn));

-- +goose Down
DROP INDEX users_upn;
DROP INDEX users_turn;
DROP TABLE reconcile_state;
DROP TABLE differences;
DROP TABLE reconcile_runs;
