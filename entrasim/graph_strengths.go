package entrasim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// authenticationMethodModes are the method names a combination is made of.
var authenticationMethodModes = []string{
	"password", "voice", "hardwareOath", "softwareOath", "sms", "fido2", "windowsHelloForBusiness", "microsoftAuthenticatorPush",
	"deviceBasedPush", "temporaryAccessPassOneTime", "temporaryAccessPassMultiUse", "email", "x509CertificateSingleFactor", "x509CertificateMultiFactor",
	"federatedSingleFactor", "federatedMultiFactor", "qrCodePin",
}

// builtInStrengths are the three every tenant has.
var builtInStrengths = []struct {
	id, name, description string
	combinations          []string
}{
	{"00000000-0000-0000-0000-000000000002", "Multifactor authentication", "Combinations of methods that satisfy strong authentication, such as a password + SMS", []string{
		"windowsHelloForBusiness", "fido2", "x509CertificateMultiFactor", "deviceBasedPush", "temporaryAccessPassOneTime", "temporaryAccessPassMultiUse",
		"password,microsoftAuthenticatorPush", "password,softwareOath", "password,hardwareOath", "password,x509CertificateSingleFactor", "password,x509CertificateMultiFactor",
		"password,sms", "password,voice", "federatedMultiFactor", "microsoftAuthenticatorPush,federatedSingleFactor", "softwareOath,federatedSingleFactor",
		"hardwareOath,federatedSingleFactor", "sms,federatedSingleFactor", "voice,federatedSingleFactor",
	}},
	{
		"00000000-0000-0000-0000-000000000003", "Passwordless MFA", "Passwordless methods that satisfy strong authentication, such as Passwordless sign-in with the Microsoft Authenticator",
		[]string{"windowsHelloForBusiness", "fido2", "x509CertificateMultiFactor", "deviceBasedPush"},
	},
	{
		"00000000-0000-0000-0000-000000000004", "Phishing resistant MFA", "Phishing-resistant, passwordless methods for the strongest authentication, such as a FIDO2 security key",
		[]string{"windowsHelloForBusiness", "fido2", "x509CertificateMultiFactor"},
	},
}

func builtInStrength(i int) object {
	b := builtInStrengths[i]
	combinations := make([]any, len(b.combinations))
	for j, v := range b.combinations {
		combinations[j] = v
	}
	return object{
		"id": b.id, "createdDateTime": "2021-12-01T00:00:00Z", "modifiedDateTime": "2021-12-01T00:00:00Z", "displayName": b.name, "description": b.description,
		"policyType": "builtIn", "requirementsSatisfied": "mfa", "allowedCombinations": combinations, "combinationConfigurations": []any{},
	}
}

// strength finds an authentication strength; nil if there is none. The caller holds the lock.
func (a *ConditionalAccess) strength(id string) object {
	id = strings.ToLower(id)
	for i := range builtInStrengths {
		if builtInStrengths[i].id == id {
			return builtInStrength(i)
		}
	}
	if raw, ok := a.Strengths[id]; ok {
		return decodeObject(raw)
	}
	return nil
}

func (c *graphCall) listStrengths() {
	var values []object
	for i := range builtInStrengths {
		values = append(values, builtInStrength(i))
	}
	c.tenant.view(func() {
		_, access := c.tenant.shownPolicies()
		values = append(values, sortedObjects(access.Strengths)...)
	})
	c.filtered("policies/authenticationStrengthPolicies", values)
}

// shownStrength is the authentication strength of the path as reads show it; nil if there is none.
func (c *graphCall) shownStrength() (o object) {
	c.tenant.view(func() {
		_, access := c.tenant.shownPolicies()
		o = access.strength(c.param["strength"])
	})
	return o
}

func (c *graphCall) getStrength() {
	out := c.shownStrength()
	if out == nil {
		c.notStrength()
		return
	}
	c.entity(http.StatusOK, "policies/authenticationStrengthPolicies/$entity", out)
}

