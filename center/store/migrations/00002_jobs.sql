-- +goose Up
-- River's tables exist by now. Package job looks jobs up by the key it puts into their arguments.
CREATE INDEX postern_job_key ON river_job ((args ->> 'key'));

-- Who runs jobs on this database. A runner that stays silent is dead, and its jobs go to the others.
CREATE TABLE job_runners (
    id      TEXT PRIMARY KEY,
    seen_at BIGINT NOT NULL
);

-- +goose Down
DROP TABLE job_runners;
DROP INDEX postern_job_key;
