package web

import (
	"context"
	"net/http"
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

// interval says how often is looked.
func (p policyDriftPage) interval() string {
	if p.Drift.IntervalS <= 0 {
		return ""
	}
	d := time.Duration(p.Drift.IntervalS) * time.Second
	switch {
	case d >= time.Hour && d%time.Hour == 0:
		return count(int(d/time.Hour), "hour")
	case d >= time.Minute:
		return count(int(d/time.Minute), "minute")
	}
	return count(p.Drift.IntervalS, "second")
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

// checkPolicyDrift looks now, or plans the way back.
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
	if p.Drift, err = c.Policies.CheckDrift(r.Context(), f.Integration.ID); err == nil {
		return c.away(w, r, policyDriftPath(f.Integration.ID)+"?done=policy-looked")
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