// checkCombinations refuses names Entra does not know.
func checkCombinations(list []any) string {
	if len(list) == 0 {
		return "allowedCombinations must hold at least one combination."
	}
	for _, v := range list {
		combination, _ := v.(string)
		for name := range strings.SplitSeq(combination, ",") {
			if !slices.Contains(authenticationMethodModes, strings.TrimSpace(name)) {
				return fmt.Sprintf("The combination '%s' is not valid.", combination)
			}
		}
	}
	return ""
}

// sameCombination compares two combinations as sets of methods.
func sameCombination(a, b string) bool {
	split := func(text string) []string {
		var names []string
		for name := range strings.SplitSeq(text, ",") {
			names = append(names, strings.TrimSpace(name))
		}
		slices.Sort(names)
		return names
	}
	return slices.Equal(split(a), split(b))
}

// appliesTo says whether a combination configuration is about a combination.
func appliesTo(limit object, combination string) bool {
	list, _ := limit["appliesToCombinations"].([]any)
	return slices.ContainsFunc(list, func(v any) bool { name, _ := v.(string); return sameCombination(name, combination) })
}

// checkLimit refuses a combination configuration that is not a list of AAGUIDs for passkeys.
func checkLimit(o object) string {
	kind, _ := o["@odata.type"].(string)
	list, _ := o["allowedAAGUIDs"].([]any)
	if !strings.HasSuffix(strings.ToLower(kind), "microsoft.graph.fido2combinationconfiguration") || len(list) == 0 {
		return "A combination configuration must be a fido2CombinationConfiguration with allowedAAGUIDs."
	}
	for i, v := range list {
		id, _ := v.(string)
		if !isGUID(id) {
			return fmt.Sprintf("The AAGUID '%s' is not valid.", id)
		}
		list[i] = strings.ToLower(id)
	}
	combinations, _ := o["appliesToCombinations"].([]any)
	if len(combinations) == 0 {
		combinations = []any{"fido2"}
	}
	for _, v := range combinations {
		if name, _ := v.(string); !sameCombination(name, "fido2") {
			return "A fido2CombinationConfiguration applies to the combination fido2 only."
		}
	}
	o["appliesToCombinations"] = combinations
	return ""
}

func (c *graphCall) createStrength() {
	var b object
	if !c.body(&b) {
		return
	}
	name, _ := b["displayName"].(string)
	combinations, _ := b["allowedCombinations"].([]any)
	limits, _ := b["combinationConfigurations"].([]any)
	problem := checkCombinations(combinations)
	if name == "" {
		problem = "displayName is required."
	}
	for _, l := range limits {
		o, _ := l.(object)
		if p := checkLimit(o); p != "" {
			problem = p
			break
		}
		o["id"] = c.s.newID()
	}
	if limits == nil {
		limits = []any{}
	}
	if len(limits) > 1 {
		problem = oneLimit
	}
	out := object{
		"id": c.objectID(b), "createdDateTime": shown(c.s.now()), "modifiedDateTime": shown(c.s.now()), "displayName": name, "description": b["description"],
		"policyType": "custom", "requirementsSatisfied": "mfa", "allowedCombinations": combinations, "combinationConfigurations": limits,
	}
	if problem == "" {
		c.tenant.update(func() {
			if len(c.tenant.CA.Strengths) >= maxAccessObjects {
				problem = "The maximum number of authentication strengths is reached."
				return
			}
			if c.tenant.CA.Strengths == nil {
				c.tenant.CA.Strengths = make(map[string]json.RawMessage)
			}
			c.tenant.keepShown()
			c.tenant.CA.Strengths[out["id"].(string)] = encodeObject(out)
		})
	}
	if problem != "" {
		c.fail(http.StatusBadRequest, "BadRequest", problem)
		return
	}
	c.strengthAudit("Policy Create", nil, out)
	c.entity(http.StatusCreated, "policies/authenticationStrengthPolicies/$entity", out)
}

