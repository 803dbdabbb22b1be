-- name: GetWorkstation :one
SELECT * FROM workstations WHERE id = $1;

-- name: GetWorkstationByKey :one
SELECT * FROM workstations WHERE identity_key = $1;

-- name: ListWorkstations :many
SELECT * FROM workstations WHERE integration_id = $1 ORDER BY created_at, id;

-- name: InsertWorkstation :execrows
INSERT INTO workstations (id, integration_id, version, kind, name, software, os, join_state, enterprise_joined, state,
    identity_key, link_key, created_at, last_seen_at, paired_at, revoked_at, install_token_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
ON CONFLICT DO NOTHING;

-- name: UpdateWorkstation :execrows
UPDATE workstations
SET version = version + 1, kind = $3, name = $4, software = $5, os = $6, join_state = $7, enterprise_joined = $8,
    state = $9, identity_key = $10, link_key = $11, created_at = $12, last_seen_at = $13, paired_at = $14, revoked_at = $15,
    install_token_id = $16
WHERE id = $1 AND version = $2;

-- name: SeeWorkstation :execrows
UPDATE workstations SET last_seen_at = $2 WHERE id = $1;

-- name: CountUnpairedWorkstations :one
SELECT count(*) FROM workstations WHERE integration_id = $1 AND paired_at IS NULL AND install_token_id IS NULL;

-- name: ListUnpairedWorkstations :many
SELECT * FROM workstations
WHERE paired_at IS NULL AND (
    install_token_id IS NULL AND created_at < sqlc.arg(before)
    OR install_token_id IS NOT NULL AND coalesce(last_seen_at, created_at) < sqlc.arg(silent))
ORDER BY created_at, id LIMIT sqlc.arg(most);

-- name: DeleteUnpairedWorkstation :execrows
DELETE FROM workstations WHERE id = $1 AND paired_at IS NULL;

-- name: DeleteSpentWorkstationProofs :exec
DELETE FROM workstation_proofs WHERE workstation_id = $1 AND expires_at <= $2;

-- name: InsertWorkstationProof :execrows
INSERT INTO workstation_proofs (workstation_id, proof_id, expires_at) VALUES ($1, $2, $3)
ON CONFLICT DO NOTHING;

-- name: GetPairing :one
SELECT * FROM pairings WHERE id = $1;

-- name: InsertPairing :execrows
INSERT INTO pairings (id, integration_id, workstation_id, phone_id, version, state, created_at, expires_at, phone_confirmed,
    workstation_confirmed, confirmed_at, ended_at, reason)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
ON CONFLICT DO NOTHING;

-- name: UpdatePairing :execrows
UPDATE pairings
SET version = version + 1, phone_id = $3, state = $4, created_at = $5, expires_at = $6, phone_confirmed = $7,
    workstation_confirmed = $8, confirmed_at = $9, ended_at = $10, reason = $11
WHERE id = $1 AND version = $2;

-- name: ListPairingsOfPhone :many
SELECT * FROM pairings WHERE phone_id = $1 AND state <> 'ended' ORDER BY created_at, id;

-- name: ListPairingsOfWorkstation :many
SELECT * FROM pairings WHERE workstation_id = $1 AND state <> 'ended' ORDER BY created_at, id;

-- name: ListPairingsBetween :many
SELECT * FROM pairings WHERE phone_id = $1 AND workstation_id = $2 AND confirmed_at IS NOT NULL ORDER BY confirmed_at DESC, id;

-- name: DeleteUnconfirmedPairings :exec
DELETE FROM pairings WHERE confirmed_at IS NULL AND expires_at <= $1;

-- name: EndPairingsOfPhone :many
UPDATE pairings SET version = version + 1, state = 'ended', ended_at = $2, reason = $3
WHERE phone_id = $1 AND state <> 'ended' RETURNING *;

-- name: EndPairingsOfWorkstation :many
UPDATE pairings SET version = version + 1, state = 'ended', ended_at = $2, reason = $3
WHERE workstation_id = $1 AND state <> 'ended' RETURNING *;

-- name: CountPairings :many
SELECT workstation_id, count(*) FROM pairings WHERE integration_id = $1 AND state = 'active' GROUP BY workstation_id;
