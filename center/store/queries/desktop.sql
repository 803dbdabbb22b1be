-- name: GetInstallToken :one
SELECT * FROM install_tokens WHERE id = $1;

-- name: GetInstallTokenByHash :one
SELECT * FROM install_tokens WHERE hash = $1;

-- name: ListInstallTokens :many
SELECT * FROM install_tokens WHERE integration_id = $1 ORDER BY created_at DESC, id DESC;

-- name: CountLiveInstallTokens :one
SELECT count(*) FROM install_tokens
WHERE integration_id = $1 AND revoked_at IS NULL AND expires_at > $2 AND uses < max_uses;

-- name: InsertInstallToken :execrows
INSERT INTO install_tokens (id, integration_id, name, hash, max_uses, uses, created_at, created_by, expires_at, last_used_at, revoked_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT DO NOTHING;

-- name: UseInstallToken :execrows
UPDATE install_tokens SET uses = uses + 1, last_used_at = sqlc.arg(now)
WHERE id = sqlc.arg(id) AND revoked_at IS NULL AND expires_at > sqlc.arg(now) AND uses < max_uses;

-- name: RevokeInstallToken :execrows
UPDATE install_tokens SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL;