// strengthAudit tells the directory audit what became of an authentication strength; nil stands for none.
func (c *graphCall) strengthAudit(activity string, before, after object) {
	o := after
	if o == nil {
		o = before
	}
	change := AuditChange{Name: "AuthenticationStrengthPolicy"}
	if before != nil {
		change.Old = auditJSON(before)
	}
	if after != nil {
		change.New = auditJSON(after)
	}
	id, _ := o["id"].(string)
	name, _ := o["displayName"].(string)
	_, verb, _ := strings.Cut(activity, " ")
	c.audit(Audit{
		Service: serviceMethods, Category: "ApplicationManagement", Activity: "Authentication Strength " + activity, Operation: verb[strings.LastIndexByte(verb, ' ')+1:],
		TargetType: "Policy", TargetID: id, TargetName: name, Changes: []AuditChange{change},
	})
}

// changeStrength runs f on a custom authentication strength, stores what it leaves and tells the audit of the activity; f
// returns why it refuses. It answers errors itself.
func (c *graphCall) changeStrength(activity string, f func(o object) string) bool {
	id, found, problem := strings.ToLower(c.param["strength"]), false, ""
	var before, after object
	c.tenant.update(func() {
		o := c.tenant.CA.strength(id)
		if found = o != nil; !found {
			return
		}
		if o["policyType"] == "builtIn" {
			problem = "Built-in authentication strength policies cannot be changed."
			return
		}
		if problem = f(o); problem == "" {
			before = c.tenant.CA.strength(id)
			o["modifiedDateTime"] = shown(c.s.now())
			c.tenant.keepShown()
			c.tenant.CA.Strengths[id] = encodeObject(o)
			after = o
		}
	})
	switch {
	case !found:
		c.notStrength()
	case problem == noSuchLimit:
		c.fail(http.StatusNotFound, "NotFound", problem)
	case problem != "":
		c.fail(http.StatusBadRequest, "BadRequest", problem)
	default:
		c.strengthAudit(activity, before, after)
		return true
	}
	return false
}

func (c *graphCall) patchStrength() {
	var b object
	if !c.body(&b) {
		return
	}
	for k := range b {
		if k != "displayName" && k != "description" && !strings.HasPrefix(k, "@") {
			c.fail(http.StatusBadRequest, "BadRequest", "Only displayName and description can be updated. Use updateAllowedCombinations for the combinations.")
			return
		}
	}
	if c.changeStrength("Policy Update", func(o object) string {
		for _, k := range []string{"displayName", "description"} {
			if v, ok := b[k]; ok {
				o[k] = v
			}
		}
		return ""
	}) {
		c.noContent()
	}
}

func (c *graphCall) deleteStrength() {
	id, found, problem := strings.ToLower(c.param["strength"]), false, ""
	var o object
	c.tenant.update(func() {
		o = c.tenant.CA.strength(id)
		if found = o != nil; !found {
			return
		}
		switch {
		case o["policyType"] == "builtIn":
			problem = "Built-in authentication strength policies cannot be deleted."
		case len(c.tenant.CA.references(id)) > 0:
			problem = "The authentication strength policy is referenced by a Conditional Access policy and cannot be deleted."
		default:
			c.tenant.keepShown()
			delete(c.tenant.CA.Strengths, id)
		}
	})
	switch {
	case !found:
		c.notStrength()
	case problem != "":
		c.fail(http.StatusBadRequest, "BadRequest", problem)
	default:
		c.strengthAudit("Policy Delete", o, nil)
		c.noContent()
	}
}

// references are the Conditional Access policies that use a strength. The caller holds the lock.
func (a *ConditionalAccess) references(id string) (list []object) {
	for _, o := range sortedObjects(a.Policies) {
		grant, _ := o["grantControls"].(object)
		s, _ := grant["authenticationStrength"].(object)
		if ref, _ := s["id"].(string); strings.EqualFold(ref, id) {
			list = append(list, o)
		}
	}
	return list
}

