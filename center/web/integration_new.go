package web

import (
	"net/http"
	"slices"

	"github.com/postern/postern"
)

// newIntegrationPage is the first two steps of adding an integration: what to connect, and how people sign in.
type newIntegrationPage struct {
	frame
	Flags    postern.FlagSet // for new integrations
	Begun    []postern.Setup // set-ups that have not come to their end
	Problems problems
}

// offersEntra and offersNative are the effects of the two flags that decide what is offered.
func (p newIntegrationPage) offersEntra() bool  { return p.Flags[postern.FlagAzureIDP] }
func (p newIntegrationPage) offersNative() bool { return p.Flags[postern.FlagAzureNativeLogin] }

func (c *console) newFrame(r *http.Request, title string) frame {
	f := c.frame(r, sectionIntegrations, title)
	f.Trail = []crumb{{"Integrations", "/integrations"}}
	return f
}

func (c *console) chooseIntegration(w http.ResponseWriter, r *http.Request) error {
	flags, err := c.Integrations.Offered(r.Context())
	if err != nil {
		return err
	}
	p := newIntegrationPage{frame: c.newFrame(r, "Add New Integrations"), Flags: flags}
	if p.Begun, err = c.Setups.Setups(r.Context()); err != nil {
		return err
	}
	p.Begun = slices.DeleteFunc(p.Begun, func(s postern.Setup) bool { return s.State == postern.SetupReady || s.State == postern.SetupUndone })
	return c.show(w, r, http.StatusOK, chooseIntegration(p))
}

func (c *console) chooseExperience(w http.ResponseWriter, r *http.Request) error {
	flags, err := c.Integrations.Offered(r.Context())
	if err != nil {
		return err
	}
	p := newIntegrationPage{frame: c.newFrame(r, "Login experience"), Flags: flags}
	p.frame.Trail = append(p.frame.Trail, crumb{"Add New Integrations", "/integrations/new"})
	if !p.offersEntra() {
		return c.away(w, r, "/integrations/new")
	}
	return c.show(w, r, http.StatusOK, chooseExperience(p))
}

// offeredFlags shows the flags with which new integrations start.
func (c *console) offeredFlags(w http.ResponseWriter, r *http.Request) error {
	flags, err := c.Integrations.Offered(r.Context())
	if err != nil {
		return err
	}
	p := newIntegrationPage{frame: c.newFrame(r, "Feature flags for new integrations"), Flags: flags}
	p.frame.Trail = append(p.frame.Trail, crumb{"Add New Integrations", "/integrations/new"})
	return c.show(w, r, http.StatusOK, offeredFlags(p))
}

func (c *console) setOfferedFlag(w http.ResponseWriter, r *http.Request) error {
	flags, err := c.Integrations.Offered(r.Context())
	if err != nil {
		return err
	}
	if err := c.Integrations.SetOffered(r.Context(), turned(flags, r)); err != nil {
		return err
	}
	return c.away(w, r, "/integrations/new/flags?done=offered")
}

// turned is the set with the one flag of the form switched.
func turned(set postern.FlagSet, r *http.Request) postern.FlagSet {
	next := make(postern.FlagSet, len(postern.Flags))
	for flag, on := range set {
		next[flag] = on
	}
	next[postern.Flag(r.PostFormValue("flag"))] = r.PostFormValue("on") == "true"
	return next
}
