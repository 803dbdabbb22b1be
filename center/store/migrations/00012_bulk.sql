-- +goose Up
-- Acts over many users. The counts are those of the rows, kept with each change of one.
CREATE TABLE bulk_jobs (
    id             TEXT PRIMARY KEY,
    integration_id TEXT NOT NULL REFERENCES integrations (id) ON DELETE CASCADE,
    version        BIGINT NOT NULL,
    kind           TEXT NOT NULL,
    state          TEXT NOT NULL,
    digest         TEXT NOT NULL,
    body           TEXT NOT NULL, -- JSON: everything that nobody searches for
    total          BIGINT NOT NULL,
    pending        BIGINT NOT NULL,
    running        BIGINT NOT NULL,
    waiting        BIGINT NOT NULL,
    done           BIGINT NOT NULL,
    skipped        BIGINT NOT NULL,
    failed         BIGINT NOT NULL,
    change         BIGINT NOT NULL,
    codes_until    BIGINT, -- rows keep sealed one-time codes until then
    created_at     BIGINT NOT NULL,
    updated_at     BIGINT NOT NULL,
    ended_at       BIGINT
);
CREATE INDEX bulk_jobs_integration ON bulk_jobs (integration_id, created_at);

-- due is when an open row is to be looked at; of a running one, until when it belongs to whoever took it.
CREATE TABLE bulk_rows (
    job_id        TEXT NOT NULL REFERENCES bulk_jobs (id) ON DELETE CASCADE,
    number        BIGINT NOT NULL,
    given         TEXT NOT NULL,
    times         BIGINT NOT NULL,
    valid_minutes BIGINT NOT NULL,
    user_id       TEXT NOT NULL,
    object_id     TEXT NOT NULL,
    upn           TEXT NOT NULL,
    state         TEXT NOT NULL,
    code          TEXT NOT NULL,
    message       TEXT NOT NULL,
    next          TEXT NOT NULL,
    made          TEXT NOT NULL,
    tries         BIGINT NOT NULL,
    due           BIGINT NOT NULL,
    begun         BIGINT NOT NULL,
    kept          BOOLEAN NOT NULL, -- the act happened, which its own transaction noted
    sealed        BYTEA NOT NULL,
    updated_at    BIGINT NOT NULL,
    PRIMARY KEY (job_id, number)
);
CREATE INDEX bulk_rows_state ON bulk_rows (job_id, state, number);
CREATE INDEX bulk_rows_open ON bulk_rows (job_id, due, number) WHERE state IN ('pending', 'running', 'waiting');

-- +goose Down
DROP TABLE bulk_rows;
DROP TABLE bulk_jobs;
