package postern

import "time"

// SetupState is where a set-up stands.
type SetupState string

// The states of a set-up. From each but the last two it can be continued, after whatever ended the last attempt.
const (
	SetupDraft     SetupState = "draft"      // nobody looked at the tenant; the steps are those of an empty one
	SetupSigningIn SetupState = "signing_in" // a code waits to be typed by an administrator
	SetupLooking   SetupState = "looking"    // the tenant is being read
	SetupPlanned   SetupState = "planned"    // the steps say what is there and what would be written
	SetupApplying  SetupState = "applying"
	SetupStopped   SetupState = "stopped" // needs a person; Problem says why, and the steps how far it came
	SetupReady     SetupState = "ready"   // everything was read back, and the integration stands
	SetupUndoing   SetupState = "undoing"
	SetupUndone    SetupState = "undone"
)

// The permission sets that other products' guides ask for. They serve tenants that were prepared by such a guide; each
// gives more away than [PermissionsStandard] and is no better for it.
const (
	// PermissionsDirectory: Directory.AccessAsUser.All and UserAuthenticationMethod.ReadWrite.All delegated,
	// Directory.ReadWrite.All and UserAuthenticationMethod.ReadWrite.All as application permissions.
	PermissionsDirectory PermissionSet = "directory"
	// PermissionsLegacy: Directory.AccessAsUser.All and UserAuthenticationMethod.ReadWrite.All, both delegated to a service
	// account with the roles Directory Writers and Privileged Authentication Administrator.
	PermissionsLegacy PermissionSet = "legacy"
)

// SetupWindows says by which Intune setting security keys are allowed at the Windows sign-in screen.
type SetupWindows string

// The ways.
const (
	SetupWindowsOff     SetupWindows = "off"
	SetupWindowsCatalog SetupWindows = "settings_catalog"
	SetupWindowsOMAURI  SetupWindows = "oma_uri"
)

// SetupInput is what a person chooses.
type SetupInput struct {
	// TenantID is a tenant id or a verified domain. Empty: that of the administrator who signs in.
	TenantID string `json:"tenant_id,omitempty" maxLength:"253"`
	// RegistrationName is the display name of the application registration in Entra.
	RegistrationName string `json:"registration_name,omitempty" maxLength:"120" default:"Postern"`
	// ApplicationName is that of the integration, as people see it on the phone.
	ApplicationName string         `json:"application_name" doc:"At most 23 letters, digits, spaces, dashes and underscores."`
	PermissionSet   PermissionSet  `json:"permission_set,omitempty" enum:"passkeys,standard,full,directory,legacy" default:"standard"`
	Credential      CredentialKind `json:"credential,omitempty" enum:"certificate,client_secret" default:"certificate"`
	CredentialDays  int            `json:"credential_days,omitempty" minimum:"0" maximum:"730" doc:"How long the credential is good; 0 means a year for a certificate, half a year for a secret."`
	Policy          bool           `json:"policy" doc:"Enable the method Passkey (FIDO2) for all users and allow what Postern needs. Nothing that anybody may do today is taken away."`
	Windows         SetupWindows   `json:"windows,omitempty" enum:"off,settings_catalog,oma_uri" default:"off"`
	// WindowsGroup is the group, by name or object id, whose devices get the Intune setting. Empty: all devices.
	WindowsGroup string `json:"windows_group,omitempty" maxLength:"256"`
	// ServiceAccountUsername is the user name, without domain, of the service account; for the legacy set alone.
	ServiceAccountUsername string `json:"service_account_username,omitempty" maxLength:"64"`
}

// SetupStepState is what became of a step.
type SetupStepState string

// The states of a step.
const (
	SetupStepTodo    SetupStepState = "todo"
	SetupStepThere   SetupStepState = "there"   // found as it should be; nothing is written
	SetupStepWriting SetupStepState = "writing" // sent, or about to be
	SetupStepReading SetupStepState = "reading" // Entra took it; it is read until it shows
	SetupStepDone    SetupStepState = "done"    // read back
	SetupStepFailed  SetupStepState = "failed"
	SetupStepUndone  SetupStepState = "undone"
	SetupStepKept    SetupStepState = "kept" // not undone: it was there before, or somebody else uses it now
)

// SetupRequest is one request to Microsoft Graph, exactly as it is sent. {name} stands for a value that an earlier answer
// gave.
type SetupRequest struct {
	Method string `json:"method"`
	URL    string `json:"url"`
	Body   string `json:"body,omitempty" doc:"JSON. Secrets are left out."`
}

