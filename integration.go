package postern

import "time"

// State says whether an integration is in use. A new one is DISABLED.
type State string

// The two states of an integration.
const (
	StateEnabled  State = "ENABLED"
	StateDisabled State = "DISABLED"
)

// Experience is the login experience of an integration.
type Experience string

// ExperienceNative lets the phone act as an Enterprise Passkey directly against Entra.
const ExperienceNative Experience = "native_entra"

// CredentialKind says how an integration proves itself to Entra.
type CredentialKind string

// The credential kinds. A service account is the legacy mode: it needs a password that no person changes and cannot
// answer a demand for multifactor authentication.
const (
	CredentialSecret         CredentialKind = "client_secret"
	CredentialCertificate    CredentialKind = "certificate"
	CredentialServiceAccount CredentialKind = "service_account"
)

// PermissionSet names what an integration is meant to be able to do in the tenant; the connector compares it with what
// is really granted.
type PermissionSet string

// The permission sets, least first.
const (
	PermissionsPasskeys PermissionSet = "passkeys" // passkeys only; users are named by hand, no groups
	PermissionsStandard PermissionSet = "standard" // and read users, keep the three groups
	PermissionsFull     PermissionSet = "full"     // and read and write the passkey policy, read reports
)

// AttestationMode says which attestation phones give with a new passkey.
type AttestationMode string

// The attestation modes.
const (
	AttestationNone   AttestationMode = "none"
	AttestationPacked AttestationMode = "packed" // one leaf per credential from the integration's attestation CA
)

// Challenge timeout bounds of Graph, in minutes.
const (
	MinChallengeTimeout     = 5
	MaxChallengeTimeout     = 43200
	DefaultChallengeTimeout = 5
)

// Integration is one Entra tenant connected under an application name. It never carries a secret.
type Integration struct {
	ID                IntegrationID   `json:"id"`
	Version           int64           `json:"version" doc:"Grows with every change; send it back with an update."`
	ApplicationName   string          `json:"application_name" doc:"The account name as people see it on the phone. At most 23 letters, digits, spaces, dashes and underscores."`
	Experience        Experience      `json:"experience"`
	State             State           `json:"state" enum:"ENABLED,DISABLED"`
	TenantID          string          `json:"tenant_id" format:"uuid"`
	TenantName        string          `json:"tenant_name,omitempty" doc:"The organisation's display name, where the application may read it."`
	ClientID          string          `json:"client_id" format:"uuid"`
	Credential        Credential      `json:"credential"`
	PermissionSet     PermissionSet   `json:"permission_set" enum:"passkeys,standard,full,directory,legacy"`
	Flags             FlagSet         `json:"flags"`
	ChallengeTimeout  int             `json:"challenge_timeout_minutes" minimum:"5" maximum:"43200"`
	Attestation       AttestationMode `json:"attestation" enum:"none,packed"`
	AllowLowAssurance bool            `json:"allow_low_assurance" doc:"Accept phones that cannot bind the passkey to their own biometric."`
	RestrictDomains   bool            `json:"restrict_domains" doc:"When on, only the domains listed may register or authenticate."`
	Domains           []string        `json:"domains"`
	HTTPDebugUntil    *time.Time      `json:"http_debug_until,omitempty" doc:"HTTP Debug switches itself off at this time."`
	Groups            []PhaseGroup    `json:"groups" doc:"The three groups that follow users' phases; empty where the application may not keep groups."`
	Check             *ConnectionTest `json:"last_check,omitempty"`
	CreatedAt         time.Time       `json:"created_at"`
	UpdatedAt         time.Time       `json:"updated_at"`
}

// Credential says which credential an integration has, without the credential itself.
type Credential struct {
	Kind        CredentialKind   `json:"kind" enum:"client_secret,certificate,service_account"`
	Certificate *CertificateInfo `json:"certificate,omitempty"`
	Username    string           `json:"username,omitempty" doc:"The service account, in legacy mode."`
	SetAt       time.Time        `json:"set_at"`
	EndsAt      *time.Time       `json:"ends_at,omitempty" doc:"When a secret ends, where that is known. A certificate says it itself."`
}

// CertificateInfo describes a client certificate.
type CertificateInfo struct {
	Subject    string    `json:"subject"`
	Thumbprint string    `json:"thumbprint" doc:"SHA-1 over the DER form, upper-case hex, as Entra shows it."`
	SHA256     string    `json:"sha256"`
	NotBefore  time.Time `json:"not_before"`
	NotAfter   time.Time `json:"not_after"`
	Algorithm  string    `json:"algorithm" example:"RSA 2048, SHA256-RSA"`
	Warnings   []string  `json:"warnings,omitempty"`
}

