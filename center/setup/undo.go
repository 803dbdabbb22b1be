package setup

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/setup/recipe"
)

// undo takes back, last first, what this set-up made or changed. It looks before each step, and after it until it shows.
func (w *working) undo(ctx context.Context) error {
	inUse, err := w.disconnect(ctx)
	if err != nil {
		return err
	}
	if !sentAny(*w.run) {
		return w.undone(ctx)
	}
	if inUse != "" {
		for _, key := range slices.Sorted(maps.Keys(w.run.Progress.Steps)) {
			if p := w.run.Progress.Steps[key]; p.Sent > 0 && p.State != postern.SetupStepUndone {
				w.keep(key, inUse)
			}
		}
		return w.undone(ctx)
	}
	if err := w.open(ctx, true); err != nil {
		return err
	}
	for {
		if _, err := w.read(ctx); err != nil {
			return err
		}
		steps := recipe.Undo(want(*w.run), w.was(), w.run.Progress.Seen)
		n := slices.IndexFunc(steps, func(step recipe.Step) bool { return settled(step) == "" })
		for _, step := range steps[:max(n, 0)] {
			w.taken(step)
		}
		if n < 0 {
			for _, step := range steps {
				w.taken(step)
			}
			return w.undone(ctx)
		}
		if err := w.takeBack(ctx, steps[n]); err != nil {
			return err
		}
	}
}

// was is what is to be taken back, by key: the steps for which something was sent, with what was there before.
func (w *working) was() map[string]json.RawMessage {
	out := make(map[string]json.RawMessage)
	for key, p := range w.run.Progress.Steps {
		if p.Sent > 0 && !own(key) {
			out[key] = p.Was
		}
	}
	return out
}

// settled says what became of a step on the way back; empty if there is still something to be sent for it.
func settled(step recipe.Step) postern.SetupStepState {
	switch {
	case step.Kept == "" && step.Done:
		return postern.SetupStepUndone
	case step.Kept != "", len(step.Requests) == 0:
		return postern.SetupStepKept
	}
	return ""
}

// taken keeps what became of a step on the way back. Of what was taken back nothing is left to take back.
func (w *working) taken(step recipe.Step) {
	p := w.progress(step.Key)
	if settled(step) == postern.SetupStepKept {
		w.keep(step.Key, cmp.Or(step.Kept, "It stays with what it belongs to."))
		return
	}
	*p = Step{State: postern.SetupStepUndone, Outcome: "Taken back.", At: w.Now().UTC()}
}

func (w *working) keep(key, why string) {
	p := w.progress(key)
	p.State, p.Outcome, p.Problem, p.At = postern.SetupStepKept, why, nil, w.Now().UTC()
}

// takeBack sends what takes a step back, unless it was sent and may still come to show.
func (w *working) takeBack(ctx context.Context, step recipe.Step) error {
	p := w.progress(step.Key)
	if p.TookAt.IsZero() {
		p.State, p.Problem, p.SentAt, p.Open = "", nil, w.Now().UTC(), true
		w.outline(w.run)
		if err := w.save(ctx, w.run); err != nil {
			return err
		}
		for _, q := range step.Requests {
			if err := w.send(ctx, step, q, p); err != nil {
				return err
			}
		}
		p.Open, p.TookAt, p.Since = false, w.Now().UTC(), time.Time{}
		return w.Store.Atomically(ctx, func(ctx context.Context) error {
			if err := w.save(ctx, w.run); err != nil {
				return err
			}
			return w.Audit.Record(ctx, event(audit.SetupStepUndone, *w.run, fmt.Sprintf("%s: taken back at Entra.", step.Title), map[string]string{"step": step.Key}))
		})
	}
	if w.Now().Sub(p.TookAt) < w.readBack() {
		return w.wait(ctx, p.TookAt, w.readBack())
	}
	return &stopped{postern.Errorf(postern.CodeSetupNotShown, "%s: Entra took it back, and still shows it.", step.Title), step.Key}
}

