package policy

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/job"
	"github.com/postern/postern/center/policy/plan"
)

const (
	applyTimeout  = 20 * time.Minute
	applyAttempts = 25
	// The pauses between two looks at what was written grow from the first to the second.
	firstLook, lastLook = time.Second, 15 * time.Second
)

// ApplyJob carries a plan out.
type ApplyJob struct {
	Plan postern.PolicyPlanID `json:"plan"`
}

// Kind implements [job.Args].
func (ApplyJob) Kind() string { return "policy.apply" }

// Handle registers the handlers of this package's jobs, and its schedule.
func (s *Service) Handle(r *job.Registry) {
	job.Handle(r, job.Rules{MaxAttempts: judgeAttempts, Timeout: judgeTimeout}, s.Judge, s.JudgeGivenUp)
	job.Handle(r, job.Rules{MaxAttempts: applyAttempts, Timeout: applyTimeout}, s.Carry, s.CarryGivenUp)
	job.Handle(r, job.Rules{MaxAttempts: judgeAttempts, Timeout: judgeTimeout}, s.Look, s.LookGivenUp)
	job.Handle(r, job.Rules{}, s.Tick, nil)
	job.Every(r, TickJob{}, tickEvery)
}

// Carry handles [ApplyJob]. Before each write it is kept that it will be sent, and after it that Entra took it, so that
// whoever goes on after a crash knows what there is to look for.
func (s *Service) Carry(ctx context.Context, args ApplyJob) error {
	r, err := s.Store.PolicyPlan(ctx, args.Plan)
	if postern.IsCode(err, postern.CodeNotFound) || err == nil && r.State != postern.PolicyApplying {
		return nil
	}
	if err != nil {
		return err
	}
	ctx = entra.WithPriority(ctx, entra.Interactive)
	if !r.Progress.Checked {
		switch err := s.check(ctx, r, r.Progress.Input); {
		case err == nil:
			r.Progress.Checked = true
			if err := s.Store.UpdatePolicyPlan(ctx, &r); err != nil {
				return err
			}
		case against(err):
			return s.refuse(ctx, r, err)
		default:
			return later(err)
		}
	}
	graph, i, err := s.Integrations.Graph(ctx, r.IntegrationID)
	if err != nil {
		return later(err)
	}
	models, err := s.Lists.Models(ctx, r.IntegrationID)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(r.Progress.Writes, func(w Write) bool { return w.Sent > 0 }) {
		// Working out whom the plan concerns takes its time, and so does waiting for a worker.
		now, err := graph.TenantPolicy(ctx)
		if err == nil {
			err = s.unchanged(ctx, graph, i, models, r, now)
		}
		switch {
		case err == nil:
		case against(err):
			return s.refuse(ctx, r, err)
		default:
			return later(err)
		}
	}
	c := &carrying{Service: s, graph: graph, integration: i, models: models, run: &r}
	err = c.do(ctx)
	if e := postern.AsError(err); err != nil && e.After > 0 {
		return job.Snooze(e.After)
	}
	return err
}

// carrying is one attempt at applying a plan.
type carrying struct {
	*Service
	graph       Graph
	integration postern.Integration
	models      Models
	run         *Record
	// seen is the tenant's policy as it was read when all writes showed.
	seen *postern.TenantPolicy
}

func (c *carrying) save(ctx context.Context) error { return c.Store.UpdatePolicyPlan(ctx, c.run) }

// errStopped says that Entra refused a write, or does not show one on which others rest.
var errStopped = errors.New("policy: the writes end here")

// do makes the writes that are left, stage by stage, and sees to it that each stage shows.
func (c *carrying) do(ctx context.Context) error {
	writes := c.run.Progress.Writes
	for n := range writes {
		if writes[n].Code != "" {
			return c.settle(ctx)
		}
		if writes[n].Done {
			continue
		}
		if n > 0 && writes[n-1].Stage != writes[n].Stage {
			switch err := c.shown(ctx, n); {
			case errors.Is(err, errStopped):
				return c.settle(ctx)
			case err != nil:
				return err
			}
		}
		switch err := c.write(ctx, &writes[n]); {
		case errors.Is(err, errStopped):
			return c.settle(ctx)
		case err != nil:
			return err
		}
	}
	if err := c.shown(ctx, len(writes)); err != nil && !errors.Is(err, errStopped) {
		return err
	}
	return c.settle(ctx)
}

// write makes one change at Entra.
func (c *carrying) write(ctx context.Context, w *Write) error {
	if w.Sent > 0 {
		found, err := c.find(ctx, w)
		if err != nil || found {
			return err
		}
	}
	w.Sent++
	w.SentAt = c.Now().UTC()
	if err := c.save(ctx); err != nil {
		return err
	}
	err := c.send(ctx, w)
	switch {
	case err == nil:
	case refused(err):
		e := postern.AsError(err)
		w.Code, w.Message, w.Next = e.Code, e.Message, e.Next
		c.Logger.WarnContext(ctx, "entra refused a change of the policy", "plan", c.run.ID, "object", w.Object, "name", w.Name, "err", err)
		if err := c.save(ctx); err != nil {
			return err
		}
		return errStopped
	default:
		return err
	}
	return c.took(ctx, w)
}

// took keeps that Entra took a write.
func (c *carrying) took(ctx context.Context, w *Write) error {
	w.Done = true
	c.run.Progress.Since = c.Now().UTC()
	return c.save(ctx)
}

