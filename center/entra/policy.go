package entra

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/postern/postern"
)

var readPolicy = []string{"Policy.Read.AuthenticationMethod", "Policy.Read.All", "Policy.ReadWrite.AuthenticationMethod"}

var opPasskeyPolicy = operation{name: "authenticationMethodsPolicy.fido2", doing: "read the passkey policy", needs: readPolicy, lane: lanePolicy, repeatable: true}

// PasskeyPolicy is the passkey (FIDO2) configuration of the authentication methods policy.
type PasskeyPolicy struct {
	Enabled             bool
	SelfService         bool // registration needs it, on behalf of a user too
	AttestationEnforced bool // superseded by the profiles
	KeyRestrictions     KeyRestrictions
	DefaultProfile      string
	Profiles            []PasskeyProfile
	Include             []PolicyTarget
	Exclude             []PolicyTarget // beat every include
}

// KeyRestrictions allow or block models of authenticators, at registration and at sign-in.
type KeyRestrictions struct {
	Enforced bool
	Block    bool     // the listed models are refused, all others allowed; otherwise the reverse
	AAGUIDs  []string // lower-case
}

// Allows reports whether a model passes.
func (k KeyRestrictions) Allows(aaguid string) bool {
	return !k.Enforced || slices.Contains(k.AAGUIDs, strings.ToLower(aaguid)) != k.Block
}

// PasskeyProfile is one set of rules. A user passes who satisfies any one of their profiles completely.
type PasskeyProfile struct {
	ID                  string
	Name                string
	DeviceBound         bool // passkeys bound to one device are allowed
	Synced              bool // passkeys that their provider copies are allowed
	AttestationEnforced bool
	KeyRestrictions     KeyRestrictions
}

// PolicyTarget is a security group by its object id, or everybody as all_users.
type PolicyTarget struct {
	ID       string
	Type     string
	Profiles []string
}

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
		Profiles []string `json:"allowedPasskeyProfiles"`
	}
)

// PasskeyPolicy reads the tenant's passkey policy.
func (t *Tenant) PasskeyPolicy(ctx context.Context) (PasskeyPolicy, error) {
	w, err := do[policyWire](ctx, t, call{
		op: opPasskeyPolicy, method: http.MethodGet, on: object{kind: "passkey policy"},
		path: "/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/fido2",
	})
	if err != nil {
		return PasskeyPolicy{}, err
	}
	p := PasskeyPolicy{
		Enabled: w.State == "enabled", SelfService: w.SelfService, AttestationEnforced: w.Attestation,
		KeyRestrictions: w.Keys.restrictions(), DefaultProfile: w.Default,
	}
	for _, f := range w.Profiles {
		p.Profiles = append(p.Profiles, PasskeyProfile{
			ID: f.ID, Name: f.Name, DeviceBound: hasFlag(f.Types, "deviceBound"), Synced: hasFlag(f.Types, "synced"),
			AttestationEnforced: f.Attestation == "registrationOnly", KeyRestrictions: f.Keys.restrictions(),
		})
	}
	for _, x := range w.Include {
		p.Include = append(p.Include, PolicyTarget(x))
	}
	for _, x := range w.Exclude {
		p.Exclude = append(p.Exclude, PolicyTarget(x))
	}
	return p, nil
}

func (w restrictionsWire) restrictions() KeyRestrictions {
	k := KeyRestrictions{Enforced: w.Enforced, Block: w.Type == "block"}
	for _, a := range w.AAGUIDs {
		k.AAGUIDs = append(k.AAGUIDs, strings.ToLower(a))
	}
	return k
}

// hasFlag looks a name up in a flags enumeration, written with or without spaces after its commas.
func hasFlag(flags, name string) bool {
	for f := range strings.SplitSeq(flags, ",") {
		if strings.TrimSpace(f) == name {
			return true
		}
	}
	return false
}

// policyIfAllowed reads the policy only where the token grants it, so that an explanation never costs a refusal.
func (t *Tenant) policyIfAllowed(ctx context.Context) (PasskeyPolicy, error) {
	g, err := t.granted(ctx)
	if err != nil {
		return PasskeyPolicy{}, err
	}
	if !g.any(readPolicy) {
		return PasskeyPolicy{}, postern.Errorf(postern.CodeEntraPermission, "")
	}
	return t.PasskeyPolicy(ctx)
}
