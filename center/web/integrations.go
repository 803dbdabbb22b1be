package web

import (
	"net/http"

	"github.com/postern/postern"
)

// integrationsPage lists what is connected.
type integrationsPage struct {
	frame
	List []postern.Integration
}

func (c *console) integrations(w http.ResponseWriter, r *http.Request) error {
	list, err := c.Integrations.List(r.Context())
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, integrations(integrationsPage{
		frame: c.frame(r, sectionIntegrations, "Integrations"), List: list,
	}))
}
