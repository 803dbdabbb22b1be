package client_test

import (
	"testing"

	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/fido/ctap"
)

func TestProtectionPolicy(t *testing.T) {
	for policy, level := range map[string]uint64{
		"userVerificationOptional": 1, "userVerificationOptionalWithCredentialIDList": 2, "userVerificationRequired": 3,
	} {
		c, _ := newClient(t)
		o := creation()
		o.Extensions = client.ExtensionInputs{ProtectionPolicy: policy, EnforcePolicy: true, HMACCreateSecret: true}
		r := mustCreate(t, c, o)
		data, err := ctap.ParseAuthenticatorData(r.AuthenticatorData)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ctap.DecodeUint(data.Extensions["credProtect"]); err != nil || got != level {
			t.Errorf("%s: level %d, %v", policy, got, err)
		}
		if r.Extensions.HMACCreateSecret == nil || !*r.Extensions.HMACCreateSecret {
			t.Errorf("hmacCreateSecret: %s", asJSON(t, r.Extensions))
		}
	}
}
