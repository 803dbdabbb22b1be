package entrasim

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// grantID is the id of an oauth2PermissionGrant: opaque, and not a GUID.
func (a *Application) grantID(userID string) string {
	return pairwise(a.ServicePrincipalID+"|"+userID, "oauth2PermissionGrant")
}

// scopesOf are the scopes granted for everybody, or for a user alone.
func (a *Application) scopesOf(userID string) []string {
	if userID == "" {
		return a.Scopes
	}
	return a.UserScopes[userID]
}

// setScopes replaces them. The caller holds the lock for writing.
func (t *Tenant) setScopes(a *Application, userID string, scopes []string) {
	old := a.scopesOf(userID)
	for _, name := range scopes {
		if !slices.Contains(old, name) {
			t.granted(a, scopeKey(name, userID))
		}
	}
	for _, name := range old {
		if !slices.Contains(scopes, name) {
			delete(a.Grants, scopeKey(name, userID))
		}
	}
	if userID == "" {
		a.Scopes = scopes
		return
	}
	a.UserScopes = maps.Clone(a.UserScopes)
	if a.UserScopes == nil {
		a.UserScopes = make(map[string][]string)
	}
	a.UserScopes[userID] = scopes
	if len(scopes) == 0 {
		delete(a.UserScopes, userID)
	}
}

// showGrant builds an oauth2PermissionGrant; nil while there is none to be seen.
func (t *Tenant) showGrant(a *Application, userID string, now time.Time) object {
	var shown []string
	for _, name := range a.scopesOf(userID) {
		if !now.Before(a.Grants[scopeKey(name, userID)].Shown) {
			shown = append(shown, name)
		}
	}
	if len(shown) == 0 || !a.hasPrincipal(now) {
		return nil
	}
	o := object{
		"id": a.grantID(userID), "clientId": a.ServicePrincipalID, "consentType": "AllPrincipals", "principalId": nil,
		"resourceId": t.graphPrincipalID(), "scope": strings.Join(shown, " "),
	}
	if userID != "" {
		o["consentType"], o["principalId"] = "Principal", userID
	}
	return o
}

// grantsOf lists the grants of an application, the one for everybody first. The caller holds the lock.
func (t *Tenant) grantsOf(a *Application, now time.Time) (values []object) {
	for _, userID := range append([]string{""}, slices.Sorted(maps.Keys(a.UserScopes))...) {
		if o := t.showGrant(a, userID, now); o != nil {
			values = append(values, o)
		}
	}
	return values
}

func (c *graphCall) listPrincipalGrants() {
	values, found := []object{}, false
	c.tenant.view(func() {
		var a *Application
		if a, found = c.principal(); a != nil {
			values = c.tenant.grantsOf(a, c.s.now())
		}
	})
	if !found {
		c.notFound(c.param["principal"])
		return
	}
	c.filtered("oauth2PermissionGrants", values)
}

func (c *graphCall) listPermissionGrants() {
	var values []object
	c.tenant.view(func() {
		for _, id := range c.tenant.AppOrder {
			if a := c.tenant.Apps[id]; a != nil {
				values = append(values, c.tenant.grantsOf(a, c.s.now())...)
			}
		}
	})
	c.filtered("oauth2PermissionGrants", values)
}

// permissionGrant finds the grant a call addresses. The caller holds the lock.
func (c *graphCall) permissionGrant() (a *Application, userID string, ok bool) {
	for _, a := range c.tenant.Apps {
		if a.ServicePrincipalID == "" {
			continue
		}
		if len(a.Scopes) > 0 && a.grantID("") == c.param["grant"] {
			return a, "", true
		}
		for userID := range a.UserScopes {
			if a.grantID(userID) == c.param["grant"] {
				return a, userID, true
			}
		}
	}
	return nil, "", false
}

func (c *graphCall) getPermissionGrant() {
	var out object
	c.tenant.view(func() {
		if a, userID, ok := c.permissionGrant(); ok {
			out = c.tenant.showGrant(a, userID, c.s.now())
		}
	})
	if out == nil {
		c.notFound(c.param["grant"])
		return
	}
	c.entity(http.StatusOK, "oauth2PermissionGrants/$entity", c.pick(out))
}

