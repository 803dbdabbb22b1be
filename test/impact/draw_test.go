package impact_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/postern/postern"
)

// world is the directory of one case.
type world struct {
	people    []*somebody
	groups    []string // object ids
	members   [][]string
	profiles  bool // the tenant has opted in to passkey profiles
	strengths int  // how many were made, for their names
	rules     int
}

// somebody is a user.
type somebody struct {
	id, upn, handle string
	disabled, guest bool
	roles           []string
	keys            []*passkey
	attempts        []candidate // registrations to be attempted for them
}

// passkey is a registered one.
type passkey struct {
	key      *softKey
	methodID string
	model    string
	synced   bool
	attested bool
}

// candidate is a passkey that somebody will try to register.
type candidate struct {
	model            string
	synced, attested bool
}

// of draws true in about n of 8 cases. The least case is false.
func of(t *rapid.T, n int, label string) bool { return rapid.IntRange(0, 7).Draw(t, label) >= 8-n }

// rarely draws true in about one of 50 cases.
func rarely(t *rapid.T, label string) bool { return of(t, 1, label) && of(t, 1, "indeed") }

func one[T any](t *rapid.T, list []T, label string) T { return rapid.SampledFrom(list).Draw(t, label) }

// some draws members of a list, each in about n of 8 cases.
func some[T any](t *rapid.T, list []T, n int, label string) []T {
	var out []T
	for _, v := range list {
		if of(t, n, label) {
			out = append(out, v)
		}
	}
	return out
}

func guid(kind, n int) string { return fmt.Sprintf("%08x-0000-4000-8000-%012x", kind, n) }

func drawCandidate(t *rapid.T) candidate {
	n := rapid.IntRange(0, len(models)-1).Draw(t, "model")
	c := candidate{model: models[n], synced: of(t, 2, "synced")}
	c.attested = n < listedModels && !c.synced && of(t, 4, "attested")
	return c
}

// drawWorld draws a directory: mostly a handful of people, now and then a department.
func drawWorld(t *rapid.T) *world {
	w := &world{profiles: of(t, 4, "profiles")}
	count := rapid.IntRange(2, 7).Draw(t, "people")
	if rarely(t, "department") {
		count = 20
	}
	for n := range count {
		p := &somebody{id: guid(0xa, n+1), upn: fmt.Sprintf("person%d@contoso.onmicrosoft.com", n+1), disabled: rarely(t, "disabled"), guest: of(t, 2, "guest")}
		p.roles = some(t, roles, 2, "role")
		for range rapid.IntRange(0, 3).Draw(t, "passkeys") {
			c := drawCandidate(t)
			p.keys = append(p.keys, &passkey{model: c.model, synced: c.synced, attested: c.attested})
		}
		for range rapid.IntRange(0, 1).Draw(t, "registrations") {
			p.attempts = append(p.attempts, drawCandidate(t))
		}
		if of(t, 2, "registers with Postern") {
			p.attempts = append(p.attempts, candidate{model: models[posternModel]})
		}
		w.people = append(w.people, p)
	}
	for n := range rapid.IntRange(2, 5).Draw(t, "groups") {
		var members []string
		for _, p := range w.people {
			if of(t, 2, "member") {
				members = append(members, p.id)
			}
		}
		members = append(members, some(t, w.groups, 4, "nested")...)
		w.groups, w.members = append(w.groups, guid(0xb, n+1)), append(w.members, members)
	}
	return w
}

func (w *world) ids() (out []string) {
	for _, p := range w.people {
		out = append(out, p.id)
	}
	return out
}

// defaultProfile is the id Entra gives the default profile.
const defaultProfile = "00000000-0000-0000-0000-000000000001"

func drawRestrictions(t *rapid.T) postern.KeyRestrictions {
	return postern.KeyRestrictions{Enforced: of(t, 4, "restricted"), Block: of(t, 3, "block"), AAGUIDs: drawModels(t, rapid.IntRange(1, 6).Draw(t, "share"))}
}

