package impact_test

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/postern/postern"
)

// put empties the tenant and fills it with the people of a case.
func (l *lab) put(ctx context.Context, w *world) error {
	groups, users := []object{}, []object{}
	for n, id := range w.groups {
		groups = append(groups, object{"id": id, "name": "Group " + id[len(id)-1:], "members": w.members[n]})
	}
	for _, p := range w.people {
		keys := []object{}
		for _, k := range p.keys {
			var err error
			if k.key, err = newSoftKey(k.synced); err != nil {
				return err
			}
			cose, err := k.key.cose()
			if err != nil {
				return err
			}
			keys = append(keys, object{
				"credential_id": b64(k.key.id), "public_key": b64(cose), "aaguid": k.model, "name": "Key", "synced": k.synced, "attested": k.attested,
			})
		}
		users = append(users, object{"id": p.id, "upn": p.upn, "guest": p.guest, "disabled": p.disabled, "roles": p.roles, "passkeys": keys})
	}
	var made struct {
		Users []struct {
			Handle string `json:"user_handle"`
		} `json:"users"`
	}
	if err := l.control(ctx, http.MethodPost, "tenants/first/population", object{"reset": true, "groups": groups, "users": users}, &made); err != nil {
		return err
	}
	if len(made.Users) != len(w.people) {
		return errors.New("not everybody was put into the tenant")
	}
	for n, p := range w.people {
		p.handle = made.Users[n].Handle
	}
	if w.profiles {
		return nil
	}
	return l.control(ctx, http.MethodPut, "tenants/first/schema", object{"profiles": false}, nil)
}

const (
	passkeyPath  = "/v1.0/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/fido2"
	strengthPath = "/v1.0/policies/authenticationStrengthPolicies"
	accessPath   = "/v1.0/identity/conditionalAccess/policies"
)

// write makes the tenant's policy what it shall be, by requests of its own. The spelling of AAGUIDs is the given one.
func (l *lab) write(ctx context.Context, from, to postern.TenantPolicy) error {
	if err := l.expect(ctx, http.MethodPatch, passkeyPath, passkeyBody(to.Passkeys), nil); err != nil {
		return err
	}
	ids := make(map[string]string) // what was made, by the id it had before
	for _, s := range to.Strengths {
		n := slices.IndexFunc(from.Strengths, func(o postern.AuthenticationStrength) bool { return o.ID == s.ID })
		switch {
		case n < 0:
			var made struct {
				ID string `json:"id"`
			}
			if err := l.expect(ctx, http.MethodPost, strengthPath, strengthBody(s), &made); err != nil {
				return err
			}
			ids[s.ID] = made.ID
		case !reflect.DeepEqual(from.Strengths[n], s):
			if err := l.changeStrength(ctx, s); err != nil {
				return err
			}
		}
	}
	for _, c := range from.ConditionalAccess {
		if !slices.ContainsFunc(to.ConditionalAccess, func(o postern.ConditionalAccessPolicy) bool { return o.ID == c.ID }) {
			if err := l.expect(ctx, http.MethodDelete, accessPath+"/"+c.ID, nil, nil); err != nil {
				return err
			}
		}
	}
	for _, c := range to.ConditionalAccess {
		if id := ids[c.Grant.Strength]; id != "" {
			c.Grant.Strength = id
		}
		method, path := http.MethodPatch, accessPath+"/"+c.ID
		if postern.IsNewPolicyID(c.ID) {
			method, path = http.MethodPost, accessPath
		}
		if err := l.expect(ctx, method, path, ruleBody(c), nil); err != nil {
			return err
		}
	}
	return nil
}

func restrictionsBody(k postern.KeyRestrictions) object {
	kind := "allow"
	if k.Block {
		kind = "block"
	}
	return object{"isEnforced": k.Enforced, "enforcementType": kind, "aaGuids": listOf(k.AAGUIDs)}
}

func listOf(ids []string) []string { return append([]string{}, ids...) }

