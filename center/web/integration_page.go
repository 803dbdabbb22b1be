package web

import (
	"context"
	"net/http"

	"github.com/postern/postern"
)

// integrationFrame is the frame of an integration's own pages.
type integrationFrame struct {
	frame
	Integration postern.Integration
	Tab         tab
	Added       bool // it was added a moment ago
	Enabled     bool // it was enabled a moment ago
}

// tab is one of the pages of an integration.
type tab string

const (
	tabUsers        tab = "User Management"
	tabDirectory    tab = "Directory"
	tabWorkstations tab = "Workstations"
	tabInventory    tab = "Inventory"
	tabPolicy       tab = "Passkey policy"
	tabLifecycle    tab = "Lifecycle"
	tabEnrolment    tab = "Enrolment"
	tabMessages     tab = "Messages"
	tabDrift        tab = "Drift"
	tabDoctor       tab = "Doctor"
	tabAudit        tab = "Audit Trail"
	tabLogin        tab = "Login Settings"
	tabSettings     tab = "Integration Settings"

	tabWorkstationSettings tab = "Workstation Settings"
)

// tabs lists the pages of an integration that the person may open, in their order.
func (f integrationFrame) tabs() []navItem {
	base := integrationPath(f.Integration.ID)
	var items []navItem
	for _, t := range []struct {
		tab   tab
		path  string
		needs postern.Permission
	}{
		{tabUsers, base, postern.PermUsersRead},
		{tabDirectory, peoplePath(f.Integration.ID), postern.PermUsersRead},
		{tabWorkstations, base + "/workstations", postern.PermUsersRead},
		{tabInventory, inventoryPath(f.Integration.ID), postern.PermUsersRead},
		{tabPolicy, policyPath(f.Integration.ID), postern.PermPolicyRead},
		{tabLifecycle, base + "/lifecycle", postern.PermIntegrationsRead},
		{tabEnrolment, base + "/enrolment", postern.PermIntegrationsRead},
		{tabMessages, base + "/messages", postern.PermIntegrationsRead},
		{tabDrift, driftPath(f.Integration.ID), postern.PermUsersRead},
		{tabDoctor, doctorTabPath(f.Integration.ID), postern.PermIntegrationsRead},
		{tabAudit, base + "/audit", postern.PermAuditRead},
		{tabLogin, base + "/login", postern.PermIntegrationsRead},
		{tabWorkstationSettings, offlineSettingsPath(f.Integration.ID), postern.PermIntegrationsRead},
		{tabSettings, base + "/settings", postern.PermIntegrationsRead},
	} {
		if f.May(t.needs) {
			items = append(items, navItem{Name: string(t.tab), Path: t.path, Here: t.tab == f.Tab})
		}
	}
	return items
}

func integrationPath(id postern.IntegrationID) string { return "/integrations/" + string(id) }

// integrationID reads the identifier from the address; what cannot be one is simply not there.
func integrationID(r *http.Request) (postern.IntegrationID, error) {
	id := r.PathValue("integration")
	if !postern.ValidID(id, postern.PrefixIntegration) {
		return "", postern.Errorf(postern.CodeNotFound, "There is no integration with that identifier.")
	}
	return postern.IntegrationID(id), nil
}

// integration loads the integration of the address.
func (c *console) integration(r *http.Request) (postern.Integration, error) {
	id, err := integrationID(r)
	if err != nil {
		return postern.Integration{}, err
	}
	return c.Integrations.Get(r.Context(), id)
}

// integrationFrame begins a page of an integration.
func (c *console) integrationFrame(r *http.Request, i postern.Integration, t tab) integrationFrame {
	f := integrationFrame{
		frame:       c.frame(r, sectionIntegrations, i.ApplicationName+": "+string(t)),
		Integration: i, Tab: t,
		Added:   r.URL.Query().Has("added"),
		Enabled: r.URL.Query().Has("enabled"),
	}
	f.frame.Trail = []crumb{{"Integrations", "/integrations"}}
	return f
}

// sheetFrame begins a confirmation or small form of an integration.
func (c *console) sheetFrame(r *http.Request, i postern.Integration, title string) frame {
	f := c.frame(r, sectionIntegrations, title)
	f.Trail = []crumb{{"Integrations", "/integrations"}, {i.ApplicationName, integrationPath(i.ID)}}
	return f
}

// fresh returns what is stored now, for a page that has to explain that it changed meanwhile.
func (c *console) fresh(ctx context.Context, i postern.Integration) postern.Integration {
	now, err := c.Integrations.Get(ctx, i.ID)
	if err != nil {
		return i
	}
	return now
}
