package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/reconcile"
	"github.com/postern/postern/center/store/internal/query"
)

// ReconcileRun returns one run.
func (s *Store) ReconcileRun(ctx context.Context, id postern.ReconcileRunID) (reconcile.Record, error) {
	row, err := s.read(ctx).GetReconcileRun(ctx, string(id))
	if err != nil {
		return reconcile.Record{}, failure(err, "reconcile run")
	}
	return reconcileRunOf(row)
}

// RunningReconcile returns the run of an integration that is running.
func (s *Store) RunningReconcile(ctx context.Context, integration postern.IntegrationID) (reconcile.Record, error) {
	row, err := s.read(ctx).GetRunningReconcile(ctx, string(integration))
	if err != nil {
		return reconcile.Record{}, failure(err, "reconcile run")
	}
	return reconcileRunOf(row)
}

// ReconcileRuns lists the newest runs of an integration, newest first.
func (s *Store) ReconcileRuns(ctx context.Context, integration postern.IntegrationID, limit int) ([]postern.ReconcileRun, error) {
	rows, err := s.read(ctx).ListReconcileRuns(ctx, query.ListReconcileRunsParams{IntegrationID: string(integration), Limit: bounded(limit)})
	return convert(rows, err, "reconcile run", func(row query.ReconcileRun) (postern.ReconcileRun, error) {
		r, err := reconcileRunOf(row)
		return r.ReconcileRun, err
	})
}

// reconcileBody is what is kept of a run beside what is searched for.
type reconcileBody struct {
	Run      postern.ReconcileRun `json:"run"`
	Progress reconcile.Progress   `json:"progress"`
}

func reconcileRunOf(row query.ReconcileRun) (reconcile.Record, error) {
	var body reconcileBody
	if err := fromJSON("reconcile run", row.Body, &body); err != nil {
		return reconcile.Record{}, err
	}
	body.Run.Version, body.Run.State = row.Version, postern.ReconcileState(row.State)
	return reconcile.Record{ReconcileRun: body.Run, Progress: body.Progress}, nil
}

// CreateReconcileRun stores a new run; CodeConflict while another of the integration is running.
func (s *Store) CreateReconcileRun(ctx context.Context, r reconcile.Record) error {
	body, err := toJSON("reconcile run", reconcileBody{r.ReconcileRun, r.Progress})
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		rows, err := t.q.InsertReconcileRun(ctx, query.InsertReconcileRunParams{
			ID: string(r.ID), IntegrationID: string(r.IntegrationID), Version: r.Version, Mode: string(r.Mode),
			State: string(r.State), CreatedAt: millis(r.CreatedAt), Body: body,
		})
		return inserted(rows, err, "reconcile run")
	})
}

// UpdateReconcileRun stores r if r.Version is still the stored one, and increments it. CodeConflict when it is to run
// while another one does.
func (s *Store) UpdateReconcileRun(ctx context.Context, r *reconcile.Record) error {
	body, err := toJSON("reconcile run", reconcileBody{r.ReconcileRun, r.Progress})
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		if r.State == postern.ReconcileRunning {
			switch other, err := t.q.GetRunningReconcile(ctx, string(r.IntegrationID)); {
			case err == nil && other.ID != string(r.ID):
				return conflict("reconcile run")
			case err != nil && !errors.Is(err, sql.ErrNoRows):
				return failure(err, "reconcile run")
			}
		}
		rows, err := t.q.UpdateReconcileRun(ctx, query.UpdateReconcileRunParams{
			ID: string(r.ID), Version: r.Version, State: string(r.State), Body: body,
		})
		exists := func() error { _, err := t.q.GetReconcileRun(ctx, string(r.ID)); return err }
		if err := versioned(rows, err, "reconcile run", exists); err != nil {
			return err
		}
		t.bump(&r.Version)
		return nil
	})
}

// ForgetReconcile removes all but the newest runs of an integration, and differences that were closed before a time.
func (s *Store) ForgetReconcile(ctx context.Context, integration postern.IntegrationID, keep int, closedBefore time.Time) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		if err := t.q.DeleteOldReconcileRuns(ctx, query.DeleteOldReconcileRunsParams{IntegrationID: string(integration), Limit: bounded(keep)}); err != nil {
			return failure(err, "reconcile run")
		}
		return failure(t.q.DeleteClosedDifferences(ctx, query.DeleteClosedDifferencesParams{
			IntegrationID: string(integration), ClosedAt: optionalMillis(&closedBefore),
		}), "difference")
	})
}

