package impact_test

import (
	"encoding/json"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/center/policy/impact"
)

// mistake is a judge who gets one rule wrong. It is the judge of the product who is shown the wrong thing: what somebody
// would see who does not know the rule.
type mistake struct {
	name      string
	policy    func(*postern.TenantPolicy)
	direct    bool // sees direct members of groups only
	user      func(*postern.InventoryUser)
	key       func(*postern.InventoryPasskey)
	candidate func(*impact.Candidate)
	// only of sign-ins or of registrations, where the other has no such rule.
	signIn, registration bool
}

func passkeys(f func(*postern.PasskeyPolicy)) func(*postern.TenantPolicy) {
	return func(p *postern.TenantPolicy) { f(&p.Passkeys) }
}

// restrictions changes the key restrictions that decide.
func restrictions(f func(*postern.KeyRestrictions)) func(*postern.TenantPolicy) {
	return func(p *postern.TenantPolicy) {
		f(&p.Passkeys.KeyRestrictions)
		for i := range p.Passkeys.Profiles {
			f(&p.Passkeys.Profiles[i].KeyRestrictions)
		}
	}
}

func profiles(f func(*postern.PasskeyProfile)) func(*postern.TenantPolicy) {
	return func(p *postern.TenantPolicy) {
		for i := range p.Passkeys.Profiles {
			f(&p.Passkeys.Profiles[i])
		}
	}
}

func rules(f func(*postern.ConditionalAccessPolicy)) func(*postern.TenantPolicy) {
	return func(p *postern.TenantPolicy) {
		for i := range p.ConditionalAccess {
			f(&p.ConditionalAccess[i])
		}
	}
}

func strengths(f func(*postern.AuthenticationStrength)) func(*postern.TenantPolicy) {
	return func(p *postern.TenantPolicy) {
		for i := range p.Strengths {
			f(&p.Strengths[i])
		}
	}
}

// spelt makes an AAGUID in upper case one that no passkey has, as it is to a judge who compares letters.
func spelt(ids []string) {
	for i, id := range ids {
		if id != strings.ToLower(id) {
			ids[i] = "upper case"
		}
	}
}

func state(from postern.ConditionalAccessState) func(*postern.TenantPolicy) {
	return rules(func(c *postern.ConditionalAccessPolicy) {
		if c.State == from {
			c.State = postern.ConditionalAccessOn
		}
	})
}

