package web

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/a-h/templ"

	"github.com/postern/postern"
)

// Setups is what the console needs of package setup.
type Setups interface {
	Begin(ctx context.Context, in postern.SetupInput) (postern.Setup, error)
	Setups(ctx context.Context) ([]postern.Setup, error)
	Setup(ctx context.Context, id postern.SetupID) (postern.Setup, error)
	SignIn(ctx context.Context, id postern.SetupID, act postern.SetupAct) (postern.Setup, error)
	Look(ctx context.Context, id postern.SetupID, act postern.SetupAct) (postern.Setup, error)
	Apply(ctx context.Context, id postern.SetupID, act postern.SetupAct) (postern.Setup, error)
	Undo(ctx context.Context, id postern.SetupID, act postern.SetupAct) (postern.Setup, error)
	Finish(ctx context.Context, id postern.SetupID, in postern.SetupFinish) (postern.Setup, error)
	Script(ctx context.Context, id postern.SetupID, form postern.SetupForm) (postern.SetupScript, error)
	Forget(ctx context.Context, id postern.SetupID, version int64) error
}

const setupsPath = "/setups"

func setupPath(id postern.SetupID) string { return setupsPath + "/" + string(id) }

// setupsPage lists set-ups.
type setupsPage struct {
	frame
	List []postern.Setup
}

func (c *console) setups(w http.ResponseWriter, r *http.Request) error {
	p := setupsPage{frame: c.newFrame(r, "Set-ups")}
	p.Trail = append(p.Trail, crumb{"Add New Integrations", "/integrations/new"})
	var err error
	if p.List, err = c.Setups.Setups(r.Context()); err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, setups(p))
}

// setupPage is one set-up, wherever it stands.
type setupPage struct {
	frame
	Setup       postern.Setup
	Integration *postern.Integration // what came of it, if it is still there
	Problems    problems             // of what was just asked for
	Still       bool                 // do not ask again: the storybook has nobody to ask
}

func (p setupPage) path() string { return setupPath(p.Setup.ID) }

// change reports whether the person may do anything here.
func (p setupPage) change() bool { return p.May(postern.PermIntegrationsWrite) }

// signedIn reports whether an administrator is signed in, with the rights to write where they are asked for.
func (p setupPage) signedIn(write bool) bool {
	a := p.Setup.Administrator
	return a != nil && p.Now.Before(a.ExpiresAt) && (a.Write || !write)
}

// setupSeen is what the page knows, so that it is sent again only when something happened.
func setupSeen(s postern.Setup) string {
	return strconv.FormatInt(s.Version, 10) + "-" + strconv.FormatInt(s.UpdatedAt.UnixNano(), 36)
}

// moves reports whether the set-up goes on by itself.
func moves(s postern.Setup) bool {
	switch s.State {
	case postern.SetupSigningIn, postern.SetupLooking, postern.SetupApplying, postern.SetupUndoing:
		return true
	}
	return false
}

// poll makes the page ask for itself while something may happen.
func (p setupPage) poll() templ.Attributes {
	if p.Still || !moves(p.Setup) {
		return nil
	}
	q := url.Values{"seen": {setupSeen(p.Setup)}}
	return templ.Attributes{"hx-get": p.path() + "/progress?" + q.Encode(), "hx-trigger": "every 2s", "hx-swap": "outerMorph", "hx-target": "this"}
}

func (c *console) loadSetup(r *http.Request) (postern.Setup, error) {
	id := r.PathValue("setup")
	if !postern.ValidID(id, postern.PrefixSetup) {
		return postern.Setup{}, postern.Errorf(postern.CodeNotFound, "There is no set-up with that identifier.")
	}
	return c.Setups.Setup(r.Context(), postern.SetupID(id))
}

func (c *console) setupFrame(r *http.Request, title string) frame {
	f := c.newFrame(r, title)
	f.Trail = append(f.Trail, crumb{"Set-ups", setupsPath})
	return f
}

