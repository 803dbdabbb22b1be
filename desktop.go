package postern

import (
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

const (
	// DesktopFile is the name of the file beside the installer that tells the desktop client where it belongs.
	DesktopFile = "postern.json"
	// DesktopFileFormat is the format of that file.
	DesktopFileFormat = 1
	// MaxDesktopFile bounds that file, in bytes.
	MaxDesktopFile = 64 << 10
	// WorkstationInstallContext begins what a workstation signs to enrol with an install token.
	WorkstationInstallContext = "postern/workstation-install/v1"
	// InstalledLapse is how long a workstation that was enrolled with an install token and never paired may stay silent
	// before it is forgotten.
	InstalledLapse = 90 * 24 * time.Hour

	// MaxInstallTokens is how many install tokens of an integration may be in use at a time.
	MaxInstallTokens = 1000
	// MaxInstallUses is how many workstations one install token enrols at most, and how many where nothing else is said.
	MaxInstallUses = 100_000
	// DefaultInstallDays and MaxInstallDays are for how long an install token is valid.
	DefaultInstallDays = 30
	MaxInstallDays     = 365
)

// InstallTokenState says whether workstations can be enrolled with an install token.
type InstallTokenState string

// The states of an install token. Time and uses make the last two, a person the one before.
const (
	InstallTokenLive    InstallTokenState = "live"
	InstallTokenRevoked InstallTokenState = "revoked"
	InstallTokenExpired InstallTokenState = "expired"
	InstallTokenUsedUp  InstallTokenState = "used_up"
)

// InstallToken lets desktop clients enrol with one integration. Each exchanges it, once, for an identity of its own. It
// is never shown with its value, which nobody keeps.
type InstallToken struct {
	ID            InstallTokenID    `json:"id"`
	IntegrationID IntegrationID     `json:"integration_id"`
	Name          string            `json:"name"`
	State         InstallTokenState `json:"state" enum:"live,revoked,expired,used_up"`
	MaxUses       int               `json:"max_uses" doc:"How many workstations it enrols at most."`
	Uses          int               `json:"uses" doc:"How many it has enrolled."`
	CreatedAt     time.Time         `json:"created_at"`
	CreatedBy     string            `json:"created_by" doc:"Name of the administrator or token that made it."`
	ExpiresAt     time.Time         `json:"expires_at"`
	LastUsedAt    *time.Time        `json:"last_used_at,omitempty"`
	RevokedAt     *time.Time        `json:"revoked_at,omitempty"`
}

// StateAt is the state at a time.
func (t InstallToken) StateAt(now time.Time) InstallTokenState {
	switch {
	case t.RevokedAt != nil:
		return InstallTokenRevoked
	case !now.Before(t.ExpiresAt):
		return InstallTokenExpired
	case t.Uses >= t.MaxUses:
		return InstallTokenUsedUp
	}
	return InstallTokenLive
}

// InstallTokenInput makes an install token.
type InstallTokenInput struct {
	Name      string `json:"name,omitempty" maxLength:"80" doc:"What it is for; the day if left out."`
	ValidDays int    `json:"valid_days,omitempty" minimum:"0" maximum:"365" doc:"30 if left out."`
	MaxUses   int    `json:"max_uses,omitempty" minimum:"0" maximum:"100000" doc:"100000 if left out."`
}

// InstallTokenCreated is a new install token with its value, which cannot be shown again.
type InstallTokenCreated struct {
	Token InstallToken `json:"token"`
	Value string       `json:"value"`
}

// Architecture is the processor that an installer is for, in Windows' words.
type Architecture string

// The architectures.
const (
	ArchitectureX64   Architecture = "x64"
	ArchitectureARM64 Architecture = "arm64"
)

// DesktopClientInput asks for the desktop client, with an install token that is made for it.
type DesktopClientInput struct {
	InstallTokenInput
	Architecture Architecture `json:"architecture,omitempty" enum:"x64,arm64" default:"x64"`
}

// DesktopInstaller is an installer that the control center can give out.
type DesktopInstaller struct {
	Architecture Architecture `json:"architecture" enum:"x64,arm64"`
	Name         string       `json:"name" example:"Postern-1.0.0_x64.msi"`
	Size         int64        `json:"size"`
	SHA256       string       `json:"sha256" doc:"Lower-case hex. The same for every download."`
}

// DesktopPage says who may use the agent's local page.
type DesktopPage string

// Who may.
const (
	DesktopPageUsers          DesktopPage = "users"          // whoever sits at the machine: pairing is a matter of users
	DesktopPageAdministrators DesktopPage = "administrators" // administrators of the machine alone
)

// DesktopClientSettings is what an integration wants of its desktop clients.
type DesktopClientSettings struct {
	LocalPage DesktopPage `json:"local_page" enum:"users,administrators" doc:"Who may use the agent's local page, and pair and unpair phones there."`
	LogLevel  string      `json:"log_level" enum:"debug,info,warn,error"`
}

// DefaultDesktopClientSettings are those of an integration that says nothing else.
func DefaultDesktopClientSettings() DesktopClientSettings {
	return DesktopClientSettings{LocalPage: DesktopPageUsers, LogLevel: "info"}
}

// Check refuses values that do not exist.
func (s DesktopClientSettings) Check() error {
	if s.LocalPage != DesktopPageUsers && s.LocalPage != DesktopPageAdministrators {
		return FieldErrorf("local_page", "The local page is for users or for administrators, not for %q.", s.LocalPage)
	}
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, s.LogLevel) {
		return FieldErrorf("log_level", "There is no log level %q.", s.LogLevel).WithNext("Use debug, info, warn or error.")
	}
	return nil
}

