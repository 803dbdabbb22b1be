-- +goose Up
-- A sign-in counts once its number was typed, and it may come before there is a phone. What was under way for ten minutes
-- begins again.
DROP TABLE sign_ins;
CREATE TABLE sign_ins (
    id             TEXT PRIMARY KEY, -- hash of the state
    integration_id TEXT NOT NULL REFERENCES integrations (id) ON DELETE CASCADE,
    phone_id       TEXT REFERENCES phones (id) ON DELETE CASCADE, -- null: it enrols one
    version        BIGINT NOT NULL,
    step           TEXT NOT NULL,  -- begun, returned, confirmed or over
    sealed         BYTEA NOT NULL, -- everything else
    expires_at     BIGINT NOT NULL
);
CREATE INDEX sign_ins_integration ON sign_ins (integration_id);
CREATE INDEX sign_ins_phone ON sign_ins (phone_id);

-- +goose Down
DROP TABLE sign_ins;
CREATE TABLE sign_ins (
    id             TEXT PRIMARY KEY,
    integration_id TEXT NOT NULL REFERENCES integrations (id) ON DELETE CASCADE,
    phone_id       TEXT NOT NULL REFERENCES phones (id) ON DELETE CASCADE,
    sealed         BYTEA NOT NULL,
    used_at        BIGINT,
    expires_at     BIGINT NOT NULL
);
CREATE INDEX sign_ins_integration ON sign_ins (integration_id);
CREATE INDEX sign_ins_phone ON sign_ins (phone_id);