var mistakes = []mistake{
	{name: "the method is never off", policy: passkeys(func(p *postern.PasskeyPolicy) { p.Enabled = true })},
	{name: "an include beats an exclude", policy: passkeys(func(p *postern.PasskeyPolicy) { p.Exclude = nil })},
	{name: "everybody is included", policy: passkeys(func(p *postern.PasskeyPolicy) {
		if len(p.Include) > 0 {
			p.Include = append(p.Include, postern.PolicyTarget{ID: postern.TargetAllUsers, Type: "group", Profiles: p.Include[0].Profiles})
		}
	})},
	{name: "groups hold no groups", direct: true},
	{name: "users are no targets", policy: passkeys(func(p *postern.PasskeyPolicy) {
		for _, list := range [][]postern.PolicyTarget{p.Include, p.Exclude} {
			for i := range list {
				list[i].Type = "group"
			}
		}
	})},
	{name: "no profile named is every profile", policy: passkeys(func(p *postern.PasskeyPolicy) {
		for i, t := range p.Include {
			for _, f := range p.Profiles {
				if len(t.Profiles) == 0 {
					p.Include[i].Profiles = append(p.Include[i].Profiles, f.ID)
				}
			}
		}
	})},
	{name: "no profile named is no profile", policy: passkeys(func(p *postern.PasskeyPolicy) {
		for i, t := range p.Include {
			if len(t.Profiles) == 0 && len(p.Profiles) > 0 {
				p.Include[i].Profiles = []string{"none"}
			}
		}
	})},
	{name: "only the first profile of a target counts", policy: passkeys(func(p *postern.PasskeyPolicy) {
		for i, t := range p.Include {
			p.Include[i].Profiles = t.Profiles[:min(1, len(t.Profiles))]
		}
	})},
	{name: "only the first target counts", policy: passkeys(func(p *postern.PasskeyPolicy) { p.Include = p.Include[:min(1, len(p.Include))] })},
	{name: "profiles add up", policy: passkeys(func(p *postern.PasskeyPolicy) {
		for i := range p.Profiles {
			for _, other := range p.Profiles {
				p.Profiles[i].DeviceBound = p.Profiles[i].DeviceBound || other.DeviceBound
				p.Profiles[i].Synced = p.Profiles[i].Synced || other.Synced
			}
		}
	})},
	{name: "types do not matter", policy: profiles(func(p *postern.PasskeyProfile) { p.DeviceBound, p.Synced = true, !p.AttestationEnforced })},
	{name: "attestation does not imply a type", policy: passkeys(func(p *postern.PasskeyPolicy) {
		if p.Schema == postern.PolicySchemaTenant {
			p.AttestationEnforced = false
		}
	}), signIn: true},
	{name: "attestation counts at sign-in", policy: func(*postern.TenantPolicy) {}, signIn: true},
	{name: "attestation counts nowhere", candidate: func(c *impact.Candidate) { c.Attested = true }},
	{name: "every passkey is bound to a device", key: func(k *postern.InventoryPasskey) { k.Synced = false }, candidate: func(c *impact.Candidate) { c.Synced = false }},
	{name: "models are not looked at", policy: restrictions(func(k *postern.KeyRestrictions) { k.Enforced = false })},
	{name: "restrictions that are off count", policy: restrictions(func(k *postern.KeyRestrictions) { k.Enforced = true })},
	{name: "a block list allows", policy: restrictions(func(k *postern.KeyRestrictions) { k.Block = false })},
	{name: "an empty allow list allows everything", policy: restrictions(func(k *postern.KeyRestrictions) { k.Enforced = k.Enforced && (k.Block || len(k.AAGUIDs) > 0) })},
	{name: "AAGUIDs are compared letter by letter", policy: func(p *postern.TenantPolicy) {
		restrictions(func(k *postern.KeyRestrictions) { spelt(k.AAGUIDs) })(p)
		strengths(func(s *postern.AuthenticationStrength) { spelt(s.AAGUIDs) })(p)
	}},
	{name: "self-service does not matter", policy: passkeys(func(p *postern.PasskeyPolicy) { p.SelfService = true }), registration: true},
	{name: "guests may register", user: func(u *postern.InventoryUser) { u.Guest = false }, registration: true},
	{name: "disabled accounts sign in", user: func(u *postern.InventoryUser) { u.Enabled = true }, signIn: true},

	{name: "reporting refuses", policy: state(postern.ConditionalAccessReportOnly), signIn: true},
	{name: "what is off refuses", policy: state(postern.ConditionalAccessOff), signIn: true},
	{name: "Conditional Access is not looked at", policy: func(p *postern.TenantPolicy) { p.ConditionalAccess = nil }, signIn: true},
	{name: "nobody is excluded by name", policy: rules(func(c *postern.ConditionalAccessPolicy) { c.Users.ExcludeUsers = nil }), signIn: true},
	{name: "nobody is excluded by group", policy: rules(func(c *postern.ConditionalAccessPolicy) { c.Users.ExcludeGroups = nil }), signIn: true},
	{name: "nobody is excluded by role", policy: rules(func(c *postern.ConditionalAccessPolicy) { c.Users.ExcludeRoles = nil }), signIn: true},
	{name: "nobody is included by name", policy: rules(func(c *postern.ConditionalAccessPolicy) {
		if len(c.Users.IncludeUsers) > 0 && c.Users.IncludeUsers[0] != "All" {
			c.Users.IncludeUsers = nil
		}
	}), signIn: true},
	{name: "nobody is included by group", policy: rules(func(c *postern.ConditionalAccessPolicy) { c.Users.IncludeGroups = nil }), signIn: true},
	{name: "nobody is included by role", policy: rules(func(c *postern.ConditionalAccessPolicy) { c.Users.IncludeRoles = nil }), signIn: true},
	{name: "guests are like everybody", user: func(u *postern.InventoryUser) { u.Guest = false }, signIn: true},
	{name: "a policy for one application is for all", policy: rules(func(c *postern.ConditionalAccessPolicy) {
		if len(c.Applications.Include) > 0 {
			c.Applications.Include = []string{"All"}
		}
	}), signIn: true},
	{name: "no application is excluded", policy: rules(func(c *postern.ConditionalAccessPolicy) { c.Applications.Exclude = nil }), signIn: true},
	{name: "a user action is a sign-in", policy: rules(func(c *postern.ConditionalAccessPolicy) {
		if len(c.Applications.UserActions) > 0 {
			c.Applications.Include = []string{"All"}
		}
	}), signIn: true},
	{name: "a passkey is not multifactor", policy: rules(func(c *postern.ConditionalAccessPolicy) {
		if len(c.Grant.Controls) > 0 && c.Grant.Controls[0] == "mfa" {
			c.Grant.Controls = []string{"block"}
		}
	}), signIn: true},
	{name: "a block does not block", policy: rules(func(c *postern.ConditionalAccessPolicy) {
		if len(c.Grant.Controls) > 0 && c.Grant.Controls[0] == "block" {
			c.Grant.Controls = nil
		}
	}), signIn: true},
	{name: "models of strengths are not looked at", policy: strengths(func(s *postern.AuthenticationStrength) { s.AAGUIDs = nil }), signIn: true},
	{name: "every strength has passkeys", policy: strengths(func(s *postern.AuthenticationStrength) { s.Combinations = append(s.Combinations, "fido2") }), signIn: true},
	{name: "no strength has passkeys", policy: strengths(func(s *postern.AuthenticationStrength) { s.Combinations = nil }), signIn: true},
	{name: "all is any", policy: rules(func(c *postern.ConditionalAccessPolicy) { c.Grant.All = false }), signIn: true},
}

