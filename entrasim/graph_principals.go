package entrasim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

func principalRoutes() []graphRoute {
	return []graphRoute{
		{method: "GET", pattern: "serviceprincipals", need: readApplications, handle: (*graphCall).listServicePrincipals},
		{method: "POST", pattern: "serviceprincipals", need: writeApplications, handle: (*graphCall).createServicePrincipal},
		{method: "GET", pattern: "serviceprincipals/{principal}", need: readApplications, handle: (*graphCall).getServicePrincipal},
		{method: "PATCH", pattern: "serviceprincipals/{principal}", need: writeApplications, handle: (*graphCall).patchServicePrincipal},
		{method: "DELETE", pattern: "serviceprincipals/{principal}", need: writeApplications, handle: (*graphCall).deleteServicePrincipal},
	}
}

// microsoftTenant is the directory Microsoft's own applications are registered in.
const microsoftTenant = "f8cdef31-a31e-4b4a-93e4-5f571e91255a"

// graphPrincipalID is the object id of Microsoft Graph's service principal in a tenant.
func (t *Tenant) graphPrincipalID() string { return derivedID(t.ID, "graph") }

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
			if p.adminOnly() {
				kind = "Admin"
			}
			scopes = append(scopes, object{
				"id": p.scope, "value": p.name, "type": kind, "isEnabled": true, "adminConsentDisplayName": p.name, "adminConsentDescription": p.name,
				"userConsentDisplayName": nil, "userConsentDescription": nil,
			})
		}
	}
	o := principalDefaults()
	for name, v := range (object{
		"id": c.tenant.graphPrincipalID(), "appId": graphAppID, "displayName": "Microsoft Graph", "appDisplayName": "Microsoft Graph", "accountEnabled": true, "appRoles": roles,
		"oauth2PermissionScopes": scopes, "servicePrincipalNames": []string{graphAppID, graphResource}, "appOwnerOrganizationId": microsoftTenant,
		"createdDateTime": shown(c.tenant.Created), "signInAudience": "AzureADMultipleOrgs",
	}) {
		o[name] = v
	}
	return o
}

// principalDefaults are the members of a service principal nobody set.
func principalDefaults() object {
	return object{
		"servicePrincipalType": "Application", "appRoles": []object{}, "oauth2PermissionScopes": []object{}, "tags": []string{}, "notes": nil, "description": nil,
		"keyCredentials": []object{}, "passwordCredentials": []object{}, "appRoleAssignmentRequired": false, "alternativeNames": []string{}, "homepage": nil,
		"loginUrl": nil, "logoutUrl": nil, "notificationEmailAddresses": []string{}, "preferredSingleSignOnMode": nil, "disabledByMicrosoftStatus": nil,
		"deletedDateTime": nil, "applicationTemplateId": nil, "replyUrls": []string{},
	}
}

func (c *graphCall) showServicePrincipal(a *Application) object {
	o := overlay(principalDefaults(), a.Presented)
	owner, audience := c.tenant.ID, any("AzureADMyOrg")
	if a.FirstParty {
		owner, audience = microsoftTenant, "AzureADMultipleOrgs"
	} else if raw, ok := a.Registered["signInAudience"]; ok {
		_ = json.Unmarshal(raw, &audience) // it was checked
	}
	created := a.PrincipalCreated
	if created.IsZero() {
		created = a.Created
	}
	for name, v := range (object{
		"id": a.ServicePrincipalID, "appId": a.AppID, "displayName": a.DisplayName, "appDisplayName": a.DisplayName, "accountEnabled": !a.Disabled,
		"servicePrincipalNames": []string{a.AppID}, "replyUrls": append([]string{}, a.redirects()...), "appOwnerOrganizationId": owner,
		"createdDateTime": shown(created), "signInAudience": audience,
	}) {
		o[name] = v
	}
	return o
}

// hasPrincipal says whether reads show a service principal of the application.
func (a *Application) hasPrincipal(now time.Time) bool {
	return a.ServicePrincipalID != "" && !now.Before(a.PrincipalVisible)
}

func (c *graphCall) listServicePrincipals() {
	values := []object{c.graphPrincipal()}
	now := c.s.now()
	c.tenant.view(func() {
		for _, a := range c.apps() {
			if a.hasPrincipal(now) {
				values = append(values, c.showServicePrincipal(a))
			}
		}
	})
	c.filtered("servicePrincipals", values)
}

// principal finds the service principal a call addresses, by object id or client id; app is nil for Microsoft Graph's. The
// caller holds the lock.
func (c *graphCall) principal() (app *Application, ok bool) {
	key := strings.ToLower(c.param["principal"])
	if key == "appid="+graphAppID || key == c.tenant.graphPrincipalID() {
		return nil, true
	}
	app = c.tenant.principalApp(key, c.s.now())
	if app == nil || !c.reaches(app, everyApplication) {
		return nil, false
	}
	return app, true
}

// principalApp finds the application of a service principal by its object id or by appid=…. The caller holds the lock.
func (t *Tenant) principalApp(key string, now time.Time) *Application {
	key = strings.ToLower(key)
	for _, a := range t.Apps {
		if a.hasPrincipal(now) && (key == "appid="+a.AppID || key == a.ServicePrincipalID) {
			return a
		}
	}
	return nil
}

func (c *graphCall) getServicePrincipal() {
	var out object
	c.tenant.view(func() {
		switch a, ok := c.principal(); {
		case !ok:
		case a == nil:
			out = c.graphPrincipal()
		default:
			out = c.showServicePrincipal(a)
		}
	})
	if out == nil {
		c.notFound(c.param["principal"])
		return
	}
	c.entity(http.StatusOK, "servicePrincipals/$entity", c.pick(out))
}