func (c *graphCall) strengthUsage() {
	used, found := []object{}, false
	c.tenant.view(func() {
		_, access := c.tenant.shownPolicies()
		found = access.strength(c.param["strength"]) != nil
		used = append(used, access.references(c.param["strength"])...)
	})
	if !found {
		c.notStrength()
		return
	}
	c.json(http.StatusOK, object{"@odata.context": c.context("microsoft.graph.authenticationStrengthUsage"), "mfa": used, "none": []object{}})
}

func (c *graphCall) updateCombinations() {
	var b struct {
		Combinations []any `json:"allowedCombinations"`
	}
	if !c.body(&b) {
		return
	}
	var previous any
	references := []string{}
	if c.changeStrength("Policy Update", func(o object) string {
		if p := checkCombinations(b.Combinations); p != "" {
			return p
		}
		previous, o["allowedCombinations"] = o["allowedCombinations"], b.Combinations
		for _, r := range c.tenant.CA.references(c.param["strength"]) {
			references = append(references, r["id"].(string))
		}
		return ""
	}) {
		c.json(http.StatusOK, object{
			"@odata.context": c.context("microsoft.graph.updateAllowedCombinationsResult"), "previousCombinations": previous,
			"currentCombinations": b.Combinations, "conditionalAccessReferences": references, "additionalInformation": "",
		})
	}
}

// limits are the combination configurations of a strength.
func limits(o object) []any {
	l, _ := o["combinationConfigurations"].([]any)
	return l
}

func (c *graphCall) listCombinationConfigurations() {
	o := c.shownStrength()
	if o == nil {
		c.notStrength()
		return
	}
	values := []object{}
	for _, l := range limits(o) {
		if v, ok := l.(object); ok {
			values = append(values, v)
		}
	}
	c.collection("policies/authenticationStrengthPolicies/combinationConfigurations", values, nil)
}

func (c *graphCall) createCombinationConfiguration() {
	var b object
	if !c.body(&b) {
		return
	}
	if p := checkLimit(b); p != "" {
		c.fail(http.StatusBadRequest, "BadRequest", p)
		return
	}
	b["id"] = c.s.newID()
	if c.changeStrength("Combination Configuration Create", func(o object) string {
		if len(limits(o)) > 0 {
			return oneLimit
		}
		o["combinationConfigurations"] = append(limits(o), b)
		return ""
	}) {
		c.entity(http.StatusCreated, "policies/authenticationStrengthPolicies/combinationConfigurations/$entity", b)
	}
}

// limitIndex finds a combination configuration by the id of the path.
func (c *graphCall) limitIndex(o object) int {
	return slices.IndexFunc(limits(o), func(v any) bool {
		l, _ := v.(object)
		id, _ := l["id"].(string)
		return strings.EqualFold(id, c.param["configuration"])
	})
}

func (c *graphCall) getCombinationConfiguration() {
	o := c.shownStrength()
	i := c.limitIndex(o)
	if i < 0 {
		c.notFound(c.param["configuration"])
		return
	}
	c.entity(http.StatusOK, "policies/authenticationStrengthPolicies/combinationConfigurations/$entity", limits(o)[i].(object))
}

const (
	noSuchLimit = "The combination configuration does not exist."
	oneLimit    = "The combination has a combination configuration already."
)

func (c *graphCall) patchCombinationConfiguration() {
	var b object
	if !c.body(&b) {
		return
	}
	if c.changeStrength("Combination Configuration Update", func(o object) string {
		i := c.limitIndex(o)
		if i < 0 {
			return noSuchLimit
		}
		l := limits(o)[i].(object)
		for _, k := range []string{"allowedAAGUIDs", "appliesToCombinations"} {
			if v, ok := b[k]; ok {
				l[k] = v
			}
		}
		return checkLimit(l)
	}) {
		c.noContent()
	}
}

func (c *graphCall) deleteCombinationConfiguration() {
	if c.changeStrength("Combination Configuration Delete", func(o object) string {
		i := c.limitIndex(o)
		if i < 0 {
			return noSuchLimit
		}
		o["combinationConfigurations"] = slices.Delete(limits(o), i, i+1)
		return ""
	}) {
		c.noContent()
	}
}
