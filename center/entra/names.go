package entra

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/postern/postern"
)

var (
	readApplications = []string{"Application.Read.All", "Application.ReadWrite.OwnedBy", "Application.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All", "Directory.AccessAsUser.All"}

	opApplications = operation{name: "servicePrincipals.list", doing: "find applications", needs: readApplications, repeatable: true}
	opRoleNames    = operation{name: "roleDefinitions.list", doing: "read the names of directory roles", needs: readRoles, repeatable: true}
)

// inAtOnce is how many values Graph takes in an "in" of a filter.
const inAtOnce = 15

// Kinds of a group, as [postern.DirectoryName] tells them.
const (
	groupSecurity     = "security"
	groupMicrosoft365 = "microsoft365"
	groupDistribution = "distribution"
)

// Kinds of what a policy names.
const (
	nameGroup       = "group"
	nameUser        = "user"
	nameRole        = "role"
	nameApplication = "application"
	nameUnknown     = "unknown"
)

// DirectoryGroup is a group as a policy may name it.
type DirectoryGroup struct {
	ID      string
	Name    string
	Kind    string // security, microsoft365 or distribution: only security groups can be targets of the passkey policy
	Dynamic bool
}

const directoryGroupFields = "id,displayName,securityEnabled,mailEnabled,groupTypes"

func (w groupWire) directoryGroup() DirectoryGroup {
	g := DirectoryGroup{ID: lowerID(w.ID), Name: w.DisplayName, Kind: groupSecurity, Dynamic: slices.Contains(w.Types, "DynamicMembership")}
	switch {
	case slices.Contains(w.Types, "Unified"):
		g.Kind = groupMicrosoft365
	case !w.Security:
		g.Kind = groupDistribution
	}
	return g
}

// Groups finds groups by their object id, or else by exactly that display name, which several may have. None is no error.
func (t *Tenant) Groups(ctx context.Context, nameOrID string) ([]DirectoryGroup, error) {
	c := call{op: opListGroups, method: http.MethodGet, path: "/groups", on: object{"group", nameOrID}, query: query{
		{"$filter", named(nameOrID, "id")}, {"$select", directoryGroupFields},
	}}
	found, err := collect(each[groupWire](ctx, t, c), 0)
	var groups []DirectoryGroup
	for _, w := range found {
		groups = append(groups, w.directoryGroup())
	}
	return groups, err
}

// named is the filter for a display name or, of what looks like one, an id.
func named(nameOrID, id string) string {
	if uuid.Validate(nameOrID) == nil {
		return id + " eq " + literal(strings.ToLower(nameOrID))
	}
	return "displayName eq " + literal(nameOrID)
}

// DirectoryApplication is an application of the tenant as Conditional Access names it: by its client id.
type DirectoryApplication struct {
	ID   string `json:"appId"`
	Name string `json:"displayName"`
}

// Applications finds applications by client id or by exactly that display name, which several may have. None is no error.
func (t *Tenant) Applications(ctx context.Context, nameOrID string) ([]DirectoryApplication, error) {
	return collect(each[DirectoryApplication](ctx, t, call{
		op: opApplications, method: http.MethodGet, path: "/servicePrincipals", on: object{"application", nameOrID},
		query: query{{"$filter", named(nameOrID, "appId")}, {"$select", "appId,displayName"}},
	}), 0)
}

