package entrasim

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

var writeRoles = permission{
	app: []string{"RoleManagement.ReadWrite.Directory"}, delegated: []string{"RoleManagement.ReadWrite.Directory"}, roles: []string{rolePrivilegedRoleAdministrator},
}

func roleRoutes() []graphRoute {
	roles := permission{
		app:       []string{"RoleManagement.Read.Directory", "RoleManagement.ReadWrite.Directory", "Directory.Read.All", "Directory.ReadWrite.All"},
		delegated: []string{"RoleManagement.Read.Directory", "RoleManagement.ReadWrite.Directory", "Directory.Read.All", "Directory.ReadWrite.All", "Directory.AccessAsUser.All"},
	}
	const assignments = "rolemanagement/directory/roleassignments"
	return []graphRoute{
		{method: "GET", pattern: "directoryroles", need: roles, handle: (*graphCall).listDirectoryRoles},
		{method: "POST", pattern: "directoryroles", need: writeRoles, handle: (*graphCall).activateRole},
		{method: "GET", pattern: "directoryroles/{role}", need: roles, handle: (*graphCall).getDirectoryRole},
		{method: "GET", pattern: "directoryroles/{role}/members", need: roles, handle: (*graphCall).listRoleMembers},
		{method: "POST", pattern: "directoryroles/{role}/members/$ref", need: writeRoles, handle: (*graphCall).addRoleMember},
		{method: "DELETE", pattern: "directoryroles/{role}/members/{member}/$ref", need: writeRoles, handle: (*graphCall).removeRoleMember},
		{method: "GET", pattern: "directoryroletemplates", need: roles, handle: (*graphCall).listRoleTemplates},
		{method: "GET", pattern: assignments, need: roles, handle: (*graphCall).listRoleAssignments},
		{method: "POST", pattern: assignments, need: writeRoles, handle: (*graphCall).createRoleAssignment},
		{method: "GET", pattern: assignments + "/{assignment}", need: roles, handle: (*graphCall).getRoleAssignment},
		{method: "DELETE", pattern: assignments + "/{assignment}", need: writeRoles, handle: (*graphCall).deleteRoleAssignment},
		{method: "GET", pattern: "rolemanagement/directory/roledefinitions", need: roles, handle: (*graphCall).listRoleDefinitions},
		{method: "GET", pattern: "rolemanagement/directory/roledefinitions/{role}", need: roles, handle: (*graphCall).getRoleDefinition},
	}
}

// roleChange is a change of a user's roles on its way: reads and rights do not see it before.
type roleChange struct {
	Until   time.Time
	Removed bool
}

// rolesAt are the roles of a user as reads show them and rights follow them; Roles are those assigned.
func (u *User) rolesAt(now time.Time) []string {
	if len(u.RoleChanges) == 0 {
		return u.Roles
	}
	shown := slices.DeleteFunc(slices.Clone(u.Roles), func(r string) bool { c := u.RoleChanges[r]; return !c.Removed && now.Before(c.Until) })
	for _, r := range slices.Sorted(maps.Keys(u.RoleChanges)) {
		if c := u.RoleChanges[r]; c.Removed && now.Before(c.Until) {
			shown = append(shown, r)
		}
	}
	return shown
}

// setRole assigns a role or takes it away. The caller holds the lock for writing, and knows that it is a change.
func (t *Tenant) setRole(u *User, role string, assigned bool) {
	u.Roles = slices.DeleteFunc(slices.Clone(u.Roles), func(r string) bool { return r == role })
	if assigned {
		u.Roles = append(u.Roles, role)
		t.activate(role)
	}
	u.RoleChanges = maps.Clone(u.RoleChanges)
	delete(u.RoleChanges, role)
	if d := time.Duration(t.srv.Levers().RoleDelay); d > 0 {
		if u.RoleChanges == nil {
			u.RoleChanges = make(map[string]roleChange)
		}
		u.RoleChanges[role] = roleChange{Until: t.now().Add(d), Removed: !assigned}
	}
	t.touchUser(u)
}

// activate makes a role one that directoryRoles lists. The caller holds the lock for writing.
func (t *Tenant) activate(role string) {
	if !t.active(role) {
		t.ActiveRoles = append(slices.Clone(t.ActiveRoles), role)
	}
}

// active says whether directoryRoles lists a role; in a tenant nobody said otherwise about, all are. The caller holds the
// lock.
func (t *Tenant) active(role string) bool {
	return t.ActiveRoles == nil || slices.Contains(t.ActiveRoles, role)
}

// roleTemplate finds the role a call addresses, by object id or template id; empty if it is not active. The caller holds the
// lock.
func (c *graphCall) roleTemplate() string {
	key := strings.TrimPrefix(strings.ToLower(c.param["role"]), "roletemplateid=")
	for id := range directoryRoles {
		if (key == c.tenant.roleID(id) || key == id) && c.tenant.active(id) {
			return id
		}
	}
	return ""
}

// conflicting is the directory's 400 for what is there already.
const conflicting = "A conflicting object with one or more of the specified property values is present in the directory."

func (c *graphCall) activateRole() {
	var b struct {
		RoleTemplateID string `json:"roleTemplateId"`
	}
	if !c.body(&b) {
		return
	}
	id := strings.ToLower(b.RoleTemplateID)
	if _, ok := directoryRoles[id]; !ok {
		c.badRequest("Invalid value specified for property 'roleTemplateId' of resource 'DirectoryRole'.")
		return
	}
	there := false
	c.tenant.update(func() {
		there = c.tenant.active(id)
		c.tenant.activate(id)
	})
	if there {
		c.badRequest(conflicting)
		return
	}
	c.entity(http.StatusCreated, "directoryRoles/$entity", c.tenant.directoryRole(id))
}

