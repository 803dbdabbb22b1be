package entra

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

var readRoles = []string{
	"RoleManagement.Read.Directory", "RoleManagement.ReadWrite.Directory", "RoleManagement.Read.All",
	"Directory.Read.All", "Directory.ReadWrite.All", "Directory.AccessAsUser.All",
}

var opListRoles = operation{name: "roleAssignments.list", doing: "see who holds a directory role", needs: readRoles, repeatable: true}

// privilegedRoles are the directory roles that can take over the tenant, or help themselves to a role that can, by
// template id: those that "Microsoft Entra built-in roles" marks as privileged, less the reading ones, and with the two
// that write the authentication methods policy and synchronise passwords. Who holds one gets no passkey on one person's
// word.
var privilegedRoles = map[string]string{
	"62e90394-69f5-4237-9190-012177145e10": "Global Administrator",
	"e8611ab8-c189-46e8-94e1-60213ab1f814": "Privileged Role Administrator",
	"7be44c8a-adaf-4e2a-84d6-ab2649e08a13": "Privileged Authentication Administrator",
	"c4e39bd9-1100-46d3-8c65-fb160da0071f": "Authentication Administrator",
	"0526716b-113d-4c15-b2c8-68e3c22b9f80": "Authentication Policy Administrator",
	"25a516ed-2fa0-40ea-a2d0-12923a21473a": "Authentication Extensibility Administrator",
	"9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3": "Application Administrator",
	"158c047a-c907-4556-b7ef-446551a6b5f7": "Cloud Application Administrator",
	"cf1c38e5-3621-4004-a7cb-879624dced7c": "Application Developer",
	"b1be1c3e-b65d-4f19-8427-f6fa0d97feb9": "Conditional Access Administrator",
	"194ae4cb-b126-40b2-bd5b-6091b380977d": "Security Administrator",
	"5f2222b1-57c3-48ba-8ad5-d4759f1fde6f": "Security Operator",
	"fe930be7-5e62-47db-91af-98c3a49a38b1": "User Administrator",
	"729827e3-9c14-49f7-bb1b-9608f156bbb8": "Helpdesk Administrator",
	"966707d0-3269-4727-9be2-8c3a10f19b9d": "Password Administrator",
	"3a2c62db-5318-420d-8d74-23affee5d9d5": "Intune Administrator",
	"7698a772-787b-4ac8-901f-60d6b08affd2": "Cloud Device Administrator",
	"8ac3fc64-6eca-42ea-9e69-59f4c7b60eb2": "Hybrid Identity Administrator",
	"be2f45a1-457d-42af-a067-6ec1fa63bc45": "External Identity Provider Administrator",
	"8329153b-31d0-4727-b945-745eb3bc5f31": "Domain Name Administrator",
	"9360feb5-f418-4baa-8175-e2a00bac4301": "Directory Writers",
	"d29b2b05-8046-44ba-8758-1e26182fcf32": "Directory Synchronization Accounts", //nolint:misspell // Microsoft's name
	"e00e864a-17c5-4a4b-9c06-f5b95a8d5bd8": "Partner Tier2 Support",
	"4ba39ca4-527c-499a-b93d-d9b492c50246": "Partner Tier1 Support",
	"59d46f88-662b-457b-bceb-5c3809e5908f": "Lifecycle Workflows Administrator",
	"db506228-d27e-4b7d-95e5-295956d6615f": "Agent ID Administrator",
	"aaf43236-0c0d-4d5f-883a-6955382ac081": "B2C IEF Keyset Administrator",
	"ecb2c6bf-0ab6-418e-bd87-7986f8d63bbe": "Attribute Provisioning Administrator",
}

// assignmentWire is a unifiedRoleAssignment. Graph expands either the role or the principal, not both.
type assignmentWire struct {
	PrincipalID string `json:"principalId"`
	RoleID      string `json:"roleDefinitionId"`
	Role        struct {
		DisplayName string `json:"displayName"`
	} `json:"roleDefinition"`
	Scope     string `json:"directoryScopeId"`
	Principal struct {
		Type string `json:"@odata.type"`
	} `json:"principal"`
}

// assignments asks for role assignments.
func assignments(q query) call {
	return call{op: opListRoles, method: http.MethodGet, path: "/roleManagement/directory/roleAssignments", query: q, on: object{kind: "role assignment"}}
}

// roleProbe is the harmless call that proves the right to read roles: the assignments of nobody.
func roleProbe() call {
	return assignments(query{{"$filter", "principalId eq '00000000-0000-0000-0000-000000000000'"}})
}

// rolesOf reads the roles of one user. Privileged roles that the user holds through a group count too, where groups can
// be read.
func (t *Tenant) rolesOf(ctx context.Context, objectID string, g grants) (names []string, privileged bool, err error) {
	held := make(map[string]bool)
	q := query{{"$filter", "principalId eq " + literal(objectID)}, {"$expand", "roleDefinition"}}
	for w, err := range each[assignmentWire](ctx, t, assignments(q)) {
		if err != nil {
			return nil, false, err
		}
		name, isPrivileged := privilegedRoles[strings.ToLower(w.RoleID)]
		if name == "" {
			name = w.Role.DisplayName
		}
		if name != "" {
			held[name] = true
		}
		privileged = privileged || isPrivileged
	}
	if g.any(readGroups) {
		through, err := t.rolesThroughGroups(ctx, objectID)
		if err != nil {
			return nil, false, err
		}
		for _, name := range through {
			held[name], privileged = true, true
		}
	}
	return slices.Sorted(maps.Keys(held)), privileged, nil
}