// OpenDifference returns the open difference of a kind about an object.
func (s *Store) OpenDifference(ctx context.Context, integration postern.IntegrationID, kind postern.DifferenceKind, object string) (postern.Difference, error) {
	row, err := s.read(ctx).GetOpenDifference(ctx, query.GetOpenDifferenceParams{IntegrationID: string(integration), Kind: string(kind), Object: object})
	if err != nil {
		return postern.Difference{}, failure(err, "difference")
	}
	return differenceOf(row)
}

// OpenDifferencesOfUser lists the open differences about a user.
func (s *Store) OpenDifferencesOfUser(ctx context.Context, integration postern.IntegrationID, user postern.UserID) ([]postern.Difference, error) {
	rows, err := s.read(ctx).ListOpenDifferencesOfUser(ctx, query.ListOpenDifferencesOfUserParams{IntegrationID: string(integration), UserID: string(user)})
	return convert(rows, err, "difference", differenceOf)
}

// OpenDifferencesOfKind lists the open differences of a kind.
func (s *Store) OpenDifferencesOfKind(ctx context.Context, integration postern.IntegrationID, kind postern.DifferenceKind) ([]postern.Difference, error) {
	rows, err := s.read(ctx).ListOpenDifferencesOfKind(ctx, query.ListOpenDifferencesOfKindParams{IntegrationID: string(integration), Kind: string(kind)})
	return convert(rows, err, "difference", differenceOf)
}

// CountOpenDifferences counts the differences that are not gone.
func (s *Store) CountOpenDifferences(ctx context.Context, integration postern.IntegrationID) (int, error) {
	n, err := s.read(ctx).CountOpenDifferences(ctx, string(integration))
	return int(n), failure(err, "difference")
}

// CountDifferencesOfRun counts what a run saw, by outcome.
func (s *Store) CountDifferencesOfRun(ctx context.Context, integration postern.IntegrationID, run postern.ReconcileRunID) (map[postern.DifferenceOutcome]int, error) {
	rows, err := s.read(ctx).CountDifferencesOfRun(ctx, query.CountDifferencesOfRunParams{IntegrationID: string(integration), RunID: string(run)})
	if err != nil {
		return nil, failure(err, "difference")
	}
	counts := make(map[postern.DifferenceOutcome]int, len(rows))
	for _, row := range rows {
		counts[postern.DifferenceOutcome(row.Outcome)] = int(row.Differences)
	}
	return counts, nil
}

// Differences returns those that q chooses, newest first.
func (s *Store) Differences(ctx context.Context, q reconcile.DifferenceQuery) ([]postern.Difference, error) {
	f := filter{}
	f.equal("integration_id", string(q.IntegrationID))
	f.equal("run_id", string(q.RunID))
	if q.Open {
		f.where("closed_at IS NULL")
	}
	f.page("found_at DESC, id DESC", q.Offset, q.Limit)
	rows, err := s.list(ctx, "SELECT body FROM differences", f)
	if err != nil {
		return nil, failure(err, "difference")
	}
	defer rows.Close()
	all := []postern.Difference{}
	for rows.Next() {
		var body string
		if err := rows.Scan(&body); err != nil {
			return nil, failure(err, "difference")
		}
		d, err := differenceOf(query.Difference{Body: body})
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	return all, failure(rows.Err(), "difference")
}

// CreateDifference stores a new difference; CodeConflict when an open one of that kind is about the same object.
func (s *Store) CreateDifference(ctx context.Context, d postern.Difference) error {
	body, err := toJSON("difference", d)
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		rows, err := t.q.InsertDifference(ctx, query.InsertDifferenceParams{
			ID: string(d.ID), IntegrationID: string(d.IntegrationID), RunID: string(d.RunID), Kind: string(d.Kind), Object: d.Object,
			UserID: string(d.UserID), Outcome: string(d.Outcome), FoundAt: millis(d.FoundAt), ClosedAt: optionalMillis(d.ClosedAt), Body: body,
		})
		return inserted(rows, err, "difference")
	})
}

