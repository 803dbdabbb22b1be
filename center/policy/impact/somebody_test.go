package impact_test

import (
	"strings"
	"testing"

	"github.com/postern/postern"
	"github.com/postern/postern/center/policy/impact"
)

func TestSomebody(t *testing.T) {
	group := func(id string, profiles ...string) postern.PolicyTarget {
		return postern.PolicyTarget{ID: id, Type: "group", Profiles: profiles}
	}
	keys := anyKey("p1")
	keys.KeyRestrictions, keys.Synced = only(yubi), false
	wide := anyKey("p2")
	for name, c := range map[string]struct {
		edit                   func(p *postern.PasskeyPolicy)
		bound, synced, unknown bool // a YubiKey, a synced passkey of the same model, a Titan
	}{
		"by the default profile":     {func(*postern.PasskeyPolicy) {}, true, false, false},
		"the method is off":          {func(p *postern.PasskeyPolicy) { p.Enabled = false }, false, false, false},
		"nobody is included":         {func(p *postern.PasskeyPolicy) { p.Include = nil }, false, false, false},
		"everybody is excluded":      {func(p *postern.PasskeyPolicy) { p.Exclude = []postern.PolicyTarget{{ID: postern.TargetAllUsers}} }, false, false, false},
		"some are excluded":          {func(p *postern.PasskeyPolicy) { p.Exclude = []postern.PolicyTarget{group(staff)} }, true, false, false},
		"a group has a wide profile": {func(p *postern.PasskeyPolicy) { p.Include = append(p.Include, group(sales, "p2")) }, true, true, true},
		"and is excluded": {func(p *postern.PasskeyPolicy) {
			p.Include, p.Exclude = append(p.Include, group(sales, "p2")), []postern.PolicyTarget{group(strings.ToUpper(sales))}
		}, true, false, false},
		"its profile is not there": {func(p *postern.PasskeyPolicy) { p.Include = []postern.PolicyTarget{group(sales, "p9")} }, false, false, false},
		"attestation is enforced": {func(p *postern.PasskeyPolicy) {
			p.Profiles[1].AttestationEnforced = true
			p.Include = []postern.PolicyTarget{group(sales, "p2")}
		}, true, false, true},
	} {
		p := profiled(keys, wide)
		c.edit(&p.Passkeys)
		j := impact.Prepare(p, nil)
		for key, want := range map[impact.Candidate]bool{{AAGUID: strings.ToUpper(yubi)}: c.bound, {AAGUID: yubi, Synced: true}: c.synced, {AAGUID: titan}: c.unknown} {
			if got := j.Somebody(key); got != want {
				t.Errorf("%s: %+v is %t", name, key, got)
			}
		}
	}
}
