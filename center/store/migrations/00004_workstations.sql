-- +goose Up
-- Workstations and the pairings that tie phones to them. A workstation that never pairs is removed after a day.
CREATE TABLE workstations (
    id                TEXT PRIMARY KEY,
    integration_id    TEXT NOT NULL REFERENCES integrations (id) ON DELETE CASCADE,
    version           BIGINT NOT NULL,
    kind              TEXT NOT NULL, -- agent or extension
    name              TEXT NOT NULL,
    software          TEXT NOT NULL,
    os                TEXT NOT NULL,
    join_state        TEXT NOT NULL,
    enterprise_joined BOOLEAN NOT NULL,
    state             TEXT NOT NULL,
    identity_key      BYTEA NOT NULL UNIQUE, -- enrolling again with the same key finds the same workstation
    link_key          BYTEA NOT NULL,
    created_at        BIGINT NOT NULL,
    last_seen_at      BIGINT,
    paired_at         BIGINT, -- when its first pairing became active
    revoked_at        BIGINT
);
CREATE INDEX workstations_integration ON workstations (integration_id, created_at, id);
CREATE INDEX workstations_unpaired ON workstations (created_at, id) WHERE paired_at IS NULL;

CREATE TABLE workstation_proofs (
    workstation_id TEXT NOT NULL REFERENCES workstations (id) ON DELETE CASCADE,
    proof_id       TEXT NOT NULL,
    expires_at     BIGINT NOT NULL,
    PRIMARY KEY (workstation_id, proof_id)
);

CREATE TABLE pairings (
    id                    TEXT PRIMARY KEY, -- base64url of the 16 bytes that the workstation chose
    integration_id        TEXT NOT NULL REFERENCES integrations (id) ON DELETE CASCADE,
    workstation_id        TEXT NOT NULL REFERENCES workstations (id) ON DELETE CASCADE,
    phone_id              TEXT REFERENCES phones (id) ON DELETE CASCADE, -- none before a phone came
    version               BIGINT NOT NULL,
    state                 TEXT NOT NULL,
    created_at            BIGINT NOT NULL,
    expires_at            BIGINT NOT NULL, -- of a pending one
    phone_confirmed       BOOLEAN NOT NULL,
    workstation_confirmed BOOLEAN NOT NULL,
    confirmed_at          BIGINT,
    ended_at              BIGINT,
    reason                TEXT NOT NULL
);
-- A phone and a workstation have at most one pairing that is active.
CREATE UNIQUE INDEX pairings_active ON pairings (phone_id, workstation_id) WHERE state = 'active';
CREATE INDEX pairings_workstation ON pairings (workstation_id);
CREATE INDEX pairings_phone ON pairings (phone_id);
CREATE INDEX pairings_integration ON pairings (integration_id);
CREATE INDEX pairings_unconfirmed ON pairings (expires_at) WHERE confirmed_at IS NULL;

-- The X25519 key of the phone's end of the link. Phones of earlier versions have none until they hand it in.
ALTER TABLE phones ADD COLUMN link_key BYTEA;

-- +goose Down
ALTER TABLE phones DROP COLUMN link_key;
DROP TABLE pairings;
DROP TABLE workstation_proofs;
DROP TABLE workstations;
