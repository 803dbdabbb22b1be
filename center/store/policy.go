package store

import (
	"context"
	"database/sql"
	"errors"
	"iter"
	"slices"

	"github.com/postern/postern"
	"github.com/postern/postern/center/policy"
)

// policyBody is what is kept of a plan beside what is searched for.
type policyBody struct {
	Plan     postern.PolicyPlan `json:"plan"`
	Progress policy.Progress    `json:"progress"`
}

const policyPlanColumns = "version, state, body"

func scanPolicyPlan(row scanner) (policy.Record, error) {
	var version int64
	var state, text string
	if err := row.Scan(&version, &state, &text); err != nil {
		return policy.Record{}, failure(err, "plan")
	}
	var body policyBody
	if err := fromJSON("plan", text, &body); err != nil {
		return policy.Record{}, err
	}
	body.Plan.Version, body.Plan.State = version, postern.PolicyPlanState(state)
	return policy.Record{PolicyPlan: body.Plan, Progress: body.Progress}, nil
}

// PolicyPlan returns one plan.
func (s *Store) PolicyPlan(ctx context.Context, id postern.PolicyPlanID) (policy.Record, error) {
	return scanPolicyPlan(s.queryRow(ctx, "SELECT "+policyPlanColumns+" FROM policy_plans WHERE id = $1", string(id)))
}

// ApplyingPolicyPlan returns the plan of an integration that is being applied.
func (s *Store) ApplyingPolicyPlan(ctx context.Context, integration postern.IntegrationID) (policy.Record, error) {
	return scanPolicyPlan(s.queryRow(ctx, "SELECT "+policyPlanColumns+" FROM policy_plans WHERE integration_id = $1 AND state = 'applying'", string(integration)))
}

// PolicyPlans lists the newest plans of an integration, newest first.
func (s *Store) PolicyPlans(ctx context.Context, integration postern.IntegrationID, limit int) ([]postern.PolicyPlan, error) {
	f := filter{}
	f.where("integration_id = " + f.bind(string(integration)))
	f.page("created_at DESC, id DESC", 0, limit)
	rows, err := s.list(ctx, "SELECT "+policyPlanColumns+" FROM policy_plans", f)
	if err != nil {
		return nil, failure(err, "plan")
	}
	defer rows.Close()
	out := []postern.PolicyPlan{}
	for rows.Next() {
		r, err := scanPolicyPlan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, r.PolicyPlan)
	}
	return out, failure(rows.Err(), "plan")
}

// CreatePolicyPlan stores a new plan; CodeConflict when it is being applied while another one of the integration is.
func (s *Store) CreatePolicyPlan(ctx context.Context, r policy.Record) error {
	body, err := toJSON("plan", policyBody{r.PolicyPlan, r.Progress})
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		result, err := t.tx.ExecContext(ctx, "INSERT INTO policy_plans (id, integration_id, version, state, created_at, body) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
			string(r.ID), string(r.IntegrationID), r.Version, string(r.State), millis(r.CreatedAt), body)
		if err != nil {
			return failure(err, "plan")
		}
		n, err := result.RowsAffected()
		return inserted(n, err, "plan")
	})
}

// UpdatePolicyPlan stores r if r.Version is still the stored one, and increments it. CodeConflict when it is to be applied
// while another one is.
func (s *Store) UpdatePolicyPlan(ctx context.Context, r *policy.Record) error {
	body, err := toJSON("plan", policyBody{r.PolicyPlan, r.Progress})
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		if r.State == postern.PolicyApplying {
			switch other, err := s.ApplyingPolicyPlan(ctx, r.IntegrationID); {
			case err == nil && other.ID != r.ID:
				return conflict("plan")
			case err != nil && !postern.IsCode(err, postern.CodeNotFound):
				return err
			}
		}
		result, err := t.tx.ExecContext(ctx, "UPDATE policy_plans SET version = version + 1, state = $3, body = $4 WHERE id = $1 AND version = $2",
			string(r.ID), r.Version, string(r.State), body)
		if err != nil {
			return failure(err, "plan")
		}
		n, err := result.RowsAffected()
		if err != nil {
			return failure(err, "plan")
		}
		if n == 0 {
			if _, err := s.PolicyPlan(ctx, r.ID); err != nil {
				return err
			}
			return stale("plan")
		}
		t.bump(&r.Version)
		return nil
	})
}

// ForgetPolicyPlans removes the plans of an integration that were never applied, but for the newest of them.
func (s *Store) ForgetPolicyPlans(ctx context.Context, integration postern.IntegrationID, keep int) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		_, err := t.tx.ExecContext(ctx, `DELETE FROM policy_plans WHERE integration_id = $1 AND state IN ('planned', 'failed', 'outdated') AND id NOT IN (
			SELECT p.id FROM policy_plans p WHERE p.integration_id = $1 AND p.state IN ('planned', 'failed', 'outdated') ORDER BY p.created_at DESC, p.id DESC LIMIT $2)`,
			string(integration), keep)
		return failure(err, "plan")
	})
}

// impactChunk is how many rows one statement inserts: within SQLite's bound of 32,766 values.
const impactChunk = 500

