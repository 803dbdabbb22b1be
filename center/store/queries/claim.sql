-- name: GetPasskeyClaim :one
SELECT * FROM passkey_claims WHERE phone_id = $1 AND credential_id = $2;

-- name: ListPasskeyClaimsOfPhone :many
SELECT * FROM passkey_claims WHERE phone_id = $1 ORDER BY created_at, credential_id;

-- name: InsertPasskeyClaim :execrows
INSERT INTO passkey_claims (phone_id, credential_id, integration_id, user_id, version, state, code, message, next,
    created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT DO NOTHING;

-- name: UpdatePasskeyClaim :execrows
UPDATE passkey_claims
SET version = version + 1, state = $4, code = $5, message = $6, next = $7, created_at = $8, expires_at = $9
WHERE phone_id = $1 AND credential_id = $2 AND version = $3;

-- name: DeletePasskeyClaim :exec
DELETE FROM passkey_claims WHERE phone_id = $1 AND credential_id = $2;

-- name: DeleteOldPasskeyClaims :exec
DELETE FROM passkey_claims WHERE phone_id = $1 AND state <> 'looking' AND expires_at < $2;
