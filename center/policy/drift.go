package policy

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/job"
	"github.com/postern/postern/center/policy/plan"
)

const (
	// DefaultInterval is how often a tenant is compared with its baseline, unless an integration says otherwise.
	DefaultInterval = 15 * time.Minute
	minInterval     = time.Minute
	maxInterval     = 24 * time.Hour

	intervalSettings = "policy_drift"
)

// driftSettings is what is kept by [Store.SetDocument].
type driftSettings struct {
	Seconds int `json:"interval_seconds"`
}

// Drift says what was found at the last look.
func (s *Service) Drift(ctx context.Context, id postern.IntegrationID) (postern.PolicyDrift, error) {
	if _, err := s.Integrations.Get(ctx, id); err != nil {
		return postern.PolicyDrift{}, err
	}
	w, err := s.Store.PolicyWatch(ctx, id)
	if err != nil {
		return postern.PolicyDrift{}, err
	}
	return s.drift(ctx, w)
}

func (s *Service) drift(ctx context.Context, w Watch) (postern.PolicyDrift, error) {
	d := w.Drift
	d.IntegrationID, d.Watched = w.IntegrationID, !w.BaselineAt.IsZero()
	if d.Watched {
		d.BaselineAt = &w.BaselineAt
	}
	if d.Steps == nil {
		d.Steps = []postern.PolicyStep{}
	}
	every, version, err := s.interval(ctx, w.IntegrationID)
	d.IntervalS, d.Version = int(every/time.Second), version
	return d, err
}

func (s *Service) interval(ctx context.Context, id postern.IntegrationID) (time.Duration, int64, error) {
	version, body, err := s.Store.Document(ctx, id, intervalSettings)
	if err != nil || version == 0 {
		return DefaultInterval, version, err
	}
	var set driftSettings
	if err := json.Unmarshal(body, &set); err != nil {
		return 0, 0, fmt.Errorf("policy: how often to look: %w", err)
	}
	return min(max(time.Duration(set.Seconds)*time.Second, minInterval), maxInterval), version, nil
}

// SetDrift changes how often the tenant is looked at.
func (s *Service) SetDrift(ctx context.Context, id postern.IntegrationID, in postern.PolicyDriftInput) (postern.PolicyDrift, error) {
	every := time.Duration(in.IntervalS) * time.Second
	if every < minInterval || every > maxInterval {
		return postern.PolicyDrift{}, postern.FieldErrorf("interval_seconds", "A tenant can be looked at every minute at most, and once a day at least.")
	}
	err := s.Store.Atomically(ctx, func(ctx context.Context) error {
		i, err := s.Integrations.Get(ctx, id)
		if err != nil {
			return err
		}
		was, version, err := s.interval(ctx, id)
		if err != nil {
			return err
		}
		if version != in.Version {
			return postern.Errorf(postern.CodeStale, "")
		}
		body, err := json.Marshal(driftSettings{in.IntervalS})
		if err != nil {
			return err
		}
		if _, err := s.Store.SetDocument(ctx, id, intervalSettings, in.Version, body); err != nil {
			return err
		}
		s.tell(ctx, id)
		return s.Audit.Record(ctx, about(audit.PolicyWatchSet, i, "", audit.Changes(driftSettings{int(was / time.Second)}, driftSettings{in.IntervalS})))
	})
	if err != nil {
		return postern.PolicyDrift{}, err
	}
	return s.Drift(ctx, id)
}

// looks is how often one look begins anew because another look, or the judging of what it found, wrote first.
const looks = 4

// CheckDrift compares the tenant with the baseline now.
func (s *Service) CheckDrift(ctx context.Context, id postern.IntegrationID) (d postern.PolicyDrift, err error) {
	for range looks {
		if d, err = s.checkDrift(ctx, id); !postern.IsCode(err, postern.CodeStale) {
			break
		}
	}
	return d, err
}

