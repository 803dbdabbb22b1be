package entra

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/postern/postern"
)

var opOrganization = operation{
	name: "organization.list", doing: "read the organisation's name",
	needs: []string{"Organization.Read.All", "Directory.Read.All", "Directory.ReadWrite.All", "User.Read"}, repeatable: true,
}

// probe is a harmless call that proves one right.
type probe struct {
	need Need
	call call
}

// probes makes the calls for the needs of a set. Some name a user who cannot exist: whoever lacks the right gets 403,
// whoever has it 404.
func probes(needed []Need) []probe {
	nobody := "/users/" + uuid.NewString()
	keys := nobody + "/authentication/fido2Methods"
	get := func(op operation, path string, q query) call {
		return call{op: op, method: http.MethodGet, path: path, query: q, on: object{kind: "probe"}}
	}
	var all []probe
	for _, n := range needed {
		switch n.For {
		case needPasskeys.For:
			all = append(all, probe{n, get(opListPasskeys, keys, nil)}, probe{n, get(opCreationOptions, keys+"/creationOptions", nil)})
		case needUsers.For:
			all = append(all, probe{n, get(opListUsers, "/users", query{{"$select", userFields}, {"$top", "1"}})})
		case needRoles.For:
			all = append(all, probe{n, roleProbe()})
		case needMembers.For:
			all = append(all, probe{n, get(opListGroups, "/groups", query{{"$select", "id"}, {"$top", "1"}})})
		case needSessions.For:
			all = append(all, probe{n, call{op: opRevoke, method: http.MethodPost, path: nobody + "/revokeSignInSessions", on: object{kind: "probe"}}})
		case needPolicy.For:
			all = append(all, probe{n, get(opPasskeyPolicy, "/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/fido2", nil)})
		}
	}
	return all
}

// Test buys a fresh token, compares its permissions with the permission set, and proves each right that has a harmless
// call. What is wrong with the tenant or its answers stands in the result; the error is only for an ended ctx.
func (t *Tenant) Test(ctx context.Context) (postern.ConnectionTest, error) {
	out := postern.ConnectionTest{At: t.opts.Now().UTC()}
	fail := func(err error) (postern.ConnectionTest, error) {
		if ctx.Err() != nil {
			return out, err
		}
		e := postern.AsError(err)
		out.Code, out.Message, out.Next = e.Code, e.Message, e.Next
		out.RetryAfter = int(math.Ceil(e.After.Seconds()))
		return out, nil
	}
	permissions, err := t.Permissions(ctx)
	if err != nil {
		return fail(err)
	}
	out.Permissions = permissions
	out.TenantName = t.organization(ctx)
	for _, p := range probes(needs[t.opts.PermissionSet]) {
		if lacks(permissions, p.need) {
			continue
		}
		_, err := t.send(ctx, p.call)
		switch {
		case err == nil || proven(err):
		case postern.IsCode(err, postern.CodeEntraPermission):
			name := p.need.Any[slices.IndexFunc(p.need.Any, func(n string) bool { return holdsGrant(permissions, n) })]
			if !slices.Contains(out.Permissions.Unproven, name) {
				out.Permissions.Unproven = append(out.Permissions.Unproven, name)
			}
		case postern.IsCode(err, postern.CodeEntraLicence):
		default:
			return fail(err)
		}
	}
	if out.Permissions.OK() {
		out.OK = true
		out.Message = "Entra accepts the credential, and every permission that is needed works."
		return out, nil
	}
	out.Code = postern.CodeEntraPermission
	out.Message, out.Next = t.lacking(out.Permissions)
	return out, nil
}

// proven reports whether a refusal shows that the right is there: Graph looks for the object only after it has looked
// at the permission.
func proven(err error) bool {
	e, ok := graphErrorOf(err)
	return ok && (e.Status == http.StatusNotFound || e.Status == http.StatusBadRequest || e.Status == http.StatusMethodNotAllowed)
}

func lacks(r postern.PermissionReport, n Need) bool {
	return !slices.ContainsFunc(n.Any, func(name string) bool { return holdsGrant(r, name) })
}

func holdsGrant(r postern.PermissionReport, name string) bool {
	return slices.ContainsFunc(r.Granted, func(g postern.GrantedPermission) bool { return g.Name == name })
}

// lacking says in a sentence what a report lacks, and the step to take.
func (t *Tenant) lacking(r postern.PermissionReport) (message, next string) {
	kind, other := "application", "delegated"
	if t.opts.Credential.Kind == postern.CredentialServiceAccount {
		kind, other = other, kind
	}
	var parts []string
	if len(r.Missing) > 0 {
		parts = append(parts, fmt.Sprintf("it lacks the %s permission %s", kind, strings.Join(r.Missing, ", ")))
	}
	if len(r.WrongType) > 0 {
		parts = append(parts, fmt.Sprintf("it holds %s only as %s permission", strings.Join(r.WrongType, ", "), other))
	}
	if len(r.Unproven) > 0 {
		parts = append(parts, fmt.Sprintf("Graph refused a test call although the token grants %s", strings.Join(r.Unproven, ", ")))
	}
	message = "The application does not have what it needs: " + strings.Join(parts, "; ") + "."
	next = fmt.Sprintf("Under API permissions add what is missing, of the type %s, and choose Grant admin consent. If it is listed there already, check its type and that consent was granted, wait a minute and test again.", kind)
	if len(r.Missing) == 0 && len(r.WrongType) == 0 {
		next = "A permission granted a moment ago can take some minutes. If it stays so, look for a Conditional Access policy or a missing Entra role that holds the application or service account back."
	}
	return message, next
}

// organization reads the tenant's display name where the application may; empty otherwise.
func (t *Tenant) organization(ctx context.Context) string {
	g, err := t.granted(ctx)
	if err != nil || !g.any(opOrganization.needs) {
		return ""
	}
	type organization struct {
		DisplayName string `json:"displayName"`
	}
	found, err := do[page[organization]](ctx, t, call{op: opOrganization, method: http.MethodGet, path: "/organization", query: query{{"$select", "id,displayName"}}})
	if err != nil || len(found.Value) == 0 {
		return ""
	}
	return t.tidy(found.Value[0].DisplayName)
}
