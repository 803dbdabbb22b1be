-- +goose Up
-- What the tenant's directory says of a user, and who holds the user back and why. Empty account: nobody could look.
ALTER TABLE users ADD COLUMN account TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN guest BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE users ADD COLUMN privileged BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE users ADD COLUMN roles TEXT NOT NULL DEFAULT 'null'; -- JSON
ALTER TABLE users ADD COLUMN suspension TEXT NOT NULL DEFAULT 'null'; -- JSON

-- The name that a passkey was registered under: once the user has another one, the passkey no longer signs in. Why a
-- passkey was taken away.
ALTER TABLE passkeys ADD COLUMN upn TEXT NOT NULL DEFAULT '';
ALTER TABLE passkeys ADD COLUMN reason TEXT NOT NULL DEFAULT '';
UPDATE passkeys SET upn = (SELECT upn FROM users WHERE users.id = passkeys.user_id);

-- Settings that people edit, as JSON: each under a name, for one integration or, with scope '', for all.
CREATE TABLE documents (
    scope          TEXT NOT NULL,
    name           TEXT NOT NULL,
    integration_id TEXT REFERENCES integrations (id) ON DELETE CASCADE,
    version        BIGINT NOT NULL,
    body           TEXT NOT NULL,
    PRIMARY KEY (scope, name)
);
CREATE INDEX documents_integration ON documents (integration_id);

-- +goose Down
DROP TABLE documents;
ALTER TABLE passkeys DROP COLUMN reason;
ALTER TABLE passkeys DROP COLUMN upn;
ALTER TABLE users DROP COLUMN suspension;
ALTER TABLE users DROP COLUMN roles;
ALTER TABLE users DROP COLUMN privileged;
ALTER TABLE users DROP COLUMN guest;
ALTER TABLE users DROP COLUMN account;
