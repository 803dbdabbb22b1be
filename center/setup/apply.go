package setup

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/job"
	"github.com/postern/postern/center/setup/recipe"
)

// apply looks, has the first step done that is not, and looks until it shows; then the next. What is Postern's own comes
// last.
func (w *working) apply(ctx context.Context) error {
	if err := w.open(ctx, true); err != nil {
		return err
	}
	for {
		steps, err := w.read(ctx)
		if err != nil {
			return err
		}
		if err := w.noteShown(ctx, steps); err != nil {
			return err
		}
		n := slices.IndexFunc(steps, func(step recipe.Step) bool { return !step.Done && !own(step.Key) })
		if n < 0 {
			return w.connect(ctx)
		}
		if err := w.step(ctx, steps[n]); err != nil {
			return err
		}
	}
}

// own reports whether a step is Postern's, with nothing to be sent for it here.
func own(key string) bool { return key == recipe.StepIntegration || key == recipe.StepGroups }

// noteShown keeps of steps that were sent that they show now.
func (w *working) noteShown(ctx context.Context, steps []recipe.Step) error {
	var done []recipe.Step
	for _, step := range steps {
		p := w.run.Progress.Steps[step.Key]
		if p == nil || !step.Done || p.Sent == 0 || p.State == postern.SetupStepDone {
			continue
		}
		p.State, p.Problem, p.At, p.Open, p.TookAt, p.Since = postern.SetupStepDone, nil, w.Now().UTC(), false, time.Time{}, time.Time{}
		p.Outcome = "Written, and read back."
		done = append(done, step)
	}
	if len(done) == 0 {
		return nil
	}
	w.outline(w.run)
	return w.Store.Atomically(ctx, func(ctx context.Context) error {
		if err := w.save(ctx, w.run); err != nil {
			return err
		}
		for _, step := range done {
			if err := w.Audit.Record(ctx, event(audit.SetupStepDone, *w.run, fmt.Sprintf("%s: written at Entra, and read back.", step.Title), map[string]string{"step": step.Key, "found_before": step.Found})); err != nil {
				return err
			}
		}
		return nil
	})
}

// step sends what a step needs, unless it was sent and may still come to show.
func (w *working) step(ctx context.Context, step recipe.Step) error {
	if step.Problem != nil {
		e := postern.Errorf(step.Problem.Code, "%s", step.Problem.Message)
		e.Next = step.Problem.Next
		return &stopped{e, step.Key}
	}
	p := w.progress(step.Key)
	switch {
	case !p.TookAt.IsZero():
		if w.Now().Sub(p.TookAt) < w.readBack() {
			return w.wait(ctx, p.TookAt, w.readBack())
		}
		return &stopped{postern.Errorf(postern.CodeSetupNotShown, "%s: Entra took it, and does not show it.", step.Title), step.Key}
	case p.Open && makes(step) && w.Now().Sub(p.SentAt) < w.readBack():
		return w.wait(ctx, p.SentAt, w.readBack()) // Entra may have it, and not show it yet
	}
	p.Sent++
	p.SentAt, p.Open, p.State, p.Problem = w.Now().UTC(), true, "", nil
	if p.Sent == 1 {
		p.Was = step.Was
	}
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
	w.outline(w.run)
	return w.save(ctx, w.run)
}

// makes reports whether sending a step twice could make something twice.
func makes(step recipe.Step) bool {
	return slices.ContainsFunc(step.Requests, func(q recipe.Request) bool { return q.Method == http.MethodPost && q.There == "" })
}

// send makes one request, and keeps at once what its answer gives.
func (w *working) send(ctx context.Context, step recipe.Step, q recipe.Request, p *Step) error {
	filled, err := q.With(w.values())
	if err != nil {
		return err
	}
	a, refusal := w.Ask(ctx, filled)
	if a.Status == 0 {
		if errors.Is(refusal, entra.ErrOutcomeUnknown) {
			return refusal // p.Open says so
		}
		p.Open = false
		return errors.Join(refusal, w.save(context.WithoutCancel(ctx), w.run))
	}
	switch filled.Outcome(a, refusal) {
	case recipe.Accepted:
	case recipe.Later:
		if p.Since.IsZero() {
			p.Since = w.Now().UTC()
		}
		if w.Now().Sub(p.Since) < w.readBack() {
			p.Open = false
			return w.wait(ctx, p.Since, w.readBack())
		}
		return w.refused(step, a, refusal)
	default:
		p.Open = false
		return w.refused(step, a, refusal)
	}
	captured, err := filled.Captured(a)
	if err != nil {
		return err
	}
	return w.capture(ctx, captured, q.Secret)
}

// refused says of a refusal what a person can do.
func (w *working) refused(step recipe.Step, a recipe.Answer, refusal error) error {
	e := postern.AsError(refusal)
	if a.Status == http.StatusForbidden {
		return &stopped{postern.Errorf(postern.CodeSetupRole, "%s: %s does not have the role that this needs. %s", step.Title, w.signIn.UPN, roleFor(step.Key)).Because(refusal), step.Key}
	}
	said := postern.Errorf(e.Code, "%s: %s", step.Title, e.Message).Because(refusal)
	said.Next = e.Next
	return &stopped{said, step.Key}
}

// roleFor names the least role that a step needs (Microsoft Entra built-in roles).
func roleFor(key string) string {
	switch key {
	case recipe.StepApplication, recipe.StepServicePrincipal, recipe.StepPermissions, recipe.StepCertificate, recipe.StepClientSecret:
		return "Application Administrator or Cloud Application Administrator has it."
	case recipe.StepConsent:
		return "Privileged Role Administrator or Global Administrator has it."
	case recipe.StepPolicy:
		return "Authentication Policy Administrator has it."
	case recipe.StepWindows, recipe.StepWindowsAssignment:
		return "Intune Administrator has it."
	case recipe.StepServiceAccount:
		return "User Administrator together with Privileged Role Administrator has it."
	}
	return "Global Administrator has it."
}

// capture keeps what an answer gave: secrets sealed, everything else where it is seen.
func (w *working) capture(ctx context.Context, captured map[string]string, secret []string) error {
	if len(captured) == 0 {
		return nil
	}
	plain := maps.Clone(captured)
	sealed := false
	for _, name := range secret {
		if v, ok := plain[name]; ok && name == recipe.ValueSecret {
			w.held.ClientSecret, sealed = v, true
		}
		delete(plain, name)
	}
	maps.Copy(w.run.Progress.Values, plain)
	w.run.ClientID = w.run.Progress.Values[recipe.ValueClientID]
	return w.Store.Atomically(ctx, func(ctx context.Context) error {
		if sealed {
			if err := w.keepSecrets(ctx, w.run.ID, w.held); err != nil {
				return err
			}
		}
		return w.save(ctx, w.run)
	})
}

// values are those for requests: with the secrets that are held.
func (w *working) values() map[string]string {
	all := maps.Clone(w.run.Progress.Values)
	if w.held.Password != "" {
		all[recipe.ValueAccountPassword] = w.held.Password
	}
	return all
}

// wait keeps what is known, and has the job look again in a while.
func (w *working) wait(ctx context.Context, since time.Time, most time.Duration) error {
	if err := w.save(ctx, w.run); err != nil {
		return err
	}
	waited := w.Now().Sub(since)
	return job.Snooze(min(max(firstLook, waited/4), lastLook, max(most-waited, firstLook)))
}
