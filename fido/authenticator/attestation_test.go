package authenticator_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/ctap"
)

// attester answers as told and keeps what it was asked.
type attester struct {
	formats []string
	err     error
	asked   []authenticator.AttestationRequest
}

func (a *attester) Formats() []string { return a.formats }

func (a *attester) Attest(_ context.Context, r authenticator.AttestationRequest) (ctap.Raw, error) {
	a.asked = append(a.asked, r)
	if a.err != nil {
		return nil, a.err
	}
	return ctap.Marshal(map[string]any{})
}

func TestAttestationFormats(t *testing.T) {
	for _, tc := range []struct {
		has, wants []string
		want       string
	}{
		{[]string{"packed"}, nil, "packed"},
		{[]string{"packed"}, []string{"none"}, "none"},
		{[]string{"packed", "tpm"}, []string{"android-key", "tpm", "packed"}, "tpm"},
		{[]string{"packed"}, []string{"tpm"}, "packed"},
		{[]string{"none"}, []string{"packed"}, "none"},
	} {
		p := newPlatform(t, func(c *authenticator.Config) { c.Attester = &attester{formats: tc.has} })
		r := mcRequest()
		r.AttestationFormats = tc.wants
		if got := p.make(r).format; got != tc.want {
			t.Errorf("has %v, wanted %v: %s, want %s", tc.has, tc.wants, got, tc.want)
		}
	}
}

func TestAttestationRequest(t *testing.T) {
	at := &attester{formats: []string{"packed"}}
	p := newPlatform(t, func(c *authenticator.Config) { c.Attester = at })
	c := p.make(mcRequest())
	authData, err := c.data.Encode()
	if err != nil {
		t.Fatal(err)
	}
	want := authenticator.AttestationRequest{
		Format: "packed", RPID: rpID, AAGUID: c.data.Attested.AAGUID, CredentialID: c.id, Algorithm: ctap.ES256,
		PublicKey: c.data.Attested.PublicKey, AuthData: authData, ClientDataHash: clientDataHash,
	}
	if diff := cmp.Diff([]authenticator.AttestationRequest{want}, at.asked); diff != "" {
		t.Error(diff)
	}
}

// TestFailedAttestation: no statement, no credential.
func TestFailedAttestation(t *testing.T) {
	for err, want := range map[error]ctap.Status{
		errors.New("the attestation CA cannot be reached"): ctap.ErrOther,
		context.Canceled: ctap.ErrKeepaliveCancel,
	} {
		p := newPlatform(t, func(c *authenticator.Config) { c.Attester = &attester{formats: []string{"packed"}, err: err} })
		p.wantStatus(mcRequest(), want)
		if list, _ := p.Store.List(t.Context()); len(list) != 0 {
			t.Errorf("%v left %d credentials", err, len(list))
		}
	}
}

// leafSource hands out one self-signed certificate.
type leafSource struct{ leaf *authenticator.Leaf }

func newLeafSource(t *testing.T) leafSource {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Leaf"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return leafSource{&authenticator.Leaf{Key: key, Chain: [][]byte{der}}}
}

func (s leafSource) Leaf(context.Context, authenticator.AttestationRequest) (*authenticator.Leaf, error) {
	return s.leaf, nil
}

// askedLeaves keeps what it was asked.
type askedLeaves struct {
	leafSource
	asked []authenticator.AttestationRequest
}

func (s *askedLeaves) Leaf(ctx context.Context, r authenticator.AttestationRequest) (*authenticator.Leaf, error) {
	s.asked = append(s.asked, r)
	return s.leafSource.Leaf(ctx, r)
}
