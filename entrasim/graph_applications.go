package entrasim

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

var (
	readApplications = permission{
		app:       []string{"Application.Read.All", "Application.ReadWrite.All", "Application.ReadWrite.OwnedBy", "Directory.Read.All", "Directory.ReadWrite.All"},
		delegated: []string{"Application.Read.All", "Application.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All", "Directory.AccessAsUser.All"},
	}
	writeApplications = permission{
		app:       []string{"Application.ReadWrite.OwnedBy", "Application.ReadWrite.All", "Directory.ReadWrite.All"},
		delegated: []string{"Application.ReadWrite.All", "Directory.ReadWrite.All", "Directory.AccessAsUser.All"},
		roles:     []string{roleApplicationAdministrator, roleCloudApplicationAdmin},
	}
)

func applicationRoutes() []graphRoute {
	roll := writeApplications
	roll.itself = true
	// That an application is shown its own registration whatever it was granted is not published: there is a lever.
	look := readApplications
	look.itself = true
	return []graphRoute{
		{method: "GET", pattern: "applications", need: readApplications, cost: 2, handle: (*graphCall).listApplications},
		{method: "POST", pattern: "applications", need: writeApplications, handle: (*graphCall).createApplication},
		{method: "GET", pattern: "applications/{application}", need: look, cost: 2, handle: (*graphCall).getApplication},
		{method: "PATCH", pattern: "applications/{application}", need: writeApplications, handle: (*graphCall).patchApplication},
		{method: "DELETE", pattern: "applications/{application}", need: writeApplications, handle: (*graphCall).deleteApplication},
		{method: "POST", pattern: "applications/{application}/addpassword", need: writeApplications, handle: (*graphCall).addPassword},
		{method: "POST", pattern: "applications/{application}/removepassword", need: writeApplications, handle: (*graphCall).removePassword},
		{method: "POST", pattern: "applications/{application}/addkey", need: roll, handle: (*graphCall).addKey},
		{method: "POST", pattern: "applications/{application}/removekey", need: roll, handle: (*graphCall).removeKey},
	}
}

// maxApps bounds the applications of a tenant.
const maxApps = 1000

// Permissions that reach more applications than the caller's own, for reading and for writing.
var (
	everyApplication       = []string{"Application.Read.All", "Application.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"}
	everyApplicationWrites = []string{"Application.ReadWrite.All", "Directory.ReadWrite.All"}
)

// apps lists the applications the caller may see: all of them, or with Application.ReadWrite.OwnedBy alone itself and what it
// owns. The caller holds the lock.
func (c *graphCall) apps() (list []*Application) {
	for _, id := range c.tenant.AppOrder {
		if a := c.tenant.Apps[id]; a != nil && c.reaches(a, everyApplication) {
			list = append(list, a)
		}
	}
	return list
}

// reaches says whether the caller's permissions reach an application.
func (c *graphCall) reaches(a *Application, every []string) bool {
	return c.who.UserID != "" || holds(c.who.Roles, every) || a.AppID == c.who.AppID || slices.Contains(a.Owners, c.who.ServicePrincipalID)
}

// registered finds the registration a call addresses, by object id or client id, unless replication hides it. The caller
// holds the lock.
func (c *graphCall) registered() *Application {
	key := strings.ToLower(c.param["application"])
	for _, a := range c.apps() {
		if !a.FirstParty && (key == "appid="+a.AppID || key == a.ID) && !c.s.now().Before(a.VisibleAt) {
			return a
		}
	}
	return nil
}

// ownRegistration says whether an application addresses its own registration.
func (c *graphCall) ownRegistration() (own bool) {
	key := strings.ToLower(c.param["application"])
	c.tenant.view(func() {
		a := c.tenant.app(c.who.AppID)
		own = a != nil && (key == "appid="+a.AppID || key == a.ID)
	})
	return own
}

// registrationDefaults are the members of a registration nobody set.
func registrationDefaults() object {
	return object{
		"signInAudience": "AzureADMyOrg", "tags": []string{}, "notes": nil, "description": nil, "identifierUris": []string{}, "appRoles": []object{}, "addIns": []object{},
		"api": object{
			"acceptMappedClaims": nil, "knownClientApplications": []string{}, "oauth2PermissionScopes": []object{}, "preAuthorizedApplications": []object{},
			"requestedAccessTokenVersion": nil,
		},
		"groupMembershipClaims": nil, "optionalClaims": nil, "isDeviceOnlyAuthSupported": nil, "uniqueName": nil, "serviceManagementReference": nil,
		"tokenEncryptionKeyId": nil, "defaultRedirectUri": nil, "samlMetadataUrl": nil, "applicationTemplateId": nil, "disabledByMicrosoftStatus": nil,
		"certification": nil, "deletedDateTime": nil, "requestSignatureVerification": nil, "servicePrincipalLockConfiguration": nil,
		"spa": object{"redirectUris": []string{}}, "verifiedPublisher": object{"displayName": nil, "verifiedPublisherId": nil, "addedDateTime": nil},
		"info":                    object{"termsOfServiceUrl": nil, "supportUrl": nil, "privacyStatementUrl": nil, "marketingUrl": nil, "logoUrl": nil},
		"parentalControlSettings": object{"countriesBlockedForMinors": []string{}, "legalAgeGroupRule": "Allow"},
	}
}

// overlay puts stored members over defaults.
func overlay(o object, stored map[string]json.RawMessage) object {
	for name, raw := range stored {
		var v any
		if json.Unmarshal(raw, &v) == nil {
			o[name] = v
		}
	}
	return o
}

