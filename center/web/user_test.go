package web

import (
	"strings"
	"testing"

	"github.com/postern/postern"
)

// TestOutcomeFollowsThePasskey holds that a registration of the past is not told as the truth of today.
func TestOutcomeFollowsThePasskey(t *testing.T) {
	v := postern.Provisioning{ID: "prv_1", PhoneID: "phn_1", State: postern.ProvisioningActive}
	for name, c := range map[string]struct {
		passkeys []postern.Passkey
		problems problems
		says     string
	}{
		"listed":        {[]postern.Passkey{{ProvisioningID: "prv_1", State: postern.PasskeyActive}}, nil, "The user can sign in with Pixel 9."},
		"on its way":    {[]postern.Passkey{{ProvisioningID: "prv_1", State: postern.PasskeyRevocation}}, nil, "is being removed"},
		"gone":          {nil, nil, "has been revoked since"},
		"another's":     {[]postern.Passkey{{ProvisioningID: "prv_2", State: postern.PasskeyActive}}, nil, "has been revoked since"},
		"Entra is mute": {nil, problems{postern.Errorf(postern.CodeEntraUnavailable, "")}, "The passkey was registered."},
	} {
		p := userPage{Passkeys: c.passkeys, KeyProblems: c.problems, Phones: []postern.Phone{{ID: "phn_1", Name: "Pixel 9"}}}
		if got := p.outcome(v); !strings.Contains(got, c.says) {
			t.Errorf("%s: %q, want %q", name, got, c.says)
		}
	}
	onKey := postern.Provisioning{ID: "prv_1", Carrier: postern.CarrierSecurityKey}
	for state, says := range map[postern.ProvisioningState]string{
		postern.ProvisioningOffered:   "the security key to be touched at the administrator's machine",
		postern.ProvisioningSubmitted: "The security key made the passkey",
		postern.ProvisioningActive:    "can sign in with the security key.",
	} {
		onKey.State = state
		p := userPage{Passkeys: []postern.Passkey{{ProvisioningID: "prv_1", State: postern.PasskeyActive}}}
		if got := p.outcome(onKey); !strings.Contains(got, says) || strings.Contains(got, "phone") {
			t.Errorf("%s on a security key: %q, want %q", state, got, says)
		}
	}
	v.State = postern.ProvisioningDeclined
	if got := (userPage{}).outcome(v); !strings.Contains(got, "declined") {
		t.Errorf("declined: %q", got)
	}
}