// judge is the product's, or one with a mistake, over one state of the tenant.
type judge struct {
	m *mistake // nil: none
	*impact.Judge
}

func newJudge(m *mistake, p postern.TenantPolicy, all, direct places) judge {
	if m == nil {
		return judge{nil, impact.Prepare(p, all)}
	}
	if m.policy != nil {
		p = cloned(p)
		m.policy(&p)
	}
	if m.direct {
		all = direct
	}
	return judge{m, impact.Prepare(p, all)}
}

func (j judge) signIn(u postern.InventoryUser, k postern.InventoryPasskey, application string) impact.Verdict {
	if j.m == nil || j.m.registration {
		return j.SignIn(u, k, application)
	}
	if j.m.user != nil {
		j.m.user(&u)
	}
	if j.m.key != nil {
		j.m.key(&k)
	}
	if j.m.name == "attestation counts at sign-in" && !k.Attested {
		if v := j.Register(u, impact.Candidate{AAGUID: k.AAGUID, Synced: k.Synced}); !v.Allowed && strings.Contains(v.Why, "ttestation is enforced") {
			return v
		}
	}
	return j.SignIn(u, k, application)
}

func (j judge) register(u postern.InventoryUser, c candidate) impact.Verdict {
	of := impact.Candidate{AAGUID: c.model, Synced: c.synced, Attested: c.attested}
	if j.m == nil || j.m.signIn {
		return j.Register(u, of)
	}
	if j.m.user != nil {
		j.m.user(&u)
	}
	if j.m.candidate != nil {
		j.m.candidate(&of)
	}
	return j.Register(u, of)
}

// cloned shares nothing with the policy.
func cloned(p postern.TenantPolicy) (out postern.TenantPolicy) {
	b, _ := json.Marshal(p) // it is made of plain values
	_ = json.Unmarshal(b, &out)
	return out
}