// SetupStep is one thing that set-up sees to.
type SetupStep struct {
	Key      string         `json:"key" doc:"application, service_principal, permissions, consent, certificate, client_secret, service_account, policy, windows, windows_assignment, integration, groups."`
	Title    string         `json:"title"`
	Why      string         `json:"why"`
	State    SetupStepState `json:"state" enum:"todo,there,writing,reading,done,failed,undone,kept"`
	Found    string         `json:"found,omitempty" doc:"What the tenant had when it was last looked at."`
	Outcome  string         `json:"outcome,omitempty" doc:"One sentence, once something was done."`
	Problem  *SetupProblem  `json:"problem,omitempty"`
	Requests []SetupRequest `json:"requests" doc:"What is sent for it, in order. Empty for what Postern does by itself."`
	At       *time.Time     `json:"at,omitempty"`
}

// SetupProblem is why a set-up or a step of it stopped.
type SetupProblem struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	Next    string `json:"next,omitempty"`
}

// SetupSignIn is a code that an administrator types at Microsoft's page (RFC 8628). It is shown to whoever runs the
// set-up and to nobody else, and is no secret of the tenant.
type SetupSignIn struct {
	UserCode        string    `json:"user_code"`
	VerificationURI string    `json:"verification_uri"`
	ExpiresAt       time.Time `json:"expires_at"`
	Write           bool      `json:"write" doc:"Whether it asks for the rights to apply and undo, or only to look."`
}

// SetupAdministrator is who signed in. Their token is kept sealed, for an hour at most, and is gone when the set-up ends.
type SetupAdministrator struct {
	UPN       string    `json:"upn"`
	TenantID  string    `json:"tenant_id"`
	Write     bool      `json:"write"`
	Roles     []string  `json:"roles,omitempty" doc:"Names of directory roles, where they could be read."`
	ExpiresAt time.Time `json:"expires_at"`
}

// Setup takes a tenant from nothing to an integration that stands.
type Setup struct {
	ID            SetupID             `json:"id"`
	Version       int64               `json:"version"`
	State         SetupState          `json:"state" enum:"draft,signing_in,looking,planned,applying,stopped,ready,undoing,undone"`
	Input         SetupInput          `json:"input"`
	TenantID      string              `json:"tenant_id,omitempty"`
	TenantName    string              `json:"tenant_name,omitempty"`
	ClientID      string              `json:"client_id,omitempty" doc:"Of the application registration, once there is one."`
	Certificate   *CertificateInfo    `json:"certificate,omitempty" doc:"Made here; its key never leaves."`
	SignIn        *SetupSignIn        `json:"sign_in,omitempty"`
	Administrator *SetupAdministrator `json:"administrator,omitempty"`
	Steps         []SetupStep         `json:"steps"`
	Notes         []PolicyNote        `json:"notes" doc:"What a person should know: licences, Conditional Access that would loop, attestation."`
	Problem       *SetupProblem       `json:"problem,omitempty"`
	IntegrationID IntegrationID       `json:"integration_id,omitempty"`
	CreatedAt     time.Time           `json:"created_at"`
	UpdatedAt     time.Time           `json:"updated_at"`
}

// SetupAct is a step that a person asks for: signing in, looking again, applying, undoing.
type SetupAct struct {
	Version int64 `json:"version"`
	Write   bool  `json:"write,omitempty" doc:"When signing in: ask for the rights to apply, too."`
}

// SetupFinish tells Postern what somebody made by hand.
type SetupFinish struct {
	Version                int64  `json:"version"`
	TenantID               string `json:"tenant_id"`
	ClientID               string `json:"client_id"`
	ClientSecret           string `json:"client_secret,omitempty" doc:"Unless the certificate of the set-up was used."`
	ServiceAccountUsername string `json:"service_account_username,omitempty"`
	ServiceAccountPassword string `json:"service_account_password,omitempty"`
}

// SetupForm is a rendering of the same steps for those who do them by hand.
type SetupForm string

// The forms.
const (
	SetupPowerShell SetupForm = "powershell" // a script for the module Microsoft.Graph
	SetupCurl       SetupForm = "curl"       // a shell script of Graph requests; needs curl and jq
	SetupPortal     SetupForm = "portal"     // Markdown: blades and buttons of the admin centers
)

// SetupScript is one rendering.
type SetupScript struct {
	Form SetupForm `json:"form"`
	Name string    `json:"name" doc:"A file name."`
	Text string    `json:"text"`
}
