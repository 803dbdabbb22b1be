-- name: GetReconcileRun :one
SELECT * FROM reconcile_runs WHERE id = $1;

-- name: GetRunningReconcile :one
SELECT * FROM reconcile_runs WHERE integration_id = $1 AND state = 'running';

-- name: ListReconcileRuns :many
SELECT * FROM reconcile_runs WHERE integration_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2;

-- name: InsertReconcileRun :execrows
INSERT INTO reconcile_runs (id, integration_id, version, mode, state, created_at, body)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT DO NOTHING;

-- name: UpdateReconcileRun :execrows
UPDATE reconcile_runs SET version = version + 1, state = sqlc.arg(state), body = sqlc.arg(body)
WHERE id = sqlc.arg(id) AND version = sqlc.arg(version);

-- name: DeleteOldReconcileRuns :exec
DELETE FROM reconcile_runs WHERE reconcile_runs.integration_id = $1 AND reconcile_runs.state <> 'running' AND reconcile_runs.id NOT IN (
    SELECT r.id FROM reconcile_runs r WHERE r.integration_id = $1 ORDER BY r.created_at DESC, r.id DESC LIMIT $2);

-- name: GetOpenDifference :one
SELECT * FROM differences WHERE integration_id = $1 AND kind = $2 AND object = $3 AND closed_at IS NULL;

-- name: InsertDifference :execrows
INSERT INTO differences (id, integration_id, run_id, kind, object, user_id, outcome, found_at, closed_at, body)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT DO NOTHING;

-- name: UpdateDifference :exec
UPDATE differences SET run_id = sqlc.arg(run_id), outcome = sqlc.arg(outcome), closed_at = sqlc.arg(closed_at), body = sqlc.arg(body)
WHERE id = sqlc.arg(id);

-- name: CountOpenDifferences :one
SELECT count(*) FROM differences WHERE integration_id = $1 AND closed_at IS NULL;

-- name: CountDifferencesOfRun :many
SELECT outcome, count(*) AS differences FROM differences WHERE integration_id = $1 AND run_id = $2 GROUP BY outcome;

-- name: ListOpenDifferencesOfUser :many
SELECT * FROM differences WHERE integration_id = $1 AND user_id = $2 AND closed_at IS NULL ORDER BY found_at, id;

-- name: ListOpenDifferencesOfKind :many
SELECT * FROM differences WHERE integration_id = $1 AND kind = $2 AND closed_at IS NULL ORDER BY object;

-- name: ListOpenDifferenceUsers :many
SELECT DISTINCT user_id FROM differences
WHERE integration_id = $1 AND closed_at IS NULL AND user_id > $2
    AND kind NOT IN ('member_missing', 'member_extra', 'member_stranger', 'group')
ORDER BY user_id LIMIT $3;

-- name: ListMissedUsers :many
SELECT DISTINCT user_id FROM differences
WHERE integration_id = $1 AND closed_at IS NULL AND user_id > $2 AND kind = 'passkey_removed'
ORDER BY user_id LIMIT $3;

-- name: DeleteClosedDifferences :exec
DELETE FROM differences WHERE integration_id = $1 AND closed_at < $2;

-- name: GetReconcileState :one
SELECT body FROM reconcile_state WHERE integration_id = $1;

-- name: SetReconcileState :exec
INSERT INTO reconcile_state (integration_id, body) VALUES ($1, $2)
ON CONFLICT (integration_id) DO UPDATE SET body = excluded.body;

-- name: GetUserByUPN :one
SELECT * FROM users WHERE integration_id = $1 AND lower(upn) = lower(sqlc.arg(upn)) ORDER BY id LIMIT 1;

-- name: ListUsersAfter :many
SELECT * FROM users WHERE integration_id = $1 AND id > $2 ORDER BY id LIMIT $3;

-- name: ListUsersWithPasskeysAfter :many
SELECT * FROM users
WHERE users.integration_id = $1 AND users.id > $2 AND EXISTS (
    SELECT 1 FROM passkeys p WHERE p.user_id = users.id AND p.state <> 'revoked')
ORDER BY users.id LIMIT $3;

-- name: ListUsersWithDevicesAfter :many
SELECT * FROM users
WHERE users.integration_id = $1 AND users.id > $2 AND (
    EXISTS (SELECT 1 FROM passkeys p WHERE p.user_id = users.id)
    OR EXISTS (SELECT 1 FROM phones h WHERE h.user_id = users.id))
ORDER BY users.id LIMIT $3;

-- name: CountUsersWithPasskeys :one
SELECT count(DISTINCT user_id) FROM passkeys WHERE integration_id = $1 AND state <> 'revoked';

-- name: CountActivePasskeys :one
SELECT count(*) FROM passkeys WHERE integration_id = $1 AND state = 'active';
