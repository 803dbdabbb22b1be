package entrasim

import (
	"encoding/json"
	"net/http"
	"strings"
)

func policyRoutes() []graphRoute {
	const (
		policy = "policies/authenticationmethodspolicy"
		alias  = "authenticationmethodspolicy"
		conf   = "/authenticationmethodconfigurations"
	)
	var routes []graphRoute
	for _, root := range []string{policy, alias} {
		routes = append(routes,
			graphRoute{method: "GET", pattern: root, need: readPolicy, handle: (*graphCall).getMethodsPolicy},
			graphRoute{method: "PATCH", pattern: root, need: writePolicy, handle: (*graphCall).patchMethodsPolicy},
			graphRoute{method: "GET", pattern: root + conf, need: readPolicy, handle: (*graphCall).listConfigurations},
			graphRoute{method: "GET", pattern: root + conf + "/{configuration}", need: readPolicy, handle: (*graphCall).getConfiguration},
			graphRoute{method: "PATCH", pattern: root + conf + "/{configuration}", need: writePolicy, handle: (*graphCall).patchConfiguration},
			graphRoute{method: "DELETE", pattern: root + conf + "/{configuration}", need: writePolicy, handle: (*graphCall).resetConfiguration},
		)
	}
	return routes
}

const passkeyConfigurationType = "#microsoft.graph.fido2AuthenticationMethodConfiguration"

// showPasskeyConfiguration builds the fido2AuthenticationMethodConfiguration. The legacy members mirror the default
// profile; a tenant that has not opted in to profiles has no default one.
func (c *graphCall) showPasskeyConfiguration(p *PasskeyConfiguration) object {
	raw, _ := json.Marshal(p)
	var out object
	_ = json.Unmarshal(raw, &out) // what was just written reads back
	out["@odata.type"], out["id"] = passkeyConfigurationType, "Fido2"
	if p.DefaultPasskeyProfile == "" {
		out["defaultPasskeyProfile"] = nil
	}
	out["includeTargets@odata.context"] = c.context("policies/authenticationMethodsPolicy/authenticationMethodConfigurations('Fido2')/microsoft.graph.fido2AuthenticationMethodConfiguration/includeTargets")
	return out
}

// configurations lists every method configuration. The caller holds the lock.
func (c *graphCall) configurations() []any {
	p, _ := c.tenant.shownPolicies()
	out := []any{c.showPasskeyConfiguration(&p.Passkey)}
	for _, raw := range p.Others {
		out = append(out, raw)
	}
	return out
}

func (c *graphCall) getMethodsPolicy() {
	out := object{
		"id": "authenticationMethodsPolicy", "displayName": "Authentication Methods Policy",
		"description":   "The tenant-wide policy that controls which authentication methods are allowed in the tenant, authentication method registration requirements, and self-service password reset settings",
		"policyVersion": "1.5", "reconfirmationInDays": nil,
	}
	c.tenant.view(func() {
		p, _ := c.tenant.shownPolicies()
		out["lastModifiedDateTime"] = shown(p.LastModified)
		out["policyMigrationState"] = p.Migration
		out["registrationEnforcement"] = p.Registration
		out["authenticationMethodConfigurations@odata.context"] = c.context("policies/authenticationMethodsPolicy/authenticationMethodConfigurations")
		out["authenticationMethodConfigurations"] = c.configurations()
		if c.version == "beta" {
			out["reportSuspiciousActivitySettings"] = object{"state": "default", "voiceReportingCode": 0, "includeTarget": object{"targetType": "group", "id": allUsers}}
			out["systemCredentialPreferences"] = object{"state": "default", "excludeTargets": []any{}, "includeTargets": []any{object{"id": allUsers, "targetType": "group"}}}
		}
	})
	c.entity(http.StatusOK, "authenticationMethodsPolicy", out)
}

func (c *graphCall) patchMethodsPolicy() {
	var b struct {
		Registration   json.RawMessage              `json:"registrationEnforcement"`
		Migration      string                       `json:"policyMigrationState"`
		Configurations []map[string]json.RawMessage `json:"authenticationMethodConfigurations"`
	}
	if !c.body(&b) {
		return
	}
	if m := b.Migration; m != "" && m != "preMigration" && m != "migrationInProgress" && m != "migrationComplete" {
		c.badPolicy("The value of policyMigrationState is not valid.")
		return
	}
	problem := ""
	var change AuditChange
	c.tenant.update(func() {
		next := c.tenant.Policy
		for _, member := range b.Configurations {
			var id string
			if json.Unmarshal(member["id"], &id) != nil || !strings.EqualFold(id, "Fido2") {
				continue
			}
			if next.Passkey, problem = patchPasskeyConfiguration(c.tenant, &next.Passkey, member); problem != "" {
				return
			}
		}
		if len(b.Registration) > 0 {
			next.Registration = b.Registration
		}
		if b.Migration != "" {
			next.Migration = b.Migration
		}
		if problem = next.tooLarge(); problem == "" {
			change = c.storePolicy(next)
		}
	})
	c.policyDone(problem, "Update", change)
}

func (c *graphCall) listConfigurations() {
	var values []any
	c.tenant.view(func() { values = c.configurations() })
	c.json(http.StatusOK, object{"@odata.context": c.context("policies/authenticationMethodsPolicy/authenticationMethodConfigurations"), "value": values})
}

