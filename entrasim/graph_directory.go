package entrasim

import (
	"encoding/hex"
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
	applications := permission{
		app:       []string{"Application.Read.All", "Application.ReadWrite.All", "Application.ReadWrite.OwnedBy", "Directory.Read.All", "Directory.ReadWrite.All"},
		delegated: []string{"Application.Read.All", "Application.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All", "Directory.AccessAsUser.All"},
	}
	roles := permission{
		app:       []string{"RoleManagement.Read.Directory", "RoleManagement.ReadWrite.Directory", "Directory.Read.All", "Directory.ReadWrite.All"},
		delegated: []string{"RoleManagement.Read.Directory", "RoleManagement.ReadWrite.Directory", "Directory.Read.All", "Directory.ReadWrite.All", "Directory.AccessAsUser.All"},
	}
	return []graphRoute{
		{method: "GET", pattern: "organization", need: organization, handle: (*graphCall).listOrganization},
		{method: "GET", pattern: "organization/{tenant}", need: organization, handle: (*graphCall).getOrganization},
		{method: "GET", pattern: "domains", need: domains, handle: (*graphCall).listDomains},
		{method: "GET", pattern: "serviceprincipals", need: applications, handle: (*graphCall).listServicePrincipals},
		{method: "GET", pattern: "serviceprincipals/{principal}", need: applications, handle: (*graphCall).getServicePrincipal},
		{method: "GET", pattern: "serviceprincipals/{principal}/approleassignments", need: applications, cost: 2, handle: (*graphCall).listAppRoleAssignments},
		{method: "GET", pattern: "serviceprincipals/{principal}/oauth2permissiongrants", need: applications, handle: (*graphCall).listPermissionGrants},
		{method: "GET", pattern: "applications", need: applications, cost: 2, handle: (*graphCall).listApplications},
		{method: "GET", pattern: "applications/{application}", need: applications, cost: 2, handle: (*graphCall).getApplication},
		{method: "GET", pattern: "directoryroles", need: roles, handle: (*graphCall).listDirectoryRoles},
		{method: "GET", pattern: "directoryroles/{role}/members", need: roles, handle: (*graphCall).listRoleMembers},
		{method: "GET", pattern: "rolemanagement/directory/roleassignments", need: roles, handle: (*graphCall).listRoleAssignments},
		{method: "GET", pattern: "rolemanagement/directory/roledefinitions", need: roles, handle: (*graphCall).listRoleDefinitions},
		{method: "GET", pattern: "rolemanagement/directory/roledefinitions/{role}", need: roles, handle: (*graphCall).getRoleDefinition},
	}
}

func (c *graphCall) organizationObject() object {
	var domains []object
	c.tenant.view(func() {
		for _, d := range c.tenant.Domains {
			domains = append(domains, object{"name": d, "isInitial": d == c.tenant.Domain, "isDefault": d == c.tenant.Domain, "type": "Managed", "capabilities": "Email, OfficeCommunicationsOnline"})
		}
	})
	return object{
		"id": c.tenant.ID, "displayName": c.tenant.Name, "createdDateTime": shown(c.tenant.Created), "countryLetterCode": "IE", "preferredLanguage": "en",
		"tenantType": "AAD", "verifiedDomains": domains, "onPremisesSyncEnabled": true, "technicalNotificationMails": []string{},
		"assignedPlans": []object{{"service": "AADPremiumService", "servicePlanId": "41781fb2-bc02-4b7c-bd55-b576c07bb09d", "capabilityStatus": "Enabled"}},
	}
}

func (c *graphCall) listOrganization() {
	c.collection("organization", []object{c.organizationObject()}, nil)
}

func (c *graphCall) getOrganization() {
	if !strings.EqualFold(c.param["tenant"], c.tenant.ID) {
		c.notFound(c.param["tenant"])
		return
	}
	c.entity(http.StatusOK, "organization/$entity", c.organizationObject())
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
	c.collection("domains", values, nil)
}

