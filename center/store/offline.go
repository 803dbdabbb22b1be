package store

import (
	"context"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/offline"
)

// offlineBody is what is kept of an offline sign-in beside what is searched for.
type offlineBody struct {
	SignIn         postern.OfflineSignIn  `json:"sign_in"`
	ProvisioningID postern.ProvisioningID `json:"provisioning_id,omitempty"`
	Batch          offline.Batch          `json:"batch"`
	Next           *offline.Batch         `json:"next,omitempty"`
	EventsThrough  int64                  `json:"events_through,omitempty"`
	Sheets         offline.Sheets         `json:"sheets"`
}

func offlineText(r offline.Record) (string, error) {
	r.Workstation = "" // has its own row
	return toJSON("offline sign-in", offlineBody{r.OfflineSignIn, r.ProvisioningID, r.Batch, r.Next, r.EventsThrough, r.Sheets})
}

const offlineColumns = "version, state, body"

func scanOffline(row scanner) (offline.Record, error) {
	var version int64
	var state, text string
	if err := row.Scan(&version, &state, &text); err != nil {
		return offline.Record{}, failure(err, "offline sign-in")
	}
	var b offlineBody
	if err := fromJSON("offline sign-in", text, &b); err != nil {
		return offline.Record{}, err
	}
	b.SignIn.Version, b.SignIn.State = version, postern.OfflineState(state)
	return offline.Record{
		OfflineSignIn: b.SignIn, ProvisioningID: b.ProvisioningID, Batch: b.Batch, Next: b.Next, EventsThrough: b.EventsThrough, Sheets: b.Sheets,
	}, nil
}

// OfflineSignIn returns that of a pairing.
func (s *Store) OfflineSignIn(ctx context.Context, pairing postern.PairingID) (offline.Record, error) {
	return scanOffline(s.queryRow(ctx, "SELECT "+offlineColumns+" FROM offline_sign_ins WHERE pairing_id = $1", string(pairing)))
}

// OfflineSignInsOfUser lists those of a user, newest first.
func (s *Store) OfflineSignInsOfUser(ctx context.Context, user postern.UserID) ([]offline.Record, error) {
	var f filter
	f.where("user_id = " + f.bind(string(user)))
	f.tail = newestOffline
	return s.offlines(ctx, f)
}

// OfflineSignInsOfWorkstation lists those of a workstation, newest first.
func (s *Store) OfflineSignInsOfWorkstation(ctx context.Context, workstation postern.WorkstationID) ([]offline.Record, error) {
	var f filter
	f.where("workstation_id = " + f.bind(string(workstation)))
	f.tail = newestOffline
	return s.offlines(ctx, f)
}

// OpenOfflineSignIns lists those of an integration that have not ended, by pairing, beginning behind after.
func (s *Store) OpenOfflineSignIns(ctx context.Context, integration postern.IntegrationID, after postern.PairingID, limit int) ([]offline.Record, error) {
	var f filter
	f.where("integration_id = " + f.bind(string(integration)) + " AND state <> 'ended' AND pairing_id > " + f.bind(string(after)))
	f.page("pairing_id", 0, limit)
	return s.offlines(ctx, f)
}

const newestOffline = " ORDER BY created_at DESC, pairing_id"

func (s *Store) offlines(ctx context.Context, f filter) ([]offline.Record, error) {
	rows, err := s.list(ctx, "SELECT "+offlineColumns+" FROM offline_sign_ins", f)
	if err != nil {
		return nil, failure(err, "offline sign-in")
	}
	defer rows.Close()
	out := []offline.Record{}
	for rows.Next() {
		r, err := scanOffline(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, failure(rows.Err(), "offline sign-in")
}

// CreateOfflineSignIn stores the first of a pairing; CodeConflict when it has one.
func (s *Store) CreateOfflineSignIn(ctx context.Context, r offline.Record) error {
	body, err := offlineText(r)
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		result, err := t.tx.ExecContext(ctx, `INSERT INTO offline_sign_ins (pairing_id, integration_id, user_id, phone_id, workstation_id, version, state, created_at, body)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`,
			string(r.Pairing), string(r.IntegrationID), string(r.UserID), string(r.PhoneID), string(r.WorkstationID), r.Version, string(r.State), millis(r.CreatedAt), body)
		if err != nil {
			return failure(err, "offline sign-in")
		}
		n, err := result.RowsAffected()
		return inserted(n, err, "offline sign-in")
	})
}

// UpdateOfflineSignIn stores r if r.Version is still the stored one, and increments it. The pairing's parties never change.
func (s *Store) UpdateOfflineSignIn(ctx context.Context, r *offline.Record) error {
	body, err := offlineText(*r)
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		result, err := t.tx.ExecContext(ctx, "UPDATE offline_sign_ins SET version = version + 1, state = $3, created_at = $4, body = $5 WHERE pairing_id = $1 AND version = $2",
			string(r.Pairing), r.Version, string(r.State), millis(r.CreatedAt), body)
		if err := s.changed(ctx, result, err, "offline sign-in", "SELECT 1 FROM offline_sign_ins WHERE pairing_id = $1", string(r.Pairing)); err != nil {
			return err
		}
		t.bump(&r.Version)
		return nil
	})
}

