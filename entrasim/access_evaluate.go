package entrasim

import (
	"maps"
	"slices"
	"strings"
)

// AppliedPolicy is one appliedConditionalAccessPolicy of a sign-in.
type AppliedPolicy struct {
	ID, Name string
	Controls []string // as the policy names them
	Result   string   // success, failure, reportOnlySuccess, reportOnlyFailure or reportOnlyInterrupted
}

// accessVerdict is what Conditional Access makes of a sign-in.
type accessVerdict struct {
	applied []AppliedPolicy
	refusal *accessRefusal // nil when access is granted
}

// accessRefusal is why access is not granted. A final one does not depend on how the user signed in.
type accessRefusal struct {
	number int
	text   string
	advice string
	final  bool
}

// Codes of refusals by Conditional Access. Those for the block, for a second factor and for devices are the published ones;
// that an unmet authentication strength has the code for strong authentication is the emulator's choice.
const (
	codeAccessBlocked   = 53003
	codeFactorRequired  = 50076
	codeStrengthUnmet   = 50074
	codeNotCompliant    = 53000
	codeNotJoined       = 53001
	codeNotApprovedApp  = 53002
	codeNotProtectedApp = 53009
)

const (
	advisePolicy  = "Ask your administrator to review the Conditional Access policies."
	adviseFactor  = "A password alone is not enough here. Sign in with a passkey, or ask your administrator for a Temporary Access Pass."
	adviseOther   = "Sign in with another passkey or another method, or ask your administrator which ones are accepted here."
	textStrength  = "Strong authentication is required: the way you signed in does not meet the authentication strength '%s'."
	textFactor    = "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access '%s'."
	textBlocked   = "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance."
	textCompliant = "Device is not in required device state: compliant. Conditional Access policy requires a compliant device, and the device is not compliant."
	textJoined    = "Device is not in required device state: domain_joined. Conditional Access policy requires a domain joined device, and the device is not domain joined."
	textApproved  = "Access to the resource is restricted: the application is not on the list of approved applications for Conditional Access."
	textProtected = "Application needs to enforce Intune protection policies."
)

// methodModes are the authentication method modes a sign-in stands for. Proofs of before they were kept say it by their
// authentication methods references; a password with an unnamed second factor counts as one with the Authenticator app.
func (p *SignInProof) methodModes() []string {
	switch {
	case len(p.Modes) > 0:
		return p.Modes
	case slices.Contains(p.AMR, amrFIDO):
		return []string{"fido2"}
	case slices.Contains(p.AMR, amrPassword) && slices.Contains(p.AMR, amrMFA):
		return []string{"password", "microsoftAuthenticatorPush"}
	case slices.Contains(p.AMR, amrPassword):
		return []string{"password"}
	case slices.Contains(p.AMR, amrMFA):
		return []string{"temporaryAccessPassMultiUse"}
	}
	return nil
}

// meets says whether a sign-in meets an authentication strength: one of its combinations is made of methods that were used,
// and a passkey is of a model that the configuration of its combination lists.
func meets(strength object, p *SignInProof) bool {
	used := p.methodModes()
	combinations, _ := strength["allowedCombinations"].([]any)
	return slices.ContainsFunc(combinations, func(v any) bool {
		combination, _ := v.(string)
		for mode := range strings.SplitSeq(combination, ",") {
			if !slices.Contains(used, strings.TrimSpace(mode)) {
				return false
			}
		}
		return !sameCombination(combination, "fido2") || listedModel(strength, p.AAGUID)
	})
}

// listedModel says whether the combination configurations of a strength let passkeys of a model pass.
func listedModel(strength object, aaguid string) bool {
	for _, v := range limits(strength) {
		l, _ := v.(object)
		if !appliesTo(l, "fido2") {
			continue
		}
		list, _ := l["allowedAAGUIDs"].([]any)
		if !slices.ContainsFunc(list, func(v any) bool { id, _ := v.(string); return strings.EqualFold(id, aaguid) }) {
			return false
		}
	}
	return true
}

// control is one grant control with what a refusal for it says.
type control struct {
	name string
	met  bool
	no   accessRefusal
}

