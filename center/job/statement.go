package job

// postgres and sqlite are the dialects, by the names that package store gives them.
const (
	postgres = "postgres"
	sqlite   = "sqlite"
)

// statements are what this package asks of River's table itself, because River has no words for it.
type statements struct {
	lock     string // serialises those who enqueue equal jobs; empty where there is one writer anyway
	waiting  string // the waiting job of a key: id, Unix milliseconds of its time, queue, whether it was taken
	hasten   string // moves a waiting job forward
	blocked  string // whether an equal job that was taken earlier is still running
	finish   string // ends a running job
	rescue   string // makes jobs of dead runners available
	beat     string // says that a runner lives
	leave    string // says that a runner ended
	forget   string // drops runners that have been silent for long
	counting string // jobs by kind and state
	late     string // jobs that could have begun so many milliseconds ago: how many, since when, and how many runners live
	lost     string // jobs that were given up since a time, by kind
}

// waitingStates are the states of a job that has not begun, or that waits to be run again.
const waitingStates = `('available', 'pending', 'retryable', 'scheduled')`

// behindEqual is true of a running job that must wait for an equal one, because that was taken before it. Of two taken at
// the same moment the one with the smaller id goes first, so two never wait for each other.
const behindEqual = `EXISTS (SELECT 1 FROM river_job other WHERE other.args ->> 'key' = me.args ->> 'key'
	AND other.id <> me.id AND other.state = 'running' AND (other.attempted_at < me.attempted_at
		OR (other.attempted_at = me.attempted_at AND other.id < me.id)))`

// A job that was taken but has to wait for an equal one waits as well; it is about to be put back, so its time and queue
// are left alone.
const waitingCondition = `me.args ->> 'key' = $1 AND (me.state IN ` + waitingStates +
	` OR (me.state = 'running' AND ` + behindEqual + `)) ORDER BY me.id LIMIT 1`

const countingText = `SELECT args ->> 'kind' AS kind, CAST(state AS text) AS state, count(*) FROM river_job
	WHERE kind = '` + envelopeKind + `' AND state <> 'completed' GROUP BY 1, 2 ORDER BY 1, 2`

// SQLite has one writer, so a transaction that enqueues already excludes everybody else. River keeps times there as text
// in UTC with milliseconds.
var sqliteStatements = statements{
	waiting: `SELECT id, CAST(round((julianday(scheduled_at) - 2440587.5) * 86400000) AS integer), queue, state = 'running'
		FROM river_job me WHERE ` + waitingCondition,
	hasten: `UPDATE river_job SET queue = $2, state = CASE WHEN $4 THEN 'available' ELSE state END,
		scheduled_at = strftime('%Y-%m-%d %H:%M:%f', $3 / 1000.0, 'unixepoch') WHERE id = $1`,
	blocked: `SELECT ` + behindEqual + ` FROM river_job me WHERE id = $1`,
	finish: `UPDATE river_job SET state = $2, finalized_at = strftime('%Y-%m-%d %H:%M:%f', 'now'),
		errors = json_insert(coalesce(errors, json('[]')), '$[#]', json($3)) WHERE id = $1 AND state = 'running'`,
	rescue: `UPDATE river_job SET state = 'available', scheduled_at = strftime('%Y-%m-%d %H:%M:%f', 'now')
		WHERE state = 'running' AND kind = '` + envelopeKind + `' AND NOT EXISTS (
			SELECT 1 FROM job_runners r WHERE r.id = json_extract(river_job.attempted_by, '$[#-1]') AND r.seen_at >
				CAST(round((julianday('now') - 2440587.5) * 86400000) AS integer) - $1)`,
	beat: `INSERT INTO job_runners (id, seen_at) VALUES ($1, CAST(round((julianday('now') - 2440587.5) * 86400000) AS integer))
		ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at`,
	leave:    `DELETE FROM job_runners WHERE id = $1`,
	forget:   `DELETE FROM job_runners WHERE seen_at < CAST(round((julianday('now') - 2440587.5) * 86400000) AS integer) - $1`,
	counting: countingText,
	late: `SELECT count(*), coalesce(min(CAST(round((julianday(scheduled_at) - 2440587.5) * 86400000) AS integer)), 0),
		(SELECT count(*) FROM job_runners WHERE seen_at > CAST(round((julianday('now') - 2440587.5) * 86400000) AS integer) - 120000)
		FROM river_job WHERE kind = '` + envelopeKind + `' AND state = 'available'
			AND julianday(scheduled_at) < julianday('now') - $1 / 86400000.0`,
	lost: `SELECT args ->> 'kind' AS kind, count(*) FROM river_job WHERE kind = '` + envelopeKind + `' AND state = 'discarded'
		AND CAST(round((julianday(finalized_at) - 2440587.5) * 86400000) AS integer) >= $1 GROUP BY 1 ORDER BY 1`,
}

// On PostgreSQL a row lock on the waiting job keeps it from being taken (River skips locked rows) until the transaction
// that found it is committed, and blocked asks for that lock too: so what that transaction wrote is seen by the run it
// relies on. Time is the database's.
var postgresStatements = statements{
	lock: `SELECT pg_advisory_xact_lock($1)`,
	waiting: `SELECT id, CAST(extract(epoch FROM scheduled_at) * 1000 AS bigint), queue, state = 'running'
		FROM river_job me WHERE ` + waitingCondition + ` FOR UPDATE`,
	hasten: `UPDATE river_job SET queue = $2, state = CASE WHEN $4 THEN 'available'::river_job_state ELSE state END,
		scheduled_at = to_timestamp($3::bigint / 1000.0) WHERE id = $1`,
	blocked: `SELECT ` + behindEqual + ` FROM river_job me WHERE id = $1 FOR UPDATE`,
	finish: `UPDATE river_job SET state = $2::river_job_state, finalized_at = now(), errors = array_append(errors, $3::jsonb)
		WHERE id = $1 AND state = 'running'`,
	rescue: `UPDATE river_job SET state = 'available', scheduled_at = now()
		WHERE state = 'running' AND kind = '` + envelopeKind + `' AND NOT EXISTS (
			SELECT 1 FROM job_runners r WHERE r.id = river_job.attempted_by[array_upper(river_job.attempted_by, 1)]
				AND r.seen_at > extract(epoch FROM clock_timestamp()) * 1000 - $1)`,
	beat: `INSERT INTO job_runners (id, seen_at) VALUES ($1, CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint))
		ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at`,
	leave:    `DELETE FROM job_runners WHERE id = $1`,
	forget:   `DELETE FROM job_runners WHERE seen_at < extract(epoch FROM clock_timestamp()) * 1000 - $1`,
	counting: countingText,
	late: `SELECT count(*), coalesce(min(CAST(extract(epoch FROM scheduled_at) * 1000 AS bigint)), 0),
		(SELECT count(*) FROM job_runners WHERE seen_at > extract(epoch FROM clock_timestamp()) * 1000 - 120000)
		FROM river_job WHERE kind = '` + envelopeKind + `' AND state = 'available'
			AND scheduled_at < clock_timestamp() - $1::bigint * interval '1 millisecond'`,
	lost: `SELECT args ->> 'kind' AS kind, count(*) FROM river_job WHERE kind = '` + envelopeKind + `' AND state = 'discarded'
		AND finalized_at >= to_timestamp($1::bigint / 1000.0) GROUP BY 1 ORDER BY 1`,
}
