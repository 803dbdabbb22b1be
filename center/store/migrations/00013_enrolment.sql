-- +goose Up
-- What proves who holds a phone. An approval names who gave it, once; the other kinds have nobody there.
CREATE TABLE identity_proofs (
    phone_id TEXT NOT NULL REFERENCES phones (id) ON DELETE CASCADE,
    kind     TEXT NOT NULL, -- one_time_code, entra_sign_in or approval
    by_id    TEXT NOT NULL,
    by_name  TEXT NOT NULL,
    note     TEXT NOT NULL,
    addr     TEXT NOT NULL,
    at       BIGINT NOT NULL,
    PRIMARY KEY (phone_id, kind, by_id)
);
-- Every phone until now was enrolled with a code.
INSERT INTO identity_proofs (phone_id, kind, by_id, by_name, note, addr, at)
SELECT id, 'one_time_code', '', '', '', '', created_at FROM phones;

-- Sign-ins at Entra that were begun for a phone. The id is the hash of the state.
CREATE TABLE sign_ins (
    id             TEXT PRIMARY KEY,
    integration_id TEXT NOT NULL REFERENCES integrations (id) ON DELETE CASCADE,
    phone_id       TEXT NOT NULL REFERENCES phones (id) ON DELETE CASCADE,
    sealed         BYTEA NOT NULL, -- nonce and code verifier
    used_at        BIGINT,
    expires_at     BIGINT NOT NULL
);
CREATE INDEX sign_ins_integration ON sign_ins (integration_id);
CREATE INDEX sign_ins_phone ON sign_ins (phone_id);

-- +goose Down
DROP TABLE sign_ins;
DROP TABLE identity_proofs;