// drawModels draws AAGUIDs, now and then in the other spelling.
func drawModels(t *rapid.T, n int) []string {
	out := append([]string{}, some(t, models, n, "listed")...)
	for i := range out {
		if of(t, 2, "upper case") {
			out[i] = strings.ToUpper(out[i])
		}
	}
	return out
}

func drawProfile(t *rapid.T, id string) postern.PasskeyProfile {
	p := postern.PasskeyProfile{ID: id, Name: "Profile " + id[len(id)-1:], KeyRestrictions: drawRestrictions(t)}
	switch rapid.IntRange(0, 7).Draw(t, "types") {
	case 0, 1, 2, 3:
		p.DeviceBound, p.Synced = true, true
	case 4:
		p.Synced = true
	default:
		p.DeviceBound = true
		p.AttestationEnforced = of(t, 4, "attestation enforced")
	}
	return p
}

// drawTargets draws include or exclude targets.
func (w *world) drawTargets(t *rapid.T, p *postern.PasskeyPolicy, include bool) []postern.PolicyTarget {
	var ids []string
	for range p.Profiles {
		ids = append(ids, p.Profiles[len(ids)].ID)
	}
	out := []postern.PolicyTarget{}
	add := func(id, kind string) {
		target := postern.PolicyTarget{ID: id, Type: kind}
		if include && w.profiles {
			target.Profiles = some(t, ids, 3, "assigned")
		}
		out = append(out, target)
	}
	everybody := include && !of(t, 2, "not everybody")
	if everybody {
		add(postern.TargetAllUsers, "group")
	}
	each := 3
	if !include {
		each = 1
	}
	for _, g := range w.groups {
		if of(t, each, "group") {
			add(g, "group")
		}
	}
	if of(t, 1, "user target") {
		add(one(t, w.people, "whom").id, "user")
	}
	return out
}

// drawPasskeys draws the passkey method anew, in the tenant's schema.
func (w *world) drawPasskeys(t *rapid.T) postern.PasskeyPolicy {
	p := postern.PasskeyPolicy{Schema: postern.PolicySchemaTenant, Enabled: !rarely(t, "off"), SelfService: !of(t, 1, "no self-service")}
	if w.profiles {
		p.Schema, p.DefaultProfile = postern.PolicySchemaProfiles, defaultProfile
		for n := range rapid.IntRange(1, 3).Draw(t, "profiles") {
			p.Profiles = append(p.Profiles, drawProfile(t, guid(0, 0)[:35]+fmt.Sprint(n+1)))
		}
		p.Profiles[0].ID = defaultProfile
	} else {
		p.AttestationEnforced, p.KeyRestrictions = of(t, 2, "attestation enforced"), drawRestrictions(t)
	}
	if of(t, 4, "hardly restricted") { // so that the rest decides
		p.Enabled, p.AttestationEnforced, p.KeyRestrictions.Enforced = true, false, false
		p.Include, p.Exclude = []postern.PolicyTarget{{ID: postern.TargetAllUsers, Type: "group"}}, []postern.PolicyTarget{}
		if w.profiles {
			p.Profiles[0].DeviceBound, p.Profiles[0].Synced, p.Profiles[0].AttestationEnforced, p.Profiles[0].KeyRestrictions.Enforced = true, true, false, false
		}
		return p
	}
	p.Include, p.Exclude = w.drawTargets(t, &p, true), w.drawTargets(t, &p, false)
	return p
}

