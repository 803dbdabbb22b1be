-- +goose Up
-- What documents would change in a tenant, and what became of it. body is JSON: the plan, and how far applying it has come.
CREATE TABLE policy_plans (
    id             TEXT PRIMARY KEY,
    integration_id TEXT NOT NULL REFERENCES integrations (id) ON DELETE CASCADE,
    version        BIGINT NOT NULL,
    state          TEXT NOT NULL, -- planning, planned, applying, landed, partly, failed or outdated
    created_at     BIGINT NOT NULL,
    body           TEXT NOT NULL
);
CREATE INDEX policy_plans_order ON policy_plans (integration_id, created_at, id);
-- Two plans applied at a time would undo one another's work.
CREATE UNIQUE INDEX policy_plans_applying ON policy_plans (integration_id) WHERE state = 'applying';

-- Whom a plan concerns, the worst effects first. effects has one bit for each effect, in their order; body is JSON.
CREATE TABLE policy_impacts (
    plan_id     TEXT NOT NULL REFERENCES policy_plans (id) ON DELETE CASCADE,
    place       BIGINT NOT NULL,
    effects     BIGINT NOT NULL,
    privileged  BOOLEAN NOT NULL,
    only_method BOOLEAN NOT NULL,
    body        TEXT NOT NULL,
    PRIMARY KEY (plan_id, place)
);

-- What drift is measured from, and what was found at the last look, as JSON.
CREATE TABLE policy_watches (
    integration_id TEXT PRIMARY KEY REFERENCES integrations (id) ON DELETE CASCADE,
    version        BIGINT NOT NULL,
    body           TEXT NOT NULL
);

-- +goose Down
DROP TABLE policy_watches;
DROP TABLE policy_impacts;
DROP TABLE policy_plans;
