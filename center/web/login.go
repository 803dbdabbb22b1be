package web

import (
	"net/http"
	"strings"

	"github.com/a-h/templ"

	"github.com/postern/postern"
)

// loginPage is the Login Settings tab.
type loginPage struct {
	integrationFrame
	Form     postern.LoginSettings
	Problems problems
	Theirs   *postern.LoginSettings // what somebody else stored meanwhile

	Desktop         desktopSection
	DesktopProblems problems
}

// emptyDomains is how many fields stand free for a browser without scripts.
const emptyDomains = 1

// rows are the domains of the form with free fields after them.
func (p loginPage) rows() []string {
	return append(append([]string{}, p.Form.Domains...), make([]string, emptyDomains)...)
}

func loginOf(i postern.Integration) postern.LoginSettings {
	return postern.LoginSettings{Version: i.Version, RestrictDomains: i.RestrictDomains, Domains: i.Domains}
}

func (c *console) login(w http.ResponseWriter, r *http.Request) error {
	i, err := c.integration(r)
	if err != nil {
		return err
	}
	p, err := c.loginPage(r, i)
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, login(p))
}

func (c *console) loginPage(r *http.Request, i postern.Integration) (loginPage, error) {
	p := loginPage{integrationFrame: c.integrationFrame(r, i, tabLogin), Form: loginOf(i)}
	var err error
	p.Desktop, err = c.desktopSection(r.Context(), i.ID)
	return p, err
}

func (c *console) setLogin(w http.ResponseWriter, r *http.Request) error {
	i, err := c.integration(r)
	if err != nil {
		return err
	}
	if err := r.ParseForm(); err != nil {
		return postern.Errorf(postern.CodeTooLarge, "The form is larger than Postern accepts.").Because(err)
	}
	in := postern.LoginSettings{Version: readVersion(r), RestrictDomains: r.PostForm.Get("restrict_domains") == "true"}
	for _, value := range r.PostForm["domain"] {
		// Somebody without scripts has few fields and may put several domains into one.
		in.Domains = append(in.Domains, strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ';' || r == ' ' || r == '\n' || r == '\t' || r == '\r' })...)
	}
	p, err := c.loginPage(r, i)
	if err != nil {
		return err
	}
	p.Form = in
	if r.PostForm.Has("another") {
		return c.show(w, r, http.StatusOK, login(p))
	}
	if _, err := c.Integrations.SetLogin(r.Context(), i.ID, in); err != nil {
		p.Problems = problemsOf(err)
		if postern.IsCode(err, postern.CodeStale) {
			i = c.fresh(r.Context(), i)
			theirs := loginOf(i)
			p.Theirs, p.Problems, p.Form.Version = &theirs, nil, i.Version
		}
		p.integrationFrame = c.integrationFrame(r, i, tabLogin)
		status := statusOf(p.Problems)
		if p.Theirs != nil {
			status = http.StatusConflict
		}
		return c.show(w, r, status, login(p))
	}
	return c.away(w, r, integrationPath(i.ID)+"/login?done=domains")
}

func domainsText(s postern.LoginSettings) string {
	if !s.RestrictDomains {
		return "Restrict domains is off."
	}
	return "Restrict domains is on, for " + strings.Join(s.Domains, ", ") + "."
}

// domainAttributes marks the fields at fault. The service names the domain in its message, so the first field whose
// value stands in it gets the cursor.
func domainAttributes(p loginPage, domain string) templ.Attributes {
	a := templ.Attributes{"autocomplete": "off", "spellcheck": "false", "autocapitalize": "off", "inputmode": "url"}
	e := p.Problems.on("domains")
	if e == nil {
		return a
	}
	if domain == "" && len(p.Form.Domains) == 0 || domain != "" && strings.Contains(strings.ToLower(e.Message), strings.ToLower(domain)) {
		a["aria-invalid"] = "true"
		a["aria-describedby"] = "domains-wrong domain-help"
		a["autofocus"] = true
	}
	return a
}
