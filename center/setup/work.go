package setup

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/job"
	"github.com/postern/postern/center/setup/recipe"
)

const (
	workTimeout  = 10 * time.Minute
	workAttempts = 25
	// The pauses between two looks at what was written grow from the first to the second.
	firstLook, lastLook = time.Second, 15 * time.Second
)

// WorkJob looks, applies or undoes, as the set-up's state says. There is one at a time of a set-up.
type WorkJob struct {
	Setup postern.SetupID `json:"setup"`
}

// Kind implements [job.Args].
func (WorkJob) Kind() string { return "setup.work" }

// Handle registers the handlers of this package's jobs.
func (s *Service) Handle(r *job.Registry) {
	job.Handle(r, job.Rules{First: true}, s.PollSignIn, s.SignInGivenUp)
	job.Handle(r, job.Rules{MaxAttempts: workAttempts, Timeout: workTimeout}, s.Work, s.WorkGivenUp)
	job.Handle(r, job.Rules{}, s.ForgetSignIns, nil)
	job.Every(r, ForgetJob{}, signInFor/4)
}

// Work handles [WorkJob].
func (s *Service) Work(ctx context.Context, args WorkJob) error {
	r, err := s.Store.Setup(ctx, args.Setup)
	if gone(err) || err == nil && !busy(r.State) {
		return nil
	}
	if err != nil {
		return err
	}
	ctx = entra.WithPriority(ctx, entra.Interactive)
	w := &working{Service: s, run: &r}
	if w.held, err = s.secrets(ctx, r.ID); err != nil {
		return err
	}
	err = w.do(ctx)
	var stop *stopped
	switch {
	case errors.As(err, &stop):
		return w.stop(ctx, stop)
	case postern.IsCode(err, postern.CodeStale):
		return job.Snooze(firstLook) // a person was quicker; what they want is read anew
	}
	return later(err)
}

// working is one attempt at a set-up.
type working struct {
	*Service
	run    *Record
	held   secrets
	tenant *entra.Tenant
	signIn signIn
}

// stopped says why a person is needed, and at which step.
type stopped struct {
	why  *postern.Error
	step string
}

func (s *stopped) Error() string { return s.why.Error() }
func (s *stopped) Unwrap() error { return s.why }

func (w *working) do(ctx context.Context) error {
	switch {
	case w.run.State == postern.SetupLooking:
		return w.look(ctx)
	case w.run.State == postern.SetupUndoing:
		return w.undo(ctx)
	case w.run.Progress.ByHand != nil:
		return w.connect(ctx)
	default:
		return w.apply(ctx)
	}
}

// look reads the tenant, and says what would be written.
func (w *working) look(ctx context.Context) error {
	if err := w.open(ctx, false); err != nil {
		return err
	}
	if _, err := w.read(ctx); err != nil {
		return err
	}
	return w.Store.Atomically(ctx, func(ctx context.Context) error {
		r := w.run
		r.State, r.Problem = r.Progress.Back, nil
		if r.State != postern.SetupReady {
			r.State = postern.SetupPlanned
		}
		if err := w.save(ctx, r); err != nil {
			return err
		}
		return w.Audit.Record(ctx, event(audit.SetupLooked, *r, "", map[string]string{"tenant": r.TenantID, "steps": fmt.Sprint(len(todo(*r)))}))
	})
}

// read looks at the tenant and tells what the steps are now.
func (w *working) read(ctx context.Context) ([]recipe.Step, error) {
	seen, err := recipe.Look(ctx, w, want(*w.run))
	if err != nil {
		return nil, unlessPasses(err)
	}
	r := w.run
	if r.TenantID != "" && seen.TenantID != "" && seen.TenantID != r.TenantID {
		return nil, &stopped{why: postern.Errorf(postern.CodeSetupTenant, "")}
	}
	r.Progress.Seen = seen
	if seen.TenantName != "" {
		r.TenantName = seen.TenantName
	}
	if r.Progress.Values == nil {
		r.Progress.Values = make(map[string]string)
	}
	maps.Copy(r.Progress.Values, recipe.Values(want(*r), seen))
	r.ClientID = r.Progress.Values[recipe.ValueClientID]
	steps := w.outline(r)
	return steps, nil
}

