package web

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/postern/postern"
)

// policyDriftPage is what somebody else changed.
type policyDriftPage struct {
	policyFrame
	Drift    postern.PolicyDrift
	Problems problems
}

func policyDriftPath(id postern.IntegrationID) string { return policyPath(id) + "/drift" }

// intervalText says how often is looked.
func intervalText(seconds int) string {
	d := time.Duration(seconds) * time.Second
	switch {
	case d >= time.Hour && d%time.Hour == 0:
		return count(int(d/time.Hour), "hour")
	case d%time.Minute == 0:
		return count(int(d/time.Minute), "minute")
	}
	return count(seconds, "second")
}

// intervals are how often can be looked, in seconds. One that was set elsewhere is among them.
func (p policyDriftPage) intervals() []int {
	all := []int{60, 5 * 60, 15 * 60, 60 * 60, 6 * 60 * 60, 24 * 60 * 60}
	if at, found := slices.BinarySearch(all, p.Drift.IntervalS); !found {
		all = slices.Insert(all, at, p.Drift.IntervalS)
	}
	return all
}

func (c *console) policyDrift(w http.ResponseWriter, r *http.Request) error {
	f, err := c.policyFrame(r, partDrift)
	if err != nil {
		return err
	}
	p := policyDriftPage{policyFrame: f}
	if p.Drift, err = c.Policies.Drift(r.Context(), f.Integration.ID); err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, policyDriftView(p))
}

// checkPolicyDrift looks now, plans the way back, or changes how often is looked.
func (c *console) checkPolicyDrift(w http.ResponseWriter, r *http.Request) error {
	f, err := c.policyFrame(r, partDrift)
	if err != nil {
		return err
	}
	if r.PostFormValue("do") == "back" {
		plan, err := c.Policies.PlanBack(r.Context(), f.Integration.ID, "Back to what was applied or accepted.")
		if err != nil {
			return err
		}
		return c.away(w, r, planPath(f.Integration.ID, plan.ID))
	}
	p := policyDriftPage{policyFrame: f}
	done := "policy-looked"
	if r.PostFormValue("do") == "interval" {
		var in postern.PolicyDriftInput
		in.Version, _ = strconv.ParseInt(r.PostFormValue("version"), 10, 64) // absent or wrong: stale
		in.IntervalS, _ = strconv.Atoi(r.PostFormValue("interval_seconds"))  // absent or wrong: refused
		_, err = c.Policies.SetDrift(r.Context(), f.Integration.ID, in)
		done = "policy-interval"
	} else {
		_, err = c.Policies.CheckDrift(r.Context(), f.Integration.ID)
	}
	if err == nil {
		return c.away(w, r, policyDriftPath(f.Integration.ID)+"?done="+done)
	}
	p.Problems = problemsOf(err)
	if p.Drift, err = c.Policies.Drift(r.Context(), f.Integration.ID); err != nil {
		return err
	}
	return c.show(w, r, statusOf(p.Problems), policyDriftView(p))
}

// acceptPolicy takes what is there for what shall be.
func (c *console) acceptPolicy(w http.ResponseWriter, r *http.Request) error {
	i, err := c.integration(r)
	if err != nil {
		return err
	}
	p := actPage{
		frame: c.sheetFrame(r, i, "Accept what is there?"), Path: r.URL.Path, Back: policyDriftPath(i.ID), Button: "Accept it", Asks: true,
		Text: "From now on the tenant's policy is compared with what it is at this moment. Nothing is written into the tenant.",
	}
	if r.Method == http.MethodPost {
		p.Note = r.PostFormValue("note")
	}
	return c.actOn(w, r, p, "policy-accepted", func(ctx context.Context) error {
		_, err := c.Policies.Accept(ctx, i.ID, p.Note)
		return err
	})
}
