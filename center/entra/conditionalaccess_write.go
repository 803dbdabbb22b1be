package entra

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/postern/postern"
)

// CreateConditionalAccess makes a policy and returns it with its id. It is repeated like [Tenant.RegisterPasskey]: after
// an error with ErrOutcomeUnknown look for the name before making it again, for names are not unique.
func (t *Tenant) CreateConditionalAccess(ctx context.Context, p postern.ConditionalAccessPolicy) (postern.ConditionalAccessPolicy, error) {
	if err := t.mayWriteAccess(ctx, opCreateAccess); err != nil {
		return postern.ConditionalAccessPolicy{}, err
	}
	c := call{op: opCreateAccess, method: http.MethodPost, path: accessPath, on: object{"Conditional Access policy", p.Name}, body: map[string]any{
		"displayName": p.Name, "state": p.State, "grantControls": grantBody(p.Grant, nil),
		"conditions": map[string]any{
			"clientAppTypes": []string{"all"}, "users": usersBody(p.Users), "applications": accessTargetsBody(p.Applications),
		},
	}}
	w, err := do[accessWire](ctx, t, c)
	if err == nil && w.ID == "" {
		err = t.unexpected(c, "a policy without an id")
	}
	if err != nil {
		return postern.ConditionalAccessPolicy{}, onAccess(err)
	}
	return w.policy(), nil
}

// UpdateConditionalAccess turns a policy from what it is into what it shall be. Only members that differ are sent.
// Whether Graph merges an object within a policy or replaces it is not documented, so one that is sent is the one that is
// there with the changes laid over it: conditions that Postern does not know stay either way.
func (t *Tenant) UpdateConditionalAccess(ctx context.Context, from, to postern.ConditionalAccessPolicy) error {
	if err := t.mayWriteAccess(ctx, opChangeAccess); err != nil {
		return err
	}
	id, err := segment("Conditional Access policy", from.ID)
	if err != nil {
		return err
	}
	on := object{"Conditional Access policy", from.Name}
	body := changedStrings(map[string][2]string{"displayName": {from.Name, to.Name}, "state": {string(from.State), string(to.State)}})
	users, targets := !sameUsers(from.Users, to.Users), !sameTargets(from.Applications, to.Applications)
	grant := !sameGrant(from.Grant, to.Grant)
	if users || targets || grant {
		there, err := do[map[string]json.RawMessage](ctx, t, call{op: opGetAccess, method: http.MethodGet, path: accessPath + "/" + id, on: on})
		if err != nil {
			return err
		}
		if users || targets {
			conditions := members(there["conditions"]) // may be as they were some moments ago
			conditions["users"] = over(conditions["users"], usersBody(to.Users))
			conditions["applications"] = over(conditions["applications"], accessTargetsBody(to.Applications))
			body["conditions"] = conditions
		}
		if grant {
			body["grantControls"] = grantBody(to.Grant, members(there["grantControls"]))
		}
	}
	if len(body) == 0 {
		return nil
	}
	_, err = t.send(ctx, call{op: opChangeAccess, method: http.MethodPatch, path: accessPath + "/" + id, body: body, on: on})
	return onAccess(err)
}

// DeleteConditionalAccess deletes a policy. One that is gone is done.
func (t *Tenant) DeleteConditionalAccess(ctx context.Context, id string) error {
	if err := t.mayWriteAccess(ctx, opDeleteAccess); err != nil {
		return err
	}
	s, err := segment("Conditional Access policy", id)
	if err != nil {
		return err
	}
	_, err = t.send(ctx, call{op: opDeleteAccess, method: http.MethodDelete, path: accessPath + "/" + s, on: object{"Conditional Access policy", id}})
	if isNotFound(err) {
		return nil
	}
	return onAccess(err)
}

// mayWriteAccess names every permission that is missing: Graph wants two of them and speaks of none.
func (t *Tenant) mayWriteAccess(ctx context.Context, op operation) error {
	missing, err := t.MissingFor(ctx, needWriteAccess...)
	if err != nil || len(missing) == 0 {
		return err
	}
	names := make([]string, len(missing))
	for n, m := range missing {
		names[n] = m.Any[0]
	}
	e := postern.Errorf(postern.CodeEntraPermission, "Postern may not %s. The application lacks %s.", op.doing, strings.Join(names, " and "))
	op.needs = names
	e.Next = t.permissionNext(call{op: op})
	return e
}

