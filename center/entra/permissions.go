package entra

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/postern/postern"
)

// Need is one right that a permission set asks for: any one of Any grants it, the least powerful first.
type Need struct {
	For string   // what for, as it completes "needed to …"
	Any []string // permissions of Microsoft Graph
}

var (
	needPasskeys = Need{"register, list and delete passkeys", writePasskeys}
	needUsers    = Need{"read users", readUsers}
	needRoles    = Need{"see who holds a privileged role", readRoles}
	needGroups   = Need{"make the three groups", createGroups}
	needMembers  = Need{"move users between the groups", writeMembers}
	needSessions = Need{"end a user's sessions", revokeSessions}
	needPolicy   = Need{"read and write the passkey policy", writePolicy}
	needReports  = Need{"read sign-in and registration reports", readReports}

	needStrengths = Need{"read authentication strengths", readStrengths}
	needAccess    = Need{"read Conditional Access policies", readAccess}
	// Graph asks for both to change a Conditional Access policy.
	needWriteAccess = []Need{{"change Conditional Access policies", writeAccess}, {"change Conditional Access policies", []string{"Policy.Read.All"}}}
)

// needs lists what Postern does under each set. That the least powerful permission of each is what postern.Grants asks
// consent for, in the sets of our own, a test holds.
var needs = map[postern.PermissionSet][]Need{
	postern.PermissionsPasskeys:  {needPasskeys},
	postern.PermissionsStandard:  standardNeeds,
	postern.PermissionsFull:      slices.Concat(standardNeeds, []Need{needPolicy, needReports}),
	postern.PermissionsDirectory: standardNeeds,
	postern.PermissionsLegacy:    standardNeeds,
}

var standardNeeds = []Need{needPasskeys, needUsers, needRoles, needGroups, needMembers, needSessions}

// guided are the sets of other products' guides. A tenant under one is held to exactly what its guide grants.
func guided(set postern.PermissionSet) bool {
	return set == postern.PermissionsDirectory || set == postern.PermissionsLegacy
}

// asked are the names that a set asks for in one type.
func asked(set postern.PermissionSet, delegated bool) (names []string) {
	for _, g := range postern.Grants(set) {
		if (g.Type == postern.PermissionDelegated) == delegated {
			names = append(names, g.Name)
		}
	}
	return names
}

// Needs lists what Postern needs under a permission set. The slice is the caller's.
func Needs(set postern.PermissionSet) []Need { return slices.Clone(needs[set]) }

// companions are granted beside others without giving more than those, or nothing at all; they are never surplus.
var companions = []string{
	"openid", "profile", "offline_access", "email", "User.Read", "Organization.Read.All",
	"UserAuthMethod-Passkey.Read.All", "GroupMember.Read.All",
}

// optional permissions serve policies beyond the passkey method. No permission set asks for them, since few tenants want
// Postern to have them; they are missing only where a change needs one.
var optional = []string{
	"Policy.Read.All", "Policy.Read.AuthenticationMethod", "Policy.Read.ConditionalAccess", "Policy.ReadWrite.ConditionalAccess", "Application.Read.All",
	"DeviceManagementConfiguration.Read.All", "LicenseAssignment.Read.All", // for what a doctor looks at
}

// grants are the permissions of a token.
type grants struct {
	known     bool // false when the token could not be read
	delegated bool // the permissions are a service account's
	names     []string
}

func (g grants) any(names []string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return slices.Contains(g.names, n) })
}

// allows reports whether the token grants any of the permissions, or may do so for all that can be seen.
func (g grants) allows(names []string) bool { return !g.known || g.any(names) }

