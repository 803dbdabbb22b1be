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

func (c *graphCall) listDirectoryRoles() {
	var values []object
	for _, id := range roleTemplates() {
		values = append(values, object{"id": c.tenant.roleID(id), "roleTemplateId": id, "displayName": directoryRoles[id], "description": directoryRoles[id], "deletedDateTime": nil})
	}
	c.filtered("directoryRoles", values)
}

func (c *graphCall) listRoleMembers() {
	key := strings.TrimPrefix(strings.ToLower(c.param["role"]), "roletemplateid=")
	template := ""
	for id := range directoryRoles {
		if key == c.tenant.roleID(id) || key == id {
			template = id
		}
	}
	if template == "" {
		c.notFound(c.param["role"])
		return
	}
	var values []object
	now := c.s.now()
	c.tenant.view(func() {
		c.tenant.Users.all(func(u *User) bool {
			if u.visible(now) && slices.Contains(u.Roles, template) {
				values = append(values, c.showMember(u.ID, "user"))
			}
			return true
		})
	})
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

// listRoleAssignments answers every assignment of a directory role to a user, under $filter.
func (c *graphCall) listRoleAssignments() {
	var values []object
	c.tenant.view(func() {
		c.tenant.Users.all(func(u *User) bool {
			for _, r := range u.Roles {
				o := object{"id": derivedID(u.ID, r), "principalId": u.ID, "roleDefinitionId": r, "directoryScopeId": "/"}
				if strings.Contains(strings.ToLower(c.q.Get("$expand")), "roledefinition") {
					o["roleDefinition"] = roleDefinition(r)
				}
				values = append(values, o)
			}
			return true
		})
	})
	c.filtered("roleManagement/directory/roleAssignments", values)
}
