package entrasim

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

func accessRoutes() []graphRoute {
	readStrengths := permission{
		app:       []string{"Policy.Read.AuthenticationMethod", "Policy.Read.All", "Policy.ReadWrite.AuthenticationMethod", "Policy.ReadWrite.ConditionalAccess"},
		delegated: []string{"Policy.Read.AuthenticationMethod", "Policy.Read.All", "Policy.ReadWrite.AuthenticationMethod", "Policy.ReadWrite.ConditionalAccess"},
		roles:     []string{roleConditionalAccessAdmin, roleSecurityAdministrator, roleGlobalReader, roleAuthPolicyAdministrator},
	}
	writeStrengths := permission{
		app:       []string{"Policy.ReadWrite.ConditionalAccess", "Policy.ReadWrite.AuthenticationMethod"},
		delegated: []string{"Policy.ReadWrite.ConditionalAccess", "Policy.ReadWrite.AuthenticationMethod"},
		roles:     []string{roleConditionalAccessAdmin, roleSecurityAdministrator},
	}
	readAccess := permission{
		app: []string{"Policy.Read.ConditionalAccess", "Policy.Read.All"}, delegated: []string{"Policy.Read.ConditionalAccess", "Policy.Read.All"},
		roles: []string{roleConditionalAccessAdmin, roleSecurityAdministrator, roleGlobalReader},
	}
	writeAccess := permission{
		app: []string{"Policy.Read.All+Policy.ReadWrite.ConditionalAccess"}, delegated: []string{"Policy.Read.All+Policy.ReadWrite.ConditionalAccess"},
		roles: []string{roleConditionalAccessAdmin, roleSecurityAdministrator},
	}
	const rules = "identity/conditionalaccess/policies"
	routes := []graphRoute{
		{method: "GET", pattern: rules, need: readAccess, service: conditional, handle: only((*graphCall).premiumAccess, (*graphCall).listAccessPolicies)},
		{method: "POST", pattern: rules, need: writeAccess, service: conditional, handle: only((*graphCall).premiumAccess, (*graphCall).createAccessPolicy)},
		{method: "GET", pattern: rules + "/{policy}", need: readAccess, service: conditional, handle: only((*graphCall).premiumAccess, (*graphCall).getAccessPolicy)},
		{method: "PATCH", pattern: rules + "/{policy}", need: writeAccess, service: conditional, handle: only((*graphCall).premiumAccess, (*graphCall).patchAccessPolicy)},
		{method: "DELETE", pattern: rules + "/{policy}", need: writeAccess, service: conditional, handle: only((*graphCall).premiumAccess, (*graphCall).deleteAccessPolicy)},
	}
	for _, root := range []string{"policies/authenticationstrengthpolicies", "identity/conditionalaccess/authenticationstrength/policies"} {
		routes = append(routes,
			graphRoute{method: "GET", pattern: root, need: readStrengths, handle: (*graphCall).listStrengths},
			graphRoute{method: "POST", pattern: root, need: writeStrengths, handle: only((*graphCall).premiumAccess, (*graphCall).createStrength)},
			graphRoute{method: "GET", pattern: root + "/{strength}", need: readStrengths, handle: (*graphCall).getStrength},
			graphRoute{method: "PATCH", pattern: root + "/{strength}", need: writeStrengths, handle: only((*graphCall).premiumAccess, (*graphCall).patchStrength)},
			graphRoute{method: "DELETE", pattern: root + "/{strength}", need: writeStrengths, handle: (*graphCall).deleteStrength},
			graphRoute{method: "GET", pattern: root + "/{strength}/usage", need: readStrengths, handle: (*graphCall).strengthUsage},
			graphRoute{method: "POST", pattern: root + "/{strength}/updateallowedcombinations", need: writeStrengths, handle: (*graphCall).updateCombinations},
			graphRoute{method: "GET", pattern: root + "/{strength}/combinationconfigurations", need: readStrengths, handle: (*graphCall).listCombinationConfigurations},
			graphRoute{method: "POST", pattern: root + "/{strength}/combinationconfigurations", need: writeStrengths, handle: (*graphCall).createCombinationConfiguration},
			graphRoute{method: "GET", pattern: root + "/{strength}/combinationconfigurations/{configuration}", need: readStrengths, handle: (*graphCall).getCombinationConfiguration},
			graphRoute{method: "PATCH", pattern: root + "/{strength}/combinationconfigurations/{configuration}", need: writeStrengths, handle: (*graphCall).patchCombinationConfiguration},
			graphRoute{method: "DELETE", pattern: root + "/{strength}/combinationconfigurations/{configuration}", need: writeStrengths, handle: (*graphCall).deleteCombinationConfiguration},
		)
	}
	return routes
}

