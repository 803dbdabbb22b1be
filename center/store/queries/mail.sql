-- name: InsertMessage :execrows
INSERT INTO messages (id, integration_id, user_id, invitation_id, kind, language, address, name, state, attempts,
    problem, sealed, rank, created_at, next_at, tried_at, sent_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
ON CONFLICT DO NOTHING;

-- name: GetMessage :one
SELECT * FROM messages WHERE id = $1;

-- name: ListDueMessages :many
SELECT * FROM messages WHERE state = 'queued' AND next_at <= $1 ORDER BY rank, next_at, id LIMIT $2;

-- name: WithdrawMessages :exec
UPDATE messages SET state = 'withdrawn', problem = $2, sealed = $3 WHERE invitation_id = $1 AND state = 'queued';

-- name: NextMessageAt :one
SELECT CAST(coalesce(min(next_at), 0) AS BIGINT) FROM messages WHERE state = 'queued';

-- name: CountMessagesTried :one
SELECT count(*) FROM messages WHERE tried_at > $1;

-- name: UpdateMessage :execrows
UPDATE messages SET state = sqlc.arg(state), attempts = sqlc.arg(attempts), problem = sqlc.arg(problem),
    sealed = sqlc.arg(sealed), next_at = sqlc.arg(next_at), tried_at = sqlc.arg(tried_at), sent_at = sqlc.arg(sent_at)
WHERE id = sqlc.arg(id) AND state = sqlc.arg(was_state) AND attempts = sqlc.arg(was_attempts);

-- name: PostponeDueMessages :exec
UPDATE messages SET problem = sqlc.arg(problem), next_at = sqlc.arg(next_at)
WHERE state = 'queued' AND next_at <= sqlc.arg(due);

-- name: HastenMessages :exec
UPDATE messages SET next_at = sqlc.arg(at)
WHERE state = 'queued' AND next_at > sqlc.arg(at) AND (tried_at IS NULL OR tried_at < sqlc.arg(tried_before));

-- name: ListUnfinishedUsers :many
SELECT sqlc.embed(users),
    CAST((SELECT coalesce(min(p.created_at), 0) FROM phones p WHERE p.user_id = users.id AND p.state = 'active') AS BIGINT) AS since,
    CAST((SELECT coalesce(max(m.created_at), 0) FROM messages m WHERE m.user_id = users.id AND m.kind = 'reminder'
        AND m.state <> 'withdrawn') AS BIGINT) AS reminded_at,
    (SELECT count(*) FROM messages m WHERE m.user_id = users.id AND m.kind = 'reminder' AND m.state <> 'withdrawn'
        AND m.created_at >= (SELECT coalesce(min(p.created_at), 0) FROM phones p WHERE p.user_id = users.id AND p.state = 'active')) AS reminders
FROM users
WHERE users.integration_id = $1 AND users.phase = 'paired' AND users.account <> 'disabled' AND users.account <> 'deleted' AND users.id > $2
ORDER BY users.id LIMIT $3;

-- name: ListEndingInvitations :many
SELECT sqlc.embed(users), sqlc.embed(i)
FROM invitations i JOIN users ON users.id = i.user_id
WHERE i.integration_id = sqlc.arg(integration_id) AND i.state = 'open' AND i.expires_at > sqlc.arg(now)
    AND i.expires_at <= sqlc.arg(until) AND i.expires_at - i.created_at > sqlc.arg(life)
    AND users.phase = 'eligible' AND users.account <> 'disabled' AND users.account <> 'deleted' AND i.id > sqlc.arg(after)
    AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.invitation_id = i.id AND m.kind = 'ending')
ORDER BY i.id LIMIT sqlc.arg(count);
