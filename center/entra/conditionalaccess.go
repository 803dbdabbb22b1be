package entra

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/postern/postern"
)

var (
	readAccess  = []string{"Policy.Read.ConditionalAccess", "Policy.Read.All", "Policy.ReadWrite.ConditionalAccess"}
	writeAccess = []string{"Policy.ReadWrite.ConditionalAccess"}
)

var (
	opListAccess   = operation{name: "conditionalAccess.list", doing: "read Conditional Access policies", needs: readAccess, lane: laneAccess, repeatable: true}
	opGetAccess    = operation{name: "conditionalAccess.get", doing: "read a Conditional Access policy", needs: readAccess, lane: laneAccess, repeatable: true}
	opCreateAccess = operation{name: "conditionalAccess.create", doing: "make a Conditional Access policy", needs: writeAccess, lane: laneAccess}
	opChangeAccess = operation{name: "conditionalAccess.update", doing: "change a Conditional Access policy", needs: writeAccess, lane: laneAccess, repeatable: true}
	opDeleteAccess = operation{name: "conditionalAccess.delete", doing: "delete a Conditional Access policy", needs: writeAccess, lane: laneAccess, repeatable: true}
)

const accessPath = "/identity/conditionalAccess/policies"

// The wire of conditionalAccessPolicy. What is not named in it is kept as conditions that nobody judges.
type (
	accessWire struct {
		ID         string                     `json:"id"`
		Name       string                     `json:"displayName"`
		State      string                     `json:"state"`
		Conditions map[string]json.RawMessage `json:"conditions"`
		Grant      *grantWire                 `json:"grantControls"`
	}
	accessUsersWire struct {
		IncludeUsers  []string `json:"includeUsers"`
		ExcludeUsers  []string `json:"excludeUsers"`
		IncludeGroups []string `json:"includeGroups"`
		ExcludeGroups []string `json:"excludeGroups"`
		IncludeRoles  []string `json:"includeRoles"`
		ExcludeRoles  []string `json:"excludeRoles"`
	}
	accessTargetsWire struct {
		Include     []string `json:"includeApplications"`
		Exclude     []string `json:"excludeApplications"`
		UserActions []string `json:"includeUserActions"`
	}
	grantWire struct {
		Operator string   `json:"operator"`
		Controls []string `json:"builtInControls"`
		Custom   []string `json:"customAuthenticationFactors"`
		Terms    []string `json:"termsOfUse"`
		Strength *struct {
			ID string `json:"id"`
		} `json:"authenticationStrength"`
	}
)