// effectsMask has one bit for each effect, in the order of [postern.PolicyEffects].
func effectsMask(effects ...postern.PolicyEffect) int64 {
	var mask int64
	for n, e := range postern.PolicyEffects {
		if slices.Contains(effects, e) {
			mask |= 1 << n
		}
	}
	return mask
}

// SetPolicyImpact replaces the list of users whom a plan concerns.
func (s *Store) SetPolicyImpact(ctx context.Context, id postern.PolicyPlanID, users []postern.UserImpact) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		if _, err := t.tx.ExecContext(ctx, "DELETE FROM policy_impacts WHERE plan_id = $1", string(id)); err != nil {
			return failure(err, "impact")
		}
		place := 0
		for chunk := range slices.Chunk(users, impactChunk) {
			const columns = 6
			args := make([]any, 0, len(chunk)*columns)
			for _, u := range chunk {
				body, err := toJSON("impact", u)
				if err != nil {
					return err
				}
				args = append(args, string(id), place, effectsMask(u.Effects...), u.Privileged, u.OnlyMethod == postern.KnownYes, body)
				place++
			}
			if _, err := t.tx.ExecContext(ctx, "INSERT INTO policy_impacts (plan_id, place, effects, privileged, only_method, body) VALUES "+placeholders(len(chunk), columns), args...); err != nil {
				return failure(err, "impact")
			}
		}
		return nil
	})
}

// PolicyImpact returns a page of the users whom a plan concerns, and how many the query chooses.
func (s *Store) PolicyImpact(ctx context.Context, id postern.PolicyPlanID, q postern.ImpactQuery) ([]postern.UserImpact, int, error) {
	f := filter{}
	f.where("plan_id = " + f.bind(string(id)))
	if q.Effect != "" {
		f.where("(effects & " + f.bind(effectsMask(q.Effect)) + ") <> 0")
	}
	if q.Privileged {
		f.where("privileged = " + f.bind(true))
	}
	if q.OnlyMethod {
		f.where("only_method = " + f.bind(true))
	}
	total, err := s.countOf(ctx, " FROM policy_impacts", f)
	if err != nil {
		return nil, 0, err
	}
	f.page("place", q.Offset, q.Limit)
	rows, err := s.list(ctx, "SELECT body FROM policy_impacts", f)
	if err != nil {
		return nil, 0, failure(err, "impact")
	}
	users, err := scanImpacts(rows)
	return users, total, err
}

func scanImpacts(rows *sql.Rows) ([]postern.UserImpact, error) {
	defer rows.Close()
	out := []postern.UserImpact{}
	for rows.Next() {
		var body string
		if err := rows.Scan(&body); err != nil {
			return nil, failure(err, "impact")
		}
		var u postern.UserImpact
		if err := fromJSON("impact", body, &u); err != nil {
			return nil, err
		}
		out = append(out, u)
	}
	return out, failure(rows.Err(), "impact")
}

// EachPolicyImpact goes through all users whom a plan concerns, a page at a time, so that no reading of the database is
// open for as long as somebody takes to download them.
func (s *Store) EachPolicyImpact(ctx context.Context, id postern.PolicyPlanID) iter.Seq2[postern.UserImpact, error] {
	return func(yield func(postern.UserImpact, error) bool) {
		for after := -1; ; after += maxLimit {
			f := filter{}
			f.where("plan_id = " + f.bind(string(id)))
			f.where("place > " + f.bind(after))
			f.page("place", 0, maxLimit)
			rows, err := s.list(ctx, "SELECT body FROM policy_impacts", f)
			if err != nil {
				yield(postern.UserImpact{}, failure(err, "impact"))
				return
			}
			users, err := scanImpacts(rows)
			if err != nil {
				yield(postern.UserImpact{}, err)
				return
			}
			for _, u := range users {
				if !yield(u, nil) {
					return
				}
			}
			if len(users) < maxLimit {
				return
			}
		}
	}
}

// PolicyWatch returns how an integration is watched.
func (s *Store) PolicyWatch(ctx context.Context, integration postern.IntegrationID) (policy.Watch, error) {
	w := policy.Watch{IntegrationID: integration}
	var body string
	err := s.queryRow(ctx, "SELECT version, body FROM policy_watches WHERE integration_id = $1", string(integration)).Scan(&w.Version, &body)
	if errors.Is(err, sql.ErrNoRows) {
		return w, nil
	}
	if err != nil {
		return w, failure(err, "watch")
	}
	return w, fromJSON("watch", body, &w)
}

// SetPolicyWatch stores w if w.Version is still the stored one, and increments it.
func (s *Store) SetPolicyWatch(ctx context.Context, w *policy.Watch) error {
	body, err := toJSON("watch", w)
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		text := "UPDATE policy_watches SET version = version + 1, body = $3 WHERE integration_id = $1 AND version = $2"
		if w.Version == 0 {
			text = "INSERT INTO policy_watches (integration_id, version, body) VALUES ($1, $2 + 1, $3) ON CONFLICT DO NOTHING"
		}
		result, err := t.tx.ExecContext(ctx, text, string(w.IntegrationID), w.Version, body)
		if err != nil {
			return failure(err, "watch")
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(stale("watch"), err)
		}
		t.bump(&w.Version)
		return nil
	})
}