// UpdateDifference stores what became of a difference. What it is about never changes.
func (s *Store) UpdateDifference(ctx context.Context, d postern.Difference) error {
	body, err := toJSON("difference", d)
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		return failure(t.q.UpdateDifference(ctx, query.UpdateDifferenceParams{
			ID: string(d.ID), RunID: string(d.RunID), Outcome: string(d.Outcome), ClosedAt: optionalMillis(d.ClosedAt), Body: body,
		}), "difference")
	})
}

func differenceOf(row query.Difference) (postern.Difference, error) {
	var d postern.Difference
	err := json.Unmarshal([]byte(row.Body), &d)
	return d, failure(err, "difference")
}

// UsersWithDifferences lists users after one with open differences about passkeys and provisionings.
func (s *Store) UsersWithDifferences(ctx context.Context, integration postern.IntegrationID, after postern.UserID, missed bool, limit int) ([]postern.UserID, error) {
	var ids []string
	var err error
	if missed {
		ids, err = s.read(ctx).ListMissedUsers(ctx, query.ListMissedUsersParams{IntegrationID: string(integration), UserID: string(after), Limit: bounded(limit)})
	} else {
		ids, err = s.read(ctx).ListOpenDifferenceUsers(ctx, query.ListOpenDifferenceUsersParams{IntegrationID: string(integration), UserID: string(after), Limit: bounded(limit)})
	}
	return convert(ids, err, "difference", func(id string) (postern.UserID, error) { return postern.UserID(id), nil })
}

// ReconcileState returns where the listings of an integration were left.
func (s *Store) ReconcileState(ctx context.Context, integration postern.IntegrationID) (reconcile.State, error) {
	var state reconcile.State
	body, err := s.read(ctx).GetReconcileState(ctx, string(integration))
	if errors.Is(err, sql.ErrNoRows) {
		return state, nil
	}
	if err != nil {
		return state, failure(err, "reconcile state")
	}
	return state, fromJSON("reconcile state", body, &state)
}

// SetReconcileState keeps where the listings of an integration were left.
func (s *Store) SetReconcileState(ctx context.Context, integration postern.IntegrationID, state reconcile.State) error {
	body, err := toJSON("reconcile state", state)
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		return failure(t.q.SetReconcileState(ctx, query.SetReconcileStateParams{IntegrationID: string(integration), Body: body}), "reconcile state")
	})
}

// UserByUPN returns the user of an integration with that user principal name, in any case.
func (s *Store) UserByUPN(ctx context.Context, integration postern.IntegrationID, upn string) (postern.User, error) {
	row, err := s.read(ctx).GetUserByUPN(ctx, query.GetUserByUPNParams{IntegrationID: string(integration), Upn: upn})
	if err != nil {
		return postern.User{}, failure(err, "user")
	}
	return userOf(row)
}

// UsersAfter lists users of an integration after one, in the order of their identifiers.
func (s *Store) UsersAfter(ctx context.Context, integration postern.IntegrationID, choice reconcile.Choice, after postern.UserID, limit int) ([]postern.User, error) {
	q := s.read(ctx)
	var rows []query.User
	var err error
	switch choice {
	case reconcile.WithPasskeys:
		rows, err = q.ListUsersWithPasskeysAfter(ctx, query.ListUsersWithPasskeysAfterParams{IntegrationID: string(integration), ID: string(after), Limit: bounded(limit)})
	case reconcile.WithDevices:
		rows, err = q.ListUsersWithDevicesAfter(ctx, query.ListUsersWithDevicesAfterParams{IntegrationID: string(integration), ID: string(after), Limit: bounded(limit)})
	default:
		rows, err = q.ListUsersAfter(ctx, query.ListUsersAfterParams{IntegrationID: string(integration), ID: string(after), Limit: bounded(limit)})
	}
	return convert(rows, err, "user", userOf)
}

// CountUsersWithPasskeys counts the users of an integration with managed passkeys that are not revoked.
func (s *Store) CountUsersWithPasskeys(ctx context.Context, integration postern.IntegrationID) (int, error) {
	n, err := s.read(ctx).CountUsersWithPasskeys(ctx, string(integration))
	return int(n), failure(err, "passkey")
}

// CountActivePasskeys counts the managed passkeys of an integration that are active.
func (s *Store) CountActivePasskeys(ctx context.Context, integration postern.IntegrationID) (int, error) {
	n, err := s.read(ctx).CountActivePasskeys(ctx, string(integration))
	return int(n), failure(err, "passkey")
}
