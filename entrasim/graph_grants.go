package entrasim

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

var (
	readAssignments = permission{
		app:       []string{"Application.Read.All", "Application.ReadWrite.All", "Application.ReadWrite.OwnedBy", "Directory.Read.All", "Directory.ReadWrite.All"},
		delegated: []string{"Application.Read.All", "Application.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All", "Directory.AccessAsUser.All"},
	}
	writeAssignments = permission{
		app: []string{
			"AppRoleAssignment.ReadWrite.All+Application.Read.All", "AppRoleAssignment.ReadWrite.All+Application.ReadWrite.All",
			"AppRoleAssignment.ReadWrite.All+Directory.Read.All", "AppRoleAssignment.ReadWrite.All+Directory.ReadWrite.All",
		},
		delegated: []string{
			"AppRoleAssignment.ReadWrite.All+Application.Read.All", "AppRoleAssignment.ReadWrite.All+Application.ReadWrite.All",
			"AppRoleAssignment.ReadWrite.All+Directory.Read.All", "AppRoleAssignment.ReadWrite.All+Directory.ReadWrite.All",
		},
		roles: []string{roleApplicationAdministrator, roleCloudApplicationAdmin, rolePrivilegedRoleAdministrator, roleUserAdministrator, roleDirectoryWriters},
	}
	removeAssignments = permission{
		app: []string{"AppRoleAssignment.ReadWrite.All"}, delegated: []string{"AppRoleAssignment.ReadWrite.All"}, roles: writeAssignments.roles,
	}
	readGrants = permission{
		app:       []string{"DelegatedPermissionGrant.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"},
		delegated: []string{"DelegatedPermissionGrant.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All", "Directory.AccessAsUser.All"},
	}
	readGrantsOfPrincipal = permission{
		app:       append([]string{"Application.Read.All", "Application.ReadWrite.All", "Application.ReadWrite.OwnedBy"}, readGrants.app...),
		delegated: append([]string{"Application.Read.All", "Application.ReadWrite.All"}, readGrants.delegated...),
	}
	writeGrants = permission{
		app:       []string{"DelegatedPermissionGrant.ReadWrite.All", "Directory.ReadWrite.All"},
		delegated: []string{"DelegatedPermissionGrant.ReadWrite.All", "Directory.ReadWrite.All", "Directory.AccessAsUser.All"},
		roles:     []string{roleApplicationAdministrator, roleCloudApplicationAdmin, rolePrivilegedRoleAdministrator, roleDirectoryWriters},
	}
)

func grantRoutes() []graphRoute {
	const principal = "serviceprincipals/{principal}/"
	return []graphRoute{
		{method: "GET", pattern: principal + "approleassignments", need: readAssignments, cost: 2, handle: (*graphCall).listAppRoleAssignments},
		{method: "POST", pattern: principal + "approleassignments", need: writeAssignments, handle: (*graphCall).assignAppRole},
		{method: "GET", pattern: principal + "approleassignments/{assignment}", need: readAssignments, handle: (*graphCall).getAppRoleAssignment},
		{method: "DELETE", pattern: principal + "approleassignments/{assignment}", need: removeAssignments, handle: (*graphCall).removeAppRole},
		{method: "GET", pattern: principal + "approleassignedto", need: readAssignments, cost: 2, handle: (*graphCall).listAppRoleAssignedTo},
		{method: "POST", pattern: principal + "approleassignedto", need: writeAssignments, handle: (*graphCall).assignAppRole},
		{method: "DELETE", pattern: principal + "approleassignedto/{assignment}", need: removeAssignments, handle: (*graphCall).removeAppRole},
		{method: "GET", pattern: principal + "oauth2permissiongrants", need: readGrantsOfPrincipal, handle: (*graphCall).listPrincipalGrants},
		{method: "GET", pattern: "oauth2permissiongrants", need: readGrants, handle: (*graphCall).listPermissionGrants},
		{method: "POST", pattern: "oauth2permissiongrants", need: writeGrants, handle: (*graphCall).createPermissionGrant},
		{method: "GET", pattern: "oauth2permissiongrants/{grant}", need: readGrants, handle: (*graphCall).getPermissionGrant},
		{method: "PATCH", pattern: "oauth2permissiongrants/{grant}", need: writeGrants, handle: (*graphCall).patchPermissionGrant},
		{method: "DELETE", pattern: "oauth2permissiongrants/{grant}", need: writeGrants, handle: (*graphCall).deletePermissionGrant},
	}
}

// granted notes when a permission was granted. The caller holds the lock for writing.
func (t *Tenant) granted(a *Application, key string) {
	l, now := t.srv.Levers(), t.now().UTC()
	g := Grant{At: now.Truncate(time.Second)}
	if d := time.Duration(l.ReplicationDelay); d > 0 {
		g.Shown = now.Add(d)
	}
	if d := time.Duration(l.ConsentDelay); d > 0 {
		g.Counts = now.Add(d)
	}
	if a.Grants == nil {
		a.Grants = make(map[string]Grant)
	}
	a.Grants[key] = g
}

// assignmentID is the id of an appRoleAssignment: opaque, and not a GUID.
func (a *Application) assignmentID(role string) string {
	return pairwise(a.ServicePrincipalID+role, "appRoleAssignment")
}

func (t *Tenant) showAssignment(a *Application, name string) object {
	p, _ := permissionByName(name)
	at := a.Grants[roleKey(name)].At
	if at.IsZero() {
		at = a.Created
	}
	return object{
		"id": a.assignmentID(name), "appRoleId": p.role, "createdDateTime": shown(at), "deletedDateTime": nil,
		"principalDisplayName": a.DisplayName, "principalId": a.ServicePrincipalID, "principalType": "ServicePrincipal",
		"resourceDisplayName": "Microsoft Graph", "resourceId": t.graphPrincipalID(),
	}
}