// maxAccessObjects bounds Conditional Access policies and authentication strengths (Entra allows 195 and 15 of them).
const maxAccessObjects = 195

func sortedObjects(m map[string]json.RawMessage) []object {
	var out []object
	for _, id := range slices.Sorted(maps.Keys(m)) {
		out = append(out, decodeObject(m[id]))
	}
	return out
}

func decodeObject(raw json.RawMessage) (o object) {
	_ = json.Unmarshal(raw, &o) // it was encoded by encodeObject
	return o
}

func encodeObject(o object) json.RawMessage {
	raw, _ := json.Marshal(o) // decoded JSON encodes again
	return raw
}

func (c *graphCall) listAccessPolicies() {
	var values []object
	c.tenant.view(func() {
		_, access := c.tenant.shownPolicies()
		for _, o := range sortedObjects(access.Policies) {
			values = append(values, c.expandGrant(o, access))
		}
	})
	c.filtered("identity/conditionalAccess/policies", values)
}

// expandGrant replaces the id of an authentication strength by the policy itself, as reads do. The caller holds the lock.
func (c *graphCall) expandGrant(o object, access *ConditionalAccess) object {
	grant, ok := o["grantControls"].(object)
	if !ok {
		return o
	}
	if s, ok := grant["authenticationStrength"].(object); ok {
		id, _ := s["id"].(string)
		if full := access.strength(id); full != nil {
			grant["authenticationStrength"] = full
			grant["authenticationStrength@odata.context"] = c.context("identity/conditionalAccess/policies/grantControls/authenticationStrength/$entity")
		}
	}
	return o
}

// checkAccessPolicy refuses what Conditional Access would not store. The caller holds the lock.
func (c *graphCall) checkAccessPolicy(o object) string {
	name, _ := o["displayName"].(string)
	state, _ := o["state"].(string)
	conditions, _ := o["conditions"].(object)
	switch {
	case name == "":
		return "1007: The policy is missing a displayName."
	case !slices.Contains([]string{"enabled", "disabled", "enabledForReportingButNotEnforced"}, state):
		return "1008: The value of state is not valid."
	case conditions == nil:
		return "1009: The policy is missing conditions."
	}
	if _, problem := parseAccessPolicy(encodeObject(o)); problem != "" {
		return problem
	}
	grant, _ := o["grantControls"].(object)
	if grant == nil {
		return ""
	}
	controls, _ := grant["builtInControls"].([]any)
	strength, _ := grant["authenticationStrength"].(object)
	if strength == nil {
		return ""
	}
	if slices.Contains(controls, any("mfa")) {
		return "1016: The control mfa and an authentication strength cannot be combined in one policy."
	}
	if id, _ := strength["id"].(string); c.tenant.CA.strength(id) == nil {
		return "1017: The authentication strength does not exist."
	}
	return ""
}

func (c *graphCall) createAccessPolicy() {
	var b object
	if !c.body(&b) {
		return
	}
	b["id"], b["createdDateTime"], b["modifiedDateTime"] = c.objectID(b), shown(c.s.now()), nil
	stripStrength(b)
	problem, change := "", AuditChange{Name: accessChange}
	c.tenant.update(func() {
		if len(c.tenant.CA.Policies) >= maxAccessObjects {
			problem = "The maximum number of policies is reached."
			return
		}
		if problem = c.checkAccessPolicy(b); problem != "" {
			return
		}
		if c.tenant.CA.Policies == nil {
			c.tenant.CA.Policies = make(map[string]json.RawMessage)
		}
		c.tenant.keepShown()
		raw := encodeObject(b)
		c.tenant.CA.Policies[b["id"].(string)], change.New = raw, string(raw)
		b = c.expandGrant(b, &c.tenant.CA)
	})
	if problem != "" {
		c.fail(http.StatusBadRequest, "BadRequest", problem)
		return
	}
	c.accessAudit("Add", b, change)
	c.entity(http.StatusCreated, "identity/conditionalAccess/policies/$entity", b)
}