func usersBody(u postern.ConditionalAccessUsers) map[string]any {
	return map[string]any{
		"includeUsers": whole(u.IncludeUsers), "excludeUsers": whole(u.ExcludeUsers), "includeGroups": whole(u.IncludeGroups),
		"excludeGroups": whole(u.ExcludeGroups), "includeRoles": whole(u.IncludeRoles), "excludeRoles": whole(u.ExcludeRoles),
	}
}

func accessTargetsBody(a postern.ConditionalAccessTargets) map[string]any {
	return map[string]any{"includeApplications": whole(a.Include), "excludeApplications": whole(a.Exclude), "includeUserActions": whole(a.UserActions)}
}

// grantBody writes a grant over what is there. A strength is named by its id alone: what Graph shows in its place is not
// for writing. A grant that demands nothing is null.
func grantBody(g postern.ConditionalAccessGrant, there map[string]any) any {
	if len(g.Controls) == 0 && g.Strength == "" && empty(rawOf(there["termsOfUse"])) && empty(rawOf(there["customAuthenticationFactors"])) {
		return nil
	}
	out := maps.Clone(there)
	if out == nil {
		out = make(map[string]any)
	}
	out["operator"], out["builtInControls"], out["authenticationStrength"] = "OR", whole(g.Controls), nil
	if g.All {
		out["operator"] = "AND"
	}
	if g.Strength != "" {
		out["authenticationStrength"] = map[string]string{"id": g.Strength}
	}
	return out
}

func rawOf(v any) json.RawMessage {
	raw, _ := v.(json.RawMessage)
	return raw
}

// members reads an object's members for writing them again, less the annotations.
func members(raw json.RawMessage) map[string]any {
	var there map[string]json.RawMessage
	_ = json.Unmarshal(raw, &there)
	out := make(map[string]any, len(there))
	for name, value := range there {
		if !strings.Contains(name, "@odata.") || name == "@odata.type" {
			out[name] = value
		}
	}
	return out
}

// over lays members over an object that is there.
func over(there any, changes map[string]any) map[string]any {
	out := members(rawOf(there))
	maps.Copy(out, changes)
	return out
}

// whole is a list as it is written: never null, which Graph may take for no change.
func whole(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// changedStrings are the members whose two values differ, with the second.
func changedStrings(values map[string][2]string) map[string]any {
	body := make(map[string]any)
	for name, v := range values {
		if v[0] != v[1] {
			body[name] = v[1]
		}
	}
	return body
}

// sameSet reports whether two lists hold the same, in whatever order.
func sameSet(a, b []string) bool {
	return slices.Equal(slices.Compact(slices.Sorted(slices.Values(a))), slices.Compact(slices.Sorted(slices.Values(b))))
}

func sameIDs(a, b []string) bool { return sameSet(lowerIDs(a), lowerIDs(b)) }

func sameUsers(a, b postern.ConditionalAccessUsers) bool {
	return sameIDs(a.IncludeUsers, b.IncludeUsers) && sameIDs(a.ExcludeUsers, b.ExcludeUsers) && sameIDs(a.IncludeGroups, b.IncludeGroups) &&
		sameIDs(a.ExcludeGroups, b.ExcludeGroups) && sameIDs(a.IncludeRoles, b.IncludeRoles) && sameIDs(a.ExcludeRoles, b.ExcludeRoles)
}

func sameTargets(a, b postern.ConditionalAccessTargets) bool {
	return sameIDs(a.Include, b.Include) && sameIDs(a.Exclude, b.Exclude) && sameIDs(a.UserActions, b.UserActions)
}

func sameGrant(a, b postern.ConditionalAccessGrant) bool {
	return a.All == b.All && strings.EqualFold(a.Strength, b.Strength) && sameIDs(a.Controls, b.Controls)
}

func onAccess(err error) error { return onField(err, "conditional_access") }
