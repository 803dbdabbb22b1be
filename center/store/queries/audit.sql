-- name: GetAuditHead :one
SELECT sequence, hash FROM audit_head WHERE id = 1;

-- name: LockAuditHead :one
UPDATE audit_head SET sequence = sequence WHERE id = 1 RETURNING sequence, hash;

-- name: SetAuditHead :execrows
UPDATE audit_head SET sequence = sqlc.arg(sequence), hash = sqlc.arg(hash)
WHERE id = 1 AND sequence = sqlc.arg(sequence) - 1;

-- name: InsertAuditEvent :execrows
INSERT INTO audit_events (sequence, id, at, code, name, actor_kind, actor_id, actor_name, actor_addr, integration_id,
    target, target_name, success, error_code, message, fields, previous, hash)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
ON CONFLICT DO NOTHING;