// open makes the connector of the administrator who signed in.
func (w *working) open(ctx context.Context, write bool) error {
	if err := w.administered(*w.run, write); err != nil {
		return &stopped{why: postern.AsError(err)}
	}
	a, ok, err := w.signedIn(ctx, w.run.ID)
	if err != nil {
		return err
	}
	if !ok || a.AccessToken == "" {
		return &stopped{why: postern.Errorf(postern.CodeSetupSignIn, "The sign-in of %s has ended.", w.run.Administrator.UPN).WithNext(signInAgain)}
	}
	w.signIn = a
	if !w.Now().Before(a.ExpiresAt) {
		return w.refresh(ctx)
	}
	return w.connector()
}

const signInAgain = "Sign in again; the set-up goes on where it was."

func (w *working) connector() error {
	opts := w.Entra
	opts.Logger = w.Logger.With("setup", w.run.ID)
	tenant, err := entra.OpenDelegated(opts, w.signIn.delegated())
	w.tenant = tenant
	return err
}

// refresh trades the refresh token in, and stops where that does not help.
func (w *working) refresh(ctx context.Context) error {
	ended := &stopped{why: postern.Errorf(postern.CodeSetupSignIn, "The sign-in of %s has ended.", w.run.Administrator.UPN).WithNext(signInAgain)}
	if w.signIn.RefreshToken == "" {
		return ended
	}
	door, err := w.door(*w.run, scopes(*w.run, w.run.Administrator.Write))
	if err != nil {
		return err
	}
	d, err := door.Refresh(ctx, w.signIn.RefreshToken)
	switch {
	case passes(err):
		return err
	case err != nil:
		ended.why = ended.why.Because(err)
		return ended
	}
	w.signIn.take(d)
	w.signIn.TenantID = w.run.TenantID
	if err := w.keepSignIn(ctx, w.run.ID, w.signIn); err != nil {
		return err
	}
	return w.connector()
}

// Ask implements [recipe.Asker]. A token that Entra takes no more is traded in once.
func (w *working) Ask(ctx context.Context, q recipe.Request) (recipe.Answer, error) {
	ask := func() (entra.Reply, error) {
		return w.tenant.Ask(ctx, entra.Question{Method: q.Method, Path: "/" + q.Version + q.Path, Body: q.Body, Doing: q.Doing})
	}
	a, err := ask()
	if tokenEnded(err) {
		if err := w.refresh(ctx); err != nil {
			return recipe.Answer{}, err
		}
		if a, err = ask(); tokenEnded(err) {
			return recipe.Answer{}, &stopped{why: postern.Errorf(postern.CodeSetupSignIn, "Entra does not accept the sign-in of %s any more.", w.signIn.UPN).WithNext(signInAgain)}
		}
	}
	if passes(err) || a.Status == http.StatusUnauthorized {
		return recipe.Answer{}, err
	}
	return recipe.Answer{Status: a.Status, Body: a.Body}, err
}

func tokenEnded(err error) bool {
	return postern.IsCode(err, postern.CodeEntraTokenRefused) || postern.IsCode(err, postern.CodeSetupSignIn)
}

// stop ends an attempt that needs a person.
func (w *working) stop(ctx context.Context, why *stopped) error {
	return w.Store.Atomically(ctx, func(ctx context.Context) error {
		r := w.run
		if why.step != "" {
			p := w.progress(why.step)
			p.State, p.Problem, p.At = postern.SetupStepFailed, problem(why.why), w.Now().UTC()
			if why.why.Code == postern.CodeSetupNotShown || why.why.Code == postern.CodeSetupSignIn {
				p.State = "" // nobody refused it
			}
		}
		wasReady := r.State == postern.SetupLooking && r.Progress.Back == postern.SetupReady
		r.State, r.Problem = postern.SetupStopped, problem(why.why)
		if wasReady {
			r.State = postern.SetupReady
		}
		w.outline(r)
		if why.why.Code == postern.CodeSetupSignIn {
			r.Administrator = nil
			if err := w.Store.SetSetupSignIn(ctx, r.ID, nil, time.Time{}); err != nil {
				return err
			}
		}
		if err := w.save(ctx, r); err != nil {
			return err
		}
		said := event(audit.SetupStopped, *r, why.why.Message, map[string]string{"step": why.step})
		said.Success, said.ErrorCode = false, why.why.Code
		return w.Audit.Record(ctx, said)
	})
}