// controls lists the grant controls of a policy as a sign-in meets them. The caller holds the lock.
func (t *Tenant) controls(g *accessGrant, a *accessAttempt) []control {
	var list []control
	for _, name := range g.Controls {
		c := control{name: name}
		switch name {
		case "mfa":
			c.met = slices.Contains(a.proof.AMR, amrMFA)
			c.no = accessRefusal{number: codeFactorRequired, text: strings.Replace(textFactor, "%s", a.app, 1), advice: adviseFactor}
		case "compliantDevice":
			c.met = a.computer != nil && a.computer.Compliant
			c.no = accessRefusal{number: codeNotCompliant, text: textCompliant, advice: advisePolicy, final: true}
		case "domainJoinedDevice":
			c.met = a.computer != nil && a.computer.Trust == trustHybrid
			c.no = accessRefusal{number: codeNotJoined, text: textJoined, advice: advisePolicy, final: true}
		case "approvedApplication":
			c.no = accessRefusal{number: codeNotApprovedApp, text: textApproved, advice: advisePolicy, final: true}
		case "compliantApplication":
			c.no = accessRefusal{number: codeNotProtectedApp, text: textProtected, advice: advisePolicy, final: true}
		default: // block, and what no sign-in here can satisfy
			c.no = accessRefusal{number: codeAccessBlocked, text: textBlocked, advice: advisePolicy, final: true}
		}
		list = append(list, c)
	}
	for _, name := range slices.Concat(g.Custom, g.Terms) {
		list = append(list, control{name: name, no: accessRefusal{number: codeAccessBlocked, text: textBlocked, advice: advisePolicy, final: true}})
	}
	if g.Strength != nil {
		strength := t.CA.strength(g.Strength.ID)
		name, _ := strength["displayName"].(string)
		list = append(list, control{
			name: "authenticationStrength", met: strength != nil && meets(strength, &a.proof),
			no: accessRefusal{number: codeStrengthUnmet, text: strings.Replace(textStrength, "%s", name, 1), advice: adviseOther},
		})
	}
	return list
}

// grant says what a policy that applies makes of a sign-in: nil grants access. Under OR one control is enough, and of
// several unmet ones the refusal is for one the user can still meet. The caller holds the lock.
func (t *Tenant) grant(p *accessPolicy, a *accessAttempt) (names []string, refusal *accessRefusal) {
	if p.Grant == nil {
		return nil, nil
	}
	either, met := p.Grant.Operator == "OR", false
	for _, c := range t.controls(p.Grant, a) {
		names = append(names, c.name)
		if c.met {
			met = true
			continue
		}
		if refusal == nil || refusal.final != c.no.final && c.no.final != either {
			refusal = &c.no
		}
	}
	if either && met {
		return names, nil
	}
	return names, refusal
}

// evaluate applies every Conditional Access policy to a sign-in whose first factor was good. Of several refusals the final
// one wins. The caller holds the lock.
func (t *Tenant) evaluate(a *accessAttempt) (v accessVerdict) {
	for _, id := range slices.Sorted(maps.Keys(t.CA.Policies)) {
		p, problem := parseAccessPolicy(t.CA.Policies[id])
		if problem != "" || p.State != accessEnabled && p.State != accessReportOnly || !p.concerns(a) {
			continue
		}
		names, refusal := t.grant(&p, a)
		applied := AppliedPolicy{ID: p.ID, Name: p.Name, Controls: names, Result: "success"}
		switch {
		case p.State == accessReportOnly && refusal == nil:
			applied.Result = "reportOnlySuccess"
		case p.State == accessReportOnly && refusal.final:
			applied.Result = "reportOnlyFailure"
		case p.State == accessReportOnly:
			applied.Result = "reportOnlyInterrupted"
		case refusal != nil:
			applied.Result = "failure"
			if v.refusal == nil || refusal.final && !v.refusal.final {
				v.refusal = refusal
			}
		}
		v.applied = append(v.applied, applied)
	}
	return v
}

// access evaluates Conditional Access for a user. The caller holds no lock.
func (t *Tenant) access(a accessAttempt) (v accessVerdict) {
	t.view(func() {
		if len(t.CA.Policies) == 0 {
			return
		}
		if a.user = t.user(a.proof.UserID); a.user != nil {
			a.groups = t.groupsOf(a.user.ID)
			if a.computer = t.computer(a.proof.DeviceID); a.computer != nil && a.computer.Disabled {
				a.computer = nil
			}
			v = t.evaluate(&a)
		}
	})
	return v
}

// status is conditionalAccessStatus of the sign-in log; policies in report-only mode do not count.
func (v *accessVerdict) status() string {
	switch {
	case v.refusal != nil:
		return "failure"
	case slices.ContainsFunc(v.applied, func(p AppliedPolicy) bool { return p.Result == "success" }):
		return "success"
	}
	return "notApplied"
}