func (s *Service) checkDrift(ctx context.Context, id postern.IntegrationID) (postern.PolicyDrift, error) {
	graph, i, err := s.Integrations.Graph(ctx, id)
	if err != nil {
		return postern.PolicyDrift{}, err
	}
	w, err := s.Store.PolicyWatch(ctx, id)
	if err != nil {
		return postern.PolicyDrift{}, err
	}
	// While a plan is being applied the tenant differs from the baseline by our own doing.
	if _, err := s.Store.ApplyingPolicyPlan(ctx, id); err == nil || w.BaselineAt.IsZero() {
		return s.drift(ctx, w)
	} else if !postern.IsCode(err, postern.CodeNotFound) {
		return postern.PolicyDrift{}, err
	}
	models, err := s.Lists.Models(ctx, id)
	if err != nil {
		return postern.PolicyDrift{}, err
	}
	now, err := graph.TenantPolicy(ctx)
	if err != nil {
		return postern.PolicyDrift{}, err
	}
	steps := differences(w, now, models)
	var editors []postern.PolicyEditor
	known := true
	if len(steps) > 0 {
		since := w.BaselineAt
		if w.AgreedAt.After(since) {
			since = w.AgreedAt
		}
		all, err := graph.PolicyEvents(ctx, since)
		if err != nil && !withheld(err) {
			return postern.PolicyDrift{}, err
		}
		editors, known = others(all, i), err == nil
	}
	err = s.Store.Atomically(ctx, func(ctx context.Context) error {
		if _, err := s.Store.ApplyingPolicyPlan(ctx, id); !postern.IsCode(err, postern.CodeNotFound) {
			return err // a plan began meanwhile, and its end looks for itself
		}
		return s.note(ctx, i, &w, now, steps, editors, known)
	})
	if err != nil {
		return postern.PolicyDrift{}, err
	}
	return s.drift(ctx, w)
}

// differences lists what was changed of what is managed.
func differences(w Watch, now postern.TenantPolicy, models Models) []postern.PolicyStep {
	if w.BaselineAt.IsZero() {
		return nil
	}
	return plan.Diff(w.Baseline, w.Scope.of(now, w.Baseline), models)
}

// note keeps what a look found, and tells of what is new in it.
func (s *Service) note(ctx context.Context, i postern.Integration, w *Watch, now postern.TenantPolicy, steps []postern.PolicyStep, editors []postern.PolicyEditor, known bool) error {
	at := s.Now().UTC()
	before := w.Drift
	w.Drift.CheckedAt, w.Drift.Code, w.Drift.Message, w.Drift.Next = &at, "", "", ""
	if len(steps) == 0 {
		w.AgreedAt, w.Found = now.ReadAt, nil
		w.Drift = postern.PolicyDrift{CheckedAt: &at, WhoKnown: before.WhoKnown}
		if err := s.Store.SetPolicyWatch(ctx, w); err != nil || len(before.Steps) == 0 {
			return err
		}
		s.tell(ctx, i.ID)
		return s.Audit.Record(ctx, about(audit.PolicyDriftOver, i, "", nil))
	}
	fresh := !sameValue(before.Steps, steps)
	told := !fresh && len(before.Who) == 0 && len(editors) > 0
	w.Drift.Steps, w.Drift.Who, w.Drift.WhoKnown, w.Found = steps, editors, known, &now
	if fresh {
		w.Drift.FoundAt, w.Drift.Impact = &at, nil
	}
	if err := s.Store.SetPolicyWatch(ctx, w); err != nil {
		return err
	}
	if !fresh && !told {
		return nil
	}
	s.tell(ctx, i.ID)
	fields := map[string]string{"steps": strconv.Itoa(len(steps))}
	if len(editors) > 0 {
		fields["who"], fields["who_at"], fields["activity"] = editors[0].Name, editors[0].At.UTC().Format(time.RFC3339), editors[0].Activity
		fields["address"] = editors[0].Address
	}
	if told {
		return s.Audit.Record(ctx, about(audit.PolicyDriftWho, i, fmt.Sprintf("It was %s.", editors[0].Name), fields))
	}
	if err := s.Queue.Enqueue(ctx, DriftJob{i.ID}, job.Bulk()); err != nil {
		return err
	}
	sentences := make([]string, len(steps))
	for n, step := range steps {
		sentences[n] = step.Sentence
	}
	if s.Tell != nil {
		alarm := postern.Alarm{Kind: postern.AlarmDrift, IntegrationID: i.ID, Changes: sentences, Who: fields["who"]}
		if err := s.Tell(ctx, alarm); err != nil {
			return err
		}
	}
	fields = audit.With(audit.Changes(w.Baseline.Passkeys, w.Scope.of(now, w.Baseline).Passkeys), fields)
	return s.Audit.Record(ctx, about(audit.PolicyDrifted, i, first(sentences), fields))
}

