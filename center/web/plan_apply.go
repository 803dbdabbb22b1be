package web

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/postern/postern"
)

// applyPage is the sheet before a plan is applied.
type applyPage struct {
	frame
	Plan     postern.PolicyPlan
	Path     string
	Back     string
	LockOut  []postern.UserImpact // whom it would lock out; up to tickedAtMost are named one by one
	Hidden   bool                 // the person may not see users, and cannot name them
	Ticked   []string
	Typed    string
	Unknown  bool
	Note     string
	Problems problems
}

// ticks reports whether the people are few enough to be named one by one.
func (p applyPage) ticks() bool { return len(p.LockOut) <= tickedAtMost }

func (p applyPage) isTicked(u postern.UserImpact) bool { return slices.Contains(p.Ticked, u.ObjectID) }

// locksOut reports whether the effects lock the user out, of everything or of some applications.
func locksOut(u postern.UserImpact) bool {
	return u.Possible || slices.Contains(u.Effects, postern.EffectLockedOut) || slices.Contains(u.Effects, postern.EffectLockedOutSomewhere)
}

// lockedOut lists everybody whom the plan would lock out.
func (c *console) lockedOut(ctx context.Context, plan postern.PolicyPlan) ([]postern.UserImpact, error) {
	var all []postern.UserImpact
	if mayLockOut(plan.Impact) == 0 {
		return nil, nil
	}
	const page = 1000
	for offset := 0; ; offset += page {
		// The worst come first, so nobody is locked out behind somebody who is not.
		found, total, err := c.Policies.Impact(ctx, plan.ID, postern.ImpactQuery{Offset: offset, Limit: page})
		if err != nil {
			return nil, err
		}
		for _, u := range found {
			if !locksOut(u) {
				return all, nil
			}
			all = append(all, u)
		}
		if len(found) == 0 || offset+page >= total {
			return all, nil
		}
	}
}

func (c *console) applyPlan(w http.ResponseWriter, r *http.Request) error {
	i, err := c.integration(r)
	if err != nil {
		return err
	}
	plan, err := c.plan(r, i.ID)
	if err != nil {
		return err
	}
	p := applyPage{frame: c.sheetFrame(r, i, "Apply this plan?"), Plan: plan, Path: r.URL.Path, Back: planPath(i.ID, plan.ID)}
	p.frame.Trail = append(p.frame.Trail, crumb{"Plan", p.Back})
	if p.Hidden = !p.May(postern.PermUsersRead); !p.Hidden {
		if p.LockOut, err = c.lockedOut(r.Context(), plan); err != nil {
			return err
		}
	}
	if r.Method == http.MethodPost {
		if err := r.ParseForm(); err != nil {
			return postern.Errorf(postern.CodeInvalid, "The form could not be read.").Because(err)
		}
		p.Ticked, p.Typed = r.PostForm["lock_out"], strings.TrimSpace(r.PostForm.Get("number"))
		p.Unknown, p.Note = r.PostForm.Has("unknown"), strings.TrimSpace(r.PostForm.Get("note"))
		version, _ := strconv.ParseInt(r.PostForm.Get("version"), 10, 64) // absent or wrong: stale
		in := postern.PolicyApplyInput{Version: version, Unknown: p.Unknown, Note: p.Note}
		if in.LockOut, p.Problems = p.named(); len(p.Problems) == 0 {
			_, err := c.Policies.Apply(r.Context(), plan.ID, in)
			if err == nil {
				return c.away(w, r, p.Back)
			}
			p.Problems = problemsOf(err)
		}
	}
	return c.show(w, r, statusOf(p.Problems), applySheet(p))
}

// named is whom the person named as to be locked out: everybody must be, one by one where they are few, else by the number.
func (p applyPage) named() ([]string, problems) {
	if p.ticks() {
		for _, u := range p.LockOut {
			if !p.isTicked(u) {
				return nil, problems{postern.FieldErrorf("lock_out", "Not everybody who would be locked out is ticked.").
					WithNext("Tick each of them to go on, or cancel and keep the models they use.")}
			}
		}
	} else if typed, err := strconv.Atoi(strings.ReplaceAll(p.Typed, ",", "")); err != nil || typed != len(p.LockOut) {
		return nil, problems{postern.FieldErrorf("number", "That is not the number of people on the list.").
			WithNext("Type " + thousands(len(p.LockOut)) + " to lock all of them out, or cancel.")}
	}
	var ids []string
	for _, u := range p.LockOut {
		ids = append(ids, u.ObjectID)
	}
	return ids, nil
}

func (c *console) undoPlan(w http.ResponseWriter, r *http.Request) error {
	i, err := c.integration(r)
	if err != nil {
		return err
	}
	plan, err := c.plan(r, i.ID)
	if err != nil {
		return err
	}
	p := actPage{
		frame: c.sheetFrame(r, i, "Undo this plan?"), Path: r.URL.Path, Back: planPath(i.ID, plan.ID), Button: "Plan the way back", Asks: true,
		Text: "This makes a plan that takes back what this one changed. It says whom that would concern, and is applied like any other.",
	}
	if r.Method == http.MethodPost {
		p.Note = strings.TrimSpace(r.PostFormValue("note"))
		back, err := c.Policies.Undo(r.Context(), plan.ID, p.Note)
		if err == nil {
			return c.away(w, r, planPath(i.ID, back.ID))
		}
		p.Problems = problemsOf(err)
	}
	return c.show(w, r, statusOf(p.Problems), confirmAct(p))
}
