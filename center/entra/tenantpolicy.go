package entra

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/postern/postern"
)

// TenantPolicy reads everything that decides whose passkeys may be registered and used, as far as the token allows: of
// what it does not allow the policy says that it was not read. Only the passkey policy must be readable.
func (t *Tenant) TenantPolicy(ctx context.Context) (postern.TenantPolicy, error) {
	p := postern.TenantPolicy{Strengths: []postern.AuthenticationStrength{}, ConditionalAccess: []postern.ConditionalAccessPolicy{}}
	g, err := t.granted(ctx)
	if err != nil {
		return p, err
	}
	p.ReadAt = t.opts.Now().UTC()
	if p.Passkeys, err = t.PasskeyPolicy(ctx); err != nil {
		return p, err
	}
	if p.OtherMethodsSize, err = t.otherMethodsSize(ctx); err != nil {
		return p, err
	}
	if g.allows(readStrengths) {
		strengths, err := t.strengths(ctx)
		if p.StrengthsRead = err == nil; p.StrengthsRead {
			p.Strengths = strengths
		} else if !withheld(err) {
			return p, err
		}
	}
	if g.allows(readAccess) {
		policies, err := t.conditionalAccess(ctx)
		if p.ConditionalAccessRead = err == nil; p.ConditionalAccessRead {
			p.ConditionalAccess = policies
		} else if !withheld(err) {
			return p, err
		}
	}
	p.Names, err = t.names(ctx, p)
	return p, err
}

// withheld reports whether a refusal says that the application, or the tenant's licence, does not reach that far.
func withheld(err error) bool {
	return postern.IsCode(err, postern.CodeEntraPermission) || postern.IsCode(err, postern.CodeEntraLicence)
}

// targetSize is what Microsoft estimates that a target takes of the authentication methods policy, in bytes.
const targetSize = 235

// otherMethodsSize estimates how much of the authentication methods policy the methods other than passkeys take beyond
// what every tenant has: their targets, and those of the registration campaign. A policy that cannot be read counts as
// nothing, for it only serves a warning.
func (t *Tenant) otherMethodsSize(ctx context.Context) (int, error) {
	a, err := t.send(ctx, call{op: opMethodsPolicy, method: http.MethodGet, path: methodsPolicyPath, on: object{kind: "authentication methods policy"}})
	if err != nil {
		if e, ok := graphErrorOf(err); ok && e.Status < http.StatusInternalServerError && e.Status != http.StatusTooManyRequests {
			return 0, nil
		}
		return 0, err
	}
	return otherMethodsSize(a.body), nil
}

// otherMethodsSize reads the whole policy.
func otherMethodsSize(body []byte) int {
	type targeted struct {
		ID      string       `json:"id"`
		Include []targetWire `json:"includeTargets"`
		Exclude []targetWire `json:"excludeTargets"`
	}
	var policy struct {
		Configurations []json.RawMessage `json:"authenticationMethodConfigurations"`
		Registration   struct {
			Campaign json.RawMessage `json:"authenticationMethodsRegistrationCampaign"`
		} `json:"registrationEnforcement"`
	}
	_ = json.Unmarshal(body, &policy)
	size := 0
	for _, raw := range append(policy.Configurations, policy.Registration.Campaign) {
		var w targeted
		if json.Unmarshal(raw, &w) != nil || strings.EqualFold(w.ID, "fido2") {
			continue
		}
		for _, target := range append(w.Include, w.Exclude...) {
			if !strings.EqualFold(target.ID, postern.TargetAllUsers) {
				size += targetSize
			}
		}
	}
	return size
}
