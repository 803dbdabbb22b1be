package web

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/a-h/templ"

	"github.com/postern/postern"
)

const (
	// plansShown is how many plans the history lists.
	plansShown = 100
	// impactPerPage is how many people a page of an impact lists.
	impactPerPage = 50
	// tickedAtMost is up to how many people are named one by one before they are locked out.
	tickedAtMost = 20
)

// planPage is one plan: what it would change, whom it would concern, and what became of it.
type planPage struct {
	policyFrame
	Plan   postern.PolicyPlan
	Query  postern.ImpactQuery
	People []postern.UserImpact
	Total  int
	Models modelNames
	Still  bool // do not ask again: the storybook has nobody to ask
}

func planPath(id postern.IntegrationID, plan postern.PolicyPlanID) string {
	return policyPath(id) + "/plans/" + string(plan)
}

func (p planPage) path() string { return planPath(p.Integration.ID, p.Plan.ID) }

// listPath is the address of this plan with other people listed.
func (p planPage) listPath(q postern.ImpactQuery) string {
	v := url.Values{}
	if q.Effect != "" {
		v.Set("effect", string(q.Effect))
	}
	if q.Privileged {
		v.Set("privileged", "yes")
	}
	if q.OnlyMethod {
		v.Set("only", "yes")
	}
	if q.Offset > 0 {
		v.Set("from", strconv.Itoa(q.Offset))
	}
	if len(v) == 0 {
		return p.path() + "#people"
	}
	return p.path() + "?" + v.Encode() + "#people"
}

// stamp changes whenever the plan does.
func (p planPage) stamp() string {
	h := sha256.New()
	_ = json.NewEncoder(h).Encode([]any{p.Plan.State, p.Plan.Version, p.Plan.Steps})
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// poll has the body ask for itself while the plan is being worked out or applied.
func (p planPage) poll() templ.Attributes {
	if p.Still || p.Plan.State != postern.PolicyApplying && p.Plan.State != postern.PolicyPlanning {
		return nil
	}
	return templ.Attributes{
		"hx-get": p.path() + "?seen=" + p.stamp(), "hx-trigger": "every 1s", "hx-swap": "outerMorph", "hx-target": "this",
	}
}

// mayApply reports whether the plan can be applied, by this person.
func (p planPage) mayApply() bool {
	return p.mayChange() && p.Plan.State == postern.PolicyPlanned && len(p.Plan.Steps) > 0
}

// mayUndo reports whether there is something to take back.
func (p planPage) mayUndo() bool {
	return p.mayChange() && (p.Plan.State == postern.PolicyLanded || p.Plan.State == postern.PolicyPartly)
}

// tense is that of the plan's impact.
func (p planPage) tense() tense {
	if p.Plan.State == postern.PolicyLanded {
		return was
	}
	return wouldBe
}

// landed counts the steps that are there.
func landed(steps []postern.PolicyStep) int {
	n := 0
	for _, s := range steps {
		if s.Outcome == postern.PolicyStepLanded {
			n++
		}
	}
	return n
}

// plan loads the plan of the address; one of another integration is not there.
func (c *console) plan(r *http.Request, id postern.IntegrationID) (postern.PolicyPlan, error) {
	plan := r.PathValue("plan")
	if !postern.ValidID(plan, postern.PrefixPolicyPlan) {
		return postern.PolicyPlan{}, postern.Errorf(postern.CodeNotFound, "There is no plan with that identifier.")
	}
	found, err := c.Policies.PlanOf(r.Context(), postern.PolicyPlanID(plan))
	if err == nil && found.IntegrationID != id {
		err = postern.Errorf(postern.CodeNotFound, "The integration has no such plan.")
	}
	return found, err
}

func (c *console) planPage(r *http.Request) (planPage, error) {
	f, err := c.policyFrame(r, partPlans)
	if err != nil {
		return planPage{}, err
	}
	p := planPage{policyFrame: f}
	if p.Plan, err = c.plan(r, f.Integration.ID); err != nil {
		return p, err
	}
	p.frame.Title = f.Integration.ApplicationName + ": Plan"
	list, err := c.Models.List(r.Context())
	if err != nil {
		return p, err
	}
	p.Models = list.Model
	q := r.URL.Query()
	p.Query = postern.ImpactQuery{Privileged: q.Has("privileged"), OnlyMethod: q.Has("only"), Limit: impactPerPage}
	if e := postern.PolicyEffect(q.Get("effect")); slices.Contains(postern.PolicyEffects, e) {
		p.Query.Effect = e
	}
	if from, err := strconv.Atoi(q.Get("from")); err == nil && from > 0 {
		p.Query.Offset = from
	}
	if p.May(postern.PermUsersRead) {
		p.People, p.Total, err = c.Policies.Impact(r.Context(), p.Plan.ID, p.Query)
	}
	return p, err
}

func (c *console) showPlan(w http.ResponseWriter, r *http.Request) error {
	p, err := c.planPage(r)
	if err != nil {
		return err
	}
	if r.Header.Get("HX-Target") == "div#plan" {
		if r.URL.Query().Get("seen") == p.stamp() {
			w.WriteHeader(http.StatusNoContent)
			return nil
		}
		return c.show(w, r, http.StatusOK, planBody(p))
	}
	return c.show(w, r, http.StatusOK, planView(p))
}

// impactCSV downloads everybody a plan concerns.
func (c *console) impactCSV(w http.ResponseWriter, r *http.Request) error {
	id, err := integrationID(r)
	if err != nil {
		return err
	}
	plan, err := c.plan(r, id)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Disposition", `attachment; filename="impact-`+string(plan.ID)+`.csv"`)
	if err := c.Policies.ImpactCSV(r.Context(), plan.ID, w); err != nil {
		// A page cannot follow half a file; the browser has to see that it is not whole.
		c.Log.ErrorContext(r.Context(), "an impact was not written in full", "plan", plan.ID, "error", err)
		panic(http.ErrAbortHandler)
	}
	return nil
}

// plansPage is the history.
type plansPage struct {
	policyFrame
	List []postern.PolicyPlan
}

func (c *console) plans(w http.ResponseWriter, r *http.Request) error {
	f, err := c.policyFrame(r, partPlans)
	if err != nil {
		return err
	}
	p := plansPage{policyFrame: f}
	if p.List, err = c.Policies.Plans(r.Context(), f.Integration.ID, plansShown); err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, plansView(p))
}

// policyDocument downloads the document of the tenant as it is.
func (c *console) policyDocument(w http.ResponseWriter, r *http.Request) error {
	i, err := c.integration(r)
	if err != nil {
		return err
	}
	text, err := c.Policies.Export(r.Context(), i.ID)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/yaml; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Disposition", `attachment; filename="passkey-policy.yaml"`)
	_, err = w.Write([]byte(text))
	return err
}

// earlier and later are the pages of people before and after this one.
func (p planPage) earlier() postern.ImpactQuery {
	q := p.Query
	q.Offset = max(0, q.Offset-impactPerPage)
	return q
}

func (p planPage) later() postern.ImpactQuery {
	q := p.Query
	q.Offset += impactPerPage
	return q
}
