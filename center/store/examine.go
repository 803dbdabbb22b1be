package store

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/doctor"
)

// Condition says how the database stands, for a doctor.
func (s *Store) Condition(ctx context.Context) (doctor.Database, error) {
	c := doctor.Database{Kind: string(s.dialect)}
	var err error
	if c.Newest, err = newestMigration(); err != nil {
		return c, err
	}
	// goose notes each migration it applied; a lower number is never noted after a higher one.
	if err := s.reader.QueryRowContext(ctx, "SELECT max(version_id) FROM goose_db_version WHERE is_applied").Scan(&c.Schema); err != nil {
		return c, fmt.Errorf("store: version of the schema: %w", err)
	}
	if s.dialect == SQLite {
		err = s.conditionOfSQLite(ctx, &c)
	} else {
		err = s.conditionOfPostgreSQL(ctx, &c)
	}
	return c, err
}

func (s *Store) conditionOfSQLite(ctx context.Context, c *doctor.Database) error {
	var sequence int
	var name string
	if err := s.reader.QueryRowContext(ctx, "PRAGMA database_list").Scan(&sequence, &name, &c.Path); err != nil {
		return fmt.Errorf("store: place of the database: %w", err)
	}
	err := s.reader.QueryRowContext(ctx, `SELECT sqlite_version(), (SELECT page_count FROM pragma_page_count()) * (SELECT page_size FROM pragma_page_size())`).
		Scan(&c.Version, &c.Size)
	if err != nil {
		return fmt.Errorf("store: size of the database: %w", err)
	}
	return nil
}

func (s *Store) conditionOfPostgreSQL(ctx context.Context, c *doctor.Database) error {
	var number string
	var now float64
	err := s.reader.QueryRowContext(ctx, `SELECT current_setting('server_version'), current_setting('server_version_num'),
		pg_database_size(current_database()), pg_is_in_recovery(), CAST(extract(epoch FROM clock_timestamp()) AS double precision)`).
		Scan(&c.Version, &number, &c.Size, &c.ReadOnly, &now)
	if err != nil {
		return fmt.Errorf("store: condition of the database: %w", err)
	}
	n, err := strconv.Atoi(number)
	if err != nil {
		return fmt.Errorf("store: the server's version is %q", number)
	}
	c.Major = n / 10000
	ahead := time.UnixMicro(int64(now * 1e6)).Sub(s.now())
	c.Ahead = &ahead
	// Who may not watch replication sees rows without a lag.
	var lag float64
	err = s.reader.QueryRowContext(ctx, `SELECT count(*), coalesce(CAST(extract(epoch FROM max(replay_lag)) AS double precision), 0) FROM pg_stat_replication`).
		Scan(&c.Replicas, &lag)
	if err != nil {
		return fmt.Errorf("store: replication: %w", err)
	}
	c.Lag = time.Duration(lag * float64(time.Second))
	return nil
}

// PushPhones lists phones that may be woken.
func (s *Store) PushPhones(ctx context.Context, limit int) ([]postern.PhoneID, error) {
	rows, err := s.reader.QueryContext(ctx, "SELECT phone_id FROM push_subscriptions ORDER BY created_at DESC, phone_id LIMIT $1", limit)
	if err != nil {
		return nil, failure(err, "push subscription")
	}
	defer rows.Close()
	var phones []postern.PhoneID
	for rows.Next() {
		var phone postern.PhoneID
		if err := rows.Scan(&phone); err != nil {
			return nil, failure(err, "push subscription")
		}
		phones = append(phones, phone)
	}
	return phones, failure(rows.Err(), "push subscription")
}

// ProvisioningFailures counts the provisionings of an integration that failed since a time, by what went wrong.
func (s *Store) ProvisioningFailures(ctx context.Context, integration postern.IntegrationID, since time.Time) ([]doctor.Failures, error) {
	return s.failures(ctx, `SELECT code, min(message), min(next), count(*) FROM provisionings
		WHERE integration_id = $1 AND state = 'failed' AND updated_at >= $2 GROUP BY code ORDER BY count(*) DESC, code`,
		string(integration), millis(since))
}

// MessageFailures counts messages that were given up since a time, and those that wait although an attempt failed, by why.
func (s *Store) MessageFailures(ctx context.Context, since time.Time) ([]doctor.Failures, error) {
	return s.failures(ctx, `SELECT state, problem, '', count(*) FROM messages
		WHERE problem <> '' AND ((state = 'failed' AND coalesce(tried_at, created_at) >= $1) OR (state = 'queued' AND attempts > 0))
		GROUP BY state, problem ORDER BY count(*) DESC, problem LIMIT 20`, millis(since))
}

func (s *Store) failures(ctx context.Context, text string, args ...any) ([]doctor.Failures, error) {
	rows, err := s.reader.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, failure(err, "failure")
	}
	defer rows.Close()
	var all []doctor.Failures
	for rows.Next() {
		var f doctor.Failures
		if err := rows.Scan(&f.Code, &f.Message, &f.Next, &f.Count); err != nil {
			return nil, failure(err, "failure")
		}
		all = append(all, f)
	}
	return all, failure(rows.Err(), "failure")
}
