package authenticator_test

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/authtest"
	"github.com/postern/postern/fido/authenticator/memory"
	"github.com/postern/postern/fido/ctap"
)

// optionsAlways are the options of every authenticator.
var optionsAlways = map[string]bool{
	"plat": false, "rk": true, "credMgmt": true, "perCredMgmtRO": true, "authnrCfg": true, "alwaysUv": false,
}

func optionsWith(more map[string]bool) map[string]bool {
	o := maps.Clone(optionsAlways)
	maps.Copy(o, more)
	return o
}

var (
	uvOptions  = map[string]bool{"uv": true, "pinUvAuthToken": true, "uvAcfg": true}
	pinOptions = map[string]bool{"clientPin": false, "pinUvAuthToken": true, "setMinPINLength": true}
)

// TestGetInfo is an authenticator as a phone is one: it verifies the user itself
// and has no PIN.
func TestGetInfo(t *testing.T) {
	p := newPlatform(t, func(c *authenticator.Config) { c.FirmwareVersion, c.UVModality = 3, 0x12 })
	got := p.info()
	want := &ctap.Info{
		Versions:                         []string{"FIDO_2_0", "FIDO_2_1"},
		Extensions:                       []string{"credProtect", "hmac-secret", "hmac-secret-mc", "credBlob"},
		AAGUID:                           authtest.AAGUID,
		Options:                          optionsWith(uvOptions),
		MaxMsgSize:                       new(uint64(2048)),
		PINUVAuthProtocols:               []uint64{2, 1},
		MaxCredentialCountInList:         new(uint64(20)),
		MaxCredentialIDLength:            new(uint64(128)),
		Transports:                       []string{"usb"},
		FirmwareVersion:                  new(uint64(3)),
		MaxCredBlobLength:                new(uint64(64)),
		PreferredPlatformUVAttempts:      new(uint64(3)),
		UVModality:                       new(uint64(0x12)),
		RemainingDiscoverableCredentials: new(uint64(memory.DefaultCapacity)),
		AttestationFormats:               []string{"none"},
		LongTouchForReset:                new(false),
		TransportsForReset:               []string{"usb"},
		AuthenticatorConfigCommands:      []uint64{2},
	}
	for _, alg := range []ctap.Algorithm{ctap.ES256, ctap.EdDSA, ctap.RS256} {
		want.Algorithms = append(want.Algorithms, ctap.CredentialParameter{Type: "public-key", Algorithm: alg})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestGetInfoFollowsVerification(t *testing.T) {
	for state, want := range map[authenticator.Verification]map[string]bool{
		authenticator.VerificationNone:     optionsAlways,
		authenticator.VerificationNotSetUp: optionsWith(map[string]bool{"uv": false, "pinUvAuthToken": true, "uvAcfg": true}),
	} {
		p := newPlatform(t)
		p.User.State = &state
		if diff := cmp.Diff(want, p.info().Options); diff != "" {
			t.Errorf("state %d: %s", state, diff)
		}
	}
}
