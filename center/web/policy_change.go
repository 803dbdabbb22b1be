package web

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/center/policy/aaguid"
	policydoc "github.com/postern/postern/center/policy/document"
)

// modelsFound is how many models a search lists.
const modelsFound = 20

// profilesAtMost is how many passkey profiles Entra takes.
const profilesAtMost = 3

// changePage is the form that changes the passkey policy, and the document that says the same.
type changePage struct {
	policyFrame
	Form     policyForm
	From     string // stamp of the policy that the form was made from
	Changed  bool   // the policy changed since the form was opened; the form begins again from what is there
	Document string
	Written  bool // the document was just written from the form
	Note     string
	Use      inUse
	Models   modelNames
	Bundles  []postern.ModelBundle
	Problems problems // of the form
	Faults   problems // of the document
}

func (p changePage) path() string { return policyPath(p.Integration.ID) + "/change" }

// numbers is how many line numbers stand beside the document, with room for what is typed.
func (p changePage) numbers() []struct{} {
	return make([]struct{}, strings.Count(p.Document, "\n")+200)
}

// rows is how high the document is.
func (p changePage) rows() int { return min(max(20, strings.Count(p.Document, "\n")+2), 400) }

func (p changePage) hasAllUsers() bool {
	return slices.ContainsFunc(p.Form.Include, func(t targetForm) bool { return t.ID == postern.TargetAllUsers })
}

func (p changePage) profiles() bool { return p.Form.Schema == postern.PolicySchemaProfiles }

// inUse are the AAGUIDs of all passkeys, most passkeys first.
func (u inUse) aaguids() []string {
	var all []string
	for _, m := range u.Summary.Models {
		all = append(all, m.AAGUID)
	}
	return all
}