// disconnect removes the integration if this set-up added it and nobody uses it. It says why everything else has to stay
// where it does not.
func (w *working) disconnect(ctx context.Context) (inUse string, err error) {
	p := w.progress(recipe.StepIntegration)
	if w.run.IntegrationID == "" || p.State == postern.SetupStepUndone {
		return "", nil
	}
	i, err := w.Integrations.Get(ctx, w.run.IntegrationID)
	if gone(err) {
		*p = Step{State: postern.SetupStepUndone, Outcome: "The integration is gone.", At: w.Now().UTC()}
		w.run.IntegrationID = ""
		return "", nil
	}
	if err != nil {
		return "", err
	}
	users := 0
	counts, err := w.Users.Counts(ctx, i.ID)
	if err != nil {
		return "", err
	}
	for _, n := range counts {
		users += n
	}
	why := ""
	switch {
	case p.Sent == 0:
		why = fmt.Sprintf("The integration %s was there before the set-up.", i.ApplicationName)
	case i.State == postern.StateEnabled:
		why = fmt.Sprintf("The integration %s is ENABLED.", i.ApplicationName)
	case users > 0:
		why = fmt.Sprintf("The integration %s has users.", i.ApplicationName)
	}
	if why != "" {
		w.keep(recipe.StepIntegration, why)
		w.keep(recipe.StepGroups, why)
		return why, nil
	}
	if err := w.dropGroups(ctx, i); err != nil {
		return "", err
	}
	return "", w.Store.Atomically(ctx, func(ctx context.Context) error {
		if err := w.Integrations.Remove(ctx, i.ID, i.Version); err != nil {
			return err
		}
		*p = Step{State: postern.SetupStepUndone, Outcome: "The integration was removed.", At: w.Now().UTC()}
		w.run.IntegrationID = ""
		w.outline(w.run)
		if err := w.save(ctx, w.run); err != nil {
			return err
		}
		return w.Audit.Record(ctx, event(audit.SetupStepUndone, *w.run, "The integration of a set-up was removed.", map[string]string{"step": recipe.StepIntegration}))
	})
}

// dropGroups deletes the groups of an integration that nobody uses, as far as they are empty and the administrator may.
func (w *working) dropGroups(ctx context.Context, i postern.Integration) error {
	p := w.progress(recipe.StepGroups)
	if len(i.Groups) == 0 || p.State == postern.SetupStepUndone {
		return nil
	}
	if err := w.open(ctx, true); err != nil {
		return err
	}
	kept := ""
	for _, g := range i.Groups {
		if g.ID == "" {
			continue
		}
		path := "/groups/" + g.ID
		a, err := w.Ask(ctx, recipe.Request{Doing: "see whether the group is empty", Method: http.MethodGet, Version: "v1.0", Path: path + "/members?$select=id&$top=1"})
		var members struct {
			Value []json.RawMessage `json:"value"`
		}
		switch {
		case a.Status == http.StatusNotFound:
			continue
		case a.Status == 0:
			return err
		case a.Status/100 != 2 || json.Unmarshal(a.Body, &members) != nil:
			kept = "The administrator who signed in may not delete the groups."
			continue
		case len(members.Value) > 0:
			kept = fmt.Sprintf("The group %s has members.", g.Name)
			continue
		}
		a, err = w.Ask(ctx, recipe.Request{Doing: "delete the group", Method: http.MethodDelete, Version: "v1.0", Path: path})
		switch {
		case a.Status == 0:
			return err
		case a.Status/100 != 2 && a.Status != http.StatusNotFound:
			kept = "The administrator who signed in may not delete the groups."
		}
	}
	if kept != "" {
		w.keep(recipe.StepGroups, kept)
		return nil
	}
	*p = Step{State: postern.SetupStepUndone, Outcome: "The groups were deleted.", At: w.Now().UTC()}
	return nil
}

// undone ends the set-up: nothing that is secret is held any longer.
func (w *working) undone(ctx context.Context) error {
	return w.Store.Atomically(ctx, func(ctx context.Context) error {
		r := w.run
		r.State, r.Problem, r.Administrator, r.SignIn, r.Progress.Values = postern.SetupUndone, nil, nil, nil, nil
		w.outline(r)
		kept := []string{}
		for _, step := range r.Steps {
			if step.State == postern.SetupStepKept {
				kept = append(kept, step.Key)
			}
		}
		if err := w.save(ctx, r); err != nil {
			return err
		}
		if err := w.Store.SetSetupSignIn(ctx, r.ID, nil, time.Time{}); err != nil {
			return err
		}
		if err := w.Store.SetSetupSecrets(ctx, r.ID, nil); err != nil {
			return err
		}
		return w.Audit.Record(ctx, event(audit.SetupUndone, *r, "", map[string]string{"kept": fmt.Sprint(kept)}))
	})
}
