package entra

import (
	"context"
	"net/http"
	"strings"
)

// DirectoryRole is a directory role as Conditional Access names it: by its template id.
type DirectoryRole struct {
	TemplateID string
	Name       string
}

// Roles finds directory roles by template id or by name, in whatever case; several custom roles may have one name. None
// is no error. Roles that can take over a tenant are known by heart, so that they need no right to read roles.
func (t *Tenant) Roles(ctx context.Context, nameOrID string) ([]DirectoryRole, error) {
	for id, name := range privilegedRoles {
		if strings.EqualFold(name, nameOrID) || strings.EqualFold(id, nameOrID) {
			return []DirectoryRole{{id, name}}, nil
		}
	}
	type definition struct {
		ID          string `json:"id"`
		TemplateID  string `json:"templateId"`
		DisplayName string `json:"displayName"`
	}
	var found []DirectoryRole
	c := call{op: opRoleNames, method: http.MethodGet, path: "/roleManagement/directory/roleDefinitions", on: object{kind: "role"}, query: query{{"$select", "id,templateId,displayName"}}}
	for d, err := range each[definition](ctx, t, c) {
		if err != nil {
			return nil, err
		}
		id := d.TemplateID
		if id == "" {
			id = d.ID
		}
		if strings.EqualFold(d.DisplayName, nameOrID) || strings.EqualFold(id, nameOrID) || strings.EqualFold(d.ID, nameOrID) {
			found = append(found, DirectoryRole{strings.ToLower(id), d.DisplayName})
		}
	}
	return found, nil
}
