package metadata

import (
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"slices"

	"github.com/postern/postern/fido/ctap"
)

// Constants of every statement made here.
const (
	legalHeader = "Submission of this statement and retrieval and use of this statement indicates acceptance of the appropriate agreement " +
		"located at https://fidoalliance.org/metadata/metadata-legal-terms/."
	protocolFamily = "fido2"
	schema         = 3
	keyEncoding    = "cose"
)

// Attestation types (FIDO Registry of Predefined Values §3.6.3).
const (
	BasicFull      = "basic_full"
	BasicSurrogate = "basic_surrogate"
	AttCA          = "attca"
	AnonCA         = "anonca"
	None           = "none"
)

// Statement is a metadata statement as it is written in JSON. Members that do
// not apply to FIDO2 are left out.
type Statement struct {
	LegalHeader                     string            `json:"legalHeader"`
	AAGUID                          string            `json:"aaguid"`
	Description                     string            `json:"description"`
	FriendlyNames                   map[string]string `json:"friendlyNames,omitempty"`
	AlternativeDescriptions         map[string]string `json:"alternativeDescriptions,omitempty"`
	AuthenticatorVersion            uint32            `json:"authenticatorVersion"`
	ProtocolFamily                  string            `json:"protocolFamily"`
	Schema                          uint16            `json:"schema"`
	UPV                             []Version         `json:"upv"`
	AuthenticationAlgorithms        []string          `json:"authenticationAlgorithms"`
	PublicKeyAlgAndEncodings        []string          `json:"publicKeyAlgAndEncodings"`
	AttestationTypes                []string          `json:"attestationTypes"`
	UserVerificationDetails         [][]Verification  `json:"userVerificationDetails"`
	KeyProtection                   []string          `json:"keyProtection"`
	IsKeyRestricted                 *bool             `json:"isKeyRestricted,omitempty"`
	IsFreshUserVerificationRequired *bool             `json:"isFreshUserVerificationRequired,omitempty"`
	MatcherProtection               []string          `json:"matcherProtection"`
	CryptoStrength                  uint16            `json:"cryptoStrength"`
	AttachmentHint                  []string          `json:"attachmentHint"`
	TCDisplay                       []string          `json:"tcDisplay"`
	AttestationRootCertificates     []string          `json:"attestationRootCertificates"`
	Icon                            string            `json:"icon,omitempty"`
	IconDark                        string            `json:"iconDark,omitempty"`
	ProviderLogoLight               string            `json:"providerLogoLight,omitempty"`
	ProviderLogoDark                string            `json:"providerLogoDark,omitempty"`
	MultiDeviceCredentialSupport    string            `json:"multiDeviceCredentialSupport"`
	AuthenticatorGetInfo            GetInfo           `json:"authenticatorGetInfo"`
}

// Version is a version of the protocol family: 1.0 is CTAP 2.0.
type Version struct {
	Major uint16 `json:"major"`
	Minor uint16 `json:"minor"`
}

// Verification is one method of user verification (FIDO Registry of Predefined
// Values §3.1). Those of one list are used together.
type Verification struct {
	Method string     `json:"userVerificationMethod"`
	Code   *Code      `json:"caDesc,omitempty"`
	Body   *Biometric `json:"baDesc,omitempty"`
}

// Code tells how hard a passcode is to guess.
type Code struct {
	Base          uint16 `json:"base"`
	MinLength     uint16 `json:"minLength"`
	MaxRetries    uint16 `json:"maxRetries,omitempty"`
	BlockSlowdown uint16 `json:"blockSlowdown,omitempty"` // seconds
}

// Biometric tells how well a biometric tells people apart. Rates are fractions
// of 1.
type Biometric struct {
	FalseRejects  float64 `json:"selfAttestedFRR,omitempty"`
	FalseAccepts  float64 `json:"selfAttestedFAR,omitempty"`
	MaxTemplates  uint16  `json:"maxTemplates,omitempty"`
	MaxRetries    uint16  `json:"maxRetries,omitempty"`
	BlockSlowdown uint16  `json:"blockSlowdown,omitempty"` // seconds
}

// Model is what an authenticator does not say of itself.
type Model struct {
	Description             string            // English in ASCII, at most 200 characters
	FriendlyNames           map[string]string // by language tag; "en-US" if any
	AlternativeDescriptions map[string]string // by language tag
	// Version is the lowest firmware version the statement holds for; zero means
	// the one getInfo reports.
	Version          uint32
	AttestationTypes []string
	Roots            []*x509.Certificate // trust anchors of the attestation
	// UserVerification lists the alternatives; the client PIN is added where
	// getInfo has it.
	UserVerification              [][]Verification
	KeyProtection                 []string
	MatcherProtection             []string
	KeyRestricted                 *bool
	FreshUserVerificationRequired *bool
	CryptoStrength                uint16 // bits
	// AttachmentHint is derived from the transports of getInfo where it is nil.
	AttachmentHint []string
	// Icon and the others are data URLs. Any but Icon makes all of them SVG.
	Icon, IconDark, LogoLight, LogoDark string
	MultiDevice                         string // "unsupported", "explicit" or "implicit"
}

