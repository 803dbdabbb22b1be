-- name: GetUser :one
SELECT * FROM users WHERE id = $1;

-- name: GetUserByObjectID :one
SELECT * FROM users WHERE integration_id = $1 AND object_id = $2;

-- name: CountUsersByPhase :many
SELECT phase, count(*) AS users FROM users WHERE integration_id = $1 GROUP BY phase;

-- name: InsertUser :execrows
INSERT INTO users (id, integration_id, version, object_id, upn, display_name, mail, phase, group_phase, problem,
    sort_key, search_text, created_at, updated_at, account, guest, privileged, roles, suspension)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
ON CONFLICT DO NOTHING;

-- name: UpdateUser :execrows
UPDATE users
SET version = version + 1, object_id = $3, upn = $4, display_name = $5, mail = $6, phase = $7, group_phase = $8,
    problem = $9, sort_key = $10, search_text = $11, created_at = $12, updated_at = $13, account = $14, guest = $15,
    privileged = $16, roles = $17, suspension = $18
WHERE id = $1 AND version = $2;

-- name: ObjectIDTaken :one
SELECT EXISTS (SELECT 1 FROM users WHERE integration_id = $1 AND object_id = $2 AND id <> $3);

-- name: LockUser :execrows
UPDATE users SET version = version WHERE id = $1;

-- name: CountOpenInvitations :one
SELECT count(*) FROM invitations WHERE user_id = $1 AND state = 'open' AND expires_at > $2;

-- name: CountActivePhones :one
SELECT count(*) FROM phones WHERE user_id = $1 AND state = 'active';

-- name: CountActivePhonePasskeys :one
SELECT count(*) FROM passkeys WHERE user_id = $1 AND carrier = 'phone' AND state = 'active';

-- name: ListUsersOutOfGroup :many
SELECT * FROM users WHERE integration_id = $1 AND phase <> group_phase ORDER BY updated_at, id LIMIT $2;

-- name: SetGroupPhase :execrows
UPDATE users SET group_phase = $2 WHERE id = $1;

-- name: GetInvitation :one
SELECT * FROM invitations WHERE id = $1;

-- name: GetInvitationByHandle :one
SELECT * FROM invitations WHERE handle = $1
ORDER BY CASE WHEN state = 'open' THEN 0 ELSE 1 END, created_at DESC, id DESC LIMIT 1;

-- name: ListInvitations :many
SELECT * FROM invitations WHERE user_id = $1 ORDER BY created_at, id;

-- name: InsertInvitation :execrows
INSERT INTO invitations (id, integration_id, user_id, state, failures, invited_by, handle, code_hash, created_at,
    expires_at, used_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT DO NOTHING;

-- name: UpdateInvitation :execrows
UPDATE invitations
SET state = sqlc.arg(state), failures = sqlc.arg(failures), invited_by = sqlc.arg(invited_by),
    created_at = sqlc.arg(created_at), expires_at = sqlc.arg(expires_at), used_at = sqlc.arg(used_at)
WHERE id = sqlc.arg(id) AND state = sqlc.arg(was_state) AND failures = sqlc.arg(was_failures);
