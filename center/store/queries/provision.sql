-- name: GetProvisioning :one
SELECT * FROM provisionings WHERE id = $1;

-- name: ListOpenProvisionings :many
SELECT * FROM provisionings
WHERE phone_id = $1 AND carrier = 'phone' AND state IN ('requested', 'offered', 'submitted', 'registered')
ORDER BY created_at, id;

-- name: ListOpenSecurityKeyProvisionings :many
SELECT * FROM provisionings
WHERE user_id = $1 AND carrier = 'security_key' AND state IN ('requested', 'offered', 'submitted', 'registered')
ORDER BY created_at, id;

-- name: ListProvisioningsOfUser :many
SELECT * FROM provisionings WHERE user_id = $1 ORDER BY created_at, id;

-- name: ListWaitingProvisionings :many
SELECT * FROM provisionings WHERE integration_id = $1 AND state IN ('requested', 'submitted') ORDER BY created_at, id;

-- name: InsertProvisioning :execrows
INSERT INTO provisionings (id, integration_id, user_id, carrier, phone_id, version, state, display_name, code, message,
    next, method_id, requested_by, created_at, updated_at, expires_at, user_object_id, sealed, challenge_hash, rp_id,
    user_handle, credential_id, client_data_json, attestation_object, attestation_key_hash, renewals, posts, seen,
    workstation_id, pairing_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24,
    $25, $26, $27, $28, $29, $30)
ON CONFLICT DO NOTHING;

-- name: UpdateProvisioning :execrows
UPDATE provisionings
SET version = version + 1, state = $3, display_name = $4, code = $5, message = $6, next = $7, method_id = $8,
    requested_by = $9, created_at = $10, updated_at = $11, expires_at = $12, user_object_id = $13, sealed = $14,
    challenge_hash = $15, rp_id = $16, user_handle = $17, credential_id = $18, client_data_json = $19,
    attestation_object = $20, attestation_key_hash = $21, renewals = $22, posts = $23, seen = $24
WHERE id = $1 AND version = $2;

-- name: GetPasskey :one
SELECT * FROM passkeys WHERE id = $1;

-- name: ListPasskeysOfUser :many
SELECT * FROM passkeys WHERE user_id = $1 ORDER BY created_at, id;

-- name: ListPasskeysOfPhone :many
SELECT * FROM passkeys WHERE phone_id = $1 AND carrier = 'phone' ORDER BY created_at, id;

-- name: ListWorkstationPasskeysOfPhone :many
SELECT * FROM passkeys WHERE phone_id = $1 AND carrier = 'workstation' ORDER BY created_at, id;

-- name: InsertPasskey :execrows
INSERT INTO passkeys (id, integration_id, user_id, carrier, phone_id, provisioning_id, version, managed, state,
    method_id, display_name, aaguid, model, attested, synced, credential_id, created_at, revoked_at, problem, upn, reason,
    workstation_id, pairing_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23)
ON CONFLICT DO NOTHING;

-- name: UpdatePasskey :execrows
UPDATE passkeys
SET version = version + 1, managed = $3, state = $4, method_id = $5, display_name = $6, aaguid = $7, model = $8,
    attested = $9, synced = $10, credential_id = $11, created_at = $12, revoked_at = $13, problem = $14, upn = $15,
    reason = $16
WHERE id = $1 AND version = $2;

-- name: NotePasskeyUse :exec
INSERT INTO passkey_uses (passkey_id, used_at) VALUES ($1, $2)
ON CONFLICT (passkey_id) DO UPDATE SET used_at = excluded.used_at WHERE passkey_uses.used_at < excluded.used_at;
