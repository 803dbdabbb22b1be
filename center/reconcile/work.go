package reconcile

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/integration"
)

// work is one attempt at a run.
type work struct {
	*Service
	graph       Graph
	integration postern.Integration
	run         *Record
	until       time.Time
}

// keepsGroups reports whether the integration may read the directory and has groups.
func (w *work) keepsGroups() bool { return w.integration.PermissionSet != postern.PermissionsPasskeys }

// do takes the steps from where the run stands.
func (w *work) do(ctx context.Context) error {
	if w.run.Progress.Began.IsZero() {
		w.run.Progress.Began = w.Now().UTC()
	}
	steps := []struct {
		name postern.ReconcileStep
		take func(ctx context.Context) error
	}{
		{postern.ReconcileDirectory, w.directory},
		{postern.ReconcileGroups, w.groups},
		{postern.ReconcileMembers, w.members},
		{postern.ReconcilePasskeys, w.passkeys},
		{postern.ReconcileConfirm, w.confirm},
	}
	at := 0
	for at < len(steps) && steps[at].name != w.run.Step {
		at++
	}
	for ; at < len(steps); at++ {
		if w.run.Step != steps[at].name {
			w.run.Step = steps[at].name
			if err := w.save(ctx); err != nil {
				return err
			}
		}
		if err := steps[at].take(ctx); err != nil {
			return err
		}
		if w.run.State != postern.ReconcileRunning {
			return nil
		}
	}
	return w.finish(ctx)
}

// save keeps how far the run came, alone or in the transaction of ctx.
func (w *work) save(ctx context.Context) error {
	w.run.UpdatedAt = w.Now().UTC()
	return w.Store.UpdateReconcileRun(ctx, w.run)
}

// directory has the books follow the tenant's users.
func (w *work) directory(ctx context.Context) error {
	if w.Directory == nil || !w.keepsGroups() {
		return nil
	}
	err := w.Directory.Refresh(ctx, w.integration.ID)
	if postern.IsCode(err, postern.CodeEntraDirectoryClosed) || postern.IsCode(err, postern.CodeEntraPermission) {
		return nil // what may not be read is not compared; the test of the connection says so
	}
	return err
}

// groups looks at the three groups themselves.
func (w *work) groups(ctx context.Context) error {
	if w.Groups == nil || !w.keepsGroups() {
		return nil
	}
	findings, err := w.Groups.MendGroups(ctx, w.integration.ID)
	if err != nil {
		return err
	}
	found := make([]postern.Difference, len(findings))
	for n, f := range findings {
		d := postern.Difference{
			Kind: postern.DifferenceGroup, Object: string(f.Phase), ObjectName: f.Name, Outcome: postern.OutcomeReported,
			Entra: groupText[f.Kind], Postern: "It is the group of the phase " + string(f.Phase) + ".", Why: f.Message,
			Done: "It was left as it is, because only a person can change that.", Next: f.Next,
		}
		if f.Mended {
			d.Outcome, d.Done = postern.OutcomeMended, "Postern set it right."
		}
		found[n] = d
	}
	open, err := w.Store.OpenDifferencesOfKind(ctx, w.integration.ID, postern.DifferenceGroup)
	if err != nil {
		return err
	}
	if len(found) > 0 || len(open) > 0 {
		if err := w.Store.Atomically(ctx, func(ctx context.Context) error { return w.settle(ctx, found, open) }); err != nil {
			return err
		}
	}
	// Groups may have been made anew.
	w.integration, err = w.Integrations.Get(ctx, w.integration.ID)
	return err
}

var groupText = map[postern.GroupFindingKind]string{
	postern.GroupRenamed:  "The group has another name.",
	postern.GroupDeleted:  "The group is gone.",
	postern.GroupDynamic:  "The group's members follow a rule.",
	postern.GroupSynced:   "The group is mastered on premises.",
	postern.GroupRestored: "The group is as it should be again.",
	postern.GroupMissing:  "There is no such group yet.",
}