// Accept takes the tenant's policy as it is for what it should be.
func (s *Service) Accept(ctx context.Context, id postern.IntegrationID, note string) (postern.PolicyDrift, error) {
	graph, i, err := s.Integrations.Graph(ctx, id)
	if err != nil {
		return postern.PolicyDrift{}, err
	}
	now, err := graph.TenantPolicy(ctx)
	if err != nil {
		return postern.PolicyDrift{}, err
	}
	models, err := s.Lists.Models(ctx, id)
	if err != nil {
		return postern.PolicyDrift{}, err
	}
	var w Watch
	err = s.Store.Atomically(ctx, func(ctx context.Context) error {
		if _, err := s.Store.ApplyingPolicyPlan(ctx, id); err == nil {
			return postern.Errorf(postern.CodePolicyBusy, "")
		} else if !postern.IsCode(err, postern.CodeNotFound) {
			return err
		}
		if w, err = s.Store.PolicyWatch(ctx, id); err != nil {
			return err
		}
		steps := differences(w, now, models)
		if w.BaselineAt.IsZero() {
			w.Scope = Scope{Everything: true}
		}
		at := s.Now().UTC()
		w.Baseline, w.BaselineAt, w.AgreedAt, w.Found = now, at, now.ReadAt, nil
		w.Drift = postern.PolicyDrift{CheckedAt: &at, WhoKnown: w.Drift.WhoKnown}
		if err := s.Store.SetPolicyWatch(ctx, &w); err != nil {
			return err
		}
		s.tell(ctx, id)
		return s.Audit.Record(ctx, about(audit.PolicyAccepted, i, note, map[string]string{"steps": strconv.Itoa(len(steps))}))
	})
	if err != nil {
		return postern.PolicyDrift{}, err
	}
	return s.drift(ctx, w)
}

// rebase makes what was read back after a plan the baseline of what the plan manages; of the rest it stays.
func (c *carrying) rebase(ctx context.Context, now postern.TenantPolicy) error {
	w, err := c.Store.PolicyWatch(ctx, c.run.IntegrationID)
	if err != nil {
		return err
	}
	scope := c.run.Progress.Scope.with(c.scope())
	if w.BaselineAt.IsZero() {
		w.Baseline = now
	}
	w.Baseline = scope.of(now, w.Baseline)
	w.Baseline.ReadAt, w.Scope, w.BaselineAt, w.AgreedAt = now.ReadAt, w.Scope.with(scope).watched(), c.Now().UTC(), now.ReadAt
	steps := differences(w, now, c.models)
	// What somebody else changed beside it is still there, and keeps its author.
	return c.note(ctx, c.integration, &w, now, steps, slices.Clone(w.Drift.Who), w.Drift.WhoKnown)
}

// about is an entry about the policy of an integration.
func about(code audit.Code, i postern.Integration, more string, fields map[string]string) postern.AuditEvent {
	message := code.Text
	if more != "" {
		message += " " + more
	}
	return postern.AuditEvent{
		Code: code.Code, Name: code.Name, IntegrationID: i.ID, Target: string(i.ID), TargetName: i.ApplicationName, Success: true,
		Message: message, Fields: fields,
	}
}
