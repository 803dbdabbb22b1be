package entra

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/postern/postern"
)

var (
	readPolicy  = []string{"Policy.Read.AuthenticationMethod", "Policy.Read.All", "Policy.ReadWrite.AuthenticationMethod"}
	writePolicy = []string{"Policy.ReadWrite.AuthenticationMethod"}
)

var (
	opPasskeyPolicy = operation{name: "authenticationMethodsPolicy.fido2", doing: "read the passkey policy", needs: readPolicy, lane: lanePolicy, repeatable: true}
	opMethodsPolicy = operation{name: "authenticationMethodsPolicy.get", doing: "read the authentication methods policy", needs: readPolicy, lane: lanePolicy, repeatable: true}
)

// Where the authentication methods policy and its passkey configuration are.
const (
	methodsPolicyPath = "/policies/authenticationMethodsPolicy"
	passkeyPolicyPath = methodsPolicyPath + "/authenticationMethodConfigurations/fido2"
	passkeyPolicyType = "#microsoft.graph.fido2AuthenticationMethodConfiguration"
)

// The wire of fido2AuthenticationMethodConfiguration.
type (
	policyWire struct {
		State       string           `json:"state"`
		SelfService bool             `json:"isSelfServiceRegistrationAllowed"`
		Attestation bool             `json:"isAttestationEnforced"`
		Keys        restrictionsWire `json:"keyRestrictions"`
		Default     string           `json:"defaultPasskeyProfile"`
		Profiles    []profileWire    `json:"passkeyProfiles"`
		Include     []targetWire     `json:"includeTargets"`
		Exclude     []targetWire     `json:"excludeTargets"`
	}
	profileWire struct {
		ID          string           `json:"id"`
		Name        string           `json:"name"`
		Types       string           `json:"passkeyTypes"` // deviceBound, synced, or both with a comma
		Attestation string           `json:"attestationEnforcement"`
		Keys        restrictionsWire `json:"keyRestrictions"`
	}
	restrictionsWire struct {
		Enforced bool     `json:"isEnforced"`
		Type     string   `json:"enforcementType"`
		AAGUIDs  []string `json:"aaGuids"`
	}
	targetWire struct {
		ID       string   `json:"id"`
		Type     string   `json:"targetType"`
		Required bool     `json:"isRegistrationRequired"`
		Profiles []string `json:"allowedPasskeyProfiles"`
	}
)

// What the members of a profile and of restrictions say on the wire.
const (
	attestationEnforced = "registrationOnly"
	attestationOff      = "disabled"
	typeDeviceBound     = "deviceBound"
	typeSynced          = "synced"
	restrictAllow       = "allow"
	restrictBlock       = "block"
)

// PasskeyPolicy reads the tenant's passkey policy.
func (t *Tenant) PasskeyPolicy(ctx context.Context) (postern.PasskeyPolicy, error) {
	c := call{op: opPasskeyPolicy, method: http.MethodGet, on: object{kind: "passkey policy"}, path: passkeyPolicyPath}
	a, err := t.send(ctx, c)
	if err != nil {
		return postern.PasskeyPolicy{}, err
	}
	p, err := decodePasskeyPolicy(a.body)
	if err != nil {
		return postern.PasskeyPolicy{}, t.unexpected(c, "a configuration that is not the expected JSON")
	}
	return p, nil
}

// decodePasskeyPolicy reads a configuration. A tenant without a profile has not opted in to them.
func decodePasskeyPolicy(body []byte) (postern.PasskeyPolicy, error) {
	var w policyWire
	if err := json.Unmarshal(body, &w); err != nil {
		return postern.PasskeyPolicy{}, err
	}
	p := postern.PasskeyPolicy{
		Schema: postern.PolicySchemaTenant, Enabled: strings.EqualFold(w.State, "enabled"), SelfService: w.SelfService,
		AttestationEnforced: w.Attestation, KeyRestrictions: w.Keys.restrictions(),
		Include: targets(w.Include), Exclude: targets(w.Exclude),
	}
	if len(w.Profiles) == 0 {
		return p, nil
	}
	p.Schema, p.DefaultProfile = postern.PolicySchemaProfiles, lowerID(w.Default)
	for _, f := range w.Profiles {
		profile := postern.PasskeyProfile{
			ID: lowerID(f.ID), Name: f.Name, DeviceBound: hasFlag(f.Types, typeDeviceBound), Synced: hasFlag(f.Types, typeSynced),
			AttestationEnforced: strings.EqualFold(f.Attestation, attestationEnforced), KeyRestrictions: f.Keys.restrictions(),
		}
		p.Profiles = append(p.Profiles, profile)
		// Graph is to leave the deprecated members out one day.
		if profile.ID == p.DefaultProfile {
			p.AttestationEnforced, p.KeyRestrictions = profile.AttestationEnforced, f.Keys.restrictions()
		}
	}
	return p, nil
}

func (w restrictionsWire) restrictions() postern.KeyRestrictions {
	return postern.KeyRestrictions{Enforced: w.Enforced, Block: strings.EqualFold(w.Type, restrictBlock), AAGUIDs: models(w.AAGUIDs)}
}

// models are AAGUIDs in lower case, each once.
func models(aaguids []string) []string {
	all := make([]string, 0, len(aaguids))
	for _, a := range aaguids {
		if a = strings.ToLower(a); a != "" && !slices.Contains(all, a) {
			all = append(all, a)
		}
	}
	return all
}

func targets(wire []targetWire) []postern.PolicyTarget {
	all := make([]postern.PolicyTarget, 0, len(wire))
	for _, w := range wire {
		target := postern.PolicyTarget{ID: lowerID(w.ID), Type: strings.ToLower(w.Type), RegistrationRequired: w.Required}
		if target.Type == "" {
			target.Type = "group"
		}
		if len(w.Profiles) > 0 {
			target.Profiles = lowerIDs(w.Profiles)
		}
		all = append(all, target)
	}
	return all
}

// lowerID writes an object id in lower case. Ids with a meaning of their own, such as All, stay as Graph spells them.
func lowerID(id string) string {
	if uuid.Validate(id) == nil || strings.EqualFold(id, postern.TargetAllUsers) {
		return strings.ToLower(id)
	}
	return id
}

// lowerIDs is lowerID of each, once. It never returns nil.
func lowerIDs(ids []string) []string {
	all := make([]string, 0, len(ids))
	for _, id := range ids {
		if id = lowerID(id); id != "" && !slices.Contains(all, id) {
			all = append(all, id)
		}
	}
	return all
}

// hasFlag looks a name up in a flags enumeration, written with or without spaces after its commas.
func hasFlag(flags, name string) bool {
	for f := range strings.SplitSeq(flags, ",") {
		if strings.EqualFold(strings.TrimSpace(f), name) {
			return true
		}
	}
	return false
}

// policyIfAllowed reads the policy only where the token grants it, so that an explanation never costs a refusal.
func (t *Tenant) policyIfAllowed(ctx context.Context) (postern.PasskeyPolicy, error) {
	g, err := t.granted(ctx)
	if err != nil {
		return postern.PasskeyPolicy{}, err
	}
	if !g.any(readPolicy) {
		return postern.PasskeyPolicy{}, postern.Errorf(postern.CodeEntraPermission, "")
	}
	return t.PasskeyPolicy(ctx)
}
