-- +goose Up
-- The outbox: messages to users. sealed holds what the message is made of until it is sent, failed or withdrawn, and
-- nothing afterwards. rank 0 goes before rank 1. next_at is when sending may be begun next, tried_at when it was begun last.
CREATE TABLE messages (
    id             TEXT PRIMARY KEY,
    integration_id TEXT NOT NULL REFERENCES integrations (id) ON DELETE CASCADE,
    user_id        TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    invitation_id  TEXT NOT NULL,
    kind           TEXT NOT NULL,
    language       TEXT NOT NULL,
    address        TEXT NOT NULL,
    name           TEXT NOT NULL,
    state          TEXT NOT NULL,
    attempts       BIGINT NOT NULL,
    problem        TEXT NOT NULL,
    sealed         BYTEA NOT NULL,
    rank           BIGINT NOT NULL,
    created_at     BIGINT NOT NULL,
    next_at        BIGINT NOT NULL,
    tried_at       BIGINT,
    sent_at        BIGINT,
    expires_at     BIGINT
);
CREATE INDEX messages_integration ON messages (integration_id, created_at);
CREATE INDEX messages_user ON messages (user_id, kind, created_at);
CREATE INDEX messages_invitation ON messages (invitation_id);
CREATE INDEX messages_due ON messages (state, rank, next_at);
CREATE INDEX messages_tried ON messages (tried_at);

-- Whom campaigns write to.
CREATE INDEX users_phase_turn ON users (integration_id, phase, id);
CREATE INDEX invitations_ending ON invitations (integration_id, expires_at) WHERE state = 'open';

-- +goose Down
DROP INDEX invitations_ending;
DROP INDEX users_phase_turn;
DROP TABLE messages;