// editPasskeys draws one change of the passkey method, as an administrator would make it.
func (w *world) editPasskeys(t *rapid.T, p *postern.PasskeyPolicy) {
	restrictions := &p.KeyRestrictions
	if w.profiles {
		n := rapid.IntRange(0, len(p.Profiles)-1).Draw(t, "which profile")
		restrictions = &p.Profiles[n].KeyRestrictions
	}
	switch rapid.IntRange(0, 7).Draw(t, "edit") {
	case 0:
		*restrictions = drawRestrictions(t)
		restrictions.Enforced = true
	case 1:
		restrictions.Enforced = !restrictions.Enforced
	case 2:
		p.Include = w.drawTargets(t, p, true)
	case 3:
		p.Exclude = w.drawTargets(t, p, false)
	case 4:
		p.SelfService = !p.SelfService
	case 5:
		p.Enabled = !p.Enabled
	case 6:
		if !w.profiles {
			p.AttestationEnforced = !p.AttestationEnforced
			return
		}
		n := rapid.IntRange(0, len(p.Profiles)-1).Draw(t, "profile anew")
		p.Profiles[n] = drawProfile(t, p.Profiles[n].ID)
	default:
		restrictions.Block = !restrictions.Block
	}
}

// combinations that a strength may list.
var combinations = []string{"fido2", "windowsHelloForBusiness", "microsoftAuthenticatorPush,password"}

func (w *world) drawStrength(t *rapid.T, id string) postern.AuthenticationStrength {
	if id == "" {
		w.strengths++
		id = postern.NewPolicyID(fmt.Sprint("strength ", w.strengths))
	}
	s := postern.AuthenticationStrength{ID: id, Name: fmt.Sprint("Strength ", uuid.NewString()[:8])}
	if s.Combinations = some(t, combinations, 5, "combination"); s.Combinations == nil {
		s.Combinations = combinations[:1]
	}
	for _, c := range s.Combinations {
		if c == "fido2" {
			s.AAGUIDs = drawModels(t, 3)
		}
	}
	return s
}

// Built-in strengths.
var builtIn = []string{"00000000-0000-0000-0000-000000000002", "00000000-0000-0000-0000-000000000004"}

func (w *world) drawRule(t *rapid.T, l *lab, strengths []postern.AuthenticationStrength, id string) postern.ConditionalAccessPolicy {
	if id == "" {
		w.rules++
		id = postern.NewPolicyID(fmt.Sprint("rule ", w.rules))
	}
	c := postern.ConditionalAccessPolicy{ID: id, Name: "Rule " + id, State: one(t, []postern.ConditionalAccessState{
		postern.ConditionalAccessOn, postern.ConditionalAccessOn, postern.ConditionalAccessReportOnly, postern.ConditionalAccessOff,
	}, "state")}
	c.Users = w.drawUsers(t)
	switch rapid.IntRange(0, 7).Draw(t, "applications") {
	case 0, 1, 2:
		c.Applications.Include = []string{"All"}
		c.Applications.Exclude = some(t, l.apps[:2], 3, "not there")
	case 7:
		c.Applications.UserActions = []string{postern.UserActionRegister}
	default:
		c.Applications.Include = []string{one(t, l.apps[:2], "there")}
		c.Applications.Exclude = some(t, l.apps[:2], 1, "not there")
	}
	c.Grant = drawGrant(t, strengths)
	if !slices.Contains(c.Grant.Controls, "block") && rarely(t, "demands what is not judged") { // a block stands alone
		c.Grant.Unjudged = []string{"customAuthenticationFactors"}
	}
	if of(t, 1, "depends on the platform") {
		c.Other = []string{"platforms"}
	}
	return c
}

func (w *world) drawUsers(t *rapid.T) (u postern.ConditionalAccessUsers) {
	switch rapid.IntRange(0, 7).Draw(t, "whom") {
	case 0, 3:
		u.IncludeUsers = []string{"All"}
	case 1, 4:
		u.IncludeUsers = []string{"GuestsOrExternalUsers"}
		u.IncludeGroups = some(t, w.groups, 4, "group")
	case 2, 6:
		u.IncludeRoles = some(t, roles, 5, "role")
		u.IncludeUsers = some(t, w.ids(), 2, "user")
	default:
		u.IncludeGroups = some(t, w.groups, 5, "group")
		u.IncludeUsers = some(t, w.ids(), 1, "user")
	}
	if of(t, 5, "somebody excluded") {
		u.ExcludeUsers = some(t, w.ids(), 2, "excluded user")
		if of(t, 3, "guests excluded") {
			u.ExcludeUsers = append(u.ExcludeUsers, "GuestsOrExternalUsers")
		}
		u.ExcludeGroups = some(t, w.groups, 2, "excluded group")
		u.ExcludeRoles = some(t, roles, 2, "excluded role")
	}
	return u
}