func (c *graphCall) createServicePrincipal() {
	b, ok := c.principalBody()
	if !ok {
		return
	}
	if b.appID == "" {
		c.badRequest("Required property 'appId' is missing or empty.")
		return
	}
	now := c.s.now().UTC()
	var out object
	status, problem := http.StatusBadRequest, ""
	c.tenant.update(func() {
		a := c.tenant.app(b.appID)
		switch {
		case strings.EqualFold(b.appID, graphAppID), a != nil && a.ServicePrincipalID != "":
			status = http.StatusConflict
			problem = fmt.Sprintf("The service principal cannot be created, updated, or restored because the service principal name %s is already in use.", b.appID)
		case a == nil || now.Before(a.VisibleAt):
			problem = fmt.Sprintf("The appId '%s' of the service principal does not reference a valid application object.", b.appID)
		case !c.reaches(a, everyApplicationWrites):
			status = http.StatusForbidden
		default:
			a.ServicePrincipalID, a.PrincipalCreated = c.s.newID(), now.Truncate(time.Second)
			if a.FirstParty {
				c.tenant.AppOrder = append(c.tenant.AppOrder, a.AppID)
			}
			if d := time.Duration(c.s.Levers().ReplicationDelay); d > 0 {
				a.PrincipalVisible = now.Add(d)
			}
			b.apply(a)
			out = c.showServicePrincipal(a)
		}
	})
	switch {
	case out != nil:
		id, _ := out["id"].(string)
		name, _ := out["displayName"].(string)
		c.auditPrincipal("Add service principal", "Add", id, name)
		c.w.Header().Set("Location", c.base()+"/directoryObjects/"+id+"/Microsoft.DirectoryServices.ServicePrincipal")
		c.entity(http.StatusCreated, "servicePrincipals/$entity", out)
	case status == http.StatusForbidden:
		c.denied()
	case status == http.StatusConflict:
		c.fail(status, "Request_MultipleObjectsWithSameKeyValue", problem)
	default:
		c.badRequest(problem)
	}
}

// principalBody is what POST and PATCH of a service principal carry.
type principalBody struct {
	appID   string
	enabled *bool
	members map[string]json.RawMessage
}

// presentedMembers are kept as they are given.
var presentedMembers = []string{
	"tags", "notes", "description", "appRoleAssignmentRequired", "alternativeNames", "homepage", "loginUrl", "logoutUrl", "notificationEmailAddresses",
	"preferredSingleSignOnMode", "servicePrincipalType",
}

func (c *graphCall) principalBody() (*principalBody, bool) {
	b := &principalBody{members: make(map[string]json.RawMessage)}
	var all map[string]json.RawMessage
	if !c.body(&all) {
		return nil, false
	}
	for name, raw := range all {
		var err error
		switch {
		case strings.HasPrefix(name, "@odata."):
		case name == "appId" && c.r.Method == http.MethodPost:
			err = json.Unmarshal(raw, &b.appID)
		case name == "accountEnabled":
			err = json.Unmarshal(raw, &b.enabled)
		case name == "displayName": // follows the registration
		case slices.Contains(presentedMembers, name):
			if problem := checkMember(name, raw); problem != "" {
				c.badRequest(strings.Replace(problem, "'Application'", "'ServicePrincipal'", 1))
				return nil, false
			}
			b.members[name] = raw
		default:
			c.fail(http.StatusBadRequest, "BadRequest", fmt.Sprintf("Invalid property '%s'.", name))
			return nil, false
		}
		if err != nil {
			c.fail(http.StatusBadRequest, "BadRequest", fmt.Sprintf("The value of '%s' has another type than the property.", name))
			return nil, false
		}
	}
	return b, true
}

// apply writes the members that are present. The caller holds the lock for writing.
func (b *principalBody) apply(a *Application) {
	members := make(map[string]json.RawMessage, len(a.Presented)+len(b.members))
	for name, raw := range a.Presented {
		members[name] = raw
	}
	for name, raw := range b.members {
		members[name] = raw
	}
	a.Presented = members
	if b.enabled != nil {
		a.Disabled = !*b.enabled
	}
}

// changePrincipal runs f on the service principal a call addresses, and answers 404 and 403. It says whether f ran.
func (c *graphCall) changePrincipal(f func(a *Application)) bool {
	found, mine := false, false
	c.tenant.update(func() {
		a, ok := c.principal()
		found = ok
		if mine = a != nil && c.reaches(a, everyApplicationWrites); mine {
			f(a)
		}
	})
	switch {
	case !found:
		c.notFound(c.param["principal"])
	case !mine:
		c.denied()
	}
	return mine
}

func (c *graphCall) patchServicePrincipal() {
	b, ok := c.principalBody()
	if !ok {
		return
	}
	var id, name string
	if c.changePrincipal(func(a *Application) { b.apply(a); id, name = a.ServicePrincipalID, a.DisplayName }) {
		c.auditPrincipal("Update service principal", "Update", id, name)
		c.noContent()
	}
}

// deleteServicePrincipal removes a service principal with everything granted to it. The registration stays.
func (c *graphCall) deleteServicePrincipal() {
	var id, name string
	if c.changePrincipal(func(a *Application) {
		id, name = a.ServicePrincipalID, a.DisplayName
		a.ServicePrincipalID, a.PrincipalVisible, a.Presented, a.Disabled = "", time.Time{}, nil, false
		a.Roles, a.Scopes, a.UserScopes, a.Grants = nil, nil, nil, nil
		if a.FirstParty {
			c.tenant.AppOrder = slices.DeleteFunc(c.tenant.AppOrder, func(id string) bool { return id == a.AppID })
		}
	}) {
		c.auditPrincipal("Remove service principal", "Delete", id, name)
		c.noContent()
	}
}
