-- +goose Up
-- Into whose group a user was perhaps put already, without group_phase saying so yet: written before Entra is asked.
ALTER TABLE users ADD COLUMN group_toward TEXT NOT NULL DEFAULT '';
-- Since when the account is in its state.
ALTER TABLE users ADD COLUMN account_since BIGINT;
-- Who is to be moved; the older index knows nothing of group_toward.
DROP INDEX users_out_of_group;
CREATE INDEX users_out_of_group ON users (integration_id, updated_at, id) WHERE phase <> group_phase OR group_toward <> '';
CREATE INDEX users_account ON users (integration_id, account);
-- Which integrations' users have what is not gone yet.
CREATE INDEX passkeys_state ON passkeys (integration_id, state, user_id);

-- +goose Down
DROP INDEX passkeys_state;
DROP INDEX users_account;
DROP INDEX users_out_of_group;
CREATE INDEX users_out_of_group ON users (integration_id, updated_at, id) WHERE phase <> group_phase;
ALTER TABLE users DROP COLUMN account_since;
ALTER TABLE users DROP COLUMN group_toward;