// New makes the statement of an authenticator and holds it to [Statement.Check].
func New(info *ctap.Info, m Model) (*Statement, error) {
	s := &Statement{
		LegalHeader: legalHeader, AAGUID: info.AAGUID.String(), ProtocolFamily: protocolFamily, Schema: schema,
		Description: m.Description, FriendlyNames: m.FriendlyNames, AlternativeDescriptions: m.AlternativeDescriptions,
		AuthenticatorVersion: m.Version, UPV: versions(info), PublicKeyAlgAndEncodings: []string{keyEncoding},
		AttestationTypes: m.AttestationTypes, UserVerificationDetails: slices.Clone(m.UserVerification),
		KeyProtection: m.KeyProtection, IsKeyRestricted: m.KeyRestricted,
		IsFreshUserVerificationRequired: m.FreshUserVerificationRequired, MatcherProtection: m.MatcherProtection,
		CryptoStrength: m.CryptoStrength, AttachmentHint: m.AttachmentHint, TCDisplay: []string{},
		AttestationRootCertificates: []string{}, MultiDeviceCredentialSupport: m.MultiDevice,
		Icon: m.Icon, IconDark: m.IconDark, ProviderLogoLight: m.LogoLight, ProviderLogoDark: m.LogoDark,
		AuthenticatorGetInfo: newGetInfo(info),
	}
	if s.AuthenticatorVersion == 0 && info.FirmwareVersion != nil {
		s.AuthenticatorVersion = uint32(*info.FirmwareVersion) // #nosec G115 -- Check compares the two
	}
	for _, p := range info.Algorithms {
		name, ok := algorithmNames[p.Algorithm]
		if !ok {
			return nil, fmt.Errorf("metadata statement: %v has no name in the registry known here", p.Algorithm)
		}
		s.AuthenticationAlgorithms = append(s.AuthenticationAlgorithms, name)
	}
	if _, ok := info.Options[ctap.OptionClientPIN]; ok {
		s.UserVerificationDetails = append(s.UserVerificationDetails, []Verification{clientPIN(info)})
	}
	if s.AttachmentHint == nil {
		s.AttachmentHint = attachment(info)
	}
	for _, root := range m.Roots {
		s.AttestationRootCertificates = append(s.AttestationRootCertificates, base64.StdEncoding.EncodeToString(root.Raw))
	}
	if err := s.Check(); err != nil {
		return nil, fmt.Errorf("metadata statement: %w", err)
	}
	return s, nil
}

// algorithmNames are those of the FIDO Registry of Predefined Values §3.6.1. For
// FIDO2 the signature format is that of WebAuthn §6.5.5, whatever the suffix
// says.
var algorithmNames = map[ctap.Algorithm]string{
	ctap.ES256: "secp256r1_ecdsa_sha256_raw",
	ctap.EdDSA: "ed25519_eddsa_sha512_raw",
	ctap.RS256: "rsassa_pkcsv15_sha256_raw",
}

// versionNumbers are the protocol versions behind the names of getInfo. U2F is
// another family and has a statement of its own.
var versionNumbers = map[string]Version{
	ctap.VersionFIDO20: {1, 0},
	ctap.VersionFIDO21: {1, 1},
	"FIDO_2_2":         {1, 2},
	"FIDO_2_3":         {1, 3},
}

func versions(info *ctap.Info) []Version {
	var out []Version
	for _, name := range info.Versions {
		if v, ok := versionNumbers[name]; ok {
			out = append(out, v)
		}
	}
	slices.SortFunc(out, func(a, b Version) int { return int(a.Minor) - int(b.Minor) })
	return out
}

// clientPIN describes the PIN of CTAP 2.1 §6.5: eight tries, at least four code
// points of which digits are the fewest to choose from.
func clientPIN(info *ctap.Info) Verification {
	length := uint64(4)
	if info.MinPINLength != nil {
		length = *info.MinPINLength
	}
	return Verification{Method: "passcode_external", Code: &Code{Base: 10, MinLength: uint16(min(length, 63)), MaxRetries: 8}} // #nosec G115 -- bounded
}

func attachment(info *ctap.Info) []string {
	if info.Options[ctap.OptionPlatform] {
		return []string{"internal"}
	}
	hints := []string{"external"}
	for _, t := range info.Transports {
		switch t {
		case "usb", "smart-card":
			hints = append(hints, "wired")
		case "nfc":
			hints = append(hints, "wireless", "nfc")
		case "ble":
			hints = append(hints, "wireless", "bluetooth")
		case "hybrid":
			hints = append(hints, "wireless", "network")
		}
	}
	slices.Sort(hints[1:])
	return slices.Compact(hints)
}

// rule is the complaint where a rule is broken.
func rule(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, args...)
}
