package web

import (
	"net/http"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/docs"
)

// handPage is a set-up by hand: the same steps for those who do them themselves, and the form that tells Postern what
// they made.
type handPage struct {
	frame
	Setup    postern.Setup
	Script   postern.SetupScript
	HTML     string // of the steps in the admin centers
	Form     postern.SetupFinish
	Problems problems
}

func (p handPage) path() string { return setupPath(p.Setup.ID) + "/by-hand" }

// handForms are the forms, with what each needs.
var handForms = []struct {
	Form        postern.SetupForm
	Name, Needs string
}{
	{postern.SetupPowerShell, "PowerShell", "Needs PowerShell 7 and the module Microsoft.Graph, on the machine of an administrator. The name of the app registration stands at its top and can be changed there."},
	{postern.SetupCurl, "curl", "A shell script that sends the requests to Microsoft Graph one by one. Needs curl, jq and a token of an administrator, which it asks for."},
	{postern.SetupPortal, "Admin centers", "Blade by blade and button by button, in the Microsoft Entra and Intune admin centers."},
}

// handTabs are the forms as tabs.
func (p handPage) handTabs() []navItem {
	var items []navItem
	for _, f := range handForms {
		items = append(items, navItem{Name: f.Name, Path: p.path() + "?form=" + string(f.Form), Here: f.Form == p.Script.Form})
	}
	return items
}

func (p handPage) needs() string {
	for _, f := range handForms {
		if f.Form == p.Script.Form {
			return f.Needs
		}
	}
	return ""
}

// wantsSecret reports whether the application proves itself with a secret, which then has to be told.
func (p handPage) wantsSecret() bool { return p.Setup.Input.Credential == postern.CredentialSecret }

func (p handPage) legacy() bool { return p.Setup.Input.PermissionSet == postern.PermissionsLegacy }

// handForm is the form that the address asks for; PowerShell if it does not say.
func handForm(text string) postern.SetupForm {
	for _, f := range handForms {
		if text == string(f.Form) {
			return f.Form
		}
	}
	return postern.SetupPowerShell
}

func (c *console) byHand(w http.ResponseWriter, r *http.Request) error {
	s, err := c.loadSetup(r)
	if err != nil {
		return err
	}
	return c.showByHand(w, r, s, postern.SetupFinish{TenantID: s.TenantID, ClientID: s.ClientID, ServiceAccountUsername: s.Input.ServiceAccountUsername}, nil)
}

func (c *console) showByHand(w http.ResponseWriter, r *http.Request, s postern.Setup, form postern.SetupFinish, wrong problems) error {
	p := handPage{frame: c.setupFrame(r, "By hand"), Setup: s, Form: form, Problems: wrong}
	p.Trail = append(p.Trail, crumb{setupTitle(s), setupPath(s.ID)})
	var err error
	if p.Script, err = c.Setups.Script(r.Context(), s.ID, handForm(r.FormValue("form"))); err != nil {
		return err
	}
	if p.Script.Form == postern.SetupPortal {
		if p.HTML, err = docs.Steps(p.Script.Text); err != nil {
			return err
		}
	}
	return c.show(w, r, statusOf(wrong), byHand(p))
}

// scriptFile answers a script as a file.
func (c *console) scriptFile(w http.ResponseWriter, r *http.Request) error {
	s, err := c.loadSetup(r)
	if err != nil {
		return err
	}
	form := handForm(r.PathValue("form"))
	if string(form) != r.PathValue("form") {
		return postern.Errorf(postern.CodeNotFound, "There is no form of that name.")
	}
	script, err := c.Setups.Script(r.Context(), s.ID, form)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="`+fileName(script.Name)+`"`)
	h.Set("Cache-Control", "no-store")
	if _, err := w.Write([]byte(script.Text)); err != nil {
		c.Log.DebugContext(r.Context(), "the script could not be sent", "error", err)
	}
	return nil
}

// fileName keeps what may stand in a file name everywhere.
func fileName(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.", r) {
			return r
		}
		return '-'
	}, name)
}

func (c *console) finishSetup(w http.ResponseWriter, r *http.Request) error {
	s, err := c.loadSetup(r)
	if err != nil {
		return err
	}
	v := func(name string) string { return strings.TrimSpace(r.PostFormValue(name)) }
	in := postern.SetupFinish{
		Version: readVersion(r), TenantID: v("tenant_id"), ClientID: v("client_id"), ClientSecret: v("client_secret"),
		ServiceAccountUsername: v("service_account_username"), ServiceAccountPassword: r.PostFormValue("service_account_password"),
	}
	_, err = c.Setups.Finish(r.Context(), s.ID, in)
	if err == nil {
		return c.away(w, r, setupPath(s.ID))
	}
	wrong := problemsOf(err)
	if now, gone := c.Setups.Setup(r.Context(), s.ID); gone == nil {
		s = now
	}
	in.ClientSecret, in.ServiceAccountPassword = "", ""
	return c.showByHand(w, r, s, in, wrong)
}
