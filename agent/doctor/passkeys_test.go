package doctor_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/postern/postern"
	"github.com/postern/postern/agent/doctor"
)

// TestVersionsOfPhones: whoever is told of the way that passkeys in Microsoft Authenticator take is told what the phone needs.
func TestVersionsOfPhones(t *testing.T) {
	needs := func(f doctor.Facts) (postern.Finding, bool) {
		all := doctor.Judge(f).Findings
		n := slices.IndexFunc(all, func(f postern.Finding) bool { return f.Check == "cross-device passkeys" && f.Subject == "phone" })
		if n < 0 {
			return postern.Finding{}, false
		}
		return all[n], true
	}
	var looked doctor.Facts
	for _, host := range doctor.Tunnels {
		looked.Tunnels = append(looked.Tunnels, doctor.Reach{Host: host})
	}
	found, ok := needs(looked)
	if !ok || found.State != postern.FindingNote || !strings.Contains(found.Message, "Android 14") || !strings.Contains(found.Message, "iOS 17") || found.Next == "" || found.Link == "" {
		t.Errorf("the doctor says %+v", found)
	}
	if found, ok := needs(doctor.Facts{}); ok {
		t.Errorf("nobody looked at the way, and the doctor says %+v", found)
	}
}
