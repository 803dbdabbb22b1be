-- name: ListIdentityProofs :many
SELECT * FROM identity_proofs WHERE phone_id = $1 ORDER BY at, kind, by_id;

-- name: InsertIdentityProof :execrows
INSERT INTO identity_proofs (phone_id, kind, by_id, by_name, note, addr, at) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT DO NOTHING;

-- name: RenewIdentityProof :execrows
UPDATE identity_proofs SET at = $3, addr = $4 WHERE phone_id = $1 AND kind = $2 AND by_id = '';

-- name: ListPhonesAwaitingProof :many
SELECT phones.* FROM phones
WHERE phones.integration_id = $1 AND phones.state = 'active' AND EXISTS (
    SELECT 1 FROM provisionings
    WHERE provisionings.phone_id = phones.id AND provisionings.carrier = 'phone' AND provisionings.state = 'requested' AND provisionings.code = 'identity_proof_needed')
ORDER BY phones.created_at, phones.id;

-- name: ListUserPhases :many
SELECT object_id, upn, phase FROM users WHERE integration_id = $1;

-- name: GetSignIn :one
SELECT * FROM sign_ins WHERE id = $1;

-- name: InsertSignIn :execrows
INSERT INTO sign_ins (id, integration_id, phone_id, version, step, sealed, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT DO NOTHING;

-- name: UpdateSignIn :execrows
UPDATE sign_ins SET version = version + 1, step = $3, sealed = $4 WHERE id = $1 AND version = $2;

-- name: DeleteOldSignIns :exec
DELETE FROM sign_ins WHERE expires_at <= $1;