// PolicyNeeds lists what reading and changing a policy needs: writing for what differs, and to read whatever the second
// has that the first could not tell.
func PolicyNeeds(before, after postern.TenantPolicy) []Need {
	all := []Need{{"read the passkey policy", readPolicy}}
	if !samePasskeyPolicy(before.Passkeys, after.Passkeys) {
		all = append(all, Need{"change the passkey policy", writePolicy})
	}
	sameStrength := func(a, b postern.AuthenticationStrength) bool {
		return a.ID == b.ID && a.Name == b.Name && a.Description == b.Description &&
			sameSet(combinations(a.Combinations), combinations(b.Combinations)) && sameSet(models(a.AAGUIDs), models(b.AAGUIDs))
	}
	if !slices.EqualFunc(before.Strengths, after.Strengths, sameStrength) {
		all = append(all, needStrengths, Need{"change authentication strengths", writeStrengths})
	}
	sameAccess := func(a, b postern.ConditionalAccessPolicy) bool {
		return a.ID == b.ID && a.Name == b.Name && a.State == b.State && sameUsers(a.Users, b.Users) &&
			sameTargets(a.Applications, b.Applications) && sameGrant(a.Grant, b.Grant)
	}
	if !slices.EqualFunc(before.ConditionalAccess, after.ConditionalAccess, sameAccess) {
		all = append(append(all, needAccess), needWriteAccess...)
	}
	return all
}

// MissingFor returns those of the needs that the token in use does not meet. Of a token that cannot be read nothing is
// said to be missing.
func (t *Tenant) MissingFor(ctx context.Context, needs ...Need) ([]Need, error) {
	g, err := t.granted(ctx)
	if err != nil {
		return nil, err
	}
	var missing []Need
	for _, n := range needs {
		if !g.allows(n.Any) {
			missing = append(missing, n)
		}
	}
	return missing, nil
}

// granted reads the permissions of the token in use.
func (t *Tenant) granted(ctx context.Context) (grants, error) { return t.wire.Load().granted(ctx) }

func (w *wire) granted(ctx context.Context) (grants, error) {
	c, ok, err := w.claims(ctx)
	if err != nil || !ok {
		return grants{}, err
	}
	g := grants{known: true, names: c.Roles}
	if kind := w.tokens.tenant.opts.Credential.Kind; kind == postern.CredentialServiceAccount || kind == CredentialDelegated {
		g.delegated, g.names = true, strings.Fields(c.Scopes)
	}
	return g, nil
}

// Permissions buys a fresh token, so that what was granted a minute ago counts, and compares its permissions with what
// the permission set needs. From then on all calls use that token.
func (t *Tenant) Permissions(ctx context.Context) (postern.PermissionReport, error) {
	w, err := t.newWire()
	if err != nil {
		return postern.PermissionReport{}, err
	}
	g, err := w.granted(ctx)
	if err != nil {
		return postern.PermissionReport{}, err
	}
	t.wire.Store(w)
	if !g.known {
		return postern.PermissionReport{}, postern.Errorf(postern.CodeEntraAnswerUnexpected, "Entra's access token has a form in which Postern cannot see its permissions.")
	}
	var other grants
	switch {
	case g.delegated && t.opts.Credential.ClientSecret != "":
		other = t.applicationGrants(ctx)
	case !g.delegated && guided(t.opts.PermissionSet):
		other = t.delegatedGrants(ctx)
	}
	if guided(t.opts.PermissionSet) {
		return guidedReport(t.opts.PermissionSet, g, other), nil
	}
	return report(needs[t.opts.PermissionSet], g, other), nil
}

var (
	opOwnPrincipal = operation{name: "servicePrincipals.own", doing: "find its own enterprise application", needs: readApplications, repeatable: true}
	opOwnConsent   = operation{name: "oauth2PermissionGrants.own", doing: "read what was consented to", needs: readApplications, repeatable: true}
)