// showApplication builds the application of Graph. Keys are shown only to those who select them of one application.
func (c *graphCall) showApplication(a *Application, keys bool) object {
	o := overlay(registrationDefaults(), a.Registered)
	if _, given := a.Registered["requiredResourceAccess"]; !given {
		o["requiredResourceAccess"] = a.grantedAccess()
	}
	web, _ := o["web"].(object)
	if web == nil {
		web = object{"homePageUrl": nil, "logoutUrl": nil, "redirectUriSettings": []object{}}
	}
	web["redirectUris"] = append([]string{}, a.WebURIs...)
	if web["implicitGrantSettings"] == nil {
		web["implicitGrantSettings"] = object{"enableAccessTokenIssuance": false, "enableIdTokenIssuance": false}
	}
	o["id"], o["appId"], o["displayName"], o["createdDateTime"] = a.ID, a.AppID, a.DisplayName, shown(a.Created)
	o["publisherDomain"], o["web"], o["isFallbackPublicClient"] = c.tenant.Domain, web, nil
	if a.PublicClient {
		o["isFallbackPublicClient"] = true
	}
	o["publicClient"] = object{"redirectUris": append([]string{}, a.RedirectURIs...)}
	secrets, certificates := []object{}, []object{}
	for _, s := range a.Secrets {
		secrets = append(secrets, showSecret(s))
	}
	for _, k := range a.Certificates {
		certificates = append(certificates, showCertificate(k, keys))
	}
	o["passwordCredentials"], o["keyCredentials"] = secrets, certificates
	return o
}

// grantedAccess is what a seeded registration asks for: all it was granted.
func (a *Application) grantedAccess() []object {
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
	if len(access) == 0 {
		return access
	}
	return []object{{"resourceAppId": graphAppID, "resourceAccess": access}}
}

func (c *graphCall) listApplications() {
	var values []object
	now := c.s.now()
	c.tenant.view(func() {
		for _, a := range c.apps() {
			if !a.FirstParty && !now.Before(a.VisibleAt) {
				values = append(values, c.showApplication(a, false))
			}
		}
	})
	c.filtered("applications", values)
}

func (c *graphCall) getApplication() {
	var out object
	c.tenant.view(func() {
		if a := c.registered(); a != nil {
			out = c.showApplication(a, c.selects("keyCredentials"))
		}
	})
	if out == nil {
		c.notFound(c.param["application"])
		return
	}
	c.entity(http.StatusOK, "applications/$entity", c.pick(out))
}

func (c *graphCall) createApplication() {
	b, ok := c.applicationBody()
	if !ok {
		return
	}
	if b.name == "" {
		c.badRequest("Required property 'displayName' is missing or empty.")
		return
	}
	now := c.s.now().UTC()
	a := &Application{ID: c.s.newID(), AppID: c.s.newID(), Created: now.Truncate(time.Second)}
	if d := time.Duration(c.s.Levers().ReplicationDelay); d > 0 {
		a.VisibleAt = now.Add(d)
	}
	if owner := c.who.UserID; owner != "" {
		a.Owners = []string{owner}
	} else if c.who.ServicePrincipalID != "" {
		a.Owners = []string{c.who.ServicePrincipalID}
	}
	if problem := b.apply(c, a); problem != "" {
		c.badRequest(problem)
		return
	}
	full := false
	var out object
	c.tenant.update(func() {
		if full = len(c.tenant.Apps) >= maxApps; !full {
			c.tenant.addApp(a)
			out = c.showApplication(a, false)
		}
	})
	if full {
		c.fail(http.StatusForbidden, "Directory_QuotaExceeded", "The directory object quota limit for the Tenant has been exceeded.")
		return
	}
	c.auditApplication("Add application", "Add", a.ID, a.DisplayName)
	c.w.Header().Set("Location", c.base()+"/directoryObjects/"+a.ID+"/Microsoft.DirectoryServices.Application")
	c.entity(http.StatusCreated, "applications/$entity", out)
}

// changeApplication runs f on a copy of the registration a call addresses and stores what it made of it; f says what is
// wrong, if anything. It answers 404, 403 and 400 itself and returns the application as it is now, or nil.
func (c *graphCall) changeApplication(f func(a *Application) (problem string)) *Application {
	var changed *Application
	var problem string
	found, mine := false, false
	c.tenant.update(func() {
		a := c.registered()
		if found = a != nil; !found {
			return
		}
		if mine = c.reaches(a, everyApplicationWrites); !mine {
			return
		}
		copied := *a
		if problem = f(&copied); problem == "" {
			*a = copied
			changed = &copied
		}
	})
	switch {
	case !found:
		c.notFound(c.param["application"])
	case !mine:
		c.denied()
	case problem != "":
		c.badRequest(problem)
	}
	return changed
}

func (c *graphCall) patchApplication() {
	b, ok := c.applicationBody()
	if !ok {
		return
	}
	a := c.changeApplication(func(a *Application) string { return b.apply(c, a) })
	if a == nil {
		return
	}
	c.auditApplication("Update application", "Update", a.ID, a.DisplayName)
	if b.keys != nil {
		c.auditCredentials(a)
	}
	c.noContent()
}

// deleteApplication removes a registration; its service principal goes with it.
func (c *graphCall) deleteApplication() {
	a := c.changeApplication(func(a *Application) string {
		delete(c.tenant.Apps, a.AppID)
		c.tenant.AppOrder = slices.DeleteFunc(c.tenant.AppOrder, func(id string) bool { return id == a.AppID })
		return ""
	})
	if a == nil {
		return
	}
	c.auditApplication("Delete application", "Delete", a.ID, a.DisplayName)
	if a.ServicePrincipalID != "" {
		c.auditPrincipal("Remove service principal", "Delete", a.ServicePrincipalID, a.DisplayName)
	}
	c.noContent()
}