// graphPrincipalID is the object id of Microsoft Graph's service principal in a tenant.
func (t *Tenant) graphPrincipalID() string { return derivedID(t.ID, "graph") }

// derivedID is an id that follows from others.
func derivedID(parts ...string) string {
	h := pairwise(strings.Join(parts, "|"), "derived")
	return guid([]byte(h)[:16])
}

// graphPrincipal is the service principal of Microsoft Graph with everything it offers.
func (c *graphCall) graphPrincipal() object {
	roles, scopes := []object{}, []object{}
	for _, p := range graphPermissions {
		if p.role != "" {
			roles = append(roles, object{
				"id": p.role, "value": p.name, "allowedMemberTypes": []string{"Application"}, "displayName": p.name, "description": p.name,
				"isEnabled": true, "origin": "Application",
			})
		}
		if p.scope != "" {
			kind := "User"
			if strings.HasSuffix(p.name, ".All") || strings.HasPrefix(p.name, "Policy.") || strings.HasPrefix(p.name, "RoleManagement.") {
				kind = "Admin"
			}
			scopes = append(scopes, object{
				"id": p.scope, "value": p.name, "type": kind, "isEnabled": true, "adminConsentDisplayName": p.name, "adminConsentDescription": p.name,
				"userConsentDisplayName": nil, "userConsentDescription": nil,
			})
		}
	}
	return object{
		"id": c.tenant.graphPrincipalID(), "appId": graphAppID, "displayName": "Microsoft Graph", "servicePrincipalType": "Application",
		"accountEnabled": true, "appRoles": roles, "oauth2PermissionScopes": scopes, "servicePrincipalNames": []string{graphAppID, graphResource},
	}
}

func showServicePrincipal(a *Application) object {
	return object{
		"id": a.ServicePrincipalID, "appId": a.AppID, "displayName": a.DisplayName, "servicePrincipalType": "Application", "accountEnabled": !a.Disabled,
		"appRoles": []object{}, "oauth2PermissionScopes": []object{}, "servicePrincipalNames": []string{a.AppID}, "replyUrls": append([]string{}, a.RedirectURIs...),
	}
}