// delegatedGrants reads what administrators consented to on behalf of all users. Not being able to is no failure.
func (t *Tenant) delegatedGrants(ctx context.Context) grants {
	g, err := t.granted(ctx)
	if err != nil || !g.any(readApplications) {
		return grants{}
	}
	type principal struct {
		ID string `json:"id"`
	}
	self, err := do[principal](ctx, t, call{op: opOwnPrincipal, method: http.MethodGet, path: "/servicePrincipals(appId='" + t.opts.ClientID + "')", query: query{{"$select", "id"}}, on: object{kind: "application"}})
	if err != nil || self.ID == "" {
		return grants{}
	}
	type consent struct {
		Client string `json:"clientId"`
		Type   string `json:"consentType"`
		Scope  string `json:"scope"`
	}
	all, err := do[page[consent]](ctx, t, call{op: opOwnConsent, method: http.MethodGet, path: "/oauth2PermissionGrants", query: query{{"$filter", "clientId eq '" + self.ID + "'"}}, on: object{kind: "application"}})
	if err != nil {
		return grants{}
	}
	out := grants{known: true, delegated: true}
	for _, c := range all.Value {
		if c.Client == self.ID && c.Type == "AllPrincipals" {
			out.names = append(out.names, strings.Fields(c.Scope)...)
		}
	}
	return out
}

// guidedReport compares what a guide's set asks for with what is granted, name by name and type by type: a permission that
// is named alike, or allows more, is another one. What the set asks for in the type that Postern does not use is only said
// to be missing, of consent, where that can be seen.
func guidedReport(set postern.PermissionSet, g, other grants) postern.PermissionReport {
	wanted, elsewhere := asked(set, g.delegated), asked(set, !g.delegated)
	r := granted(g)
	for _, name := range wanted {
		switch {
		case slices.Contains(g.names, name):
		case slices.Contains(other.names, name) && !slices.Contains(elsewhere, name):
			r.WrongType = append(r.WrongType, name)
		default:
			r.Missing = append(r.Missing, name)
		}
	}
	for _, held := range r.Granted {
		switch {
		case slices.Contains(wanted, held.Name) || slices.Contains(companions, held.Name) || slices.Contains(optional, held.Name):
		case slices.Contains(elsewhere, held.Name) && other.known && !slices.Contains(other.names, held.Name):
			r.WrongType = append(r.WrongType, held.Name)
		default:
			r.Surplus = append(r.Surplus, held.Name)
		}
	}
	if other.known {
		for _, name := range elsewhere {
			if !slices.Contains(other.names, name) {
				r.NotConsented = append(r.NotConsented, name)
			}
		}
	}
	return r
}

// applicationGrants reads the application permissions of an application that works through a service account, to tell a
// permission of the wrong type from one that is missing. Not being able to is no failure.
func (t *Tenant) applicationGrants(ctx context.Context) grants {
	opts := t.opts
	opts.Transport = t.sender.client.Transport
	opts.Credential = Credential{Kind: postern.CredentialSecret, ClientSecret: opts.Credential.ClientSecret}
	app, err := Open(opts)
	if err != nil {
		return grants{}
	}
	g, err := app.granted(ctx)
	if err != nil {
		return grants{}
	}
	return g
}

// report compares what is needed with what is granted and with what is granted in the other type.
func report(needed []Need, g, other grants) postern.PermissionReport {
	r := granted(g)
	var used []string
	for _, n := range needed {
		i := slices.IndexFunc(n.Any, func(name string) bool { return slices.Contains(g.names, name) })
		switch {
		case i >= 0:
			used = append(used, n.Any[i])
		case other.any(n.Any):
			j := slices.IndexFunc(n.Any, func(name string) bool { return slices.Contains(other.names, name) })
			r.WrongType = append(r.WrongType, n.Any[j])
		default:
			r.Missing = append(r.Missing, n.Any[0])
		}
	}
	for _, granted := range r.Granted {
		if !slices.Contains(used, granted.Name) && !slices.Contains(companions, granted.Name) && !slices.Contains(optional, granted.Name) {
			r.Surplus = append(r.Surplus, granted.Name)
		}
	}
	return r
}

// granted is a report of what a token grants, compared with nothing.
func granted(g grants) postern.PermissionReport {
	kind := postern.PermissionApplication
	if g.delegated {
		kind = postern.PermissionDelegated
	}
	r := postern.PermissionReport{Granted: []postern.GrantedPermission{}, Missing: []string{}, Surplus: []string{}, WrongType: []string{}}
	for _, name := range slices.Sorted(slices.Values(g.names)) {
		r.Granted = append(r.Granted, postern.GrantedPermission{Name: name, Type: kind})
	}
	return r
}