// roleHolders are the principals of privileged roles: object ids to role names.
type roleHolders struct {
	users, groups map[string][]string
}

// privilegedHolders reads who holds a privileged role, directly.
func (t *Tenant) privilegedHolders(ctx context.Context) (roleHolders, error) {
	h := roleHolders{make(map[string][]string), make(map[string][]string)}
	for w, err := range each[assignmentWire](ctx, t, assignments(query{{"$expand", "principal"}})) {
		if err != nil {
			return h, err
		}
		name, ok := privilegedRoles[strings.ToLower(w.RoleID)]
		if !ok {
			continue
		}
		into := h.users
		switch w.Principal.Type {
		case "#microsoft.graph.group":
			into = h.groups
		case "#microsoft.graph.servicePrincipal":
			continue
		}
		if !slices.Contains(into[w.PrincipalID], name) {
			into[w.PrincipalID] = append(into[w.PrincipalID], name)
		}
	}
	return h, nil
}

// groupRolesFor is how long the list of groups with privileged roles is kept. Membership of these groups is asked anew
// each time; that such a group is made is rare.
const groupRolesFor = 5 * time.Minute

// groupRoles caches which groups hold privileged roles.
type groupRoles struct {
	mu     sync.Mutex
	until  time.Time
	groups map[string][]string
}

// checkAtOnce is how many groups Graph checks in one request.
const checkAtOnce = 20

func (t *Tenant) rolesThroughGroups(ctx context.Context, objectID string) ([]string, error) {
	groups, err := t.privilegedGroups(ctx)
	if err != nil || len(groups) == 0 {
		return nil, err
	}
	path, err := userPath(objectID)
	if err != nil {
		return nil, err
	}
	var names []string
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(groups)), checkAtOnce) {
		found, err := do[page[string]](ctx, t, call{
			op: opCheckMember, method: http.MethodPost, path: path + "/checkMemberGroups", on: object{"user", objectID},
			body: map[string][]string{"groupIds": ids},
		})
		if err != nil {
			return nil, err
		}
		for _, id := range found.Value {
			names = append(names, groups[id]...)
		}
	}
	return names, nil
}

func (t *Tenant) privilegedGroups(ctx context.Context) (map[string][]string, error) {
	t.groupRoles.mu.Lock()
	defer t.groupRoles.mu.Unlock()
	if now := t.opts.Now(); now.After(t.groupRoles.until) {
		h, err := t.privilegedHolders(ctx)
		if err != nil {
			return nil, err
		}
		t.groupRoles.groups, t.groupRoles.until = h.groups, now.Add(groupRolesFor)
	}
	return t.groupRoles.groups, nil
}

// MayReadRoles reports whether the application may see who holds a directory role.
func (t *Tenant) MayReadRoles(ctx context.Context) (bool, error) {
	g, err := t.granted(ctx)
	return g.any(readRoles), err
}

// PrivilegedUsers lists who holds a privileged role, directly or through a group: object id to role names, sorted.
// Eligible assignments that nobody has activated are not in it.
func (t *Tenant) PrivilegedUsers(ctx context.Context) (map[string][]string, error) {
	h, err := t.privilegedHolders(ctx)
	if err != nil {
		return nil, err
	}
	for group, names := range h.groups {
		for member, err := range t.TransitiveMembers(ctx, group) {
			if err != nil {
				return nil, err
			}
			h.users[member] = append(h.users[member], names...)
		}
	}
	for id, names := range h.users {
		slices.Sort(names)
		h.users[id] = slices.Compact(names)
	}
	return h.users, nil
}

// RoleHolders lists the object ids of the users who hold a role by its template id, directly or through a group, in the
// whole tenant: Conditional Access does not count assignments to a part of it.
func (t *Tenant) RoleHolders(ctx context.Context, roleTemplateID string) ([]string, error) {
	holders := make(map[string]bool)
	q := query{{"$filter", "roleDefinitionId eq " + literal(strings.ToLower(roleTemplateID))}, {"$expand", "principal"}}
	for w, err := range each[assignmentWire](ctx, t, assignments(q)) {
		if err != nil {
			return nil, err
		}
		if w.Scope != "" && w.Scope != "/" || !strings.EqualFold(w.RoleID, roleTemplateID) {
			continue
		}
		switch w.Principal.Type {
		case "#microsoft.graph.servicePrincipal":
		case "#microsoft.graph.group":
			for member, err := range t.TransitiveMembers(ctx, w.PrincipalID) {
				if err != nil {
					return nil, err
				}
				holders[member] = true
			}
		default:
			holders[lowerID(w.PrincipalID)] = true
		}
	}
	return slices.Sorted(maps.Keys(holders)), nil
}
