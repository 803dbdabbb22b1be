package plan

import (
	"math"

	"github.com/postern/postern"
)

// What Microsoft publishes of the size of an authentication methods policy, in KB, and the most that is stored. The figure
// for further profiles of a target follows from the two that are given: 0.23 KB with one profile, 0.4 KB with five.
const (
	sizeLimit         = 20 << 10
	sizeBase          = 1.44
	sizeTarget        = 0.23
	sizeTargetProfile = 0.0425
	sizeProfile       = 0.4
	sizeModel         = 0.03
)

// Size estimates how large the authentication methods policy is, by the figures Microsoft publishes.
func Size(policy postern.TenantPolicy) postern.PolicySize {
	k := policy.Passkeys
	kb := sizeBase + float64(policy.OtherMethodsSize)/1024
	for _, t := range k.Include {
		kb += sizeTarget + sizeTargetProfile*float64(max(len(t.Profiles)-1, 0))
	}
	kb += sizeTarget * float64(len(k.Exclude))
	if k.Schema == postern.PolicySchemaProfiles {
		for _, p := range k.Profiles {
			kb += sizeProfile + sizeModel*float64(len(p.KeyRestrictions.AAGUIDs))
		}
	} else {
		kb += sizeModel * float64(len(k.KeyRestrictions.AAGUIDs))
	}
	return postern.PolicySize{Bytes: int(math.Ceil(kb * 1024)), Limit: sizeLimit}
}