// settle records what was found, and closes what was open and was not found again, in the transaction of ctx.
func (w *work) settle(ctx context.Context, found, open []postern.Difference) error {
	still := make(map[[2]string]bool, len(found))
	for _, d := range found {
		still[[2]string{string(d.Kind), d.Object}] = true
		if err := w.note(ctx, d); err != nil {
			return err
		}
	}
	now := w.Now().UTC()
	for _, d := range open {
		if still[[2]string{string(d.Kind), d.Object}] {
			continue
		}
		d.ClosedAt = &now
		if err := w.Store.UpdateDifference(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

// note records one difference: a new one, or what became of one that was open.
func (w *work) note(ctx context.Context, d postern.Difference) error {
	now := w.Now().UTC()
	d.IntegrationID, d.RunID, d.SeenAt, d.FoundAt = w.integration.ID, w.run.ID, now, now
	if d.Outcome == postern.OutcomeMended {
		d.ClosedAt = &now
	}
	known, err := w.Store.OpenDifference(ctx, w.integration.ID, d.Kind, d.Object)
	switch {
	case err == nil:
		d.ID, d.FoundAt = known.ID, known.FoundAt
		return w.Store.UpdateDifference(ctx, d)
	case !postern.IsCode(err, postern.CodeNotFound):
		return err
	}
	d.ID = postern.NewID[postern.DifferenceID](postern.PrefixDifference)
	w.run.Progress.New++
	if err := w.Store.CreateDifference(ctx, d); err != nil || d.Outcome != postern.OutcomeReported {
		return err
	}
	fields := map[string]string{"kind": string(d.Kind), "object": d.Object}
	if d.UserID != "" {
		fields["user"] = string(d.UserID)
	}
	reported := event(audit.DifferenceReported, w.run.ReconcileRun, d.ObjectName, d.Entra+" "+d.Postern+" "+d.Why, fields)
	reported.Target = string(d.ID)
	return w.Audit.Record(ctx, reported)
}

// finish ends the run and keeps what the next one begins from.
func (w *work) finish(ctx context.Context) error {
	return w.Store.Atomically(ctx, func(ctx context.Context) error {
		state, err := w.Store.ReconcileState(ctx, w.integration.ID)
		if err != nil {
			return err
		}
		if err := w.count(ctx); err != nil {
			return err
		}
		now := w.Now().UTC()
		r := w.run
		r.State, r.FinishedAt = postern.ReconcileDone, &now
		state.EventsAt = r.Progress.Began
		if r.Mode == postern.ReconcileFull {
			state.FullAt = r.Progress.Began
		}
		if r.Open == 0 {
			state.AgreedAt = now
		}
		if err := w.Store.SetReconcileState(ctx, w.integration.ID, state); err != nil {
			return err
		}
		if err := w.Store.ForgetReconcile(ctx, w.integration.ID, runsKept, now.Add(-closedKept)); err != nil {
			return err
		}
		if err := w.save(ctx); err != nil {
			return err
		}
		w.tellAfter(ctx)
		if r.Progress.New == 0 {
			return nil
		}
		return w.Audit.Record(ctx, event(audit.ReconcileFound, r.ReconcileRun, w.integration.ApplicationName,
			fmt.Sprintf("Entra and Postern did not agree: %d mended, %d reported, %d waiting.", r.Mended, r.Reported, r.Waiting),
			map[string]string{
				"mode": string(r.Mode), "mended": number(r.Mended), "reported": number(r.Reported), "waiting": number(r.Waiting),
			}))
	})
}

// stop ends the run before it takes away more than can be right.
func (w *work) stop(ctx context.Context, missing, of int) error {
	return w.Store.Atomically(ctx, func(ctx context.Context) error {
		if err := w.count(ctx); err != nil {
			return err
		}
		now := w.Now().UTC()
		r := w.run
		r.State, r.FinishedAt, r.Missing = postern.ReconcileStopped, &now, missing
		r.Message = fmt.Sprintf("Entra does not list %d of %d managed passkeys. That is more than one comparison takes away by itself.", missing, of)
		r.Next = "Look at one or two of the users at Entra. If their passkeys are really gone, choose Go on; if not, do nothing: the next comparison looks again."
		if err := w.save(ctx); err != nil {
			return err
		}
		w.tellAfter(ctx)
		if before, err := w.Store.ReconcileRuns(ctx, w.integration.ID, 2); err != nil || len(before) == 2 && before[1].State == postern.ReconcileStopped {
			return err // it was told
		}
		stopped := event(audit.ReconcileStopped, r.ReconcileRun, w.integration.ApplicationName, r.Message, map[string]string{"missing": number(missing), "of": number(of)})
		stopped.Success = false
		return w.Audit.Record(ctx, stopped)
	})
}

// count brings the numbers of the run up to date.
func (w *work) count(ctx context.Context) error {
	counts, err := w.Store.CountDifferencesOfRun(ctx, w.integration.ID, w.run.ID)
	if err != nil {
		return err
	}
	r := w.run
	r.Mended, r.Reported, r.Waiting = counts[postern.OutcomeMended], counts[postern.OutcomeReported], counts[postern.OutcomeWaiting]
	r.Reported += r.Progress.Untold
	r.Open, err = w.Store.CountOpenDifferences(ctx, w.integration.ID)
	r.Open += r.Progress.Untold
	return err
}

func (w *work) tellAfter(ctx context.Context) {
	w.Store.AfterCommit(ctx, func() { w.Notices.Publish(integration.Topic(w.integration.ID)) })
}

func number(n int) string { return strconv.Itoa(n) }