// IntegrationInput is the form that adds or updates an integration. In an update a nil or empty credential keeps the
// stored one. Give either ClientSecret, or ClientCertificate and ClientPrivateKey, or (legacy) the service account
// beside a ClientSecret; a certificate wins over a secret.
type IntegrationInput struct {
	Version                int64           `json:"version,omitempty" doc:"The version you saw; needed to update."`
	ApplicationName        string          `json:"application_name"`
	Experience             Experience      `json:"experience,omitempty" enum:"native_entra"`
	TenantID               string          `json:"tenant_id"`
	ClientID               string          `json:"client_id"`
	ClientSecret           string          `json:"client_secret,omitempty"`
	ClientCertificate      string          `json:"client_certificate,omitempty" doc:"PEM"`
	ClientPrivateKey       string          `json:"client_private_key,omitempty" doc:"PEM, unencrypted"`
	ServiceAccountUsername string          `json:"service_account_username,omitempty" doc:"Legacy mode only."`
	ServiceAccountPassword string          `json:"service_account_password,omitempty" doc:"Legacy mode only."`
	CredentialEndsAt       *time.Time      `json:"credential_ends_at,omitempty" doc:"When the secret ends, as Entra shows it. Without a secret in the form it is noted for the stored one."`
	PermissionSet          PermissionSet   `json:"permission_set,omitempty" enum:"passkeys,standard,full,directory,legacy" default:"standard"`
	ChallengeTimeout       int             `json:"challenge_timeout_minutes,omitempty" minimum:"0" doc:"5 to 43200 minutes; 0 means Graph's default of 5."`
	Attestation            AttestationMode `json:"attestation,omitempty" enum:"none,packed"`
	AllowLowAssurance      bool            `json:"allow_low_assurance,omitempty"`
}

// LoginSettings is the form on the Login Settings tab.
type LoginSettings struct {
	Version         int64    `json:"version"`
	RestrictDomains bool     `json:"restrict_domains"`
	Domains         []string `json:"domains"`
}

// ConnectionTest is what Test Connection found.
type ConnectionTest struct {
	At          time.Time        `json:"at"`
	OK          bool             `json:"ok"`
	Code        Code             `json:"code,omitempty"`
	Message     string           `json:"message"`
	Next        string           `json:"next,omitempty"`
	RetryAfter  int              `json:"retry_after_seconds,omitempty" doc:"How long Graph asked to wait."`
	TenantName  string           `json:"tenant_name,omitempty"`
	Permissions PermissionReport `json:"permissions"`
}

// PermissionReport compares what a permission set needs with what the token really grants.
type PermissionReport struct {
	Granted   []GrantedPermission `json:"granted"`
	Missing   []string            `json:"missing" doc:"Needed, and granted neither as application nor as delegated permission."`
	Surplus   []string            `json:"surplus" doc:"Granted and not needed; least privilege asks to remove them."`
	WrongType []string            `json:"wrong_type" doc:"Granted, but as delegated where application is needed, or the other way round."`
	Unproven  []string            `json:"unproven,omitempty" doc:"Granted by the token's word, but a harmless test call was refused."`
	// NotConsented is of the sets of other guides alone, which ask for permissions in both types.
	NotConsented []string `json:"not_consented,omitempty" doc:"Asked for by the set in the type that Postern does not use, and not granted. Nothing here needs it."`
}

// GrantedPermission is one permission of the token.
type GrantedPermission struct {
	Name string `json:"name" example:"UserAuthMethod-Passkey.ReadWrite.All"`
	Type string `json:"type" enum:"application,delegated"`
}

// OK reports whether nothing that is needed is missing.
func (r PermissionReport) OK() bool {
	return len(r.Missing) == 0 && len(r.WrongType) == 0 && len(r.Unproven) == 0
}

// PhaseGroup is one of the three groups that Postern keeps in the tenant. It is always found again by ID.
type PhaseGroup struct {
	Phase   Phase  `json:"phase"`
	ID      string `json:"id" doc:"Entra's object id."`
	Name    string `json:"name"`
	Problem string `json:"problem,omitempty" doc:"Why the group cannot be kept at the moment."`
	Next    string `json:"next,omitempty" doc:"What a person has to do about the problem."`

	Members  *int       `json:"members,omitempty" doc:"How many members the group had when it was looked at."`
	LookedAt *time.Time `json:"looked_at,omitempty"`
}