// recoveryBody is what is kept of a recovery beside what is searched for.
type recoveryBody struct {
	Recovery     postern.Recovery        `json:"recovery"`
	DecidedByID  postern.AdministratorID `json:"decided_by_id,omitempty"`
	DecisionNote string                  `json:"decision_note,omitempty"`
	SheetID      []byte                  `json:"sheet_id,omitempty"`
	Index        int                     `json:"index,omitempty"`
}

func recoveryText(q offline.Request) (string, error) {
	return toJSON("recovery", recoveryBody{q.Recovery, q.DecidedByID, q.DecisionNote, q.SheetID, q.Index})
}

const recoveryColumns = "version, state, requested_by_id, body"

func scanRecovery(row scanner) (offline.Request, error) {
	var version int64
	var state, by, text string
	if err := row.Scan(&version, &state, &by, &text); err != nil {
		return offline.Request{}, failure(err, "recovery")
	}
	var b recoveryBody
	if err := fromJSON("recovery", text, &b); err != nil {
		return offline.Request{}, err
	}
	b.Recovery.Version, b.Recovery.State, b.Recovery.RequestedByID = version, postern.RecoveryState(state), postern.AdministratorID(by)
	return offline.Request{
		Recovery: b.Recovery, DecidedByID: b.DecidedByID, DecisionNote: b.DecisionNote, SheetID: b.SheetID, Index: b.Index,
	}, nil
}

// Recovery returns one recovery.
func (s *Store) Recovery(ctx context.Context, id postern.RecoveryID) (offline.Request, error) {
	return scanRecovery(s.queryRow(ctx, "SELECT "+recoveryColumns+" FROM recoveries WHERE id = $1", string(id)))
}

// Recoveries lists those that a query chooses, newest first.
func (s *Store) Recoveries(ctx context.Context, q offline.RecoveryQuery) ([]offline.Request, error) {
	var f filter
	f.equal("integration_id", string(q.Integration))
	f.equal("user_id", string(q.User))
	f.equal("pairing_id", string(q.Pairing))
	f.equal("state", string(q.State))
	f.page("created_at DESC, id DESC", 0, q.Limit)
	rows, err := s.list(ctx, "SELECT "+recoveryColumns+" FROM recoveries", f)
	if err != nil {
		return nil, failure(err, "recovery")
	}
	defer rows.Close()
	out := []offline.Request{}
	for rows.Next() {
		r, err := scanRecovery(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, failure(rows.Err(), "recovery")
}

// CountRecoveries counts those that one person asked for, and those that were asked for one pairing, since a time.
func (s *Store) CountRecoveries(ctx context.Context, by postern.AdministratorID, pairing postern.PairingID, since time.Time) (byPerson, ofPairing int, err error) {
	err = s.queryRow(ctx, `SELECT (SELECT count(*) FROM recoveries WHERE requested_by_id = $1 AND created_at > $3),
		(SELECT count(*) FROM recoveries WHERE pairing_id = $2 AND created_at > $3)`, string(by), string(pairing), millis(since)).Scan(&byPerson, &ofPairing)
	return byPerson, ofPairing, failure(err, "recovery")
}

// CreateRecovery stores a new recovery; CodeConflict while another one of the pairing is waiting or ready.
func (s *Store) CreateRecovery(ctx context.Context, q offline.Request) error {
	body, err := recoveryText(q)
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		result, err := t.tx.ExecContext(ctx, `INSERT INTO recoveries (id, integration_id, pairing_id, user_id, workstation_id, version, state, requested_by_id, created_at, body)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING`,
			string(q.ID), string(q.IntegrationID), string(q.Pairing), string(q.UserID), string(q.WorkstationID), q.Version, string(q.State), string(q.RequestedByID), millis(q.CreatedAt), body)
		if err != nil {
			return failure(err, "recovery")
		}
		n, err := result.RowsAffected()
		return inserted(n, err, "recovery")
	})
}

// UpdateRecovery stores q if q.Version is still the stored one, and increments it. Who asked never changes.
func (s *Store) UpdateRecovery(ctx context.Context, q *offline.Request) error {
	body, err := recoveryText(*q)
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		result, err := t.tx.ExecContext(ctx, "UPDATE recoveries SET version = version + 1, state = $3, body = $4 WHERE id = $1 AND version = $2", string(q.ID), q.Version, string(q.State), body)
		if err := s.changed(ctx, result, err, "recovery", "SELECT 1 FROM recoveries WHERE id = $1", string(q.ID)); err != nil {
			return err
		}
		t.bump(&q.Version)
		return nil
	})
}