// policyStamp changes whenever what the form shows of a policy does. When it was read does not count.
func policyStamp(t postern.TenantPolicy) string {
	h := sha256.New()
	_ = json.NewEncoder(h).Encode(t.Passkeys)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func (c *console) changePolicy(w http.ResponseWriter, r *http.Request) error {
	f, err := c.policyFrame(r, partSettings)
	if err != nil {
		return err
	}
	p := changePage{policyFrame: f}
	p.frame.Title = f.Integration.ApplicationName + ": Change the passkey policy"
	tenant, _, err := c.Policies.Tenant(r.Context(), f.Integration.ID)
	if err != nil {
		return err
	}
	list, err := c.Models.List(r.Context())
	if err != nil {
		return err
	}
	if p.Use, err = c.usageOf(r, f.frame, f.Integration.ID); err != nil {
		return err
	}
	list = aaguid.For(list, p.Use.aaguids())
	p.Models, p.Bundles = list.Model, list.Bundles()
	if r.Method == http.MethodGet {
		p.Form, p.From = formOfPolicy(tenant), policyStamp(tenant)
		if p.Document, err = c.Policies.Export(r.Context(), f.Integration.ID); err != nil {
			return err
		}
		return c.show(w, r, http.StatusOK, changeView(p))
	}
	return c.changeOrPlan(w, r, p, tenant, list)
}

// changeOrPlan does what the button says: it changes the form, writes the document from it, or plans one of the two.
func (c *console) changeOrPlan(w http.ResponseWriter, r *http.Request, p changePage, tenant postern.TenantPolicy, list *aaguid.List) error {
	if err := r.ParseForm(); err != nil {
		return postern.Errorf(postern.CodeInvalid, "The form could not be read.").Because(err)
	}
	p.Form, p.From = formOfPolicy(tenant), r.PostForm.Get("from")
	if r.PostForm.Has("rules") {
		p.Form = readPolicyForm(r, tenant.Passkeys.Schema)
	}
	p.Note, p.Document = strings.TrimSpace(r.PostForm.Get("note")), strings.ReplaceAll(r.PostForm.Get("document"), "\r\n", "\n")
	do := r.PostForm.Get("do")
	now := policyStamp(tenant)
	// A plan that is made again from its own document was made from no form.
	stale := p.From != "" && p.From != now
	switch {
	case stale && (do == "plan" || do == "document" || do == "plan-document"):
		if do != "plan-document" {
			text, err := policydoc.Marshal(p.Form.document(list))
			if err != nil {
				p.Problems = problemsOf(err)
				break
			}
			p.Document = string(text)
		}
		p.Form, p.From, p.Changed = formOfPolicy(tenant), now, true
	case do == "plan" || do == "document":
		text, err := policydoc.Marshal(p.Form.document(list))
		if err != nil {
			p.Problems = problemsOf(err)
			break
		}
		if do == "document" {
			p.Document, p.Written = string(text), true
			break
		}
		plan, err := c.Policies.Plan(r.Context(), p.Integration.ID, postern.PolicyPlanInput{Document: string(text), Note: p.Note})
		if err == nil {
			return c.away(w, r, planPath(p.Integration.ID, plan.ID))
		}
		p.Problems = inForm(err, func(string) string { return "" })
	case do == "plan-document":
		plan, err := c.Policies.Plan(r.Context(), p.Integration.ID, postern.PolicyPlanInput{Document: p.Document, Note: p.Note})
		if err == nil {
			return c.away(w, r, planPath(p.Integration.ID, plan.ID))
		}
		p.Faults = problemsOf(err)
	default:
		p.Problems = p.Form.change(do, r, list, p.Use.aaguids())
	}
	status := statusOf(slices.Concat(p.Problems, p.Faults))
	if p.Changed {
		status = http.StatusConflict
	}
	if r.Header.Get("HX-Target") == "div#change" {
		return c.show(w, r, status, changeBody(p))
	}
	return c.show(w, r, status, changeView(p))
}

// documentPlace is where in a document something is wrong, as its errors begin.
var documentPlace = regexp.MustCompile(`(?i)^the policy document has \d+ faults: |\bline \d+(, [^:]*)?: |^[a-z_]+[.\[][\w.\[\]]*: `)

// inForm makes what is wrong with a document that a form wrote into what is wrong with the form: without lines and paths
// of what nobody saw, and at the field that belongs to a path, or at none.
func inForm(err error, field func(path string) string) problems {
	all := problemsOf(err)
	for n, e := range all {
		plain := *e
		plain.Message = documentPlace.ReplaceAllString(e.Message, "")
		if plain.Message != "" {
			plain.Message = strings.ToUpper(plain.Message[:1]) + plain.Message[1:]
		}
		if e.Field != "" {
			plain.Field = field(e.Field)
		}
		all[n] = &plain
	}
	return all
}

// modelChoices are the models to choose from.
type modelChoices struct {
	Query  string
	Field  string // name of the radio buttons
	Models []postern.Model
	More   bool
}

// searchModels lists models by a part of their name or vendor.
func (c *console) searchModels(w http.ResponseWriter, r *http.Request) error {
	list, err := c.Models.List(r.Context())
	if err != nil {
		return err
	}
	q := r.URL.Query()
	found := modelChoices{Field: "pick_model-" + q.Get("rules")}
	for name := range q {
		if strings.HasPrefix(name, "model_search") {
			found.Query = strings.TrimSpace(q.Get(name))
		}
	}
	if found.Query != "" {
		found.Models = findModels(list.Models(), found.Query)
	}
	if found.More = len(found.Models) > modelsFound; found.More {
		found.Models = found.Models[:modelsFound]
	}
	return c.show(w, r, http.StatusOK, modelList(found))
}

// findModels returns the models in whose name, vendor or AAGUID every word of the query stands.
func findModels(all []postern.Model, query string) []postern.Model {
	words := strings.Fields(strings.ToLower(query))
	var found []postern.Model
	for _, m := range all {
		text := strings.ToLower(m.Name + " " + m.Vendor + " " + m.AAGUID)
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) }) {
			found = append(found, m)
		}
	}
	return found
}

// policyGroups lists groups by the beginning of their name.
func (c *console) policyGroups(w http.ResponseWriter, r *http.Request) error {
	id, err := integrationID(r)
	if err != nil {
		return err
	}
	found := groupChoices{Query: strings.TrimSpace(r.URL.Query().Get("group_search"))}
	if found.Query != "" {
		groups, err := c.Groups.Groups(r.Context(), id, found.Query, modelsFound)
		found.Groups, found.Problems = groups, problemsOf(err)
	}
	return c.show(w, r, http.StatusOK, groupList(found))
}