// assignments lists what reads show of the application permissions of an application. The caller holds the lock.
func (t *Tenant) assignments(a *Application, now time.Time) []object {
	values := []object{}
	for _, name := range a.Roles {
		if a.hasPrincipal(now) && !now.Before(a.Grants[roleKey(name)].Shown) {
			values = append(values, t.showAssignment(a, name))
		}
	}
	return values
}

func (c *graphCall) listAppRoleAssignments() {
	values, found := []object{}, false
	c.tenant.view(func() {
		var a *Application
		if a, found = c.principal(); a != nil {
			values = c.tenant.assignments(a, c.s.now())
		}
	})
	if !found {
		c.notFound(c.param["principal"])
		return
	}
	c.filtered("appRoleAssignments", values)
}

// listAppRoleAssignedTo lists who holds roles of a resource; only Microsoft Graph has any.
func (c *graphCall) listAppRoleAssignedTo() {
	values, found := []object{}, false
	c.tenant.view(func() {
		var a *Application
		if a, found = c.principal(); !found || a != nil {
			return
		}
		for _, a := range c.apps() {
			values = append(values, c.tenant.assignments(a, c.s.now())...)
		}
	})
	if !found {
		c.notFound(c.param["principal"])
		return
	}
	c.filtered("appRoleAssignments", values)
}

// assignment finds the assignment a call addresses under a service principal, as client or as resource. The caller holds the
// lock.
func (c *graphCall) assignment() (a *Application, name string) {
	client, ok := c.principal()
	if !ok {
		return nil, ""
	}
	for _, a := range c.tenant.Apps {
		if client != nil && a != client || a.ServicePrincipalID == "" {
			continue
		}
		for _, name := range a.Roles {
			if a.assignmentID(name) == c.param["assignment"] {
				return a, name
			}
		}
	}
	return nil, ""
}

func (c *graphCall) getAppRoleAssignment() {
	var out object
	c.tenant.view(func() {
		if a, name := c.assignment(); a != nil && !c.s.now().Before(a.Grants[roleKey(name)].Shown) {
			out = c.tenant.showAssignment(a, name)
		}
	})
	if out == nil {
		c.notFound(c.param["assignment"])
		return
	}
	c.entity(http.StatusOK, "appRoleAssignments/$entity", c.pick(out))
}

// mayGrantRoles says whether the caller may grant application permissions of Microsoft Graph: an application that may grant
// at all, or somebody with one of the two roles that can.
func (c *graphCall) mayGrantRoles() bool {
	return c.who.UserID == "" || c.inRole([]string{rolePrivilegedRoleAdministrator})
}

func (c *graphCall) assignAppRole() {
	var b struct {
		PrincipalID string `json:"principalId"`
		ResourceID  string `json:"resourceId"`
		AppRoleID   string `json:"appRoleId"`
	}
	if !c.body(&b) {
		return
	}
	for _, v := range []struct{ name, value string }{{"principalId", b.PrincipalID}, {"resourceId", b.ResourceID}, {"appRoleId", b.AppRoleID}} {
		if !isGUID(v.value) {
			c.badRequest(fmt.Sprintf("Invalid value specified for property '%s' of resource 'AppRoleAssignment'.", v.name))
			return
		}
	}
	if !c.mayGrantRoles() {
		c.denied()
		return
	}
	i := slices.IndexFunc(graphPermissions, func(p graphPermission) bool { return p.role != "" && strings.EqualFold(p.role, b.AppRoleID) })
	var out object
	found, problem := false, ""
	c.tenant.update(func() {
		var addressed *Application
		if addressed, found = c.principal(); !found {
			return
		}
		client := c.tenant.principalApp(b.PrincipalID, c.s.now())
		resource := strings.EqualFold(b.ResourceID, c.tenant.graphPrincipalID())
		switch {
		case client == nil:
			problem = "Not a valid reference update."
		case addressed != nil && addressed != client:
			problem = "The principalId does not match the service principal of the request."
		case !resource:
			problem = "Permission being assigned was not found on application."
		case i < 0:
			problem = fmt.Sprintf("Permission being assigned was not found on application '%s'.", graphAppID)
		case slices.Contains(client.Roles, graphPermissions[i].name):
			problem = "Permission being assigned already exists on the object"
		default:
			client.Roles = append(slices.Clone(client.Roles), graphPermissions[i].name)
			c.tenant.granted(client, roleKey(graphPermissions[i].name))
			out = c.tenant.showAssignment(client, graphPermissions[i].name)
		}
	})
	switch {
	case !found:
		c.notFound(c.param["principal"])
	case problem != "":
		c.badRequest(problem)
	default:
		name, _ := out["principalDisplayName"].(string)
		id, _ := out["principalId"].(string)
		c.auditGrant("Add app role assignment to service principal", "Assign", id, name, graphPermissions[i].name, "")
		c.entity(http.StatusCreated, "appRoleAssignments/$entity", out)
	}
}

func (c *graphCall) removeAppRole() {
	var id, name, role string
	if !c.mayGrantRoles() {
		c.denied()
		return
	}
	c.tenant.update(func() {
		a, found := c.assignment()
		if a == nil {
			return
		}
		id, name, role = a.ServicePrincipalID, a.DisplayName, found
		a.Roles = slices.DeleteFunc(slices.Clone(a.Roles), func(n string) bool { return n == found })
		delete(a.Grants, roleKey(found))
	})
	if role == "" {
		c.notFound(c.param["assignment"])
		return
	}
	c.auditGrant("Remove app role assignment from service principal", "Unassign", id, name, "", role)
	c.noContent()
}
