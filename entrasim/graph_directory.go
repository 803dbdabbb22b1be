package entrasim

import (
	"net/http"
	"slices"
	"strings"
)

func directoryRoutes() []graphRoute {
	organization := permission{
		app:       []string{"Organization.Read.All", "Directory.Read.All", "Directory.ReadWrite.All"},
		delegated: []string{"User.Read", "Organization.Read.All", "Directory.Read.All", "Directory.ReadWrite.All", "Directory.AccessAsUser.All"},
	}
	domains := permission{
		app:       []string{"Domain.Read.All", "Directory.Read.All", "Directory.ReadWrite.All"},
		delegated: []string{"Domain.Read.All", "Directory.Read.All", "Directory.ReadWrite.All", "Directory.AccessAsUser.All"},
	}
	skus := permission{
		app:       []string{"Organization.Read.All", "Directory.Read.All", "Directory.ReadWrite.All"},
		delegated: []string{"Organization.Read.All", "Directory.Read.All", "Directory.ReadWrite.All", "Directory.AccessAsUser.All"},
	}
	return []graphRoute{
		{method: "GET", pattern: "organization", need: organization, handle: (*graphCall).listOrganization},
		{method: "GET", pattern: "organization/{tenant}", need: organization, handle: (*graphCall).getOrganization},
		{method: "GET", pattern: "domains", need: domains, handle: (*graphCall).listDomains},
		{method: "GET", pattern: "subscribedskus", need: skus, handle: (*graphCall).listSkus},
	}
}

func (c *graphCall) organizationObject() object {
	var domains, plans []object
	mails, synced := []string{}, any(nil)
	c.tenant.view(func() {
		mails, plans = append(mails, c.tenant.TechnicalMails...), c.tenant.assignedPlans()
		if !c.tenant.CloudOnly {
			synced = true
		}
		for _, d := range c.tenant.Domains {
			domains = append(domains, object{"name": d, "isInitial": d == c.tenant.Domain, "isDefault": d == c.tenant.Domain, "type": "Managed", "capabilities": "Email, OfficeCommunicationsOnline"})
		}
	})
	return object{
		"id": c.tenant.ID, "displayName": c.tenant.Name, "createdDateTime": shown(c.tenant.Created), "countryLetterCode": "IE", "preferredLanguage": "en",
		"tenantType": "AAD", "verifiedDomains": domains, "onPremisesSyncEnabled": synced, "technicalNotificationMails": mails, "assignedPlans": plans,
	}
}

func (c *graphCall) listOrganization() {
	c.collection("organization", []object{c.pick(c.organizationObject())}, nil)
}

func (c *graphCall) getOrganization() {
	if !strings.EqualFold(c.param["tenant"], c.tenant.ID) {
		c.notFound(c.param["tenant"])
		return
	}
	c.entity(http.StatusOK, "organization/$entity", c.pick(c.organizationObject()))
}

func (c *graphCall) listDomains() {
	var values []object
	c.tenant.view(func() {
		for _, d := range c.tenant.Domains {
			values = append(values, object{
				"id": d, "authenticationType": "Managed", "isAdminManaged": true, "isDefault": d == c.tenant.Domain,
				"isInitial": d == c.tenant.Domain, "isRoot": true, "isVerified": true, "supportedServices": []string{"Email", "OfficeCommunicationsOnline"},
			})
		}
	})
	c.filtered("domains", values)
}

// derivedID is an id that follows from others.
func derivedID(parts ...string) string {
	h := pairwise(strings.Join(parts, "|"), "derived")
	return guid([]byte(h)[:16])
}

// pick keeps the selected members of an object.
func (c *graphCall) pick(o object) object {
	selected := c.selected()
	if selected == nil {
		return o
	}
	out := object{}
	for k, v := range o {
		if slices.Contains(selected, strings.ToLower(k)) || strings.HasPrefix(k, "@") {
			out[k] = v
		}
	}
	return out
}

// filtered answers a short list under $filter, in one page.
func (c *graphCall) filtered(context string, values []object) {
	if q := c.q.Get("$filter"); q != "" {
		f, err := parseFilter(q)
		if err != nil {
			c.fail(http.StatusBadRequest, "BadRequest", err.Error())
			return
		}
		values = slices.DeleteFunc(values, func(o object) bool {
			return !f.match(func(path string) any { return lookup(o, path) })
		})
	}
	for i := range values {
		values[i] = c.pick(values[i])
	}
	c.collection(context, values, nil)
}