// find looks for what an attempt whose answer was lost may have done, where that must not be done again: something of the
// same name is made once more, and a strength that is limited to models already is refused to be. Other writes are harmless
// to repeat.
func (c *carrying) find(ctx context.Context, w *Write) (bool, error) {
	strength := w.Object == postern.PolicyObjectStrength && w.Verb == postern.PolicySet
	if w.Verb != postern.PolicyCreate && !strength {
		return false, nil
	}
	now, err := c.graph.TenantPolicy(ctx)
	if err != nil {
		return false, err
	}
	to := made(c.run.After, c.run.Progress.Writes)
	switch {
	case strength:
		_, mine := c.strengths(w)
		if is, _ := strengthBy(now, w.ID); sameValue(is, mine) {
			return true, c.took(ctx, w)
		}
	case w.Object == postern.PolicyObjectStrength:
		mine, _ := strengthBy(to, w.ID)
		for _, s := range now.Strengths {
			_, old := strengthBy(c.run.Before, s.ID)
			if mine.ID, mine.Description = s.ID, s.Description; !old && !s.BuiltIn && strings.EqualFold(s.Name, mine.Name) && sameValue(s, mine) {
				w.Made = s.ID
			}
		}
	case w.Object == postern.PolicyObjectConditionalAccess:
		mine, _ := accessBy(to, w.ID)
		for _, a := range now.ConditionalAccess {
			_, old := accessBy(c.run.Before, a.ID)
			if mine.ID = a.ID; !old && sameValue(a, mine) {
				w.Made = a.ID
			}
		}
	}
	if w.Made != "" {
		return true, c.took(ctx, w)
	}
	if left := c.patience() - c.Now().Sub(w.SentAt); left > 0 { // Entra may have it, and not show it yet
		return false, job.Snooze(min(left, lastLook))
	}
	return false, nil
}

// send makes the request, or the requests, of a write.
func (c *carrying) send(ctx context.Context, w *Write) error {
	before, after := c.run.Before, made(c.run.After, c.run.Progress.Writes)
	switch w.Object {
	case postern.PolicyObjectPasskeys:
		from := before.Passkeys
		if w.Sent > 1 { // some of it may have come through
			now, err := c.graph.TenantPolicy(ctx)
			if err != nil {
				return err
			}
			from = now.Passkeys
		}
		return c.graph.WritePasskeyPolicy(ctx, from, after.Passkeys)
	case postern.PolicyObjectStrength:
		switch w.Verb {
		case postern.PolicyCreate:
			to, _ := strengthBy(after, w.ID)
			got, err := c.graph.CreateStrength(ctx, to)
			w.Made = got.ID
			return err
		case postern.PolicyDelete:
			return c.graph.DeleteStrength(ctx, w.ID)
		default:
			from, to := c.strengths(w)
			return c.graph.UpdateStrength(ctx, from, to)
		}
	case postern.PolicyObjectConditionalAccess:
		switch w.Verb {
		case postern.PolicyCreate:
			to, _ := accessBy(after, w.ID)
			got, err := c.graph.CreateConditionalAccess(ctx, to)
			w.Made = got.ID
			return err
		case postern.PolicyDelete:
			return c.graph.DeleteConditionalAccess(ctx, w.ID)
		default:
			from, _ := accessBy(before, w.ID)
			to, _ := accessBy(after, w.ID)
			return c.graph.UpdateConditionalAccess(ctx, from, to)
		}
	}
	return nil
}

// strengths are what a write makes of a strength that is there, from what to what.
func (c *carrying) strengths(w *Write) (from, to postern.AuthenticationStrength) {
	from, _ = strengthBy(c.run.Before, w.ID)
	to, _ = strengthBy(c.run.After, w.ID)
	if wide := loosened(from, to); w.Stage == StageLoosen {
		to = wide
	} else if !sameValue(from, wide) {
		from = wide
	}
	return from, to
}

// shown waits until Entra shows the first n writes, and gives up after a while.
func (c *carrying) shown(ctx context.Context, n int) error {
	p := &c.run.Progress
	if p.Shown >= n {
		return nil
	}
	now, err := c.graph.TenantPolicy(ctx)
	if err != nil {
		return err
	}
	expected := want(c.run.Before, c.run.After, p.Writes[:n])
	if len(plan.Diff(c.scope().of(now, expected), expected, c.models)) == 0 {
		p.Shown, c.seen = n, &now
		return c.save(ctx)
	}
	waited, most := c.Now().Sub(p.Since), c.patience()
	if waited >= most {
		return errStopped
	}
	return job.Snooze(min(max(firstLook, waited/4), lastLook, max(most-waited, firstLook)))
}

// patience is for how long Entra may keep to itself what it took.
func (c *carrying) patience() time.Duration { return cmp.Or(c.ReadBack, DefaultReadBack) }

// scope is what the plan writes.
func (c *carrying) scope() Scope {
	s := scopeOfChange(c.run.Before, c.run.After)
	for _, w := range c.run.Progress.Writes {
		switch {
		case w.Made == "":
		case w.Object == postern.PolicyObjectStrength:
			s.Strengths = append(s.Strengths, strings.ToLower(w.Made))
		default:
			s.ConditionalAccess = append(s.ConditionalAccess, strings.ToLower(w.Made))
		}
	}
	return s
}