func drawGrant(t *rapid.T, strengths []postern.AuthenticationStrength) (g postern.ConditionalAccessGrant) {
	kind := rapid.IntRange(0, 9).Draw(t, "grant")
	switch kind {
	case 0:
		g.Controls = []string{"mfa"}
		return g
	case 1:
		g.Controls = []string{"block"}
		return g
	}
	ids := append([]string{}, builtIn...)
	if len(strengths) > 0 {
		ids = ids[:0]
	}
	for _, s := range strengths {
		ids = append(ids, s.ID)
	}
	g.Strength = one(t, ids, "strength")
	if kind == 2 || kind == 3 {
		g.Controls, g.All = []string{"compliantDevice"}, kind == 3
	}
	return g
}

// drawPolicy draws all of a tenant's policy.
func (w *world) drawPolicy(t *rapid.T, l *lab) postern.TenantPolicy {
	p := postern.TenantPolicy{Passkeys: w.drawPasskeys(t)}
	for range rapid.IntRange(0, 2).Draw(t, "strengths") {
		p.Strengths = append(p.Strengths, w.drawStrength(t, ""))
	}
	for range rapid.IntRange(0, 4).Draw(t, "rules") {
		p.ConditionalAccess = append(p.ConditionalAccess, w.drawRule(t, l, p.Strengths, ""))
	}
	return p
}

// drawChange changes a policy that was read: at one place, or everywhere.
func (w *world) drawChange(t *rapid.T, l *lab, p *postern.TenantPolicy) {
	custom := customStrengths(p)
	for range rapid.IntRange(1, 4).Draw(t, "changes") {
		rules := p.ConditionalAccess
		switch kind := rapid.IntRange(0, 11).Draw(t, "change"); {
		case kind == 0:
			p.Passkeys = w.drawPasskeys(t)
		case kind == 1 && len(custom) > 0:
			n := rapid.IntRange(0, len(p.Strengths)-1).Draw(t, "which strength")
			if s := &p.Strengths[n]; !s.BuiltIn {
				*s = w.drawStrength(t, s.ID)
			}
		case kind >= 9 && len(rules) > 0:
			n := rapid.IntRange(0, len(rules)-1).Draw(t, "which rule")
			rules[n].State = one(t, []postern.ConditionalAccessState{postern.ConditionalAccessOn, postern.ConditionalAccessReportOnly, postern.ConditionalAccessOff}, "state")
		case (kind == 2 || kind == 3) && len(rules) > 0:
			n := rapid.IntRange(0, len(rules)-1).Draw(t, "rule anew")
			rules[n] = w.drawRule(t, l, custom, rules[n].ID)
		case kind == 4 && len(rules) > 0:
			n := rapid.IntRange(0, len(rules)-1).Draw(t, "rule gone")
			p.ConditionalAccess = append(rules[:n:n], rules[n+1:]...)
		case kind == 5:
			fresh := w.drawStrength(t, "")
			p.Strengths = append(p.Strengths, fresh)
			rule := w.drawRule(t, l, []postern.AuthenticationStrength{fresh}, "")
			p.ConditionalAccess = append(rules, rule)
		default:
			w.editPasskeys(t, &p.Passkeys)
		}
	}
}

func customStrengths(p *postern.TenantPolicy) (out []postern.AuthenticationStrength) {
	for _, s := range p.Strengths {
		if !s.BuiltIn {
			out = append(out, s)
		}
	}
	return out
}