// conditionalAccess reads the Conditional Access policies, by name.
func (t *Tenant) conditionalAccess(ctx context.Context) ([]postern.ConditionalAccessPolicy, error) {
	found, err := collect(each[accessWire](ctx, t, call{op: opListAccess, method: http.MethodGet, path: accessPath, on: object{kind: "Conditional Access policies"}}), 0)
	if err != nil {
		return nil, err
	}
	all := make([]postern.ConditionalAccessPolicy, 0, len(found))
	for _, w := range found {
		all = append(all, w.policy())
	}
	slices.SortFunc(all, func(a, b postern.ConditionalAccessPolicy) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return all, nil
}

func (w accessWire) policy() postern.ConditionalAccessPolicy {
	p := postern.ConditionalAccessPolicy{ID: lowerID(w.ID), Name: w.Name, State: accessState(w.State)}
	other := make(map[string]bool)
	for name, raw := range w.Conditions {
		switch name {
		case "users":
			p.Users = accessUsers(raw, other)
		case "applications":
			p.Applications = accessTargets(raw, other)
		default:
			if !unlimited(name, raw) {
				other[name] = true
			}
		}
	}
	if g := w.Grant; g != nil {
		p.Grant = postern.ConditionalAccessGrant{All: strings.EqualFold(g.Operator, "AND"), Controls: kept(g.Controls)}
		if g.Strength != nil {
			p.Grant.Strength = lowerID(g.Strength.ID)
		}
		if len(g.Custom) > 0 {
			p.Grant.Unjudged = append(p.Grant.Unjudged, "customAuthenticationFactors")
		}
		if len(g.Terms) > 0 {
			p.Grant.Unjudged = append(p.Grant.Unjudged, "termsOfUse")
		}
	}
	for name, is := range other {
		if is && !strings.Contains(name, "@odata.") {
			p.Other = append(p.Other, name)
		}
	}
	slices.Sort(p.Other)
	return p
}

func accessState(s string) postern.ConditionalAccessState {
	for _, state := range []postern.ConditionalAccessState{postern.ConditionalAccessOn, postern.ConditionalAccessOff, postern.ConditionalAccessReportOnly} {
		if strings.EqualFold(s, string(state)) {
			return state
		}
	}
	return postern.ConditionalAccessState(s)
}

// kept is a list without empty members, nil if nothing is left.
func kept(ids []string) []string {
	if ids = lowerIDs(ids); len(ids) > 0 {
		return ids
	}
	return nil
}

func accessUsers(raw json.RawMessage, other map[string]bool) postern.ConditionalAccessUsers {
	var w accessUsersWire
	if json.Unmarshal(raw, &w) != nil {
		other["users"] = true
	}
	unnamed(raw, other, "includeUsers", "excludeUsers", "includeGroups", "excludeGroups", "includeRoles", "excludeRoles")
	return postern.ConditionalAccessUsers{
		IncludeUsers: kept(w.IncludeUsers), ExcludeUsers: kept(w.ExcludeUsers), IncludeGroups: kept(w.IncludeGroups),
		ExcludeGroups: kept(w.ExcludeGroups), IncludeRoles: kept(w.IncludeRoles), ExcludeRoles: kept(w.ExcludeRoles),
	}
}

func accessTargets(raw json.RawMessage, other map[string]bool) postern.ConditionalAccessTargets {
	var w accessTargetsWire
	if json.Unmarshal(raw, &w) != nil {
		other["applications"] = true
	}
	unnamed(raw, other, "includeApplications", "excludeApplications", "includeUserActions")
	return postern.ConditionalAccessTargets{Include: kept(w.Include), Exclude: kept(w.Exclude), UserActions: kept(w.UserActions)}
}

// unnamed notes the members of a condition, other than the named ones, that say something.
func unnamed(raw json.RawMessage, other map[string]bool, named ...string) {
	var members map[string]json.RawMessage
	_ = json.Unmarshal(raw, &members)
	for name, value := range members {
		if !slices.Contains(named, name) && !empty(value) {
			other[name] = true
		}
	}
}

// empty reports whether a member says nothing: null, an empty list, text or object.
func empty(raw json.RawMessage) bool {
	switch strings.TrimSpace(string(raw)) {
	case "", "null", "[]", `""`, "{}":
		return true
	}
	return false
}

// unlimited reports whether a condition holds for every sign-in with a passkey.
func unlimited(name string, raw json.RawMessage) bool {
	if empty(raw) || strings.Contains(name, "@odata.") {
		return true
	}
	switch name {
	case "clientAppTypes":
		var types []string
		_ = json.Unmarshal(raw, &types)
		has := func(name string) bool {
			return slices.ContainsFunc(types, func(s string) bool { return strings.EqualFold(s, name) })
		}
		return has("all") || has("browser") && has("mobileAppsAndDesktopClients")
	case "platforms":
		return everywhere(raw, "includePlatforms", "excludePlatforms")
	case "locations":
		return everywhere(raw, "includeLocations", "excludeLocations")
	}
	return false
}

// everywhere reports whether a condition includes All and excludes nothing.
func everywhere(raw json.RawMessage, include, exclude string) bool {
	var members map[string]json.RawMessage
	_ = json.Unmarshal(raw, &members)
	var included []string
	_ = json.Unmarshal(members[include], &included)
	for name, value := range members {
		if name != include && !empty(value) && !strings.Contains(name, "@odata.") {
			return false
		}
	}
	return len(included) == 1 && strings.EqualFold(included[0], "all") && empty(members[exclude])
}