// otherConfiguration finds the index of a configuration that is not the passkey's; -1 if there is none.
func (p *MethodsPolicy) otherConfiguration(id string) int {
	for i, raw := range p.Others {
		var o struct {
			ID string `json:"id"`
		}
		if json.Unmarshal(raw, &o) == nil && strings.EqualFold(o.ID, id) {
			return i
		}
	}
	return -1
}

func (c *graphCall) isPasskeyConfiguration() bool {
	return strings.EqualFold(c.param["configuration"], "Fido2")
}

func (c *graphCall) getConfiguration() {
	var out object
	c.tenant.view(func() {
		p, _ := c.tenant.shownPolicies()
		if c.isPasskeyConfiguration() {
			out = c.showPasskeyConfiguration(&p.Passkey)
			return
		}
		if i := p.otherConfiguration(c.param["configuration"]); i >= 0 {
			_ = json.Unmarshal(p.Others[i], &out) // it was checked when it was stored
		}
	})
	if out == nil {
		c.noConfiguration()
		return
	}
	c.entity(http.StatusOK, "authenticationMethodConfigurations/$entity", out)
}

func (c *graphCall) noConfiguration() {
	c.fail(http.StatusNotFound, "resourceNotFound", "Authentication method configuration '"+c.param["configuration"]+"' was not found.")
}

// badPolicy is the 400 for a policy that cannot be stored; code and texts are the emulator's choice.
func (c *graphCall) badPolicy(message string) {
	c.fail(http.StatusBadRequest, "badRequest", message)
}

// storePolicy replaces the authentication methods policy and returns what the directory audit tells of the change. The
// caller holds the lock for writing.
func (c *graphCall) storePolicy(next MethodsPolicy) AuditChange {
	c.tenant.keepShown()
	change := AuditChange{Name: "AuthenticationMethodsPolicy", Old: auditJSON(c.tenant.Policy.shown()), New: auditJSON(next.shown())}
	next.LastModified = c.s.now()
	c.tenant.Policy = next
	return change
}

// shown is the policy in the words of Graph, for the directory audit.
func (p *MethodsPolicy) shown() object {
	configurations := []any{p.Passkey}
	for _, raw := range p.Others {
		configurations = append(configurations, raw)
	}
	return object{"policyMigrationState": p.Migration, "registrationEnforcement": p.Registration, "authenticationMethodConfigurations": configurations}
}

func (c *graphCall) policyDone(problem, verb string, change AuditChange) {
	if problem != "" {
		c.badPolicy(problem)
		return
	}
	c.audit(Audit{
		Service: serviceMethods, Category: "ApplicationManagement", Activity: "Authentication Methods Policy " + verb, Operation: verb,
		TargetType: "Policy", TargetID: "authenticationMethodsPolicy", TargetName: "Authentication Methods Policy", Changes: []AuditChange{change},
	})
	c.noContent()
}

func (c *graphCall) patchConfiguration() {
	var b map[string]json.RawMessage
	if !c.body(&b) {
		return
	}
	var kind string
	if json.Unmarshal(b["@odata.type"], &kind) != nil || kind == "" {
		c.badPolicy("The property '@odata.type' is required to update an authentication method configuration.")
		return
	}
	problem, found := "", true
	var change AuditChange
	c.tenant.update(func() {
		next := c.tenant.Policy
		if c.isPasskeyConfiguration() {
			if !strings.EqualFold("#"+strings.TrimPrefix(kind, "#"), passkeyConfigurationType) {
				problem = "The property '@odata.type' does not fit the configuration."
				return
			}
			next.Passkey, problem = patchPasskeyConfiguration(c.tenant, &next.Passkey, b)
		} else {
			found, problem = c.patchOther(&next, b)
		}
		if !found || problem != "" {
			return
		}
		if problem = next.tooLarge(); problem == "" {
			change = c.storePolicy(next)
		}
	})
	if !found {
		c.noConfiguration()
		return
	}
	c.policyDone(problem, "Update", change)
}

// patchOther merges the members of another method's configuration. The caller holds the lock for writing.
func (c *graphCall) patchOther(next *MethodsPolicy, b map[string]json.RawMessage) (found bool, problem string) {
	i := next.otherConfiguration(c.param["configuration"])
	if i < 0 {
		return false, ""
	}
	var stored map[string]json.RawMessage
	if json.Unmarshal(next.Others[i], &stored) != nil {
		return true, "The stored configuration cannot be read."
	}
	for k, v := range b {
		if !strings.Contains(k, "@odata") && k != "id" {
			stored[k] = v
		}
	}
	raw, err := json.Marshal(stored)
	if err != nil {
		return true, "The configuration cannot be stored."
	}
	next.Others = append([]json.RawMessage(nil), next.Others...)
	next.Others[i] = raw
	return true, ""
}

func (c *graphCall) resetConfiguration() {
	found := true
	var change AuditChange
	c.tenant.update(func() {
		fresh, next := defaultMethodsPolicy(c.s.now()), c.tenant.Policy
		if c.isPasskeyConfiguration() {
			if len(next.Passkey.PasskeyProfiles) == 0 {
				fresh.Passkey.withoutProfiles()
			}
			next.Passkey = fresh.Passkey
			change = c.storePolicy(next)
			return
		}
		i := next.otherConfiguration(c.param["configuration"])
		if found = i >= 0; found && i < len(fresh.Others) {
			next.Others = append([]json.RawMessage(nil), next.Others...)
			next.Others[i] = fresh.Others[i]
			change = c.storePolicy(next)
		}
	})
	if !found {
		c.noConfiguration()
		return
	}
	c.policyDone("", "Reset", change)
}