func (c *graphCall) getAccessPolicy() {
	var out object
	c.tenant.view(func() {
		_, access := c.tenant.shownPolicies()
		if raw, ok := access.Policies[strings.ToLower(c.param["policy"])]; ok {
			out = c.expandGrant(decodeObject(raw), access)
		}
	})
	if out == nil {
		c.notFound(c.param["policy"])
		return
	}
	c.entity(http.StatusOK, "identity/conditionalAccess/policies/$entity", out)
}

func (c *graphCall) patchAccessPolicy() {
	var b object
	if !c.body(&b) {
		return
	}
	id, problem, found, change := strings.ToLower(c.param["policy"]), "", false, AuditChange{Name: accessChange}
	var o object
	c.tenant.update(func() {
		raw, ok := c.tenant.CA.Policies[id]
		if found = ok; !ok {
			return
		}
		o = decodeObject(raw)
		for k, v := range b {
			if k != "id" && !strings.HasPrefix(k, "@") {
				o[k] = v
			}
		}
		stripStrength(o)
		o["modifiedDateTime"] = shown(c.s.now())
		if problem = c.checkAccessPolicy(o); problem == "" {
			c.tenant.keepShown()
			changed := encodeObject(o)
			c.tenant.CA.Policies[id], change.Old, change.New = changed, string(raw), string(changed)
		}
	})
	switch {
	case !found:
		c.notFound(id)
	case problem != "":
		c.fail(http.StatusBadRequest, "BadRequest", problem)
	default:
		c.accessAudit("Update", o, change)
		c.noContent()
	}
}

func (c *graphCall) deleteAccessPolicy() {
	id := strings.ToLower(c.param["policy"])
	var old json.RawMessage
	c.tenant.update(func() {
		if old = c.tenant.CA.Policies[id]; old != nil {
			c.tenant.keepShown()
			delete(c.tenant.CA.Policies, id)
		}
	})
	if old == nil {
		c.notFound(id)
		return
	}
	c.accessAudit("Delete", decodeObject(old), AuditChange{Name: accessChange, Old: string(old)})
	c.noContent()
}

// accessChange is the modified property of audits about Conditional Access policies.
const accessChange = "ConditionalAccessPolicy"

// accessAudit tells the directory audit of a changed Conditional Access policy.
func (c *graphCall) accessAudit(verb string, o object, change AuditChange) {
	id, _ := o["id"].(string)
	name, _ := o["displayName"].(string)
	c.audit(Audit{
		Service: serviceAccess, Category: "Policy", Activity: verb + " conditional access policy", Operation: verb,
		TargetType: "Policy", TargetID: id, TargetName: name, Changes: []AuditChange{change},
	})
}

// objectID is the id of a new object: the caller's if it is the control API, one of the emulator's otherwise.
func (c *graphCall) objectID(b object) string {
	if id, _ := b["id"].(string); c.named && isGUID(id) {
		return strings.ToLower(id)
	}
	return c.s.newID()
}

// stripStrength keeps only the id of an authentication strength, so that what was read can be written.
func stripStrength(o object) {
	grant, _ := o["grantControls"].(object)
	if s, ok := grant["authenticationStrength"].(object); ok {
		grant["authenticationStrength"] = object{"id": s["id"]}
	}
	for k := range grant {
		if strings.Contains(k, "@odata.") {
			delete(grant, k)
		}
	}
}

// notStrength is the 404 for an authentication strength.
func (c *graphCall) notStrength() {
	c.fail(http.StatusNotFound, "NotFound", fmt.Sprintf("The authentication strength policy '%s' was not found.", c.param["strength"]))
}