func passkeyBody(p postern.PasskeyPolicy) object {
	state := "disabled"
	if p.Enabled {
		state = "enabled"
	}
	include, exclude := []object{}, []object{}
	for _, t := range p.Include {
		target := object{"id": t.ID, "targetType": t.Type, "isRegistrationRequired": false}
		if p.Schema == postern.PolicySchemaProfiles {
			target["allowedPasskeyProfiles"] = listOf(t.Profiles)
		}
		include = append(include, target)
	}
	for _, t := range p.Exclude {
		exclude = append(exclude, object{"id": t.ID, "targetType": t.Type})
	}
	b := object{
		"@odata.type": "#microsoft.graph.fido2AuthenticationMethodConfiguration", "state": state, "isSelfServiceRegistrationAllowed": p.SelfService,
		"includeTargets": include, "excludeTargets": exclude,
	}
	if p.Schema == postern.PolicySchemaTenant {
		b["isAttestationEnforced"], b["keyRestrictions"] = p.AttestationEnforced, restrictionsBody(p.KeyRestrictions)
		return b
	}
	profiles := []object{}
	for _, f := range p.Profiles {
		var types []string
		if f.DeviceBound {
			types = append(types, "deviceBound")
		}
		if f.Synced {
			types = append(types, "synced")
		}
		attestation := "disabled"
		if f.AttestationEnforced {
			attestation = "registrationOnly"
		}
		profiles = append(profiles, object{
			"id": f.ID, "name": f.Name, "passkeyTypes": strings.Join(types, ","), "attestationEnforcement": attestation, "keyRestrictions": restrictionsBody(f.KeyRestrictions),
		})
	}
	b["defaultPasskeyProfile"], b["passkeyProfiles"] = p.DefaultProfile, profiles
	return b
}

func limitBody(models []string) object {
	return object{"@odata.type": "#microsoft.graph.fido2CombinationConfiguration", "allowedAAGUIDs": models, "appliesToCombinations": []string{"fido2"}}
}

func strengthBody(s postern.AuthenticationStrength) object {
	limits := []object{}
	if len(s.AAGUIDs) > 0 {
		limits = append(limits, limitBody(s.AAGUIDs))
	}
	return object{"displayName": s.Name, "description": "", "allowedCombinations": s.Combinations, "combinationConfigurations": limits}
}

// changeStrength replaces combinations and models.
func (l *lab) changeStrength(ctx context.Context, s postern.AuthenticationStrength) error {
	path := strengthPath + "/" + s.ID
	var limits struct {
		Value []struct {
			ID string `json:"id"`
		} `json:"value"`
	}
	if err := l.expect(ctx, http.MethodGet, path+"/combinationConfigurations", nil, &limits); err != nil {
		return err
	}
	for _, limit := range limits.Value {
		if err := l.expect(ctx, http.MethodDelete, path+"/combinationConfigurations/"+limit.ID, nil, nil); err != nil {
			return err
		}
	}
	if err := l.expect(ctx, http.MethodPost, path+"/updateAllowedCombinations", object{"allowedCombinations": s.Combinations}, nil); err != nil {
		return err
	}
	if len(s.AAGUIDs) == 0 {
		return nil
	}
	return l.expect(ctx, http.MethodPost, path+"/combinationConfigurations", limitBody(s.AAGUIDs), nil)
}

func ruleBody(c postern.ConditionalAccessPolicy) object {
	operator := "OR"
	if c.Grant.All {
		operator = "AND"
	}
	grant := object{"operator": operator, "builtInControls": listOf(c.Grant.Controls), "authenticationStrength": nil}
	if c.Grant.Strength != "" {
		grant["authenticationStrength"] = object{"id": c.Grant.Strength}
	}
	if len(c.Grant.Unjudged) > 0 {
		grant["customAuthenticationFactors"] = []string{"a-factor-of-somebody-else"}
	}
	conditions := object{
		"clientAppTypes": []string{"all"},
		"applications": object{
			"includeApplications": listOf(c.Applications.Include), "excludeApplications": listOf(c.Applications.Exclude), "includeUserActions": listOf(c.Applications.UserActions),
		},
		"users": object{
			"includeUsers": listOf(c.Users.IncludeUsers), "excludeUsers": listOf(c.Users.ExcludeUsers),
			"includeGroups": listOf(c.Users.IncludeGroups), "excludeGroups": listOf(c.Users.ExcludeGroups),
			"includeRoles": listOf(c.Users.IncludeRoles), "excludeRoles": listOf(c.Users.ExcludeRoles),
		},
		"platforms": nil,
	}
	if len(c.Other) > 0 {
		conditions["platforms"] = object{"includePlatforms": []string{"windows"}, "excludePlatforms": []string{}}
	}
	return object{"displayName": c.Name, "state": string(c.State), "conditions": conditions, "grantControls": grant}
}
