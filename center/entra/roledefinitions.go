package entra

import (
	"cmp"
	"context"
	"iter"
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
	var found []DirectoryRole
	for r, err := range t.roleDefinitions(ctx) {
		if err != nil {
			return nil, err
		}
		if strings.EqualFold(r.Name, nameOrID) || strings.EqualFold(r.TemplateID, nameOrID) {
			found = append(found, r)
		}
	}
	return found, nil
}

// roleDefinitions lists every role of the tenant. A role of the tenant's own is a template of itself.
func (t *Tenant) roleDefinitions(ctx context.Context) iter.Seq2[DirectoryRole, error] {
	type definition struct {
		ID          string `json:"id"`
		TemplateID  string `json:"templateId"`
		DisplayName string `json:"displayName"`
	}
	c := call{op: opRoleNames, method: http.MethodGet, path: "/roleManagement/directory/roleDefinitions", on: object{kind: "role"}, query: query{{"$select", "id,templateId,displayName"}}}
	return func(yield func(DirectoryRole, error) bool) {
		for d, err := range each[definition](ctx, t, c) {
			if !yield(DirectoryRole{strings.ToLower(cmp.Or(d.TemplateID, d.ID)), d.DisplayName}, err) || err != nil {
				return
			}
		}
	}
}