// names finds out what the ids of a policy stand for, as far as the token allows: fifteen in a request, and twenty
// requests in a batch.
func (t *Tenant) names(ctx context.Context, p postern.TenantPolicy) (map[string]postern.DirectoryName, error) {
	g, err := t.granted(ctx)
	if err != nil {
		return nil, err
	}
	named := identifiers(p)
	out := make(map[string]postern.DirectoryName)
	var calls []call
	var kinds []string
	var asked [][]string
	ask := func(kind, path, key, fields string, op operation, allowed []string) {
		if !g.allows(allowed) {
			return
		}
		for ids := range slices.Chunk(slices.Sorted(maps.Keys(named[kind])), inAtOnce) {
			quoted := make([]string, len(ids))
			for n, id := range ids {
				quoted[n] = literal(id)
			}
			calls = append(calls, call{op: op, method: http.MethodGet, path: path, on: object{kind: kind}, query: query{
				{"$filter", key + " in (" + strings.Join(quoted, ",") + ")"}, {"$select", fields},
			}})
			kinds, asked = append(kinds, kind), append(asked, ids)
		}
	}
	ask(nameGroup, "/groups", "id", directoryGroupFields, opListGroups, readGroups)
	ask(nameUser, "/users", "id", "id,userPrincipalName,displayName", opListUsers, readUsers)
	ask(nameApplication, "/servicePrincipals", "appId", "appId,displayName", opApplications, readApplications)
	for first := 0; first < len(calls); first += batchSize {
		last := min(first+batchSize, len(calls))
		for n, part := range t.batch(ctx, calls[first:last]) {
			if part.err != nil {
				if ctx.Err() != nil || !isRefused(part.err) {
					return nil, part.err
				}
				continue
			}
			if err = nameAll(out, kinds[first+n], asked[first+n], part.body); err != nil {
				return nil, t.unexpected(calls[first+n], "names that are not the expected JSON")
			}
		}
	}
	return out, t.nameRoles(ctx, out, named[nameRole], g)
}

// isRefused reports whether Graph refused for good, which leaves a name unknown and nothing else.
func isRefused(err error) bool {
	e, ok := graphErrorOf(err)
	return ok && e.Status < http.StatusInternalServerError && e.Status != http.StatusTooManyRequests
}

// identifiers are the GUIDs that a policy names, by kind.
func identifiers(p postern.TenantPolicy) map[string]map[string]bool {
	named := map[string]map[string]bool{nameGroup: {}, nameUser: {}, nameRole: {}, nameApplication: {}}
	add := func(kind string, ids ...string) {
		for _, id := range ids {
			if uuid.Validate(id) == nil {
				named[kind][strings.ToLower(id)] = true
			}
		}
	}
	for _, target := range slices.Concat(p.Passkeys.Include, p.Passkeys.Exclude) {
		kind := nameGroup
		if target.Type == nameUser {
			kind = nameUser
		}
		add(kind, target.ID)
	}
	for _, c := range p.ConditionalAccess {
		add(nameUser, slices.Concat(c.Users.IncludeUsers, c.Users.ExcludeUsers)...)
		add(nameGroup, slices.Concat(c.Users.IncludeGroups, c.Users.ExcludeGroups)...)
		add(nameRole, slices.Concat(c.Users.IncludeRoles, c.Users.ExcludeRoles)...)
		add(nameApplication, slices.Concat(c.Applications.Include, c.Applications.Exclude)...)
	}
	return named
}

// nameAll takes the names out of an answer. An id that is not in it stands for nothing any more.
func nameAll(out map[string]postern.DirectoryName, kind string, asked []string, body []byte) error {
	var found page[struct {
		groupWire
		UPN   string `json:"userPrincipalName"`
		AppID string `json:"appId"`
	}]
	if err := json.Unmarshal(body, &found); err != nil {
		return err
	}
	for _, id := range asked {
		out[id] = postern.DirectoryName{Kind: nameUnknown}
	}
	for _, w := range found.Value {
		id, name := strings.ToLower(w.ID), postern.DirectoryName{Kind: kind, Name: w.DisplayName}
		switch kind {
		case nameGroup:
			name.Group = w.directoryGroup().Kind
		case nameUser:
			if w.UPN != "" {
				name.Name = w.UPN
			}
		case nameApplication:
			id = strings.ToLower(w.AppID)
		}
		if _, ok := out[id]; ok {
			out[id] = name
		}
	}
	return nil
}

// nameRoles names roles: the privileged ones are known by heart, the others are looked up where that is allowed.
func (t *Tenant) nameRoles(ctx context.Context, out map[string]postern.DirectoryName, roles map[string]bool, g grants) error {
	open := false
	for id := range roles {
		name := privilegedRoles[id]
		open = open || name == ""
		if name != "" {
			out[id] = postern.DirectoryName{Kind: nameRole, Name: name}
		}
	}
	if !open || !g.allows(readRoles) {
		return nil
	}
	for r, err := range t.roleDefinitions(ctx) {
		if err != nil {
			if ctx.Err() == nil && isRefused(err) {
				return nil
			}
			return err
		}
		if _, known := out[r.TemplateID]; roles[r.TemplateID] && !known {
			out[r.TemplateID] = postern.DirectoryName{Kind: nameRole, Name: r.Name}
		}
	}
	return nil
}
