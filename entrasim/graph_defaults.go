package entrasim

import "net/http"

func defaultsRoutes() []graphRoute {
	read := permission{
		app: []string{"Policy.Read.All"}, delegated: []string{"Policy.Read.All"},
		roles: []string{roleConditionalAccessAdmin, roleSecurityAdministrator, roleGlobalReader},
	}
	write := permission{
		app: []string{"Policy.Read.All+Policy.ReadWrite.ConditionalAccess"}, delegated: []string{"Policy.Read.All+Policy.ReadWrite.ConditionalAccess"},
		roles: []string{roleConditionalAccessAdmin, roleSecurityAdministrator},
	}
	const path = "policies/identitysecuritydefaultsenforcementpolicy"
	return []graphRoute{
		{method: "GET", pattern: path, need: read, handle: (*graphCall).getSecurityDefaults},
		{method: "PATCH", pattern: path, need: write, handle: (*graphCall).patchSecurityDefaults},
	}
}

func (c *graphCall) getSecurityDefaults() {
	on := false
	c.tenant.view(func() { on = c.tenant.SecurityDefaults })
	c.entity(http.StatusOK, "policies/identitySecurityDefaultsEnforcementPolicy/$entity", c.pick(object{
		"id": "00000000-0000-0000-0000-000000000005", "displayName": "Security Defaults", "isEnabled": on, "deletedDateTime": nil,
		"description": "Security defaults is a set of basic identity security mechanisms recommended by Microsoft.",
	}))
}

func (c *graphCall) patchSecurityDefaults() {
	var b struct {
		On *bool `json:"isEnabled"`
	}
	if !c.body(&b) {
		return
	}
	if b.On == nil {
		c.fail(http.StatusBadRequest, "BadRequest", "The property 'isEnabled' is missing.")
		return
	}
	c.tenant.update(func() { c.tenant.SecurityDefaults = *b.On })
	c.audit(Audit{
		Service: serviceCore, Category: "Policy", Activity: "Update policy", Operation: "Update", TargetType: "Policy", TargetName: "Security Defaults",
		Changes: []AuditChange{{Name: "isEnabled", New: auditJSON(*b.On)}},
	})
	c.noContent()
}
