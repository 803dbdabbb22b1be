-- name: GetUser :one
SELECT * FROM users WHERE id = $1;

-- name: GetUserByObjectID :one
SELECT * FROM users WHERE integration_id = $1 AND object_id = $2;

-- name: CountUsersByPhase :many
SELECT phase, count(*) AS users FROM users WHERE integration_id = $1 GROUP BY phase;

-- name: InsertUser :execrows
INSERT INTO users (id, integration_id, version, object_id, upn, display_name, mail, phase, group_phase, problem,
    sort_key, search_text, created_at, updated_at, account, guest, privileged, roles, suspension, group_toward, account_since)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
ON CONFLICT DO NOTHING;

-- name: UpdateUser :execrows
UPDATE users
SET version = version + 1, object_id = $3, upn = $4, display_name = $5, mail = $6, phase = $7, problem = $8,
    sort_key = $9, search_text = $10, created_at = $11, updated_at = $12, account = $13, guest = $14,
    privileged = $15, roles = $16, suspension = $17, account_since = $18
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
SELECT * FROM users
WHERE integration_id = sqlc.arg(integration_id) AND (phase <> group_phase OR group_toward <> '') AND account <> 'deleted'
    AND (updated_at > sqlc.arg(after_time) OR updated_at = sqlc.arg(same_time) AND id > sqlc.arg(after_id))
ORDER BY updated_at, id LIMIT sqlc.arg(most);

-- name: SetGroupToward :execrows
UPDATE users SET group_toward = $2 WHERE id = $1;

-- name: SetGroupPhase :execrows
UPDATE users SET group_phase = $2, group_toward = '' WHERE id = $1;

-- name: ResetGroupPhase :execrows
UPDATE users SET
    group_phase = CASE WHEN group_phase = $2 THEN '' ELSE group_phase END,
    group_toward = CASE WHEN group_toward <> $2 THEN group_toward WHEN group_phase = $2 THEN '' ELSE group_phase END
WHERE integration_id = $1 AND (group_phase = $2 OR group_toward = $2);

-- name: CountUsersInGroup :one
SELECT count(*) FROM users WHERE integration_id = $1 AND group_phase = $2 AND account <> 'deleted';

-- name: ListUserIDs :many
SELECT id FROM users WHERE integration_id = $1 AND id > $2 ORDER BY id LIMIT $3;

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
