-- name: GetPhone :one
SELECT * FROM phones WHERE id = $1;

-- name: ListPhones :many
SELECT * FROM phones WHERE user_id = $1 ORDER BY created_at, id;

-- name: InsertPhone :execrows
INSERT INTO phones (id, integration_id, user_id, version, name, platform, state, assurance, identity_key, seal_key,
    created_at, last_seen_at, revoked_at, link_key)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
ON CONFLICT DO NOTHING;

-- name: UpdatePhone :execrows
UPDATE phones
SET version = version + 1, name = $3, platform = $4, state = $5, assurance = $6, identity_key = $7, seal_key = $8,
    created_at = $9, last_seen_at = $10, revoked_at = $11, link_key = $12
WHERE id = $1 AND version = $2;

-- name: SeePhone :execrows
UPDATE phones SET last_seen_at = $2 WHERE id = $1;

-- name: DeleteSpentProofs :exec
DELETE FROM phone_proofs WHERE phone_id = $1 AND expires_at <= $2;

-- name: InsertProof :execrows
INSERT INTO phone_proofs (phone_id, proof_id, expires_at) VALUES ($1, $2, $3)
ON CONFLICT DO NOTHING;
