package metadata_test

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-webauthn/webauthn/metadata"
	"github.com/go-webauthn/webauthn/metadata/providers/memory"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/google/uuid"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/authtest"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/fido/ctap"
	ours "github.com/postern/postern/fido/metadata"
)

// model is one of a phone that keeps its keys in software.
func model(roots ...*x509.Certificate) ours.Model {
	return ours.Model{
		Description: "Test key", FriendlyNames: map[string]string{"en-US": "Test key"},
		AttestationTypes: []string{ours.BasicFull, ours.AttCA, ours.None}, Roots: roots,
		UserVerification: [][]ours.Verification{{{Method: "presence_internal"}}, {{Method: "fingerprint_internal"}, {Method: "presence_internal"}}},
		KeyProtection:    []string{"software"}, MatcherProtection: []string{"software"}, CryptoStrength: 128, MultiDevice: "unsupported",
	}
}

// infoOf asks a device what it is.
func infoOf(t *testing.T, d *authtest.Device) *ctap.Info {
	t.Helper()
	response := d.Handle(t.Context(), []byte{byte(ctap.GetInfo)})
	if ctap.Status(response[0]) != ctap.OK {
		t.Fatal(ctap.Status(response[0]))
	}
	info, err := ctap.DecodeInfo(response[1:])
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// device is a key with everything, whose attestation leads to ca.
func device(t *testing.T, ca *authtest.Authority) *authtest.Device {
	t.Helper()
	return authtest.New(t, authtest.WithPIN, func(c *authenticator.Config) {
		c.Attester, c.FirmwareVersion, c.Now = authenticator.PackedAttestation{Source: ca}, 3, time.Now
	})
}

// load has the independent implementation read the statement, as an entry of
// the service's list, and look at registrations with every check it has.
func load(t *testing.T, s *ours.Statement) metadata.Provider {
	t.Helper()
	statement, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var payload metadata.PayloadJSON
	list := fmt.Sprintf(`{"no": 1, "nextUpdate": "2099-01-01", "entries": [{"aaguid": %q, "metadataStatement": %s,
		"statusReports": [{"status": "FIDO_CERTIFIED_L1", "effectiveDate": "2026-01-01"}], "timeOfLastStatusChange": "2026-01-01"}]}`, s.AAGUID, statement)
	d := json.NewDecoder(strings.NewReader(list))
	d.DisallowUnknownFields() // a name we misspelt is one they do not know
	if err := d.Decode(&payload); err != nil {
		t.Fatal(err)
	}
	decoder, err := metadata.NewDecoder()
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := decoder.Parse(&payload)
	if err != nil {
		t.Fatal(err)
	}
	entries := map[uuid.UUID]*metadata.Entry{}
	for _, e := range parsed.Parsed.Entries {
		entries[e.AaGUID] = &e
	}
	provider, err := memory.New(memory.WithMetadata(entries), memory.WithValidateEntry(true), memory.WithValidateTrustAnchor(true),
		memory.WithValidateStatus(true), memory.WithValidateAttestationTypes(true), memory.WithValidateAAGUID(true),
		memory.WithValidateAttestationFormats(true), memory.WithValidateAlgorithms(true), memory.WithValidateBackupEligibility(true),
		memory.WithValidateExtensions(true), memory.WithValidateUserVerification(true))
	if err != nil {
		t.Fatal(err)
	}
	return provider
}

type account struct{}

func (account) WebAuthnID() []byte                         { return []byte("id") }
func (account) WebAuthnName() string                       { return "alex" }
func (account) WebAuthnDisplayName() string                { return "Alex" }
func (account) WebAuthnCredentials() []webauthn.Credential { return nil }

// register makes a credential at an independent relying party that believes the
// metadata, and gives its verdict.
func register(t *testing.T, d *authtest.Device, provider metadata.Provider) error {
	t.Helper()
	const origin = "https://example.com"
	rp, err := webauthn.New(&webauthn.Config{RPID: "example.com", RPDisplayName: "Example", RPOrigins: []string{origin}, MDS: provider})
	if err != nil {
		t.Fatal(err)
	}
	creation, session, err := rp.BeginRegistration(account{}, webauthn.WithConveyancePreference(protocol.PreferDirectAttestation),
		webauthn.WithResidentKeyRequirement(protocol.ResidentKeyRequirementRequired))
	if err != nil {
		t.Fatal(err)
	}
	asked, err := json.Marshal(creation)
	if err != nil {
		t.Fatal(err)
	}
	options, err := client.ParseCreationOptions(asked)
	if err != nil {
		t.Fatal(err)
	}
	c := &client.Client{Channel: d, Random: rand.Reader}
	registration, err := c.Create(t.Context(), options, origin)
	if err != nil {
		t.Fatal(err)
	}
	sent, err := json.Marshal(registration)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(sent)
	if err != nil {
		t.Fatal(err)
	}
	if parsed.Response.AttestationObject.Format != "packed" {
		t.Fatalf("attestation format %q, want packed", parsed.Response.AttestationObject.Format)
	}
	_, err = rp.CreateCredential(account{}, *session, parsed)
	var p *protocol.Error
	if errors.As(err, &p) {
		return fmt.Errorf("%s: %s (%s)", p.Type, p.Details, p.DevInfo)
	}
	return err
}

func TestIndependentRelyingPartyBelievesIt(t *testing.T) {
	ca, stranger := authtest.NewAuthority(t), authtest.NewAuthority(t)
	d := device(t, ca)
	info := infoOf(t, d)
	for name, test := range map[string]struct {
		change  func(*ours.Model)
		refused string
	}{
		"its own root":          {change: func(*ours.Model) {}},
		"one of two roots":      {change: func(m *ours.Model) { m.Roots = []*x509.Certificate{stranger.Certificate, ca.Certificate} }},
		"another root":          {change: func(m *ours.Model) { m.Roots = []*x509.Certificate{stranger.Certificate} }, refused: "trust chain"},
		"another type":          {change: func(m *ours.Model) { m.AttestationTypes = []string{ours.AnonCA} }, refused: "attestation type"},
		"without a way to root": {change: func(m *ours.Model) { m.AttestationTypes, m.Roots = []string{ours.BasicSurrogate}, nil }, refused: "attestation type"},
	} {
		t.Run(name, func(t *testing.T) {
			m := model(ca.Certificate)
			test.change(&m)
			s, err := ours.New(info, m)
			if err != nil {
				t.Fatal(err)
			}
			err = register(t, d, load(t, s))
			if test.refused == "" && err != nil {
				t.Errorf("refused: %v", err)
			}
			if test.refused != "" && (err == nil || !strings.Contains(err.Error(), test.refused)) {
				t.Errorf("%v, want a refusal that says %q", err, test.refused)
			}
		})
	}
}