// maxScope is how long the scope of a grant may be.
const maxScope = 3850

// scopeNames splits a scope into names, each once. Graph takes names that it does not know; they mean nothing in tokens.
func scopeNames(scope string) (names []string) {
	for name := range strings.FieldsSeq(scope) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func (c *graphCall) createPermissionGrant() {
	var b struct {
		ClientID    string  `json:"clientId"`
		ConsentType string  `json:"consentType"`
		PrincipalID *string `json:"principalId"`
		ResourceID  string  `json:"resourceId"`
		Scope       string  `json:"scope"`
	}
	if !c.body(&b) {
		return
	}
	names := scopeNames(b.Scope)
	userID := ""
	if b.PrincipalID != nil {
		userID = strings.ToLower(*b.PrincipalID)
	}
	switch {
	case b.ConsentType != "AllPrincipals" && b.ConsentType != "Principal":
		c.badRequest("Invalid value specified for property 'consentType' of resource 'OAuth2PermissionGrant'.")
		return
	case (b.ConsentType == "Principal") != (userID != ""):
		c.badRequest("Invalid value specified for property 'principalId' of resource 'OAuth2PermissionGrant'.")
		return
	case len(names) == 0 || len(b.Scope) > maxScope:
		c.badRequest("Invalid value specified for property 'scope' of resource 'OAuth2PermissionGrant'.")
		return
	}
	var out object
	var id, client, problem string
	c.tenant.update(func() {
		a := c.tenant.principalApp(b.ClientID, c.s.now())
		switch {
		case a == nil || !strings.EqualFold(b.ResourceID, c.tenant.graphPrincipalID()) || userID != "" && c.tenant.Users.get(userID) == nil:
			problem = "Not a valid reference update."
		case len(a.scopesOf(userID)) > 0:
			problem = "Permission entry already exists."
		default:
			c.tenant.setScopes(a, userID, names)
			id, client = a.ServicePrincipalID, a.DisplayName
			out = c.tenant.showGrant(a, userID, c.s.now().Add(time.Duration(c.s.Levers().ReplicationDelay)))
		}
	})
	if problem != "" {
		c.badRequest(problem)
		return
	}
	c.auditGrant("Add delegated permission grant", "Assign", id, client, b.Scope, "")
	c.entity(http.StatusCreated, "oauth2PermissionGrants/$entity", out)
}

func (c *graphCall) patchPermissionGrant() {
	var b struct {
		Scope *string `json:"scope"`
	}
	if !c.body(&b) {
		return
	}
	if b.Scope != nil && len(*b.Scope) > maxScope {
		c.badRequest("Invalid value specified for property 'scope' of resource 'OAuth2PermissionGrant'.")
		return
	}
	c.changeGrant("Add delegated permission grant", "Assign", func(old []string) []string {
		if b.Scope == nil {
			return old
		}
		return scopeNames(*b.Scope)
	})
}

func (c *graphCall) deletePermissionGrant() {
	c.changeGrant("Remove delegated permission grant", "Unassign", func([]string) []string { return nil })
}

// changeGrant replaces the scopes of the grant a call addresses; without any it is gone.
func (c *graphCall) changeGrant(activity, operation string, f func(old []string) []string) {
	var id, client, before, after string
	found := false
	c.tenant.update(func() {
		a, userID, ok := c.permissionGrant()
		if found = ok; !ok {
			return
		}
		scopes := f(a.scopesOf(userID))
		id, client, before, after = a.ServicePrincipalID, a.DisplayName, strings.Join(a.scopesOf(userID), " "), strings.Join(scopes, " ")
		c.tenant.setScopes(a, userID, scopes)
	})
	if !found {
		c.notFound(c.param["grant"])
		return
	}
	c.auditGrant(activity, operation, id, client, after, before)
	c.noContent()
}
