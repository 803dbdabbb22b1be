-- name: ListIntegrations :many
SELECT * FROM integrations;

-- name: GetIntegration :one
SELECT * FROM integrations WHERE id = $1;

-- name: InsertIntegration :execrows
INSERT INTO integrations (id, version, application_name, application_key, experience, state, tenant_id, tenant_name,
    client_id, credential, sealed_credential, permission_set, flags, challenge_timeout, attestation, low_assurance,
    restrict_domains, domains, http_debug_until, phase_groups, last_check, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23)
ON CONFLICT DO NOTHING;

-- name: ApplicationKeyTaken :one
SELECT EXISTS (SELECT 1 FROM integrations WHERE application_key = $1 AND id <> $2);

-- name: UpdateIntegration :execrows
UPDATE integrations
SET version = version + 1, application_name = $3, application_key = $4, experience = $5, state = $6, tenant_id = $7,
    tenant_name = $8, client_id = $9, credential = $10, permission_set = $11, flags = $12, challenge_timeout = $13,
    attestation = $14, low_assurance = $15, restrict_domains = $16, domains = $17, http_debug_until = $18,
    phase_groups = $19, last_check = $20, created_at = $21, updated_at = $22
WHERE id = $1 AND version = $2;

-- name: LockIntegration :execrows
UPDATE integrations SET version = version WHERE id = $1;

-- name: SetLastCheck :execrows
UPDATE integrations SET last_check = $2 WHERE id = $1;

-- name: SetCredential :execrows
UPDATE integrations SET credential = $2 WHERE id = $1;

-- name: SetPhaseGroups :execrows
UPDATE integrations SET phase_groups = $2 WHERE id = $1;

-- name: GetSealedCredential :one
SELECT sealed_credential FROM integrations WHERE id = $1;

-- name: SetSealedCredential :execrows
UPDATE integrations SET sealed_credential = $2 WHERE id = $1;

-- name: DeleteIntegration :execrows
DELETE FROM integrations WHERE id = $1 AND version = $2;

-- name: GetAttestationCA :one
SELECT certificate, sealed_key FROM attestation_cas WHERE integration_id = $1;

-- name: InsertAttestationCA :execrows
INSERT INTO attestation_cas (integration_id, certificate, sealed_key) VALUES ($1, $2, $3)
ON CONFLICT DO NOTHING;
