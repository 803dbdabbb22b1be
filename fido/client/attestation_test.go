package client_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/authtest"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/fido/ctap"
)

// TestAttestationAsked: what the relying party says about attestation, as it
// reaches an authenticator that has enterprise attestation enabled.
func TestAttestationAsked(t *testing.T) {
	for _, tc := range []struct {
		name, attestation string
		formats, managed  []string
		enterprise        *uint64
		want              []string
	}{
		{"none", "", []string{"packed"}, nil, nil, []string{"none"}},
		{"direct", "direct", nil, nil, nil, nil},
		{"formats", "direct", []string{"tpm", "none", "packed"}, nil, nil, []string{"none", "packed"}},
		{"enterprise", "enterprise", nil, []string{"example.org"}, new(uint64(1)), nil},
		{"enterprise, managed", "enterprise", nil, []string{rpID}, new(uint64(2)), nil},
	} {
		ca := authtest.NewAuthority(t)
		c, d := newClient(t, func(cfg *authenticator.Config) {
			cfg.Attester = authenticator.PackedAttestation{Source: ca}
			cfg.Enterprise = &authenticator.Enterprise{Source: ca}
		})
		if err := c.EnableEnterpriseAttestation(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.Managed = tc.managed
		var sent *ctap.MakeCredentialRequest
		c.Channel = client.ChannelFunc(func(ctx context.Context, request []byte) ([]byte, error) {
			if ctap.Command(request[0]) == ctap.MakeCredential {
				var err error
				if sent, err = ctap.DecodeMakeCredentialRequest(request[1:]); err != nil {
					return nil, err
				}
			}
			return d.CBOR(ctx, request)
		})
		o := creation()
		o.Attestation, o.AttestationFormats = tc.attestation, tc.formats
		mustCreate(t, c, o)
		if diff := cmp.Diff(tc.enterprise, sent.EnterpriseAttestation); diff != "" {
			t.Errorf("%s: %s", tc.name, diff)
		}
		if diff := cmp.Diff(tc.want, sent.AttestationFormats); diff != "" {
			t.Errorf("%s: %s", tc.name, diff)
		}
	}
}
