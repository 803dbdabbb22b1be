-- +goose Up
-- How far the directory of an integration was read, as JSON.
CREATE TABLE directory_progress (
    integration_id TEXT PRIMARY KEY REFERENCES integrations (id) ON DELETE CASCADE,
    version        BIGINT NOT NULL,
    body           TEXT NOT NULL
);

-- The users of each tenant, as its directory shows them. generation is that of the last reading of the whole directory
-- that saw the user, or of one in between.
CREATE TABLE directory_users (
    integration_id TEXT NOT NULL REFERENCES integrations (id) ON DELETE CASCADE,
    object_id      TEXT NOT NULL,
    generation     BIGINT NOT NULL,
    upn            TEXT NOT NULL,
    display_name   TEXT NOT NULL,
    mail           TEXT NOT NULL,
    enabled        BOOLEAN NOT NULL,
    guest          BOOLEAN NOT NULL,
    synced         BOOLEAN NOT NULL,
    privileged     BOOLEAN NOT NULL,
    roles          TEXT NOT NULL,  -- JSON; 'null' for most
    sort_key       BYTEA NOT NULL, -- the display name in lower case, as bytes: both databases order bytes alike
    search_text    TEXT NOT NULL,  -- display name, user principal name and mail in lower case
    PRIMARY KEY (integration_id, object_id)
);
CREATE INDEX directory_users_order ON directory_users (integration_id, sort_key, object_id);
CREATE INDEX directory_users_generation ON directory_users (integration_id, generation);
CREATE INDEX directory_users_roles ON directory_users (integration_id) WHERE roles <> 'null';

-- +goose Down
DROP TABLE directory_users;
DROP TABLE directory_progress;
