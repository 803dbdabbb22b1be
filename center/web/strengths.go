package web

import (
	"net/http"
	"slices"
	"strings"

	"github.com/postern/postern"
	policydoc "github.com/postern/postern/center/policy/document"
)

// strengthsPage is the authentication strengths and where each is used.
type strengthsPage struct {
	policyFrame
	Policy   postern.TenantPolicy
	Notes    []postern.PolicyNote
	Models   modelNames
	Problems problems
}

func strengthsPath(id postern.IntegrationID) string { return policyPath(id) + "/strengths" }

// users are the Conditional Access policies that demand a strength.
func (p strengthsPage) users(id string) []postern.ConditionalAccessPolicy {
	var found []postern.ConditionalAccessPolicy
	for _, a := range p.Policy.ConditionalAccess {
		if a.Grant.Strength == id {
			found = append(found, a)
		}
	}
	return found
}

// sorted puts custom strengths before the built-in ones.
func (p strengthsPage) sorted() []postern.AuthenticationStrength {
	all := slices.Clone(p.Policy.Strengths)
	slices.SortStableFunc(all, func(a, b postern.AuthenticationStrength) int {
		switch {
		case a.BuiltIn == b.BuiltIn:
			return strings.Compare(a.Name, b.Name)
		case a.BuiltIn:
			return 1
		}
		return -1
	})
	return all
}

func (c *console) strengthsPage(r *http.Request) (strengthsPage, error) {
	f, err := c.policyFrame(r, partStrengths)
	if err != nil {
		return strengthsPage{}, err
	}
	p := strengthsPage{policyFrame: f}
	list, err := c.Models.List(r.Context())
	if err != nil {
		return p, err
	}
	p.Models = list.Model
	p.Policy, p.Notes, err = c.Policies.Tenant(r.Context(), f.Integration.ID)
	p.Problems = problemsOf(err)
	return p, nil
}

func (c *console) strengths(w http.ResponseWriter, r *http.Request) error {
	p, err := c.strengthsPage(r)
	if err != nil {
		return err
	}
	return c.show(w, r, statusOf(p.Problems), strengthsView(p))
}

// setDemand plans another state of a Conditional Access policy.
func (c *console) setDemand(w http.ResponseWriter, r *http.Request) error {
	p, err := c.strengthsPage(r)
	if err != nil {
		return err
	}
	n := slices.IndexFunc(p.Policy.ConditionalAccess, func(a postern.ConditionalAccessPolicy) bool { return a.ID == r.PathValue("policy") })
	if n < 0 {
		return postern.Errorf(postern.CodeNotFound, "The tenant has no such Conditional Access policy.")
	}
	a := p.Policy.ConditionalAccess[n]
	state := postern.ConditionalAccessState(r.PostFormValue("state"))
	if !slices.Contains([]postern.ConditionalAccessState{postern.ConditionalAccessOn, postern.ConditionalAccessOff, postern.ConditionalAccessReportOnly}, state) {
		return postern.FieldErrorf("state", "A Conditional Access policy is on, off or report-only.")
	}
	return c.planDocument(w, r, p.Integration.ID, "", policydoc.Document{
		Version:           policydoc.Version,
		ConditionalAccess: []policydoc.ConditionalAccess{{Name: a.Name, ID: a.ID, State: state}},
	})
}

// planDocument plans what was put together here, and leads to the plan.
func (c *console) planDocument(w http.ResponseWriter, r *http.Request, id postern.IntegrationID, note string, d policydoc.Document) error {
	text, err := policydoc.Marshal(d)
	if err != nil {
		return err
	}
	plan, err := c.Policies.Plan(r.Context(), id, postern.PolicyPlanInput{Document: string(text), Note: note})
	if err != nil {
		return err
	}
	return c.away(w, r, planPath(id, plan.ID))
}

// strengthForm is a new strength: passkeys, of all models or of some.
type strengthForm struct {
	policyFrame
	Name, Description string
	Keys              rulesForm // its list of models
	Use               inUse
	Models            modelNames
	Bundles           []postern.ModelBundle
	Note              string
	Problems          problems
}

func (p strengthForm) path() string { return strengthsPath(p.Integration.ID) + "/new" }

// change is the same page as far as the choice of models goes.
func (p strengthForm) change() changePage {
	return changePage{policyFrame: p.policyFrame, Use: p.Use, Models: p.Models, Bundles: p.Bundles, Problems: p.Problems}
}

func (c *console) newStrength(w http.ResponseWriter, r *http.Request) error {
	f, err := c.policyFrame(r, partStrengths)
	if err != nil {
		return err
	}
	p := strengthForm{policyFrame: f}
	p.frame.Title = f.Integration.ApplicationName + ": New authentication strength"
	list, err := c.Models.List(r.Context())
	if err != nil {
		return err
	}
	p.Models, p.Bundles = list.Model, list.Bundles()
	if p.Use, err = c.usageOf(r, f.frame, f.Integration.ID); err != nil {
		return err
	}
	if r.Method == http.MethodPost {
		if err := r.ParseForm(); err != nil {
			return postern.Errorf(postern.CodeInvalid, "The form could not be read.").Because(err)
		}
		v := r.PostForm
		p.Name, p.Description, p.Note = strings.TrimSpace(v.Get("name")), strings.TrimSpace(v.Get("description")), strings.TrimSpace(v.Get("note"))
		form := policyForm{Rules: []rulesForm{{Keys: postern.KeyRestrictions{AAGUIDs: v["model-0"]}}}}
		switch do := v.Get("do"); {
		case do != "plan":
			p.Problems = form.change(do, r, list, p.Use.aaguids())
		case p.Name == "":
			p.Problems = problems{postern.FieldErrorf("name", "A strength needs a name.").WithNext("Say what it is for, such as “Passkeys of our security keys”.")}
		default:
			err := c.planDocument(w, r, f.Integration.ID, p.Note, policydoc.Document{Version: policydoc.Version, Strengths: []policydoc.Strength{{
				Name: p.Name, Description: &p.Description, Combinations: []string{"fido2"}, Models: modelWords(form.Rules[0].Keys.AAGUIDs, list),
			}}})
			if err == nil {
				return nil
			}
			p.Problems = inForm(err, func(path string) string {
				if strings.HasSuffix(path, ".name") {
					return "name"
				}
				return ""
			})
		}
		p.Keys = form.Rules[0]
	}
	return c.show(w, r, statusOf(p.Problems), newStrengthView(p))
}
