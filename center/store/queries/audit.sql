-- name: GetAuditHead :one
SELECT sequence, hash FROM audit_head WHERE id = 1;

-- name: LockAuditHead :one
UPDATE audit_head SET sequence = sequence WHERE id = 1 RETURNING sequence, hash;

-- name: SetAuditHead :execrows
UPDATE audit_head SET sequence = sqlc.arg(sequence), hash = sqlc.arg(hash)
WHERE id = 1 AND sequence = sqlc.arg(sequence) - 1;

-- name: InsertAuditEvent :execrows
INSERT INTO audit_events (sequence, id, at, code, name, actor_kind, actor_id, actor_name, actor_addr, integration_id,
    target, target_name, success, error_code, message, fields, previous, hash, subject)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
ON CONFLICT DO NOTHING;

-- name: UserOfPhone :one
SELECT user_id FROM phones WHERE id = $1;

-- name: UserOfProvisioning :one
SELECT user_id FROM provisionings WHERE id = $1;

-- name: UserOfPasskey :one
SELECT user_id FROM passkeys WHERE id = $1;

-- name: UserOfInvitation :one
SELECT user_id FROM invitations WHERE id = $1;

-- name: GetAuditFloor :one
SELECT * FROM audit_floors ORDER BY sequence DESC LIMIT 1;

-- name: GetAuditFloorAt :one
SELECT * FROM audit_floors WHERE sequence = $1;

-- name: InsertAuditFloor :execrows
INSERT INTO audit_floors (sequence, hash, at, note) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING;

-- name: DeleteAuditEvents :execrows
DELETE FROM audit_events WHERE sequence <= $1;

-- name: FirstAuditEventSince :one
SELECT CAST(COALESCE(MIN(sequence), 0) AS BIGINT) FROM audit_events WHERE at >= $1;

-- name: ListAuditStreams :many
SELECT * FROM audit_streams ORDER BY name;

-- name: GetAuditStream :one
SELECT * FROM audit_streams WHERE id = $1;

-- name: InsertAuditStream :execrows
INSERT INTO audit_streams (id, version, name, paused, config, secrets, cursor, delivered_at, failures, problem, problem_at,
    next_at, holder, held_until, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, '', 0, $13, $14)
ON CONFLICT DO NOTHING;

-- name: UpdateAuditStream :execrows
UPDATE audit_streams SET version = version + 1, name = sqlc.arg(name), paused = sqlc.arg(paused), config = sqlc.arg(config),
    secrets = sqlc.arg(secrets), failures = 0, problem = '', problem_at = NULL, next_at = 0, updated_at = sqlc.arg(updated_at)
WHERE id = sqlc.arg(id) AND version = sqlc.arg(version);

-- name: DeleteAuditStream :execrows
DELETE FROM audit_streams WHERE id = $1 AND version = $2;

-- name: HoldAuditStream :execrows
UPDATE audit_streams SET holder = sqlc.arg(holder), held_until = sqlc.arg(held_until)
WHERE id = sqlc.arg(id) AND NOT paused AND (holder = sqlc.arg(holder) OR held_until < sqlc.arg(now));

-- name: AdvanceAuditStream :execrows
UPDATE audit_streams SET cursor = sqlc.arg(cursor), delivered_at = sqlc.arg(delivered_at), failures = 0, problem = '',
    problem_at = NULL, next_at = 0
WHERE id = sqlc.arg(id) AND holder = sqlc.arg(holder) AND cursor <= sqlc.arg(cursor);

-- name: FailAuditStream :execrows
UPDATE audit_streams SET failures = failures + 1, problem = sqlc.arg(problem), problem_at = sqlc.arg(problem_at),
    next_at = sqlc.arg(next_at)
WHERE id = sqlc.arg(id) AND holder = sqlc.arg(holder);

-- name: ReleaseAuditStream :execrows
UPDATE audit_streams SET holder = '', held_until = 0 WHERE id = $1 AND holder = $2;

-- name: ListAuditFilters :many
SELECT * FROM audit_filters WHERE owner = $1 OR shared ORDER BY name, id;

-- name: GetAuditFilter :one
SELECT * FROM audit_filters WHERE id = $1;

-- name: InsertAuditFilter :execrows
INSERT INTO audit_filters (id, version, name, owner, shared, filter, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT DO NOTHING;

-- name: UpdateAuditFilter :execrows
UPDATE audit_filters SET version = version + 1, name = sqlc.arg(name), shared = sqlc.arg(shared), filter = sqlc.arg(filter),
    updated_at = sqlc.arg(updated_at)
WHERE id = sqlc.arg(id) AND version = sqlc.arg(version);

-- name: DeleteAuditFilter :execrows
DELETE FROM audit_filters WHERE id = $1 AND version = $2;
