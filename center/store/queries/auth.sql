-- name: ListAdministrators :many
SELECT sqlc.embed(administrators),
    (SELECT count(*) FROM administrator_credentials c WHERE c.administrator_id = administrators.id) AS passkeys
FROM administrators ORDER BY created_at, id;

-- name: GetAdministrator :one
SELECT sqlc.embed(administrators),
    (SELECT count(*) FROM administrator_credentials c WHERE c.administrator_id = administrators.id) AS passkeys
FROM administrators WHERE administrators.id = $1;

-- name: InsertAdministrator :execrows
INSERT INTO administrators (id, version, name, role, created_at, last_sign_in, disabled_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT DO NOTHING;

-- name: UpdateAdministrator :execrows
UPDATE administrators
SET version = version + 1, name = $3, role = $4, created_at = $5, last_sign_in = $6, disabled_at = $7
WHERE id = $1 AND version = $2;

-- name: DeleteAdministrator :execrows
DELETE FROM administrators WHERE id = $1 AND version = $2;

-- name: ListCredentials :many
SELECT * FROM administrator_credentials WHERE administrator_id = $1 ORDER BY created_at, id;

-- name: GetCredential :one
SELECT * FROM administrator_credentials WHERE id = $1;

-- name: InsertCredential :execrows
INSERT INTO administrator_credentials (id, administrator_id, name, data, created_at, last_used)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING;

-- name: UpdateCredential :execrows
UPDATE administrator_credentials SET name = $2, data = $3, created_at = $4, last_used = $5 WHERE id = $1;

-- name: DeleteCredential :execrows
DELETE FROM administrator_credentials WHERE id = $1;

-- name: ListTokens :many
SELECT * FROM api_tokens ORDER BY created_at, id;

-- name: GetTokenByHash :one
SELECT * FROM api_tokens WHERE hash = $1;

-- name: InsertToken :execrows
INSERT INTO api_tokens (id, name, scopes, created_by, created_at, expires_at, last_used, revoked_at, hash)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT DO NOTHING;

-- name: UpdateToken :execrows
UPDATE api_tokens
SET name = $2, scopes = $3, created_by = $4, created_at = $5, expires_at = $6, last_used = $7, revoked_at = $8
WHERE id = $1;

-- name: InsertLink :execrows
INSERT INTO links (hash, role, name, created_by, expires_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING;

-- name: GetLink :one
SELECT * FROM links WHERE hash = $1;

-- name: DeleteLink :execrows
DELETE FROM links WHERE hash = $1;

-- name: DeleteExpiredLinks :exec
DELETE FROM links WHERE expires_at <= $1;

-- name: GetSession :one
SELECT data FROM sessions WHERE token_hash = $1 AND expires_at > $2;

-- name: PutSession :exec
INSERT INTO sessions (token_hash, data, expires_at) VALUES ($1, $2, $3)
ON CONFLICT (token_hash) DO UPDATE SET data = excluded.data, expires_at = excluded.expires_at;

-- name: DeleteSession :exec
DELETE FROM sessions WHERE token_hash = $1;

-- name: DeleteExpiredSessions :exec
DELETE FROM sessions WHERE expires_at <= $1;

-- name: GetToken :one
SELECT * FROM api_tokens WHERE id = $1;