func (c *console) setupPage(r *http.Request, s postern.Setup) (setupPage, error) {
	p := setupPage{frame: c.setupFrame(r, setupTitle(s)), Setup: s}
	if s.IntegrationID == "" {
		return p, nil
	}
	i, err := c.Integrations.Get(r.Context(), s.IntegrationID)
	switch {
	case err == nil:
		p.Integration = &i
	case !postern.IsCode(err, postern.CodeNotFound):
		return p, err
	}
	return p, nil
}

func (c *console) setup(w http.ResponseWriter, r *http.Request) error {
	s, err := c.loadSetup(r)
	if err != nil {
		return err
	}
	return c.showSetup(w, r, s, nil)
}

func (c *console) showSetup(w http.ResponseWriter, r *http.Request, s postern.Setup, wrong problems) error {
	p, err := c.setupPage(r, s)
	if err != nil {
		return err
	}
	p.Problems = wrong
	return c.show(w, r, statusOf(wrong), setup(p))
}

// setupProgress answers the page that asks again and again: with the whole when something happened, and with nothing
// when not.
func (c *console) setupProgress(w http.ResponseWriter, r *http.Request) error {
	s, err := c.loadSetup(r)
	if err != nil {
		return err
	}
	if r.URL.Query().Get("seen") == setupSeen(s) {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	p, err := c.setupPage(r, s)
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, setupBody(p))
}

// setupAct is what a person asks for with one button. What is refused is said on the page as it stands now.
func (c *console) setupAct(act func(ctx context.Context, id postern.SetupID, act postern.SetupAct) (postern.Setup, error)) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		s, err := c.loadSetup(r)
		if err != nil {
			return err
		}
		in := postern.SetupAct{Version: readVersion(r), Write: r.PostFormValue("write") == "true"}
		if _, err := act(r.Context(), s.ID, in); err != nil {
			now, gone := c.Setups.Setup(r.Context(), s.ID)
			if gone != nil {
				return err
			}
			return c.showSetup(w, r, now, problemsOf(err))
		}
		return c.away(w, r, setupPath(s.ID))
	}
}

// undoPage asks before a set-up is undone.
type undoPage struct {
	frame
	Setup    postern.Setup
	Problems problems
}

func (c *console) undoSetup(w http.ResponseWriter, r *http.Request) error {
	s, err := c.loadSetup(r)
	if err != nil {
		return err
	}
	p := undoPage{frame: c.setupFrame(r, "Undo this set-up?"), Setup: s}
	p.Trail = append(p.Trail, crumb{setupTitle(s), setupPath(s.ID)})
	if r.Method == http.MethodPost {
		_, err := c.Setups.Undo(r.Context(), s.ID, postern.SetupAct{Version: readVersion(r), Write: true})
		if err == nil {
			return c.away(w, r, setupPath(s.ID))
		}
		p.Problems = problemsOf(err)
	}
	return c.show(w, r, statusOf(p.Problems), confirmUndo(p))
}

func (c *console) forgetSetup(w http.ResponseWriter, r *http.Request) error {
	s, err := c.loadSetup(r)
	if err != nil {
		return err
	}
	p := actPage{
		frame: c.setupFrame(r, "Forget this set-up?"), Path: r.URL.Path, Back: setupPath(s.ID), Button: "Forget it", Version: s.Version,
		Text: "Postern forgets what was chosen and what it holds for this set-up, the private key of a certificate that is not in use among it. Nothing in the tenant changes, and it can be undone from here no more.",
	}
	p.Trail = append(p.Trail, crumb{setupTitle(s), setupPath(s.ID)})
	if r.Method == http.MethodPost {
		err := c.Setups.Forget(r.Context(), s.ID, readVersion(r))
		if err == nil {
			return c.away(w, r, setupsPath+"?done=setup-forgotten")
		}
		p.Problems = problemsOf(err)
	}
	return c.show(w, r, statusOf(p.Problems), confirmAct(p))
}