func (c *graphCall) getDirectoryRole() {
	id := ""
	c.tenant.view(func() { id = c.roleTemplate() })
	if id == "" {
		c.notFound(c.param["role"])
		return
	}
	c.entity(http.StatusOK, "directoryRoles/$entity", c.pick(c.tenant.directoryRole(id)))
}

func (c *graphCall) addRoleMember() {
	var b struct {
		ID string `json:"@odata.id"`
	}
	if !c.body(&b) {
		return
	}
	role, problem := "", ""
	var changed *User
	c.tenant.update(func() {
		if role = c.roleTemplate(); role == "" {
			return
		}
		u := c.tenant.Users.get(referenceID(b.ID))
		switch {
		case b.ID == "" || u == nil || !u.visible(c.s.now()):
			problem = "Not a valid reference update."
		case slices.Contains(u.Roles, role):
			problem = "One or more added object references already exist for the following modified properties: 'members'."
		default:
			c.tenant.setRole(u, role, true)
			changed = u.clone()
		}
	})
	c.roleChanged(changed, role, true, c.param["role"], problem)
}

func (c *graphCall) removeRoleMember() {
	role := ""
	var changed *User
	c.tenant.update(func() {
		u := c.tenant.Users.get(strings.ToLower(c.param["member"]))
		if role = c.roleTemplate(); role != "" && u != nil && slices.Contains(u.Roles, role) {
			c.tenant.setRole(u, role, false)
			changed = u.clone()
		}
	})
	absent := c.param["role"]
	if role != "" && changed == nil {
		role, absent = "", c.param["member"]
	}
	c.roleChanged(changed, role, false, absent, "")
}

// roleChanged answers a change by reference and writes its event.
func (c *graphCall) roleChanged(u *User, role string, assigned bool, absent, problem string) {
	switch {
	case role == "":
		c.notFound(absent)
	case problem != "":
		c.badRequest(problem)
	default:
		c.auditRole(u, role, assigned)
		c.noContent()
	}
}

// listRoleTemplates lists every built-in role.
func (c *graphCall) listRoleTemplates() {
	var values []object
	for _, id := range roleTemplates() {
		values = append(values, object{"id": id, "displayName": directoryRoles[id], "description": directoryRoles[id], "deletedDateTime": nil})
	}
	c.filtered("directoryRoleTemplates", values)
}

func (c *graphCall) createRoleAssignment() {
	var b struct {
		RoleDefinitionID string `json:"roleDefinitionId"`
		PrincipalID      string `json:"principalId"`
		DirectoryScopeID string `json:"directoryScopeId"`
	}
	if !c.body(&b) {
		return
	}
	role := strings.ToLower(b.RoleDefinitionID)
	_, known := directoryRoles[role]
	switch {
	case b.DirectoryScopeID != "/":
		c.badRequest("The directoryScopeId of an assignment must be '/': the emulator knows no other scope.")
		return
	case !known:
		c.notFound(b.RoleDefinitionID)
		return
	}
	var changed *User
	problem, absent := "", false
	c.tenant.update(func() {
		u := c.tenant.Users.get(strings.ToLower(b.PrincipalID))
		switch {
		case u == nil || !u.visible(c.s.now()):
			absent = true
		case slices.Contains(u.Roles, role):
			problem = conflicting
		default:
			c.tenant.setRole(u, role, true)
			changed = u.clone()
		}
	})
	switch {
	case absent:
		c.notFound(b.PrincipalID)
	case problem != "":
		c.badRequest(problem)
	default:
		c.auditRole(changed, role, true)
		c.entity(http.StatusCreated, "roleManagement/directory/roleAssignments/$entity", c.roleAssignment(changed, role))
	}
}

// addressedAssignment finds the assignment a call addresses. The caller holds the lock.
func (c *graphCall) addressedAssignment(roles func(*User) []string) (user *User, role string) {
	c.tenant.Users.all(func(u *User) bool {
		for _, r := range roles(u) {
			if assignmentID(u, r) == c.param["assignment"] {
				user, role = u, r
			}
		}
		return user == nil
	})
	return user, role
}

func (c *graphCall) getRoleAssignment() {
	var out object
	now := c.s.now()
	c.tenant.view(func() {
		if u, role := c.addressedAssignment(func(u *User) []string { return u.rolesAt(now) }); u != nil {
			out = c.roleAssignment(u, role)
		}
	})
	if out == nil {
		c.notFound(c.param["assignment"])
		return
	}
	c.entity(http.StatusOK, "roleManagement/directory/roleAssignments/$entity", c.pick(out))
}

func (c *graphCall) deleteRoleAssignment() {
	var changed *User
	var role string
	c.tenant.update(func() {
		var u *User
		if u, role = c.addressedAssignment(func(u *User) []string { return u.Roles }); u != nil {
			c.tenant.setRole(u, role, false)
			changed = u.clone()
		}
	})
	if changed == nil {
		c.notFound(c.param["assignment"])
		return
	}
	c.auditRole(changed, role, false)
	c.noContent()
}

// auditRole writes an event about a user's roles.
func (c *graphCall) auditRole(u *User, role string, assigned bool) {
	a := Audit{Service: serviceCore, Category: "RoleManagement", Activity: "Add member to role", Operation: "Assign", Changes: []AuditChange{
		{Name: "Role.DisplayName", New: auditJSON(directoryRoles[role])}, {Name: "Role.TemplateId", New: auditJSON(role)},
	}}
	if !assigned {
		a.Activity, a.Operation = "Remove member from role", "Unassign"
		for i := range a.Changes {
			a.Changes[i].Old, a.Changes[i].New = a.Changes[i].New, ""
		}
	}
	c.auditUser(u, a)
}