// DesktopSettings is how an integration takes its desktop clients in.
type DesktopSettings struct {
	Version             int64                 `json:"version" doc:"Grows with every change; send it back with an update. 0 before the first."`
	RequireInstallToken bool                  `json:"require_install_token" doc:"Agents enrol with an install token alone. Those that are enrolled stay."`
	Client              DesktopClientSettings `json:"client" doc:"Goes into the file of every download from then on."`
}

// DesktopConfiguration is the file beside the installer. Its install token is erased on the workstation once that has an
// identity of its own.
type DesktopConfiguration struct {
	Format         int                   `json:"format"`
	Server         string                `json:"server"`
	IntegrationID  IntegrationID         `json:"integration_id"`
	Application    string                `json:"application_name"`
	InstallTokenID InstallTokenID        `json:"install_token_id,omitempty"`
	InstallToken   string                `json:"install_token,omitempty"`
	Expires        *time.Time            `json:"install_token_expires_at,omitempty"`
	Settings       DesktopClientSettings `json:"settings"`
}

// ReadDesktopConfiguration reads the file, and refuses what no control center writes. Settings that are missing are the
// usual ones; what is unknown in it is left alone, for a later agent may know it.
func ReadDesktopConfiguration(data []byte) (DesktopConfiguration, error) {
	c := DesktopConfiguration{Settings: DefaultDesktopClientSettings()}
	wrong := func(cause error) (DesktopConfiguration, error) {
		return DesktopConfiguration{}, Errorf(CodeInvalid, "The file %s is not one of a control center.", DesktopFile).
			WithNext("Download the desktop client again, and unpack it whole.").Because(cause)
	}
	if len(data) > MaxDesktopFile {
		return wrong(nil)
	}
	// Editors of Windows put a byte order mark first.
	if err := json.Unmarshal([]byte(strings.TrimPrefix(string(data), "\ufeff")), &c); err != nil {
		return wrong(err)
	}
	if c.Format != DesktopFileFormat || c.Server == "" {
		return wrong(nil)
	}
	return c, c.Settings.Check()
}

// WorkstationInstallMessage is what a workstation signs with its identity key to enrol with an install token:
//
//	"postern/workstation-install/v1" ‖ 00 ‖ SHA-256(integration as it stands in the body) ‖ SHA-256(install token) ‖ identity key ‖ link key
func WorkstationInstallMessage(integration, token string, identityKey, linkKey []byte) []byte {
	named, hash := sha256.Sum256([]byte(integration)), sha256.Sum256([]byte(token))
	return slices.Concat([]byte(WorkstationInstallContext), []byte{0}, named[:], hash[:], identityKey, linkKey)
}

// Message is what the proof of the enrolment signs.
func (e WorkstationEnrolment) Message() []byte {
	if e.InstallToken != "" {
		return WorkstationInstallMessage(e.Integration, e.InstallToken, e.IdentityKey, e.LinkKey)
	}
	return WorkstationEnrolmentMessage(e.Integration, e.IdentityKey, e.LinkKey)
}
