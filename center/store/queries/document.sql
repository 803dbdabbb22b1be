-- name: GetDocument :one
SELECT version, body FROM documents WHERE scope = $1 AND name = $2;

-- name: InsertDocument :execrows
INSERT INTO documents (scope, name, integration_id, version, body) VALUES ($1, $2, $3, 1, $4)
ON CONFLICT DO NOTHING;

-- name: UpdateDocument :execrows
UPDATE documents SET version = version + 1, body = sqlc.arg(body)
WHERE scope = sqlc.arg(scope) AND name = sqlc.arg(name) AND version = sqlc.arg(version);
