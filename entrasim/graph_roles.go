package entrasim

import (
	"crypto/sha1" //nolint:gosec // certificate thumbprints are SHA-1 by definition
	"maps"
	"net/http"
	"slices"
	"strings"
)

func sha1Sum(b []byte) []byte {
	s := sha1.Sum(b) //nolint:gosec // see the import
	return s[:]
}

// roleID is the object id of an activated directory role; its template id is the same in every tenant.
func (t *Tenant) roleID(template string) string { return derivedID(t.ID, template) }

// roleTemplates lists the known roles by template id, in a fixed order.
func roleTemplates() []string { return slices.Sorted(maps.Keys(directoryRoles)) }

// directoryRole is the directoryRole of Graph.
func (t *Tenant) directoryRole(template string) object {
	return object{"id": t.roleID(template), "roleTemplateId": template, "displayName": directoryRoles[template], "description": directoryRoles[template], "deletedDateTime": nil}
}

func (c *graphCall) listDirectoryRoles() {
	var values []object
	c.tenant.view(func() {
		for _, id := range roleTemplates() {
			if c.tenant.active(id) {
				values = append(values, c.tenant.directoryRole(id))
			}
		}
	})
	c.filtered("directoryRoles", values)
}

func (c *graphCall) listRoleMembers() {
	var values []object
	template, now := "", c.s.now()
	c.tenant.view(func() {
		if template = c.roleTemplate(); template == "" {
			return
		}
		c.tenant.Users.all(func(u *User) bool {
			if u.visible(now) && slices.Contains(u.rolesAt(now), template) {
				values = append(values, c.showMember(u.ID, "user"))
			}
			return true
		})
	})
	if template == "" {
		c.notFound(c.param["role"])
		return
	}
	c.collection("directoryObjects", values, nil)
}

func (c *graphCall) listRoleDefinitions() {
	var values []object
	for _, id := range roleTemplates() {
		values = append(values, roleDefinition(id))
	}
	c.filtered("roleManagement/directory/roleDefinitions", values)
}

func (c *graphCall) getRoleDefinition() {
	id := strings.ToLower(c.param["role"])
	if _, ok := directoryRoles[id]; !ok {
		c.notFound(c.param["role"])
		return
	}
	c.entity(http.StatusOK, "roleManagement/directory/roleDefinitions/$entity", c.pick(roleDefinition(id)))
}

func roleDefinition(id string) object {
	return object{
		"id": id, "templateId": id, "displayName": directoryRoles[id], "description": directoryRoles[id], "isBuiltIn": true, "isEnabled": true,
		"isPrivileged": slices.Contains(privilegedRoles, id), "version": "1",
	}
}

// assignmentID is the id of a role assignment.
func assignmentID(u *User, role string) string { return derivedID(u.ID, role) }

func (c *graphCall) roleAssignment(u *User, role string) object {
	o := object{"id": assignmentID(u, role), "principalId": u.ID, "roleDefinitionId": role, "directoryScopeId": "/"}
	if strings.Contains(strings.ToLower(c.q.Get("$expand")), "roledefinition") {
		o["roleDefinition"] = roleDefinition(role)
	}
	return o
}

// listRoleAssignments answers every assignment of a directory role to a user, under $filter.
func (c *graphCall) listRoleAssignments() {
	var values []object
	now := c.s.now()
	c.tenant.view(func() {
		c.tenant.Users.all(func(u *User) bool {
			for _, r := range u.rolesAt(now) {
				values = append(values, c.roleAssignment(u, r))
			}
			return true
		})
	})
	c.filtered("roleManagement/directory/roleAssignments", values)
}
