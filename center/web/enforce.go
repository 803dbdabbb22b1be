package web

import (
	"net/http"
	"slices"
	"strings"

	"github.com/postern/postern"
	policydoc "github.com/postern/postern/center/policy/document"
)

// enforceForm is a Conditional Access policy that demands a strength, as one form.
type enforceForm struct {
	policyFrame
	Strengths        []postern.AuthenticationStrength
	Strength         string // its name
	Name             string
	Everybody        bool
	Include, Exclude []targetForm
	BreakGlass       string // user principal names, one a line
	NoBreakGlass     bool
	Where            string // all, office or some
	Applications     string // names or client ids, one a line
	Note             string
	Problems         problems
}

const (
	whereAll    = "all"
	whereOffice = "office"
	whereSome   = "some"
)

func (p enforceForm) path() string { return strengthsPath(p.Integration.ID) + "/enforce" }

// lines are the texts of a text area, without empty ones.
func lines(text string) []string {
	var all []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	return all
}

func (c *console) enforceStrength(w http.ResponseWriter, r *http.Request) error {
	f, err := c.policyFrame(r, partStrengths)
	if err != nil {
		return err
	}
	p := enforceForm{policyFrame: f, Where: whereAll, Strength: r.URL.Query().Get("strength")}
	p.frame.Title = f.Integration.ApplicationName + ": Enforce a strength"
	tenant, _, err := c.Policies.Tenant(r.Context(), f.Integration.ID)
	if err != nil {
		return err
	}
	p.Strengths = strengthsPage{Policy: tenant}.sorted()
	if r.Method == http.MethodPost {
		if err := r.ParseForm(); err != nil {
			return postern.Errorf(postern.CodeInvalid, "The form could not be read.").Because(err)
		}
		p.read(r)
		if do := r.PostForm.Get("do"); do != "plan" {
			p.Problems = p.change(do, r.PostForm.Get("pick"))
		} else if p.Problems = p.check(); len(p.Problems) == 0 {
			err := c.planDocument(w, r, f.Integration.ID, p.Note, p.document())
			if err == nil {
				return nil
			}
			p.Problems = inForm(err, enforceField)
		}
	}
	return c.show(w, r, statusOf(p.Problems), enforceView(p))
}

func (p *enforceForm) read(r *http.Request) {
	v := r.PostForm
	p.Strength, p.Name, p.Note = v.Get("strength"), strings.TrimSpace(v.Get("name")), strings.TrimSpace(v.Get("note"))
	p.Everybody, p.NoBreakGlass = v.Get("whom") == "everybody", v.Has("no_break_glass")
	p.BreakGlass, p.Where, p.Applications = v.Get("break_glass"), v.Get("where"), v.Get("applications")
	groups := readPolicyForm(r, "")
	p.Include, p.Exclude = groups.Include, groups.Exclude
}

// change does what a button of the form says.
func (p *enforceForm) change(do, pick string) problems {
	switch do {
	case "include":
		p.Everybody = false
		return addTarget(&p.Include, pick)
	case "exclude":
		return addTarget(&p.Exclude, pick)
	}
	form := policyForm{Include: p.Include, Exclude: p.Exclude}
	wrong := form.change(do, &http.Request{}, nil, nil)
	p.Include, p.Exclude = form.Include, form.Exclude
	return wrong
}

// check reports what is missing. Break-glass accounts are asked for, because a strength that nobody meets closes every door.
func (p *enforceForm) check() problems {
	var wrong problems
	if !slices.ContainsFunc(p.Strengths, func(s postern.AuthenticationStrength) bool { return s.Name == p.Strength }) {
		wrong = append(wrong, postern.FieldErrorf("strength", "No strength is chosen."))
	}
	if p.Name == "" {
		wrong = append(wrong, postern.FieldErrorf("name", "The Conditional Access policy needs a name."))
	}
	if !p.Everybody && len(p.Include) == 0 {
		wrong = append(wrong, postern.FieldErrorf("group_search", "Nobody is chosen of whom to demand it.").WithNext("Include a group, or choose all users."))
	}
	if len(lines(p.BreakGlass)) == 0 && !p.NoBreakGlass {
		wrong = append(wrong, postern.FieldErrorf("break_glass", "No break-glass account is excluded.").
			WithNext("Name the accounts that must always get in, or say that there is none."))
	}
	if p.Where == whereSome && len(lines(p.Applications)) == 0 {
		wrong = append(wrong, postern.FieldErrorf("applications", "No application is named."))
	}
	return wrong
}

// enforceField is the field of the form that wrote a path of the document.
func enforceField(path string) string {
	switch {
	case strings.Contains(path, ".applications"):
		return "applications"
	case strings.Contains(path, ".exclude.users"):
		return "break_glass"
	case strings.Contains(path, ".strength"):
		return "strength"
	case strings.HasSuffix(path, ".name"):
		return "name"
	}
	return ""
}

// document says the form as a policy document. A new policy begins report-only.
func (p *enforceForm) document() policydoc.Document {
	a := policydoc.ConditionalAccess{Name: p.Name, State: postern.ConditionalAccessReportOnly, Strength: &p.Strength}
	groups := func(list []targetForm) []string {
		var ids []string
		for _, t := range list {
			ids = append(ids, "id:"+t.ID)
		}
		return ids
	}
	if p.Everybody {
		a.Include.Users = []string{policydoc.AllUsers}
	} else {
		a.Include.Groups = groups(p.Include)
	}
	a.Exclude = policydoc.People{Users: lines(p.BreakGlass), Groups: groups(p.Exclude)}
	switch p.Where {
	case whereSome:
		a.Applications.Include = lines(p.Applications)
	case whereOffice:
		a.Applications.Include = []string{"office 365"}
	default:
		a.Applications.Include = []string{policydoc.AllResources}
	}
	return policydoc.Document{Version: policydoc.Version, ConditionalAccess: []policydoc.ConditionalAccess{a}}
}