func showApplication(a *Application) object {
	secrets, keys := []object{}, []object{}
	for _, s := range a.Secrets {
		secrets = append(secrets, object{
			"keyId": s.KeyID, "displayName": text(s.DisplayName), "hint": s.Value[:min(3, len(s.Value))], "secretText": nil,
			"customKeyIdentifier": nil, "startDateTime": shown(s.From), "endDateTime": shown(s.Until),
		})
	}
	for _, k := range a.Certificates {
		keys = append(keys, object{
			"keyId": k.KeyID, "displayName": text(k.DisplayName), "type": "AsymmetricX509Cert", "usage": "Verify", "key": nil,
			"customKeyIdentifier": strings.ToUpper(hex.EncodeToString(sha1Sum(k.DER))), "startDateTime": shown(k.From), "endDateTime": shown(k.Until),
		})
	}
	access := []object{}
	for _, name := range a.Roles {
		if p, ok := permissionByName(name); ok && p.role != "" {
			access = append(access, object{"id": p.role, "type": "Role"})
		}
	}
	for _, name := range a.Scopes {
		if p, ok := permissionByName(name); ok && p.scope != "" {
			access = append(access, object{"id": p.scope, "type": "Scope"})
		}
	}
	return object{
		"id": a.ID, "appId": a.AppID, "displayName": a.DisplayName, "createdDateTime": shown(a.Created), "signInAudience": "AzureADMyOrg",
		"isFallbackPublicClient": a.PublicClient, "publicClient": object{"redirectUris": append([]string{}, a.RedirectURIs...)}, "web": object{"redirectUris": []string{}},
		"passwordCredentials": secrets, "keyCredentials": keys,
		"requiredResourceAccess": []object{{"resourceAppId": graphAppID, "resourceAccess": access}},
	}
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

// ownedOnly says that the caller sees no application but those it owns; seeded applications own themselves.
func (c *graphCall) apps() (list []*Application) {
	only := c.who.UserID == "" && !holds(c.who.Roles, []string{"Application.Read.All", "Application.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"})
	for _, id := range c.tenant.AppOrder {
		if a := c.tenant.Apps[id]; a != nil && (!only || a.AppID == c.who.AppID) {
			list = append(list, a)
		}
	}
	return list
}

func (c *graphCall) listServicePrincipals() {
	values := []object{c.graphPrincipal()}
	c.tenant.view(func() {
		for _, a := range c.apps() {
			values = append(values, showServicePrincipal(a))
		}
	})
	c.filtered("servicePrincipals", values)
}

// principal finds a service principal by object id or appId; app is nil for Microsoft Graph's.
func (c *graphCall) principal() (app *Application, ok bool) {
	key := strings.ToLower(c.param["principal"])
	if key == "appid="+graphAppID || key == c.tenant.graphPrincipalID() {
		return nil, true
	}
	for _, a := range c.apps() {
		if key == "appid="+a.AppID || key == a.ServicePrincipalID {
			return a, true
		}
	}
	return nil, false
}

func (c *graphCall) getServicePrincipal() {
	var out object
	c.tenant.view(func() {
		switch a, ok := c.principal(); {
		case !ok:
		case a == nil:
			out = c.graphPrincipal()
		default:
			out = showServicePrincipal(a)
		}
	})
	if out == nil {
		c.notFound(c.param["principal"])
		return
	}
	c.entity(http.StatusOK, "servicePrincipals/$entity", c.pick(out))
}

func (c *graphCall) listAppRoleAssignments() {
	values, found := []object{}, false
	c.tenant.view(func() {
		a, ok := c.principal()
		if found = ok; a == nil {
			return
		}
		for _, name := range a.Roles {
			p, _ := permissionByName(name)
			values = append(values, object{
				"id": derivedID(a.AppID, name), "appRoleId": p.role, "createdDateTime": shown(a.Created), "deletedDateTime": nil,
				"principalDisplayName": a.DisplayName, "principalId": a.ServicePrincipalID, "principalType": "ServicePrincipal",
				"resourceDisplayName": "Microsoft Graph", "resourceId": c.tenant.graphPrincipalID(),
			})
		}
	})
	if !found {
		c.notFound(c.param["principal"])
		return
	}
	c.filtered("appRoleAssignments", values)
}

func (c *graphCall) listPermissionGrants() {
	values, found := []object{}, false
	c.tenant.view(func() {
		a, ok := c.principal()
		if found = ok; a == nil || len(a.Scopes) == 0 {
			return
		}
		values = append(values, object{
			"id": derivedID(a.AppID, "grant"), "clientId": a.ServicePrincipalID, "consentType": "AllPrincipals", "principalId": nil,
			"resourceId": c.tenant.graphPrincipalID(), "scope": strings.Join(a.Scopes, " "),
		})
	})
	if !found {
		c.notFound(c.param["principal"])
		return
	}
	c.filtered("oauth2PermissionGrants", values)
}

func (c *graphCall) listApplications() {
	var values []object
	c.tenant.view(func() {
		for _, a := range c.apps() {
			values = append(values, showApplication(a))
		}
	})
	c.filtered("applications", values)
}

func (c *graphCall) getApplication() {
	key := strings.ToLower(c.param["application"])
	var out object
	c.tenant.view(func() {
		for _, a := range c.apps() {
			if key == "appid="+a.AppID || key == a.ID {
				out = showApplication(a)
			}
		}
	})
	if out == nil {
		c.notFound(c.param["application"])
		return
	}
	c.entity(http.StatusOK, "applications/$entity", c.pick(out))
}