// WorkGivenUp is called when no attempt is left: Entra could not be reached for hours.
func (s *Service) WorkGivenUp(ctx context.Context, args WorkJob, cause error) error {
	r, err := s.Store.Setup(ctx, args.Setup)
	if gone(err) || err == nil && !busy(r.State) {
		return nil
	}
	if err != nil {
		return err
	}
	w := &working{Service: s, run: &r}
	return w.stop(ctx, &stopped{why: postern.AsError(cause)})
}

// progress is what is kept of a step.
func (w *working) progress(key string) *Step {
	p := &w.run.Progress
	if p.Steps == nil {
		p.Steps = make(map[string]*Step)
	}
	if p.Steps[key] == nil {
		p.Steps[key] = &Step{}
	}
	return p.Steps[key]
}

// save stores a set-up and has whoever looks at it look again.
func (s *Service) save(ctx context.Context, r *Record) error {
	r.UpdatedAt = s.Now().UTC()
	return s.Store.Atomically(ctx, func(ctx context.Context) error {
		if err := s.Store.UpdateSetup(ctx, r); err != nil {
			return err
		}
		s.tell(ctx, r.ID)
		return nil
	})
}

// want is what the recipe is asked for.
func want(r Record) recipe.Want {
	return recipe.Want{
		Setup: r.ID, Input: r.Input, Certificate: der(r.Progress.Certificate), Now: r.CreatedAt,
		ApplicationID: r.Progress.Values[recipe.ValueApplicationID], SecretID: r.Progress.Values[recipe.ValueSecretID],
	}
}

// outline makes the steps that people see out of what the recipe says and what was done, and the notes.
func (s *Service) outline(r *Record) []recipe.Step {
	w := want(*r)
	steps := recipe.Steps(w, r.Progress.Seen)
	r.Steps, r.Notes = make([]postern.SetupStep, 0, len(steps)), recipe.Notes(w, r.Progress.Seen)
	for _, step := range steps {
		out := postern.SetupStep{Key: step.Key, Title: step.Title, Why: step.Why, State: postern.SetupStepTodo, Found: step.Found, Requests: []postern.SetupRequest{}}
		for _, q := range step.Requests {
			out.Requests = append(out.Requests, q.Shown())
		}
		p := r.Progress.Steps[step.Key]
		if p == nil {
			p = &Step{}
		}
		switch {
		case p.State != "":
			out.State = p.State
		case step.Done && p.Sent == 0:
			out.State = postern.SetupStepThere
		case step.Done:
			out.State = postern.SetupStepDone
		case !p.TookAt.IsZero():
			out.State = postern.SetupStepReading
		case p.Open:
			out.State = postern.SetupStepWriting
		case step.Problem != nil && r.State == postern.SetupStopped:
			out.State = postern.SetupStepFailed
		}
		out.Outcome, out.Problem = p.Outcome, p.Problem
		if step.Problem != nil {
			out.Problem = step.Problem
		}
		if !p.At.IsZero() {
			out.At = &p.At
		}
		r.Steps = append(r.Steps, out)
	}
	return steps
}

// passes reports whether an error may be gone by itself after a while: nobody answered, or asked to wait.
func passes(err error) bool {
	for _, code := range []postern.Code{postern.CodeEntraThrottled, postern.CodeEntraUnavailable, postern.CodeEntraUnreachable} {
		if postern.IsCode(err, code) {
			return true
		}
	}
	return false
}

// unlessPasses has a person asked about an error that is in our words and does not go away by itself.
func unlessPasses(err error) error {
	var ours *postern.Error
	var stop *stopped
	if passes(err) || errors.As(err, &stop) || !errors.As(err, &ours) || ours.Code == postern.CodeInternal {
		return err
	}
	if ours.Code == postern.CodeSetupRole {
		ours.Next = "Sign in again with an account that may look at all of it, such as one with the role Global Reader, and with the roles for what is to be written."
	}
	return &stopped{why: ours}
}

// later turns a wish of Entra's to wait into one of the job's.
func later(err error) error {
	if e := postern.AsError(err); err != nil && e.After > 0 {
		return job.Snooze(e.After)
	}
	return err
}
