-- +goose Up
-- What lets desktop clients enrol with an integration. The value of a token is nowhere; this is its SHA-256.
CREATE TABLE install_tokens (
    id             TEXT PRIMARY KEY,
    integration_id TEXT NOT NULL REFERENCES integrations (id) ON DELETE CASCADE,
    name           TEXT NOT NULL,
    hash           BYTEA NOT NULL UNIQUE,
    max_uses       BIGINT NOT NULL,
    uses           BIGINT NOT NULL,
    created_at     BIGINT NOT NULL,
    created_by     TEXT NOT NULL,
    expires_at     BIGINT NOT NULL,
    last_used_at   BIGINT,
    revoked_at     BIGINT
);
CREATE INDEX install_tokens_integration ON install_tokens (integration_id, created_at, id);

-- The token a workstation was enrolled with. Tokens and workstations go with their integration, and neither without it.
ALTER TABLE workstations ADD COLUMN install_token_id TEXT;

-- +goose Down
ALTER TABLE workstations DROP COLUMN install_token_id;
DROP TABLE install_tokens;
